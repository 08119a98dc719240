from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from nextmini.store.cluster import socket_folder
from nextmini.store.leftovers import processes_in
from nextmini.store.sharing import SharedServer
from nextmini.store.store import Store

from .holder import Holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from nextmini.store.connection import Connection

ALL_TABLES = (
    "nodes, links, routes, flows, flow_routes, events, classes, traces, node_state, link_state, route_state,"
    " flow_state, event_state, algorithm_state, runs, link_metrics, flow_metrics"
)


@pytest.fixture
def dsn(server: Path) -> str:
    return f"postgresql://nextmini@/postgres?host={socket_folder(server / 'postgres')}&port=5432"


@pytest.fixture(scope="session")
def made_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose server has run once."""
    state = tmp_path_factory.mktemp("made")
    with closing(SharedServer(state)) as share:
        share.enter()
        share.leave()
    yield state
    shutil.rmtree(state)


@pytest.fixture(scope="session")
def server(made_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of a server that all tests share; none of them may harm it."""
    state = tmp_path_factory.mktemp("server")
    shutil.copytree(made_state, state, dirs_exist_ok=True)
    with closing(SharedServer(state)) as share:
        share.enter()
        yield state
        share.leave()
    shutil.rmtree(state)


@pytest.fixture
def state(made_state: Path) -> Iterator[Path]:
    """That folder; a test leaves nothing running in it."""
    yield made_state
    assert_nothing_runs(made_state)


@pytest.fixture
def new_state(tmp_path: Path) -> Iterator[Path]:
    """A state folder that is not there yet, and goes with its 39 MB when the test ends."""
    state = tmp_path / "new"
    yield state
    assert_nothing_runs(state)
    shutil.rmtree(state)


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    """Starts holders, and kills them at the end."""
    holders = []

    def start(*arguments: object, **options: object) -> Holder:
        holders.append(Holder(*arguments, **options))  # type: ignore[arg-type]
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """One for each file: making a schema takes longer than most tests."""
    return f"lab-{request.path.stem}"


@pytest_asyncio.fixture
async def store(dsn: str, experiment: str) -> AsyncIterator[Store]:
    """The experiment's store, without a row in it."""
    async with await Store.open(dsn, experiment) as store:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": f'"{experiment}"'})
        await connection.execute(f"TRUNCATE {ALL_TABLES} RESTART IDENTITY")
        await connection.close()
        yield store


@pytest_asyncio.fixture
async def sql(dsn: str, experiment: str) -> AsyncIterator[Connection]:
    """Somebody else's connection to the experiment's schema, as psql would have it."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": f'"{experiment}"'})
    yield connection
    async with asyncio.timeout(5):
        await connection.close()


def assert_nothing_runs(state: Path) -> None:
    """No server, no socket, no lock: as if nobody had ever been there."""
    folder = state / "postgres"
    assert processes_in(folder) == []
    assert not socket_folder(folder).exists()
    assert not (folder / "data/postmaster.pid").exists()
    assert list(folder.glob("data.new*")) == []


def postmaster(state: Path) -> int:
    """The number of the server's first process."""
    return int((state / "postgres/data/postmaster.pid").read_text().split()[0])


def kill(process: int) -> None:
    """SIGKILL, and waits for its effect."""
    descriptor = os.pidfd_open(process)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    select.select([descriptor], [], [])
    os.close(descriptor)
