"""SOCKS entrances, as curl in a node sees them: whom it reaches, and that every byte arrives."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from typing import TYPE_CHECKING

import pytest
from labs import FILE, digests, running, web
from program import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labs import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

STEP = 4096
TRANSFERS = 20
CLOSED = 9
"""A port at which nobody listens."""
SIZE = 100_000_000 + TRANSFERS * STEP
LINE = """
[topology]
kind = "line"
nodes = 6
[[socks]]
node = "n1"
[[socks]]
node = "n1"
listen = 1081
users = "users"
"""
SOME = 20_000_000
OPEN = ("--socks5", "127.0.0.1:1080")
WRONG_LOGIN = 97
"""curl's exit code where the handshake with a proxy fails."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A line of six nodes with entrances at its first node, and a web server at its last."""
    home = tmp_path_factory.mktemp("socks")
    (home / "work").mkdir()
    (home / "work" / "users").write_text("# who may\nalice:se:cret\n\nbob:hunter2\n")
    with running(home, LINE + web("n6", 8000), "namespace", size=SIZE) as lab:
        lab.until_served()
        yield lab


@pytest.mark.parametrize(
    ("arguments", "host", "address"),
    [
        (OPEN, "10.0.0.6", "10.0.0.1"),
        (OPEN, "[fd00:6e6d::6]", "fd00:6e6d::1"),
        (("--socks5-hostname", "127.0.0.1:1080"), "n6", "10.0.0.1"),
        (("--socks5", "alice:se%3Acret@127.0.0.1:1081"), "10.0.0.6", "10.0.0.1"),
        (("--socks5-hostname", "bob:hunter2@127.0.0.1:1081"), "n6", "10.0.0.1"),
    ],
)
def test_curl_reaches_a_server_that_takes_it_for_its_node(
    lab: Lab, arguments: tuple[str, ...], host: str, address: str
) -> None:
    peer = lab.peer("n1", *arguments, f"http://{host}:8000/peer")
    assert peer.address == address


@pytest.mark.parametrize("user", ["alice:hunter2@", "carol:secret@", ""])
def test_whoever_is_no_user_gets_nowhere(lab: Lab, user: str) -> None:
    done = lab.curl("n1", "--socks5", f"{user}127.0.0.1:1081", "http://10.0.0.6:8000/peer")
    assert (done.code, done.out) == (WRONG_LOGIN, "")


REFUSALS = [
    (5, "10.0.0.6"),
    (5, "[fd00:6e6d::6]"),
    (5, "n1"),
    (4, "nobody"),
    (3, "198.51.100.7"),
    (2, "127.0.0.1"),
]


def test_a_refusal_says_why(lab: Lab) -> None:
    urls = [f"http://{host}:{CLOSED}/" for _, host in REFUSALS]
    done = lab.curl("n1", "--socks5-hostname", "127.0.0.1:1080", *urls)
    assert re.findall(r"\((\d)\)$", done.err, re.MULTILINE) == [str(code) for code, _ in REFUSALS], done


def test_twenty_transfers_of_100_mb_at_the_same_time_are_whole(lab: Lab) -> None:
    file = lab.program.work / FILE
    url = "http://10.0.0.6:8000/"
    curl = f"curl --silent --show-error {' '.join(OPEN)}"
    commands = []
    for number in range(TRANSFERS):
        begin = number * STEP
        if number % 2:
            down = f"{curl} --range {begin}- {url} | sha256sum"
            commands.append(f'echo {number} "$({down})" &')
        else:
            up = f"{curl} --continue-at {begin} --upload-file {shlex.quote(str(file))} {url}"
            commands.append(f'echo {number} "$({up})" &')
    done = lab.inside("n1", "sh", "-c", "\n".join([*commands, "wait"]))
    assert (done.code, done.err) == (0, "")
    found = {int(line.split()[0]): line.split()[1] for line in done.out.splitlines()}
    expected = digests(file, [number * STEP for number in range(TRANSFERS)])
    assert found == dict(enumerate(expected))


def test_flows_of_both_modes_and_connections_share_nodes(lab: Lab) -> None:
    for mode in ("max", "normal"):
        done = lab.run("flow", "add", "n1", "n6", "--mode", mode, "--name", mode)
        assert done.code == 0, done
    before = until_delivered(lab, {})
    begins = [SIZE - SOME, SIZE - SOME + STEP]
    curl = f"curl --silent --show-error {' '.join(OPEN)} http://10.0.0.6:8000/"
    commands = [f"{curl} --range {begin}- | sha256sum" for begin in begins]
    done = lab.inside("n1", "sh", "-c", "\n".join(commands))
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == digests(lab.program.work / FILE, begins)
    until_delivered(lab, before)
    for mode in ("max", "normal"):
        assert lab.run("flow", "stop", mode).code == 0


def until_delivered(lab: Lab, before: dict[str, int]) -> dict[str, int]:
    """Waits until every flow has delivered more than it had before, and returns how much."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = lab.run("flow", "list", "--json")
        flows = json.loads(done.out)
        assert {flow["status"] for flow in flows} <= {"pending", "running"}, done
        delivered = {flow["name"]: flow["bytes"] for flow in flows}
        if all(count > before.get(name, 0) for name, count in delivered.items()):
            return delivered
        assert time.monotonic() < deadline, delivered
