"""Packets of links in a file: what is in it, and how a capture ends."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from capture_file import CaptureFile
from program import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from program import Done, Program

LINE = """
[experiment]
name = "line"
[network]
isolation = "namespace"
[topology]
kind = "line"
nodes = 3
[[links]]
ends = ["n2", "n3"]
loss = "50 %"
"""
SYNTHETIC = """
[experiment]
name = "synthetic"
processes = 2
[topology]
kind = "ring"
nodes = 4
[[flows]]
name = "session"
source = "n1"
destination = "n2"
duration = "1 h"
rate = "1 Mbit/s"
[[flows]]
name = "packets"
kind = "udp"
source = "n1"
destination = "n2"
duration = "1 h"
rate = "1 Mbit/s"
packet_size = 500
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make namespaces")


@pytest.fixture
def line(program: Program) -> Iterator[Program]:
    yield from running(program, LINE)


@pytest.fixture
def synthetic(program: Program) -> Iterator[Program]:
    yield from running(program, SYNTHETIC)


def running(program: Program, scenario: str) -> Iterator[Program]:
    done = program.run("up", program.write(scenario))
    assert done.code == 0, done.err
    try:
        yield program
    finally:
        program.run("down", "--all")


def begun(program: Program, *options: str) -> subprocess.Popen[str]:
    """A capture that has begun."""
    process = program.start("capture", *options)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("capturing"), first + process.stderr.read()
    return process


def interrupted(program: Program, process: subprocess.Popen[str]) -> Done:
    process.send_signal(signal.SIGINT)
    return program.finish(process)


def file_of(path: Path) -> CaptureFile:
    return CaptureFile.read(path.read_bytes())


def ping(program: Program, packets: int) -> int:
    """How many of so many pings from n1 to n3 came back."""
    command = ["ping", "-c", str(packets), "-i", "0.01", "-W", "1", "n3"]
    done = program.run("exec", "n1", "--", *command)
    return int(done.out.split(" received")[0].split()[-1])


@needs_root
def test_both_directions_of_links_are_there_and_what_was_lost_says_so(line: Program) -> None:
    process = begun(line, "--link", "n1,n2", "--link", "n3,n2", "-w", "out.pcapng", "--json")
    answers = ping(line, 40)
    done = interrupted(line, process)
    assert done.code == 0, done.err
    found = file_of(line.work / "out.pcapng")
    assert (found.links, found.missed) == (["n1-n2", "n3-n2"], {"n1-n2": 0, "n3-n2": 0})
    asked = [packet for packet in found.of("n1-n2") if packet.way == "out"]
    answered = [packet for packet in found.of("n1-n2") if packet.way == "in"]
    assert (len(asked), len(answered)) == (40, answers)
    assert {(packet.source, packet.destination) for packet in asked} == {("10.0.0.1", "10.0.0.3")}
    assert {packet.length for packet in found.packets} == {84}
    # The other one was named from its far end.
    passed, lost = found.of("n3-n2"), found.of("n3-n2", "dropped: loss")
    there = [packet for packet in passed + lost if packet.way == "in"]
    assert [packet.data for packet in sorted(there, key=lambda packet: packet.seconds)] == [
        packet.data for packet in asked
    ]
    assert 0 < len(lost) < 80
    assert len([packet for packet in passed if packet.way == "out"]) == answers
    times = [packet.seconds for packet in found.packets]
    assert times == sorted(times)
    figures = {"-".join(link["link"]): link["packets"] for link in done.document["links"]}
    assert figures == {"n1-n2": len(asked + answered), "n3-n2": len(passed + lost)}


@needs_root
def test_other_programs_read_the_file(line: Program) -> None:
    process = begun(line, "--link", "n1,n2", "--count", "3", "--snaplen", "60", "-w", "few.pcapng")
    ping(line, 5)
    done = line.finish(process)
    assert (done.code, done.err) == (0, "n1-n2: 3 packets, 0 missed\n")
    read = subprocess.run(
        ["tcpdump", "-n", "-r", line.work / "few.pcapng"], capture_output=True, text=True, check=True
    )
    lines = read.stdout.splitlines()
    assert len(lines) == 3
    assert "10.0.0.1 > 10.0.0.3: ICMP echo request" in lines[0]
    assert {len(packet.data) for packet in file_of(line.work / "few.pcapng").packets} == {60}


def test_synthetic_flows_of_several_processes_are_shown_as_packets(synthetic: Program) -> None:
    done = synthetic.run("capture", "--all", "--count", "400", "-w", "all.pcapng", "--json")
    assert (done.code, done.document["ended"]) == (0, "count"), done.err
    found = file_of(synthetic.work / "all.pcapng")
    assert len(found.packets) == 400
    crossed = [packet for packet in found.packets if packet.link == "n1-n2"]
    assert {packet.protocol for packet in crossed} == {17, 253}
    (first, *_) = [packet for packet in crossed if packet.protocol == 17]
    assert (first.source, first.destination, first.length) == ("10.0.0.1", "10.0.0.2", 528)
    assert first.comment.startswith("flow 2: packet ")
    session = [packet for packet in crossed if packet.protocol == 253]
    assert {packet.way for packet in session} == {"in", "out"}
    assert {packet.data[20] for packet in session} == {1, 2}
    times = [packet.seconds for packet in found.packets]
    assert times == sorted(times)


def test_two_captures_at_once_see_the_same(synthetic: Program) -> None:
    first = begun(synthetic, "--link", "n1,n2", "-w", "first.pcapng")
    second = begun(synthetic, "--link", "n2,n1", "--duration", "500 ms", "-w", "second.pcapng")
    assert synthetic.finish(second).code == 0
    assert interrupted(synthetic, first).code == 0
    longer, shorter = (file_of(synthetic.work / name) for name in ("first.pcapng", "second.pcapng"))
    assert (longer.links, shorter.links) == (["n1-n2"], ["n2-n1"])
    turned = {"in": "out", "out": "in"}
    whole = {(packet.data, packet.way) for packet in longer.packets}
    assert len(shorter.packets) > 50
    assert {(packet.data, turned[packet.way]) for packet in shorter.packets} <= whole


def test_who_captures_may_be_killed_or_have_nobody_who_reads(synthetic: Program) -> None:
    killed = begun(synthetic, "--all", "-w", "killed.pcapng")
    killed.kill()
    synthetic.finish(killed)
    with begun(synthetic, "--all", "-w", "-") as piped:
        assert piped.stdout is not None
        piped.stdout.close()
        assert piped.wait(PATIENCE) == 0
    done = synthetic.run("capture", "--all", "--count", "5", "-w", "after.pcapng")
    assert done.code == 0, done.err


def test_a_capture_ends_with_its_experiment(synthetic: Program) -> None:
    process = begun(synthetic, "--all", "-w", "out.pcapng", "--json")
    assert synthetic.run("down").code == 0
    done = synthetic.finish(process)
    assert (done.code, done.document["ended"]) == (0, "experiment"), done.err
    found = file_of(synthetic.work / "out.pcapng")
    assert len(found.missed) == 4
    assert found.packets


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--link", "n1,n3", "-w", "x"], "there is no link between n1 and n3; n1 has links to n2, n4"),
        (["--link", "n1,n9", "-w", "x"], "there is no node 'n9'"),
        (["--link", "n1", "-w", "x"], "'n1' is no link; write its two ends"),
        (["--all", "-w", "no/such/folder"], "no/such/folder cannot be written: No such file or directory"),
        (["-w", "x"], "name links"),
        (["--all", "-w", "x", "--duration", "soon"], "--duration"),
    ],
)
def test_what_cannot_be_captured_is_refused(synthetic: Program, options: list[str], complaint: str) -> None:
    done = synthetic.run("capture", *options)
    assert (done.code, done.out) == (2, "")
    assert complaint in " ".join(done.err.replace("│", "").split())
    assert not (synthetic.work / "x").exists()


def test_a_full_disk_ends_a_capture(synthetic: Program) -> None:
    done = synthetic.run("capture", "--all", "-w", "/dev/full")
    assert (done.code, done.err.splitlines()[-1]) == (
        1,
        "error: /dev/full cannot be written: No space left on device",
    )
