"""The algorithms of a scenario while a run goes on: all start before flows do, and end with the run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nextmini.algorithms import finding
from nextmini.errors import AlgorithmError, Problem, ScenarioError
from nextmini.experiment.algorithm_run import AlgorithmRun
from nextmini.runner.assignment import Assignment
from nextmini.scenario.findings import Finding, key_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nextmini.scenario import Network
    from nextmini.scenario.network import Algorithm
    from nextmini.store import AlgorithmState, Store


def algorithm_findings(network: Network) -> list[Finding]:
    """What is wrong with the algorithms of a scenario: those that cannot be found, and parameters.

    Their modules are executed for it.
    """
    return [found for algorithm in network.algorithms for found in _findings(algorithm)]


def check_algorithms(network: Network) -> None:
    """Raises ScenarioError with all of `algorithm_findings`."""
    findings = algorithm_findings(network)
    if findings:
        raise ScenarioError(
            [Problem("scenario", None, key_text(one.path), one.message, one.remedy) for one in findings]
        )


def _findings(algorithm: Algorithm) -> list[Finding]:
    place = ("algorithms", algorithm.id - 1)
    try:
        found = finding.find(algorithm.use)
    except AlgorithmError as error:
        return [Finding((*place, "use"), error.message, error.remedy)]
    wrong = finding.parameter_findings(found, algorithm.said())
    return [Finding((*place, "parameters", *one.path), one.message, one.remedy) for one in wrong]


class Algorithms:
    """Those of one run; `logs` is the folder for their logs, None for our standard error.

    `known` is how those stand, by name, that ran under a controller that was killed.
    """

    def __init__(
        self,
        store: Store,
        dsn: str,
        network: Network,
        logs: Path | None,
        known: Mapping[str, AlgorithmState] | None = None,
    ) -> None:
        self._runs = [
            AlgorithmRun(
                store,
                Assignment(dsn, network.name, one.name, one.use, one.said(), one.timeout),
                one.on_failure,
                None if logs is None else log_of(logs, one.name),
                known=(known or {}).get(one.name),
            )
            for one in network.algorithms
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts them; returns when each has decided for the first time, or has ended for good."""
        self._tasks = [asyncio.create_task(run.run()) for run in self._runs]
        for run in self._runs:
            await run.until_ready()

    async def end(self) -> None:
        """Ends them in order."""
        await asyncio.gather(*(run.stop() for run in self._runs))
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Ends them at once. Closing twice does nothing."""
        for run in self._runs:
            run.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def states(self) -> list[AlgorithmState]:
        """Where each stands; nothing if they were never started."""
        return [run.state for run in self._runs] if self._tasks else []


def log_of(logs: Path, name: str) -> Path:
    """The log of an algorithm."""
    return logs / f"algorithm-{name}.log"


def entries(network: Network, states: Iterable[AlgorithmState]) -> list[dict[str, Any]]:
    """One entry an algorithm for the result, in their order."""
    known = {state.name: state for state in states}
    return [_entry(algorithm, known.get(algorithm.name)) for algorithm in network.algorithms]


def problems(states: Iterable[AlgorithmState]) -> list[str]:
    """Why algorithms make a run a failure."""
    return [f"algorithm {state.name} failed: {state.reason}" for state in states if state.status == "failed"]


def _entry(algorithm: Algorithm, state: AlgorithmState | None) -> dict[str, Any]:
    return {
        "name": algorithm.name,
        "algorithm": algorithm.use,
        "status": "stopped" if state is None else state.status,
        "restarts": 0 if state is None else state.restarts,
        "decisions": 0 if state is None else state.decisions,
        "last_ms": None if state is None or state.last_ms is None else round(state.last_ms, 3),
        "reason": "the run ended before it was started" if state is None else state.reason,
    }
