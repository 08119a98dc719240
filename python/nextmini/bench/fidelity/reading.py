"""What a run said of its flows, its links and its processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.errors import RunError

if TYPE_CHECKING:
    from nextmini.experiment import Outcome
    from nextmini.protocol import Datagrams, LinkFidelity, Quantiles


@dataclass(frozen=True, slots=True)
class Reading:
    """One flow's run: what its source sent, what its sink received and in which time, what its link did.

    `timer`: how late a bare timer was beside that link.
    """

    sent: int
    received: Datagrams
    seconds: float
    link: LinkFidelity
    timer: Quantiles


def reading(outcome: Outcome, flow: str) -> Reading:
    """Of the flow of that name. Raises RunError if something was not said."""
    measured = outcome.measured
    if measured is None:
        raise RunError("the run had no controller")
    progress = next((one for one in measured.flows.values() if one.flow.name == flow), None)
    source, sink = (progress.source, progress.sink) if progress else (None, None)
    if progress is None or source is None or sink is None:
        raise RunError(f"nothing was said of flow {flow}")
    node = progress.flow.source
    link = next((one for one in measured.fidelity.links.values() if one.node == node), None)
    # The sending end of the link is in the first process.
    process = measured.fidelity.processes.get(0)
    if link is None or process is None or source.datagrams is None or sink.datagrams is None:
        raise RunError(f"the dataplane process has not said how true the link of flow {flow} was")
    return Reading(source.datagrams.packets, sink.datagrams, sink.seconds, link, process.timer)
