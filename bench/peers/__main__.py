"""`python -m bench.peers`: each peer once."""

from __future__ import annotations

import argparse
import json
import sys

from bench.peers.catalogue import PEERS
from bench.peers.report import document, line, scales, throughputs


def main(arguments: list[str]) -> int:
    """Measures and prints; the exit code is 1 if a peer could not be measured, and 130 after Ctrl-C."""
    asked = _parser().parse_args(arguments)
    peers = [peer for peer in PEERS if asked.peers is None or peer.name in asked.peers]
    rows = []
    try:
        for measured in (throughputs(peers, asked.hops, asked.seconds), scales(asked.nodes)):
            for row in measured:
                rows.append(row)
                if not asked.json:
                    sys.stdout.write(f"{line(row)}\n")
                    sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    if asked.json:
        sys.stdout.write(f"{json.dumps(document(rows, asked.seconds), indent=2)}\n")
    return int(any(row.measured is None for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.peers", description=__doc__)
    parser.add_argument("--peers", type=_names, help="such as mininet,socat; all unless said")
    parser.add_argument("--hops", type=_numbers, default=(1, 4), help="such as 1,4")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--nodes", type=_numbers, default=(), help="sizes of networks, such as 10,100")
    parser.add_argument("--json", action="store_true", help="print JSON, with the facts of the machine")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    known = [peer.name for peer in PEERS]
    if unknown := set(names) - set(known):
        raise argparse.ArgumentTypeError(
            f"no peer {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        )
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
