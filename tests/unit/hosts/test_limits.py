"""What `nextmini doctor` says of limits that large networks meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.hosts.checks import bridging, limits, networking
from nextmini.hosts.checks.needs import Needs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.hosts.checks import Check

    Look = Callable[[Needs, Path], Check]


def write(proc: Path, **files: object) -> Path:
    """Files of /proc: __ in a name stands for a slash."""
    for name, text in files.items():
        path = proc / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return proc


def script(folder: Path, name: str, text: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("look", "files", "remedy"),
    [
        (
            limits.all_descriptors,
            {"sys__fs__file-max": 10_000, "sys__fs__file-nr": "1000 0 10000"},
            "raise it: `sysctl fs.file-max=21800`",
        ),
        (
            limits.processes,
            {"sys__kernel__pid_max": 2500, "sys__kernel__threads-max": 90_000, "loadavg": "0 0 0 3/900 7"},
            "for programs in 1000 nodes: `sysctl kernel.pid_max=5300`",
        ),
        (
            limits.namespace_numbers,
            {"sys__user__max_net_namespaces": 1000, "sys__user__max_mnt_namespaces": 5000},
            "for programs in 1000 nodes: `sysctl user.max_net_namespaces=2032`",
        ),
        (
            limits.mounts,
            {"sys__fs__mount-max": 1101, "self__mountinfo": "one\ntwo"},
            "for programs in 1000 nodes: `sysctl fs.mount-max=2204`",
        ),
        (
            bridging.neighbours,
            {
                "sys__net__ipv4__neigh__default__gc_thresh3": 999,
                "sys__net__ipv6__neigh__default__gc_thresh3": 1024,
            },
            'only matters for isolation = "process": `sysctl net.ipv4.neigh.default.gc_thresh3=4000`',
        ),
        (limits.memory, {"meminfo": "MemTotal: 9\nMemAvailable: 500000 kB"}, "1000 nodes take 0.6 GB"),
    ],
    ids=["files", "processes", "namespaces", "mounts", "neighbours", "memory"],
)
def test_limits_are_compared_with_what_nodes_take(
    tmp_path: Path, look: Look, files: dict[str, object], remedy: str
) -> None:
    proc = write(tmp_path, **files)
    small, large = look(Needs(10), proc), look(Needs(1000), proc)
    assert (small.status, small.remedy) == ("ok", None), small
    assert large.status == "warning"
    assert (large.remedy or "").startswith(remedy), large


def test_limits_that_are_not_shown_are_none(tmp_path: Path) -> None:
    looks: list[Look] = [
        *(limits.all_descriptors, limits.processes, limits.namespace_numbers, limits.mounts, limits.watches),
        bridging.neighbours,
    ]
    assert {look(Needs(60_000), tmp_path).status for look in looks} == {"ok"}
    assert limits.memory(Needs(), tmp_path).status == "warning"


def test_open_files_of_a_large_network() -> None:
    assert limits.descriptors(Needs(10), (1024, 70_000)).status == "ok"
    fits = limits.descriptors(Needs(10_000), (1024, 20_000))
    assert (fits.status, fits.found) == (
        "warning",
        "at most 20000: enough for 10,000 devices, and 4,900 links over TCP",
    )
    assert (fits.remedy or "").startswith("only matters to links over TCP in a process: `ulimit -Hn ")
    large = limits.descriptors(Needs(20_000), (1024, 10_200))
    assert (large.status, large.found) == ("missing", "at most 10200: 10,000 nodes with devices in a process")
    assert (large.remedy or "").startswith("raise it: `ulimit -Hn 1048576`")
    assert (large.remedy or "").endswith("or spread the nodes: processes = 2 in [experiment]")
    none = limits.descriptors(Needs(10), (100, 150))
    assert none.status == "missing"
    assert "spread" not in (none.remedy or "")


def test_programs_that_watch_files_are_worth_a_note(tmp_path: Path) -> None:
    proc = write(tmp_path, sys__fs__inotify__max_user_instances=128)
    assert limits.watches(Needs(128), proc).status == "ok"
    many = limits.watches(Needs(129), proc)
    assert many.status == "note"
    assert "`sysctl fs.inotify.max_user_instances=258`" in (many.remedy or "")


def test_a_bridge_has_so_many_ports() -> None:
    assert bridging.bridge_ports(Needs(1023)).status == "ok"
    assert bridging.bridge_ports(Needs(1024)).status == "note"


def test_bridged_packets_may_pass_through_iptables(tmp_path: Path) -> None:
    assert bridging.filtered_bridges(tmp_path).status == "ok"
    name = "sys__net__bridge__bridge-nf-call-iptables"
    assert bridging.filtered_bridges(write(tmp_path, **{name: 0})).status == "ok"
    check = bridging.filtered_bridges(write(tmp_path, **{name: 1}))
    assert check.status == "warning"
    assert check.found.startswith("bridged packets pass through iptables")
    assert "`sysctl net.bridge.bridge-nf-call-iptables=0`" in (check.remedy or "")


class TestForwarding:
    @pytest.fixture(autouse=True)
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    def test_neither_program_is_there(self, path: Path) -> None:
        assert (bridging.forwarding(path).status, bridging.forwarding(path).found) == (
            "ok",
            "no policy can be seen",
        )

    @pytest.mark.parametrize(("policy", "status"), [("drop", "warning"), ("accept", "ok")])
    def test_nft(self, path: Path, policy: str, status: str) -> None:
        script(path, "nft", f"echo 'type filter hook forward priority filter; policy {policy};'")
        check = bridging.forwarding(path)
        assert (check.status, f"FORWARD {policy.upper()}" in check.found) == (status, True)

    def test_iptables(self, path: Path) -> None:
        script(path, "nft", "echo 'Error: No such file or directory'; exit 1")
        script(path, "iptables", "echo '-P FORWARD DROP'; echo '-A FORWARD -j DOCKER-USER'")
        assert bridging.forwarding(path).found == "no policy can be seen", "it would load a module"
        write(path, net__ip_tables_names="filter")
        check = bridging.forwarding(path)
        assert (check.status, check.found) == ("warning", "iptables: FORWARD DROP, as Docker sets it")
        assert "iptables -P FORWARD ACCEPT" in (check.remedy or "")

    def test_programs_for_nodes(self, path: Path) -> None:
        check = networking.programs()
        assert (check.status, check.found) == ("note", "no ping, no iperf3")
        assert (check.remedy or "").endswith("install iputils-ping and iperf3")
        script(path, "ping", "")
        assert networking.programs().found == "ping, no iperf3"
        script(path, "iperf3", "")
        assert networking.programs().status == "ok"
