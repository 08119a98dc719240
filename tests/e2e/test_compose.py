"""`nextmini compose` with a Docker engine: what passes between containers, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from docker_engine import IMAGE, POOL, Engine
from program import CONFIGS, PATIENCE, Done, Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The first of them waits for the images too.
pytestmark = pytest.mark.timeout(900)

PAIR = """
[experiment]
name = "pair"
[topology]
kind = "line"
nodes = 4
# Machines differ in what else they let users without rights have.
[topology.link]
congestion = "reno"
[[flows]]
name = "there"
source = "n1"
destination = "n4"
size = "200 kB"
"""
INSIDE = (
    PAIR.replace("nodes = 4", "nodes = 2").replace("n4", "n2")
    + '[network]\nisolation = "namespace"\nlimits = { memory = "64 MiB" }\n'
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(tmp_path_factory.mktemp("docker"))
    made.start()
    try:
        made.build()
        yield made
    finally:
        made.stop()


class Containers:
    """`nextmini compose` on one scenario, with that engine."""

    def __init__(self, program: Program, engine: Engine, file: str) -> None:
        self.program = program
        self.engine = engine
        self._file = file
        program.environment |= {key: engine.environment[key] for key in ("DOCKER_HOST", "DOCKER_CONFIG")}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.program.start("compose", "--image", IMAGE, self._file, *words)

    def run(self, *words: str) -> Done:
        process = self.start(*words)
        # Nine containers start on a machine that may have much else to do.
        out, err = process.communicate(timeout=3 * PATIENCE)
        return Done(process.returncode, out, err)

    def inside(self, node: str, *command: str) -> str:
        """What a command in a node prints; the test fails if it does."""
        done = self.run("exec", node, "--", *command)
        assert done.code == 0, done.err + done.out
        return done.out

    def inspected(self) -> dict[str, dict[str, Any]]:
        """The containers, by the names of their services."""
        ids = self.engine.docker("ps", "--all", "--quiet").split()
        found = json.loads(self.engine.docker("inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    @contextmanager
    def up(self) -> Iterator[None]:
        """Up while the context lasts; whatever a test that fails leaves is removed."""
        done = self.run("up")
        assert done.code == 0, done.err
        try:
            yield
        finally:
            if self.inspected():
                self.run("down")

    def until(self, is_so: str, *command: str) -> None:
        """Waits until a command in node n1 prints this."""
        deadline = time.monotonic() + PATIENCE
        while is_so not in (done := self.run("exec", "n1", "--", *command)).out:
            assert time.monotonic() < deadline, done


def secrets_of(program: Program) -> list[str]:
    return [path.read_text().strip() for path in (program.state / "deployments").glob("*/secrets/*")]


def mean_ms(said: str) -> float:
    found = re.search(r"min/avg/max/mdev = [\d.]+/([\d.]+)/", said)
    assert found is not None, said
    return float(found[1])


def test_eight_nodes_in_containers_are_the_network_of_the_scenario(program: Program, engine: Engine) -> None:
    before = engine.left()
    containers = Containers(program, engine, str(CONFIGS / "docker-8.toml"))
    with containers.up():
        _look_at_rights(program, containers)
        # Two links of 10 ms, there and back; a loaded machine adds to it, and nothing takes away from it.
        said = containers.inside("n1", "ping", "-c", "5", "-i", "0.2", "n3")
        assert "5 received" in said
        assert "PING n3 (10.0.0.3)" in said
        assert "ttl=63" in said
        assert 40 <= mean_ms(said) < 80
        assert "received" in containers.inside("n8", "ping", "-6", "-c", "1", "n1")
        containers.inside("n3", "iperf3", "--server", "--one-off", "--daemon")
        report = json.loads(containers.inside("n1", "iperf3", "--client", "n3", "--time", "3", "--json"))
        assert 5e6 < report["end"]["sum_received"]["bits_per_second"] < 20.5e6
        _kill_one(containers)
        listed = {row["service"]: row for row in json.loads(containers.run("ps", "--json").out)}
        assert (listed["dataplane-1"]["restarts"], listed["dataplane-2"]["restarts"]) == (1, 0)
        down = containers.run("down")
        assert down.code == 0, down.err
        assert "note: the container of node n2 (dataplane-1) died and was started again" in down.err
        assert re.search(r"opposite\s+n5\s+n8\s+completed", down.out), down.out
    assert engine.left() == before
    assert program.left_behind()["secrets"] == []
    assert not list((program.state / "deployments").iterdir())
    (result,) = (program.work / "runs").glob("docker-8-*/result.json")
    document = json.loads(result.read_text())
    assert document["status"] == "passed"
    assert document["folder"] == str(result.parent.relative_to(program.work))
    assert document["flows"][0]["bytes"] == 5_000_000


def _look_at_rights(program: Program, containers: Containers) -> None:
    """What each container may do, and where secrets are not."""
    found = containers.inspected()
    assert set(found) == {"controller", *(f"dataplane-{number}" for number in range(8))}
    for service, one in found.items():
        host = one["HostConfig"]
        assert not host["Privileged"]
        node = service != "controller"
        assert host["CapAdd"] == (["NET_ADMIN"] if node else None)
        assert [device["PathInContainer"] for device in host["Devices"] or []] == (
            ["/dev/net/tun"] if node else []
        )
        assert host["PortBindings"] in ({}, None)
        if node:
            assert (host["Memory"], host["NanoCpus"]) == (256 * 2**20, 10**9)
        else:
            assert (one["Config"]["User"], host["CapDrop"]) == ("10001:10001", ["ALL"])
    text = json.dumps(found) + (program.state / "deployments/docker-8/compose.yaml").read_text()
    processes = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert "--token-file /run/secrets/token" in processes
    for secret in secrets_of(program):
        assert secret not in text
        assert secret not in processes


def _kill_one(containers: Containers) -> None:
    """Ends the process of node n2 as the kernel does: its container starts again, and the network heals."""
    victim = containers.inspected()["dataplane-1"]
    os.kill(victim["State"]["Pid"], signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while containers.inspected()["dataplane-1"]["RestartCount"] == 0:
        assert time.monotonic() < deadline
    containers.until("1 received", "ping", "-c", "1", "-W", "1", "n3")


def test_a_container_that_dies_for_good_is_told_of_and_others_run_beside(
    program: Program, engine: Engine
) -> None:
    before = engine.left()
    containers = Containers(program, engine, program.write(PAIR))
    other = Containers(program, engine, program.write(INSIDE.replace("pair", "other"), "other.toml"))
    sharing = ("--nodes-per-container", "2")
    up = containers.run("up", *sharing, "--json")
    assert up.code == 0, up.err
    assert [one["nodes"] for one in up.document["services"]] == [[], ["n1", "n2"], ["n3", "n4"]]
    again = containers.run("up", *sharing)
    assert (again.code, "is up in containers here already" in again.err) == (2, True), again.err
    with other.up():
        assert "0% packet loss" in other.inside("n1", "ping", "-c", "1", "n2")
        for one in containers.inspected().values():
            assert one["HostConfig"]["CapAdd"] in (None, ["NET_ADMIN"])
        nobody = other.run("exec", "n9", "--", "true")
        assert (nobody.code, "no container of 'n9'" in nobody.err) == (2, True), nobody.err
        assert other.run("exec", "n1", "--", "sh", "-c", "exit 7").code == 7
        assert "the network is in force" in other.run("logs", "controller").out
        assert other.run("down").code == 0
    victim = containers.engine.docker("ps", "--quiet", "--filter", "name=pair_dataplane-1").strip()
    engine.docker("kill", victim)
    down = containers.run("down")
    assert down.code == 1, down.err
    assert "error: the container of nodes n3, n4 (dataplane-1) had ended with exit status 137" in down.err
    assert engine.left() == before


def test_what_cannot_start_says_why_and_is_removed(program: Program, engine: Engine) -> None:
    before = engine.left()
    # Addresses that the engine gives to networks: those of nodes cannot be the same.
    taken = INSIDE.replace("[network]", f'[network]\nprefix = "{POOL}"')
    taken += "".join(f'[[nodes]]\nname = "n{n}"\naddress = "192.168.{95 + n}.9"\n' for n in (1, 2))
    containers = Containers(program, engine, program.write(taken))
    done = containers.run("up")
    assert done.code == 1, done.err
    assert "error: the container of node n" in done.err
    assert "which is the network that connects containers" in done.err
    assert engine.left() == before
    others = [f"other-{number}" for number in (1, 2)]
    for network in others:
        engine.docker("network", "create", network)
    full = containers.run("up")
    engine.docker("network", "rm", *others)
    assert full.code == 2, full.err
    assert "the engine has no addresses left for another network" in full.err
    assert "docker network prune" in full.err
    assert engine.left() == before
    late = containers.run("up", "--patience", "1")
    assert late.code == 1, late.err
    assert "the containers were not ready within 1 seconds" in late.err
    assert "--patience" in late.err
    assert engine.left() == before
    assert not list((program.state / "deployments").iterdir())


def test_an_interrupt_while_it_starts_removes_what_there_is(program: Program, engine: Engine) -> None:
    before = engine.left()
    containers = Containers(program, engine, program.write(INSIDE))
    starting = containers.start("up")
    deadline = time.monotonic() + PATIENCE
    while not containers.inspected():
        assert time.monotonic() < deadline
        assert starting.poll() is None
    starting.send_signal(signal.SIGINT)
    done = program.finish(starting)
    assert done.code == 130, done.err
    assert engine.left() == before


def test_a_missing_image_is_told_of(program: Program, engine: Engine) -> None:
    containers = Containers(program, engine, program.write(INSIDE))
    done = containers.run("up", "--image", "nobody/has:this")
    assert done.code == 2
    assert "error: the Docker engine has no image nobody/has:this; build it" in done.err
    down = containers.run("down")
    assert (down.code, "'pair' is not up in containers here" in down.err) == (2, True), down.err


@pytest.mark.parametrize(
    ("path", "host", "told"),
    [
        ("", None, "there is no program docker here"),
        ("docker", "unix:///nowhere/docker.sock", "no Docker engine answers"),
        ("docker", None, "there is neither `docker compose` nor docker-compose here"),
    ],
)
def test_a_machine_without_docker_is_told_what_to_install(
    program: Program, engine: Engine, tmp_path: Path, path: str, host: str | None, told: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in path.split():
        (tools / name).symlink_to(engine.program(name))
    containers = Containers(program, engine, program.write(INSIDE))
    program.environment |= {"PATH": str(tools)} | ({} if host is None else {"DOCKER_HOST": host})
    done = containers.run("up")
    assert done.code == 2, done.err
    assert told in done.err
    assert not (program.state / "deployments").exists()


def test_what_no_container_can_have_is_refused_and_nothing_is_written(program: Program) -> None:
    scenario = program.write(f'{INSIDE}\n[[apps]]\nnode = "n1"\nname = "a"\ncommand = "true"\n')
    for words in ([], ["up"]):
        done = program.run("compose", scenario, *words)
        assert done.code == 2
        assert "apps: programs of a scenario do not run in containers" in done.err
    assert not (program.state / "deployments").exists()


def test_a_document_is_printed_for_who_starts_it_himself(program: Program) -> None:
    scenario = program.write(INSIDE)
    first, second = program.run("compose", scenario), program.run("compose", scenario)
    assert first.code == 0, first.err
    assert first.out == second.out == (program.state / "deployments/pair/compose.yaml").read_text()
    assert "image: nextmini:latest" in first.out
    for secret in secrets_of(program):
        assert secret not in first.out
