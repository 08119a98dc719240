"""Training by several processes with the example's script, over a network or over loopback.

The script is unmodified PyTorch. What is learnt follows from its seed, so it is the same over any network.
"""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nextmini.bench.outputs import Call, outputs
from nextmini.bench.running import EXPERIMENT
from nextmini.errors import PrerequisiteError, RunError
from nextmini.scenario import Scenario, loads
from nextmini.scenario.examples import example_files, example_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nextmini.bench.running import Bench

Shape = Literal["unshaped", "wan"]
"""Of a network: lines that are as fast as they can be, or those of the example."""

_EXAMPLE = "ddp"
_SCRIPT = "ddp/train.py"
_LOOPBACK = "127.0.0.1"
_VERSION = "import torch, torch.distributed as d; assert d.is_gloo_available(); print(torch.__version__)"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained: `steps` of each of the models, by this Python."""

    python: str
    models: tuple[str, ...]
    steps: int

    def command(self, script: str) -> tuple[str, ...]:
        """The program of a rank."""
        return (self.python, "-u", script, "--steps", str(self.steps), "--models", *self.models)


@dataclass(slots=True)
class Trained:
    """What all ranks said of one model, in the order of the steps."""

    parameters: int = 0
    losses: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def step_seconds(self) -> list[float]:
        """How long each step took: as long as for its slowest rank."""
        return [max(step) for step in zip(*self.seconds.values(), strict=True)]


async def torch_version(python: str) -> str:
    """The version of PyTorch that this Python has. Raises PrerequisiteError if it has none, or no gloo."""
    remedy = "apt install --no-install-recommends python3-torch, or name a Python that has it: --python PATH"
    try:
        (said,) = await outputs([Call("import torch", (python, "-c", _VERSION))])
    except OSError as error:
        reason = error.strerror or str(error)
        raise PrerequisiteError(f"{python} cannot be executed: {reason}", remedy) from error
    except RunError as error:
        raise PrerequisiteError(f"{python} has no PyTorch with gloo: {error.message}", remedy) from error
    return said.strip()


async def over_loopback(bench: Bench, job: Job) -> dict[str, Trained]:
    """By processes that are all on this machine, with nothing of Nextmini in between. Raises RunError."""
    script, port = _script(bench), str(_free_port())
    calls = []
    for app in _example()["apps"]:
        here = {"MASTER_ADDR": _LOOPBACK, "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
        calls.append(Call(app["name"], job.command(script), os.environ | app["env"] | here))
    return trained(job, await outputs(calls))


async def over_network(bench: Bench, job: Job, shape: Shape) -> dict[str, Trained]:
    """By processes in nodes of a network. Raises as `Bench.run`."""
    outcome = await bench.run(network(job, shape, _script(bench)), f"training over the {shape} network")
    logs = [outcome.folder / app["log"] for app in outcome.document["apps"]]
    return trained(job, [log.read_text(encoding="utf-8", errors="replace") for log in logs])


def network(job: Job, shape: Shape, script: str) -> Scenario:
    """The example's scenario, or the same without rates and delays."""
    document = _example()
    document["experiment"]["name"] = EXPERIMENT
    if shape == "unshaped":
        del document["links"]
    for app in document["apps"]:
        del app["files"]
        app["command"] = job.command(script)
    return loads(json.dumps(document), "json", file="bench.json")


def trained(job: Job, texts: Sequence[str]) -> dict[str, Trained]:
    """What ranks said of each model. Raises RunError unless each told of all its steps."""
    found = {model: Trained() for model in job.models}
    for rank, text in enumerate(texts):
        for said in _lines(rank, text):
            about = found.get(said.get("model", ""), Trained())
            if "parameters" in said:
                about.parameters = int(said["parameters"])
            else:
                about.losses[rank].append(float(said["loss"]))
                about.seconds[rank].append(float(said["seconds"]))
    for model, about in found.items():
        steps = [len(about.seconds[rank]) for rank in range(len(texts))]
        if set(steps) != {job.steps} or not about.parameters:
            raise RunError(f"training {model}: ranks told of {steps} steps of {job.steps}")
    return found


def _lines(rank: int, text: str) -> Iterable[dict[str, Any]]:
    """Lines of JSON; libraries may say other things in between. Raises RunError."""
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RunError(f"rank {rank} says what cannot be read: {line[:200]!r}") from error


def _script(bench: Bench) -> str:
    path = bench.folder / "train.py"
    path.write_text(example_files(_EXAMPLE)[_SCRIPT], encoding="utf-8")
    return str(path)


def _example() -> dict[str, Any]:
    return tomllib.loads(example_text(_EXAMPLE))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((_LOOPBACK, 0))
        return int(one.getsockname()[1])
