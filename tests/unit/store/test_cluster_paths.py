from __future__ import annotations

from pathlib import Path

import pytest

from nextmini.store.cluster import socket_folder, tail


def longest_path(folder: Path) -> int:
    return len(f"{socket_folder(folder)}/.s.PGSQL.5432")


def test_socket_lies_with_the_data_if_it_can() -> None:
    assert socket_folder(Path("/var/lib/nextmini/postgres")) == Path("/var/lib/nextmini/postgres/socket")


@pytest.mark.parametrize("size", range(60, 110))
def test_path_of_the_socket_always_fits(size: int) -> None:
    folder = Path("/" + "x" * (size - 1))
    assert longest_path(folder) <= 107
    inside = socket_folder(folder).is_relative_to(folder)
    assert inside is (size + len("/socket/.s.PGSQL.5432") <= 107)


@pytest.mark.parametrize("name", ["with space", "com,ma", "ünï", "quo'te", "per%cent", "dollar$"])
def test_path_that_means_something_to_postgresql_is_avoided(name: str) -> None:
    assert not socket_folder(Path("/state") / name).is_relative_to("/state")


def test_folders_do_not_share_a_socket() -> None:
    assert socket_folder(Path("/" + "x" * 200)) != socket_folder(Path("/" + "x" * 201))


def test_tail_of_a_long_log_is_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(10_000)))
    assert tail(log)[-1] == "line 9999"
    assert len(tail(log)) < 1000


def test_missing_log_has_no_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == []
