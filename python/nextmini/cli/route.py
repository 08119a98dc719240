"""`nextmini route add|list`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, table
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Add or list routes of a running experiment."
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


@app.command("list")
def list_routes(
    json: JsonOption = False, experiment: ExperimentOption = None, state_dir: StateOption = None
) -> None:
    """List all routes, those that were computed too."""

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
