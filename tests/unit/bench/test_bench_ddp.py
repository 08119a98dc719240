"""Distributed training as a benchmark: its networks, what ranks say, and what is made of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.bench import ddp
from nextmini.bench.collectives import Hop, ring_seconds
from nextmini.bench.ddp import Plan, links_alone, measure, same
from nextmini.bench.plan import PlanError
from nextmini.bench.running import Bench
from nextmini.bench.training import Job, Trained, network, torch_version, trained
from nextmini.cli import bench_tables
from nextmini.errors import PrerequisiteError, RunError
from nextmini.experiment import Interrupt
from nextmini.scenario import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JOB = Job("python3", ("mlp",), 2)


def said(rank: int, *seconds: float, model: str = "mlp", loss: float = 2.0) -> str:
    lines: list[dict[str, Any]] = [{"model": model, "rank": rank, "parameters": 10}]
    steps = enumerate(seconds, 1)
    lines += [{"model": model, "rank": rank, "step": n, "loss": loss / n, "seconds": s} for n, s in steps]
    return "\n".join(map(json.dumps, lines))


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"models": ()}, "--models"),
        ({"models": ("mlp", "mlp")}, "--models"),
        ({"models": ("resnet",)}, "--models: there is no model 'resnet'"),
        ({"steps": 0}, "--steps"),
        ({"repeat": 0}, "--repeat"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_the_name_of_its_option(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(PlanError, match=option) as refusal:
        Plan(**settings)
    assert refusal.value.remedy


def test_both_networks_have_the_nodes_and_programs_of_the_example() -> None:
    fast, slow = resolve(network(JOB, "unshaped", "/t.py")), resolve(network(JOB, "wan", "/t.py"))
    assert fast.nodes == slow.nodes
    assert fast.apps == slow.apps
    assert fast.isolation == "namespace"
    assert {(link.a, link.b) for link in fast.links} == {(link.a, link.b) for link in slow.links}
    assert [(way.rate, way.delay) for link in fast.links for way in (link.forward,)] == [(None, 0)] * 6
    assert all(way.rate and way.delay for link in slow.links for way in (link.forward, link.backward))
    for rank, app in enumerate(slow.apps):
        assert app.command == ("python3", "-u", "/t.py", "--steps", "2", "--models", "mlp")
        node = slow.node(app.node).name
        assert dict(app.env) == {
            "MASTER_ADDR": "oregon",
            "MASTER_PORT": "29500",
            "WORLD_SIZE": "4",
            "RANK": str(rank),
            "GLOO_SOCKET_IFNAME": f"{node}-eth0",
            "OMP_NUM_THREADS": "1",
        }


def test_a_step_takes_as_long_as_for_its_slowest_rank() -> None:
    found = trained(JOB, [said(0, 0.5, 0.1), f"a library's warning\n{said(1, 0.4, 0.2)}"])
    assert found["mlp"].step_seconds() == [0.5, 0.2]
    assert found["mlp"].losses == {0: [2.0, 1.0], 1: [2.0, 1.0]}
    assert found["mlp"].parameters == 10


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([said(0, 1, 1), said(1, 1)], r"told of \[2, 1\] steps of 2"),
        ([said(0, 1, 1), ""], r"told of \[2, 0\] steps"),
        ([said(0, 1, 1), said(1, 1, 1) + '\n{"model": '], "rank 1 says what cannot be read"),
        ([said(0, 1, 1, model="cnn")], r"training mlp: ranks told of \[0\] steps"),
    ],
)
def test_ranks_that_do_not_tell_everything_are_no_measurement(texts: list[str], reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        trained(JOB, texts)


def test_what_is_learnt_has_to_be_the_same() -> None:
    alone = trained(JOB, [said(0, 1, 1), said(1, 1, 1)])["mlp"]
    same("mlp", alone, trained(JOB, [said(0, 5, 6), said(1, 7, 8)])["mlp"])
    with pytest.raises(RunError, match="training mlp: what was learnt is not what is learnt over loopback"):
        same("mlp", alone, trained(JOB, [said(0, 1, 1), said(1, 1, 1, loss=2.0000001)])["mlp"])


def test_the_links_alone_are_those_around_the_ranks() -> None:
    around = [Hop(500e6, 0.030), Hop(300e6, 0.045), Hop(100e6, 0.115), Hop(300e6, 0.045)]
    assert links_alone(Plan(), 1_000_000) == pytest.approx(ring_seconds(1_000_000, around, 1500))


@pytest.mark.parametrize(
    ("text", "told"),
    [("#!/bin/sh\necho no module >&2; exit 1\n", "no PyTorch with gloo: .*: no module"), (None, "executed")],
)
def test_what_has_no_pytorch_is_told_with_the_remedy(tmp_path: Path, text: str | None, told: str) -> None:
    python = tmp_path / "python"
    if text is not None:
        python.write_text(text)
        python.chmod(0o755)
    with pytest.raises(PrerequisiteError, match=told) as refusal:
        asyncio.run(torch_version(str(python)))
    assert "apt install --no-install-recommends python3-torch" in str(refusal.value.remedy)


def test_all_ways_are_measured_in_turn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    seconds = {"loopback": 0.1, "unshaped": 0.15, "wan": 2.0}

    def made(way: str) -> dict[str, Trained]:
        done.append(way)
        late = seconds[way] * (1 + len(done) // 4)  # everything takes twice as long the second time
        return trained(Job("", ("mlp",), 3), [said(rank, 9, 9, late) for rank in range(4)])

    async def loopback(_bench: Bench, _job: Job) -> dict[str, Trained]:
        return made("loopback")

    async def over(_bench: Bench, _job: Job, shape: str) -> dict[str, Trained]:
        return made(shape)

    @asynccontextmanager
    async def prepared(interrupt: Interrupt) -> AsyncIterator[Bench]:
        yield Bench(Path(), interrupt)

    async def version(_python: str) -> str:
        return "1.13"

    monkeypatch.setattr(ddp, "require_root", lambda: None)
    monkeypatch.setattr(ddp, "torch_version", version)
    monkeypatch.setattr(ddp, "prepared", prepared)
    monkeypatch.setattr(ddp, "over_loopback", loopback)
    monkeypatch.setattr(ddp, "over_network", over)
    plan = Plan(("mlp",), 1, 2)
    told: list[str] = []
    (row,) = asyncio.run(measure(plan, Interrupt(), told.append))
    assert done == ["loopback", "unshaped", "wan"] * 2
    assert told[1] == "repetition 1 of 2: over loopback"
    assert (row["loopback_ms"], row["unshaped_ms"], row["wan_ms"]) == (150, 225, 3000)
    assert (row["unshaped_ratio"], row["wan_ratio"]) == (1.5, 20)
    assert row["spread"]["wan_ms"] == [2000, 4000]
    assert row["gradient_bytes"] == 40
    bench_tables.print_ddp([row], plan)
    out = capsys.readouterr().out
    assert out.splitlines()[-1].split()[:6] == ["mlp", "0.00", "150.0", "225.0", "1.50", "1.50-1.50"]
    assert max(map(len, out.splitlines())) <= 80
