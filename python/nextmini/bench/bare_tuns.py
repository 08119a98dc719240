"""What throughput between nodes is compared with: two namespaces with a TUN device each, and nothing between
them but two threads that write to one device what they read from the other.

The module is also a program, `python -m nextmini.bench.bare_tuns OFFLOAD NAMESPACE DEVICE NAMESPACE DEVICE`,
so that the relay has a process of its own, as ours has. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nextmini.bench.helpers import end_with_input, helper, program, say, until_failed
from nextmini.bench.iperf import Ends
from nextmini.errors import PrerequisiteError
from nextmini.hosts.namespaces import NodeNamespaces, clear, places
from nextmini.scenario import loads, resolve
from nextmini.scenario.isolation import device_name
from nextmini.store import StateFolder

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from nextmini.hosts.commands import Place

Offload = Literal["on", "off"]

PROGRAM = program("nextmini.bench.bare_tuns")
NAME = "bench-bare"
"""Of the namespaces; no experiment has it, but it is held like one's, so that what is left of it is found."""
_WHAT = "the bare relay"


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that runs; `lost` raises RunError when it does not any more."""

    ends: Ends
    process: int
    lost: asyncio.Future[None]


@asynccontextmanager
async def bare_tuns(offload: Offload) -> AsyncIterator[Relay]:
    """Two namespaces and the relay between them. Raises PrerequisiteError, RunError, ControllerError."""
    network = resolve(
        loads(
            f'[experiment]\nname = "{NAME}"\n[network]\nisolation = "namespace"\n'
            '[topology]\nkind = "line"\nnodes = 2\n',
            file="bench.toml",
        )
    )
    with StateFolder.locate(None, clear).hold(NAME) as secrets:
        namespaces = NodeNamespaces(network, secrets.folder)
        try:
            await namespaces.create()
            first, second = (places(secrets.folder, NAME)[node.name] for node in network.nodes)
            async with relay((first, second), offload) as process:
                lost = asyncio.ensure_future(until_failed(_WHAT, process))
                try:
                    yield Relay(Ends(first, second, network.nodes[1].address), process.pid, lost)
                finally:
                    lost.cancel()
                    await asyncio.wait([lost])
        finally:
            await namespaces.remove()


@asynccontextmanager
async def relay(ends: tuple[Place, Place], offload: Offload) -> AsyncIterator[Process]:
    """A process that relays between the devices of two nodes. Raises RunError if it cannot."""
    devices = [word for place in ends for word in (str(place.namespace), device_name(place.node))]
    async with helper(_WHAT, (*PROGRAM, offload, *devices)) as (process, _ready):
        yield process


def main(arguments: list[str]) -> None:
    """Relays until standard input ends."""
    try:
        from nextmini import _native
    except ImportError as error:
        raise PrerequisiteError(f"the native module is missing: {error}", "install Nextmini again") from error
    offload, *ends = arguments
    end_with_input()
    _native.bench_relay_tuns((ends[0], ends[1]), (ends[2], ends[3]), offload == "on", lambda: say("ready"))


if __name__ == "__main__":
    main(sys.argv[1:])
