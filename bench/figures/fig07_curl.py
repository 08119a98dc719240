"""What curl gets through a SOCKS 5 entrance by hops: Figure 7 of the Nextmini paper."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.figures.cases import Case, in_turn
from bench.figures.command import Figure, Measured, main
from bench.figures.document import Origin, Panel
from bench.figures.ours import BARE_SPLICE, CPU, RATIO, THROUGHPUT, pair, socks_pair
from bench.figures.peers import carrying, versions
from bench.peers import haproxy, mininet, splice_loop
from nextmini.bench import socks5
from nextmini.bench.curl import PROGRAM
from nextmini.bench.prerequisites import require_program
from nextmini.bench.running import prepared
from nextmini.bench.web_server import web_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.cases import Found, Tell
    from bench.figures.effort import Effort
    from nextmini.bench.chains import Transport
    from nextmini.bench.running import Bench
    from nextmini.bench.web_server import WebServer
    from nextmini.experiment import Interrupt

MININET, SPLICE_LOOP, HAPROXY = "Mininet, iperf3", "splice loop", "HAProxy"
NAMES: dict[Transport, str] = {"tcp": "curl, TCP links", "memory": "curl, links in memory"}


async def measure(effort: Effort, interrupt: Interrupt, tell: Tell) -> Measured:
    """See `bench.figures.command.Figure`."""
    require_program(PROGRAM, "curl")
    async with prepared(interrupt) as bench, web_server() as server:
        rows = await in_turn(list(_cases(effort, bench, server)), effort.repeat, tell)
    peers = {MININET: mininet, SPLICE_LOOP: splice_loop, HAPROXY: haproxy}
    return Measured(rows, versions(peers.items()))


def _cases(effort: Effort, bench: Bench, server: WebServer) -> Iterator[Case]:
    for hops in effort.choose((1, 5, 10, 20, 40), (1, 10, 40)):
        for transport in NAMES:
            yield _curl(effort, bench, server, hops, transport)
        yield carrying(splice_loop, SPLICE_LOOP, "curl", hops, effort.seconds, bench.interrupt)
        yield carrying(mininet, MININET, "curl", hops, effort.iperf_seconds, bench.interrupt)
    for hops in effort.choose((1, 5), (1,)):
        yield carrying(haproxy, HAPROXY, "curl", hops, effort.seconds, bench.interrupt)


def _curl(effort: Effort, bench: Bench, server: WebServer, hops: int, transport: Transport) -> Case:
    plan = socks5.Plan((hops,), (1,), transport, seconds=effort.seconds)
    name = NAMES[transport]
    # The bare chain is the same for both, and is shown once.
    shown = pair(name, BARE_SPLICE) if transport == "tcp" else {name: Origin.OURS}

    async def once() -> Found:
        found = await socks_pair(bench, server, plan, hops, name)
        return {series: found[series] for series in shown}

    return Case("curl", hops, shown, once)


FIGURE = Figure(
    name="fig07",
    module="fig07_curl",
    title="What curl gets through a SOCKS 5 entrance, by hops",
    panels=(
        Panel(
            "curl", "curl, one download", "hops", THROUGHPUT, "Gbit/s", y_scale="log", columns=(RATIO, CPU)
        ),
    ),
    measure=measure,
    notes=(
        (
            "Max mode. curl downloads over HTTP through the entrance at one end of a line from a web "
            "server at the other; a ratio is to the same curl through as many bare relays that "
            "splice."
        ),
        (
            "Mininet's values are those of iperf3 between two hosts, as its peers module measures it,"
            " not of curl."
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(main(FIGURE))
