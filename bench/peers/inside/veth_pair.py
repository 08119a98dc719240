"""Two network namespaces with a veth pair between them: `veth_pair`."""

from __future__ import annotations

from bench.peers.inside.conversation import converse
from bench.peers.inside.namespaces import add, iperf, link, ping, prepare


def main() -> None:
    """Makes them, and obeys `iperf SECONDS`."""
    prepare()
    add("first")
    add("second")
    link("first", "second", "veth", "10.0.0")
    ping("first", "10.0.0.2")
    converse({"iperf": lambda seconds: iperf("first", "second", "10.0.0.2", seconds)})


if __name__ == "__main__":
    main()
