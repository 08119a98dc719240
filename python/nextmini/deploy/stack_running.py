"""A stack in a swarm: deployed, waited for, and removed with all that it had."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

from nextmini.deploy.controller_container import MOST_TROUBLES, Ended, fetch, take_result, troubles
from nextmini.deploy.deployment import Restart
from nextmini.deploy.engine import Said, call, following
from nextmini.deploy.planning import CONTROLLER
from nextmini.deploy.stack_tasks import Standing, Task, advice_on, standing
from nextmini.deploy.trouble import last_lines
from nextmini.errors import ControllerError, PrerequisiteError, RunError
from nextmini.experiment.standalone import IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nextmini.deploy.deployment import Deployment
    from nextmini.experiment.interrupt import Interrupt

REMOVE_SECONDS = 180.0
"""Services have their time to end in order, and networks are free some time after that."""
_PAUSE = 0.5
"""Seconds between two looks: a swarm tells nobody what becomes of its tasks."""
_LOG_LINES = "20"
_KINDS = ("service", "network", "secret", "config")


class Stack:
    """The stack of an experiment, in the swarm of the engine that answers here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._mine = f"label=com.docker.stack.namespace={name}"
        self._of_controller = f"label=com.docker.swarm.service.name={name}_{CONTROLLER}"

    async def require_swarm(self) -> None:
        """Raises PrerequisiteError unless the engine here is a manager of a swarm."""
        if shutil.which("docker") is None:
            raise PrerequisiteError("there is no program docker here", "install Docker, see docs/clusters.md")
        said = await call(["docker", "system", "info", "--format", "{{json .Swarm}}"])
        if said.code != 0 or not said.out.startswith("{"):
            raise _failure("system info", said)
        swarm = json.loads(said.out)
        if swarm["LocalNodeState"] != "active":
            raise PrerequisiteError(
                "the Docker engine here is in no swarm",
                "make one (docker swarm init), or have it join one as a manager",
            )
        if not swarm["ControlAvailable"]:
            raise PrerequisiteError(
                "the Docker engine here is a worker of its swarm, not a manager",
                "call this on a manager, or name one with the variable DOCKER_HOST",
            )

    async def deploy(
        self,
        document: Path,
        deployment: Deployment,
        interrupt: Interrupt,
        phase: Callable[[str], None],
        seconds: float,
    ) -> None:
        """Deploys it, and returns when the network is in force.

        Raises PrerequisiteError, RunError or Interrupted; nothing is there then.
        """
        guard = interrupt.guard
        phase(f"deploying {len(deployment.services)} services")
        try:
            await guard(self._start(document, deployment))
            phase("waiting for the network")
            await guard(self._until_in_force(deployment, seconds))
        except BaseException:
            phase("removing what was deployed")
            await self.remove(volumes=True)
            raise

    async def require_absence(self) -> None:
        """Raises ControllerError if the swarm has a stack of that name."""
        if await self._exists():
            raise ControllerError(
                f"the swarm has a stack {self.name} already",
                "end it with `nextmini swarm FILE remove`, or give this one another name with --name NAME",
            )

    async def require_presence(self) -> None:
        """Raises ControllerError if it has none."""
        if not await self._exists():
            raise ControllerError(
                f"the swarm has no stack {self.name}", "start it with `nextmini swarm FILE deploy`"
            )

    async def tasks(self) -> list[Task]:
        """All attempts of all services, the newest of each first. Raises PrerequisiteError."""
        said = await self._docker("stack", "ps", "--no-trunc", "--format", "{{json .}}", self.name)
        return [Task.of(json.loads(line), self.name) for line in said.splitlines()]

    async def logs_command(self, options: Sequence[str], place: str) -> list[str]:
        """What prints the log of a service. Raises ControllerError if there is none."""
        services = [name.removeprefix(f"{self.name}_") for name in await self._left("service")]
        if place not in services:
            raise ControllerError(
                f"the swarm has no service {place!r} of the stack {self.name}",
                f"name one of {', '.join(sorted(services))}" if services else "deploy it first",
            )
        return ["docker", "service", "logs", *options, f"{self.name}_{place}"]

    async def remove(self, *, volumes: bool = False) -> None:
        """Removes it and returns when all of it is gone; with `volumes`, those of this machine too.

        Raises RunError if something is still there after a while.
        """
        try:
            async with asyncio.timeout(REMOVE_SECONDS):
                while await self._what_is_left():
                    # Again each time: a network that still has containers is not removed.
                    await call(["docker", "stack", "rm", self.name])
                    await asyncio.sleep(_PAUSE)
                if volumes and (found := await self._left("volume")):
                    await self._docker("volume", "rm", *found)
        except TimeoutError:
            left = ", ".join(await self._what_is_left())
            message = f"of the stack {self.name} is still there after {REMOVE_SECONDS:.0f} s: {left}"
            raise RunError(message, f"remove it with docker stack rm {self.name}") from None

    async def end(self, interrupt: Interrupt, runs: Path) -> Ended:
        """Ends the experiment in order, puts its run folder into `runs` and removes everything.

        Where the controller is on another machine, its volume stays there. Raises PrerequisiteError,
        RunError.
        """
        failures = tuple(str(task) for task in await self.tasks() if task.ended_badly)
        folder = await self._end_controller(interrupt, runs)
        document = None if folder is None else await asyncio.to_thread(take_result, folder)
        await self.remove(volumes=folder is not None)
        there = f"the result is in the volume {self.name}_state of the machine that the controller was on"
        return Ended(document, folder, failures, () if folder else (there,))

    async def troubles(self) -> list[str]:
        """What of the network is not as it should be, as far as the controller is on this machine."""
        found = (await self._docker("ps", "--quiet", "--filter", self._of_controller)).split()
        return await troubles(found[0]) if found else []

    async def _end_controller(self, interrupt: Interrupt, runs: Path) -> Path | None:
        """Has it tell the others to stop and write its report, which is copied if it is on this machine."""
        service = f"{self.name}_{CONTROLLER}"
        found = (await self._docker("ps", "--all", "--quiet", "--filter", self._of_controller)).split()
        if not found:
            return None
        await self._docker("service", "scale", "--detach", f"{service}=0")
        await interrupt.unless_hastened(call(["docker", "wait", found[0]]))
        return await fetch(found[0], runs)

    async def _exists(self) -> bool:
        return bool(await self._left("service") or await self._left("network"))

    async def _start(self, document: Path, deployment: Deployment) -> None:
        resolving = "never" if await self._is_local(deployment.controller.image) else "always"
        options = ("--compose-file", str(document), "--resolve-image", resolving)
        await self._docker("stack", "deploy", *options, self.name)

    async def _is_local(self, image: str) -> bool:
        """Whether the image was made here, so that no registry need be asked for it."""
        said = await call(["docker", "image", "inspect", "--format", "{{len .RepoDigests}}", image])
        return said.code == 0 and said.out.strip() == "0"

    async def _until_in_force(self, deployment: Deployment, seconds: float) -> None:
        heard = asyncio.ensure_future(self._until_said(IN_FORCE))
        broken = asyncio.ensure_future(self._until_broken(deployment))
        try:
            await asyncio.wait((heard, broken), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if broken.done():
                raise await self._broken(broken.result())
            if not heard.done():
                raise _late(await self._standing(deployment), await self.troubles(), seconds)
            heard.result()
        finally:
            for task in (heard, broken):
                task.cancel()
            await asyncio.gather(heard, broken, return_exceptions=True)

    async def _until_said(self, words: str) -> None:
        command = ["docker", "service", "logs", "--raw", "--follow", f"{self.name}_{CONTROLLER}"]
        while True:
            async with following(command) as lines:
                async for line in lines:
                    if line.strip().endswith(words.encode()):
                        return
            # There is no log before there is a task.
            await asyncio.sleep(_PAUSE)

    async def _until_broken(self, deployment: Deployment) -> Task:
        while True:
            found = await self._standing(deployment)
            if found.broken:
                return found.broken[0]
            await asyncio.sleep(_PAUSE)

    async def _standing(self, deployment: Deployment) -> Standing:
        again = deployment.controller.restart is not Restart.NEVER
        names = [one.name for one in deployment.services]
        return standing(names, await self.tasks(), again=again)

    async def _broken(self, task: Task) -> RunError:
        said = await call(["docker", "service", "logs", "--raw", "--tail", _LOG_LINES, task.id])
        words = last_lines(said.out + said.err) if said.code == 0 else "nothing"
        known = advice_on(task.error) or advice_on(words)
        last = "" if words == "nothing" else f"; its last words: {words}"
        return RunError(f"{task}{last}", None if known is None else known.remedy)

    async def _what_is_left(self) -> list[str]:
        left = [f"{kind} {name}" for kind in _KINDS for name in await self._left(kind)]
        containers = await self._docker("ps", "--all", "--quiet", "--filter", self._mine)
        return left + [f"container {one}" for one in containers.split()]

    async def _left(self, kind: str) -> list[str]:
        column = "{{.ID}}" if kind == "network" else "{{.Name}}"
        return (await self._docker(kind, "ls", "--filter", self._mine, "--format", column)).split()

    async def _docker(self, *words: str) -> str:
        """What docker prints. Raises PrerequisiteError if it fails."""
        said = await call(["docker", *words])
        if said.code != 0:
            raise _failure(" ".join(words[:2]), said)
        return said.out


def _failure(command: str, said: Said) -> PrerequisiteError:
    words = said.err or said.out
    known = advice_on(words)
    if known is None:
        return PrerequisiteError(f"`docker {command}` failed: {last_lines(words)}")
    return PrerequisiteError(f"{known.what}: `docker {command}` said: {last_lines(words, 2)}", known.remedy)


def _late(found: Standing, troubles: list[str], seconds: float) -> RunError:
    message = f"the network was not in force within {seconds:.0f} seconds: "
    message += f"{found.ready} of {found.services} services run"
    if troubles:
        return RunError(f"{message}; {'; '.join(troubles)}")
    # Whoever has a reason comes first: the others may be waiting for him.
    waiting = sorted(found.waiting, key=lambda task: not task.error)[:MOST_TROUBLES]
    if not waiting:
        return RunError(message, "give them more time with --patience, and see `nextmini swarm FILE logs`")
    known = next(filter(None, (advice_on(task.error) for task in waiting)), None)
    remedy = "give them more time with --patience" if known is None else known.remedy
    return RunError(f"{message}; {'; '.join(map(str, waiting))}", remedy)
