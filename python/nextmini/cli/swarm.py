"""`nextmini swarm FILE`."""

import sys
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextmini.cli.containers import become, signalled, tell_down, tell_up
from nextmini.cli.live import StateOption, perform
from nextmini.cli.output import JsonOption, print_json, tell_notices
from nextmini.cli.run import NameOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.deploy.cluster import ClusterPlan
    from nextmini.deploy.controller_container import Ended
    from nextmini.deploy.folder import DeploymentFolder
    from nextmini.deploy.stack_running import Stack
    from nextmini.deploy.stack_tasks import Task
    from nextmini.experiment import Interrupt


class Action(Enum):
    """What to do with the stack; without one the document is printed."""

    DEPLOY = "deploy"
    REMOVE = "remove"
    LOGS = "logs"
    PS = "ps"


def swarm(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    action: Annotated[
        Action | None,
        typer.Argument(metavar="[ACTION]", help="deploy, remove, logs [NODE], ps; else print the file."),
    ] = None,
    place: Annotated[
        str, typer.Argument(metavar="[NODE]", help="logs: of the process that hosts it.")
    ] = "controller",
    nodes_per_container: Annotated[
        int,
        typer.Option(
            "--nodes-per-container", metavar="N", min=1, help="How many nodes share a container at most."
        ),
    ] = 1,
    image: Annotated[
        str,
        typer.Option("--image", metavar="NAME", help="Nextmini's image, where all machines have it from."),
    ] = "nextmini:latest",
    postgres: Annotated[
        str | None,
        typer.Option(
            "--postgres",
            metavar="IMAGE",
            help="Have a service for PostgreSQL, as in postgres:17. Else the controller has a server.",
        ),
    ] = None,
    site_label: Annotated[
        str,
        typer.Option(
            "--site-label", metavar="LABEL", help="The label of machines that has the name of their site."
        ),
    ] = "nextmini.site",
    subnet: Annotated[
        str | None,
        typer.Option("--subnet", metavar="PREFIX", help="Addresses of the network that connects containers."),
    ] = None,
    patience: Annotated[
        float,
        typer.Option("--patience", metavar="SECONDS", min=1, help="How long deploy may take."),
    ] = 600.0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="logs: go on as more is written.")] = False,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", metavar="DIR", help="remove: where the run folder comes to.")
    ] = Path("runs"),
    json: JsonOption = False,
    name: NameOption = None,
    state_dir: StateOption = None,
) -> None:
    """Spread a scenario over the machines of a Docker swarm.

    Without an action, the stack is printed, a Compose file for `docker stack deploy`; secrets and files that
    it names are in the state folder then. `deploy` returns when the network is in force, or removes
    everything again; `remove` ends the experiment in order, prints its result and removes everything.
    Processes of a site are on machines with its label, the controller is on a manager.
    """
    from nextmini.deploy.cluster import cluster_plan, folder_of, stack_text
    from nextmini.deploy.planning import Wishes
    from nextmini.deploy.stack_running import Stack
    from nextmini.scenario import load
    from nextmini.store import StateFolder

    scenario = load(file)
    if action in (None, Action.DEPLOY):
        tell_notices(scenario)
    plan = cluster_plan(scenario, name, Wishes(image, postgres), nodes_per_container)
    folder = folder_of(StateFolder.locate(state_dir).path, plan.network.name, "swarm")
    stack = Stack(plan.network.name)
    if action is None:
        sys.stdout.write(stack_text(plan, folder, site_label, subnet))
        return
    perform(stack.require_swarm)
    if action is Action.DEPLOY:
        perform(stack.require_absence)
        with _removed_on_failure(folder):
            folder.prepare(plan.deployment)
            folder.document.write_text(stack_text(plan, folder, site_label, subnet), encoding="utf-8")
            signalled(lambda interrupt: _deploy(stack, plan, folder, patience, interrupt))
        tell_up(plan.network, plan.deployment, json)
        for trouble in perform(stack.troubles):
            typer.echo(f"note: {trouble}", err=True)
        return
    perform(stack.require_presence)
    if action is Action.REMOVE:
        ended = signalled(lambda interrupt: _remove(stack, runs_dir, interrupt))
        folder.remove()
        if ended.folder is not None or ended.failures:
            tell_down(plan.network, ended, json)
        for note in ended.notes:
            typer.echo(f"note: {note}", err=True)
    elif action is Action.LOGS:
        hosting = plan.deployment.hosting(place)
        options = ["--raw", *(["--follow"] if follow else [])]
        become(perform(lambda: stack.logs_command(options, hosting.name if hosting else place)))
    else:
        _list(perform(stack.tasks), json)


@contextmanager
def _removed_on_failure(folder: "DeploymentFolder") -> "Iterator[None]":
    try:
        yield
    except BaseException:
        folder.remove()
        raise


async def _deploy(
    stack: "Stack", plan: "ClusterPlan", folder: "DeploymentFolder", patience: float, interrupt: "Interrupt"
) -> None:
    from nextmini.experiment.progress import progress_on

    with progress_on(sys.stderr) as observer:
        await stack.deploy(folder.document, plan.deployment, interrupt, observer.phase, patience)


async def _remove(stack: "Stack", runs: Path, interrupt: "Interrupt") -> "Ended":
    from nextmini.experiment.progress import progress_on

    with progress_on(sys.stderr) as observer:
        interrupt.request()  # as it stands: who asks again wants to hurry
        observer.phase(f"stopping {stack.name}; interrupt to hurry")
        return await stack.end(interrupt, runs)


def _list(tasks: "list[Task]", json: bool) -> None:
    if json:
        rows = [
            {"service": one.service, "machine": one.machine, "state": one.state.lower(), "error": one.error}
            for one in tasks
        ]
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("service", "machine", "state", "error", box=None)
    for one in tasks:
        table.add_row(one.service, one.machine, one.state.lower(), one.error)
    Console(highlight=False).print(table)
