"""Namespaces of nodes: made, noted, entered, cleared."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts.commands import CommandError, spawn
from nextmini.hosts.namespaces import NodeNamespaces, clear, places
from nextmini.hosts.underlay import path_of
from nextmini.scenario import Network, Scenario, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio


def network(nodes: int, **settings: object) -> Network:
    name = f"nn{os.getpid()}"
    return resolve(
        Scenario.model_validate(
            {
                "experiment": {"name": name},
                "network": {"isolation": "namespace", **settings},
                "topology": {"kind": "custom", "nodes": nodes},
            }
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    clear(tmp_path)
    assert [name for name in os.listdir("/run/netns") if name.startswith(f"nn{os.getpid()}-")] == []


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


async def first_of_them(folder: Path) -> None:
    """Returns when the namespaces have been noted."""
    while not (folder / "namespaces").exists():  # noqa: ASYNC110 - files have no events
        await asyncio.sleep(0)


def said(folder: Path, name: str, node: str, *command: str) -> str:
    process = spawn(places(folder, name)[node], command, stdout=subprocess.PIPE, text=True)
    return str(process.communicate()[0])


async def test_they_have_devices_addresses_and_names(folder: Path) -> None:
    wanted = network(3, mtu=1400, queues=2)
    await NodeNamespaces(wanted, folder).create()
    assert sorted(places(folder, wanted.name)) == ["n1", "n2", "n3"]
    addresses = said(folder, wanted.name, "n2", "ip", "-oneline", "address", "show", "n2-eth0")
    assert "inet 10.0.0.2/8" in addresses
    assert "inet6 fd00:6e6d::2/64" in addresses
    assert "mtu 1400" in said(folder, wanted.name, "n2", "ip", "link", "show", "n2-eth0")
    names = said(folder, wanted.name, "n1", "cat", "/etc/hosts")
    assert "10.0.0.3 n3\nfd00:6e6d::3 n3\n" in names


async def test_what_is_inside_ends_with_them(folder: Path) -> None:
    wanted = network(1)
    namespaces = NodeNamespaces(wanted, folder)
    await namespaces.create()
    place = places(folder, wanted.name)["n1"]
    heedless = spawn(
        place, ["sh", "-c", "trap '' TERM; echo x; while :; do sleep 100; done"], stdout=subprocess.PIPE
    )
    assert heedless.stdout is not None
    heedless.stdout.read(1)
    await namespaces.remove()
    assert heedless.wait() == -9
    heedless.stdout.close()
    assert not path_of(f"{wanted.name}-n1").exists()
    await namespaces.remove()


async def test_they_follow_the_nodes_that_there_are(folder: Path) -> None:
    wanted = network(2)
    namespaces = NodeNamespaces(wanted, folder)
    await namespaces.create()
    assert await namespaces.follow(wanted.nodes) == {}
    new = replace(wanted.nodes[0], id=3, name="x", address="10.0.0.3", address6=None)
    assert await namespaces.follow([wanted.nodes[1], new]) == {}
    assert sorted(places(folder, wanted.name)) == ["n2", "x"]
    assert not path_of(f"{wanted.name}-n1").exists()
    assert "10.0.0.3 x" in said(folder, wanted.name, "n2", "cat", "/etc/hosts")
    ip("netns", "add", f"{wanted.name}-y")
    try:
        problems = await namespaces.follow(
            [wanted.nodes[1], new, replace(new, id=4, name="y", address="10.0.0.4")]
        )
        assert "already" in problems[4]
        assert path_of(f"{wanted.name}-y").exists()
    finally:
        ip("netns", "delete", f"{wanted.name}-y")


async def test_one_that_cannot_be_leaves_none(folder: Path) -> None:
    wanted = network(3)
    with pytest.raises(PrerequisiteError, match="set an MTU of 7"):
        await NodeNamespaces(replace(wanted, mtu=7), folder).create()
    assert places(folder, wanted.name) == {}


async def test_who_cancels_waits_for_what_has_begun(folder: Path) -> None:
    wanted = network(40)
    namespaces = NodeNamespaces(wanted, folder)
    task = asyncio.create_task(namespaces.create())
    begun = asyncio.create_task(first_of_them(folder))
    await begun
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(places(folder, wanted.name)) == 40
    await namespaces.remove()


async def test_commands_that_cannot_be_started_say_why(folder: Path) -> None:
    wanted = network(1)
    await NodeNamespaces(wanted, folder).create()
    place = places(folder, wanted.name)["n1"]
    with pytest.raises(CommandError, match="there is no program 'nothing-of-the-kind'") as caught:
        spawn(place, ["nothing-of-the-kind"])
    assert caught.value.exit_code == 127
    with pytest.raises(CommandError, match="cannot be executed: Permission denied") as caught:
        spawn(place, ["/etc/hosts"])
    assert caught.value.exit_code == 126
