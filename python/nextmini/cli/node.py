"""`nextmini node add|remove|list`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, table
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Add, remove or list nodes of a running experiment."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The node.")]


@app.command("add")
def add(
    name: Name,
    address: Annotated[
        str | None, typer.Option(help="Its IPv4 address (default: the next free one of the prefix).")
    ] = None,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Add a node without links, and return when it is there. Join it with `nextmini link A B add`."""

    async def work(store: "LiveStore", found: "Registration") -> dict[str, Any]:
        from nextmini.live.topology import add_node

        return await add_node(store, found.run, name, address)

    node = on_store(state_dir, experiment, work)
    if json:
        print_json(node)
    else:
        typer.echo(f"{node['name']}: {node['address']} {node['address6']}")


@app.command("remove")
def remove(name: Name, experiment: ExperimentOption = None, state_dir: StateOption = None) -> None:
    """Remove a node with its links, flows and programs, and return when it is gone."""

    async def work(store: "LiveStore", _: "Registration") -> None:
        from nextmini.live.topology import remove_node

        await remove_node(store, name)

    on_store(state_dir, experiment, work)


@app.command("list")
def list_nodes(
    json: JsonOption = False, experiment: ExperimentOption = None, state_dir: StateOption = None
) -> None:
    """List all nodes with their addresses."""

    async def work(store: "LiveStore", _: "Registration") -> list[dict[str, Any]]:
        from nextmini.live.topology import node_entries

        return node_entries(await store.desired(), await store.states())

    nodes = on_store(state_dir, experiment, work)
    if json:
        print_json(nodes)
        return
    rows = [
        (
            node["name"],
            node["address"],
            node["address6"],
            node["process"],
            node["status"],
            node["reason"] or "",
        )
        for node in nodes
    ]
    table(("Node", "Address", "IPv6 address", "Process", "Status", ""), rows, ("Process",))
