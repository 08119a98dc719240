"""What a swarm says of tasks, and what follows from it."""

from __future__ import annotations

import pytest

from nextmini.deploy.stack_tasks import MOST_FAILURES, Task, advice_on, standing

SERVICES = ("controller", "dataplane-0")


def row(service: str, state: str, desired: str = "Running", error: str = "") -> dict[str, str]:
    return {
        "ID": f"{service}-id",
        "Name": f"lab_1_{service}.1",
        "Node": "m1" if state != "Pending" else "",
        "DesiredState": desired,
        "CurrentState": f"{state} 3 seconds ago",
        "Error": f'"{error}"' if error else "",
    }


def task(service: str, state: str, desired: str = "Running", error: str = "") -> Task:
    return Task.of(row(service, state, desired, error), "lab_1")


def test_a_row_names_its_service_whatever_the_stack_is_called() -> None:
    found = task("dataplane-0", "Failed", "Shutdown", "task: non-zero exit (1)")
    assert (found.service, found.machine, found.state) == ("dataplane-0", "m1", "Failed")
    assert str(found) == "dataplane-0 is failed on m1: task: non-zero exit (1)"
    assert found.ended_badly
    assert str(task("controller", "Pending")) == "controller is pending"


def test_services_that_run_or_have_ended_well_are_ready() -> None:
    found = standing(SERVICES, [task("controller", "Running"), task("dataplane-0", "Complete")], again=False)
    assert (found.ready, found.services, found.waiting, found.broken) == (2, 2, (), ())


def test_services_that_are_on_their_way_are_waited_for() -> None:
    waiting = task("dataplane-0", "Preparing")
    found = standing(SERVICES, [task("controller", "Running"), waiting], again=False)
    assert (found.ready, found.waiting, found.broken) == (1, (waiting,), ())
    assert standing(SERVICES, [], again=False).waiting == ()


def test_what_is_not_started_again_breaks_at_once() -> None:
    failed = task("dataplane-0", "Failed", "Shutdown", "task: non-zero exit (1)")
    assert standing(SERVICES, [failed], again=False).broken == (failed,)


def test_what_is_started_again_breaks_when_it_has_failed_often() -> None:
    failed = [
        task("dataplane-0", "Failed", "Shutdown", f"attempt {number}") for number in range(MOST_FAILURES)
    ]
    starting = task("dataplane-0", "Starting")
    found = standing(SERVICES, [starting, *failed[1:]], again=True)
    assert (found.waiting, found.broken) == ((starting,), ())
    assert standing(SERVICES, [starting, *failed], again=True).broken == (failed[0],)
    assert standing(SERVICES, [task("dataplane-0", "Running"), *failed], again=True).ready == 1


def test_an_image_that_is_missing_is_not_waited_for() -> None:
    rejected = task("dataplane-0", "Rejected", "Shutdown", "No such image: nosuch:1")
    found = standing(SERVICES, [task("dataplane-0", "Preparing"), rejected], again=True)
    assert found.broken == (rejected,)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("No such image: nextmini:latest", "push it to a registry"),
        ("no suitable node (scheduling constraints not satisfied on 2 nodes)", "--label-add nextmini.site="),
        ("no suitable node (1 node not available for new tasks)", "--availability active"),
        ("starting container failed: ... operation not permitted", "NET_ADMIN"),
        ("there is no /dev/net/tun in this container, and it cannot be made: x; run it", None),
    ],
)
def test_what_a_swarm_says_has_a_remedy(said: str, remedy: str | None) -> None:
    known = advice_on(said)
    if remedy is None:
        assert known is None
    else:
        assert known is not None
        assert remedy in known.remedy + known.what
