"""Which addresses processes are told of."""

from __future__ import annotations

from dataclasses import replace

from nextmini.controller.addresses import AddressLog
from nextmini.controller.plan import Held, Targets, plan
from nextmini.protocol import AddressRecord

from .rows import node

ONE = replace(node(1), address6="fd00::1")
TWO = node(2)


def test_what_came_since_is_told_each_node_once() -> None:
    log = AddressLog()
    log.note(1, ONE)
    log.note(2, TWO)
    log.note(1, ONE)
    assert log.since(0) == [
        AddressRecord(1, "n1", ONE.address, "fd00::1"),
        AddressRecord(2, "n2", TWO.address),
    ]
    told = len(log)
    assert log.since(told) == []
    log.note(2, replace(TWO, address="10.9.9.9"))
    log.note(2, None)
    log.note(7, None)
    assert log.since(told) == [AddressRecord(2, "", None)]
    assert log.since(0) == [AddressRecord(1, "n1", ONE.address, "fd00::1"), AddressRecord(2, "", None)]


def test_every_process_is_told_all_addresses_and_then_changes_only() -> None:
    held, targets = Held(), Targets()
    targets.addresses.note(1, ONE)
    (first,) = plan(targets, held, frozenset({0, 1}))
    assert {process: body.addresses for process, body in first.items()} == {
        process: [AddressRecord(1, "n1", ONE.address, "fd00::1")] for process in (0, 1)
    }
    assert plan(targets, held, frozenset({0, 1})) == []
    targets.addresses.note(2, TWO)
    held.doubt(1)
    (second,) = plan(targets, held, frozenset({0, 1}))
    assert [len(second[process].addresses) for process in (0, 1)] == [1, 2]
