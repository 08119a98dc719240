"""Decisions are counted once each, also when the database is away meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from nextmini.errors import DatabaseError
from nextmini.runner import counting
from nextmini.runner.counting import Counting

pytestmark = pytest.mark.asyncio


class Book:
    """What was told and written; the database is away for as many attempts as `away`."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.told: list[tuple[int, float | None]] = []
        self.written: list[tuple[int, float | None]] = []
        self.again = asyncio.Event()

    def tell(self, decisions: int, ms: float | None) -> None:
        self.told.append((decisions, ms))

    async def write(self, decisions: int, ms: float | None) -> None:
        if self.away:
            self.away -= 1
            raise DatabaseError("the database system is not yet accepting connections")
        self.written.append((decisions, ms))
        self.again.set()


async def test_a_database_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNT_SECONDS", 0.0)
    book = Book(away=2)
    count = Counting(book.tell, book.write)
    count.decided(4.0)
    count.decided(3.0)
    await book.again.wait()
    await count.finish()
    assert book.told == [(2, 3.0)]
    assert book.written == [(2, 3.0)]


async def test_at_the_end_it_is_waited_for() -> None:
    book = Book(away=1)
    count = Counting(book.tell, book.write)
    count.decided(1.0)
    await count.finish()
    assert (book.told, book.written) == ([(1, 1.0)], [(1, 1.0)])


async def test_of_one_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LAST_SECONDS", 0.0)
    book = Book(away=10**9)
    count = Counting(book.tell, book.write)
    count.decided(1.0)
    with pytest.raises(DatabaseError, match="not yet accepting"):
        await count.finish()
    assert (book.told, book.written) == ([(1, 1.0)], [])
