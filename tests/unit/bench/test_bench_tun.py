from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import bare_tuns, iperf, prerequisites, running, tun
from nextmini.bench.bare_tuns import Relay
from nextmini.bench.iperf import Ends, Received, received
from nextmini.bench.plan import PlanError
from nextmini.bench.tun import Plan, line, measure
from nextmini.cli import bench_tables
from nextmini.errors import PrerequisiteError, RunError
from nextmini.experiment import Interrupt, Outcome
from nextmini.experiment.interrupt import Interrupted
from nextmini.hosts.commands import Place
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REPORT = {"end": {"sum_received": {"bits_per_second": 9.5e9, "bytes": 2_375_000_000, "seconds": 2.0}}}


def test_what_the_server_got_is_read() -> None:
    assert received(json.dumps(REPORT)) == Received(9.5, 2.375)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"start": {}, "error": "unable to connect to server"}', "unable to connect"),
        ("iperf3: error", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"end": {"sum_received": {}}}', "cannot be read"),
        ('{"end": {"sum_received": {"bits_per_second": 0, "bytes": 0}}}', "nothing came through"),
    ],
)
def test_a_report_without_figures_is_no_measurement(text: str, reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        received(text)


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (0,)}, "--hops"),
        ({"hops": (1, 1)}, "--hops"),
        ({"flows": (129,)}, "--flows"),
        ({"flows": ()}, "--flows"),
        ({"queues": 0}, "--queues"),
        ({"seconds": 0.5}, "--seconds"),
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


def test_hops_are_links() -> None:
    network = resolve(line(Plan(offload="off", queues=2), 3))
    assert (len(network.nodes), len(network.links), network.processes) == (4, 3, 1)
    assert (network.isolation, network.offload, network.queues) == ("namespace", False, 2)
    assert {link.transport for link in network.links} == {"memory"}


def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _program: None)
    with pytest.raises(PrerequisiteError, match="apt install iperf3"):
        prerequisites.require_program("iperf3", "iperf3")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PrerequisiteError, match="root"):
        prerequisites.require_root()


class Rig:
    """Stands for the machine: figures instead of networks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.networks: list[int] = []
        self.measured: list[tuple[str, int]] = []
        self.problems: tuple[str, ...] = ()
        self.dies = False
        monkeypatch.setenv("NEXTMINI_STATE", str(tmp_path / "state"))
        monkeypatch.setattr(running, "embedded_server", lambda _state: NoServer())
        monkeypatch.setattr(running, "run_scenario", self.run)
        monkeypatch.setattr(tun, "require_root", lambda: None)
        monkeypatch.setattr(tun, "require_program", lambda *_names: None)
        monkeypatch.setattr(tun, "bare_tuns", self.relay)
        monkeypatch.setattr(tun, "places", self.places)
        monkeypatch.setattr(tun, "throughput", self.throughput)
        monkeypatch.setattr(tun, "dataplanes", lambda: [7])
        monkeypatch.setattr(tun, "cpu_seconds", lambda process: len(self.measured) * float(process))

    async def run(self, scenario: Any, options: Any, stop: Any, observer: Any) -> Outcome:
        assert options.until == "stopped"
        self.networks.append(len(resolve(scenario).links))
        observer.flows_started(None)
        if not self.dies:
            with suppress(Interrupted):
                await stop.guard(asyncio.Event().wait())
        return Outcome({"status": "passed", "flows": []}, Path(), self.problems)

    @asynccontextmanager
    async def relay(self, _offload: str) -> AsyncIterator[Relay]:
        yield Relay(self.ends("bare"), 8, asyncio.get_running_loop().create_future())

    def places(self, _folder: Path, _experiment: str) -> dict[str, Place]:
        return {f"n{number}": self.place("ours") for number in range(1, 50)}

    def place(self, name: str) -> Place:
        return Place(name, Path("/nowhere"), Path("/nowhere"))

    def ends(self, name: str) -> Ends:
        return Ends(self.place(name), self.place(name), "10.0.0.2")

    async def throughput(self, ends: Ends, flows: int, seconds: float) -> Received:
        if self.dies:
            await asyncio.get_running_loop().create_future()
        self.measured.append((ends.client.node, flows))
        gbps = 8.0 / flows if ends.client.node == "ours" else 10.0
        return Received(gbps, gbps * seconds / 8)

    def measure(self, plan: Plan) -> list[dict[str, Any]]:
        async def inner() -> list[dict[str, Any]]:
            return await measure(plan, Interrupt(), lambda _text: None)

        return asyncio.run(inner())


class NoServer:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_error: object) -> None: ...


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rig:
    return Rig(monkeypatch, tmp_path)


def test_ours_and_the_bare_one_are_measured_in_turn(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(hops=(1, 4), flows=(1, 2), repeat=2)
    rows = rig.measure(plan)
    assert rig.networks == [1, 4] * 2
    assert rig.measured == [("ours", 1), ("bare", 1), ("ours", 2), ("bare", 2)] * 4
    assert [(row["hops"], row["flows"], row["gbps"], row["ratio"]) for row in rows] == [
        (1, 1, 8.0, 0.8),
        (1, 2, 4.0, 0.4),
        (4, 1, 8.0, 0.8),
        (4, 2, 4.0, 0.4),
    ]
    assert (rows[0]["cpu_seconds_per_gb"], rows[0]["baseline_cpu_seconds_per_gb"]) == (3.5, 3.2)
    assert rows[0]["spread"]["ratio"] == [0.8, 0.8]
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_tun(rows, plan)
    assert capsys.readouterr().out.splitlines()[-1].split()[:5] == ["4", "2", "4.00", "10.00", "0.40"]


def test_a_network_that_ends_meanwhile_is_no_measurement(rig: Rig) -> None:
    rig.dies, rig.problems = True, ("dataplane process 0 was killed by SIGKILL",)
    with pytest.raises(RunError, match=r"a line of 1 failed: dataplane process 0 was killed"):
        rig.measure(Plan(hops=(1,)))


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def spawn(_place: Place, _command: object, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(["echo", "the port is taken"], start_new_session=True, **options)

    monkeypatch.setattr(iperf, "spawn", spawn)
    ends = Ends(Place("a", Path(), Path()), Place("b", Path(), Path()), "10.0.0.2")
    with pytest.raises(RunError, match="did not start: the port is taken"):
        asyncio.run(iperf.throughput(ends, 1, 1.0))


def test_a_relay_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bare_tuns, "PROGRAM", ("sh", "-c", "echo no device >&2; exit 1"))
    place = Place("n1", tmp_path, tmp_path)

    async def inner() -> None:
        async with bare_tuns.relay((place, place), "on"):
            pytest.fail("it has not begun")

    with pytest.raises(RunError, match="bare relay failed: no device"):
        asyncio.run(inner())
