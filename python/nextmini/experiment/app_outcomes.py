"""Programs inside nodes in the result: what became of each, and which of them make a run a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.scenario import App, Network

AppStatus = Literal["completed", "failed", "stopped"]

NEVER_STARTED = "the run ended before it was started"


@dataclass(frozen=True, slots=True)
class AppOutcome:
    """`exit` as shells have it, None if it did not end by itself; `seconds` from its start to its end.

    `log` is its file, seen from the run folder, if it was started. `reason`: why it did not complete.
    """

    status: AppStatus
    exit: int | None = None
    seconds: float = 0.0
    log: str | None = None
    reason: str | None = None


def entries(network: Network, outcomes: Mapping[int, AppOutcome]) -> list[dict[str, Any]]:
    """One entry a program, in their order; those of no outcome were never started."""
    never = AppOutcome("stopped", reason=NEVER_STARTED)
    return [_entry(app, network, outcomes.get(app.id, never)) for app in network.apps]


def problems(network: Network, outcomes: Mapping[int, AppOutcome], told: Iterable[str]) -> list[str]:
    """Why these programs make a run a failure, apart from what was told already."""
    known = set(told)
    found = [
        sentence(app.name, network.node(app.node).name, outcomes[app.id].reason or "failed")
        for app in network.apps
        if app.id in outcomes and outcomes[app.id].status == "failed"
    ]
    return [problem for problem in found if problem not in known]


def sentence(name: str, node: str, what: str) -> str:
    """What happened to a program, with its name and its node."""
    return f"app {name} in node {node} {what}"


def shell_code(code: int) -> int:
    """An exit code, or 128 and the number of the signal, as shells have it."""
    return code if code >= 0 else 128 - code


def _entry(app: App, network: Network, outcome: AppOutcome) -> dict[str, Any]:
    return {
        "name": app.name,
        "node": network.node(app.node).name,
        "command": app.command if isinstance(app.command, str) else list(app.command),
        "status": outcome.status,
        "exit": outcome.exit,
        "seconds": round(outcome.seconds, 3),
        "log": outcome.log,
        "reason": outcome.reason,
    }
