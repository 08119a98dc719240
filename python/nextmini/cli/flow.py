"""`nextmini flow add|list|pin|unpin|stop`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, perform, state_folder
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.store import FlowState, Registration
    from nextmini.store.live import LiveStore

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Add, list, pin or stop flows of a running experiment."
)


@app.command("add")
def add(
    source: Annotated[str, typer.Argument(help="The node that sends.")],
    destination: Annotated[str, typer.Argument(help="The node that receives.")],
    kind: Annotated[
        Literal["lossless", "udp", "icmp", "tcp"], typer.Option(help="What it is made of.")
    ] = "lossless",
    mode: Annotated[Literal["normal", "max"], typer.Option(help="How its bytes pass nodes.")] = "normal",
    size: Annotated[str | None, typer.Option(help='How much it carries, as in "20 MB".')] = None,
    duration: Annotated[str | None, typer.Option(help='How long it sends instead, as in "5 s".')] = None,
    rate: Annotated[str | None, typer.Option(help='The most that it sends, as in "5 Mbit/s".')] = None,
    weight: Annotated[int | None, typer.Option(help="Its share where links are shared by weight.")] = None,
    name: Annotated[str | None, typer.Option(help="Its name (default: flow-1 and so on).")] = None,
    start: Annotated[str | None, typer.Option(help='How long from now it starts, as in "1 s".')] = None,
    packet_size: Annotated[int | None, typer.Option(help="Payload bytes of a packet of udp.")] = None,
    arrival: Annotated[
        str | None,
        typer.Option(help='constant, poisson or \'{ process = "on_off", on = "1 s", off = "1 s" }\'.'),
    ] = None,
    ecn: Annotated[bool, typer.Option("--ecn", help="Packets of udp may be marked.")] = False,
    congestion: Annotated[
        Literal["cubic", "reno", "none"] | None, typer.Option(help="What tcp does about losses.")
    ] = None,
    family: Annotated[Literal["ipv4", "ipv6"] | None, typer.Option(help="Which addresses tcp uses.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has ended.")] = False,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Add a flow, and return when it has begun, or at once if it is to start later.

    With neither a size nor a duration it lasts until it is stopped, or as long as the experiment. The exit
    code is 0 if it was begun (with --wait: if it completed or was stopped), 1 if it failed, 2 if there can be
    no such flow.
    """

    async def work(store: "LiveStore", _: "Registration") -> dict[str, Any]:
        from nextmini.live.flows import add_flow
        from nextmini.live.words import value

        said = {
            "source": source,
            "destination": destination,
            "kind": kind,
            "mode": mode,
            "size": size,
            "duration": duration,
            "rate": rate,
            "weight": weight,
            "name": name,
            "start": start,
            "packet_size": packet_size,
            "arrival": None if arrival is None else value("arrival", arrival),
            "ecn": ecn or None,
            "congestion": congestion,
            "family": family,
        }
        return await add_flow(store, said, wait)

    document = on_store(state_dir, experiment, work)
    if json:
        print_json(document)
    else:
        typer.echo(f"{document['name']}: {document['status']}")


@app.command("list")
def list_flows(
    json: JsonOption = False, experiment: ExperimentOption = None, state_dir: StateOption = None
) -> None:
    """List all flows, with what they have delivered and how fast they are now."""
    from nextmini.cli.status import print_flows
    from nextmini.live.choice import choose_ready
    from nextmini.live.status import status

    state = state_folder(state_dir)
    found = choose_ready(state, experiment)
    flows: list[dict[str, Any]] = perform(lambda: status(state, found))["flows"]
    if json:
        print_json(flows)
    else:
        print_flows(flows)


@app.command("pin")
def pin(
    name: Annotated[str, typer.Argument(metavar="FLOW", help="Name of the flow.")],
    route: Annotated[int, typer.Argument(help="Number of the route, as `nextmini route list` has it.")],
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Have a flow take a route, whatever the weights say, and return when it does."""
    _pin(name, route, json, experiment, state_dir)


@app.command("unpin")
def unpin(
    name: Annotated[str, typer.Argument(metavar="FLOW", help="Name of the flow.")],
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Have a flow take the route that the weights give it."""
    _pin(name, None, json, experiment, state_dir)


def _pin(name: str, route: int | None, json: bool, experiment: str | None, state_dir: "Path | None") -> None:
    async def work(store: "LiveStore", _: "Registration") -> "FlowState | None":
        from nextmini.live.flows import pin_flow

        return await pin_flow(store, name, route)

    state = on_store(state_dir, experiment, work)
    status = state.status if state is not None else "waiting"
    if json:
        print_json({"name": name, "status": status, "pinned_to": route})
    else:
        typer.echo(f"{name}: {status}, " + ("as the weights say" if route is None else f"pinned to {route}"))


@app.command("stop")
def stop(
    name: Annotated[str, typer.Argument(help="Name of the flow.")],
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Stop a flow, and return when it has ended. The result of the experiment lists it as stopped."""

    async def work(store: "LiveStore", _: "Registration") -> "tuple[FlowState, bool]":
        from nextmini.live.flows import stop_flow

        return await stop_flow(store, name)

    state, stopped = on_store(state_dir, experiment, work)
    if json:
        print_json({"name": name, "status": state.status, "bytes": state.bytes, "stopped": stopped})
    else:
        typer.echo(f"{name}: stopped" if stopped else f"{name}: {state.status} before; nothing to stop")
