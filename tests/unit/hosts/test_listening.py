"""Sockets that listen, seen from outside."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess

import pytest

from nextmini.hosts.listening import listens, until_listening


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_tcp_socket_listens_when_it_says_so(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as server:
        server.bind((host, 0))
        port = server.getsockname()[1]
        assert not listens(os.getpid(), "tcp", port)
        server.listen()
        assert listens(os.getpid(), "tcp", port)
        assert not listens(os.getpid(), "udp", port)
    assert not listens(os.getpid(), "tcp", port)


def test_a_udp_socket_listens_when_it_has_a_port() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("", 0))
        port = server.getsockname()[1]
        assert listens(os.getpid(), "udp", port)
        assert not listens(os.getpid(), "tcp", port)


def test_a_process_that_has_ended_has_none() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not listens(child.pid, "tcp", server.getsockname()[1])
    child.wait()


@pytest.mark.asyncio
async def test_it_is_waited_for() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        waiting = asyncio.create_task(until_listening(os.getpid(), "tcp", server.getsockname()[1]))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        server.listen()
        async with asyncio.timeout(10):
            await waiting
