from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nextmini.bench import memory, processes, running, scale
from nextmini.bench.memory import Memory
from nextmini.bench.plan import PlanError
from nextmini.bench.scale import Plan, measure, ring
from nextmini.cli import bench_tables
from nextmini.errors import RunError
from nextmini.experiment import Interrupt, Outcome
from nextmini.experiment.interrupt import Interrupted
from nextmini.hosts.commands import Place
from nextmini.hosts.local import PROGRAM
from nextmini.scenario import resolve

MEMINFO = """\
MemTotal: 100 kB
SUnreclaim: 5 kB
Percpu: 4 kB
VmallocUsed: 3 kB
KernelStack: 2 kB
PageTables: 1 kB
"""


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"nodes": ()}, "--nodes"),
        ({"nodes": (2,)}, "--nodes"),
        ({"nodes": (5, 5)}, "--nodes"),
        ({"isolations": ()}, "--isolation"),
        ({"isolations": ("cage",)}, "--isolation cage"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.exit_code == 2
    assert refusal.value.remedy


def test_only_where_nodes_have_no_programs_a_flow_goes_across_the_ring() -> None:
    network = resolve(ring(10, "none"))
    assert (len(network.nodes), len(network.links)) == (10, 10)
    assert [(flow.source, flow.destination, flow.size) for flow in network.flows] == [(1, 6, 1_000)]
    assert resolve(ring(10, "namespace")).flows == ()


def test_figures_of_processes_are_read() -> None:
    assert processes.cpu_of(f"12 (a (b) c) S 1 {'0 ' * 9}{os.sysconf('SC_CLK_TCK')} 0 0 0") == 1.0
    assert processes.field_of("Rss: 9 kB\nPss: 12 kB\n", "Pss") == 12
    with pytest.raises(LookupError):
        processes.field_of("Rss: 9 kB\n", "Pss")
    assert processes.is_dataplane(b"\0".join(word.encode() for word in (*PROGRAM, "--process", "0")))
    assert not processes.is_dataplane(b"vi\0nextmini.dataplane.txt")
    assert processes.pss_kib(os.getpid()) > 0
    assert processes.cpu_seconds(os.getpid()) > 0


def test_memory_of_the_kernel_is_what_it_cannot_give_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text(MEMINFO)
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert processes.kernel_kib() == 15
    assert processes.namespaces_of_kernel() is None
    (tmp_path / "slabinfo").write_text("# name <active_objs>\nnet_namespace   12   14  4288 7 8 : tunables\n")
    assert processes.namespaces_of_kernel() == 12


def test_descendants_are_found() -> None:
    with subprocess.Popen(
        ["sh", "-c", "cat & wait"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as child:
        assert child.pid in processes.descendants()
        assert child.stdin is not None
        child.stdin.close()


class Rig:
    """Stands for the machine: networks that are there at once, and so much more memory while they are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.networks: list[tuple[int, str]] = []
        self.running = 0
        self.answer = (sys.executable, "-c", "")
        self.ready = True
        monkeypatch.setenv("NEXTMINI_STATE", str(tmp_path / "state"))
        monkeypatch.setattr(running, "run_scenario", self.run)
        monkeypatch.setattr(scale, "require_root", lambda: None)
        monkeypatch.setattr(scale, "require_program", lambda *_names: None)
        monkeypatch.setattr(memory, "SETTLE_SECONDS", 0.0)
        monkeypatch.setattr(scale, "places", lambda *_names: {"n1": Place("n1", Path(), Path())})
        monkeypatch.setattr(scale, "spawn", self.spawn)
        monkeypatch.setattr(Memory, "now", lambda: Memory(1_000 + 300 * self.running, 20 * self.running))

    async def run(self, scenario: Any, options: Any, stop: Any, observer: Any) -> Outcome:
        network = resolve(scenario)
        self.networks.append((len(network.nodes), network.isolation))
        self.running = len(network.nodes)
        observer.phase("starting 1 dataplane process")
        if self.ready:
            observer.flows_started(None)
        if options.until == "stopped":
            with suppress(Interrupted):
                await stop.guard(asyncio.Event().wait())
        observer.phase("stopping")
        self.running = 0
        flows = [{"name": flow.name, "status": "completed", "bytes": 1_000} for flow in network.flows]
        return Outcome({"status": "passed", "flows": flows}, Path())

    def spawn(self, _place: Place, _command: object, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.answer, start_new_session=True, **options)

    def measure(self, plan: Plan) -> list[dict[str, Any]]:
        async def inner() -> list[dict[str, Any]]:
            return await measure(plan, Interrupt(), lambda _text: None)

        return asyncio.run(inner())


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rig:
    return Rig(monkeypatch, tmp_path)


def test_every_network_has_its_row(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(nodes=(10, 20), repeat=2)
    rows = rig.measure(plan)
    assert rig.networks == [(10, "none"), (10, "namespace"), (20, "none"), (20, "namespace")] * 2
    for row in rows:
        assert (row["process_kib_per_node"], row["kernel_kib_per_node"]) == (20.0, 300.0)
        assert row["start_seconds"] >= 0 and row["stop_seconds"] >= 0
        assert row["spread"]["kernel_kib_per_node"] == [300.0, 300.0]
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_scale(rows, plan)
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["20", "namespace"]


def test_a_ring_without_an_answer_is_no_measurement(rig: Rig) -> None:
    rig.answer = ("sh", "-c", "echo 100% packet loss; exit 1")
    with pytest.raises(RunError, match=r"does not answer n1: 100% packet loss"):
        rig.measure(Plan(nodes=(10,), isolations=("namespace",)))
    assert rig.running == 0


def test_a_ring_that_was_never_ready_is_no_measurement(rig: Rig) -> None:
    rig.ready = False
    with pytest.raises(RunError, match="before it was ready"):
        rig.measure(Plan(nodes=(10,), isolations=("none",)))
