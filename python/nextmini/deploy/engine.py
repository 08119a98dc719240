"""The Docker engine and Compose, as commands."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.deploy.trouble import advice, last_lines
from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

_PROJECT_LABEL = "com.docker.compose.project"
_SERVICE_LABEL = "com.docker.compose.service"
_TERMINATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a project, as the engine describes it."""

    id: str
    name: str
    service: str
    labels: Mapping[str, str]
    status: str
    """"created", "running", "restarting", "exited" and so on."""
    exit: int
    out_of_memory: bool
    restarts: int
    health: str | None

    @property
    def failed(self) -> bool:
        """Whether it has ended by something else than its own decision that all is done."""
        return self.status in ("exited", "dead") and self.exit != 0


class Engine:
    """A Docker engine that answers, and the Compose program that is there."""

    def __init__(self, compose: Sequence[str]) -> None:
        self._compose = tuple(compose)

    @classmethod
    async def find(cls) -> Engine:
        """Raises PrerequisiteError if there is no engine, or no Compose."""
        if shutil.which("docker") is None:
            raise PrerequisiteError(
                "there is no program docker here", "install Docker, see docs/containers.md"
            )
        answer = await call(["docker", "version", "--format", "{{.Server.Version}}"])
        if answer.code != 0:
            raise _failure("docker version", answer.err)
        if (await call(["docker", "compose", "version"])).code == 0:
            return cls(("docker", "compose"))
        if shutil.which("docker-compose") is None:
            raise PrerequisiteError(
                "there is neither `docker compose` nor docker-compose here",
                "install one of them, as in: apt-get install docker-compose",
            )
        return cls(("docker-compose",))

    async def has_image(self, name: str) -> bool:
        return (await call(["docker", "image", "inspect", "--format", "{{.Id}}", name])).code == 0

    async def docker(self, *words: str) -> str:
        """What docker prints. Raises PrerequisiteError if it fails."""
        said = await call(["docker", *words])
        if said.code != 0:
            raise _failure(f"docker {words[0]}", said.err)
        return said.out

    async def compose(self, project: str, document: Path, *words: str) -> None:
        """Raises PrerequisiteError if it fails."""
        command = self.compose_command(project, document, *words)
        said = await call(command)
        if said.code != 0:
            raise _failure(f"{' '.join(self._compose)} {words[0]}", said.err or said.out)

    def compose_command(self, project: str, document: Path, *words: str) -> list[str]:
        return [*self._compose, "--project-name", project, "--file", str(document), *words]

    async def containers(self, project: str) -> list[Container]:
        """Those of a project, those that have ended too."""
        listed = await self.docker(
            "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={_PROJECT_LABEL}={project}"
        )
        if not listed.split():
            return []
        said = await call(["docker", "inspect", "--type", "container", *listed.split()])
        # One that goes away meanwhile is not found, and the others are.
        return [_container(one) for one in json.loads(said.out)]

    @asynccontextmanager
    async def deaths(self, project: str, since: float) -> AsyncIterator[asyncio.StreamReader]:
        """A line for each container of the project that has ended since then, which `death` reads."""
        command = [
            *("docker", "events", "--since", f"{since:.3f}", "--filter", "type=container"),
            *(
                "--filter",
                "event=die",
                "--filter",
                f"label={_PROJECT_LABEL}={project}",
                "--format",
                "{{json .}}",
            ),
        ]
        async with following(command) as lines:
            yield lines


def death(line: bytes) -> tuple[str, int]:
    """The service of a container that has ended, and its exit code."""
    attributes = json.loads(line)["Actor"]["Attributes"]
    return str(attributes[_SERVICE_LABEL]), int(attributes["exitCode"])


async def call(command: Sequence[str]) -> Said:
    """Runs a command to its end. One that is called off is ended, with all that it has started."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return Said(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


@asynccontextmanager
async def following(command: Sequence[str]) -> AsyncIterator[asyncio.StreamReader]:
    """What a command writes, while the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    if process.stdout is None:
        raise RuntimeError("it was asked for a pipe")
    try:
        yield process.stdout
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _TERMINATE_SECONDS)


def _failure(command: str, said: str) -> PrerequisiteError:
    known = advice(said)
    if known is None:
        return PrerequisiteError(f"`{command}` failed: {last_lines(said)}")
    return PrerequisiteError(f"{known.what}: `{command}` said: {last_lines(said, 2)}", known.remedy)


def _container(said: dict[str, Any]) -> Container:
    labels, state = said["Config"]["Labels"], said["State"]
    return Container(
        id=said["Id"],
        name=said["Name"].removeprefix("/"),
        service=labels[_SERVICE_LABEL],
        labels=labels,
        status=state["Status"],
        exit=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        restarts=said["RestartCount"],
        health=state.get("Health", {}).get("Status"),
    )
