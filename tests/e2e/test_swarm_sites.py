"""`nextmini swarm` over two machines: two engines, each in a network namespace, with a cable between them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker_engine import IMAGE, Engine
from test_swarm import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Program

# Two engines have to have the image.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SITES = """
[experiment]
name = "ring"
[controller]
listen = "0.0.0.0:7700"
[topology]
kind = "line"
nodes = 4
[[links]]
ends = ["n2", "n3"]
congestion = "reno"
[[sites]]
name = "lab"
nodes = ["n1", "n2"]
public = "192.0.2.7"
[[sites]]
name = "cloud"
nodes = ["n3", "n4"]
[[flows]]
name = "there"
source = "n1"
destination = "n4"
size = "2 MB"
"""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    first, second = (Engine(tmp_path_factory.mktemp("docker")) for _ in range(2))
    try:
        for one in (first, second):
            one.start()
        first.build()
        with (
            subprocess.Popen(
                ["docker", "save", IMAGE], env=first.environment, stdout=subprocess.PIPE
            ) as saving,
        ):
            subprocess.run(["docker", "load"], env=second.environment, stdin=saving.stdout, check=True)
        assert saving.returncode == 0
        join(first, second)
        yield first, second
        for one in (second, first):
            one.docker("swarm", "leave", "--force")
            one.docker("network", "rm", "docker_gwbridge")
    finally:
        first.stop()
        second.stop()


def join(first: Engine, second: Engine) -> None:
    """Puts a cable between two engines and makes them a swarm, of which the first is the manager."""
    pids = [process_of(first), process_of(second)]
    cable = f"ip link add cable netns {pids[0]} type veth peer name cable netns {pids[1]}"
    subprocess.run(cable.split(), check=True)
    for number, pid in enumerate(pids, 1):
        for words in (f"addr add 10.77.0.{number}/24 dev cable", "link set cable up"):
            subprocess.run(["nsenter", f"--target={pid}", "--net", "ip", *words.split()], check=True)
    first.docker("swarm", "init", "--advertise-addr", "10.77.0.1")
    token = first.docker("swarm", "join-token", "--quiet", "worker").strip()
    second.docker("swarm", "join", "--token", token, "10.77.0.1:2377")


def process_of(engine: Engine) -> str:
    return (engine.folder / "pid").read_text().strip()


def received(engine: Engine) -> int:
    """Bytes that have come over the cable."""
    lines = Path(f"/proc/{process_of(engine)}/net/dev").read_text().splitlines()
    (line,) = (line for line in lines if line.strip().startswith("cable:"))
    return int(line.partition(":")[2].split()[0])


def services(engine: Engine) -> list[str]:
    return engine.lines("ps", "--format", '{{.Label "com.docker.swarm.service.name"}}')


def test_processes_are_on_machines_of_their_sites(program: Program, machines: tuple[Engine, Engine]) -> None:
    first, second = machines
    lab = Deployed(program, first, SITES)
    spread = ("deploy", "--nodes-per-container", "2")
    refused = lab.run(*spread, "--patience", "5")
    assert refused.code == 1
    assert "scheduling constraints not satisfied on 2 nodes" in refused.err
    assert "docker node update --label-add nextmini.site=SITE MACHINE" in refused.err
    lab.assert_nothing_left()
    (manager,) = first.lines("node", "ls", "--quiet", "--filter", "role=manager")
    (worker,) = first.lines("node", "ls", "--quiet", "--filter", "role=worker")
    first.docker("node", "update", "--label-add", "nextmini.site=lab", manager)
    first.docker("node", "update", "--label-add", "nextmini.site=cloud", worker)
    worked = Deployed(program, second, SITES).run("ps")
    assert worked.code == 2
    assert "is a worker of its swarm, not a manager" in worked.err
    before = received(second)
    lab = Deployed(program, first, SITES)
    lab.deployed("--nodes-per-container", "2")
    lab.until_completed()
    assert services(first) == ["ring_controller", "ring_dataplane-0"]
    assert services(second) == ["ring_dataplane-1"]
    assert received(second) - before > 2_000_000
    ended = lab.run("remove", "--json")
    assert ended.code == 0, ended.err
    assert [flow["status"] for flow in ended.document["flows"]] == ["completed"]
    lab.assert_nothing_left()
    assert services(second) == []
