"""`nextmini link A B show|set|up|down|add|remove`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nextmini.cli.live import ExperimentOption, StateOption, on_store, table
from nextmini.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from nextmini.store import Registration
    from nextmini.store.live import LiveStore


def link(
    a: Annotated[str, typer.Argument(metavar="A", help="One end.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other end.")],
    action: Annotated[
        Literal["show", "set", "up", "down", "add", "remove"],
        typer.Argument(metavar="ACTION", help="show, set, up, down, add or remove."),
    ] = "show",
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help='For set and add: keys of a link in a scenario, as in delay="50 ms"; for add also '
            "transport, congestion and datagrams.",
        ),
    ] = None,
    direction: Annotated[
        Literal["both", "forward", "backward"],
        typer.Option(help="For set: forward is from A to B."),
    ] = "both",
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Show, change, add or remove a link of a running experiment, and return when that is in force.

    Keys that are not named stay as they are; KEY=none makes one as if it had not been said. Values with
    spaces go in quotes, tables as in 'jitter={ amount = "1 ms", distribution = "normal" }'. A link that is
    down drops what it is given; nothing that waits in it is lost by any change.
    """
    if words and action not in ("set", "add"):
        raise typer.BadParameter(f"{action} takes no settings")
    if direction != "both" and action != "set":
        raise typer.BadParameter("--direction goes with set only")

    async def work(store: "LiveStore", found: "Registration") -> dict[str, Any]:
        from nextmini.live.links import Named, set_link, set_up, show
        from nextmini.live.topology import add_link, remove_link
        from nextmini.live.words import parsed

        said = parsed(words or []) if action == "set" or words else {}
        if action == "add":
            return await add_link(store, a, b, said, found.sites)
        if action == "remove":
            await remove_link(store, a, b)
            return {"link": [a, b], "removed": True}
        named = await Named.find(store, a, b)
        match action:
            case "show":
                return await show(store, named, found.run)
            case "set":
                return await set_link(store, named, said, direction)
            case _:
                return await set_up(store, named, action == "up")

    document = on_store(state_dir, experiment, work)
    if json:
        print_json(document)
    elif action == "add":
        typer.echo(f"{a} - {b}: {_carried(document)}, {settings_text(document['settings'])}")
    elif action != "remove":
        _print(document)


def _print(document: dict[str, Any]) -> None:
    typer.echo(f"{' - '.join(document['link'])}: {_carried(document)}, {_state(document)}")
    if document["status"] == "rejected":
        typer.echo("What was in force before goes on; below stands what could be understood.", err=True)
    ways = [document["forward"], document["backward"]]
    if "counters" in ways[0]:
        _print_counters(ways)
    else:
        for way in ways:
            typer.echo(f"{way['from']} -> {way['to']}: {settings_text(way['settings'])}")
    if "changed" in document:
        typer.echo(_verdict(document), err=True)


def _carried(document: dict[str, Any]) -> str:
    return f"{document['transport']} with datagrams" if document["datagrams"] else str(document["transport"])


def _state(document: dict[str, Any]) -> str:
    if not document["up"]:
        return "down, as asked"
    reason = f": {document['reason']}" if document["reason"] else ""
    return f"{document['status']}{reason}"


def _print_counters(ways: list[dict[str, Any]]) -> None:
    from nextmini.experiment.quantities import size

    rows = [
        (
            f"{way['from']} -> {way['to']}",
            size(way["counters"]["bytes"]),
            way["counters"]["packets"],
            way["counters"]["queue"],
            ", ".join(f"{number} {cause}" for cause, number in way["counters"]["drops"].items()) or "none",
            settings_text(way["settings"]),
        )
        for way in ways
    ]
    numbers = ("Bytes", "Packets", "Queue")
    for way in ways:
        if way["path"] is not None:
            typer.echo(_path(way))
    table(("Direction", *numbers, "Dropped", "Settings"), rows, numbers)


def _path(way: dict[str, Any]) -> str:
    """The real path below a direction, and what is asked of it there."""
    from nextmini.experiment.quantities import rate, seconds

    path = way["path"]
    delay = way["settings"].get("delay")
    asked = f"; the delay of {delay} that is asked for comes on top" if delay else ""
    trip = seconds(path["rtt_ms"] / 1000)
    most = f"up to {rate(path['most_bps'])} have passed" if path["most_bps"] else "nothing has passed yet"
    return f"real path {way['from']} -> {way['to']}: round trip {trip}, {most}{asked}"


def settings_text(settings: dict[str, Any]) -> str:
    """Settings as one would type them."""
    return ", ".join(f"{key} {_text(value)}" for key, value in settings.items()) or "as usual"


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "{ " + ", ".join(f"{key} = {_inner(inner)}" for key, inner in value.items()) + " }"
        case list():
            return ", ".join(map(_text, value))
        case _:
            return str(value)


def _inner(value: Any) -> str:
    """As in TOML."""
    return f'"{value}"' if isinstance(value, str) else _text(value)


def _verdict(document: dict[str, Any]) -> str:
    if not document["changed"]:
        return "nothing to change"
    if "note" in document:
        return str(document["note"])
    return f"in force after {document['seconds'] * 1000:.1f} ms"
