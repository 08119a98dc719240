"""Wherever a run is cut short, nothing of the server is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nextmini.store.embedded import embedded_server
from nextmini.store.locks import FileLock
from nextmini.store.sharing import SharedServer

from .conftest import assert_nothing_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .holder import Holder


async def come_and_go(state: Path, entered: asyncio.Event) -> None:
    async with embedded_server(state):
        entered.set()


async def stay(state: Path, entered: asyncio.Event) -> None:
    async with embedded_server(state):
        entered.set()
        await asyncio.Event().wait()


@pytest.mark.asyncio
@pytest.mark.parametrize("milliseconds", [0, 2, 5, 10, 20, 30, 40, 50])
async def test_cancelled_at_any_moment_of_start_and_stop(state: Path, milliseconds: int) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    task = asyncio.create_task(come_and_go(state, asyncio.Event()))
    await asyncio.wait([task], timeout=milliseconds / 1000)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() is None
    assert_nothing_runs(state)
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.asyncio
async def test_cancelled_while_initdb_works(new_state: Path) -> None:
    task = asyncio.create_task(stay(new_state, asyncio.Event()))
    await asyncio.wait([task], timeout=0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_nothing_runs(new_state)


@pytest.mark.asyncio
async def test_cancelled_again_and_again(state: Path) -> None:
    entered = asyncio.Event()
    task = asyncio.create_task(stay(state, entered))
    await entered.wait()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert_nothing_runs(state)


@pytest.mark.asyncio
async def test_cancelled_while_another_is_at_the_gate(state: Path) -> None:
    with closing(FileLock(state / "postgres/gate.lock")) as gate:
        assert gate.try_exclusive()
        task = asyncio.create_task(stay(state, asyncio.Event()))
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await come_and_go(state, asyncio.Event())


@pytest.mark.asyncio
async def test_cancelled_run_leaves_the_server_to_others(state: Path) -> None:
    with closing(SharedServer(state)) as other:
        other.enter()
        entered = asyncio.Event()
        task = asyncio.create_task(stay(state, entered))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (state / "postgres/data/postmaster.pid").exists()
        other.leave()


@pytest.mark.parametrize("milliseconds", [0, 25, 50])
def test_control_c_at_any_moment(state: Path, hold: Callable[..., Holder], milliseconds: int) -> None:
    holder = hold(state)
    holder.starting()
    with pytest.raises(subprocess.TimeoutExpired):
        holder.process.wait(milliseconds / 1000)
    holder.interrupt()
    assert_nothing_runs(state)


@pytest.mark.parametrize("milliseconds", [10, 40])
def test_impatient_control_c_at_any_moment(
    state: Path, hold: Callable[..., Holder], milliseconds: int
) -> None:
    holder = hold(state)
    holder.starting()
    with pytest.raises(subprocess.TimeoutExpired):
        holder.process.wait(milliseconds / 1000)
    holder.interrupt_twice()
    assert_nothing_runs(state)
