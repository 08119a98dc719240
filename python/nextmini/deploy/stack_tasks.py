"""What a swarm says of the tasks of a stack, and what follows from it. Pure.

A service has one task after another, as attempts to run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.deploy.trouble import Advice, advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_FAILURES = 3
"""So often a service may fail before it is given up."""

_WELL = frozenset({"Running", "Complete"})
_ENDED_BADLY = frozenset({"Failed", "Rejected", "Orphaned"})
_GIVEN_UP = frozenset({"Shutdown", "Remove"})
_NO_IMAGE = "No such image"
_OF_A_SWARM = (
    (
        _NO_IMAGE,
        Advice(
            "an image is missing on a machine",
            "push it to a registry that all machines of the swarm reach, or load it on each (docker load)",
        ),
    ),
    (
        "scheduling constraints not satisfied",
        Advice(
            "no machine is as this service needs it",
            "label machines with their site: docker node update --label-add nextmini.site=SITE MACHINE",
        ),
    ),
    (
        "not available for new tasks",
        Advice(
            "no machine takes services",
            "have one take some: docker node update --availability active MACHINE",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Task:
    """An attempt to run a service: `state` is the swarm's word, `desired` what it wants of it."""

    id: str
    service: str
    machine: str
    desired: str
    state: str
    error: str

    @classmethod
    def of(cls, row: Mapping[str, Any], stack: str) -> Task:
        """From a row of `docker stack ps`."""
        name = str(row["Name"]).removeprefix(f"{stack}_")
        return cls(
            id=str(row["ID"]),
            service=name.rpartition(".")[0],
            machine=str(row["Node"]),
            desired=str(row["DesiredState"]),
            state=str(row["CurrentState"]).partition(" ")[0],
            error=str(row["Error"]).strip('"'),
        )

    @property
    def ended_badly(self) -> bool:
        return self.state in _ENDED_BADLY

    def __str__(self) -> str:
        where = f" on {self.machine}" if self.machine else ""
        why = f": {self.error}" if self.error else ""
        return f"{self.service} is {self.state.lower()}{where}{why}"


@dataclass(frozen=True, slots=True)
class Standing:
    """`ready` of `services` run; `waiting` are the tasks of others, `broken` those that no waiting helps."""

    ready: int
    services: int
    waiting: tuple[Task, ...]
    broken: tuple[Task, ...]


def standing(services: Sequence[str], tasks: Iterable[Task], *, again: bool) -> Standing:
    """Where a stack of these services stands; `again` is whether services that fail are started again."""
    attempts: dict[str, list[Task]] = {name: [] for name in services}
    for task in tasks:
        attempts.setdefault(task.service, []).append(task)
    ready, waiting, broken = 0, [], []
    for name in services:
        mine = attempts[name]
        bad = [task for task in mine if task.ended_badly]
        going_on = [task for task in mine if task.desired not in _GIVEN_UP]
        if any(task.state in _WELL for task in mine):
            ready += 1
        elif bad and not (again and len(bad) < MOST_FAILURES and _may_pass(bad)):
            broken.append(bad[0])
        elif going_on:
            waiting.append(going_on[0])
    return Standing(ready, len(services), tuple(waiting), tuple(broken))


def _may_pass(bad: list[Task]) -> bool:
    """Whether another attempt may do better: an image that is missing is not going to be there."""
    return not any(_NO_IMAGE in task.error for task in bad)


def advice_on(said: str) -> Advice | None:
    """What is known of what a swarm, or a service of it, says."""
    return next((known for sign, known in _OF_A_SWARM if sign in said), None) or advice(said)
