"""Traces: each that is named or written gets a number, however often it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.network import Trace
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.trace import TraceSource


class TraceBook:
    """The traces of a scenario: those of `[[traces]]`, then the others as links and events name them."""

    def __init__(self, scenario: Scenario, complete: bool, findings: list[Finding]) -> None:
        self._complete = complete
        self._findings = findings
        self._numbers: dict[TraceSource, int] = {}
        self._named: dict[str, int] = {}
        for place, entry in enumerate(scenario.traces):
            if entry.name in self._named:
                first = key_text(("traces", self._named[entry.name] - 1))
                message = f"{shown(entry.name)} is also the name of {first}"
                findings.append(Finding(("traces", place, "name"), message, "give each a name of its own"))
            else:
                source = entry.source(entry.name)
                self._named[entry.name] = self._numbers[source] = len(self._numbers) + 1

    def number(self, trace: TraceSource | str, path: Path) -> int | None:
        """The number of a trace, or None and a finding if there is no such one."""
        if not isinstance(trace, str):
            return self._numbers.setdefault(trace, len(self._numbers) + 1)
        number = self._named.get(trace)
        if number is None and self._complete:
            meant = nearest(trace, self._named)
            remedy = f"did you mean {shown(meant)}?" if meant else "add it to [[traces]]"
            self._findings.append(Finding(path, f"there is no trace {shown(trace)}", remedy))
        return number

    def traces(self) -> tuple[Trace, ...]:
        """All of them, in the order of their numbers."""
        taken = {source.name for source in self._numbers}
        made = []
        for source, number in self._numbers.items():
            name = source.name
            if name is None:
                name = f"trace-{number}"
                while name in taken:
                    name += "-"
                taken.add(name)
            made.append(Trace(number, name, source.kind, source.period, source.points))
        return tuple(made)
