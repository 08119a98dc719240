"""The interactive shell, `ping` and `iperf`, on nodes with namespaces."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typist import Typist

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Program

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="namespaces need root and TUN devices"
)

LINE = """
[experiment]
name = "shell-{name}"
[network]
isolation = "{isolation}"
[topology]
kind = "line"
nodes = 3
"""


def scenario(program: Program, name: str, isolation: str = "namespace") -> str:
    return program.write(LINE.format(name=name, isolation=isolation), f"{name}.toml")


def namespaces(name: str) -> list[str]:
    folder = Path("/run/netns")
    there = os.listdir(folder) if folder.exists() else []
    return sorted(one for one in there if one.startswith(f"shell-{name}-"))


@pytest.fixture
def running(program: Program) -> Iterator[str]:
    """The name of an experiment in the background."""
    done = program.run("up", scenario(program, "bg"))
    assert done.code == 0, done.err
    yield "shell-bg"
    program.run("down", "--all")
    assert namespaces("bg") == []


SCRIPT = """
# what the network is
nodes
net
dump
links
intfs
ports
py n1.IP()
pingall
pingpairfull
n1 ping -c 1 n3
# jobs
n1 sleep 1000 &
n1 jobs
n1 kill %1; wait %1
n1 jobs
n2 cd /tmp
n2 pwd
n2 printf unended
link n1 n2 down
links
n1 ping -c 1 n3
link n1 n2 up
link n2 n3 set rate="8 Mbit/s"
pingall
"""

OUTPUT = r"""available nodes are:[ ]
n1 n2 n3
n1 n1-eth0:n2-eth0
n2 n2-eth0:n1-eth0 n2-eth1:n3-eth0
n3 n3-eth0:n2-eth1
<Host n1: n1-eth0:10\.0\.0\.1 pid=\d+>[ ]
<Host n2: n2-eth0:10\.0\.0\.2,n2-eth1:None pid=\d+>[ ]
<Host n3: n3-eth0:10\.0\.0\.3 pid=\d+>[ ]
n1-eth0<->n2-eth0 \(OK OK\)[ ]
n2-eth1<->n3-eth0 \(OK OK\)[ ]
n1: n1-eth0
n2: n2-eth0,n2-eth1
n3: n3-eth0
n1 n1-eth0:0[ ]
n2 n2-eth0:0 n2-eth1:1[ ]
n3 n3-eth0:0[ ]
10\.0\.0\.1
\*\*\* Ping: testing ping reachability
n1 -> n2 n3[ ]
n2 -> n1 n3[ ]
n3 -> n1 n2[ ]
\*\*\* Results: 0% dropped \(6/6 received\)
n1 -> n2[ ]
n2 -> n1[ ]
\*\*\* Results:[ ]
 n1->n2: 1/1, rtt min/avg/max/mdev (\d+\.\d{3}/){3}0\.000 ms
 n2->n1: 1/1, rtt min/avg/max/mdev (\d+\.\d{3}/){3}0\.000 ms
PING 10\.0\.0\.3 \(10\.0\.0\.3\) .*
64 bytes from 10\.0\.0\.3: icmp_seq=1 ttl=64 time=.* ms

--- 10\.0\.0\.3 ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt .*
\[1\] \d+
\[1\]\+  Running                 sleep 1000 &
(?:\[1\]\+  Terminated              sleep 1000\n)?/tmp
unendedn1-eth0<->n2-eth0 \(DOWN DOWN\)[ ]
n2-eth1<->n3-eth0 \(OK OK\)[ ]
PING 10\.0\.0\.3 .*
From 10\.0\.0\.1 icmp_seq=1 Destination Host Unreachable

--- 10\.0\.0\.3 ping statistics ---
1 packets transmitted, 0 received, \+1 errors, 100% packet loss, time 0ms

\*\*\* Ping: testing ping reachability
n1 -> n2 n3[ ]
n2 -> n1 n3[ ]
n3 -> n1 n2[ ]
\*\*\* Results: 0% dropped \(6/6 received\)
"""


def test_a_script_on_a_scenario_of_its_own(program: Program) -> None:
    done = program.feed(SCRIPT, "shell", scenario(program, "own"))
    assert done.code == 0, done.err
    assert re.fullmatch(OUTPUT, done.out), done.out
    assert "shell-own: passed" in done.err
    assert namespaces("own") == []
    assert program.processes() == []


def test_a_running_experiment_goes_on_when_the_shell_is_left(program: Program, running: str) -> None:
    script = "n1 sleep 1000 &\nwhat is this\nn2 exit 5\nn2 echo new\nexit\nnodes\n"
    done = program.feed(script, "shell", "--experiment", running)
    assert done.code == 0, done.err
    assert re.fullmatch(r"\[1\] \d+\nexit\nnew\n", done.out)
    assert "*** Unknown command: what is this" in done.err
    assert "the shell of node n2 has ended" in done.err
    assert program.processes("sleep 1000") == []
    assert len(namespaces("bg")) == 3


def test_bandwidth(program: Program, running: str) -> None:
    program.run("link", "n1", "n2", "set", "rate=8 Mbit/s")
    done = program.feed("iperf n1 n2\niperfudp 2M n1 n3\n", "shell")
    assert done.code == 0
    title, found, title_udp, found_udp = done.out.splitlines()
    assert title == "*** Iperf: testing TCP bandwidth between n1 and n2 "
    received = re.fullmatch(r"\*\*\* Results: \['(\d\.\d\d) Mbits/sec', '[\d.]+ Mbits/sec'\]", found)
    assert received is not None, found
    assert 5.0 < float(received[1]) < 8.1
    assert title_udp == "*** Iperf: testing UDP bandwidth between n1 and n3 "
    assert re.fullmatch(
        r"\*\*\* Results: \['2M', '(1\.9|2\.0)\d Mbits/sec', '(1\.9|2\.0)\d Mbits/sec'\]", found_udp
    )

    measured = program.run("iperf", "n1", "n3", "--seconds", "1", "--udp", "1 Mbit/s", "--json")
    assert measured.code == 0, measured.err
    assert measured.document["received_bps"] == pytest.approx(1e6, rel=0.2)
    assert measured.document["lost"] == 0

    program.run("link", "n2", "n3", "down")
    failed = program.run("iperf", "n1", "n3")
    assert failed.code == 1
    assert "the bandwidth between n1 and n3 cannot be measured: unable to connect" in failed.err


def test_pings_from_the_command_line(program: Program, running: str) -> None:
    done = program.run("ping", "n1", "n3", "-c", "3", "--interval", "0.1")
    assert done.code == 0, done.err
    assert re.fullmatch(
        r"--- n1 -> n3 ping statistics ---\n"
        r"3 packets transmitted, 3 received, 0% packet loss, time \d+ms\n"
        r"rtt min/avg/max/mdev = (\d+\.\d{3}/){3}\d+\.\d{3} ms\n",
        done.out,
    )
    program.run("link", "n1", "n2", "down")
    everywhere = program.run("ping", "--all")
    assert everywhere.code == 1
    assert everywhere.out == (
        "n1 -> X X \nn2 -> X n3 \nn3 -> X n2 \n*** Results: 66% dropped (2/6 received)\n"
    )


def test_somebody_at_a_terminal(program: Program, running: str) -> None:
    with Typist(program, "shell", "--prompt", "lab$ ") as typist:
        typist.until("lab$")
        typist.enter("n1 echo $((40 + 2))")
        assert typist.until("lab$") == "42\r\n\r\nlab$".replace("\r\n\r\n", "\r\n")
        # Ctrl-C is for the command, and not for the shell.
        typist.enter("n1 echo go; sleep 1000")
        typist.until("go\r\n")
        typist.type("\x03")
        assert typist.until("lab$").startswith("^C\r\n")
        # What is typed goes to the command; with `noecho` it is not shown.
        typist.enter("n1 echo name; read x; echo got $x")
        typist.until("name\r\n")
        typist.type("typed\r")
        assert typist.until("lab$").startswith("typed\r\ngot typed\r\n")
        typist.enter("noecho n1 echo name; read x; echo got $x")
        typist.until("name\r\n")
        typist.type("secret\r")
        assert typist.until("lab$").startswith("got secret\r\n")
        # And so for what runs outside, or in Python.
        typist.enter("sh echo out; sleep 1000")
        typist.until("out\r\n")
        typist.type("\x03")
        assert "Interrupt" in typist.until("lab$")
        typist.enter("py n2.cmd('echo on >/proc/$$/fd/2; sleep 1000', print)")
        typist.until("on\r\n")
        typist.type("\x03")
        assert "Interrupt" in typist.until("lab$")
        typist.enter("n1 echo $?")
        assert typist.until("lab$").startswith("0\r\n")
        typist.type("\x04")
        assert typist.finish() == 0
    assert program.processes("sleep 1000") == []
    history = program.state / "shell-history"
    assert "+n1 echo $((40 + 2))" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_whoever_ends_the_shell_ends_what_it_started(program: Program) -> None:
    process = program.start("shell", scenario(program, "end"), stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("n1 echo here; sleep 1000\n")
    process.stdin.flush()
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    process.communicate()
    assert namespaces("end") == []
    assert program.processes() == []


def test_an_interrupted_script_goes_no_further(program: Program, running: str) -> None:
    process = program.start("shell", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("n1 echo here; sleep 1000\nn1 echo further\n")
    process.stdin.flush()
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "further" not in out


def test_without_namespaces_there_are_no_programs_but_flows(program: Program) -> None:
    script = "nodes\ndump\nn1 ls\npingall\niperf\n"
    done = program.feed(script, "shell", scenario(program, "none", "none"))
    assert done.code == 0, done.err
    assert "<Host n1: n1-eth0:10.0.0.1 pid=None> \n" in done.out
    assert "*** Results: 0% dropped (" in done.out
    assert re.search(r"\*\*\* Results: \['[\d.]+ Gbits/sec', '[\d.]+ Gbits/sec'\]\n$", done.out)
    assert done.err.count("node n1 has no network namespace for programs to run in") == 1


def test_nodes_without_programs_answer_pings(program: Program) -> None:
    assert program.run("up", scenario(program, "pings", "none")).code == 0
    done = program.run("ping", "n1", "n3", "-c", "2", "--interval", "0.1", "--json")
    assert done.code == 0, done.err
    (outcome,) = json.loads(done.out)
    assert (outcome["sent"], outcome["received"], outcome["unreachable"]) == (2, 2, 0)
    assert 0 < outcome["seconds"]["least"] <= outcome["seconds"]["most"] < 1
    assert program.run("link", "n1", "n2", "down").code == 0
    lost = program.run("ping", "n1", "n3", "-c", "1", "--json")
    assert (lost.code, json.loads(lost.out)[0]["received"]) == (1, 0)
    flows = program.run("down", "--json").document["flows"]
    assert {(flow["kind"], flow["packets_sent"]) for flow in flows} == {("icmp", 1)}
