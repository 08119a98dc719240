"""What became of every flow: the reports of its two ends joined into one result.

A flow has ended when both ends have said so, when one of them failed, or when the controller gave it up
(its process died, no route exists, the run ended). The first of these counts; what is reported later only
completes the numbers. Bytes and checksum are the receiver's: it alone knows what arrived.

Of a udp flow nothing has to arrive. It is completed when its source has sent everything and its sink has said
what it got; a sink may say so again when more comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from nextmini.controller.datagrams import DatagramResult, datagram_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nextmini.protocol import FlowChange
    from nextmini.scenario import Flow
    from nextmini.store import FlowState

Status = Literal["running", "completed", "failed", "stopped"]
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a flow ended, and why if it did not complete."""

    status: Status
    reason: str | None = None


@dataclass(slots=True)
class FlowProgress:
    """One flow and what is known of it."""

    flow: Flow
    source: FlowChange | None = None
    sink: FlowChange | None = None
    verdict: Verdict | None = None
    route: int | None = None
    path: Path | None = None
    """Of the route taken last, kept because the route may be gone when the results are written."""
    acknowledged: int = 0
    restarts: int = 0
    """How often it was begun again."""
    note: str | None = None
    """What of its row is not in force."""
    awaits: str | None = None
    """The route that it must take, if that is not there."""
    removed: bool = False

    @property
    def finite(self) -> bool:
        """Whether the flow ends by itself."""
        return self.flow.size is not None or self.flow.duration is not None

    @property
    def status(self) -> Status:
        """`running` also before its start."""
        return self.verdict.status if self.verdict else "running"

    @property
    def bytes(self) -> int:
        """What the receiver is known to have."""
        return max(self.sink.bytes if self.sink else 0, self.acknowledged)

    @property
    def seconds(self) -> float:
        """From the first chunk to the receiver's last word, at the source; 0 while it has not said."""
        return self.source.seconds if self.source else 0.0

    @property
    def goodput(self) -> float:
        """Bits a second that arrived; 0 while the seconds are not known."""
        return self.bytes * 8 / self.seconds if self.seconds > 0 else 0.0

    @property
    def retransmitted(self) -> int:
        """Chunks that the source sent again."""
        return self.source.retransmitted if self.source else 0

    @property
    def timeouts(self) -> int:
        """How often the source's timer ran out."""
        return self.source.timeouts if self.source else 0

    @property
    def reordered(self) -> int:
        """Chunks or packets that arrived at the sink behind a later one."""
        if self.sink is not None and self.sink.datagrams is not None:
            return self.sink.datagrams.reordered
        return self.sink.reordered if self.sink else 0

    @property
    def datagrams(self) -> DatagramResult | None:
        """What became of its packets, if it is a udp flow."""
        return datagram_result(self.source, self.sink) if self.udp else None

    @property
    def udp(self) -> bool:
        """Whether it is packets that nobody sends again."""
        return self.flow.packets

    @property
    def unheard(self) -> bool:
        """Whether a udp flow's source has sent everything, and its sink has not heard of it yet."""
        sent = self.source is not None and self.source.status == "completed"
        return self.udp and self.verdict is None and sent and self.sink is None

    def has_end_in(self, nodes: frozenset[int]) -> bool:
        """Whether it begins or ends at one of these nodes."""
        return not nodes.isdisjoint((self.flow.source, self.flow.destination))

    @property
    def checksum(self) -> str | None:
        """The receiver's, when the sender's is the same."""
        if self.source is None or self.sink is None or self.source.checksum != self.sink.checksum:
            return None
        return self.sink.checksum


def judge(source: FlowChange | None, sink: FlowChange | None, *, udp: bool = False) -> Verdict | None:
    """How a flow ended by what its ends say; None while it has not."""
    for report in (source, sink):
        if report is not None and report.status == "failed":
            return Verdict("failed", report.reason or f"the {report.end} gave no reason")
    if source is None or sink is None or "running" in (source.status, sink.status):
        return None
    if udp and source.status == "completed":
        return Verdict("completed")
    if udp or "completed" not in (source.status, sink.status):
        return Verdict("stopped", source.reason or sink.reason)
    if source.status == "stopped" and sink.checksum is None:
        # In max mode a sink takes the end of the connection for that of the flow.
        return Verdict("stopped", source.reason)
    if (source.bytes, source.checksum) == (sink.bytes, sink.checksum):
        return Verdict("completed")
    if "stopped" in (source.status, sink.status):
        return Verdict("stopped", source.reason or sink.reason)
    if source.bytes != sink.bytes:
        return Verdict("failed", f"{sink.bytes} bytes arrived of {source.bytes} that were sent")
    return Verdict("failed", f"checksum mismatch: {source.checksum} was sent, {sink.checksum} arrived")


@dataclass(slots=True)
class FlowTracker:
    """All flows of a run."""

    flows: dict[int, FlowProgress] = field(default_factory=dict)
    unfinished: set[int] = field(default_factory=set)
    """Flows that are to end by themselves and have not."""
    ended: int = 0
    failed: int = 0
    delivered: int = 0
    """Bytes that receivers are known to have, of all flows."""
    _before: dict[int, FlowState] = field(default_factory=dict)
    """What a controller before this one has written of flows that it has seen end."""

    def resume(self, states: Mapping[int, FlowState]) -> None:
        """Goes on for a controller that was killed: flows that had ended by then do so when they are read.

        Their ends tell the rest once more, if they are still there.
        """
        self._before = {id: state for id, state in states.items() if state.status != "running"}

    def replace(self, id: int, flow: Flow | None) -> bool:
        """Takes over a desired flow (None: it is no longer wanted); returns whether its state changed."""
        known = self.flows.get(id)
        if flow is None:
            if known is None:
                return False
            known.removed = True
            return self._end(known, Verdict("stopped", "the flow was removed"))
        if known is not None and known.removed:
            # Another flow under the number of one that was removed.
            self.ended -= 1
            self.failed -= known.status == "failed"
            known = None
        if known is None:
            known = self.flows[id] = FlowProgress(flow)
            self._recall(known)
        if known.flow != flow:
            known.flow, known.note = flow, None
        if known.verdict is None and known.finite:
            self.unfinished.add(id)
        else:
            self.unfinished.discard(id)
        return False

    def report(self, change: FlowChange, route: int | None, path: Path | None) -> bool:
        """Takes in what one end says (`route` is the row's number); returns whether anything is new."""
        known = self.flows.get(change.flow)
        if known is None:
            return False
        said = known.source if change.end == "source" else known.sink
        more = known.udp and change.end == "sink"
        if said is not None and said.status != "running" and not more:
            return False  # an end has one last word; what comes after it is about tidying up
        before = known.bytes
        if change.end == "source":
            known.source = change
            if path is not None:
                known.route, known.path = route, path
        else:
            known.sink = change
        self.delivered += known.bytes - before
        verdict = judge(known.source, known.sink, udp=known.udp)
        if verdict is not None:
            self._end(known, verdict)
        return True

    def moved(self, id: int, route: int | None, path: Path) -> bool:
        """A running flow takes this route (the row's number; None along a tree) and this path.

        Returns whether it took another one before.
        """
        known = self.flows.get(id)
        if known is None or known.verdict is not None:
            return False
        before, way = (known.route, known.path), (route, path)
        known.route, known.path = way
        return before != way if route is None else before[0] != route

    def note(self, id: int, note: str) -> bool:
        """What a flow's row says is not in force; returns whether that is new."""
        known = self.flows.get(id)
        if known is None or known.verdict is not None or known.note == note:
            return False
        known.note = note
        return True

    def wait(self, id: int, awaits: str | None) -> bool:
        """A flow waits for its route, or does not any more; returns whether that is new."""
        known = self.flows[id]
        before, known.awaits = known.awaits, awaits
        return before != awaits and known.verdict is None

    def heard_nothing(self, id: int) -> bool:
        """The sink of a udp flow would have heard of it by now; returns whether that ended the flow."""
        known = self.flows.get(id)
        return known is not None and known.unheard and self._end(known, Verdict("completed"))

    def fail(self, ids: Iterable[int], reason: str) -> list[int]:
        """Gives flows up; returns those that had not ended yet."""
        verdict = Verdict("failed", reason)
        return [id for id in ids if id in self.flows and self._end(self.flows[id], verdict)]

    def stop_all(self, reason: str) -> list[int]:
        """Ends every flow that has not ended, and gives a reason to those that stopped without one.

        Returns these flows.
        """
        found = []
        for id, known in self.flows.items():
            # What a udp flow had to do was done when its source had sent everything.
            sent = known.udp and known.source is not None and known.source.status == "completed"
            if self._end(known, Verdict("completed") if sent else Verdict("stopped", reason)):
                found.append(id)
            elif known.verdict == Verdict("stopped"):
                known.verdict = Verdict("stopped", reason)
                found.append(id)
        return found

    def restart(self, id: int) -> bool:
        """Nothing that was said of the flow counts any more, if it has not ended; returns whether so."""
        known = self.flows.get(id)
        if known is None or known.verdict is not None:
            return False
        self.delivered -= known.bytes
        known.source = known.sink = None
        known.acknowledged = 0
        known.restarts += 1
        return True

    def acknowledge(self, id: int, bytes: int) -> None:
        """The source says how much the receiver has acknowledged."""
        known = self.flows.get(id)
        if known is not None:
            before = known.bytes
            known.acknowledged = bytes
            self.delivered += known.bytes - before

    def in_max_mode(self) -> set[tuple[int, int]]:
        """The pairs that have flows in max mode which have not ended: these end with their route."""
        return {
            (known.flow.source, known.flow.destination)
            for known in self.flows.values()
            if known.verdict is None and known.flow.mode == "max"
        }

    def touching(self, nodes: frozenset[int], paths: Callable[[FlowProgress], list[Path]]) -> list[int]:
        """Running flows with an end at one of the nodes or a path (`paths` tells them) through one."""
        found = []
        for id, known in self.flows.items():
            if known.verdict is not None:
                continue
            pair = (known.flow.source, known.flow.destination)
            if not nodes.isdisjoint(pair) or any(not nodes.isdisjoint(path) for path in paths(known)):
                found.append(id)
        return found

    def bound_to(self, nodes: frozenset[int], paths: Callable[[FlowProgress], list[Path]]) -> list[int]:
        """Running flows that cannot go on without what these nodes knew of them.

        Those with an end there; in max mode, where every node has a connection of its own, those through one,
        or that have no route yet and may get one through it.
        """

        def goes_through(known: FlowProgress) -> bool:
            ways = paths(known) if known.flow.mode == "max" else [()]
            return not ways or any(not nodes.isdisjoint(way) for way in ways)

        return [
            id
            for id, known in self.flows.items()
            if known.verdict is None and (known.has_end_in(nodes) or goes_through(known))
        ]

    def lost_with(self, node: int) -> list[int]:
        """Running flows that cannot go on when a node has lost all that it knew.

        Those that begin there, and those of which it has had something; what it gets of a udp flow later is
        as good as before.
        """
        return [
            id
            for id, known in self.flows.items()
            if known.verdict is None
            and (
                known.flow.source == node
                or (known.flow.destination == node and not known.udp and known.source is not None)
            )
        ]

    def _recall(self, known: FlowProgress) -> None:
        state = self._before.pop(known.flow.id, None)
        if state is not None:
            self.acknowledge(known.flow.id, state.bytes)
            self._end(known, Verdict(cast("Status", state.status), state.reason))

    def _end(self, known: FlowProgress, verdict: Verdict) -> bool:
        if known.verdict is not None:
            return False
        known.verdict = verdict
        self.unfinished.discard(known.flow.id)
        self.ended += 1
        self.failed += verdict.status == "failed"
        return True
