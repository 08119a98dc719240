"""What Mininet prints of a network, to the byte: what people and programs have learnt to read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nextmini.hosts.probes import Outcome
    from nextmini.live.wiring import Wiring

PINGING = "*** Ping: testing ping reachability\n"
_UNITS = ("bits", "Kbits", "Mbits", "Gbits")


def nodes(names: Iterable[str]) -> str:
    """All names, sorted."""
    return f"available nodes are: \n{' '.join(sorted(names))}\n"


def net(wiring: Wiring) -> str:
    """Of each node its interfaces, with those at the other ends."""
    lines = []
    for node, peers in wiring.peers().items():
        pairs = zip(wiring.interfaces[node], peers, strict=True)
        lines.append(f"{node}{''.join(f' {ours}:{theirs}' for ours, theirs in pairs)}\n")
    return "".join(lines)


def dump(wiring: Wiring, pids: dict[str, int | None]) -> str:
    """Of each node its interfaces with their addresses, and the process of its shell."""
    lines = []
    for node, interfaces in wiring.interfaces.items():
        ends = ",".join(f"{interface}:{interface.address}" for interface in interfaces)
        lines.append(f"<Host {node}: {ends} pid={pids[node]}> \n")
    return "".join(lines)


def links(wiring: Wiring) -> str:
    """All links, with the state of both ends."""
    lines = []
    for link in wiring.links:
        state = "OK" if link.up else "DOWN"
        lines.append(f"{link.ends[0]}<->{link.ends[1]} ({state} {state}) \n")
    return "".join(lines)


def interfaces(wiring: Wiring) -> str:
    """Of each node the names of its interfaces."""
    return "".join(f"{node}: {','.join(map(str, there))}\n" for node, there in wiring.interfaces.items())


def ports(wiring: Wiring) -> str:
    """Of each node its interfaces with their numbers."""
    return "".join(
        f"{node} {''.join(f'{interface}:{interface.number} ' for interface in there)}\n"
        for node, there in wiring.interfaces.items()
    )


def ping_row(source: str, outcomes: Iterable[Outcome]) -> str:
    """Which of the others a node reaches."""
    reached = "".join(f"{one.pair.destination} " if one.received else "X " for one in outcomes)
    return f"{source} -> {reached}\n"


def ping_summary(outcomes: Sequence[Outcome]) -> str:
    """How many pairs reach each other."""
    pairs, received = len(outcomes), sum(one.received > 0 for one in outcomes)
    if pairs == 0:
        return "*** Warning: No packets sent\n"
    lost = int(100.0 * (pairs - received) / pairs)
    return f"*** Results: {lost}% dropped ({received}/{pairs} received)\n"


def ping_details(outcomes: Iterable[Outcome]) -> str:
    """Round trip times of all pairs."""
    return "*** Results: \n" + "".join(map(_detail, outcomes))


def _detail(outcome: Outcome) -> str:
    pair, times = outcome.pair, "/".join(f"{time * 1000:.3f}" for time in outcome.range)
    done = f"{outcome.sent}/{outcome.received}"
    return f" {pair.source}->{pair.destination}: {done}, rtt min/avg/max/mdev {times} ms\n"


def ping_statistics(outcome: Outcome) -> str:
    """What ping(8) says at its end."""
    pair, sent, received = outcome.pair, outcome.sent, outcome.received
    errors = f", +{outcome.unreachable} errors" if outcome.unreachable else ""
    lost = 100 * (sent - received) / sent if sent else 0
    time = f"{outcome.elapsed * 1000:.0f}ms"
    lines = [
        f"--- {pair.source} -> {pair.destination} ping statistics ---",
        f"{sent} packets transmitted, {received} received{errors}, {lost:.6g}% packet loss, time {time}",
    ]
    if received:
        times = "/".join(f"{time * 1000:.3f}" for time in outcome.range)
        lines.append(f"rtt min/avg/max/mdev = {times} ms")
    return "\n".join(lines) + "\n"


def iperf_title(protocol: str, client: str, server: str) -> str:
    """What is about to be measured."""
    return f"*** Iperf: testing {protocol} bandwidth between {client} and {server} \n"


def iperf_result(figures: Iterable[str]) -> str:
    """What was measured."""
    return f"*** Results: {list(figures)}\n"


def bandwidth(rate: float) -> str:
    """A rate in bit/s as iperf writes it, with three digits that count."""
    factor, value = 0, rate
    while value >= 999.5 and factor + 1 < len(_UNITS):
        value, factor = value / 1000, factor + 1
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {_UNITS[factor]}/sec"


def elapsed(seconds: float) -> str:
    """How long a verb took."""
    return f"*** Elapsed time: {seconds:0.6f} secs\n"


def rows(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    """Outcomes by their source, in the order in which sources come first."""
    by_source: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_source.setdefault(outcome.pair.source, []).append(outcome)
    yield from by_source.items()
