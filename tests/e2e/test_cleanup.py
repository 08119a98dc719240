"""What killed experiments leave, and that `nextmini cleanup` removes all of it and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from program import PATIENCE, Done

if TYPE_CHECKING:
    from program import Program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

MOMENTS = 8
OURS = ("nextmini.cli.main", "nextmini.experiment.supervisor", "nextmini.dataplane")


def scenario(program: Program, name: str = "", deaf: str = "trap '' TERM; ") -> str:
    """Writes one with programs that do not end by themselves: one of them not even when asked to."""
    own = program.own
    text = f"""
[experiment]
name = "{own}{name}"
processes = 2
[network]
isolation = "namespace"
[topology]
kind = "line"
nodes = ["{own}a", "{own}b", "{own}c"]
[[apps]]
node = "{own}a"
name = "server"
command = ["python3", "-u", "-m", "http.server", "80"]
ready = "tcp:80"
background = true
[[apps]]
node = "{own}c"
name = "deaf"
command = "{deaf}setsid sleep 1000 & while :; do sleep 0.1; done"
"""
    return program.write(text, f"{own}{name}.toml")


def up(program: Program, name: str = "") -> dict[str, Any]:
    done = program.run("up", scenario(program, name), "--json")
    assert done.code == 0, done.err
    deadline = time.monotonic() + PATIENCE
    # The deaf shell, and what it has started.
    while len(program.processes("sleep 1000")) < 2:
        assert time.monotonic() < deadline
    return done.document


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ours(program: Program, *words: str) -> list[int]:
    return [pid for word in words for pid in program.processes(word)]


def clean(program: Program) -> Done:
    done = program.run("cleanup", "--json")
    assert (done.code, done.err) == (0, ""), done
    return done


def assert_nothing_left(program: Program) -> None:
    """What ends by itself may take a moment to be gone."""
    deadline = time.monotonic() + PATIENCE
    while program.processes():
        assert time.monotonic() < deadline, program.left_behind()
    left = program.left_behind()
    del left["work"]
    assert left == {key: [] for key in left}
    assert list((program.state / "experiments").glob("*")) == []


def test_where_nothing_has_ever_run(program: Program) -> None:
    done = program.run("cleanup")
    assert (done.code, done.out, done.err) == (0, "", "nothing to clean up\n")
    assert clean(program).document == {"experiments": [], "database_server": False}
    assert list(program.state.iterdir()) == []


@pytest.mark.parametrize(
    "victims",
    [
        ["nextmini.experiment.supervisor"],
        ["nextmini.experiment.supervisor", "nextmini.dataplane"],
        ["nextmini.experiment.supervisor", "nextmini.dataplane", "bin/postgres"],
    ],
    ids=["supervisor", "supervisor and dataplane", "all"],
)
def test_what_a_killed_experiment_has_left_is_removed(program: Program, victims: list[str]) -> None:
    up(program)
    kill(ours(program, *victims))
    left = program.left_behind()
    own = program.own
    nodes = [f"{own}-{own}{letter}" for letter in "abc"]
    assert left["namespaces"] == nodes
    assert left["mounts"]
    assert len(program.processes("http.server")) == 1
    done = clean(program)
    (entry,) = done.document["experiments"]
    assert (entry["experiment"], entry["namespaces"]) == (own, nodes)
    assert entry["processes"] >= 3, "the server, the deaf one, and what it has started"
    assert done.document["database_server"] == ("bin/postgres" not in victims)
    assert_nothing_left(program)
    assert program.run("cleanup").err == "nothing to clean up\n"


def test_what_nodes_with_a_process_each_have_left_is_removed(program: Program) -> None:
    name = scenario(program)
    path = program.work / name
    path.write_text(path.read_text().replace("processes = 2", "").replace('"namespace"', '"process"'))
    assert program.run("up", name).code == 0
    kill(ours(program, *OURS))
    (entry,) = clean(program).document["experiments"]
    assert f"{program.own}.hub" in entry["namespaces"]
    assert len(entry["namespaces"]) == 4
    assert_nothing_left(program)


def test_it_is_told_in_words(program: Program) -> None:
    up(program)
    kill(ours(program, *OURS))
    done = program.run("cleanup")
    assert (done.code, done.err) == (0, ""), done
    first, second = done.out.splitlines()
    assert first.startswith(f"{program.own}: removed, with 3 network namespaces and ")
    assert second == "database server: stopped, nobody used it"
    assert_nothing_left(program)


def test_a_dataplane_process_that_is_stopped_is_ended_too(program: Program) -> None:
    up(program)
    for pid in ours(program, "nextmini.dataplane"):
        os.kill(pid, signal.SIGSTOP)
    kill(ours(program, "nextmini.experiment.supervisor"))
    clean(program)
    assert_nothing_left(program)


def test_a_killed_dataplane_process_leaves_nothing_to_clean_up(program: Program) -> None:
    up(program)
    kill(ours(program, "nextmini.dataplane")[:1])
    assert_nothing_left(program)
    assert clean(program).document == {"experiments": [], "database_server": False}


def test_running_experiments_are_left_alone(program: Program) -> None:
    killed, running = up(program, "k"), up(program, "r")
    os.kill(killed["pid"], signal.SIGKILL)
    done = clean(program)
    assert [entry["experiment"] for entry in done.document["experiments"]] == [killed["experiment"]]
    assert not done.document["database_server"], "it is in use"
    own = program.own
    fetched = program.run("exec", f"{own}c", "--", "wget", "-q", "-O", "-", f"http://{own}a/")
    assert (fetched.code, "<html" in fetched.out) == (0, True), fetched
    assert clean(program).document == {"experiments": [], "database_server": False}
    down = program.run("down", "--json")
    assert (down.code, down.document["experiment"]) == (0, running["experiment"]), down
    assert_nothing_left(program)


@pytest.mark.parametrize("command", ["run", "up"])
def test_killed_at_any_moment(program: Program, command: str) -> None:
    name = scenario(program, deaf="")
    began = time.monotonic()
    assert program.run("up", name).code == 0
    took = time.monotonic() - began
    assert program.run("down").code == 0
    for moment in range(MOMENTS):
        process = program.start(command, name)
        # Not a wait for an event: the moments are to be anywhere.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=took * (moment + 0.5) / MOMENTS)
        kill(ours(program, *OURS))
        process.communicate(timeout=PATIENCE)
        clean(program)
        assert_nothing_left(program)


def test_the_first_start_of_all_killed_at_any_moment(program: Program) -> None:
    """When it makes the database."""
    for moment in range(MOMENTS):
        process = program.start("up", scenario(program, deaf=""))
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25 * (moment + 1))
        kill(ours(program, *OURS))
        process.communicate(timeout=PATIENCE)
        clean(program)
        assert_nothing_left(program)
        subprocess.run(["rm", "-rf", program.state / "postgres"], check=True)


def test_what_takes_root_says_so_and_stays(program: Program) -> None:
    up(program)
    kill(ours(program, *OURS))
    # Root of the files, but not of the machine.
    powerless = ["unshare", "--user", "--map-user=1000", "--map-group=1000", sys.executable, "-m"]
    done = subprocess.run(
        [*powerless, "nextmini.cli.main", "cleanup"],
        cwd=program.work,
        env=program.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("error: network namespaces cannot be removed: ")
    assert done.stderr.endswith("run `nextmini cleanup` as root\n")
    assert len(program.left_behind()["namespaces"]) == 3
    (entry,) = clean(program).document["experiments"]
    assert len(entry["namespaces"]) == 3
    assert_nothing_left(program)
