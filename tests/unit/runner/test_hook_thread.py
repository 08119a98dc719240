"""The thread of hooks: in order, and what is said of one that raises or does not return."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from nextmini.runner.hook_thread import Hook, HookFailedError, HookThread

pytestmark = pytest.mark.asyncio


async def test_hooks_are_called_in_order_in_one_thread() -> None:
    called: list[tuple[int, int]] = []

    def note(number: int) -> None:
        called.append((number, threading.get_ident()))

    hooks = [Hook("h", partial(note, number)) for number in range(3)]
    thread = HookThread(5.0)
    await thread.call(hooks)
    await thread.call(hooks[:1])
    assert [number for number, _ in called] == [0, 1, 2, 0]
    assert len({ident for _, ident in called}) == 1
    assert threading.get_ident() not in {ident for _, ident in called}


def fails() -> None:
    raise KeyError("x")


def leaves() -> None:
    raise SystemExit(3)


async def test_one_that_raises_is_told_with_its_place_and_the_others_are_not_called() -> None:
    called: list[int] = []
    with pytest.raises(HookFailedError, match=r"^on_start: KeyError: 'x' \(in fails, ") as caught:
        await HookThread(5.0).call([Hook("on_start", fails), Hook("on_timer", lambda: called.append(1))])
    assert "Traceback" in caught.value.story
    assert called == []
    with pytest.raises(HookFailedError, match=r"^on_start: SystemExit: 3 "):
        await HookThread(5.0).call([Hook("on_start", leaves)])


async def test_one_that_does_not_return_is_told_with_where_it_stands() -> None:
    let_go = threading.Event()

    def on_timer() -> None:
        let_go.wait()

    with pytest.raises(
        HookFailedError, match=r"^on_timer did not return within 0\.05 s; it is in wait, "
    ) as caught:
        await HookThread(0.05).call([Hook("on_timer", on_timer)])
    assert "in on_timer\n" in caught.value.story
    let_go.set()
