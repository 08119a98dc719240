"""Events in the result: what became of each, and which of them make a run a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.controller.events import Outcome, described, happening

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.scenario import Network


def entries(network: Network, outcomes: Mapping[int, Outcome]) -> list[dict[str, Any]]:
    """One entry an event, in their order; those that no controller ever saw were not reached."""
    names = {trace.id: trace.name for trace in network.traces}
    found = {
        event.id: Outcome(event.at, described(happening(event), names), "not_reached")
        for event in network.events
        if event.id not in outcomes
    }
    found.update(outcomes)
    return [_entry(found[id]) for id in sorted(found)]


def problems(outcomes: Iterable[Outcome]) -> list[str]:
    """Why these events make a run a failure."""
    found = []
    for event in outcomes:
        where = f"event at {event.at:g} s ({event.what})"
        if event.status == "failed":
            found.append(f"{where} failed: {event.reason}")
        elif event.require_effect and event.without_effect:
            found.append(f"{where} was to have an effect, and touched no packet")
        elif event.require_effect and event.status == "not_reached":
            found.append(f"{where} was to have an effect, and the run ended before it")
    return found


def _entry(event: Outcome) -> dict[str, Any]:
    return {
        "at": event.at,
        "what": event.what,
        "status": event.status,
        "applied_after_ms": event.applied_after_ms,
        "packets_affected": event.packets_affected,
        "marked": event.without_effect,
        "reason": event.reason,
    }
