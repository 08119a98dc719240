"""Experiments in a process of their own: what whoever starts one is told. With fake dataplane processes."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from experiment.test_run import scenario
from nextmini.experiment import Interrupt, RunOptions
from nextmini.live import starting
from nextmini.live.processes import end, until_ended
from nextmini.live.starting import start
from nextmini.scenario import resolve
from nextmini.store import StateFolder
from nextmini.store.leftovers import held

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


@pytest.fixture
def background(options: RunOptions) -> RunOptions:
    return replace(options, until="stopped", how="up")


async def test_it_is_heard_of_until_it_is_ready_and_ends_when_it_is_asked_to(background: RunOptions) -> None:
    network = resolve(scenario(7000))
    phases: list[str] = []
    started = await start(network, background, Interrupt(), phases.append)
    assert (started.exit_code, started.errors) == (None, [])
    assert phases == [
        "starting the database",
        "writing the network",
        "starting 1 dataplane process",
        "setting up nodes and links",
    ]
    assert started.folder is not None
    assert started.folder.parent == background.runs_dir
    (found,) = StateFolder.locate(background.state_dir).running()
    assert (found.name, found.ready, found.pid) == (network.name, True, started.pid)
    with held(started.pid) as process:
        assert process is not None
        await end(process, Interrupt())
    log = (started.folder / "logs" / "supervisor.log").read_text().splitlines()
    assert [line[20:] for line in log] == [
        *phases,
        "the network is in force",
        "stopping; interrupt again to hurry",
        "writing the time series",
        "the end, with exit code 0",
    ]


async def test_what_goes_wrong_on_the_way_is_told(background: RunOptions) -> None:
    broken = replace(background, program=(sys.executable, "-c", "raise SystemExit('boom')"))
    started = await start(resolve(scenario(7000)), broken, Interrupt(), lambda _: None)
    assert started.exit_code == 1
    assert started.errors == ["dataplane process 0 ended with exit status 1; its last words: boom"]


async def test_a_refusal_is_told_with_its_code(background: RunOptions, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = replace(background, runs_dir=tmp_path / "file" / "runs")
    started = await start(resolve(scenario(7000)), nowhere, Interrupt(), lambda _: None)
    assert (started.exit_code, started.folder) == (2, None)
    assert "choose another with --runs-dir" in started.errors[0]


@pytest.mark.parametrize("phase", ["starting the database", "setting up nodes and links"])
async def test_an_interrupt_takes_it_down(background: RunOptions, phase: str) -> None:
    interrupt, phases = Interrupt(), []
    # Nobody but the interrupt ends these: they never connect.
    deaf = replace(background, program=(sys.executable, "-c", "import sys; sys.stdin.read()"))

    def tell(text: str) -> None:
        phases.append(text)
        if text == phase:
            interrupt.request()

    started = await start(resolve(scenario(7000)), deaf, interrupt, tell)
    assert started.exit_code == 130
    assert phases[-1] == "taking it down again; interrupt again to hurry"
    with held(started.pid) as process:
        assert process is None


async def test_a_process_that_dies_without_a_word_is_told_of(
    background: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "PROGRAM", (sys.executable, "-c", "raise SystemExit('no such module')"))
    started = await start(resolve(scenario(7000)), background, Interrupt(), lambda _: None)
    assert started.exit_code == 1
    assert started.errors == [
        "the experiment's process ended with exit status 1; its last words: no such module"
    ]


async def test_a_process_that_does_not_end_is_waited_for_and_asked_again_by_who_cannot_wait() -> None:
    code = """
import signal, sys
asked = []
def ask(*_):
    asked.append(1)
    print("asked", flush=True)
    if len(asked) == 2:
        sys.exit(0)
signal.signal(signal.SIGTERM, ask)
print("ready", flush=True)
while True:
    signal.pause()
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    assert child.stdout is not None
    await child.stdout.readline()
    interrupt = Interrupt()
    interrupt.request()
    with held(child.pid) as process:
        assert process is not None
        ending = asyncio.create_task(end(process, interrupt))
        assert await child.stdout.readline() == b"asked\n"
        assert not ending.done()
        interrupt.request()
        await ending
        await until_ended(process)
    assert await child.wait() == 0
