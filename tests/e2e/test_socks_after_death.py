"""New connections through SOCKS entrances work when another process has taken the place of a killed one."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest
from labs import running
from program import PATIENCE
from socks_client import OK, Client, echo, free_ports, serving
from test_process_death import until_replaced

if TYPE_CHECKING:
    from pathlib import Path

    from labs import Lab

LINE = """
[topology]
kind = "line"
nodes = ["a", "r", "z"]
[[socks]]
node = "a"
listen = {0}
mode = "max"
[[socks]]
node = "a"
listen = {1}
mode = "normal"
"""
PLACES = {"entrance": 0, "way": 1, "end": 2}
"""The process of each node."""


async def echoed(port: int, server: int, data: bytes) -> bool:
    """Whether a new connection to node z brings everything there and back."""
    try:
        async with Client.at(port) as client, asyncio.timeout(PATIENCE):
            if (await client.connect("z", server)).code != OK:
                return False
            client.send(data)
            client.writer.write_eof()
            return await client.rest() == data
    except (ConnectionError, asyncio.IncompleteReadError):
        return False  # nobody listens yet, or the connection came upon what is not there yet


async def until_echoed(lab: Lab, ports: list[int], server: int) -> None:
    """Waits until new connections through each entrance are whole."""
    for number, port in enumerate(ports):
        data = random.Random(number).randbytes(2_000_000)
        async with asyncio.timeout(PATIENCE):
            while not await echoed(port, server, data):
                assert lab.program.processes("nextmini.experiment.supervisor") != []


@pytest.mark.asyncio
async def test_new_connections_work_whichever_process_was_killed(tmp_path: Path) -> None:
    ports = free_ports(2)
    body = LINE.format(*ports)
    with running(tmp_path, body, "none", processes=3, on_process_death="restart") as lab:
        async with serving(echo) as server:
            await until_echoed(lab, ports, server)
            for process in PLACES.values():
                before = lab.program.dataplane(process)
                os.kill(before, signal.SIGKILL)
                await asyncio.to_thread(until_replaced, lab.program, process, before)
                await until_echoed(lab, ports, server)
