"""init, example, validate, schema, version and doctor."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.cli import doctor as doctor_module
from nextmini.cli.main import main
from nextmini.hosts.checks import Check
from nextmini.scenario import load
from nextmini.scenario.examples import example_files, example_names, example_text

if TYPE_CHECKING:
    from collections.abc import Iterator


class Program:
    """Runs the program in a folder of its own; what it printed last is in `out` and `err`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        self.out, self.err = self._capsys.readouterr()
        return int(caught.value.code or 0)

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Program]:
    monkeypatch.chdir(tmp_path)
    yield Program(capsys)


class TestInit:
    def test_it_writes_a_scenario_that_is_valid(self, program: Program) -> None:
        assert program("init") == 0
        assert program.out == "first.toml\n"
        assert "nextmini run first.toml" in program.err
        assert load(Path("first.toml")).experiment.name == "first"

    def test_the_name_is_that_of_the_experiment_and_of_the_file(self, program: Program) -> None:
        assert program("init", "lab-1") == 0
        assert load(Path("lab-1.toml")).experiment.name == "lab-1"
        assert "nextmini run lab-1.toml" in Path("lab-1.toml").read_text()

    def test_a_path_will_do(self, program: Program) -> None:
        Path("labs").mkdir()
        assert program("init", "labs/two.toml") == 0
        assert load(Path("labs/two.toml")).experiment.name == "two"

    def test_it_does_not_overwrite(self, program: Program) -> None:
        Path("mine.toml").write_text("precious")
        assert program("init", "mine") == 2
        assert program.err == "error: mine.toml is there already; choose another name, or remove it first\n"
        assert Path("mine.toml").read_text() == "precious"

    @pytest.mark.parametrize("name", ["a b", 'a"b', "pg_lab", "-", "a\nb", ""])
    def test_a_name_that_cannot_be(self, program: Program, name: str) -> None:
        assert program("init", "--", name) == 2
        assert program.err.startswith("error: ")
        assert "Traceback" not in program.err
        assert list(Path().iterdir()) == []

    def test_a_folder_that_is_not_there(self, program: Program) -> None:
        assert program("init", "no/such") == 2
        assert program.err == "error: there is no folder no; make it first\n"


class TestExample:
    def test_list(self, program: Program) -> None:
        assert program("example", "list") == 0
        lines = program.out.splitlines()
        assert [line.split()[0] for line in lines] == example_names()
        assert program("example", "list", "--json") == 0
        assert [entry["name"] for entry in program.document] == example_names()
        assert all(entry["summary"] for entry in program.document)

    def test_show(self, program: Program) -> None:
        assert program("example", "show", "torus") == 0
        assert program.out == example_text("torus")

    def test_copy(self, program: Program) -> None:
        assert program("example", "copy", "torus") == 0
        assert program.out == "torus.toml\n"
        Path("labs").mkdir()
        assert program("example", "copy", "torus.toml", "labs") == 0
        assert program("example", "copy", "torus", "mine.toml") == 0
        for path in ("torus.toml", "labs/torus.toml", "mine.toml"):
            assert Path(path).read_text("utf-8") == example_text("torus")

    def test_copy_does_not_overwrite(self, program: Program) -> None:
        assert program("example", "copy", "torus") == 0
        assert program("example", "copy", "torus") == 2
        assert program.err.startswith("error: torus.toml is there already")

    def test_copy_brings_the_traces_that_an_example_needs(self, program: Program) -> None:
        (trace,) = example_files("cellular-trace")
        Path("labs").mkdir()
        assert program("example", "copy", "cellular-trace", "labs/mine.toml") == 0
        assert program.out == f"labs/mine.toml\nlabs/{trace}\n"
        assert program("validate", "labs/mine.toml") == 0
        assert program("example", "copy", "cellular-trace", "labs/again.toml") == 0
        assert program.out == "labs/again.toml\n", "the trace is there, and the same"
        Path("labs", trace).write_text("1\n")
        assert program("example", "copy", "cellular-trace", "labs/third.toml") == 2
        assert program.err.startswith(f"error: labs/{trace} is there already")
        assert Path("labs", trace).read_text() == "1\n"

    def test_copy_brings_the_matrix_that_an_example_needs(self, program: Program) -> None:
        assert program("example", "copy", "demands") == 0
        assert program.out == "demands.toml\ndemands.csv\n"
        assert program("validate", "demands.toml") == 0

    def test_copy_brings_the_programs_that_an_example_needs(self, program: Program) -> None:
        assert program("example", "copy", "allreduce") == 0
        assert program.out == "allreduce.toml\nallreduce/ring.py\n"
        assert program("validate", "allreduce.toml") == 0

    @pytest.mark.parametrize("verb", ["show", "copy"])
    def test_an_unknown_one(self, program: Program, verb: str) -> None:
        assert program("example", verb, "tours") == 2
        assert 'error: there is no example "tours"; did you mean torus?' in program.err


class TestValidate:
    def test_a_valid_scenario(self, program: Program) -> None:
        Path("a.toml").write_text(example_text("quickstart"))
        assert program("validate", "a.toml") == 0
        assert program.out == "a.toml: valid: 6 nodes, 7 links, 4 routes, 7 flows\n"
        assert program("validate", "a.toml", "--json") == 0
        assert program.document == {
            "file": "a.toml",
            "valid": True,
            "experiment": "quickstart",
            "processes": 1,
            "nodes": 6,
            "links": 7,
            "routes": 4,
            "flows": 7,
            "problems": [],
        }

    def test_problems_go_to_standard_error(self, program: Program) -> None:
        Path("a.toml").write_text(
            '[experiment]\nname = "x"\nsede = 1\n[topology]\nkind = "ring"\nnodes = 2\n'
        )
        assert program("validate", "a.toml") == 2
        assert program.out == ""
        unknown, small = program.err.splitlines()
        assert unknown == "error: a.toml:3: experiment.sede: unknown key; did you mean seed?"
        assert small.startswith("error: a.toml:6: topology.nodes: a ring needs at least 3 nodes")

    def test_problems_as_json(self, program: Program) -> None:
        Path("a.toml").write_text(
            '[experiment]\nname = "x"\nsede = 1\n[topology]\nkind = "ring"\nnodes = 3\n'
        )
        assert program("validate", "--json", "a.toml") == 2
        assert program.document["valid"] is False
        assert program.document["problems"] == [
            {
                "file": "a.toml",
                "line": 3,
                "key": "experiment.sede",
                "message": "unknown key",
                "remedy": "did you mean seed?",
            }
        ]

    def test_all_files_are_looked_at(self, program: Program) -> None:
        Path("good.toml").write_text(example_text("torus"))
        assert program("validate", "missing.toml", "good.toml", "other.toml") == 2
        assert program.out.startswith("good.toml: valid: ")
        assert [line.split(":")[1] for line in program.err.splitlines()] == [" missing.toml", " other.toml"]
        assert program("validate", "--json", "missing.toml", "good.toml") == 2
        assert [entry["valid"] for entry in program.document] == [False, True]

    def test_without_a_file(self, program: Program) -> None:
        assert program("validate") == 2
        assert "Missing argument 'FILE'" in program.err


def test_schema_is_one_json_document(program: Program) -> None:
    assert program("schema") == 0
    assert program.document["title"] == "Nextmini scenario"


class TestVersion:
    def test_it_is_the_package_version(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.metadata.version", {"nextmini": "1.2.3"}.__getitem__)
        assert program("version") == 0
        assert program.out == "1.2.3\n"
        assert program("--version") == 0
        assert program.out == "nextmini 1.2.3\n"

    def test_as_json(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nextmini.hosts.native.native_version", lambda: ("4.5.6", None))
        assert program("version", "--json") == 0
        assert program.document["native"] == "4.5.6"
        assert program.document["python"] == platform.python_version()
        assert program.document["kernel"] == platform.release()


class TestDoctor:
    @pytest.mark.parametrize(("status", "code"), [("ok", 0), ("note", 0), ("warning", 0), ("missing", 2)])
    def test_the_exit_code_says_whether_something_is_missing(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, status: Any, code: int
    ) -> None:
        check = Check("wings", status, "none [seen]", None if status == "ok" else "grow some")
        monkeypatch.setattr(doctor_module, "all_checks", lambda state, nodes: [check] * (nodes == 100))
        assert program("doctor") == code
        assert "wings" in program.out
        assert "none [seen]" in program.out
        assert ("wings: grow some" in program.out) is (status != "ok")
        assert program("doctor", "--json") == code
        assert program.document == {
            "ok": code == 0,
            "nodes": 100,
            "checks": [{"name": "wings", "status": status, "found": "none [seen]", "remedy": check.remedy}],
        }

    def test_it_looks_at_this_machine(self, program: Program, tmp_path: Path) -> None:
        assert program("doctor", "--json", "--state-dir", str(tmp_path / "state")) in (0, 2)
        names = [check["name"] for check in program.document["checks"]]
        assert {"Python", "native module", "PostgreSQL", "user namespaces", "open files", "disk"} <= set(
            names
        )
        assert not (tmp_path / "state").exists()

    def test_large_networks_need_more(self, program: Program) -> None:
        assert program("doctor", "--nodes", "0") == 2
        assert program("doctor", "--json", "--nodes", "200000") in (0, 2)
        assert program.document["nodes"] == 200_000
        assert "bridge ports" in {
            check["name"] for check in program.document["checks"] if check["status"] != "ok"
        }
