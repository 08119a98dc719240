"""Connections of programs in transparent nodes: redirected, and it is known where they were to go."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts.commands import Place, inside
from nextmini.hosts.namespaces import NodeNamespaces, clear, places
from nextmini.hosts.redirection import MARK
from nextmini.scenario import Network, Scenario, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio

OWN_PORT = 61_080
ORIGINAL_DST = 80
PATIENCE = 30.0
SHORT = 0.2
"""Whoever is not redirected gets no answer, however long it waits."""


def network(**max_mode: object) -> Network:
    data = {
        "experiment": {"name": f"nr{os.getpid()}"},
        "network": {"isolation": "namespace"},
        "topology": {"kind": "custom", "nodes": 2},
        "max": max_mode,
    }
    return resolve(Scenario.model_validate(data))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    clear(tmp_path)


def passes(place: Place, address: str, port: int, mark: int = 0) -> bool:
    """Whether a connection from inside is not redirected."""
    return answered(place, address, port, mark, SHORT) is None


def answered(
    place: Place, address: str, port: int, mark: int = 0, patience: float = PATIENCE
) -> tuple[str, int] | None:
    """Where a connection from inside was to go, as the listener at the port knows it; None: it got none."""
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET

    def connect() -> tuple[str, int] | None:
        with socket.socket(family) as listener, socket.socket(family) as client:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("::1" if six else "127.0.0.1", OWN_PORT))
            listener.listen()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            client.settimeout(patience)
            try:
                client.connect((address, port))
            except TimeoutError:
                return None
            with listener.accept()[0] as connection:
                return original(connection, six)

    return inside(place, connect)


def original(connection: socket.socket, six: bool) -> tuple[str, int]:
    if six:
        data = connection.getsockopt(socket.IPPROTO_IPV6, ORIGINAL_DST, 28)
        return socket.inet_ntop(socket.AF_INET6, data[8:24]), struct.unpack("!H", data[2:4])[0]
    data = connection.getsockopt(socket.SOL_IP, ORIGINAL_DST, 16)
    return socket.inet_ntoa(data[4:8]), struct.unpack("!H", data[2:4])[0]


async def test_whatever_leaves_a_transparent_node_is_redirected(folder: Path) -> None:
    wanted = network(transparent=True)
    await NodeNamespaces(wanted, folder).create()
    place = places(folder, wanted.name)["n1"]
    assert answered(place, "10.0.0.2", 80) == ("10.0.0.2", 80)
    assert answered(place, "10.99.0.7", 5201) == ("10.99.0.7", 5201)
    assert answered(place, "fd00:6e6d::2", 22) == ("fd00:6e6d::2", 22)


async def test_what_the_dataplane_marks_is_not(folder: Path) -> None:
    wanted = network(transparent=True)
    await NodeNamespaces(wanted, folder).create()
    assert passes(places(folder, wanted.name)["n2"], "10.0.0.1", 80, MARK)


async def test_only_some_ports_may_be(folder: Path) -> None:
    wanted = network(transparent=True, ports=[80, 443])
    await NodeNamespaces(wanted, folder).create()
    place = places(folder, wanted.name)["n1"]
    assert answered(place, "10.0.0.2", 443) == ("10.0.0.2", 443)
    assert passes(place, "10.0.0.2", 81)


async def test_nodes_are_followed(folder: Path) -> None:
    wanted = network()
    namespaces = NodeNamespaces(wanted, folder)
    await namespaces.create()
    place = places(folder, wanted.name)["n1"]
    assert passes(place, "10.0.0.2", 80)
    one, other = wanted.nodes
    assert await namespaces.follow([replace(one, transparent=OWN_PORT, transparent_ports=(80,)), other]) == {}
    assert answered(place, "10.0.0.2", 80) == ("10.0.0.2", 80)
    assert passes(place, "10.0.0.2", 81)
    problems = await namespaces.follow(
        [replace(one, transparent=OWN_PORT, transparent_ports=(99_999,)), other]
    )
    assert "n1 cannot be redirected" in problems[one.id]
    assert answered(place, "10.0.0.2", 80) == ("10.0.0.2", 80)
    assert await namespaces.follow(wanted.nodes) == {}
    assert passes(place, "10.0.0.2", 80)


async def test_one_that_cannot_be_leaves_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bin").mkdir()
    refusing = folder / "bin" / "nft"
    refusing.write_text("#!/bin/sh\necho 'Operation not supported'\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=":")
    wanted = network(transparent=True)
    with pytest.raises(PrerequisiteError, match=r"n\d cannot be redirected: Operation not supported"):
        await NodeNamespaces(wanted, folder).create()
    assert places(folder, wanted.name) == {}
    assert not [name for name in await asyncio.to_thread(os.listdir, "/run/netns") if wanted.name in name]
