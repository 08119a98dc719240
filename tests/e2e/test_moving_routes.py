"""Routes that change a hundred times a second under traffic, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from labs import sql, until_rows
from test_live import assert_nothing_left, up

if TYPE_CHECKING:
    from program import Program

RATE = 100
"""Changes a second."""
# Between a and d there are two ways, and the longer one of them has a delay.
DIAMOND = """
[experiment]
name = "diamond"
interval = "100 ms"
processes = {processes}
[topology]
kind = "custom"
nodes = ["a", "b", "c", "d"]
[[links]]
ends = ["a", "b"]
[[links]]
ends = ["b", "d"]
[[links]]
ends = ["a", "c"]
[[links]]
ends = ["c", "d"]
delay = "2 ms"
[[routes]]
path = ["a", "b", "d"]
both = false
[[flows]]
name = "whole"
source = "a"
destination = "d"
duration = "{seconds} s"
rate = "40 Mbit/s"
[[flows]]
name = "packets"
source = "a"
destination = "d"
kind = "udp"
rate = "8 Mbit/s"
duration = "{seconds} s"
[[flows]]
name = "stream"
source = "a"
destination = "d"
kind = "tcp"
rate = "8 Mbit/s"
duration = "{seconds} s"
"""


async def move(program: Program, seconds: float, name: str = "diamond") -> int:
    """Moves a route to the other way and back for so long; returns how often that came into force.

    If there are flows, they have ended then.
    """
    async with sql(program, name) as connection:
        paths = await connection.fetch(
            "SELECT ARRAY[a.id, m.id, d.id] FROM nodes a, nodes m, nodes d"
            " WHERE a.name = 'a' AND m.name IN ('b', 'c') AND d.name = 'd' ORDER BY m.name"
        )
        route = await connection.fetchval("SELECT id FROM routes WHERE origin = 'scenario'")
        statement = await connection.prepare("UPDATE routes SET path = $1 WHERE id = $2")
        generation = "SELECT generation FROM route_state WHERE route = $1"
        before = await connection.fetchval(generation, route)
        began = time.monotonic()
        for round in range(int(seconds * RATE)):
            await statement.fetch(paths[(round + 1) % 2][0], route)
            await asyncio.sleep(began + (round + 1) / RATE - time.monotonic())
        await until_rows(connection, "SELECT status FROM flow_state", lambda rows: ("running",) not in rows)
        # Each that comes into force is confirmed under a number of its own. A busy machine may be late.
        confirmed = generation.replace("$1", str(route))
        ((after,),) = await until_rows(connection, confirmed, lambda rows: rows[0][0] > before)
        return int(after) - int(before)


def said_links(result: dict[str, Any]) -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = result["link_stats"]
    # Both ways were in use.
    assert all(link["packets"] > 0 for link in links if link["from"] == "a")
    return links


def assert_nothing_lost(result: dict[str, Any]) -> None:
    assert [link for link in said_links(result) if any(link["drops"].values())] == []
    flows = {flow["name"]: flow for flow in result["flows"]}
    assert {flow["status"] for flow in flows.values()} == {"completed"}
    whole, packets, stream = flows["whole"], flows["packets"], flows["stream"]
    # What has arrived is what was sent, byte by byte: both ends have said the same checksum.
    assert all(flow["bytes"] > 0 and flow["checksum"] for flow in (whole, stream))
    assert packets["packets_sent"] == packets["packets_received"] > 0
    assert (packets["lost"], packets["duplicates"]) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")
def test_nothing_of_what_programs_send_is_lost(program: Program) -> None:
    network = DIAMOND.format(processes=2, seconds=5).split("[[flows]]")[0]
    named = network.replace('"diamond"', f'"{program.own}"')
    up(program, f'{named}[network]\nisolation = "namespace"\n')

    async def measured(*arguments: str) -> dict[str, Any]:
        command = program.start("iperf", "a", "d", "--seconds", "2", *arguments, "--json")
        while command.poll() is None:
            await move(program, 0.5, program.own)
        done = program.finish(command)
        assert done.code == 0, done.err
        return done.document

    assert asyncio.run(measured("--udp", "5 Mbit/s"))["lost"] == 0.0
    assert asyncio.run(measured())["received_bps"] > 0
    links = said_links(program.run("down", "--json").document)
    assert [link for link in links if any(link["drops"].values())] == []


@pytest.mark.parametrize(
    ("processes", "seconds"),
    [(3, 5), pytest.param(3, 30, marks=[pytest.mark.long, pytest.mark.timeout(180)])],
)
def test_routes_that_change_all_the_time_lose_nothing(program: Program, processes: int, seconds: int) -> None:
    up(program, DIAMOND.format(processes=processes, seconds=seconds))
    moves = asyncio.run(move(program, seconds))
    # However busy the machine is; on an idle one it is each of them.
    assert moves > seconds
    done = program.run("down", "--json")
    assert_nothing_lost(done.document)
    assert_nothing_left(program)
