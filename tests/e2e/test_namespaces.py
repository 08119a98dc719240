"""Real programs in nodes: what crosses the emulated network is what they would see of a real one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from program import Done, until_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from program import Program

NUMBER = os.getpid()
"""So that namespaces of tests that run at the same time have names of their own."""


class Lab:
    """A running experiment."""

    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.name = name

    def inside(self, node: str, *command: str) -> Done:
        """What a command in a node wrote; it has to succeed."""
        done = self.any(node, *command)
        assert done.code == 0, done
        return done

    def any(self, node: str, *command: str) -> Done:
        """What a command in a node wrote."""
        return self.program.run("exec", node, "--", *command)

    def serve(self, node: str, *command: str) -> subprocess.Popen[str]:
        """A command in a node that goes on."""
        return self.program.start("exec", node, "--", *command)

    def until_listening(self, node: str, port: int) -> None:
        """Returns when a program in the node listens on a TCP port."""
        wanted = f":{port:04X} "
        while not any(wanted in line and " 0A " in line for line in self._sockets(node)):
            pass  # each look takes a while

    def _sockets(self, node: str) -> list[str]:
        return self.any(node, "cat", "/proc/net/tcp", "/proc/net/tcp6").out.splitlines()

    def down(self) -> dict[str, Any]:
        """Ends it; returns its result."""
        return dict(self.program.run("down", "--json").document)


def up(program: Program, kind: str, body: str, more: str = "") -> Lab:
    """Starts an experiment whose nodes have namespaces."""
    name = f"ns{NUMBER}{kind}"
    text = f'[experiment]\nname = "{name}"\n[network]\nisolation = "namespace"\n{more}\n{body}'
    done = program.run("up", program.write(text))
    assert done.code == 0, done.err
    return Lab(program, name)


@pytest.fixture(autouse=True)
def nothing_remains(program: Program) -> Iterator[None]:
    """Whatever a test does, its experiment is gone afterwards, with everything that it had on this
    machine."""
    yield
    program.run("down", "--all")
    left = program.left_behind()
    assert (left["namespaces"], left["processes"], left["mounts"], left["secrets"]) == ([], [], [], [])


LINE = """
[topology]
kind = "line"
nodes = 3
[topology.link]
"""


def rtts(text: str) -> list[float]:
    """Round-trip times of ping's replies, in ms."""
    return [float(time) for time in re.findall(r"time=([0-9.]+) ms", text)]


def drops(document: dict[str, Any], cause: str) -> dict[str, int]:
    """Packets dropped for a cause, by direction."""
    return {f"{link['from']}{link['to']}": link["drops"][cause] for link in document["link_stats"]}


def iperf(lab: Lab, source: str, destination: str, *options: str) -> dict[str, Any]:
    """The result of an iperf3 run, whose server ends with it."""
    server = lab.serve(destination, "iperf3", "-s", "-1")
    lab.until_listening(destination, 5201)
    done = lab.inside(source, "iperf3", "-J", "-C", "cubic", "-c", destination, *options)
    server.communicate()
    return dict(json.loads(done.out)["end"])


def test_programs_see_a_network_and_nothing_of_it_remains(program: Program) -> None:
    before = (links(), mounts())
    lab = up(program, "life", LINE)
    assert sorted(program.namespaces()) == [f"{lab.name}-n{number}" for number in (1, 2, 3)]
    assert "0% packet loss" in lab.inside("n1", "ping", "-c", "2", "-i", "0.2", "n3").out
    assert "0% packet loss" in lab.inside("n1", "ping", "-6", "-c", "2", "-i", "0.2", "n3").out
    names = lab.inside("n2", "getent", "hosts", "n1").out
    assert "n1" in names
    devices = lab.inside("n1", "ls", "/sys/class/net").out.split()
    assert devices == ["lo", "n1-eth0"]
    addresses = lab.inside("n1", "ip", "-brief", "address").out
    assert "10.0.0.1/8" in addresses
    assert "fd00:6e6d::1/64" in addresses
    assert "fe80" not in addresses
    assert "mtu 1500" in lab.inside("n1", "ip", "link", "show", "n1-eth0").out
    # A command's input, output and exit code are its own; one that is not there is told of.
    assert lab.any("n1", "sh", "-c", "echo out; echo err >&2; exit 7") == Done(7, "out\n", "err\n")
    missing = lab.any("n1", "no-such-program")
    assert missing.code == 127
    assert "no program 'no-such-program'" in missing.err
    unknown = lab.any("n4", "true")
    assert unknown.code == 2
    assert "there is no node 'n4'" in unknown.err
    many = program.run("exec", "n[1-2]", "--", "hostname", "-I")
    assert sorted(many.out.splitlines()) == ["n1: 10.0.0.1 fd00:6e6d::1 ", "n2: 10.0.0.2 fd00:6e6d::2 "]
    everywhere = program.run("exec", "--all", "--json", "--", "sh", "-c", "exit $(ls /sys/class/net | wc -l)")
    assert (everywhere.code, [one["exit"] for one in json.loads(everywhere.out)]) == (2, [2, 2, 2])
    document = lab.down()
    assert document["status"] == "passed"
    assert program.namespaces() == []
    assert (links(), mounts()) == before


def links() -> set[str]:
    """Network devices of this machine itself."""
    return set(os.listdir("/sys/class/net"))


def mounts() -> int:
    """Mounts that are not other tests'."""
    with open("/proc/self/mountinfo") as file:
        return sum(f"ns{NUMBER}" in line for line in file)


def test_two_links_of_10_mbit_and_10_ms(program: Program) -> None:
    lab = up(program, "rate", LINE + 'rate = "10 Mbit/s"\ndelay = "10 ms"\n')
    times = rtts(lab.inside("n1", "ping", "-c", "6", "-i", "0.2", "n3").out)[1:]
    assert 40 <= min(times) <= 44
    received = iperf(lab, "n1", "n3", "-t", "5")["sum_received"]["bits_per_second"]
    assert 9.0e6 <= received <= 10.1e6


def test_a_full_queue_delays_and_drops_and_every_drop_is_its_own(program: Program) -> None:
    lab = up(program, "queue", LINE + 'rate = "10 Mbit/s"\nqueue = "100 packets"\n')
    server = lab.serve("n2", "iperf3", "-s")
    lab.until_listening("n2", 5201)
    flow = lab.serve("n1", "iperf3", "-C", "cubic", "-c", "n2", "-t", "8", "-O", "2", "--forceflush")
    assert flow.stdout is not None
    while "2.00-3.00" not in flow.stdout.readline():  # it has filled the queue
        assert flow.poll() is None
    times = sorted(rtts(lab.inside("n1", "ping", "-c", "15", "-i", "0.2", "n2").out))
    assert 60 <= times[len(times) // 2] <= 140, times
    flow.communicate()
    udp = json.loads(lab.inside("n1", "iperf3", "-J", "-u", "-b", "50M", "-c", "n2", "-t", "4").out)
    assert 78 <= udp["end"]["sum"]["lost_percent"] <= 82
    lost = udp["end"]["sum"]["lost_packets"]
    assert dropped(lab, "n1") == 0
    server.terminate()
    server.communicate()
    document = lab.down()
    queue = drops(document, "queue")
    assert queue["n1n2"] >= lost
    assert (
        sum(drops(document, cause)[way] for cause in ("overrun", "no_route", "local", "mtu") for way in queue)
        == 0
    )


def dropped(lab: Lab, node: str) -> int:
    """Packets that the node's device dropped before anybody read them."""
    path = f"/sys/class/net/{node}-eth0/statistics/tx_dropped"
    return int(lab.inside(node, "cat", path).out)


def test_a_transfer_over_a_link_that_corrupts_is_identical_and_the_receiver_sees_the_damage(
    program: Program, tmp_path: Path
) -> None:
    lab = up(program, "corrupt", LINE + 'corrupt = "0.2 %"\n')
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(20_000_000))
    server = lab.serve("n1", "python3", "-m", "http.server", "8000", "--directory", str(tmp_path))
    lab.until_listening("n1", 8000)
    before = checksum_errors(lab, "n3")
    lab.inside("n3", "wget", "-q", "-O", str(copy), "http://n1:8000/source")
    server.terminate()
    server.communicate()
    assert copy.read_bytes() == source.read_bytes()
    assert checksum_errors(lab, "n3") > before


def checksum_errors(lab: Lab, node: str) -> int:
    """Segments that the node's TCP found damaged."""
    lines = [line.split() for line in lab.inside(node, "cat", "/proc/net/snmp").out.splitlines()]
    names, values = (line for line in lines if line[0] == "Tcp:")
    return int(values[names.index("InCsumErrors")])


def test_a_large_file_over_ten_hops_udp_icmp_ipv6_and_several_flows(program: Program, tmp_path: Path) -> None:
    lab = up(program, "hops", '[topology]\nkind = "line"\nnodes = 11\n')
    source = tmp_path / "source"
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for _ in range(1_000):
            part = os.urandom(1_000_000)
            digest.update(part)
            file.write(part)
    server = lab.serve(
        "n1", "python3", "-m", "http.server", "8000", "--bind", "::", "--directory", str(tmp_path)
    )
    lab.until_listening("n1", 8000)
    fetch = "wget -q -O - http://n1:8000/source | sha256sum"
    assert lab.inside("n11", "sh", "-c", fetch).out.split()[0] == digest.hexdigest()
    server.terminate()
    server.communicate()
    source.unlink()
    assert "0% packet loss" in lab.inside("n11", "ping", "-c", "3", "-i", "0.2", "-s", "8000", "n1").out
    flows = iperf(lab, "n1", "n11", "-P", "4", "-t", "2")
    assert len(flows["streams"]) == 4
    assert all(stream["receiver"]["bytes"] > 0 for stream in flows["streams"])
    six = iperf(lab, "n1", "n11", "-6", "-t", "1")
    assert six["sum_received"]["bytes"] > 0
    udp = iperf(lab, "n1", "n11", "-u", "-b", "20M", "-t", "1")
    assert udp["sum"]["lost_percent"] < 50
    document = lab.down()
    for link in document["link_stats"]:  # queues may fill: nothing slows TCP down but them
        assert {cause for cause, packets in link["drops"].items() if packets} <= {"queue"}, link


def test_who_cannot_be_reached_is_told_as_by_routers(program: Program) -> None:
    lab = up(program, "icmp", LINE, "ttl = true")
    assert "Destination Host Unreachable" in lab.any("n1", "ping", "-c", "1", "-W", "2", "10.0.0.77").out
    lab.inside("n1", "ping", "-c", "1", "n3")
    hops = lab.inside("n1", "traceroute", "-n", "-q", "1", "-w", "2", "n3").out.splitlines()[1:]
    assert [line.split()[1] for line in hops] == ["10.0.0.2", "10.0.0.3"]
    six = lab.inside("n1", "traceroute", "-6", "-n", "-q", "1", "-w", "2", "n3").out.splitlines()[1:]
    assert [line.split()[1] for line in six] == ["fd00:6e6d::2", "fd00:6e6d::3"]
    assert "ttl=63" in lab.inside("n1", "ping", "-c", "1", "n3").out
    assert program.run("link", "n2", "n3", "down").code == 0
    down = lab.any("n1", "ping", "-c", "1", "-W", "2", "n3").out
    assert "From n2 (10.0.0.2) icmp_seq=1 Destination Host Unreachable" in down
    assert program.run("link", "n2", "n3", "up").code == 0
    assert lab.any("n1", "ping", "-c", "1", "n3").code == 0


def test_nodes_and_links_come_and_go(program: Program) -> None:
    lab = up(program, "grow", LINE)
    added = program.run("node", "add", "x", "--json")
    assert added.code == 0, added.err
    assert added.document["address"] == "10.0.0.4"
    assert program.run("node", "add", "x").code == 2
    assert lab.any("n1", "ping", "-c", "1", "-W", "1", "x").code == 1
    assert program.run("link", "x", "n3", "add", "delay=20 ms").code == 0
    assert program.run("link", "x", "n3", "add").code == 2
    again = "until ping -c 1 -W 1 x; do :; done"  # a pair without a path is asked for again within a second
    assert rtts(lab.inside("n1", "sh", "-c", again).out)[-1] >= 40
    assert program.run("link", "n1", "n2", "remove").code == 0
    assert lab.any("n1", "ping", "-c", "1", "-W", "1", "x").code == 1
    assert program.run("node", "remove", "x").code == 0
    assert f"{lab.name}-x" not in program.namespaces()
    assert program.run("exec", "x", "--", "true").code == 2


def test_a_process_for_each_node(program: Program) -> None:
    name = f"ns{NUMBER}process"
    text = f'[experiment]\nname = "{name}"\n[network]\nisolation = "process"\n'
    body = '[topology]\nkind = "ring"\nnodes = 5\n[topology.link]\ndelay = "5 ms"\n'
    flow = '[[flows]]\nsource = "n1"\ndestination = "n3"\nsize = "3 MB"\n'
    done = program.run("up", program.write(text + body + flow))
    assert done.code == 0, done.err
    lab = Lab(program, name)
    assert len(program.processes("nextmini.dataplane")) == 5
    assert f"{name}.hub" in program.namespaces()
    times = rtts(lab.inside("n1", "ping", "-c", "4", "-i", "0.2", "n3").out)
    assert 20 <= min(times) <= 24
    assert program.run("node", "add", "x").code == 1
    document = lab.down()
    assert document["flows"][0]["bytes"] == 3_000_000
    assert document["flows"][0]["status"] == "completed"


RAW = """
import socket, sys
there = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_SCTP)
if len(sys.argv) > 1:
    there.sendto(bytes(4000), (sys.argv[1], 0))
else:
    print("open", flush=True)
    print(len(there.recv(5000)))
"""
"""Sends a packet of protocol 132 that takes three fragments, or receives one with its header of 20 bytes."""


def test_other_protocols_and_fragments_pass(program: Program) -> None:
    lab = up(program, "raw", LINE)
    receiver = lab.serve("n3", "python3", "-c", RAW)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "open\n"
    lab.inside("n1", "python3", "-c", RAW, "10.0.0.3")
    assert program.finish(receiver).out == "4020\n"
    for family in ("-4", "-6"):
        pinged = lab.inside("n1", "ping", family, "-s", "5000", "-c", "2", "-i", "0.2", "n3")
        assert ", 0% packet loss" in pinged.out
    assert "mtu=1500" in lab.any("n1", "ping", "-M", "do", "-s", "1600", "-c", "1", "n3").err
    lab.down()


@pytest.mark.parametrize(
    ("under", "lacks"),
    [
        (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], "need root: "),
        (
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"],
            "need TUN devices: ",
        ),
    ],
)
def test_what_the_machine_does_not_offer_is_said_with_the_way_without(
    program: Program, under: list[str], lacks: str
) -> None:
    file = program.write(f'[experiment]\nname = "{program.own}"\n[network]\nisolation = "namespace"\n{LINE}')
    done = program.finish(program.start("run", file, under=under))
    assert done.code == 2
    assert lacks in done.err
    assert 'isolation = "none"' in done.err


def test_a_name_in_use_is_refused_and_left_alone(program: Program) -> None:
    name = f"ns{NUMBER}taken"
    subprocess.run(["ip", "netns", "add", f"{name}-n2"], check=True)
    try:
        text = f'[experiment]\nname = "{name}"\n[network]\nisolation = "namespace"\n{LINE}'
        done = program.run("up", program.write(text))
        assert done.code == 2
        assert f"there is a network namespace '{name}-n2' already" in done.err
        assert [one for one in os.listdir("/run/netns") if one.startswith(name)] == [f"{name}-n2"]
    finally:
        subprocess.run(["ip", "netns", "delete", f"{name}-n2"], check=True)


def test_a_run_with_namespaces_that_is_killed_leaves_what_the_next_one_clears(program: Program) -> None:
    name = f"ns{NUMBER}killed"
    text = f'[experiment]\nname = "{name}"\nduration = "1 h"\n[network]\nisolation = "namespace"\n{LINE}'
    file = program.write(text)
    running = program.start("run", file)
    until_running(program, running, 1)
    running.kill()
    running.communicate()
    assert len(program.namespaces()) == 3
    done = program.run("up", file)
    assert done.code == 0, done.err
    assert Lab(program, name).inside("n1", "ping", "-c", "1", "n3").code == 0
