"""A PostgreSQL server for all tests of the controller, and an experiment of its own for each."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from nextmini.controller import Controller, Settings
from nextmini.scenario import loads, resolve
from nextmini.store import Store
from nextmini.store.sharing import SharedServer

from .fake_dataplane import FakeDataplane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with closing(SharedServer(tmp_path_factory.mktemp("controller"))) as share:
        yield share.enter()
        share.leave()


@pytest.fixture
def experiment() -> str:
    return f"controlled-{next(_numbers)}"


class Lab:
    """A controller at work, with fake processes and somebody else's connection to its database."""

    def __init__(self, controller: Controller, sql: asyncpg.Connection[asyncpg.Record]) -> None:
        self.controller = controller
        self.sql = sql
        self.processes: list[FakeDataplane] = []
        self.news = asyncio.Event()

    def process(self, index: int) -> FakeDataplane:
        """A process that has not connected yet."""
        fake = FakeDataplane(self.controller.url, "secret", index, listen=f"127.0.0.1:{9000 + index}")
        fake.pid += index
        self.processes.append(fake)
        return fake

    async def connect(self, *indices: int) -> list[FakeDataplane]:
        fakes = [self.process(index) for index in indices]
        for fake in fakes:
            await fake.start()
        return fakes

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.sql.fetch(query)]

    async def until_rows(self, query: str, expected: list[tuple[Any, ...]]) -> None:
        """Waits until the query gives these rows: each time that a state is announced, it is asked again."""
        # Without a deadline of its own: pytest's ends a test that waits in vain, and shows where.
        while await self.rows(query) != expected:
            await self.news.wait()
            self.news.clear()

    async def listen(self, experiment: str) -> None:
        await self.sql.add_listener(f"nextmini:{experiment}:state", lambda *_: self.news.set())


@pytest_asyncio.fixture
async def lab(dsn: str, experiment: str) -> AsyncIterator[Any]:
    """Makes labs: `async with lab(scenario) as made`; `scenario` is TOML without its [experiment] name."""

    @asynccontextmanager
    async def make(scenario: str, **changes: Any) -> AsyncIterator[Lab]:
        network = resolve(loads(f'[experiment]\nname = "{experiment}"\n{scenario}'))
        settings: dict[str, Any] = {
            "experiment": experiment,
            "run": "run-1",
            "seed": 7,
            "listen": "127.0.0.1:0",
            "interval": 0.05,
            "keep": 3600.0,
            "processes": network.processes,
            "token": "secret",
            "key": "ab" * 32,
        }
        sql = await asyncpg.connect(dsn, server_settings={"search_path": f'"{experiment}"'})
        async with await Store.open(dsn, experiment) as store:
            await store.begin_run("run-1", network, scenario)
            controller = Controller(store, Settings(**(settings | changes)))
            made = Lab(controller, sql)
            await made.listen(experiment)
            await controller.listen()
            controller.start()
            try:
                yield made
            finally:
                await controller.close()
                for fake in made.processes:
                    await fake.close()
                await sql.close()

    yield make
