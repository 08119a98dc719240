"""`nextmini flow add|list|stop`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, perform, state_folder
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.store import FlowState
    from nextmini.store.live import LiveStore

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Add, list or stop flows of a running experiment."
)


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
        print_flows(flows, None)


@app.command("stop")
def stop(
    name: Annotated[str, typer.Argument(help="Name of the flow.")],
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Stop a flow, and return when it has ended. The result of the experiment lists it as stopped."""

    async def work(store: "LiveStore") -> "tuple[FlowState, bool]":
        from nextmini.live.flows import stop_flow

        return await stop_flow(store, name)

    state, stopped = on_store(state_dir, experiment, work)
    if json:
        print_json({"name": name, "status": state.status, "bytes": state.bytes, "stopped": stopped})
    else:
        typer.echo(f"{name}: stopped" if stopped else f"{name}: {state.status} before; nothing to stop")
