"""`nextmini swarm` in a swarm of one machine: what passes between services, and that nothing stays."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest
from docker_engine import IMAGE, Engine
from program import PATIENCE, Done, Program

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

# The first of them waits for the images too.
pytestmark = pytest.mark.timeout(600)

RING = """
[experiment]
name = "ring"
[network]
limits = { memory = "512 MiB" }
[topology]
kind = "ring"
nodes = 4
link = { congestion = "reno" }
[[flows]]
name = "there"
source = "n1"
destination = "n3"
size = "200 kB"
"""
INSIDE = RING.replace("limits", 'isolation = "namespace"\nlimits').replace("nodes = 4", "nodes = 3")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(tmp_path_factory.mktemp("docker"))
    made.start()
    try:
        made.build()
        yield made
    finally:
        made.stop()


@pytest.fixture
def swarm(engine: Engine) -> Iterator[Engine]:
    """An engine that is a swarm of its own for the length of a test, and has nothing of it afterwards."""
    before = engine.left()
    engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    yield engine
    engine.docker("swarm", "leave", "--force")
    for volume in set(engine.left()["volumes"]) - set(before["volumes"]):  # of a test that has failed
        engine.docker("volume", "rm", "--force", volume)
    # The bridge of a swarm stays with its engine.
    engine.docker("network", "rm", "docker_gwbridge")
    deadline = time.monotonic() + PATIENCE
    while engine.left() != before:
        assert time.monotonic() < deadline, engine.left()
        time.sleep(0.1)


class Deployed:
    """`nextmini swarm` on one scenario, with that engine."""

    def __init__(self, program: Program, engine: Engine, text: str) -> None:
        self.program = program
        self.engine = engine
        self._file = program.write(text)
        program.environment |= {key: engine.environment[key] for key in ("DOCKER_HOST", "DOCKER_CONFIG")}

    def start(self, *words: str, image: str = IMAGE) -> subprocess.Popen[str]:
        return self.program.start("swarm", "--image", image, self._file, *words)

    def run(self, *words: str, image: str = IMAGE) -> Done:
        return self.program.finish(self.start(*words, image=image))

    def deployed(self, *words: str) -> None:
        done = self.run("deploy", *words)
        assert done.code == 0, done.err
        assert "note:" not in done.err

    def inside(self, service: str, *command: str) -> str:
        """What a command in the container of a service prints; the test fails if it does."""
        label = f"label=com.docker.swarm.service.name=ring_{service}"
        (container,) = self.engine.lines("ps", "--quiet", "--filter", label)
        return self.engine.docker("exec", container, *command)

    def until_completed(self) -> None:
        """Waits until the flow has ended, as the controller says."""
        deadline = time.monotonic() + PATIENCE
        while True:
            (flow,) = json.loads(self.inside("controller", "nextmini", "status", "--json"))["flows"]
            if flow["status"] == "completed":
                return
            assert flow["status"] in ("pending", "waiting", "running"), flow
            assert time.monotonic() < deadline, flow
            time.sleep(0.2)

    def left(self) -> dict[str, list[str]]:
        """All that a stack has, in the swarm and in the state folder."""
        found = {
            kind: self.engine.lines(kind, "ls", "--format", "{{.Name}}")
            for kind in ("service", "secret", "config", "volume")
        }
        networks = self.engine.lines("network", "ls", "--format", "{{.Name}}")
        found["network"] = [name for name in networks if name.startswith("ring")]
        found["containers"] = self.engine.lines("ps", "--all", "--format", "{{.Names}}")
        found["folder"] = [str(path) for path in (self.program.state / "deployments").glob("*")]
        return found

    def assert_nothing_left(self) -> None:
        left = self.left()
        assert left == {kind: [] for kind in left}


def test_an_experiment_from_its_deployment_to_its_result(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, INSIDE)
    lab.deployed()
    lab.until_completed()
    # The node's own address, by its device, in a container whose device file the process has made.
    assert "64 bytes from n3 (10.0.0.3)" in lab.inside(
        "dataplane-0", "ping", "-4", "-c", "1", "-W", "60", "n3"
    )
    mode = "import os; print(oct(os.stat('/run/secrets/token').st_mode))"
    assert lab.inside("dataplane-0", "python3", "-c", mode).strip() == "0o100400"
    rows = json.loads(lab.run("ps", "--json").out)
    assert {row["service"] for row in rows} == {"controller", *(f"dataplane-{n}" for n in range(3))}
    assert all(row["machine"] for row in rows)
    logged = lab.run("logs", "n2")
    assert logged.code == 0, logged.err
    again = lab.run("deploy")
    assert again.code == 2
    assert "has a stack ring already; end it with" in again.err
    ended = lab.run("remove", "--json")
    assert ended.code == 0, ended.err
    (flow,) = ended.document["flows"]
    assert (flow["status"], flow["bytes"]) == ("completed", 200_000)
    assert (program.work / "runs" / ended.document["run"] / "result.json").exists()
    lab.assert_nothing_left()


@pytest.mark.long
def test_processes_without_rights_host_several_nodes_each(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, RING)
    lab.deployed("--nodes-per-container", "2")
    lab.until_completed()
    status = lab.inside("dataplane-1", "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    ended = lab.run("remove")
    assert ended.code == 0, ended.err
    assert "1 flow" in ended.out
    lab.assert_nothing_left()
    again = lab.run("remove")
    assert again.code == 2
    assert "the swarm has no stack ring; start it with" in again.err


def test_an_image_that_is_missing_is_named_and_nothing_stays(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, RING)
    done = lab.run("deploy", image="localhost:1/nosuch:1")
    assert done.code == 1
    assert "No such image: localhost:1/nosuch:1" in done.err
    assert "push it to a registry" in done.err
    lab.assert_nothing_left()


def test_what_ends_at_once_is_told_with_its_last_words(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, RING)
    done = lab.run("deploy", image="nextmini-test-base:latest")
    assert done.code == 1
    assert " is failed on " in done.err
    assert "; its last words: " in done.err
    assert "No such file or directory" in done.err
    lab.assert_nothing_left()


def test_what_never_starts_is_given_up(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, RING)
    (machine,) = swarm.lines("node", "ls", "--quiet")
    swarm.docker("node", "update", "--availability", "drain", machine)
    done = lab.run("deploy", "--patience", "3")
    assert done.code == 1
    assert "not in force within 3 seconds: 0 of 5 services run" in done.err
    assert "no suitable node (1 node not available for new tasks)" in done.err
    assert "docker node update --availability active" in done.err
    lab.assert_nothing_left()


def test_an_interrupt_removes_what_was_deployed(program: Program, swarm: Engine) -> None:
    lab = Deployed(program, swarm, RING)
    (machine,) = swarm.lines("node", "ls", "--quiet")
    swarm.docker("node", "update", "--availability", "drain", machine)
    process = lab.start("deploy")
    deadline = time.monotonic() + PATIENCE
    while len(lab.left()["service"]) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert program.finish(process).code == 130
    lab.assert_nothing_left()


def test_no_swarm_and_no_engine_are_told_with_what_to_do(program: Program, engine: Engine) -> None:
    lab = Deployed(program, engine, RING)
    done = lab.run("deploy")
    assert done.code == 2
    assert "the Docker engine here is in no swarm; make one (docker swarm init)" in done.err
    program.environment["DOCKER_HOST"] = f"unix://{program.home}/nobody"
    done = lab.run("deploy")
    assert done.code == 2
    assert "no Docker engine answers" in done.err
    assert "DOCKER_HOST" in done.err
    assert list((program.state / "deployments").glob("*")) == []
