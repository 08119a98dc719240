"""What the pages name exists: files they link to, commands, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nextmini.cli.main import COMMANDS
from nextmini.experiment.series import COLUMNS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)")
COMMAND = re.compile(r"(?:^\$ (?:\S+/)?|`)nextmini ([a-z]+)", re.MULTILINE)
TARGET = re.compile(r"(?:^\$ |`)make ([a-z-]+)", re.MULTILINE)


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_commands_exist(page: Path) -> None:
    assert set(COMMAND.findall(page.read_text(encoding="utf-8"))) - set(COMMANDS) == set()


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(TARGET.findall(page.read_text(encoding="utf-8"))) - targets == set()


def test_every_guide_is_in_the_readme() -> None:
    readme = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{guide.name}" for guide in (ROOT / "docs").glob("*.md")} - readme == set()


def test_every_column_of_the_series_is_explained() -> None:
    guide = (ROOT / "docs" / "observing.md").read_text(encoding="utf-8")
    assert [name for names in COLUMNS.values() for name in names if f"`{name}`" not in guide] == []
