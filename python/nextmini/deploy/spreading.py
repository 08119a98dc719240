"""Which nodes share a container: as many dataplane processes as there are to be containers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from nextmini.scenario import Network, Scenario


def spread(scenario: Scenario, per_container: int) -> Network:
    """The network with up to so many nodes in each process, neighbours in the scenario's order together.

    What carries links follows from it, where the scenario leaves that open. Raises ScenarioError if the
    scenario cannot be spread like that.
    """
    nodes = len(resolve(scenario).nodes)
    isolation = scenario.network.isolation
    if per_container > 1 and isolation != "none":
        message = (
            f'with isolation = "{isolation}" programs of a node have the network of its container, '
            "and several nodes cannot share one"
        )
        remedy = 'leave it out, or write isolation = "none" under [network]'
        raise ScenarioError([Problem("command line", None, "--nodes-per-container", message, remedy)])
    experiment = scenario.experiment
    if isolation != "process":
        experiment = experiment.model_copy(update={"processes": -(-nodes // per_container)})
    return resolve(scenario.model_copy(update={"experiment": experiment}))
