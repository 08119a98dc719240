"""The numbers of flows that begin again."""

from __future__ import annotations

from nextmini.controller.flow_names import FIRST_ALIAS, FlowNames


def test_a_flow_has_its_rows_number_until_it_begins_again() -> None:
    names = FlowNames()
    assert (names.wire(7), names.row(7), names.late(7), names.any_renewed) == (7, 7, 0.0, False)
    names.renew(7, 2.5)
    assert (names.wire(7), names.row(FIRST_ALIAS), names.late(7)) == (FIRST_ALIAS, 7, 2.5)
    assert names.row(7) is None, "what is said of the old one is about nothing"
    names.renew(7, 4.0)
    assert (names.wire(7), names.row(FIRST_ALIAS), names.late(7)) == (FIRST_ALIAS + 1, None, 4.0)
    assert (names.wire(8), names.row(8), names.any_renewed) == (8, 8, True)


def test_old_numbers_are_kept_until_nobody_has_them() -> None:
    names = FlowNames()
    names.renew(7, 1.0)
    names.renew(7, 2.0)
    assert set(names.retired()) == {7, FIRST_ALIAS}
    names.gone(7)
    assert names.retired() == (FIRST_ALIAS,)


def test_another_flow_under_the_number_of_one_that_is_gone_begins_afresh() -> None:
    names = FlowNames()
    names.forget(7)
    names.renew(7, 1.0)
    names.forget(7)
    assert (names.wire(7), names.row(7), names.late(7)) == (7, 7, 0.0)
    assert names.row(FIRST_ALIAS) is None
    names.renew(7, 3.0)
    assert names.wire(7) == FIRST_ALIAS + 1, "no number is used twice"
