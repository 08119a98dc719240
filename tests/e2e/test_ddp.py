"""PyTorch's DistributedDataParallel runs unmodified in nodes, and learns what it learns without them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from program import CONFIGS, Done

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from program import Program

PYTHON = "/usr/bin/python3"
CONFIG = CONFIGS / "ddp.toml"
MODELS = ("mlp", "lenet5", "cnn", "transformer")
STEPS = 5
"""Of each model, as in the example."""
PATIENCE = 800
"""Seconds; a few dozen, unless the machine has much else to do."""

pytestmark = [
    pytest.mark.ddp,
    pytest.mark.timeout(2 * PATIENCE),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of nodes need root"),
]

Losses = dict[tuple[str, int, int], float]
"""By model, rank and step."""


@pytest.fixture(scope="module", autouse=True)
def _pytorch() -> None:
    done = subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("there is no PyTorch: apt install --no-install-recommends python3-torch")


def losses(logs: Iterable[str]) -> Losses:
    lines = [line for log in logs for line in log.splitlines()]
    said: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    return {(one["model"], one["rank"], one["step"]): one["loss"] for one in said if "step" in one}


def over_loopback(folder: Path) -> Losses:
    """What the same programs say with the same environment, but for who the others are."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    here = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    here["TRAIN"] = str(CONFIGS / "ddp" / "train.py")
    logs, ranks = [], []
    try:
        for app in tomllib.loads(CONFIG.read_text())["apps"]:
            logs.append(folder / f"{app['name']}.log")
            with logs[-1].open("wb") as log:
                environment = os.environ | app["env"] | here
                ranks.append(subprocess.Popen(app["command"], shell=True, env=environment, stdout=log))
        assert [rank.wait(PATIENCE) for rank in ranks] == [0] * 4
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    return losses(log.read_text() for log in logs)


def in_nodes(program: Program, config: str) -> tuple[dict[str, Any], Losses]:
    running = program.start("run", config, "--json")
    out, err = running.communicate(timeout=PATIENCE)
    done = Done(running.returncode, out, err)
    assert done.code == 0, done.err
    logs = sorted(program.work.glob("runs/*/apps/rank*.log"))
    return done.document, losses(log.read_text() for log in logs)


def test_it_learns_in_nodes_what_it_learns_without_them(program: Program, tmp_path: Path) -> None:
    document, found = in_nodes(program, str(CONFIG))
    assert found.keys() == {
        (model, rank, step) for model in MODELS for rank in range(4) for step in range(1, STEPS + 1)
    }
    alone = over_loopback(tmp_path)
    assert found == alone
    # Every rank has other examples, and what they learn together is something.
    for model in MODELS:
        for step in range(1, STEPS + 1):
            assert len({found[model, rank, step] for rank in range(4)}) == 4
    for model in ("mlp", "transformer"):
        assert all(found[model, rank, STEPS] < found[model, rank, 1] for rank in range(4))
    assert {entry["status"] for entry in document["apps"]} == {"completed"}
    # Each of four nodes sends one and a half times all gradients in every step.
    gradients = 4 * 1_543_966 * STEPS
    assert sum(link["bytes"] for link in document["link_stats"]) > 4 * 1.5 * gradients
