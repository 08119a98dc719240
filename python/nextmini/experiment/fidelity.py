"""How true a run was to what was asked of its links: what processes measured, held against the settings.

What an emulator cannot keep up with, it must not report as a property of the network. So every direction of a
link that has a rate, a delay or losses is judged, and the whole run by the worst of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal

from nextmini.experiment.quantities import rate, seconds, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.experiment.asked import Asked
    from nextmini.protocol import LinkFidelity, ProcessFidelity, Quantiles

Verdict = Literal["faithful", "degraded", "invalid", "not_measured"]
Severity = Literal["degraded", "invalid"]

RATE_ERROR: dict[Severity, float] = {"degraded": 0.02, "invalid": 0.10}
"""What is measured in a laboratory is usually told to one or two digits: 2 % is the limit of the second, and
with 10 % another bottleneck was emulated than the one that was asked for."""
BUSY_SECONDS = 0.2
"""A rate is judged when packets have waited for it for so long: the departure of one packet more or less, or
a timer that was late once, is then less than the error that is looked for."""
LATE_SECONDS: dict[Severity, float] = {"degraded": 0.001, "invalid": 0.010}
LATE_SHARE: dict[Severity, float] = {"degraded": 0.05, "invalid": 0.25}
"""Of a hundred packets 99 were to leave at most so late, or so late as a share of the delay or of the time of
a packet at the rate. A millisecond is what protocols take for noise (it is the unit of TCP's timers); a small
share of a long delay is not in its first two digits."""
LOSS_DEVIATIONS: dict[Severity, float] = {"degraded": 4.9, "invalid": 9.8}
"""Standard deviations from the expected number of losses. Chance goes beyond 4.9 once in a million links."""
LOSS_TRIES = 100
"""The number of losses among fewer packets says nothing of their share."""
TIMER_SECONDS = 0.002
"""A machine that wakes a bare timer later than this, one time in a hundred, is busy with something else; what
links were late for is then not theirs alone, and what was not measured was late too."""

_ORDER: tuple[Verdict, ...] = ("not_measured", "faithful", "degraded", "invalid")


@dataclass(slots=True)
class Findings:
    """What is wrong."""

    reasons: list[tuple[Severity, str]] = field(default_factory=list)
    machine: list[tuple[Severity, str]] = field(default_factory=list)
    """Of the machine and its processes, not of a link."""

    def add(self, severity: Severity, reason: str) -> None:
        self.reasons.append((severity, reason))

    def texts(self) -> list[str]:
        """What is wrong with the machine, since links suffer from it; then the worst first."""
        links = sorted(self.reasons, key=lambda one: -_ORDER.index(one[0]))
        return [text for _, text in (*self.machine, *links)]

    def verdict(self) -> Verdict:
        return max(
            (severity for severity, _ in (*self.machine, *self.reasons)), key=_ORDER.index, default="faithful"
        )


def judge(
    links: Mapping[tuple[int, int], LinkFidelity],
    processes: Mapping[int, ProcessFidelity],
    asked: Mapping[tuple[int, int], Asked],
    expected: int,
    paths: Sequence[tuple[Severity, str]] = (),
) -> dict[str, Any]:
    """The verdict on a run of so many (`expected`) processes; links by number and sending node.

    `paths` is what is wrong with what lies below links.
    """
    findings = Findings()
    findings.reasons += paths
    entries = [_entry(links[key], asked[key], findings) for key in sorted(links) if key in asked]
    _look_at_processes(processes, findings)
    missing = [process for process in range(expected) if process not in processes]
    for process in missing:
        findings.add("degraded", f"dataplane process {process} has not said how true it was")
    verdict, reasons = findings.verdict(), findings.texts()
    if len(missing) == expected:
        verdict, reasons = "not_measured", ["no dataplane process has said how true it was"]
    elif paths:
        pass  # whatever crosses them
    elif not entries:
        verdict, reasons = "not_measured", ["no link has a rate, a delay or losses"]
    elif not any(link.lateness.count or link.tried for link in links.values()):
        verdict, reasons = "not_measured", ["no packet crossed a link with a rate, a delay or losses"]
    return document(verdict, reasons, entries, processes)


def document(
    verdict: Verdict,
    reasons: Sequence[str],
    links: Sequence[dict[str, Any]] = (),
    processes: Mapping[int, ProcessFidelity] | None = None,
) -> dict[str, Any]:
    """What a result says of it."""
    known = list((processes or {}).values())
    pressures = [process.cpu_pressure for process in known if process.cpu_pressure is not None]
    worst = max(known, key=lambda process: process.timer.p99_ns, default=None)
    return {
        "verdict": verdict,
        "reasons": list(reasons),
        "links": list(links),
        "timer_us": None if worst is None else _microseconds(worst.timer),
        "cpu_pressure": round(max(pressures), 4) if pressures else None,
        "overruns": sum(process.overruns for process in known),
    }


def _look_at_processes(processes: Mapping[int, ProcessFidelity], findings: Findings) -> None:
    for number, process in sorted(processes.items()):
        if process.overruns:
            packets = f"{process.overruns} packet{'s' if process.overruns > 1 else ''}"
            reason = f"dataplane process {number} dropped {packets} that it had no room for"
            findings.machine.append(("degraded", reason))
        late = process.timer.p99_ns / 1e9
        if late > TIMER_SECONDS:
            timer = f"a bare timer of dataplane process {number} was up to {seconds(late)} late (p99)"
            findings.machine.append(("degraded", f"the machine is busy: {timer}"))


def _entry(link: LinkFidelity, asked: Asked, findings: Findings) -> dict[str, Any]:
    """A direction's part of the result; what is wrong with it is added to the findings."""
    own = Findings()
    where = f"link {asked.source} -> {asked.target}"
    _judge_rate(link, where, own)
    _judge_lateness(link, asked, where, own)
    _judge_losses(link, asked, where, own)
    findings.reasons += own.reasons
    return {
        "from": asked.source,
        "to": asked.target,
        "asked": dict(asked.settings),
        "lateness_us": _microseconds(link.lateness) | {"count": link.lateness.count},
        "rate_bps": _rate(link),
        "loss": _loss(link),
        "faithful": not own.reasons,
    }


def _judge_rate(link: LinkFidelity, where: str, findings: Findings) -> None:
    found = _rate(link)
    if found is None:
        return
    severity = severity_of(abs(found["error"]), RATE_ERROR)
    if severity is not None:
        what = f"{rate(found['measured'])} instead of {rate(found['asked'])}"
        findings.add(severity, f"{where}: {what} ({found['error']:+.1%})")


def _judge_lateness(link: LinkFidelity, asked: Asked, where: str, findings: Findings) -> None:
    longest = asked.longest_time
    if longest is None or not link.lateness.count:
        return
    late = link.lateness.p99_ns / 1e9
    bounds: dict[Severity, float] = {
        severity: max(least, LATE_SHARE[severity] * longest) for severity, least in LATE_SECONDS.items()
    }
    severity = severity_of(late, bounds)
    if severity is not None:
        findings.add(severity, f"{where}: packets were up to {seconds(late)} late (p99)")


def _judge_losses(link: LinkFidelity, asked: Asked, where: str, findings: Findings) -> None:
    if link.tried < LOSS_TRIES:
        return
    off = abs(link.lost - link.expected_lost)
    # Packets are whole, and the last round of a pattern need not be.
    slack = 1 + asked.pattern_losses
    deviation = sqrt(link.variance)
    severity = severity_of(off, {one: most * deviation + slack for one, most in LOSS_DEVIATIONS.items()})
    if severity is not None:
        lost, expected = share(link.lost / link.tried), share(link.expected_lost / link.tried)
        findings.add(severity, f"{where}: {lost} of {link.tried:,} packets lost instead of {expected}")


def severity_of(error: float, bounds: Mapping[Severity, float]) -> Severity | None:
    """How bad an error is."""
    if error > bounds["invalid"]:
        return "invalid"
    return "degraded" if error > bounds["degraded"] else None


def _rate(link: LinkFidelity) -> dict[str, Any] | None:
    """Nothing where the rate was not what packets waited for, or not for long enough."""
    busy = link.busy_ns / 1e9
    if busy < BUSY_SECONDS or not link.asked_bits:
        return None
    return {
        "asked": round(link.asked_bits / busy),
        "measured": round(link.busy_bits / busy),
        "error": round(link.busy_bits / link.asked_bits - 1, 6),
    }


def _loss(link: LinkFidelity) -> dict[str, Any] | None:
    """Nothing where no packet met a loss model."""
    if not link.tried:
        return None
    return {
        "asked": round(link.expected_lost / link.tried, 9),
        "measured": round(link.lost / link.tried, 9),
        "packets": link.tried,
    }


def _microseconds(time: Quantiles) -> dict[str, Any]:
    return {"p50": time.p50_ns / 1000, "p99": time.p99_ns / 1000, "max": time.max_ns / 1000}
