"""`nextmini compose FILE`."""

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.containers import become, signalled, tell_down, tell_up
from nextmini.cli.live import StateOption, perform
from nextmini.cli.output import JsonOption, print_json, tell_notices
from nextmini.cli.run import NameOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.deploy.controller_container import Ended
    from nextmini.deploy.deployment import Deployment
    from nextmini.deploy.engine import Container
    from nextmini.deploy.folder import DeploymentFolder
    from nextmini.deploy.project import Project
    from nextmini.experiment import Interrupt
    from nextmini.scenario import Network, Scenario


class Action(Enum):
    """What to do with the containers; without one the document is printed."""

    UP = "up"
    DOWN = "down"
    EXEC = "exec"
    LOGS = "logs"
    PS = "ps"


def compose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="[ACTION]",
            help="up, down, exec NODE -- COMMAND, logs [NODE...], ps; else print the file.",
        ),
    ] = None,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS...]", help="Those of the action.")
    ] = None,
    nodes_per_container: Annotated[
        int,
        typer.Option(
            "--nodes-per-container", metavar="N", min=1, help="How many nodes share a container at most."
        ),
    ] = 1,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="Nextmini's image, of deploy/Dockerfile.")
    ] = "nextmini:latest",
    postgres: Annotated[
        str | None,
        typer.Option(
            "--postgres",
            metavar="IMAGE",
            help="Have a container for PostgreSQL, as in postgres:17. Else the controller has a server.",
        ),
    ] = None,
    patience: Annotated[
        float | None,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=1,
            help="How long up may take: 120 and 2 for each container, if nothing is said.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="logs: go on as more is written.")] = False,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", metavar="DIR", help="down: where the run folder comes to.")
    ] = Path("runs"),
    json: JsonOption = False,
    name: NameOption = None,
    state_dir: StateOption = None,
) -> None:
    """Run a scenario in containers, with Docker Compose.

    Without an action, the Compose file is printed; what containers have mounted is in the state folder then.
    `up` returns when the network is in force, or removes everything again; `down` ends the experiment in
    order, prints its result and removes everything. `exec` and `logs` take a node, or `controller`.
    """
    said = list(words or [])
    if action not in (Action.EXEC, Action.LOGS) and said:
        raise typer.BadParameter(f"nothing stands behind {action.value if action else 'FILE'}: {said[0]}")
    network, deploy = _scenario(file, name, nodes_per_container, image, postgres)
    folder = _folder(state_dir, network)
    if action is None:
        from nextmini.deploy.project import write_document

        sys.stdout.write(write_document(deploy(), folder))
    elif action is Action.UP:
        deployment = deploy()
        signalled(lambda interrupt: _up(network, folder, deployment, patience, interrupt))
        tell_up(network, deployment, json)
    elif action is Action.DOWN:
        ended = signalled(lambda interrupt: _down(network, folder, runs_dir, deploy, interrupt))
        tell_down(network, ended, json)
    elif action is Action.EXEC:
        _execute(network, folder, said)
    elif action is Action.LOGS:
        options = ["--follow"] if follow else []
        become(perform(lambda: _logs(network, folder, said, options)))
    else:
        _list(perform(lambda: _containers(network, folder)), json)


def _scenario(
    file: Path, name: str | None, per_container: int, image: str, postgres: str | None
) -> "tuple[Network, Callable[[], Deployment]]":
    """The network as it stands in the file, and what makes its deployment."""
    from nextmini.deploy.planning import Wishes, plan
    from nextmini.deploy.spreading import spread
    from nextmini.experiment.run import named_network
    from nextmini.scenario import load

    scenario: Scenario = load(file)

    def deploy() -> "Deployment":
        tell_notices(scenario)
        return plan(named_network(spread(scenario, per_container), name), Wishes(image, postgres))

    return named_network(scenario, name), deploy


def _folder(state_dir: Path | None, network: "Network") -> "DeploymentFolder":
    from nextmini.deploy.folder import DeploymentFolder
    from nextmini.store import StateFolder

    return DeploymentFolder.of(StateFolder.locate(state_dir).path, network.name)


async def _project(network: "Network", folder: "DeploymentFolder") -> "Project":
    from nextmini.deploy.engine import Engine
    from nextmini.deploy.project import Project

    return Project(await Engine.find(), network.name, folder)


async def _up(
    network: "Network",
    folder: "DeploymentFolder",
    deployment: "Deployment",
    patience: float | None,
    interrupt: "Interrupt",
) -> None:
    from nextmini.experiment.progress import progress_on

    with progress_on(sys.stderr) as observer:
        project = await _project(network, folder)
        await project.up(deployment, interrupt, observer.phase, patience)


async def _down(
    network: "Network",
    folder: "DeploymentFolder",
    runs: Path,
    deploy: "Callable[[], Deployment]",
    interrupt: "Interrupt",
) -> "Ended":
    from nextmini.experiment.progress import progress_on

    with progress_on(sys.stderr) as observer:
        project = await _project(network, folder)
        interrupt.request()  # as it stands: who asks again wants to hurry
        observer.phase(f"stopping {network.name}; interrupt to hurry")
        return await project.down(interrupt, runs, deploy)


def _execute(network: "Network", folder: "DeploymentFolder", said: list[str]) -> None:
    if len(said) < 2:
        raise typer.BadParameter("write a node and a command: nextmini compose FILE exec NODE -- COMMAND")
    terminal = ["--interactive"]
    if sys.stdin.isatty() and sys.stdout.isatty():
        terminal.append("--tty")

    async def command() -> list[str]:
        return await (await _project(network, folder)).command_in(said[0], said[1:], terminal)

    become(perform(command))


async def _logs(
    network: "Network", folder: "DeploymentFolder", places: list[str], options: list[str]
) -> list[str]:
    return await (await _project(network, folder)).logs_command(places, options)


async def _containers(network: "Network", folder: "DeploymentFolder") -> "list[Container]":
    return await (await _project(network, folder)).containers()


def _list(containers: "list[Container]", json: bool) -> None:
    from nextmini.deploy.project import nodes_of

    rows = [
        {
            "service": one.service,
            "nodes": nodes_of(one),
            "container": one.name,
            "status": one.status,
            "health": one.health,
            "exit": one.exit,
            "restarts": one.restarts,
        }
        for one in containers
    ]
    if json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("service", "nodes", "status", "health", "restarts", box=None)
    for one in containers:
        status = one.status if one.status == "running" else f"{one.status} ({one.exit})"
        table.add_row(one.service, " ".join(nodes_of(one)), status, one.health or "", str(one.restarts))
    Console(highlight=False).print(table)
