"""What starting one network costs: a program that does nothing else, so that what it has is a controller's.

`python -m nextmini.bench.one_network SCENARIO` starts the network of a file, says in one line of JSON what
that took, and takes it down. It ends in order when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

from nextmini.bench.helpers import program, say
from nextmini.bench.memory import Memory
from nextmini.bench.network import in_force, unless
from nextmini.bench.processes import pss_kib
from nextmini.bench.running import EXPERIMENT, bench_folder
from nextmini.errors import NextminiError, RunError
from nextmini.experiment import Interrupt
from nextmini.experiment.interrupt import Interrupted
from nextmini.scenario import load
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from nextmini.bench.running import Bench
    from nextmini.scenario import Scenario

_PAGE_SECONDS = 60.0
_MESSAGES, _BYTES = (f"nextmini_controller_{name}_total" for name in ("messages_sent", "sent_bytes"))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one network, when it is in force: the time since before its start, and what it has since then."""

    start_seconds: float
    controller_cpu_seconds: float
    controller_kib: int
    dataplane_kib: int
    kernel_kib: int
    messages: int
    message_bytes: int


async def cost_of(bench: Bench, scenario: str) -> Cost:
    """What the network of a scenario costs. Raises RunError, Interrupted."""
    file = bench.folder / "network.toml"
    file.write_text(scenario, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *program("nextmini.bench.one_network"),
        str(file),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    talk = asyncio.ensure_future(_heard(process))
    try:
        output, errors = await bench.interrupt.guard(_until(talk))
    except Interrupted:
        if process.stdin is not None:
            process.stdin.close()
        if not await bench.interrupt.unless_hastened(_until(talk)):
            process.terminate()
            await talk
        raise
    if process.returncode != 0:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RunError("".join(last) or f"measuring the network failed: exit code {process.returncode}")
    return Cost(**json.loads(output))


async def _heard(process: Process) -> tuple[bytes, bytes]:
    """All that it says until it ends; its standard input stays open."""
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("it has no pipes")
    output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return output, errors


async def _until(talk: asyncio.Future[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    return await asyncio.shield(talk)


async def measured(bench: Bench, scenario: Scenario) -> Cost:
    """What it costs when this process has the controller. Raises as `in_force`."""
    own = os.getpid()
    before, held = Memory.now(), pss_kib(own)
    began, worked = time.monotonic(), time.process_time()
    async with in_force(bench, scenario, "the network") as lost:
        seconds, cpu = time.monotonic() - began, time.process_time() - worked
        now = Memory.now()
        controller = pss_kib(own) - held
        page = await bench.interrupt.guard(unless(lost, asyncio.to_thread(_page)))
    return Cost(
        start_seconds=seconds,
        controller_cpu_seconds=cpu,
        controller_kib=controller,
        dataplane_kib=now.dataplanes - before.dataplanes,
        kernel_kib=now.kernel - before.kernel,
        messages=counted(page, _MESSAGES),
        message_bytes=counted(page, _BYTES),
    )


def counted(page: str, name: str) -> int:
    """The value of a metric without labels on a page of metrics. Raises LookupError."""
    for line in page.splitlines():
        if line.startswith(f"{name} "):
            return int(line.rpartition(" ")[2])
    raise LookupError(name)


def _page() -> str:
    """The page of metrics of the controller."""
    for experiment in StateFolder.locate(None).running():
        if experiment.name == EXPERIMENT and experiment.metrics is not None:
            # It is on this machine, whatever proxies the user has.
            opener = build_opener(ProxyHandler({}))
            with opener.open(experiment.metrics, timeout=_PAGE_SECONDS) as answer:
                return str(answer.read(), "utf-8")
    raise RunError("the controller shows no metrics")


async def _perform(file: Path) -> Cost:
    interrupt, loop = Interrupt(), asyncio.get_running_loop()

    def until_input_ends() -> None:
        # Not through `sys.stdin`, whose lock would keep the program from ending.
        while os.read(0, 65_536):
            pass
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(interrupt.request)

    with interrupt.on_signals(), bench_folder(interrupt) as bench:
        threading.Thread(target=until_input_ends, daemon=True).start()
        return await measured(bench, load(file))


def main(arguments: list[str]) -> int:
    """Measures; returns the exit code."""
    try:
        say(json.dumps(asdict(asyncio.run(_perform(Path(arguments[0]))))))
    except Interrupted:
        return 1
    except NextminiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
