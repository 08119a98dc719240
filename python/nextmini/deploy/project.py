"""An experiment in containers: started, looked into, ended. When that fails, nothing of it stays."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from nextmini.deploy.compose_document import NODES_LABEL, project_name, render
from nextmini.deploy.controller_container import Ended, fetch, take_result, troubles
from nextmini.deploy.deployment import Restart
from nextmini.deploy.engine import Container, Engine, call, death, following
from nextmini.deploy.planning import CONTROLLER
from nextmini.deploy.trouble import advice, last_lines
from nextmini.errors import ControllerError, NextminiError, PrerequisiteError, RunError
from nextmini.experiment.standalone import IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.deploy.deployment import Deployment
    from nextmini.deploy.folder import DeploymentFolder
    from nextmini.experiment.interrupt import Interrupt

START_SECONDS = 120.0
START_SECONDS_A_CONTAINER = 2.0
"""How long a deployment may take to be in force."""
_LOG_LINES = "20"
_DOWN_SECONDS = "5"
"""For a container to end when nobody waits for its report any more."""


def write_document(deployment: Deployment, folder: DeploymentFolder) -> str:
    """Makes what the containers need on this machine; returns the document for Compose, which is there too.

    Raises PrerequisiteError.
    """
    text = render(deployment, folder.prepare(deployment))
    folder.document.write_text(text, encoding="utf-8")
    return text


class Project:
    """The containers of one experiment."""

    def __init__(self, engine: Engine, experiment: str, folder: DeploymentFolder) -> None:
        self._engine = engine
        self._experiment = experiment
        self._name = project_name(experiment)
        self._folder = folder

    async def up(
        self,
        deployment: Deployment,
        interrupt: Interrupt,
        phase: Callable[[str], None],
        patience: float | None = None,
    ) -> None:
        """Starts them, and returns when the network is in force.

        Raises PrerequisiteError, ControllerError, RunError or Interrupted; nothing is there then.
        """
        guard = interrupt.guard
        await guard(self._check(deployment))
        seconds = patience or START_SECONDS + START_SECONDS_A_CONTAINER * len(deployment.services)
        write_document(deployment, self._folder)
        phase(f"starting {len(deployment.services)} containers")
        try:
            await guard(self._start(deployment, phase, seconds))
        except BaseException as error:
            phase("removing what was started")
            try:
                await self._remove()
            except NextminiError as left:
                raise RunError(
                    f"{error}; and what was started cannot be removed: {left.message}",
                    "remove it with `nextmini compose FILE down` when the engine works",
                ) from error
            raise

    async def down(self, interrupt: Interrupt, runs: Path, deploy: Callable[[], Deployment]) -> Ended:
        """Ends the experiment in order, puts its run folder into `runs` and removes everything.

        `deploy` makes its deployment, if the document is not there any more. Raises ControllerError if there
        is none, PrerequisiteError.
        """
        there = await asyncio.to_thread(self._folder.document.exists)
        try:
            containers = await self.containers()
        except ControllerError:
            if there:  # a document that was printed, or what somebody else has ended
                await self._remove()
            raise
        if not there:
            await asyncio.to_thread(write_document, deploy(), self._folder)
        controller = next((one for one in containers if one.service == CONTROLLER), None)
        failures, notes = tuple(filter(None, map(_failure, containers))), tuple(_notes(containers))
        document, folder = None, None
        if controller is not None:
            # It tells the others to stop, and writes the report.
            await interrupt.unless_hastened(self._engine.docker("stop", controller.id))
            folder = await fetch(controller.id, runs)
        if folder is not None:
            document = await asyncio.to_thread(take_result, folder)
        if document is None and controller is not None:
            failures += (f"the controller's last words: {await self._words(controller.id)}",)
        await self._remove()
        return Ended(document, folder, failures, notes)

    async def containers(self) -> list[Container]:
        """All of them, in the order of their processes. Raises ControllerError if there are none."""
        found = await self._engine.containers(self._name)
        if not found:
            raise ControllerError(
                f"experiment {self._experiment!r} is not up in containers here",
                "start it with `nextmini compose FILE up`",
            )
        return sorted(found, key=lambda one: _order(one.service))

    async def command_in(self, place: str, command: list[str], options: list[str]) -> list[str]:
        """What executes a command in the container of a node, or of a service.

        Raises ControllerError if there is no such container, or it does not run.
        """
        containers = await self.containers()
        chosen = _chosen(containers, place)
        if chosen.status != "running":
            raise ControllerError(
                f"the container of {place} does not run: it is {chosen.status} (exit status {chosen.exit})",
                "see `nextmini compose FILE logs`",
            )
        return ["docker", "exec", *options, chosen.id, *command]

    async def logs_command(self, places: list[str], options: list[str]) -> list[str]:
        """What prints the logs of these, or of all. Raises ControllerError if there is no such container."""
        containers = await self.containers()
        services = [_chosen(containers, place).service for place in places]
        words = ("logs", "--no-color", *options, *services)
        return self._engine.compose_command(self._name, self._folder.document, *words)

    async def _check(self, deployment: Deployment) -> None:
        if await self._engine.containers(self._name):
            raise ControllerError(
                f"experiment {self._experiment!r} is up in containers here already",
                "end it with `nextmini compose FILE down`, or give this one another name with --name NAME",
            )
        image = deployment.controller.image
        if not await self._engine.has_image(image):
            raise PrerequisiteError(
                f"the Docker engine has no image {image}",
                "build it (docker build --file deploy/Dockerfile, see docs/containers.md), or name another "
                "with --image",
            )

    async def _start(self, deployment: Deployment, phase: Callable[[str], None], seconds: float) -> None:
        work = asyncio.ensure_future(self._until_in_force(phase))
        mortal = {one.name for one in deployment.services if one.restart is Restart.NEVER} | {CONTROLLER}
        async with self._engine.deaths(self._name, time.time()) as deaths:
            dying = asyncio.ensure_future(_first_death(deaths, mortal))
            try:
                await asyncio.wait((work, dying), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if dying.done():
                    raise await self._died(*dying.result())
                if not work.done():
                    raise await self._late(seconds)
                work.result()
            except PrerequisiteError as error:
                # What Compose says of a container that has died is that it is unhealthy.
                if dying.done():
                    raise await self._died(*dying.result()) from error
                raise
            finally:
                for task in (work, dying):
                    task.cancel()
                await asyncio.gather(work, dying, return_exceptions=True)

    async def _until_in_force(self, phase: Callable[[str], None]) -> None:
        await self._engine.compose(self._name, self._folder.document, "up", "--detach")
        phase("waiting for the network")
        (controller,) = (one for one in await self.containers() if one.service == CONTROLLER)
        async with following(["docker", "logs", "--follow", controller.id]) as lines:
            async for line in lines:
                if line.strip().endswith(IN_FORCE.encode()):
                    return
            # It has ended, which somebody else is told of.
            await asyncio.Event().wait()

    async def _died(self, service: str, code: int) -> RunError:
        containers = await self._engine.containers(self._name)
        found = next((one for one in containers if one.service == service), None)
        words = "" if found is None else await self._words(found.id)
        name = service if found is None else _title(found)
        known = advice(words)
        remedy = None if known is None else known.remedy
        return RunError(
            f"the container of {name} ended with exit status {code}; its last words: {words}", remedy
        )

    async def _late(self, seconds: float) -> RunError:
        containers = await self._engine.containers(self._name)
        states = ", ".join(
            f"{_title(one)} {one.status}{f' ({one.health})' if one.health else ''}"
            for one in containers
            if one.status != "running" or one.health == "unhealthy"
        )
        told = f"the containers were not ready within {seconds:.0f} seconds: {states or 'all of them run'}"
        controller = next((one for one in containers if one.service == CONTROLLER), None)
        if controller is not None:
            found = await troubles(controller.id)
            words = f"the controller's last words: {await self._words(controller.id)}"
            told += f"; {'; '.join(found) or words}"
        return RunError(told, "give them more time with --patience, or fewer with --nodes-per-container")

    async def _words(self, container: str) -> str:
        said = await call(["docker", "logs", "--tail", _LOG_LINES, container])
        return last_lines(said.out + said.err)

    async def _remove(self) -> None:
        words = ("down", "--volumes", "--remove-orphans", "--timeout", _DOWN_SECONDS)
        await self._engine.compose(self._name, self._folder.document, *words)
        if await self._engine.containers(
            self._name
        ):  # what was asked for before an interrupt, and came after
            await self._engine.compose(self._name, self._folder.document, *words)
        await asyncio.to_thread(self._folder.remove)


async def _first_death(lines: asyncio.StreamReader, mortal: set[str]) -> tuple[str, int]:
    """The first container that dies and does not start again. Never returns if the engine goes away."""
    async for line in lines:
        service, code = death(line)
        if service in mortal:
            return service, code
    await asyncio.Event().wait()
    raise RuntimeError("nobody sets this event")


def _chosen(containers: list[Container], place: str) -> Container:
    for one in containers:
        if place in nodes_of(one):
            return one
    for one in containers:
        if place == one.service:
            return one
    names = [node for one in containers for node in nodes_of(one)]
    shown = ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:3])}, ... {names[-1]}"
    raise ControllerError(f"there is no container of {place!r}", f"there are {shown}, and {CONTROLLER}")


def nodes_of(container: Container) -> list[str]:
    """The nodes in a container."""
    return container.labels.get(NODES_LABEL, "").split()


def _title(container: Container) -> str:
    nodes = nodes_of(container)
    if not nodes:
        return container.service
    return f"{'node' if len(nodes) == 1 else 'nodes'} {', '.join(nodes)} ({container.service})"


def _failure(container: Container) -> str | None:
    """What befell a container that does not run any more."""
    if not container.failed:
        return None
    why = (
        "had no memory left and was killed"
        if container.out_of_memory
        else f"had ended with exit status {container.exit}"
    )
    return f"the container of {_title(container)} {why}"


def _notes(containers: list[Container]) -> list[str]:
    often = [(one, one.restarts) for one in containers if one.restarts]
    return [
        f"the container of {_title(one)} died and was started again{f' {times} times' if times > 1 else ''}"
        for one, times in often
    ]


def _order(service: str) -> tuple[str, int]:
    head, _, number = service.rpartition("-")
    return (head, int(number)) if number.isdigit() else ("", 0)
