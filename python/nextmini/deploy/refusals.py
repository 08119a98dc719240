"""What containers cannot have in this version, told before anything starts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario import Network


def check(network: Network) -> None:
    """Raises ScenarioError with everything that the network has and containers cannot have."""
    problems = [
        Problem("command line", None, key, message, remedy) for key, message, remedy in _refused(network)
    ]
    if problems:
        raise ScenarioError(problems)


def _refused(network: Network) -> Iterator[tuple[str, str, str]]:
    if network.apps:
        yield (
            "apps",
            "programs of a scenario do not run in containers in this version",
            "remove [[apps]], and start them in the containers of their nodes",
        )
    if network.algorithms:
        yield (
            "algorithms",
            "algorithms do not run in containers in this version",
            "remove [[algorithms]], and run `nextmini algorithm run` in the controller's container",
        )
    if network.sites:
        yield (
            "sites",
            "machines of a scenario start their own processes, and containers are on one machine",
            "remove [[sites]], or start processes there by what `nextmini controller` prints",
        )
    transparent = [node.name for node in network.nodes if node.transparent is not None]
    if transparent:
        yield (
            "max.transparent",
            f"node {transparent[0]} is transparent, which takes rights that its container does not have",
            "write transparent = false",
        )
    users = [node.name for node in network.nodes if any(one.users for one in node.socks)]
    if users:
        yield (
            "socks",
            f"the entrance at {users[0]} has users, whose file does not get into containers in this version",
            "remove `users`",
        )
    yield from _half_limited(network)


def _half_limited(network: Network) -> Iterator[tuple[str, str, str]]:
    """Containers of several nodes of which only some have a limit, which then would be that of all."""
    for key in ("cpu", "memory"):
        limited: dict[int, set[bool]] = {}
        for node in network.nodes:
            limited.setdefault(node.process, set()).add(getattr(node.limits, key) is not None)
        mixed = [process for process, kinds in limited.items() if len(kinds) > 1]
        if mixed:
            names = [node.name for node in network.nodes if node.process == mixed[0]]
            yield (
                f"limits.{key}",
                f"nodes {', '.join(names)} share a container, and only some of them have a limit",
                f"write limits = {{ {key} = ... }} for all of them, or under [network]",
            )
