from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from nextmini.experiment.collector import NEW_OBJECTS, seldom

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_while_an_experiment_runs_python_looks_for_garbage_seldom() -> None:
    gc.set_threshold(700, 10, 10)
    with seldom():
        assert gc.get_threshold() == (NEW_OBJECTS, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_the_last_of_several_sets_all_back() -> None:
    gc.set_threshold(700, 11, 12)
    first, second = seldom(), seldom()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (NEW_OBJECTS, 11, 12)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("newest", [0, 10 * NEW_OBJECTS])
def test_who_has_it_look_less_often_is_left_alone(newest: int) -> None:
    gc.set_threshold(newest, 10, 10)
    with seldom():
        assert gc.get_threshold() == (newest, 10, 10)
    assert gc.get_threshold() == (newest, 10, 10)
