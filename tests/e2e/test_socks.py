"""SOCKS entrances, as curl in a node sees them: whom it reaches, and that every byte arrives."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest
from labs import FILE, digests, running, web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labs import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

STEP = 4096
TRANSFERS = 20
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
        lab.until_served("n6", 8000)
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
