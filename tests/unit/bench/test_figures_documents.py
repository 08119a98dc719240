"""From what was measured to JSON and to tables."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from bench.figures.cases import Case, in_turn
from bench.figures.document import DocumentError, Origin, Row, read
from bench.figures.drawing import MOST_BYTES, draw
from bench.figures.paper import said_of, statements
from bench.figures.tables import number, table, tables
from bench.peers.measurement import PeerMissingError
from figure_documents import PANEL, document, measured

from nextmini.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures.cases import Found


def test_a_document_is_the_same_from_its_file(tmp_path: Path) -> None:
    made = document(measured())
    made.write(tmp_path / "fig05.json")
    assert read(tmp_path / "fig05.json") == made
    row = json.loads((tmp_path / "fig05.json").read_text())["rows"][0]
    assert (row["gbps"], row["spread"]["gbps"], row["values"]["gbps"]) == (5.0, [4.0, 6.0], [5.0, 4.0, 6.0])


@pytest.mark.parametrize("text", ["", "[]", '{"panels": []}', '{"panels": [], "rows": [{}]}'])
def test_a_file_that_is_no_document_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fig05.json"
    path.write_text(text)
    with pytest.raises(DocumentError, match="fig05"):
        read(path)


def test_a_table_has_a_line_for_each_curve_and_hops_in_their_order() -> None:
    lines = table(PANEL, measured()).splitlines()
    assert lines == [
        "|  | hops | 2 | 10 |",
        "| --- | --- | --- | --- |",
        "| lossless | Gbit/s | 12 | 5 (4-6) |",
        "| lossless | ratio | 1.2 | 1 (0.9-1.1) |",
        "| Mininet | Gbit/s | 1,234 | not measured |",
        "| socat | Gbit/s | not measured |  |",
    ]


def test_what_a_peer_cannot_do_is_said_below_the_table_and_is_no_failure() -> None:
    made = document(measured())
    assert "- Mininet (10): there is no program mn\n" in tables(made)
    assert "- socat (2): there is no program socat\n" in tables(made)
    assert made.failures == []


def test_what_of_ours_cannot_be_measured_is_a_failure() -> None:
    rows = [Row("tcp", "lossless", 1, Origin.OURS, {"gbps": [1.0]}, "it broke")]
    assert document(rows).failures == ["lossless at 1: it broke"]


@pytest.mark.parametrize(
    ("value", "said"), [(0.12345, "0.123"), (12.345, "12.3"), (123.45, "123"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits(value: float, said: str) -> None:
    assert number(value) == said


def test_cases_are_measured_in_turn_and_what_failed_is_left_alone() -> None:
    order: list[str] = []

    def case(name: str, origin: Origin, failure: Exception | None = None, most: int | None = None) -> Case:
        async def measure() -> Found:
            order.append(name)
            if failure is not None and order.count(name) == 2:
                raise failure
            return {name: {"gbps": float(order.count(name))}}

        return Case("tcp", 1, {name: origin}, measure, most)

    missing = PeerMissingError("there is no program mn", "install it")
    cases = [
        case("ours", Origin.OURS),
        case("Mininet", Origin.PEER, missing),
        case("broken", Origin.OURS, RunError("it broke")),
        case("long", Origin.OURS, most=1),
    ]
    said: list[str] = []
    rows = {row.series: row for row in asyncio.run(in_turn(cases, 3, said.append))}
    assert order == ["ours", "Mininet", "broken", "long", "ours", "Mininet", "broken", "ours"]
    assert rows["ours"].values == {"gbps": [1.0, 2.0, 3.0]}
    assert rows["ours"].reason is None
    assert (rows["Mininet"].values, rows["Mininet"].reason) == ({"gbps": [1.0]}, "there is no program mn")
    assert document(list(rows.values())).failures == ["broken at 1: it broke"]
    assert "repetition 3 of 3: ours at 1" in said
    assert "Mininet at 1: there is no program mn" in said


def test_a_picture_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw(document(measured()), tmp_path / name)
    picture = (tmp_path / "one.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= MOST_BYTES
    assert picture == (tmp_path / "two.png").read_bytes()


def test_where_nothing_was_measured_there_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "fig05.png"
    path.write_bytes(b"of an earlier run")
    draw(document([Row("tcp", "lossless", 1, Origin.OURS, reason="it broke")]), path)
    assert not path.exists()


def test_what_the_paper_states_with_a_value_belongs_to_a_panel() -> None:
    assert [one.value for one in said_of("fig05", "tcp")] == [12]
    for one in statements():
        assert one.text.strip()
        assert (one.value is None) == (one.panel is None), one
        assert (one.value is None) == (not one.short), one
