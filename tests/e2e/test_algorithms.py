"""Algorithms as plugins: in a scenario, and on a running experiment by the address of its database alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import asyncpg
from program import CONFIGS, PATIENCE, assert_complete
from test_live import up

from nextmini.store.cluster import socket_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from program import Program

TWO_WAYS = """
[experiment]
name = "ways"
interval = "50 ms"
[topology]
kind = "custom"
nodes = ["a", "b", "c", "d"]
[[links]]
ends = ["a", "b"]
rate = "20 Mbit/s"
[[links]]
ends = ["b", "d"]
rate = "20 Mbit/s"
[[links]]
ends = ["a", "c"]
rate = "20 Mbit/s"
cost = 2
[[links]]
ends = ["c", "d"]
rate = "20 Mbit/s"
cost = 2
[[flows]]
name = "bulk"
source = "a"
destination = "d"
"""
MOVED = "SELECT status FROM flow_state JOIN flows ON flows.id = flow AND name = 'moved'"
FOR_EVER = TWO_WAYS + 'duration = "1 h"\n'

BROKEN = """
import os, time
from nextmini.algorithms import Algorithm

class Broken(Algorithm):
    def on_start(self, network):
        if "{moment}" == "start":
            self.fail()

    def on_flow_metrics(self, network, samples):
        if "{moment}" == "metrics":
            self.fail()

    def fail(self):
        {failure}
"""


FAILING = {
    "raises": ("metrics", "raise ValueError('too much')", "stop"),
    "hangs": ("metrics", "time.sleep(1000)", "stop"),
    "exits": ("metrics", "os._exit(7)", "stop"),
    "again": ("start", "{}[3]", "restart"),
}


def result_of(program: Program, text: str, code: int) -> dict[str, Any]:
    """What a scenario comes to."""
    done = program.run("run", program.write(text), "--json")
    assert done.code == code, done.err
    return done.document


def log_of(program: Program, name: str) -> str:
    (log,) = (program.work / "runs").glob(f"*/logs/algorithm-{name}.log")
    return log.read_text()


def database_url(program: Program) -> str:
    """The address of the embedded server: all that an algorithm elsewhere would have."""
    folder = socket_folder(program.state / "postgres")
    return f"postgresql://nextmini@/postgres?host={folder}&port=5432"


def attach(program: Program, use: str, *options: str) -> subprocess.Popen[str]:
    """Starts an algorithm with nothing but a database and a name; returns when it runs."""
    environment = program.environment | {"NEXTMINI_STATE": str(program.home / "elsewhere")}
    where = ("--database-url", database_url(program), "--experiment", "ways")
    process = subprocess.Popen(
        [sys.executable, "-m", "nextmini.cli.main", "algorithm", "run", use, *where, *options],
        cwd=program.work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if " runs on experiment " in line:
            return process
    raise AssertionError(program.finish(process))


def child_of(pid: int) -> int:
    """The process of the algorithm that `nextmini algorithm run` has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        (child,) = file.read().split()
    return int(child)


def sql(program: Program, *statements: str) -> list[asyncpg.Record]:
    """The rows of the last one: programs are slow to start, and much is asked here."""

    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url(program), server_settings={"search_path": "ways"})
        rows = [await connection.fetch(statement) for statement in statements]
        await connection.close()
        return rows[-1]

    return asyncio.run(ask())


def until_state(program: Program, **wanted: object) -> dict[str, Any]:
    """What is noted of the only algorithm, once it is as wanted."""
    while True:
        (row,) = sql(program, "SELECT * FROM algorithm_state")
        if all(row[key] == value for key, value in wanted.items()):
            return dict(row)


def test_what_it_decides_at_its_start_is_in_force_before_flows_begin(program: Program) -> None:
    plugin = """
from nextmini.algorithms import Algorithm

class Lower(Algorithm):
    def on_start(self, network):
        a, c, d = (network.node_named(name).id for name in "acd")
        assert all(node.up for node in network.nodes.values())
        assert all(link.up for link in network.links.values())
        assert [flow.status for flow in network.flows.values()] == ["waiting"]
        network.add_route([a, c, d])
        network.add_route([d, c, a])
"""
    program.write(plugin, "lower.py")
    algorithm = '[[algorithms]]\nuse = "lower.py"\n'
    document = result_of(program, TWO_WAYS + 'size = "500 kB"\n' + algorithm, 0)
    assert_complete(document, 1)
    assert document["flows"][0]["route"] == ["a", "c", "d"]
    carried = {(link["from"], link["to"]): link["bytes"] for link in document["link_stats"]}
    assert carried["a", "b"] == carried["b", "d"] == 0
    (entry,) = document["algorithms"]
    assert entry | {"last_ms": None, "algorithm": ""} == {
        "name": "lower",
        "algorithm": "",
        "status": "stopped",
        "restarts": 0,
        "decisions": 1,
        "last_ms": None,
        "reason": None,
    }
    assert entry["algorithm"] == str(program.work / "lower.py")


def test_with_the_database_alone_it_moves_a_flow_away_from_a_cut(
    program: Program, record_property: Callable[[str, object], None]
) -> None:
    """And the flow completes, with nothing of it lost; how long the decision took is in the report."""
    up(program, FOR_EVER)
    attached = attach(program, str(CONFIGS / "detour.py"), "--set", "longest=3")
    assert program.run("flow", "add", "a", "d", "--name", "moved", "--size", "5 MB").code == 0
    sql(program, "UPDATE links SET up = false WHERE id = 2")
    found = until_state(program, status="running", decisions=1)
    assert found["name"] == "detour"
    assert found["last_ms"] > 0
    record_property("ms from the wake-up to the decision's commit", found["last_ms"])
    while sql(program, MOVED)[0]["status"] == "running":
        pass
    # Killed, it is started again, and is at work: the flow that has no end goes back.
    child = child_of(attached.pid)
    os.kill(child, signal.SIGKILL)
    found = until_state(program, status="running", restarts=1)
    assert found["reason"] == "its process was killed by SIGKILL"
    sql(program, "UPDATE links SET up = true WHERE id = 2", "UPDATE links SET up = false WHERE id = 4")
    until_state(program, status="running", decisions=2)
    (shown,) = program.run("status", "--json").document["algorithms"]
    assert (shown["name"], shown["restarts"], shown["decisions"]) == ("detour", 1, 2)
    child = child_of(attached.pid)
    attached.send_signal(signal.SIGINT)
    ended = program.finish(attached)
    assert (ended.code, os.path.exists(f"/proc/{child}")) == (130, False)
    assert "algorithm detour failed: its process was killed by SIGKILL; it is started again" in ended.err
    # Another one ends with the experiment.
    other = attach(program, str(CONFIGS / "detour.py"))
    listed = json.loads(program.run("algorithm", "list", "--json").out)["running"]
    assert [(one["name"], one["status"], one["restarts"]) for one in listed] == [("detour", "running", 0)]
    where = ("--database-url", database_url(program), "--experiment", "another")
    refused = program.run("algorithm", "run", str(CONFIGS / "detour.py"), *where)
    assert refused.code == 2
    assert "there is no experiment 'another' in " in refused.err
    assert "there: ways" in refused.err
    result = program.run("down", "--json").document
    (moved,) = (flow for flow in result["flows"] if flow["name"] == "moved")
    assert (moved["status"], moved["bytes"], moved["route"]) == ("completed", 5_000_000, ["a", "c", "d"])
    assert moved["checksum"].startswith("xxh3:")
    (long,) = (flow for flow in result["flows"] if flow["name"] == "bulk")
    assert (long["status"], long["route"]) == ("stopped", ["a", "b", "d"])
    ended = program.finish(other)
    assert ended.code == 0, ended.err
    assert "the experiment has ended" in ended.err


def test_those_that_fail_are_reported_and_the_network_goes_on(program: Program) -> None:
    text = TWO_WAYS + 'size = "3 MB"\n'
    for name, (moment, failure, policy) in FAILING.items():
        program.write(BROKEN.format(moment=moment, failure=failure), f"{name}.py")
        text += f'[[algorithms]]\nuse = "{name}.py"\non_failure = "{policy}"\ntimeout = "200 ms"\n'
    done = program.run("run", program.write(text), "--json")
    assert done.code == 1
    assert done.document["status"] == "failed"
    assert [flow["status"] for flow in done.document["flows"]] == ["completed"]
    entries = {entry["name"]: entry for entry in done.document["algorithms"]}
    assert {(entry["status"], entry["decisions"]) for entry in entries.values()} == {("failed", 0)}
    assert {name: entry["restarts"] for name, entry in entries.items()} == {
        **{"raises": 0, "hangs": 0, "exits": 0},
        "again": 4,
    }
    told = {name: entry["reason"] for name, entry in entries.items()}
    assert told["raises"] == "on_flow_metrics: ValueError: too much (in fail, raises.py:15)"
    assert told["hangs"] == "on_flow_metrics did not return within 0.2 s; it is in fail, hangs.py:15"
    assert told["exits"].startswith("its process ended with exit status 7; it")
    assert told["again"].startswith("on_start: KeyError: 3 (in fail, again.py:15); it has failed 5 times")
    for name, reason in told.items():
        assert f"error: algorithm {name} failed: {reason}" in done.err
    assert log_of(program, "raises").rstrip().endswith("ValueError: too much")
    assert "line 15, in fail" in log_of(program, "hangs")
    assert log_of(program, "again").count("Traceback") == 5


DURING = """
import os, signal
from pathlib import Path
from nextmini.algorithms import Algorithm

class During(Algorithm):
    '''Decides for the second time at a moment when the database has just died.'''

    def on_start(self, network):
        network.add_route([1, 2, 4])

    def on_flow_metrics(self, network, samples):
        pid = Path("{pid}")
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGKILL)
            pid.unlink()
            network.add_route([1, 3, 4], weight=7)
"""


def test_a_decision_outlives_the_database(program: Program) -> None:
    pid = program.home / "database.pid"
    program.write(DURING.format(pid=pid), "during.py")
    up(program, FOR_EVER + '[[algorithms]]\nuse = "during.py"\non_failure = "stop"\n')
    (program.home / "new.pid").write_text(str(program.database()))
    (program.home / "new.pid").rename(pid)
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline
        listed = program.run("route", "list", "--json")  # which fails as long as the database is away
        if listed.code == 0 and any(route["weight"] == 7 for route in json.loads(listed.out)):
            break
    done = program.run("down", "--json")
    assert done.code == 0, done.err
    (entry,) = done.document["algorithms"]
    assert (entry["status"], entry["restarts"], entry["decisions"]) == ("stopped", 0, 2)
    assert entry["reason"] is None
    assert log_of(program, "during") == ""


def test_what_cannot_be_is_refused_before_anything_starts(program: Program) -> None:
    program.write((CONFIGS / "detour.py").read_text(), "detour.py")
    lines = '[[algorithms]]\nuse = "detour.py"\nparameters = { longst = 4 }\n'
    file = program.write(FOR_EVER + lines + '[[algorithms]]\nuse = "shortest-pth"\n')
    for command in ("run", "up", "validate"):
        done = program.run(command, file)
        assert done.code == 2
        parameter, name = done.err.splitlines()
        place = len(FOR_EVER.splitlines())
        told = "algorithms[0].parameters.longst: unknown key; did you mean longest?"
        assert parameter == f"error: {file}:{place + 3}: {told}"
        told = 'algorithms[1].use: there is no algorithm "shortest-pth"; '
        assert name.startswith(f"error: {file}:{place + 5}: {told}")
        assert not (program.work / "runs").exists()


def test_a_new_one_passes_its_checks_and_runs(program: Program) -> None:
    made = program.run("algorithm", "new", "busy-links")
    assert (made.code, made.out) == (0, "busy-links.py\n")
    assert program.run("algorithm", "new", "busy-links").code == 2
    checked = program.run("algorithm", "check", "busy-links.py", "--json")
    assert checked.code == 0, checked.out
    assert [one["passed"] for one in checked.document["checks"]] == [True] * 6
    assert checked.document["class"] == "BusyLinks"
    algorithm = '[[algorithms]]\nuse = "busy-links.py"\nparameters = { limit = "50 %" }\n'
    document = result_of(program, TWO_WAYS + 'size = "2 MB"\n' + algorithm, 0)
    assert document["algorithms"][0]["status"] == "stopped"
    assert document["algorithms"][0]["decisions"] >= 1
    assert log_of(program, "busy-links") == "4 nodes, 4 links\n"


def test_one_that_does_not_settle_fails_its_check(program: Program) -> None:
    plugin = """
from nextmini.algorithms import Algorithm

class Restless(Algorithm):
    def on_link_metrics(self, network, samples):
        for link in network.links.values():
            network.set_cost(link, link.cost + 1)
"""
    program.write(plugin, "restless.py")
    done = program.run("algorithm", "check", "restless.py")
    assert done.code == 1
    assert "failed  settles when nothing changes" in done.out
    assert done.out.count("failed  ") == 1


def test_its_example_is_copied_with_the_file_that_it_needs(program: Program) -> None:
    done = program.run("example", "copy", "plugin")
    assert (done.code, done.out) == (0, "plugin.toml\ndetour.py\n")
    for name in ("plugin.toml", "detour.py"):
        assert (program.work / name).read_text() == (CONFIGS / name).read_text()
