"""`nextmini ping A B`, `nextmini ping --all`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, attached
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from nextmini.hosts.probes import Outcome


def ping(
    a: Annotated[str | None, typer.Argument(metavar="A", help="The node that asks.")] = None,
    b: Annotated[str | None, typer.Argument(metavar="B", help="The node that answers.")] = None,
    count: Annotated[
        int | None, typer.Option("-c", "--count", min=1, help="How often (default: 4; with --all: once).")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.0, help="Seconds from one to the next.")] = 1.0,
    everything: Annotated[bool, typer.Option("--all", help="Between all nodes; then name none.")] = False,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Ping from one node to another, or between all, and print what came back.

    An answer is waited for one second. The exit code is 0 if every pair had an answer, 1 if one had none, 2
    if it was refused, 130 after Ctrl-C, with what was known by then.
    """
    if everything == (a is not None or b is not None):
        raise typer.BadParameter("name two nodes, or none with --all")
    if not everything and (a is None or b is None):
        raise typer.BadParameter("name two nodes: nextmini ping A B")
    from itertools import permutations

    from nextmini.hosts.probes import Pace

    pace = Pace(count or (1 if everything else 4), interval)
    code = 0
    with attached(state_dir, experiment) as there:
        tasks = there.pings(permutations(there.net, 2) if everything else [(str(a), str(b))], pace)
        try:
            there.ping(tasks)
        except KeyboardInterrupt:
            code = INTERRUPTED
    if json:
        print_json([_document(one) for one in tasks.outcomes])
    else:
        _print(tasks.outcomes, everything)
    raise typer.Exit(code or int(not all(one.received for one in tasks.outcomes)))


def _print(outcomes: "list[Outcome]", everything: bool) -> None:
    from nextmini.live import mininet_text as text

    if everything:
        for source, some in text.rows(outcomes):
            typer.echo(text.ping_row(source, some), nl=False)
        typer.echo(text.ping_summary(outcomes), nl=False)
        return
    for one in outcomes:
        typer.echo(text.ping_statistics(one), nl=False)


def _document(outcome: "Outcome") -> dict[str, Any]:
    times = [round(time, 9) for time in outcome.range] if outcome.received else [None] * 4
    return {
        "from": outcome.pair.source,
        "to": outcome.pair.destination,
        "sent": outcome.sent,
        "received": outcome.received,
        "unreachable": outcome.unreachable,
        "seconds": dict(zip(("least", "mean", "most", "deviation"), times, strict=True)),
    }
