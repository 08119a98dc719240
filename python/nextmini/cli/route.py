"""`nextmini route add|set|remove|list`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, table
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Add, change, remove or list routes of a running experiment.",
)


@app.command("add")
def add(
    nodes: Annotated[
        list[str], typer.Argument(metavar="NODE NODE...", help="From the source to the destination.")
    ],
    weight: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Its share of the pair's flows.")] = 1,
    both: Annotated[bool, typer.Option("--both", help="The way back too.")] = False,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Add a route, and return when every node on it knows it.

    The other routes of its pair stay: flows that begin are spread over all of them by weight.
    """

    async def work(store: "LiveStore", _: "Registration") -> list[dict[str, Any]]:
        from nextmini.live.routes import add_route

        return await add_route(store, nodes, weight, both)

    _print(on_store(state_dir, experiment, work), json)


@app.command("set")
def set_route(
    id: Annotated[int, typer.Argument(metavar="ROUTE", help="Its number, as `nextmini route list` has it.")],
    nodes: Annotated[
        list[str] | None, typer.Argument(metavar="[NODE NODE...]", help="Its path; as it is without.")
    ] = None,
    weight: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="Its share of the pair's flows that begin.")
    ] = None,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Give a route another path, and its flows with it, or another weight; return when that is in force."""

    async def work(store: "LiveStore", _: "Registration") -> tuple[dict[str, Any], bool]:
        from nextmini.live.routes import set_route

        return await set_route(store, id, nodes or [], weight)

    entry, changed = on_store(state_dir, experiment, work)
    if not changed:
        typer.echo("nothing to change", err=True)
    _print([entry], json)


@app.command("remove")
def remove(
    id: Annotated[int, typer.Argument(metavar="ROUTE", help="Its number, as `nextmini route list` has it.")],
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Take a route away, and return when no flow takes it: its flows take the others of their pair."""

    async def work(store: "LiveStore", _: "Registration") -> dict[str, Any]:
        from nextmini.live.routes import remove_route

        return await remove_route(store, id)

    _print([on_store(state_dir, experiment, work)], json)


@app.command("list")
def list_routes(
    json: JsonOption = False, experiment: ExperimentOption = None, state_dir: StateOption = None
) -> None:
    """List all routes, those that were computed too; pairs that go along shortest-path trees have none."""

    async def work(store: "LiveStore", _: "Registration") -> list[dict[str, Any]]:
        from nextmini.live.routes import route_entries

        return route_entries(await store.desired(), await store.states())

    _print(on_store(state_dir, experiment, work), json)


def _print(routes: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(routes)
        return
    rows = [
        (
            route["id"],
            " ".join(route["path"]),
            route["weight"],
            route["origin"],
            route["status"],
            route["reason"] or "",
        )
        for route in routes
    ]
    table(("Route", "Path", "Weight", "Origin", "Status", ""), rows, ("Route", "Weight"))
