"""What the dataplane processes have confirmed, row by row, and the state that follows from it.

A node, link or route is in force when every process that is to hold it has applied it; a tcp link is up only
when every process with an end of it has reported it up. Rows whose state changed are collected for the
`*_state` tables; rows that are on their way to being in force are what the start of a network waits for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.protocol import LinkChange

Kind = Literal["node", "link", "route"]
Status = Literal["pending", "up", "down", "installed", "rejected", "failed"]
Row = tuple[Kind, int]


@dataclass(frozen=True, slots=True)
class RowState:
    """The state of one row: `generation` is the newest that a process confirmed for it, 0 for none."""

    status: Status
    reason: str | None = None
    generation: int = 0


@dataclass(slots=True)
class _Confirmations:
    """What is known of one row, by process."""

    expected: frozenset[int]
    carried: bool = False
    """Whether the processes report it up or down (tcp links), beyond applying it."""
    problem: str | None = None
    """Why it cannot be in force at all: it has no place, or its node failed."""
    failed: bool = False
    broken: bool = False
    """Whether the link was up before it went down; one that never was has lost nothing."""
    applied: dict[int, int] = field(default_factory=dict)
    rejected: dict[int, str] = field(default_factory=dict)
    up: set[int] = field(default_factory=set)
    down: dict[int, str] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)

    def state(self, kind: Kind, missing: Mapping[int, Missing]) -> RowState:
        generation = max(self.applied.values(), default=0)
        if self.problem is not None:
            return RowState("failed" if self.failed else "rejected", self.problem, generation)
        for reason in self.rejected.values():
            return RowState("rejected", reason, generation)
        for process in self.expected & missing.keys():
            return RowState(*missing[process], generation)
        for reason in (*self.lost.values(), *self.down.values()):
            return RowState("down", reason, generation)
        if not self.expected <= self.applied.keys():
            return RowState("pending", None, generation)
        if self.carried and not self.expected <= self.up:
            return RowState("pending", None, generation)
        return RowState("installed" if kind == "route" else "up", None, generation)


class Missing(NamedTuple):
    """What rows of a process are that has never been there: `pending` while it may come, then `failed`."""

    status: Literal["pending", "failed"]
    reason: str


class Actual:
    """The confirmations of all nodes, links and routes."""

    def __init__(self) -> None:
        self._missing: dict[int, Missing] = {}
        self._rows: dict[Row, _Confirmations] = {}
        self.states: dict[Row, RowState] = {}
        self.waiting: set[Row] = set()
        """Rows that are neither in force nor refused."""
        self.refused: dict[Row, str] = {}
        """Rows that cannot be in force, and why."""
        self._changed: set[Row] = set()

    def expect(
        self, row: Row, processes: Iterable[int], *, carried: bool = False, problem: str | None = None
    ) -> None:
        """The row is desired, at these processes; `problem`: it cannot be in force, for this reason."""
        known = self._rows.get(row)
        expected = frozenset(processes)
        if known is None:
            known = self._rows[row] = _Confirmations(expected)
        known.expected, known.carried = expected, carried
        if not known.failed:
            known.problem = problem
        for process in (known.applied.keys() | known.rejected.keys() | known.lost.keys()) - expected:
            self._forget(known, process)
        self._derive(row)

    def forget(self, row: Row) -> None:
        """The row is no longer desired."""
        if self._rows.pop(row, None) is not None:
            self.states.pop(row, None)
            self.waiting.discard(row)
            self.refused.pop(row, None)
            self._changed.add(row)

    def missing(self, process: int, missing: Missing) -> None:
        """A process is not there, and this is to be said of its rows."""
        self._missing[process] = missing
        self._derive_rows_of(process)

    def present(self, process: int) -> None:
        """A process is there."""
        if self._missing.pop(process, None) is not None:
            self._derive_rows_of(process)

    def told(self, rows: Iterable[Row], process: int) -> None:
        """A process is sent these rows: what it said of them before no longer counts."""
        for row in rows:
            known = self._rows.get(row)
            if known is not None:
                known.applied.pop(process, None)
                known.rejected.pop(process, None)
                known.lost.pop(process, None)
                self._derive(row)

    def applied(self, rows: Iterable[Row], process: int, generation: int, rejected: dict[Row, str]) -> None:
        """A process confirmed these rows, except for those that it rejected."""
        for row in rows:
            known = self._rows.get(row)
            if known is None or process not in known.expected:
                continue
            if row in rejected:
                known.rejected[process] = f"dataplane process {process}: {rejected[row]}"
            else:
                known.applied[process] = generation
            self._derive(row)

    def link_changed(self, change: LinkChange, process: int) -> bool:
        """Takes in one end's word; returns whether the link broke, or is back after it broke."""
        row: Row = ("link", change.link)
        known = self._rows.get(row)
        if known is None:
            return False
        before = self.states[row].status
        if change.state == "up":
            known.up.add(process)
            known.down.pop(process, None)
        else:
            known.up.discard(process)
            known.down[process] = change.reason or "no reason given"
        self._derive(row)
        after = self.states[row].status
        if before == "up" and after == "down":
            known.broken = True
            return True
        if known.broken and after == "up":
            known.broken = False
            return True
        return False

    def unanswered(self, row: Row) -> bool:
        """Whether a process that is to hold the row has not said yet what became of it."""
        known = self._rows.get(row)
        return known is not None and not known.expected <= known.applied.keys() | known.rejected.keys()

    def node_failed(self, node: int, reason: str) -> None:
        """A node ended by itself."""
        row: Row = ("node", node)
        known = self._rows.get(row)
        if known is not None:
            known.problem, known.failed = reason, True
            self._derive(row)

    def process_lost(self, process: int, rows: Iterable[Row], reason: str) -> None:
        """The connection to a process is gone: of the rows that it holds nothing is known."""
        for row in rows:
            known = self._rows.get(row)
            if known is not None:
                self._forget(known, process)
                if process in known.expected:
                    known.lost[process] = reason
                self._derive(row)

    def take_changed(self) -> dict[Row, RowState | None]:
        """The rows whose state changed since the last call; None where the row is gone."""
        changed = {row: self.states.get(row) for row in self._changed}
        self._changed.clear()
        return changed

    @staticmethod
    def _forget(known: _Confirmations, process: int) -> None:
        for kept in (known.applied, known.rejected, known.down, known.lost):
            kept.pop(process, None)
        known.up.discard(process)

    def _derive_rows_of(self, process: int) -> None:
        for row, known in self._rows.items():
            if process in known.expected:
                self._derive(row)

    def _derive(self, row: Row) -> None:
        known = self._rows[row]
        state = known.state(row[0], self._missing)
        if self.states.get(row) == state:
            return
        self.states[row] = state
        self._changed.add(row)
        if state.status in ("pending", "down"):
            self.waiting.add(row)
        else:
            self.waiting.discard(row)
        if state.status in ("rejected", "failed"):
            self.refused[row] = state.reason or "no reason given"
        else:
            self.refused.pop(row, None)
