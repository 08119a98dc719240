"""Controllers by themselves, with dataplane processes that somebody else has started."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from program import PATIENCE

from nextmini.store import Store, embedded_server, registry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from subprocess import Popen

    from program import Done, Program


class Held:
    """A controller with dataplane processes that somebody else has started."""

    def __init__(self, program: Program, scenario: str, under: Collection[str] = ()) -> None:
        self.program = program
        self.parent = program.start("controller", program.write(scenario), "--json", under=under)
        assert self.parent.stdout is not None
        self.text = "".join(iter(self.parent.stdout.readline, "}\n")) + "}\n"
        told = json.loads(self.text)
        self.token_file = Path(told["token_file"])
        where = ("--controller", told["controller"], "--token-file", str(self.token_file))
        self.joined = [program.start("dataplane", *where, "--process", str(number)) for number in (0, 1)]

    @property
    def child(self) -> int:
        """The controller's own process, which is there now or in a moment."""
        return until_child(self.parent)

    def until_served(self, before: int) -> None:
        """Waits until another controller than that process has the experiment."""
        deadline = time.monotonic() + PATIENCE
        (folder,) = (self.program.state / "experiments").glob("*.lock")
        while (found := registry.read(folder.with_suffix(".json"))) is None or not (
            found.ready and found.pid != before
        ):
            assert self.parent.poll() is None, self.parent.communicate()
            assert time.monotonic() < deadline, found

    def end(self) -> Done:
        """Ends it in order: what it printed meanwhile, and nothing is left."""
        self.parent.send_signal(signal.SIGINT)
        done = self.program.finish(self.parent)
        for process in self.joined:
            left = self.program.finish(process)
            assert left.code == 0, left.err
        assert self.program.left_behind()["secrets"] == []
        return done


@contextmanager
def held(program: Program, scenario: str, under: Collection[str] = ()) -> Iterator[Held]:
    made = Held(program, scenario, under)
    try:
        yield made
    finally:
        for process in (made.parent, *made.joined):
            process.kill()
            process.communicate(timeout=PATIENCE)


def until_child(parent: Popen[str]) -> int:
    """The one child of a process, when there is one."""
    deadline = time.monotonic() + PATIENCE
    while not (found := Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()):
        assert time.monotonic() < deadline
        assert parent.poll() is None, parent.communicate()
    (child,) = map(int, found)
    return child


def result(program: Program, name: str) -> dict[str, Any]:
    """What the database has of the last run of an experiment that has ended."""

    async def read() -> Any:
        async with embedded_server(program.state) as dsn, await Store.open(dsn, name) as store:
            runs = await store.runs()
            assert [run.status for run in runs] == ["interrupted"]
            return json.loads(runs[0].result or "")

    found: dict[str, Any] = asyncio.run(read())
    return found
