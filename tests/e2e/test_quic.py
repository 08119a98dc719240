"""Links over QUIC: what they carry beside others, how they are changed, and what they make of noise."""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lines import BOTH_WAYS, BOTH_WAYS_BYTES, cut_and_mended, line, transports, with_a_shortcut
from program import assert_complete, ran, resident, said
from test_live import assert_nothing_left, refused, up

if TYPE_CHECKING:
    from program import Program

MIXED = """
[experiment]
name = "mixed"
processes = 3
[topology]
kind = "line"
nodes = 6
[[links]]
ends = ["n2", "n3"]
transport = "quic"
[[links]]
ends = ["n3", "n4"]
transport = "quic"
congestion = "bbr"
[[links]]
ends = ["n5", "n6"]
transport = "quic"
congestion = "reno"
[[flows]]
name = "packets"
kind = "udp"
source = "n6"
destination = "n2"
rate = "5 Mbit/s"
duration = "1 s"
"""
MIXED += BOTH_WAYS


def test_flows_of_every_kind_cross_links_of_every_kind(program: Program) -> None:
    document = ran(program, MIXED)
    assert_complete(document, 4)
    bytes_of = {flow["name"]: flow["bytes"] for flow in document["flows"]}
    assert {name: bytes_of[name] for name in BOTH_WAYS_BYTES} == BOTH_WAYS_BYTES
    (packets,) = (flow for flow in document["flows"] if flow["name"] == "packets")
    assert packets["lost"] == packets["reordered"] == packets["duplicates"] == 0
    assert transports(program, document) == ["memory", "quic", "quic", "tcp", "quic"]


def test_a_link_over_quic_does_what_it_is_asked_to(program: Program) -> None:
    document = ran(
        program,
        """
[experiment]
name = "asked"
processes = 2
[network]
transport = "quic"
[topology]
kind = "custom"
nodes = ["a", "c", "b", "d"]
[[links]]
ends = ["a", "b"]
rate = "20 Mbit/s"
[[links]]
ends = ["c", "d"]
delay = "20 ms"
[[flows]]
name = "rate"
source = "a"
destination = "b"
size = "5 MB"
[[flows]]
name = "delay"
kind = "udp"
source = "c"
destination = "d"
rate = "1 Mbit/s"
packet_size = 500
duration = "2 s"
""",
    )
    assert_complete(document, 2)
    rate, delay = document["flows"]
    assert rate["goodput_bps"] == pytest.approx(20e6 * 1460 / 1500, rel=0.03)
    assert 20 <= delay["delay_ms"]["p50"] < 25, delay
    assert delay["lost"] == 0


LOOSE = """
[experiment]
name = "loose"
processes = 2
[network]
transport = "quic"
datagrams = true
[topology]
kind = "line"
nodes = 4
link = { rate = "100 Mbit/s" }
[[flows]]
name = "small"
kind = "udp"
source = "n1"
destination = "n4"
packet_size = 200
rate = "4 Mbit/s"
duration = "1 s"
[[flows]]
name = "stack"
kind = "tcp"
source = "n1"
destination = "n4"
size = "2 MB"
[[flows]]
name = "whole"
source = "n4"
destination = "n1"
size = "2 MB"
"""


def test_packets_cross_links_of_datagrams_and_lossless_flows_their_streams(program: Program) -> None:
    document = ran(program, LOOSE)
    assert_complete(document, 3)
    small, stack, whole = document["flows"]
    assert (small["lost"], small["duplicates"], small["corrupted"]) == (0, 0, 0)
    assert small["reordered"] == 0
    assert (stack["bytes"], whole["bytes"]) == (2_000_000, 2_000_000)
    there = [link for link in document["link_stats"] if link["from"] < link["to"]]
    for link in there:
        assert sum(link["drops"].values()) == 0, link
        # A connection finds out in its first moments that the path takes 1,500 bytes.
        assert link["datagrams"] > 2_500 + 1_000, link
        # The rest is what lossless flows say.
        assert link["datagrams"] + link["oversized"] < link["packets"], link


def test_a_link_shows_that_it_has_datagrams_and_gets_them_while_it_is_used(program: Program) -> None:
    up(program, LINE)
    assert "n1 - n2: quic, up" in program.run("link", "n1", "n2").out
    added = said(program, "link", "n1", "n4", "add", "transport=quic", "datagrams=true")
    assert (added["transport"], added["datagrams"]) == ("quic", True)
    assert "n1 - n4: quic with datagrams, up" in program.run("link", "n1", "n4").out
    told = refused(program, "link", "n1", "n3", "add", "transport=tcp", "datagrams=true")
    assert "datagrams: only QUIC links have datagrams, and this one is carried by tcp; write" in told
    options = ("--kind", "udp", "--rate", "2 Mbit/s", "--packet-size", "200", "--size", "100 kB", "--wait")
    # A pair without a route so far: the new link is on its shortest path.
    flow = said(program, "flow", "add", "n2", "n4", *options)
    assert (flow["status"], flow["bytes"]) == ("completed", 100_000)
    # Counters are read every 100 ms; the end of the flow is a packet too.
    for _ in range(100):
        shown = said(program, "link", "n1", "n4")
        if shown["forward"]["counters"]["datagrams"] > 500:
            break
    assert shown["forward"]["counters"]["datagrams"] > 500
    assert shown["datagrams"]
    assert shown["forward"]["counters"]["oversized"] == 0
    assert program.run("down").code == 0


LINE = line("quic")


def delivered(program: Program) -> int:
    """Bytes of the long flow that have arrived, while all is in force."""
    document = said(program, "status")
    assert document["troubles"] == []
    (flow,) = (flow for flow in document["flows"] if flow["name"] == "long")
    assert flow["status"] == "running", flow
    return int(flow["bytes"])


def test_links_are_cut_and_mended_added_and_removed_under_traffic(program: Program) -> None:
    cut_and_mended(program, "quic")
    before = delivered(program)
    with_a_shortcut(program, "quic", "congestion=bbr")
    told = refused(program, "link", "n1", "n3", "add", "transport=quic", "congestion=vegas")
    assert 'congestion: "vegas" is no congestion control of QUIC links; write "cubic", "reno" or' in told
    assert said(program, "link", "n4", "n1", "remove")["removed"]
    assert delivered(program) > before
    assert said(program, "down")["flows"][0]["status"] == "stopped"
    assert_nothing_left(program)


def udp_ports(pid: int) -> set[int]:
    """The ports of a process's UDP sockets."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(descriptor)
        if target.startswith("socket:["):
            sockets.add(target.removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[9] in sockets}


def noise(chance: random.Random) -> bytes:
    """Bytes of no meaning, half of them behind what QUIC's first packets begin with."""
    some = chance.randbytes(chance.randrange(1, 1_472))
    return some if chance.random() < 0.5 else b"\xc3\x00\x00\x00\x01\x08" + some


def test_noise_changes_nothing(program: Program) -> None:
    up(program, LINE)
    whole = ("flow", "add", "n1", "n4", "--size", "5 MB", "--wait")
    assert said(program, *whole)["status"] == "completed"
    pids = [program.dataplane(process) for process in (0, 1)]
    ports = sorted({port for pid in pids for port in udp_ports(pid)})
    assert len(ports) >= 3, "a socket that listens in each process, and those that have connected"
    before = [resident(pid) for pid in pids]
    chance = random.Random(9)
    packets = [noise(chance) for _ in range(5_000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        ends_at = time.monotonic() + 2
        while time.monotonic() < ends_at:
            for packet in packets[:: len(ports)]:
                for port in ports:
                    sending.sendto(packet, ("127.0.0.1", port))
            chance.shuffle(packets)
    assert said(program, *whole)["status"] == "completed"
    for pid, bytes_before in zip(pids, before, strict=True):
        assert resident(pid) - bytes_before < 64 << 20
    assert delivered(program) > 0
    assert program.run("down").code == 0


def test_a_congestion_control_that_quic_links_do_not_have_is_refused(program: Program) -> None:
    scenario = LINE.replace("nodes = 4", 'nodes = 4\nlink = { congestion = "dctcp" }')
    told = refused(program, "run", program.write(scenario))
    assert ':11: topology.link.congestion: "dctcp" is no congestion control of QUIC links; ' in told
    assert 'write "cubic", "reno" or "bbr", or transport = "tcp"' in told
