"""`nextmini bench` as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = (sys.executable, "-m", "nextmini.cli.main", "bench")
BENCH = (*PROGRAM, "lossless")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"NEXTMINI_STATE": str(tmp_path / "state"), "TMPDIR": str(tmp_path)}


def bench(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BENCH, *options], env=environment, capture_output=True, text=True, check=False)


def test_a_benchmark_measures_each_chain_beside_its_baseline(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = bench(environment, "--hops", "1,3", "--flows", "2", "--seconds", "0.2", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["bench"] == "lossless"
    assert document["machine"]["cores"] >= 1
    assert [(row["hops"], row["transport"], row["flows"]) for row in document["rows"]] == [
        (1, "tcp", 2),
        (3, "tcp", 2),
    ]
    for row in document["rows"]:
        for figure in ("gbps", "baseline_gbps", "ratio", "direct_gbps", "cpu_seconds_per_gb"):
            assert row[figure] > 0, figure
    assert list(tmp_path.glob("nextmini-bench-*")) == []


def test_without_json_there_is_a_table(environment: dict[str, str]) -> None:
    done = bench(environment, "--hops", "2", "--transport", "memory", "--seconds", "0.2", "--repeat", "1")
    assert done.returncode == 0, done.stderr
    assert "over memory links" in done.stdout
    assert done.stdout.splitlines()[1].split()[:2] == ["Hops", "Gbit/s"]
    assert done.stdout.splitlines()[2].split()[0] == "2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hops", "1,two"), "--hops"),
        (("--hops", "0"), "--hops"),
        (("--flows", "0"), "--flows"),
        (("--seconds", "0"), "--seconds"),
        (("--transport", "pigeon"), "pigeon"),
    ],
)
def test_wrong_options_are_refused_before_anything_starts(
    environment: dict[str, str], options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = bench(environment, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("moment", "seconds"), [("a direct connection", "60"), ("1 hop", "0.5")])
def test_an_interrupted_benchmark_leaves_no_process(
    environment: dict[str, str], moment: str, seconds: str, tmp_path: Path
) -> None:
    options = ("--hops", "1", "--seconds", seconds, "--repeat", "2")
    child = subprocess.Popen(
        [*BENCH, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    with child.stderr as messages:
        if not any(line.strip().endswith(moment) for line in messages):
            pytest.fail(f"{moment}: never got there")
        child.send_signal(signal.SIGINT)
        rest = messages.read()
    assert child.wait() == 130, rest
    assert "Traceback" not in rest
    assert processes_naming(str(tmp_path)) == []
    assert list(tmp_path.glob("nextmini-bench-*")) == []


def test_fidelity_tells_what_a_link_achieves(environment: dict[str, str], tmp_path: Path) -> None:
    fidelity = (*PROGRAM, "fidelity", "--quick", "--only", "rate 10 M", "--json")
    done = subprocess.run(fidelity, env=environment, capture_output=True, text=True, check=False)
    # How well it did depends on what else the machine does now.
    assert done.returncode in (0, 1), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    (row,) = document["rows"]
    assert (row["setting"], row["unit"], row["asked"]) == ("rate 10 Mbit/s", "bit/s", 10_000_000)
    assert row["measured"] > 0
    assert row["passed"] == (done.returncode == 0)
    assert list(tmp_path.glob("nextmini-bench-*")) == []


def test_programs_are_measured_beside_bare_devices(environment: dict[str, str], tmp_path: Path) -> None:
    options = ("--hops", "1", "--flows", "1", "--seconds", "1", "--repeat", "1", "--json")
    done = subprocess.run(
        [*PROGRAM, "tun", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["seconds"]) == ("tun", 1.0)
    (row,) = document["rows"]
    asked = {"hops": 1, "transport": "memory", "flows": 1, "offload": "on", "queues": 1}
    assert row | asked == row
    for figure in ("gbps", "baseline_gbps", "ratio", "cpu_seconds_per_gb", "baseline_cpu_seconds_per_gb"):
        assert row[figure] > 0, figure
    assert processes_naming(str(tmp_path)) == []
    assert namespaces_of_benchmarks() == []


@pytest.mark.parametrize("transport", ["tcp", "memory"])
def test_curl_through_an_entrance_is_measured_beside_a_bare_chain(
    environment: dict[str, str], transport: str, tmp_path: Path
) -> None:
    options = ("--hops", "1", "--flows", "2", "--transport", transport, "--seconds", "0.2", "--repeat", "1")
    # Proxies of the user's are none of curl's here.
    proxies = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "*"}
    done = subprocess.run(
        [*PROGRAM, "socks5", *options, "--json"],
        env=environment | proxies,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["seconds"]) == ("socks5", 0.2)
    (row,) = document["rows"]
    assert row | {"hops": 1, "transport": transport, "mode": "max", "flows": 2} == row
    for figure in ("gbps", "splice_gbps", "direct_gbps", "ratio", "direct_ratio"):
        assert row[figure] > 0, figure
    assert row["first_byte_ms"] > 0
    assert row["direct_first_byte_ms"] > 0
    assert processes_naming(str(tmp_path)) == []


def test_quic_links_are_measured_beside_bare_chains(environment: dict[str, str], tmp_path: Path) -> None:
    options = ("--hops", "0,2", "--flows", "2", "--seconds", "0.2", "--repeat", "1", "--json")
    done = subprocess.run(
        [*PROGRAM, "quic", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["seconds"]) == ("quic", 0.2)
    assert [(row["hops"], row["flows"]) for row in document["rows"]] == [(0, 2), (2, 2)]
    for row in document["rows"]:
        for figure in ("gbps", "baseline_gbps", "ratio", "direct_gbps", "cpu_seconds_per_gb"):
            assert row[figure] > 0, figure
    assert processes_naming(str(tmp_path)) == []


def test_round_trips_are_measured_over_links_of_both_kinds(
    environment: dict[str, str], tmp_path: Path
) -> None:
    options = ("--hops", "0,2", "--seconds", "0.2", "--repeat", "1", "--json")
    done = subprocess.run(
        [*PROGRAM, "latency", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    lines = [("memory", 0), ("memory", 2), ("tcp", 0), ("tcp", 2)]
    assert [(row["transport"], row["hops"]) for row in document["rows"]] == lines
    assert all(0 < row["rtt_us"] <= row["rtt_p99_us"] for row in document["rows"])
    assert processes_naming(str(tmp_path)) == []


@pytest.mark.parametrize("transport", ["memory", "tcp"])
def test_a_tcp_in_user_space_is_measured_beside_its_ends_alone(
    environment: dict[str, str], transport: str, tmp_path: Path
) -> None:
    options = ("--hops", "1", "--mtu", "9000", "--congestion", "none", "--seconds", "0.2", "--repeat", "1")
    done = subprocess.run(
        [*PROGRAM, "smoltcp", "--transport", transport, *options, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["seconds"]) == ("smoltcp", 0.2)
    (row,) = document["rows"]
    assert row | {"hops": 1, "transport": transport, "flows": 1, "mtu": 9000, "congestion": "none"} == row
    for figure in ("gbps", "baseline_gbps", "ratio", "cpu_seconds_per_gb"):
        assert row[figure] > 0, figure
    assert row["retransmitted"] >= 0
    assert processes_naming(str(tmp_path)) == []


def test_processors_are_compared_with_one(environment: dict[str, str], tmp_path: Path) -> None:
    options = ("--processors", "1,2", "--flows", "2", "--seconds", "0.2", "--repeat", "1", "--json")
    done = subprocess.run(
        [*PROGRAM, "processors", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["repeat"]) == ("processors", 1)
    cases = [(row["kind"], row["mapping"], row["processors"], row["flows"]) for row in document["rows"]]
    assert cases == [
        (kind, mapping, processors, 2)
        for kind in ("lossless", "tcp")
        for mapping in ("sequential", "concurrent")
        for processors in (1, 2)
    ]
    for row in document["rows"]:
        assert row["gbps"] > 0
        assert row["ratio"] == 1 or row["processors"] == 2
    assert processes_naming(str(tmp_path)) == []


def test_a_ring_starts_and_stops(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "scale", "--nodes", "10", "--repeat", "1", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(row["nodes"], row["isolation"]) for row in rows] == [(10, "none"), (10, "namespace")]
    for row in rows:
        for figure in ("start_seconds", "stop_seconds", "process_kib_per_node"):
            assert row[figure] > 0, figure
    assert processes_naming(str(tmp_path)) == []
    assert namespaces_of_benchmarks() == []


def test_costs_of_nodes_and_flows_are_measured(environment: dict[str, str], tmp_path: Path) -> None:
    options = ("--of", "nodes,flows", "--sizes", "4", "--seconds", "0.1", "--json")
    done = subprocess.run(
        [*PROGRAM, "costs", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    values = {
        (row["of"], row["variant"], row["what"]): [point["value"] for point in row["points"]] for row in rows
    }
    for of, variant in (("nodes", "none"), ("nodes", "namespace"), ("flows", "lossless")):
        # The kernel's memory is everybody's, and may be less than before.
        for figure in (
            "start_seconds",
            "controller_cpu_seconds",
            "controller_kib",
            "dataplane_kib",
            "messages",
            "message_bytes",
        ):
            assert min(values[of, variant, figure]) > 0, (of, figure)
    assert min(values["flows", "metrics", "rows_per_second"]) > 0
    assert min(values["flows", "metrics", "stored_bytes_per_row"]) > 0
    assert min(values["flows", "forwarding", "gbps"]) > 0
    assert {row["exponent"] for row in rows} == {None}
    assert processes_naming(str(tmp_path)) == []
    assert namespaces_of_benchmarks() == []


def test_an_interrupted_network_of_costs_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    options = ("--of", "links", "--sizes", "200")
    child = subprocess.Popen(
        [*PROGRAM, "costs", *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    with child.stderr as messages:
        assert messages.readline().strip() == "links (memory), 200"
        until_a_dataplane_process_runs(str(tmp_path))
        child.send_signal(signal.SIGINT)
        rest = messages.read()
    assert child.wait() == 130, rest
    assert "Traceback" not in rest
    assert processes_naming(str(tmp_path)) == []
    assert list(tmp_path.glob("nextmini-bench-*")) == []


# A Python that has no PyTorch, and says what a rank that has it would.
TRAINER = """#!{python}
import json, os, sys
if sys.argv[1] == "-c":
    print("9.9")
else:
    rank = int(os.environ["RANK"])
    for model in sys.argv[sys.argv.index("--models") + 1:]:
        print(json.dumps({{"model": model, "rank": rank, "parameters": 1000}}))
        for step in range(int(sys.argv[sys.argv.index("--steps") + 1])):
            where = os.environ["MASTER_ADDR"] == "127.0.0.1"
            seconds = (1 if where else 2) * (rank + 1)
            print(json.dumps({{"model": model, "rank": rank, "step": step, "loss": 1.5, "seconds": seconds}}))
"""


def test_training_is_measured_beside_loopback(environment: dict[str, str], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(TRAINER.format(python=sys.executable))
    python.chmod(0o755)
    options = ("--models", "mlp,cnn", "--steps", "1", "--repeat", "1", "--python", str(python), "--json")
    done = subprocess.run(
        [*PROGRAM, "ddp", *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert (document["bench"], document["steps"], document["repeat"]) == ("ddp", 1, 1)
    assert [row["model"] for row in document["rows"]] == ["mlp", "cnn"]
    for row in document["rows"]:
        assert (row["gradient_bytes"], row["torch"]) == (4000, "9.9")
        assert (row["loopback_ms"], row["unshaped_ms"], row["wan_ms"]) == (4000, 8000, 8000)
        assert (row["unshaped_ratio"], row["wan_ratio"]) == (2, 2)
    assert processes_naming(str(tmp_path)) == []
    assert namespaces_of_benchmarks() == []


def test_without_pytorch_the_remedy_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n")
    python.chmod(0o755)
    done = subprocess.run(
        [*PROGRAM, "ddp", "--python", str(python)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "has no PyTorch with gloo" in done.stderr
    assert "No module named 'torch'" in done.stderr
    assert "apt install --no-install-recommends python3-torch" in done.stderr
    assert done.stdout == ""


def namespaces_of_benchmarks() -> list[str]:
    return [name for name in os.listdir("/run/netns") if name.startswith("bench-")]


def until_a_dataplane_process_runs(text: str) -> None:
    deadline = time.monotonic() + 60
    while not any("nextmini.dataplane" in command for command in processes_naming(text)):
        assert time.monotonic() < deadline, "no dataplane process was started"
        time.sleep(0.02)


def processes_naming(text: str) -> list[str]:
    """Command lines and environments of this machine's processes that have `text` in them."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                    command = file.read()
                with open(f"/proc/{entry.name}/environ", "rb") as file:
                    environ = file.read()
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
            if text.encode() in command + environ:
                found.append(command.replace(b"\0", b" ").decode())
    return found
