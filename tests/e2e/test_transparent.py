"""Transparent nodes: programs that know nothing of it, whose connections the kernel carries all the same."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest
from labs import FILE, Lab, digests, running, web
from program import PATIENCE

from nextmini.scenario.max_table import REDIRECTED_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

SIZE = 50_000_000
CLOSED = 9
"""A port at which nobody listens."""
LESS_THAN_SILENCE = 4.0
"""Seconds; after five a server that says nothing is given up."""
LINE = """
[topology]
kind = "custom"
nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "far"]
[[links]]
ends = ["n1", "n2"]
[[links]]
ends = ["n2", "n3"]
[[links]]
ends = ["n3", "n4"]
[[links]]
ends = ["n4", "n5"]
[[links]]
ends = ["n5", "n6"]
[[links]]
ends = ["n5", "far"]
delay = "1 ms"
[[nodes]]
name = "n1"
max = { transparent = true }
[[nodes]]
name = "n2"
max = { transparent = true, ports = [8001] }
"""
PROCESSES = """
[topology]
kind = "line"
nodes = 3
[max]
transparent = true
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A line of six nodes, of which two are transparent, and one behind a link that max mode cannot cross."""
    servers = "".join(web(node, 8000, 8001) for node in ("n1", "n6", "far"))
    with running(tmp_path_factory.mktemp("line"), LINE + servers, "namespace", size=SIZE) as lab:
        lab.until_served()
        yield lab


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three transparent nodes, each with a process of its own."""
    home = tmp_path_factory.mktemp("processes")
    with running(home, PROCESSES + web("n3", 8000), "process", size=SIZE) as lab:
        lab.until_served()
        yield lab


def assert_whole(lab: Lab, node: str, url: str) -> None:
    """A download and an upload at the same time are what they were."""
    file = lab.program.work / FILE
    curl = "curl --silent --show-error"
    down = f"{curl} {url} | sha256sum"
    up = f"{curl} --continue-at 4096 --upload-file {shlex.quote(str(file))} {url}"
    done = lab.inside(node, "sh", "-c", f'echo up "$({up})" & echo down "$({down})" & wait')
    assert (done.code, done.err) == (0, "")
    found = {line.split()[0]: line.split()[1] for line in done.out.splitlines()}
    assert [found["down"], found["up"]] == digests(file, [0, 4096])


@pytest.mark.parametrize(("host", "address"), [("n6", "10.0.0.1"), ("[fd00:6e6d::6]", "fd00:6e6d::1")])
def test_a_server_sees_its_clients_address_and_port(lab: Lab, host: str, address: str) -> None:
    peer = lab.peer("n1", f"http://{host}:8000/peer")
    assert (peer.address, peer.port) == (address, peer.own_port)


def test_what_curl_carries_without_a_proxy_is_whole(lab: Lab) -> None:
    assert_whole(lab, "n1", "http://10.0.0.6:8000/")


def test_nodes_with_processes_of_their_own_may_be_transparent(processes: Lab) -> None:
    lab = processes
    for host, address in [("n3", "10.0.0.1"), ("[fd00:6e6d::3]", "fd00:6e6d::1")]:
        peer = lab.peer("n1", f"http://{host}:8000/peer")
        assert (peer.address, peer.port) == (address, peer.own_port)
    assert_whole(lab, "n1", "http://10.0.0.3:8000/")
    assert asked(lab, "n1", ("n3", 8000), ("n1", CLOSED)) == ["redirected", "ConnectionRefusedError"]


ASKING = """
import socket

def redirected():
    rows = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}") as file:
            rows += [line.split() for line in file]
    return sum(row[1].endswith(":%04X" % REDIRECTED_PORT) and row[3] == "01" for row in rows)

def ask(host, port):
    before = redirected()
    try:
        with socket.create_connection((host, port), PATIENCE) as own:
            own.sendall(b"GET /peer HTTP/1.1\\r\\n\\r\\n")
            if not own.recv(100).startswith(b"HTTP/1.1 200"):
                return "nothing"
            return "redirected" if redirected() > before else "direct"
    except OSError as error:
        return type(error).__name__

for place in PLACES:
    print(ask(*place))
"""


def asked(lab: Lab, node: str, *places: tuple[str, int], patience: float = PATIENCE) -> list[str]:
    """What becomes of connections from a node to hosts and ports."""
    names = f"REDIRECTED_PORT, PATIENCE, PLACES = {REDIRECTED_PORT}, {patience}, {places}"
    return lab.python(node, f"{names}\n{ASKING}").split()


@pytest.mark.parametrize(("node", "end"), [("n1", "ConnectionResetError"), ("n3", "ConnectionRefusedError")])
def test_a_refused_connection_ends_at_once(lab: Lab, node: str, end: str) -> None:
    places = [("10.0.0.6", CLOSED), ("fd00:6e6d::6", CLOSED)]
    assert asked(lab, node, *places, patience=LESS_THAN_SILENCE) == [end, end]


def test_connections_that_stay_in_their_node_are_left_alone(lab: Lab) -> None:
    own = [(host, 8000) for host in ("127.0.0.1", "10.0.0.1", "::1", "fd00:6e6d::1", "localhost", "n1")]
    others = [(host, 8000) for host in ("10.0.0.6", "fd00:6e6d::6", "n6")]
    assert asked(lab, "n1", *own, *others) == ["direct"] * len(own) + ["redirected"] * len(others)


def test_only_the_ports_that_were_named_are_redirected(lab: Lab) -> None:
    places = [("n6", 8000), ("n6", 8001), ("far", 8000), ("far", 8001)]
    assert asked(lab, "n2", *places) == ["direct", "redirected", "direct", "ConnectionResetError"]


UDP = """
import socket
for host in HOSTS:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(60)
        own.connect((host, 8000))
        own.send(b"question")
        print(own.recv(100).decode())
"""


def test_everything_but_tcp_goes_its_usual_way(lab: Lab) -> None:
    hosts = ("10.0.0.6", "fd00:6e6d::6", "10.0.0.7")
    assert lab.python("n1", f"HOSTS = {hosts}\n{UDP}").split() == ["question"] * 3
    pings = " && ".join(f"ping -c 1 {host}" for host in hosts)
    done = lab.inside("n1", "sh", "-c", pings)
    assert done.out.count(" 0% packet loss") == len(hosts), done
    # Only TCP cannot get over a link that delays.
    assert asked(lab, "n1", ("far", 8000)) == ["ConnectionResetError"]
    assert asked(lab, "n3", ("far", 8000)) == ["direct"]
