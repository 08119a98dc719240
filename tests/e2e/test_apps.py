"""Programs inside nodes: real ones, and what becomes of them whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from program import PATIENCE

if TYPE_CHECKING:
    from program import Done, Program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root")

MOMENTS = 8
SERVER = """
[[apps]]
node = "{own}a"
name = "server"
command = ["python3", "-u", "-m", "http.server", "80"]
cwd = "site"
ready = "tcp:80"
background = true
"""
CLIENT = """
[[apps]]
node = "{own}c"
name = "client"
command = "wget -q -O - http://{own}a/page"
"""


def scenario(program: Program, apps: str, settings: str = "") -> str:
    """Writes a line of three nodes, whose names and experiment nobody else has."""
    own = program.own
    text = f"""
[experiment]
name = "{own}"
{settings}
[network]
isolation = "namespace"
[topology]
kind = "line"
nodes = ["{own}a", "{own}b", "{own}c"]
{apps.replace("{own}", own)}
"""
    return program.write(text)


def app(command: str, node: str = "a", **keys: object) -> str:
    given = [f"{key} = {toml(value)}" for key, value in keys.items()]
    return "\n".join(["[[apps]]", f'node = "{{own}}{node}"', f"command = {json.dumps(command)}", *given, ""])


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(text)}" for key, text in value.items()) + " }"
    return json.dumps(value)


def run(program: Program, apps: str, settings: str = "") -> Done:
    return program.run("run", scenario(program, apps, settings), "--json")


def apps_of(done: Done) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in done.document["apps"]}


def log(program: Program, name: str) -> str:
    (path,) = (program.work / "runs").glob(f"*/apps/{name}.log")
    return path.read_text()


def assert_nothing_left(program: Program) -> None:
    left = program.left_behind()
    del left["work"]
    assert left == {key: [] for key in left}


def until_logged(program: Program, process: subprocess.Popen[str], name: str, text: str) -> None:
    while process.poll() is None:
        paths = (program.work / "runs").glob(f"*/apps/{name}.log")
        if any(text in path.read_text() for path in paths):
            return
    raise AssertionError(program.finish(process))


def site(program: Program) -> None:
    folder = program.work / "site"
    folder.mkdir(exist_ok=True)
    (folder / "page").write_text("hello from the other end\n")


def test_a_server_and_its_client(program: Program) -> None:
    site(program)
    done = run(program, SERVER + CLIENT)
    assert done.code == 0, done.err
    document = done.document
    assert (document["status"], document["flows"]) == ("passed", [])
    server, client = document["apps"]
    seconds = client.pop("seconds")
    assert 0 < seconds <= document["seconds"]
    assert client == {
        "name": "client",
        "node": f"{program.own}c",
        "command": f"wget -q -O - http://{program.own}a/page",
        "status": "completed",
        "exit": 0,
        "log": "apps/client.log",
        "reason": None,
    }
    assert (server["status"], server["exit"], server["reason"]) == ("stopped", None, None)
    assert server["command"] == ["python3", "-u", "-m", "http.server", "80"]
    assert log(program, "client") == "hello from the other end\n"
    assert "GET /page" in log(program, "server")
    (said,) = (program.work / "runs").glob("*/logs/controller.log")
    assert "app server is ready" in said.read_text()
    assert max(link["packets"] for link in document["link_stats"]) > 3
    assert_nothing_left(program)


def test_the_table_shows_programs(program: Program) -> None:
    done = program.run("run", scenario(program, app("exit 4", name="one", expect_exit=4)))
    assert (done.code, done.err) == (0, ""), done
    lines = done.out.splitlines()
    assert lines[0].endswith("(3 nodes, 2 links, 0 flows, 1 app)")
    assert ["one", f"{program.own}a", "completed", "4"] in [line.split()[:4] for line in lines]


def test_another_exit_code_than_expected_fails_the_run_and_ends_nothing_else(program: Program) -> None:
    done = run(
        program,
        app("echo what a pity; exit 3", name="bad")
        + app("sleep 0.5", name="good")
        + app("kill -USR1 $$", name="shot", expect_exit=138)
        + app("true", name="too-good", expect_exit=2),
    )
    assert done.code == 1
    assert done.document["status"] == "failed"
    found = {name: (entry["status"], entry["exit"]) for name, entry in apps_of(done).items()}
    assert found == {
        "bad": ("failed", 3),
        "good": ("completed", 0),
        "shot": ("completed", 138),
        "too-good": ("failed", 0),
    }
    told = f"error: app bad in node {program.own}a ended with exit status 3; its last words: what a pity\n"
    assert told in done.err
    assert "ended with exit status 0, and 2 was expected; it wrote nothing to its log\n" in done.err
    assert_nothing_left(program)


def test_environment_and_folder(program: Program) -> None:
    (program.work / "here").mkdir()
    done = run(program, app("pwd; echo $WHO; touch made", env={"WHO": "it's me"}, cwd="here"))
    assert done.code == 0, done.err
    assert log(program, f"{program.own}a-0") == f"{program.work / 'here'}\nit's me\n"
    assert (program.work / "here" / "made").exists()


def test_programs_wait_for_those_before_them(program: Program) -> None:
    udp = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); time.sleep(0.3); s.bind(('', 53))"
    done = run(
        program,
        app("sleep 0.3; date +%s%N; printf 'about to '; printf 'begin'; sleep 60", name="one").replace(
            "sleep 60", "exec sleep 60"
        )
        + 'ready = "output:to begin"\nbackground = true\n'
        + app(f'exec python3 -c "{udp}; time.sleep(60)"', name="two", ready="udp:53", background=True)
        + app("date +%s%N; cat /proc/net/udp", name="three")
        + app("date +%s%N", name="early", node="c"),
    )
    assert done.code == 0, done.err
    first = int(log(program, "one").split()[0])
    third = int(log(program, "three").split()[0])
    assert third - first > 0.25e9, "one waited until the socket was there"
    assert ":0035" in log(program, "three")
    assert log(program, "one").endswith("\nabout to begin")
    assert int(log(program, "early")) > first
    assert_nothing_left(program)


def test_programs_start_at_their_time_and_hold_up_nobody(program: Program) -> None:
    done = run(program, app("date +%s%N", name="late", start="700 ms") + app("date +%s%N", name="soon"))
    assert done.code == 0, done.err
    assert int(log(program, "late")) - int(log(program, "soon")) > 0.5e9
    assert done.document["seconds"] >= 0.7


@pytest.mark.parametrize(
    ("one", "status", "words"),
    [
        (
            app("echo cannot bind >&2; exit 9", name="one", ready="tcp:80"),
            ("failed", 9),
            "ended with exit status 9 before it was ready (tcp:80); its last words: cannot bind\n",
        ),
        (
            app("echo up; exec sleep 60", name="one", ready="output:down", ready_within="300 ms"),
            ("failed", None),
            "was not ready (output:down) within 0.3 s; its last words: up\n",
        ),
        (
            app("exec sleep 60", name="one", ready="tcp:80", ready_within="300 ms"),
            ("failed", None),
            "was not ready (tcp:80) within 0.3 s; it wrote nothing to its log\n",
        ),
    ],
    ids=["dies", "says something else", "does not listen"],
)
def test_a_program_that_does_not_get_ready_ends_the_run(
    program: Program, one: str, status: tuple[str, int | None], words: str
) -> None:
    done = run(program, one + app("true", name="two"))
    assert done.code == 1
    assert done.err == f"error: app one in node {program.own}a {words}"
    found = apps_of(done)
    assert (found["one"]["status"], found["one"]["exit"]) == status
    assert (found["two"]["status"], found["two"]["log"]) == ("stopped", None)
    assert found["two"]["reason"] == "the run ended before it was started"
    assert done.document["seconds"] < 30
    assert_nothing_left(program)


def test_what_is_not_there_is_refused_before_anything_starts(program: Program) -> None:
    apps = app("x").replace('"x"', '["no-such-program", "-v"]') + app("true", cwd="nowhere")
    for command in ("run", "up"):
        done = program.run(command, scenario(program, apps))
        assert (done.code, done.out) == (2, ""), done
        assert "there is no program 'no-such-program'" in done.err
        assert "is to run in nowhere, which is no folder" in done.err
    assert not (program.work / "runs").exists()
    assert_nothing_left(program)


def test_what_turns_out_not_to_be_there_has_the_exit_code_of_shells(program: Program) -> None:
    done = run(program, app("no-such-program", name="one") + app("x", name="two").replace('"x"', '["./x"]'))
    assert done.code == 1
    found = apps_of(done)
    assert (found["two"]["status"], found["two"]["exit"]) == ("failed", 127)
    assert "there is no program './x'" in found["two"]["reason"]
    done = program.run("run", scenario(program, app("no-such-program", name="one")), "--json")
    assert (done.code, apps_of(done)["one"]["exit"]) == (1, 127)
    assert "no-such-program" in done.err
    assert_nothing_left(program)


def test_who_runs_at_the_end_is_asked_to_end_and_then_killed(program: Program) -> None:
    polite = "trap 'sleep 0.3; echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    group = "(trap 'sleep 0.5; echo bye; exit' TERM; echo up; while :; do sleep 0.1; done) & wait"
    deaf = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    left = "setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & echo up; exec sleep 60"
    commands = {"polite": polite, "group": group, "deaf": deaf, "left": left}
    servers = "".join(
        app(command, name=name, ready="output:up", background=True) for name, command in commands.items()
    )
    done = run(program, servers + app("true", name="last"))
    assert done.code == 0, done.err
    found = apps_of(done)
    assert {(found[name]["status"], found[name]["exit"]) for name in commands} == {("stopped", None)}
    assert log(program, "polite").endswith("bye\n")
    assert log(program, "group").endswith("bye\n"), "what a program has started has its time too"
    assert found["deaf"]["seconds"] > 3
    assert_nothing_left(program)


def test_a_background_program_that_ends_is_no_failure_but_told(program: Program) -> None:
    done = run(program, app("echo oops; exit 7", name="bg", background=True) + app("sleep 0.5", name="fg"))
    assert done.code == 0, done.err
    assert done.err == (
        f"note: app bg in node {program.own}a ended with exit status 7 before the run did; "
        "its last words: oops\n"
    )
    assert (apps_of(done)["bg"]["status"], apps_of(done)["bg"]["exit"]) == ("completed", 7)


def test_the_duration_of_the_experiment_ends_programs(program: Program) -> None:
    done = run(program, app("exec sleep 60", name="long"), 'duration = "500 ms"')
    assert done.code == 0, done.err
    entry = apps_of(done)["long"]
    assert (entry["status"], entry["exit"]) == ("stopped", None)
    assert entry["reason"] == "the experiment's duration of 0.5 s was over"
    assert 0.4 < entry["seconds"] < 5


def test_much_output_is_in_the_log_to_its_last_line(program: Program) -> None:
    done = run(program, app("seq 1 300000", name="much", ready="output:299999"))
    assert done.code == 0, done.err
    assert log(program, "much") == "".join(f"{number}\n" for number in range(1, 300_001))


def test_flows_and_programs_end_a_run_together(program: Program) -> None:
    flow = '[[flows]]\nsource = "{own}a"\ndestination = "{own}c"\nduration = "800 ms"\nrate = "1 Mbit/s"\n'
    done = run(program, flow + app("true"))
    assert done.code == 0, done.err
    assert done.document["flows"][0]["status"] == "completed"
    # The run counts from when it hears that flows have begun, which is a moment later.
    assert done.document["seconds"] >= 0.7


def test_up_goes_on_when_programs_have_ended(program: Program) -> None:
    site(program)
    own = program.own
    done = program.run("up", scenario(program, SERVER + CLIENT + app("exec sleep 60", name="long")), "--json")
    assert done.code == 0, done.err
    fetch = ("exec", f"{own}b", "--", "wget", "-q", "-O", "-", f"http://{own}a/page")
    deadline = time.monotonic() + PATIENCE
    while (fetched := program.run(*fetch)).code != 0:  # programs start when the network is in force
        assert time.monotonic() < deadline, fetched
    assert fetched.out == "hello from the other end\n"
    until_client_has_ended(program, deadline)
    down = program.run("down", "--json")
    assert (down.code, down.err) == (0, ""), down
    found = {entry["name"]: (entry["status"], entry["reason"]) for entry in down.document["apps"]}
    assert found == {
        "server": ("stopped", None),
        "client": ("completed", None),
        "long": ("stopped", "the experiment was taken down"),
    }
    assert_nothing_left(program)


def until_client_has_ended(program: Program, deadline: float) -> None:
    logs = list((program.work / "runs").glob("*/apps/client.log"))
    while not logs or "hello" not in logs[0].read_text() or program.processes("wget"):
        assert time.monotonic() < deadline
        logs = list((program.work / "runs").glob("*/apps/client.log"))


def test_a_program_that_fails_takes_down_an_experiment_in_the_background(program: Program) -> None:
    done = program.run("up", scenario(program, app("exit 3", name="one", ready="tcp:80")), "--json")
    assert done.code == 0, done.err
    deadline = time.monotonic() + PATIENCE
    while program.processes():
        assert time.monotonic() < deadline
    result = json.loads((program.work / done.document["folder"] / "result.json").read_text())
    assert (result["status"], result["apps"][0]["exit"]) == ("failed", 3)
    assert_nothing_left(program)


def test_an_interrupt_ends_programs_at_any_moment(program: Program) -> None:
    site(program)
    name = scenario(program, SERVER + CLIENT + app("exec sleep 0.3"))
    began = time.monotonic()
    whole = program.run("run", name)
    took = time.monotonic() - began
    assert whole.code == 0, whole.err
    for moment in range(MOMENTS):
        running = program.start("run", name)
        try:
            # Not a wait for an event: the moments are to be anywhere.
            running.wait(timeout=took * (moment + 0.5) / MOMENTS)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
        done = program.finish(running)
        assert done.code in (0, 130, -signal.SIGINT), done
        assert "Traceback" not in done.err or done.code == -signal.SIGINT, done.err
        assert_nothing_left(program)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_while_programs_run(program: Program, times: int) -> None:
    deaf = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    running = program.start("run", scenario(program, app(deaf, name="deaf", ready="output:up")), "--json")
    until_logged(program, running, "deaf", "up")
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    if times == 2:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=0.5)
        running.send_signal(signal.SIGINT)
    done = program.finish(running)
    assert done.code == 130, done
    entry = apps_of(done)["deaf"]
    assert (entry["status"], entry["reason"]) == ("stopped", "the run was interrupted")
    assert (time.monotonic() - began > 3) == (times == 1), "who asks again does not wait for anybody"
    assert_nothing_left(program)
