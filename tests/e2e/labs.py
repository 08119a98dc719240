"""Experiments in the background whose nodes have a web server, for the tests of a module."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mmap
import os
import random
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from program import PATIENCE, Program

from nextmini.live.choice import choose
from nextmini.live.session import database
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator

    from program import Done

SERVER = Path(__file__).with_name("web_server.py")
FILE = "data"


@dataclass(frozen=True)
class Peer:
    """Who a server says that it talks to, and the client's own port as the client knows it."""

    address: str
    port: int
    own_port: int


@dataclass(frozen=True)
class Lab:
    """A running experiment."""

    program: Program
    under: Collection[str] = field(default=())

    def run(self, *arguments: str) -> Done:
        """Runs `nextmini` where the experiment is."""
        return self.program.finish(self.program.start(*arguments, under=self.under))

    def inside(self, node: str, *command: str) -> Done:
        """What a command in a node says."""
        return self.run("exec", node, "--", *command)

    def python(self, node: str, text: str) -> str:
        """What a Python program in a node prints; it has to succeed."""
        done = self.inside(node, sys.executable, "-c", text)
        assert done.code == 0, done
        return done.out

    def curl(self, node: str, *arguments: str) -> Done:
        """What curl in a node says."""
        return self.inside(node, "curl", "--silent", "--show-error", *arguments)

    def peer(self, node: str, *arguments: str) -> Peer:
        """Whom the web server takes a curl in this node for."""
        done = self.curl(node, "--write-out", " %{local_port}", *arguments)
        assert done.code == 0, done
        address, port, own = done.out.split()
        return Peer(address, int(port), int(own))

    def descriptors(self, process: int = 0) -> Counter[str]:
        """What a dataplane process has open, by kind."""
        kinds: Counter[str] = Counter()
        for entry in Path(f"/proc/{self.program.dataplane(process)}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                kinds[os.readlink(entry).split(":")[0]] += 1
        return kinds

    def until_served(self) -> None:
        """Waits until every web server listens."""
        servers = (self.program.work / "scenario.toml").read_text().count("[[apps]]")
        (log,) = self.program.work.glob("runs/*/logs/controller.log")
        deadline = time.monotonic() + PATIENCE
        while log.read_text().count(" is ready\n") < servers:
            assert time.monotonic() < deadline


def web(node: str, *ports: int) -> str:
    """A web server in a node."""
    command = json.dumps([sys.executable, str(SERVER), FILE, *map(str, ports)])
    ready = f'ready = "tcp:{ports[-1]}"\nbackground = true'
    return f'[[apps]]\nnode = "{node}"\ncommand = {command}\n{ready}\n'


@asynccontextmanager
async def sql(program: Program, name: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the database of an experiment that is running, as any client of PostgreSQL has."""
    state = StateFolder(program.state)
    found = choose(state, name)
    async with database(state, found) as url:
        connection = await asyncpg.connect(url, server_settings={"search_path": f'"{found.name}"'})
        try:
            yield connection
        finally:
            await connection.close()


async def until_rows(
    connection: asyncpg.Connection[asyncpg.Record],
    query: str,
    wanted: Callable[[list[Any]], bool],
    patience: float = PATIENCE,
) -> list[Any]:
    """What a query finds, once it is as wanted."""
    deadline = time.monotonic() + patience
    while not wanted(found := [tuple(row) for row in await connection.fetch(query)]):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found


async def set_rows(program: Program, statement: str) -> None:
    """Changes a row of the experiment that is running."""
    async with sql(program, program.own) as connection:
        assert await connection.execute(statement) == "UPDATE 1"


@contextmanager
def running(
    home: Path,
    body: str,
    isolation: str,
    *,
    processes: int = 1,
    under: Collection[str] = (),
    size: int = 0,
    on_process_death: str = "fail",
) -> Iterator[Lab]:
    """An experiment, which is gone afterwards with all that it had; the web servers' file has this size."""
    program = Program(home)
    (program.work / FILE).write_bytes(random.Random(size).randbytes(size))
    head = f'[experiment]\nname = "{program.own}"\nprocesses = {processes}\n'
    head += f'on_process_death = "{on_process_death}"\n'
    text = f'{head}[network]\nisolation = "{isolation}"\n{body}'
    lab = Lab(program, under)
    try:
        done = lab.run("up", program.write(text))
        assert done.code == 0, done.err
        yield lab
    finally:
        lab.run("down", "--all")
        if any((program.state / "experiments").glob("*.lock")):
            lab.run("cleanup")
        (program.work / FILE).unlink()
    left = program.left_behind()
    del left["work"]
    assert left == {key: [] for key in left}


def digests(path: Path, begins: Collection[int]) -> list[str]:
    """Of what is in a file from these places on."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [hashlib.sha256(memoryview(data)[begin:]).hexdigest() for begin in begins]
