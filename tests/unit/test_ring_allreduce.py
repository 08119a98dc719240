"""The program of the example `allreduce`, between threads instead of nodes."""

from __future__ import annotations

import importlib.util
import socket
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

RING = Path(__file__).parents[2] / "configs" / "allreduce" / "ring.py"


@pytest.fixture(scope="module")
def ring() -> Any:
    spec = importlib.util.spec_from_file_location("ring_of_the_example", RING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_every_node_has_the_sum(ring: Any, nodes: int) -> None:
    pairs = [socket.socketpair() for _ in range(nodes)]  # from a node, to the next one
    arrays = [ring.own(rank, 7, 30) for rank in range(nodes)]
    sums = array("q", map(sum, zip(*arrays, strict=True)))
    try:
        with ThreadPoolExecutor(nodes) as threads:
            done = [
                threads.submit(ring.all_reduce, arrays[rank], rank, pairs[rank - 1][1], pairs[rank][0], nodes)
                for rank in range(nodes)
            ]
            for one in done:
                one.result(timeout=60)
    finally:
        for pair in pairs:
            for end in pair:
                end.close()
    assert arrays == [sums] * nodes
    for numbers in arrays:
        ring.check(numbers, nodes, 7)


def test_a_wrong_sum_is_noticed(ring: Any) -> None:
    numbers = array("q", [3, 5, 7, 9])  # 1 and 2, 2 and 3, 3 and 4, 4 and 5
    ring.check(numbers, 2, 1)
    numbers[2] += 1
    with pytest.raises(SystemExit, match="the sum is wrong"):
        ring.check(numbers, 2, 1)


def test_a_node_that_ends_too_early_is_noticed(ring: Any) -> None:
    before, its = socket.socketpair()
    after, others = socket.socketpair()
    with before, its, after, others:
        its.close()
        with pytest.raises(SystemExit, match="the node before has ended"):
            ring.exchange(array("q", [1]), before, after)
