"""Waiting for a round that began after a change."""

from __future__ import annotations

import asyncio

import pytest

from nextmini.controller.rounds import Rounds

pytestmark = pytest.mark.asyncio


async def waiting(rounds: Rounds) -> asyncio.Task[None]:
    """A task that waits for a round."""
    task = asyncio.create_task(rounds.next())
    await asyncio.sleep(0)
    return task


async def test_the_round_that_is_going_on_does_not_count() -> None:
    rounds = Rounds()
    rounds.begin()
    first, second = await waiting(rounds), await waiting(rounds)
    rounds.end(complete=True)
    rounds.begin()
    third = await waiting(rounds)
    assert not first.done()
    rounds.end(complete=True)
    await first
    await second
    assert not third.done()
    rounds.begin()
    rounds.end(complete=True)
    await third


async def test_a_round_that_could_not_read_everything_does_not_count() -> None:
    rounds = Rounds()
    first = await waiting(rounds)
    rounds.begin()
    rounds.end(complete=False)
    second = await waiting(rounds)
    assert not first.done()
    rounds.begin()
    rounds.end(complete=True)
    await first
    await second


async def test_whoever_gives_up_does_not_disturb_the_others() -> None:
    rounds = Rounds()
    first, second = await waiting(rounds), await waiting(rounds)
    first.cancel()
    rounds.begin()
    rounds.end(complete=True)
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
