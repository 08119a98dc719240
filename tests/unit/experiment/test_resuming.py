"""Whether a controller may go on with the run of one that was killed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from nextmini.controller.devices import Home
from nextmini.controller.events import Journal
from nextmini.experiment import resuming
from nextmini.experiment.event_journal import keep_events, kept_events
from nextmini.experiment.resuming import Note
from nextmini.scenario import dump, loads, resolve

if TYPE_CHECKING:
    from pathlib import Path

RING = '[experiment]\nname = "ring"\n[topology]\nkind = "ring"\nnodes = 4\n'
EVENT = '[[events]]\nat = "1 s"\nnode = "n1"\ncrash = true\n'
URL = "ws://127.0.0.1:4000/dataplane"


def found(folder: Path, scenario: str, before: str | None = None) -> Note | None:
    """What is found for a scenario after a controller of `before`, else of the same, was killed."""
    network = resolve(loads(scenario))
    text = dump(network) if before is None else before
    Note.of("ring-1", URL, text).write(folder)
    return resuming.find(folder, network, dump(network))


def test_the_run_of_the_same_scenario_goes_on_where_it_listened(tmp_path: Path) -> None:
    note = found(tmp_path, RING)
    assert note is not None
    assert (note.run, note.listen) == ("ring-1", "127.0.0.1:4000")
    assert note.listen_again("127.0.0.1:0") == "127.0.0.1:4000"
    # Machines elsewhere come back to where they were.
    assert note.listen_again("0.0.0.0:0") == "0.0.0.0:4000"
    assert note.listen_again("[::]:4000") == "[::]:4000"
    assert [path.name for path in tmp_path.iterdir()] == ["controller.json"]


@pytest.mark.parametrize(
    ("scenario", "before", "why"),
    [
        (RING, "another", "another scenario"),
        (RING + '[network]\nisolation = "namespace"\n', None, "namespaces"),
    ],
)
def test_another_run_begins_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, scenario: str, before: str | None, why: str
) -> None:
    assert found(tmp_path, scenario, before) is None
    assert "ring-1" in caplog.text
    assert why in caplog.text


def test_namespaces_that_processes_have_stay(tmp_path: Path) -> None:
    network = resolve(loads(RING + '[network]\nisolation = "namespace"\n'))
    Note.of("ring-1", URL, dump(network)).write(tmp_path)
    assert resuming.find(tmp_path, network, dump(network), Home.PROCESS) is not None


def test_a_run_with_events_goes_on_if_what_they_have_done_was_noted(tmp_path: Path) -> None:
    assert kept_events(tmp_path) is None  # and nothing has happened
    assert found(tmp_path, RING + EVENT) is not None
    keep_events(tmp_path, Journal(17.5, done=Counter({1: 3})))
    assert found(tmp_path, RING + EVENT) is not None
    kept = kept_events(tmp_path)
    assert kept is not None
    assert (kept.zero, kept.done, kept.records) == (17.5, Counter({1: 3}), {})


def test_events_that_another_version_or_machine_has_noted_are_of_no_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep_events(tmp_path, Journal())
    content = (tmp_path / "events").read_bytes()
    (tmp_path / "events").write_bytes(b"0" + content[1:])
    assert found(tmp_path, RING + EVENT) is None
    assert "its events were noted by another version" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": 1'])
def test_a_note_of_no_use_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    (tmp_path / "controller.json").write_text(text)
    network = resolve(loads(RING))
    assert resuming.find(tmp_path, network, dump(network)) is None
    assert "controller.json" in caplog.text


def test_without_a_note_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    network = resolve(loads(RING))
    assert resuming.find(tmp_path / "not there", network, dump(network)) is None


def test_numbers_of_routes_are_read_as_they_were_kept_last(tmp_path: Path) -> None:
    assert resuming.kept_numbers(tmp_path) is None
    resuming.keep_numbers(tmp_path, 8_000_257)
    resuming.keep_numbers(tmp_path, 8_000_513)
    assert resuming.kept_numbers(tmp_path) == 8_000_513
