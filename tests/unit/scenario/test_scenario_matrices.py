"""Files of matrices and of sizes: what is in them, and what is wrong at which line."""

from __future__ import annotations

import pytest

from nextmini.scenario.files import BadFileError
from nextmini.scenario.flow_sizes import PUBLISHED, FlowSizes, parse_sizes
from nextmini.scenario.matrix import Cell, parse_matrix


def test_a_square() -> None:
    content = b'\xef\xbb\xbf# Mbit/s\n, a ,b\r\n\n"b",5 Mbit/s,0\na,0,2.5e6\n'
    made = parse_matrix(content, "m.csv")
    assert made.nodes == (("b", 4), ("a", 5))
    assert made.cells == (Cell("b", "a", 5e6, 4), Cell("a", "b", 2.5e6, 5))


def test_a_list() -> None:
    made = parse_matrix(b"Source, Destination, Rate\na,b,1.5 kbit/s\nb,c,0\na,a,0\n", "m.csv")
    assert made.nodes == (("a", 2), ("b", 2), ("c", 3))
    assert made.cells == (Cell("a", "b", 1500.0, 2),)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", None, "there is nothing in m.csv"),
        (b"# nothing\n\n", None, "there is nothing in m.csv"),
        (b"a,b\n", 1, "this line names neither columns nor a list of pairs"),
        (b"source,destination\n", 1, "this line names neither columns nor a list of pairs"),
        (b",a,a\n", 1, '"a" has two columns'),
        (b",a,\n", 1, "a column has no name"),
        (b",a,b\na,0,1\n", 1, '"b" has a column and no row'),
        (b",a,b\na,0,1\nb,1,0\nc,1,1\n", 4, '"c" has a row and no column'),
        (b",a,b\na,0,1\na,0,1\n", 3, '"a" has a row in line 2 too'),
        (b",a,b\na,0\n", 2, "this row has 1 rates, and there are 2 columns"),
        (b",a,b\na,0,-1\n", 2, '-1 is negative (from "a" to "b")'),
        (b",a,b\na,0,-1 Mbit/s\n", 2, '"-1 Mbit/s" is negative (from "a" to "b")'),
        (b",a,b\na,0,\n", 2, 'a rate is missing (from "a" to "b")'),
        (b",a,b\na,0,nan\n", 2, '"nan" is not a rate (from "a" to "b")'),
        (b",a,b\na,0,1e30\n", 2, '1e30 is too large (from "a" to "b")'),
        (b",a,b\na,0,1 MB/s\n", 2, '"MB/s" is not a unit of a rate (from "a" to "b")'),
        (b",a,b\na,7,1\n", 2, '"a" sends to itself'),
        (b',a,b\na,0,"1\n', 2, "this line is not CSV: unexpected end of data"),
        (b",a,b\na,0,\xff\n", 2, "this line is not text in UTF-8"),
        (b"source,destination,rate\na,b\n", 2, "this line has 2 cells"),
        (b"source,destination,rate\na,b,1\na,b,1\n", 3, "line 2 is about this pair too"),
    ],
)
def test_a_bad_matrix_is_refused_at_its_line(content: bytes, line: int | None, message: str) -> None:
    with pytest.raises(BadFileError) as caught:
        parse_matrix(content, "m.csv")
    assert (caught.value.file, caught.value.line, caught.value.message) == ("m.csv", line, message)
    assert caught.value.remedy


def test_sizes_between_points_are_on_a_line() -> None:
    made = parse_sizes(b"# measured\nbytes,probability\n100,0.2\n200, 0.6\n200,0.7\n1000,1\n", "s.csv", "s")
    assert made == FlowSizes("s", ((100.0, 0.2), (200.0, 0.6), (200.0, 0.7), (1000.0, 1.0)))
    shares = (0.0, 0.1, 0.2, 0.4, 0.6, 0.65, 0.7, 0.85, 1.0)
    assert [made.at(share) for share in shares] == [100, 100, 100, 150, 200, 200, 200, 600, 1000]
    assert made.mean == pytest.approx(100 * 0.2 + 150 * 0.4 + 200 * 0.1 + 600 * 0.3)


def test_sizes_are_at_least_a_byte() -> None:
    made = parse_sizes(b"0,0.5\n0,0.6\n10,1\n", "s.csv", "s")
    assert (made.at(0.3), made.at(0.6), made.at(0.61), made.at(0.999)) == (1, 1, 1, 10)


def test_published_distributions_have_the_means_that_are_known() -> None:
    assert {name: round(sizes.mean) for name, sizes in PUBLISHED.items()} == {
        "web-search": 1_665_831,
        "data-mining": 7_470_236,
    }
    for sizes in PUBLISHED.values():
        steps = 20_000
        numeric = sum(sizes.at((step + 0.5) / steps) for step in range(steps)) / steps
        assert numeric == pytest.approx(sizes.mean, rel=0.005)
        assert sizes.points[-1][1] == 1
    assert PUBLISHED["web-search"].at(0.53) == 53 * 1460
    assert PUBLISHED["data-mining"].at(0.25) == 1460


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", None, "there are no points in s.csv"),
        (b"bytes,probability\n", None, "there are no points in s.csv"),
        (b"1,0.5\n2,0.9\n", None, "the last probability is 0.9, not 1, in s.csv"),
        (b"0,1\n", None, "no flow has any bytes, in s.csv"),
        (b"1,0.5\n2\n", 2, "this line has 1 cells"),
        (b"1,0.5\n2,x\n", 2, '"x" is not a number'),
        (b"1,0.5\nbytes,probability\n", 2, '"bytes" is not a number'),
        (b"1,0.5\n2,nan\n", 2, '"nan" is not a number'),
        (b"-1,0.5\n", 1, "-1 bytes are not possible"),
        (b"1,50\n", 1, "50 is not a probability"),
        (b"5,0.5\n4,1\n", 2, "this point is below the one before it"),
        (b"5,0.5\n6,0.4\n7,1", 2, "this point is below the one before it"),
        (b"\xff,1\n", 1, "this line is not text in UTF-8"),
    ],
)
def test_bad_sizes_are_refused_at_their_line(content: bytes, line: int | None, message: str) -> None:
    with pytest.raises(BadFileError) as caught:
        parse_sizes(content, "s.csv", "s")
    assert (caught.value.file, caught.value.line, caught.value.message) == ("s.csv", line, message)
    assert caught.value.remedy
