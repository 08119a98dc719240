"""Algorithms by name, file and class, and what is said of those that cannot be used."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nextmini.algorithms import Algorithm, finding
from nextmini.algorithms.starting import class_name, starting_file
from nextmini.errors import AlgorithmError
from nextmini.experiment.algorithms import algorithm_findings
from nextmini.scenario import load

if TYPE_CHECKING:
    from pathlib import Path

ONE = "from nextmini.algorithms import Algorithm\nclass One(Algorithm):\n    '''First.'''\n"
TWO = f"{ONE}class Two(One):\n    class Parameters(Algorithm.Parameters):\n        paths: int\n"
SCENARIO = """
[experiment]
name = "x"
[topology]
kind = "line"
nodes = 2
[[algorithms]]
"""


class Near(Algorithm):
    """What tests find by its module."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texts = {
        "one.py": ONE,
        "two.py": TWO,
        "empty.py": "from nextmini.algorithms import Algorithm\n",
        "syntax.py": "x = 1\nclass\n",
        "raises.py": "x = 1\nraise ValueError('no')\n",
        "imports.py": "import nothing_of_this_name\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_file_has_one_algorithm_or_says_which(files: Path) -> None:
    assert finding.find("one.py").__name__ == "One"
    assert finding.find(str(files / "two.py:Two")).__name__ == "Two"
    assert finding.find("two.py:One").__name__ == "One"


def test_a_class_is_found_in_its_module() -> None:
    assert finding.find(f"{__name__}:Near") is Near


REFUSED = [
    ("none.py", "there is no file none.py"),
    ("empty.py", "empty.py has no algorithm; derive a class from nextmini.algorithms.Algorithm"),
    ("two.py", "two.py has several algorithms: One, Two; choose one: two.py:One"),
    ("two.py:Three", "two.py has no class Three; its algorithms: One, Two"),
    ("two.py:Algorithm", "two.py has something else called Algorithm; its algorithms: One, Two"),
    ("syntax.py", "syntax.py:2: cannot be loaded: SyntaxError: "),
    ("raises.py", "raises.py:2: cannot be loaded: ValueError: no"),
    ("imports.py", "imports.py:1: cannot be loaded: ModuleNotFoundError: No module named"),
    ("nothing_of_this_name:One", "nothing_of_this_name:One: there is no module 'nothing_of_this_name'; "),
    ("json:One", "json has no class One; derive a class"),
    ("nothing", 'there is no algorithm "nothing"; '),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("use", "told"), REFUSED)
def test_what_cannot_be_used_is_refused(use: str, told: str) -> None:
    with pytest.raises(AlgorithmError) as caught:
        finding.find(use)
    assert told in str(caught.value)
    assert caught.value.exit_code == 2


def test_parameters_are_refused_in_plain_words(files: Path) -> None:
    two = finding.find(str(files / "two.py:Two"))
    with pytest.raises(AlgorithmError) as caught:
        finding.parameters(two, {"path": 3})
    text = str(caught.value)
    assert "paths: is missing; write paths = ..." in text
    assert "path: unknown key; did you mean paths?" in text
    assert finding.parameters(two, {"paths": 3}).model_dump() == {"paths": 3}


def test_a_scenario_s_algorithms_are_judged_with_their_places(files: Path) -> None:
    (files / "x.toml").write_text(SCENARIO + 'use = "two.py:Two"\nparameters = { paths = "3" }\n')
    with pytest.raises(Exception, match="expected a whole number") as caught:
        load(files / "x.toml", algorithm_findings)
    assert f"{files / 'x.toml'}:9: algorithms[0].parameters.paths: " in str(caught.value)
    (files / "x.toml").write_text(SCENARIO + 'use = "two.py:Two"\nparameters = { paths = 3 }\n')
    assert load(files / "x.toml", algorithm_findings).algorithms[0].use == str(files / "two.py:Two")


def test_a_starting_file_is_an_algorithm(files: Path) -> None:
    (files / "load-balancer.py").write_text(starting_file("load-balancer", "load-balancer.py"))
    found = finding.find("load-balancer.py")
    assert found.__name__ == "LoadBalancer"
    assert finding.parameters(found, {"limit": "50 %"}).model_dump()["limit"] == 0.5
    assert class_name("2nd") == "Algorithm2nd"


def test_a_package_in_the_working_folder_is_found(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    (files / "package_of_ours").mkdir()
    (files / "package_of_ours" / "deep.py").write_text(ONE)
    assert finding.find("package_of_ours.deep:One").__doc__ == "First."
