"""Experiments looked at while they run and when they are over."""

from __future__ import annotations

import csv
import json
import os
import signal
import urllib.request
from typing import TYPE_CHECKING

import pyarrow.parquet
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typist import Typist

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

LAB = """
[experiment]
name = "lab"
interval = "100 ms"
[topology]
kind = "line"
nodes = 3
[[links]]
ends = ["n1", "n2"]
rate = "20 Mbit/s"
queue = "20 packets"
[[links]]
ends = ["n2", "n3"]
[[flows]]
name = "long"
source = "n1"
destination = "n3"
duration = "1 h"
rate = "5 Mbit/s"
[[flows]]
name = "calls"
kind = "udp"
source = "n1"
destination = "n3"
duration = "1 h"
rate = "30 Mbit/s"
"""


def metrics(url: str) -> dict[tuple[str, frozenset[str]], float]:
    """Samples of a page by name and the values of their labels."""
    with urllib.request.urlopen(url) as answer:
        page = answer.read().decode()
    return {
        (sample.name.removeprefix("nextmini_"), frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_a_running_experiment_is_seen_from_all_sides(program: Program) -> None:
    done = program.run("up", program.write(LAB), "--json")
    assert done.code == 0, done.err
    run = done.document["run"]
    url = program.run("status", "--json").document["metrics"]
    assert f"Metrics: {url}" in program.run("status").out
    delivered = ("flow_delivered_bytes_total", frozenset({"long", "n1", "n3", "lossless"}))
    while not (found := metrics(url))[delivered]:  # counters come with the first interval
        pass
    assert found["experiment_info", frozenset({"lab", run})] == 1
    assert (found["nodes", frozenset({"up"})], found["links", frozenset({"up"})]) == (3, 2)
    assert found["processes_connected", frozenset()] == 1
    assert found["link_sent_bytes_total", frozenset({"n1", "n2"})] > 0
    token = program.state / "experiments" / "lab" / "metrics-token"
    assert token.stat().st_mode & 0o777 == 0o600
    watching = program.start("status", "--watch", "--interval", "0.1", "--json")
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    assert (first["status"], first["nodes"]) == ("running", {"up": 3})
    assert program.run("flow", "add", "n3", "n1", "--size", "1 kB", "--name", "late", "--wait").code == 0
    until_seen(program, run)
    shown = program.run("export", "--format", "json").document
    assert (shown["run"], shown["result"]) == (run, None)
    assert {row["flow"] for row in shown["flows"]} == {"long", "calls", "late"}
    done = program.run("down", "--json")
    assert done.code == 0, done.err
    watched = program.finish(watching)
    assert (watched.code, watched.err) == (0, "")
    documents = [json.loads(line) for line in watched.out.splitlines()]
    assert documents[-1]["status"] == "passed"
    assert "late" in {flow["name"] for flow in documents[-1]["flows"]}
    assert {flow["status"] for flow in documents[-1]["flows"]} == {"stopped", "completed"}
    assert program.left_behind()["processes"] == []
    finished(program, run)


def until_seen(program: Program, run: str) -> None:
    """Waits until what was added has a sample."""
    while True:
        done = program.run("export", "--format", "csv", "-o", "so-far")
        assert done.code == 0, done.err
        assert done.out.splitlines() == ["so-far/links.csv", "so-far/flows.csv"]
        if any(row["flow"] == "late" for row in rows(program.work / "so-far" / "flows.csv")):
            return


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def finished(program: Program, run: str) -> None:
    """What can be done with a run that is over."""
    folder = program.work / "runs" / run
    done = program.run("export", run, "--format", "parquet", "-o", "out")
    assert (done.code, done.out) == (0, "out/links.parquet\nout/flows.parquet\n"), done
    links = pyarrow.parquet.read_table(program.work / "out" / "links.parquet")
    assert links.equals(pyarrow.parquet.read_table(folder / "series" / "links.parquet"))
    last = {(row["from"], row["to"]): row for row in links.to_pylist()}
    result = json.loads((folder / "result.json").read_text())
    for link in result["link_stats"]:
        row = last.get((link["from"], link["to"]))
        if row is not None:
            assert row["bytes"] == link["bytes"]
            assert row["drops_queue"] == link["drops"]["queue"]
    assert last["n1", "n2"]["drops_queue"] > 0
    done = program.run("export", str(folder), "--format", "json", "-o", "all.json")
    assert (done.code, done.out) == (0, ""), done
    assert json.loads((program.work / "all.json").read_text())["result"] == result
    done = program.run("plot", run, "--format", "png", "-o", "plots", "--what", "throughput,drops", "--json")
    assert done.code == 0, done.err
    names = ["throughput-links.png", "throughput-flows.png", "drops-links.png"]
    assert done.document == {"run": run, "files": [f"plots/{name}" for name in names], "notes": []}
    for name in names:
        assert (program.work / "plots" / name).read_bytes().startswith(b"\x89PNG")
    done = program.run("compare", run, str(folder), "--tolerance", "5 %", "--json")
    assert done.code == 0, done.err
    (same,) = json.loads(done.out)
    assert (same["scenario"], same["beyond_tolerance"]) == ([], [])
    assert [flow["name"] for flow in same["flows"]] == ["long", "calls", "late"]
    said = program.run("plot", run, "--links", "n1-n4")
    assert (said.code, said.out) == (2, "")
    assert "did you mean" in said.err


def test_runs_that_differ_are_told_apart(program: Program) -> None:
    text = LAB.replace('duration = "1 h"', 'duration = "500 ms"')
    slower = text.replace('rate = "5 Mbit/s"', 'rate = "1 Mbit/s"').replace(
        'name = "calls"', 'name = "talks"'
    )
    ids = [program.run("run", program.write(one), "--json").document["run"] for one in (text, slower)]
    done = program.run("compare", *ids)
    assert (done.code, done.err) == (0, "")
    for words in ("flows[long].rate", "5 Mbit/s", f"Only in {ids[0]}: 1 flow: calls", "n1 -> n2"):
        assert words in done.out
    done = program.run("compare", *ids, "--tolerance", "20 %", "--json")
    (document,) = json.loads(done.out)
    assert (done.code, document["beyond_tolerance"]) == (1, ["long", "calls", "talks"])
    missing = program.run("compare", ids[0], "nothing")
    assert (missing.code, missing.out) == (2, "")
    assert all(id in missing.err for id in ids)


@pytest.mark.parametrize(("end", "code"), [("q", 0), ("\x03", 130)], ids=["q", "ctrl-c"])
def test_somebody_at_a_terminal_has_seen_enough(program: Program, end: str, code: int) -> None:
    assert program.run("up", program.write(LAB)).code == 0
    with Typist(program, "status", "--watch", "--interval", "0.1") as typist:
        typist.until("Links: 2 up")
        typist.until("calls")
        typist.type(end)
        assert typist.finish() == code
    assert program.run("down").code == 0


def test_an_experiment_that_is_killed_is_over(program: Program) -> None:
    assert program.run("up", program.write(LAB)).code == 0
    pid = program.run("status", "--json").document["pid"]
    watching = program.start("status", "--watch", "--interval", "0.1")
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("lab: running")
    os.kill(pid, signal.SIGKILL)
    done = program.finish(watching)
    assert (done.code, done.err) == (0, "")
    assert program.run("cleanup").code == 0
