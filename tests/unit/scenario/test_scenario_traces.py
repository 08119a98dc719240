"""Traces: files in Mahimahi's format, lists, and what is wrong with them at which line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario import Network, Trace, dump, load, loads, resolve
from nextmini.scenario.trace import opportunities

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = '[experiment]\nname = "x"\n[topology]\nkind = "line"\nnodes = 3\n'


def network(trace: Any, **tables: Any) -> Network:
    data = {
        "experiment": {"name": "x"},
        "topology": {"kind": "line", "nodes": 3, "link": {"trace": trace}},
        **tables,
    }
    return resolve(loads(json.dumps(data), "json"))


def refused(trace: Any, **tables: Any) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        network(trace, **tables)
    return list(caught.value.problems)


class TestFiles:
    def test_a_file_is_looked_for_beside_the_scenario(self, tmp_path: Path) -> None:
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / "lte.trace").write_text("1\n1\n\n3\n12\n")
        path = tmp_path / "net" / "x.toml"
        path.write_text(f'{_HEAD}link = {{ trace = "lte.trace" }}\n[[links]]\nends = ["n1", "n3"]\n')
        made = resolve(load(path))
        points = ((1_000_000, 2), (3_000_000, 1), (12_000_000, 1))
        assert made.traces == (Trace(1, "lte.trace", "opportunities", 0.012, points),)
        assert [link.forward.trace for link in made.links] == [1, 1, None]
        assert resolve(loads(dump(made))) == made

    def test_a_text_has_the_current_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "t").write_text("5\n")
        monkeypatch.chdir(tmp_path)
        assert network("t").traces[0].name == "t"

    @pytest.mark.parametrize(
        ("content", "line", "told"),
        [
            ("1\ntwo\n3\n", 2, '"two" is not a number of milliseconds; write one whole number a line'),
            ("1\n2.5\n", 2, '"2.5" is not a number'),
            ("-1\n", 1, '"-1" is not a number'),
            ("1\n5\n\n4\n", 4, "4 ms is before the line above, 5 ms"),
            ("1\n" + "9" * 30 + "\n", 2, "is not a number of milliseconds"),
            ("\xff\xfe", 1, "is not a number of milliseconds"),
        ],
    )
    def test_a_bad_line_is_told_with_its_file_and_number(
        self, tmp_path: Path, content: str, line: int, told: str
    ) -> None:
        (tmp_path / "bad.trace").write_text(content, encoding="latin-1")
        path = tmp_path / "x.toml"
        path.write_text(f'{_HEAD}[[links]]\nends = ["n1", "n2"]\ntrace = "bad.trace"\n')
        with pytest.raises(ScenarioError) as caught:
            load(path)
        (problem,) = caught.value.problems
        assert (problem.file, problem.line, problem.key) == (
            str(tmp_path / "bad.trace"),
            line,
            "links[0].trace",
        )
        assert told in str(problem)

    @pytest.mark.parametrize("content", ["", "\n\n", "0\n0\n"])
    def test_one_that_lets_nothing_leave(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "none").write_text(content)
        (problem,) = refused(str(tmp_path / "none"))
        assert problem.message == "this trace lets nothing leave"

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        path = tmp_path / "x.toml"
        path.write_text(f'{_HEAD}\n[[links]]\nends = ["n1", "n2"]\nforward = {{ trace = "no" }}\n')
        with pytest.raises(ScenarioError) as caught:
            load(path)
        (problem,) = caught.value.problems
        assert (problem.file, problem.line, problem.key) == (str(path), 9, "links[0].forward.trace")
        assert problem.message == f"there is no file {tmp_path / 'no'}"
        (folder,) = refused(str(tmp_path))
        assert folder.message == "this is a folder"

    def test_all_problems_are_told_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "bad").write_text("x\n")
        path = tmp_path / "x.toml"
        path.write_text(f'{_HEAD}link = {{ trace = "bad" }}\n[[links]]\nends = ["n1", "n9"]\n')
        with pytest.raises(ScenarioError) as caught:
            load(path)
        assert [problem.key for problem in caught.value.problems] == [
            "topology.link.trace",
            "links[0].ends[1]",
        ]


class TestLists:
    def test_times_and_rates(self) -> None:
        made = network([["0 s", "10 Mbit/s"], ["5 s", "0 bit/s"]])
        assert made.traces == (Trace(1, "trace-1", "rates", 0.0, ((0, 10_000_000), (5_000_000_000, 0))),)

    def test_one_that_begins_again(self) -> None:
        made = network({"rates": [["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]], "period": "10 s"})
        assert made.traces[0].period == 10.0
        assert resolve(loads(dump(made))) == made

    def test_equal_ones_are_one(self) -> None:
        twice = [{"ends": ["n1", "n2"], "trace": [["0 s", "5 bit/s"]]}]
        assert len(network([["0 ms", "5 bit/s"]], links=twice).traces) == 1

    def test_named_ones_come_first_and_have_their_names(self) -> None:
        named = [
            {"name": "slow", "rates": [["0 s", "1 bit/s"]]},
            {"name": "trace-3", "opportunities": [1, 1, 7]},
        ]
        other = [{"ends": ["n1", "n2"], "trace": [["0 s", "9 bit/s"]]}]
        made = network("trace-3", traces=named, links=other)
        assert [(trace.id, trace.name) for trace in made.traces] == [
            (1, "slow"),
            (2, "trace-3"),
            (3, "trace-3-"),
        ]
        assert [link.forward.trace for link in made.links] == [3, 2]
        assert resolve(loads(dump(made))) == made

    @pytest.mark.parametrize(
        ("trace", "told"),
        [
            ([], "expected a list of times and rates"),
            ([["0 s"]], "expected a time and a rate"),
            ([["1 s", "5 bit/s"]], 'this trace begins at "1 s"; say what holds from 0 s on'),
            ([["0 s", "5 bit/s"], ["0 s", "6 bit/s"]], '"0 s" is not after the time before it'),
            ([["0 s", "0 bit/s"], ["1 s", "0 bit/s"]], "this trace is 0 everywhere"),
            ([["0 s", "5"]], '"5" has no unit'),
            ([["0 s", "0.5 bit/s"]], '"0.5 bit/s" is not possible'),
            ({"rates": [["0 s", "5 bit/s"]], "period": "0 s"}, '"0 s" is nothing'),
            ({"rates": [["0 s", "5 bit/s"], ["2 s", "6 bit/s"]], "period": "2 s"}, "`period` is not after"),
            ({"period": "2 s"}, "a trace has `rates` or `opportunities`"),
            ({"opportunities": [1], "period": "2 s"}, "do not go with `opportunities`"),
            ({"opportunities": [3, 2]}, "2 ms is before 3 ms"),
            ({"opportunities": [True]}, "true is not a number of milliseconds"),
            ({"opportunities": [0]}, "this trace lets nothing leave"),
            ({"rate": []}, "unknown key; did you mean rates?"),
            (5, "expected a trace, got 5"),
            ("", "cannot be the name of a trace"),
        ],
    )
    def test_what_is_wrong_with_one(self, trace: Any, told: str) -> None:
        assert any(told in str(problem) for problem in refused(trace))

    def test_names_are_told_apart(self) -> None:
        entry = {"name": "a", "rates": [["0 s", "1 bit/s"]]}
        (problem,) = refused("a", traces=[entry, entry])
        assert (problem.key, problem.message) == ("traces[1].name", '"a" is also the name of traces[0]')

    def test_a_name_whose_trace_was_refused_is_not_blamed(self) -> None:
        assert [problem.key for problem in refused("a", traces=[{"name": "a", "rates": 5}])] == [
            "traces[0].rates"
        ]


@given(st.lists(st.integers(0, 50), min_size=1).map(sorted).filter(lambda moments: moments[-1] > 0))
def test_opportunities_are_counted(moments: list[int]) -> None:
    source = opportunities(moments)
    assert [at // 1_000_000 for at, count in source.points for _ in range(count)] == moments
    assert source.period == moments[-1] / 1000
