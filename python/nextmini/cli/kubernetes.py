"""`nextmini kubernetes FILE`."""

from pathlib import Path
from typing import Annotated

import typer

from nextmini.cli.output import tell_notices
from nextmini.cli.run import NameOption, StateOption


def kubernetes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario in TOML, YAML or JSON.")],
    nodes_per_container: Annotated[
        int,
        typer.Option("--nodes-per-container", metavar="N", min=1, help="How many nodes share a pod at most."),
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
            help="Have a pod for PostgreSQL, as in postgres:17. Else the controller has a server.",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            metavar="NAME",
            help="A namespace that is there already. Without it: one of the experiment's own.",
        ),
    ] = None,
    site_label: Annotated[
        str | None,
        typer.Option(
            "--site-label",
            metavar="LABEL",
            help="The label of machines that has the name of their site. Without it: any machines, but "
            "never one for two sites.",
        ),
    ] = None,
    storage: Annotated[
        str, typer.Option("--storage", metavar="SIZE", help="How much each volume holds.")
    ] = "2Gi",
    unsafe_sysctls: Annotated[
        bool,
        typer.Option(
            "--unsafe-sysctls",
            help="Have pods set all that nodes set on one machine, which machines have to allow.",
        ),
    ] = False,
    name: NameOption = None,
    state_dir: StateOption = None,
) -> None:
    """Print the manifests of an experiment for Kubernetes.

    There is no secret in them: secrets are made once, in the state folder, and the command that gives them to
    the cluster is printed on standard error.
    """
    from nextmini.deploy.cluster import address_note, cluster_plan, folder_of, manifests_text, secret_command
    from nextmini.deploy.kubernetes.documents import Cluster
    from nextmini.deploy.planning import Wishes
    from nextmini.scenario import load
    from nextmini.store import StateFolder

    cluster = Cluster(namespace, site_label, storage, unsafe_sysctls)
    scenario = load(file)
    tell_notices(scenario)
    plan = cluster_plan(scenario, name, Wishes(image, postgres), nodes_per_container)
    folder = folder_of(StateFolder.locate(state_dir).path, plan.deployment.experiment, "kubernetes")
    typer.echo(manifests_text(plan, folder, cluster), nl=False)
    note = address_note(plan)
    if note is not None:
        typer.echo(f"note: {note}", err=True)
    command = secret_command(plan.deployment, folder, cluster)
    typer.echo(f"pods wait for their secrets, which the cluster has by: {command}", err=True)
