"""Machines far apart form one network: sites join, links cross NAT, and who is missing is told of."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from places import Places
from program import CONFIGS, PATIENCE
from test_live import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from program import Done, Program

NETWORK = """
[topology]
kind = "ring"
nodes = 6
"""
FAR = f"""
[experiment]
name = "far"
[controller]
listen = "0.0.0.0:7700"
public = "198.51.100.2"
{NETWORK}
[[links]]
ends = ["n6", "n1"]
transport = "tls"
[[sites]]
name = "lab"
nodes = ["n1..n3"]
public = "203.0.113.2"
ports = "7000-7010"
[[sites]]
name = "home"
nodes = ["n4..n6"]
ports = "7000-7010"
[[flows]]
name = "in"
source = "n1"
destination = "n4"
size = "1 MB"
[[flows]]
name = "out"
source = "n5"
destination = "n2"
size = "1 MB"
"""
NEAR = f"""
[experiment]
name = "near"
{NETWORK}
[[sites]]
name = "lab"
nodes = ["n1..n3"]
public = "127.0.0.1"
[[sites]]
name = "home"
nodes = ["n4..n6"]
patience = "1 s"
[[flows]]
name = "away"
source = "n2"
destination = "n5"
size = "1 MB"
[[flows]]
name = "within"
source = "n1"
destination = "n3"
size = "1 MB"
"""


class Controller:
    """A controller that listens, and those that have joined it."""

    def __init__(self, program: Program, process: subprocess.Popen[str], said: dict[str, Any]) -> None:
        self.program = program
        self.said = said
        self.log: list[str] = []
        self._process = process
        self._joined: list[subprocess.Popen[str]] = []

    def join(self, site: str, *more: str, under: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Runs what is to be run at a site; the token is on this machine, whatever it is called there."""
        words = shlex.split(self.said["join"][site])
        words[words.index("--token-file") + 1] = self.said["token_file"]
        process = self.program.start(*words[1:], *more, under=under)
        self._joined.append(process)
        return process

    def until_logged(self, pattern: str) -> None:
        """Waits for a line of its log."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if re.search(pattern, line):
                return
        raise AssertionError(self.log)

    def send(self, source: str, destination: str) -> dict[str, Any]:
        """A flow that completes only if what arrived has the checksum of what was sent."""
        done = self.program.run(*("flow", "add", source, destination, "--size", "1 MB", "--wait", "--json"))
        assert done.code == 0, done
        return done.document

    def status(self, enough: Callable[[dict[str, Any]], object] = lambda _: True) -> dict[str, Any]:
        """Where it stands, as soon as that is enough."""
        until = time.monotonic() + PATIENCE
        while True:
            status = self.program.run("status", "--json").document
            if enough(status):
                return status
            assert time.monotonic() < until, status

    def end(self) -> None:
        """Ends it, and has those end that have joined."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=PATIENCE)
        for process in self._joined:
            process.communicate(timeout=PATIENCE)


@contextmanager
def controller(program: Program, scenario: str, under: tuple[str, ...] = ()) -> Iterator[Controller]:
    process = program.start("controller", program.write(scenario), "--json", under=under)
    with ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        text = "".join(iter(process.stdout.readline, "}\n")) + "}"
        found = Controller(program, process, json.loads(text))
        stack.callback(found.end)
        yield found


def flows(status: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {flow["name"]: (flow["status"], flow["reason"]) for flow in status["flows"]}


def test_sites_form_one_network_across_a_nat_and_heal(program: Program) -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces of machines need root")
    with Places(program.own) as places, controller(program, FAR, places.at("controller")) as running:
        assert "--join wss://198.51.100.2:7700/dataplane " in running.said["join"]["home"]
        lab, home = (running.join(site, under=places.at(site)) for site in ("lab", "home"))
        running.until_logged("flows are handed out")
        dialled_in = subprocess.run(
            [*places.at("lab"), "bash", "-c", "exec 3<>/dev/tcp/192.168.77.2/7000"],
            capture_output=True,
            check=False,
        )
        assert dialled_in.returncode != 0, "nobody can connect to a machine behind NAT"
        assert {running.send("n6", "n2")["status"], running.send("n3", "n5")["status"]} == {"completed"}
        status = running.status(lambda found: len(found["paths"]) == 2)
        assert {flows(status)[name][0] for name in ("in", "out")} == {"completed"}
        assert [site["status"] for site in status["sites"]] == ["joined", "joined"]
        paths = {tuple(path["link"]): path for path in status["paths"]}
        assert set(paths) == {("n3", "n4"), ("n6", "n1")}
        assert all(0 < path["rtt_ms"] < 1000 * PATIENCE for path in paths.values())
        link = program.run("link", "n3", "n4", "show", "--json").document
        assert (link["transport"], link["status"]) == ("quic", "up")
        assert link["forward"]["path"]["rtt_ms"] > 0
        home.kill()
        running.until_logged("lost dataplane process 1")
        running.join("home", under=places.at("home"))
        running.until_logged("dataplane process 1 .* connected")
        assert running.send("n1", "n4")["status"] == "completed"
        assert lab.poll() is None


def test_a_site_that_does_not_join_is_told_of_and_may_come_later(program: Program) -> None:
    with controller(program, NEAR) as running:
        assert running.said["token_file"] in running.said["join"]["lab"]
        running.join("lab")
        running.until_logged("the site home did not join within 1 s; there, run: nextmini dataplane --join ")
        running.until_logged("flows are handed out")
        status = running.status()
        state, reason = flows(status)["away"]
        assert (state, reason is not None and reason.endswith("--site home")) == ("failed", True)
        assert [site["status"] for site in status["sites"]] == ["joined", "missing"]
        # The way the other way round the ring is as missing as this one.
        assert "the site home did not join within 1 s" in {one["reason"] for one in status["troubles"]}
        assert running.send("n3", "n1")["status"] == "completed"
        running.join("home")
        running.until_logged("the site home has joined with process 1")
        assert running.send("n5", "n2")["status"] == "completed"
        assert {site["status"] for site in running.status()["sites"]} == {"joined"}


def test_who_cannot_join_is_told_why(program: Program) -> None:
    with controller(program, NEAR) as running, socket.socket() as other:

        def denied(site: str, *more: str) -> Done:
            return program.finish(running.join(site, *more))

        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = denied("lab", "--listen", "127.0.0.1:0", "--ports", f"{port}-{port}")
        assert taken.code == 1
        assert f"each of the ports {port}-{port} has another program" in taken.err
        running.join("lab")
        running.until_logged("the site lab has joined")
        full = denied("lab")
        assert full.code == 1
        assert "nobody is missing at the site lab: its process is connected" in full.err
        words = shlex.split(running.said["join"]["lab"])[1:]
        words[words.index("--site") + 1] = "lbb"
        wrong = program.run(*words)
        assert 'there is no site "lbb"; did you mean "lab"?' in wrong.err


def test_what_cannot_be_is_refused_before_anything_starts(program: Program) -> None:
    both = FAR.replace('public = "203.0.113.2"\n', "")
    told = refused(program, "controller", program.write(both))
    assert 'neither of "home" and "lab" has an address that the other reaches' in told
    told = refused(program, "run", str(CONFIGS / "sites.toml"))
    assert "use `nextmini controller FILE`, which tells what to run at each site" in told
