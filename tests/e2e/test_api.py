"""Networks that a program runs, as in docs/api.md."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nextmini import AsyncNetwork, Network
from nextmini.errors import PrerequisiteError
from nextmini.experiment import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.store import FlowState

NAME = f"api{os.getpid()}"


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(runs_dir=tmp_path / "runs", state_dir=tmp_path / "state")


def ours() -> list[str]:
    return [name for name in os.listdir("/run/netns") if name.startswith(NAME)]


def test_routes_are_added_moved_and_removed_and_flows_pinned(options: RunOptions) -> None:
    with Network(NAME, isolation="none", options=options) as net:
        for a, b in ("ab", "bc", "ad", "dc"):
            for name in {a, b} - set(net.nodes):
                net.add_node(name)
            net.add_link(a, b)
        net.start()
        one, two = net.add_route("a", "b", "c"), net.add_route(net["a"], net["d"], net["c"], weight=2)
        flow = net.add_flow("a", "c", rate="1 Mbit/s", duration="1 h")
        flow.pin(one)
        assert flow.state is not None
        assert flow.state.route == one.id
        flow.pin(two)
        assert flow.state.route == two.id
        assert two.set("a", "b", "c", weight=1)["path"] == ["a", "b", "c"]
        assert net.route(two.id) == two
        one.remove()
        assert one.id not in {route["id"] for route in net.routes()}
        flow.unpin()
    assert net.result is not None
    assert [link for link in net.result["link_stats"] if any(link["drops"].values())] == []


def test_a_network_is_built_run_and_changed(options: RunOptions) -> None:
    with Network(NAME, options=options) as net:
        a, b = net.add_node("a"), net.add_node("b")
        link = net.add_link(a, b, delay="5 ms")
        assert net.start() is net
        assert (a.IP(), b.IP(), net["a"] is a) == ("10.0.0.1", "10.0.0.2", True)
        assert "1 received" in a.cmd("ping -c1 b")
        assert a.cmd("cd /; X=5; pwd; echo $X").split() == ["/", "5"]
        assert (a.exec("cat", input="x").out, a.exec("false").exit) == ("x", 1)
        process = b.popen(["sleep", "1000"])
        assert link.set(delay="20 ms")["changed"]
        assert a.ping(b).times[0] >= 0.04
        c = net.add_node("c")
        net.add_link(b, c)
        assert [outcome.received for outcome in net.ping_all()] == [1] * 6
        flow = net.add_flow(a, c, size="100 kB")
        assert flow.wait().status == "completed"
        assert flow.state is not None
        assert net.iperf(a, c, seconds=1).received > 0
        link.down()
        assert a.ping(b).unreachable == 1
        link.up()
        assert link.show()["up"]
        assert [one["link"] for one in net.metrics()] == [["a", "b"], ["b", "c"]]
        net.remove_node(c)
        assert (list(net.nodes), len(net.links)) == (["a", "b"], 1)
        assert len(ours()) == 2
        with pytest.raises(Exception, match="runs already"):
            net.start()
    assert net.result is not None
    assert net.result["status"] == "passed"
    assert process.wait() < 0
    assert ours() == []


def test_a_network_that_cannot_be_leaves_nothing(options: RunOptions) -> None:
    subprocess.run(["ip", "netns", "add", f"{NAME}-n2"], check=True)
    try:
        with pytest.raises(PrerequisiteError, match="already"):
            Network(NAME, topology={"kind": "ring", "nodes": 3}, options=options).start()
        assert ours() == [f"{NAME}-n2"]
    finally:
        subprocess.run(["ip", "netns", "delete", f"{NAME}-n2"], check=True)


def test_a_program_that_forgets_to_stop_leaves_nothing(options: RunOptions) -> None:
    program = (
        "import sys; from pathlib import Path; from nextmini import Network;"
        "from nextmini.experiment import RunOptions;"
        "options = RunOptions(runs_dir=Path(sys.argv[2]), state_dir=Path(sys.argv[3]));"
        "net = Network(sys.argv[1], topology={'kind': 'ring', 'nodes': 3}, options=options).start();"
        "print(net['n1'].exec('hostname', '-I').out)"
    )
    command = [sys.executable, "-c", program, NAME, str(options.runs_dir), str(options.state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "10.0.0.1" in done.stdout
    assert ours() == []


async def said_of(net: AsyncNetwork, flow: str) -> FlowState:
    """The state of a flow that has one."""
    state = await net.flow_state(flow)
    assert state is not None
    return state


@pytest.mark.asyncio
async def test_the_same_with_an_event_loop(options: RunOptions) -> None:
    async with AsyncNetwork(NAME, options=options) as net:
        await net.add_node("a")
        await net.add_node("b")
        await net.add_link("a", "b", rate="10 Mbit/s")
        await net.add_node("c")
        await net.add_link("b", "c")
        await net.add_link("a", "c")
        await net.start()
        assert (await net.ping("a", "b")).received == 1
        assert (await net.exec("b", "hostname", "-I")).out.startswith(net.address("b"))
        assert (await net.cmd("a", "echo hello")).strip() == "hello"
        name = await net.add_flow("a", "b", duration="1 h")
        direct, around = await net.add_route("a", "b"), await net.add_route("a", "c", "b", weight=2)
        await net.pin_flow(name, around)
        assert (await said_of(net, name)).route == around
        moved = await net.set_route(direct, weight=3)
        assert (moved["path"], moved["weight"]) == (["a", "b"], 3)
        await net.unpin_flow(name)
        await net.remove_route(around)
        assert around not in {route["id"] for route in await net.routes()}
        assert (await net.stop_flow(name)).status == "stopped"
        short = await net.add_flow("b", "a", size="10 kB")
        assert (await net.wait_for_flow(short)).bytes == 10_000
        await net.remove_node("c")
        await net.set_link_up("a", "b", up=False)
        assert (await net.ping("a", "b")).received == 0
    assert ours() == []


def test_a_program_that_is_killed_leaves_nothing(options: RunOptions) -> None:
    program = (
        "import os, sys; from pathlib import Path; from nextmini import Network;"
        "from nextmini.experiment import RunOptions;"
        "options = RunOptions(runs_dir=Path(sys.argv[2]), state_dir=Path(sys.argv[3]));"
        "Network(sys.argv[1], topology={'kind': 'ring', 'nodes': 3}, options=options).start();"
        "print(open(next(Path(sys.argv[3]).glob('experiments/*.lock'))).read(), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", program, NAME, str(options.runs_dir), str(options.state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done
    supervisor = int(done.stdout)
    try:
        ended = os.pidfd_open(supervisor)
    except ProcessLookupError:
        pass
    else:
        select.select([ended], [], [], 60)
        os.close(ended)
    assert ours() == []
