"""Requests to stop: what they end, what they do not, and the signals that they come from."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from nextmini.experiment.interrupt import Interrupt, Interrupted

pytestmark = pytest.mark.asyncio


async def value(of: int) -> int:
    return of


async def test_without_a_request_work_gives_its_result_or_its_error() -> None:
    interrupt = Interrupt()
    assert await interrupt.guard(value(7)) == 7

    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await interrupt.guard(fail())


async def test_a_request_cancels_the_work_and_waits_for_it_to_tidy_up() -> None:
    interrupt = Interrupt()
    tidied = False

    async def work() -> None:
        nonlocal tidied
        interrupt.request()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied = True

    with pytest.raises(Interrupted):
        await interrupt.guard(work())
    assert tidied
    assert (interrupt.requested, interrupt.hastened) == (True, False)


async def test_work_that_finished_in_the_same_moment_has_its_result() -> None:
    interrupt = Interrupt()

    async def work() -> int:
        interrupt.request()
        return 5

    assert await interrupt.guard(work()) == 5


async def test_after_a_request_no_work_begins() -> None:
    interrupt = Interrupt()
    interrupt.request()

    async def work() -> None:
        raise AssertionError("it began")

    with pytest.raises(Interrupted):
        await interrupt.guard(work())


async def test_cleaning_up_is_cut_short_by_a_second_request_only() -> None:
    interrupt = Interrupt()
    interrupt.request()
    assert await interrupt.unless_hastened(value(1), 10)

    async def hurried() -> None:
        interrupt.request()
        await asyncio.Event().wait()

    assert not await interrupt.unless_hastened(hurried(), 10)
    assert not await interrupt.unless_hastened(value(1), 10)
    assert interrupt.hastened


async def test_cleaning_up_has_a_deadline_and_its_errors_are_seen() -> None:
    interrupt = Interrupt()
    assert not await interrupt.unless_hastened(asyncio.Event().wait(), 0.01)

    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await interrupt.unless_hastened(fail(), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_are_requests_while_the_context_lasts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    interrupt = Interrupt()
    with interrupt.on_signals():
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)
            await interrupt.guard(asyncio.Event().wait())
        os.kill(os.getpid(), number)
        assert not await interrupt.unless_hastened(asyncio.Event().wait(), 10)
    assert signal.getsignal(number) == before
