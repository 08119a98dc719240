"""TLS between the controller and dataplane processes, and where secrets are, and where they are not."""

from __future__ import annotations

import json
import re
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from program import PATIENCE, assert_complete, said
from test_live import assert_nothing_left, refused, up

from nextmini.controller.certificate import make
from nextmini.controller.tls import load

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from program import Program

LAB = """
[experiment]
name = "lab"
processes = 2
[controller]
tls = true
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "there"
source = "n1"
destination = "n4"
size = "2 MB"
"""


@contextmanager
def controller(program: Program, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A controller by itself, and what it says when it listens."""
    process = program.start("controller", program.write(LAB), "--json", *options)
    try:
        assert process.stdout is not None
        text = "".join(iter(process.stdout.readline, "}\n")) + "}"
        yield process, json.loads(text)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def dataplane(said: dict[str, Any], process: int, *trust: str) -> tuple[str, ...]:
    where = ("--controller", said["controller"], "--token-file", said["token_file"])
    return ("dataplane", *where, "--process", str(process), *trust)


def test_processes_of_others_pin_the_certificate_of_a_controller(program: Program) -> None:
    with controller(program) as (process, ready):
        assert ready["controller"].startswith("wss://127.0.0.1:")
        assert re.fullmatch("[0-9a-f]{64}", ready["tls_fingerprint"])
        pin = ("--tls-fingerprint", ready["tls_fingerprint"])
        other = program.run(*dataplane(ready, 0, "--tls-fingerprint", "00" * 32))
        assert other.code == 1
        assert "the controller's certificate does not have the fingerprint that was given" in other.err
        assert process.stderr is not None
        joined = [program.start(*dataplane(ready, number, *pin)) for number in (0, 1)]
        log = []
        for line in process.stderr:
            log.append(line)
            if "flows are handed out" in line:
                break
        process.send_signal(signal.SIGINT)
        ended = [program.finish(one) for one in joined]
        assert [done.code for done in ended] == [0, 0], ended
        assert len([line for line in log if "no agreement on TLS" in line]) == 1, log
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
    assert program.left_behind()["secrets"] == []


def test_a_certificate_that_is_given_is_shown(program: Program) -> None:
    made = make(program.home)
    files = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with controller(program, *files) as (_, given):
        assert given["tls_fingerprint"] == load(made).fingerprint
        assert not (Path(given["token_file"]).parent / "tls-key.pem").exists()
    alone = refused(program, "controller", program.write(LAB), *files[:2])
    assert "--tls-cert is given without --tls-key" in alone
    swapped = refused(program, "controller", program.write(LAB), files[0], files[3], files[2], files[1])
    assert "is no certificate in PEM" in swapped


def test_beyond_this_machine_tls_is_demanded(program: Program) -> None:
    beyond = LAB.replace("tls = true", 'listen = "0.0.0.0:0"')
    done = program.run("run", program.write(beyond), "--json")
    assert done.code == 0, done.err
    assert_complete(done.document, 1)
    folder = program.work / done.document["folder"]
    assert re.search("listening at wss://127.0.0.1:.*certificate [0-9a-f]{64}", log_of(folder))
    assert "tls = true" in (folder / "scenario.toml").read_text()
    without = beyond.replace('"0.0.0.0:0"', '"0.0.0.0:0"\ntls = false')
    told = refused(program, "run", program.write(without))
    assert ":7: controller.tls: listening on 0.0.0.0:0, which is beyond this machine, demands TLS" in told


def log_of(folder: Path) -> str:
    return (folder / "logs" / "controller.log").read_text()


def test_secrets_are_in_their_files_and_nowhere_else(program: Program) -> None:
    up(program, LAB)
    folder = program.state / "experiments" / "lab"
    files = [folder / name for name in ("token", "key", "tls-key.pem")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    token, key = (file.read_text().strip() for file in files[:2])
    # Of what PEM is made of, whole lines; a key in memory would be found as the bytes behind them.
    pem = [line for line in files[2].read_text().splitlines() if not line.startswith("-----")]
    secrets = [secret.encode() for secret in (token, key, *pem)]
    secrets += [bytes.fromhex(key)]
    added = said(program, "flow", "add", "n4", "n1", "--size", "2 MB", "--wait")
    assert added["status"] == "completed"
    assert sorted(holding(program.home, secrets)) == sorted(files)
    processes = program.processes()
    assert len(processes) >= 4, "the supervisor, the database and two dataplane processes"
    shown = [words for pid in processes for words in words_of(pid)]
    assert any(b"--tls-fingerprint" in words for words in shown)
    assert not any(secret in words for secret in secrets for words in shown)
    assert program.run("down").code == 0
    assert list(holding(program.home, secrets)) == []
    assert_nothing_left(program)


def words_of(pid: int) -> Iterator[bytes]:
    """What everybody may see of a process, and what its user may."""
    with suppress(FileNotFoundError, ProcessLookupError):  # those of the database come and go
        for name in ("cmdline", "environ"):
            yield Path(f"/proc/{pid}/{name}").read_bytes()


def holding(folder: Path, secrets: list[bytes]) -> Iterator[Path]:
    """The files in which there is one of them."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # the database comes and goes
            if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
                yield path
