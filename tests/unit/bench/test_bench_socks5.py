"""`nextmini bench socks5`: what is measured, in which order, and what becomes of the figures."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import socks5
from nextmini.bench.bare_relays import BareRelays
from nextmini.bench.curl import Way
from nextmini.bench.plan import PlanError
from nextmini.bench.socks5 import Plan, line, measure
from nextmini.cli import bench_tables
from nextmini.errors import PrerequisiteError
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nextmini.scenario import Scenario

WEB, ENTRANCE, CHAIN = 80, 1080, 3000


@pytest.mark.parametrize("mode", ["max", "normal"])
def test_hops_are_the_nodes_between_the_entrance_and_the_server(mode: Any) -> None:
    network = resolve(line(Plan(mode=mode, transport="memory"), 3, 1080))
    assert (len(network.nodes), len(network.links), network.processes) == (5, 4, 1)
    assert (network.isolation, {link.transport for link in network.links}) == ("none", {"memory"})
    (entrance,) = network.nodes[0].socks
    assert (entrance.listen, entrance.mode, entrance.exit) == ("127.0.0.1:1080", mode, None)


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"hops": ()}, "--hops"),
        ({"hops": (0,)}, "--hops"),
        ({"hops": (1, 1)}, "--hops"),
        ({"flows": (129,)}, "--flows"),
        ({"flows": ()}, "--flows"),
        ({"seconds": 0.0}, "--seconds"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.exit_code == 2


def test_without_curl_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _program: None)
    with pytest.raises(PrerequisiteError, match="apt install curl"):
        asyncio.run(measure(Plan(), Interrupt(), lambda _text: None))


class Rig:
    """Stands for the machine: figures instead of networks and programs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, int]] = []
        self.interrupt = Interrupt()
        self.port = WEB
        self.bare: list[int] = []
        monkeypatch.setattr(socks5, "require_program", lambda *_names: None)
        monkeypatch.setattr(socks5, "prepared", lambda _interrupt: self)
        monkeypatch.setattr(socks5, "web_server", lambda: self)
        monkeypatch.setattr(socks5, "bare_relays", self.relays)
        monkeypatch.setattr(socks5, "in_force", self.in_force)
        monkeypatch.setattr(socks5, "throughput", self.throughput)
        monkeypatch.setattr(socks5, "first_byte", self.first_byte)
        monkeypatch.setattr(socks5, "_free_port", lambda: ENTRANCE)
        monkeypatch.setattr(socks5, "dataplanes", lambda: [6])
        monkeypatch.setattr(socks5, "cpu_seconds", lambda process: len(self.done) * float(process))

    async def __aenter__(self) -> Rig:
        return self

    async def __aexit__(self, *_error: object) -> None: ...

    @asynccontextmanager
    async def relays(self, relays: int, port: int) -> AsyncIterator[BareRelays]:
        assert port == WEB
        self.bare.append(relays)
        yield BareRelays(3, CHAIN)

    @asynccontextmanager
    async def in_force(
        self, _bench: object, scenario: Scenario, _what: str
    ) -> AsyncIterator[asyncio.Future[None]]:
        self.end = resolve(scenario).nodes[-1].address
        yield asyncio.get_running_loop().create_future()

    async def throughput(self, way: Way, _server: object, flows: int, _seconds: float) -> tuple[float, float]:
        self.done.append((self.kind(way), flows))
        return {"direct": 40.0, "ours": 12.0, "bare": 20.0}[self.kind(way)] / flows, 4.0

    async def first_byte(self, way: Way) -> float:
        return {"direct": 0.2, "ours": 0.7}[self.kind(way)]

    def kind(self, way: Way) -> str:
        if way.socks is None:
            return {Way("127.0.0.1", WEB): "direct", Way("127.0.0.1", CHAIN): "bare"}[way]
        assert way == Way(self.end, WEB, ENTRANCE)
        return "ours"


def test_everything_is_measured_in_turn_and_ends_up_in_its_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig, plan = Rig(monkeypatch), Plan(hops=(1, 3), flows=(1, 2), repeat=2)
    rows = asyncio.run(measure(plan, Interrupt(), lambda _text: None))
    chain = [("ours", 1), ("bare", 1), ("ours", 2), ("bare", 2)]
    assert rig.done == [("direct", 1), ("direct", 2), *chain, *chain] * 2
    assert rig.bare == [1, 3] * 2
    figures = ("hops", "flows", "gbps", "splice_gbps", "direct_gbps")
    assert [tuple(row[figure] for figure in figures) for row in rows] == [
        (1, 1, 12.0, 20.0, 40.0),
        (1, 2, 6.0, 10.0, 20.0),
        (3, 1, 12.0, 20.0, 40.0),
        (3, 2, 6.0, 10.0, 20.0),
    ]
    assert {(row["ratio"], row["direct_ratio"], row["mode"]) for row in rows} == {(0.6, 0.3, "max")}
    cpu = {(row["cpu_seconds_per_gb"], row["splice_cpu_seconds_per_gb"]) for row in rows}
    first = {(row["first_byte_ms"], row["direct_first_byte_ms"]) for row in rows}
    assert (cpu, first) == ({(1.5, 0.75)}, {(0.7, 0.2)})
    assert rows[0]["spread"]["first_byte_ms"] == [0.7, 0.7]
    assert json.loads(json.dumps(rows)) == rows
    bench_tables.print_socks5(rows, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[:5] == ["3", "2", "6.00", "10.00", "0.60"]
    assert max(map(len, lines)) <= 80
