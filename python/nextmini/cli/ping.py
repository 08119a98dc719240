"""`nextmini ping A B`, `nextmini ping --all`, `nextmini ping --random N`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, attached
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nextmini.hosts.probes import Outcome


def ping(
    a: Annotated[str | None, typer.Argument(metavar="A", help="The node that asks.")] = None,
    b: Annotated[str | None, typer.Argument(metavar="B", help="The node that answers.")] = None,
    count: Annotated[
        int | None, typer.Option("-c", "--count", min=1, help="How often (default: 4; for many pairs: once).")
    ] = None,
    interval: Annotated[float, typer.Option(min=0.0, help="Seconds from one to the next.")] = 1.0,
    everything: Annotated[bool, typer.Option("--all", help="Between all nodes; then name none.")] = False,
    random: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Between so many pairs of nodes by chance; then name none."),
    ] = None,
    seed: Annotated[int, typer.Option(help="For --random: another one, other pairs.")] = 1,
    wait: Annotated[float, typer.Option(min=0.001, help="Seconds that an answer may take.")] = 1.0,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Ping from one node to another, or between many, and print what came back.

    The exit code is 0 if every pair had an answer, 1 if one had none, 2
    if it was refused, 130 after Ctrl-C, with what was known by then.
    """
    many = everything or random is not None
    if (everything and random is not None) or many == (a is not None or b is not None):
        raise typer.BadParameter("name two nodes, or none with --all or --random")
    if not many and (a is None or b is None):
        raise typer.BadParameter("name two nodes: nextmini ping A B")
    from nextmini.hosts.probes import Pace

    pace = Pace(count or (1 if many else 4), interval, wait)
    code = 0
    with attached(state_dir, experiment) as there:
        pairs = _pairs(list(there.net), random, seed) if many else [(str(a), str(b))]
        tasks = there.pings(pairs, pace)
        try:
            there.ping(tasks)
        except KeyboardInterrupt:
            code = INTERRUPTED
    if json:
        print_json([_document(one) for one in tasks.outcomes])
    else:
        _print(tasks.outcomes, many)
    raise typer.Exit(code or int(not all(one.received for one in tasks.outcomes)))


def _pairs(names: list[str], number: int | None, seed: int) -> "Iterable[tuple[str, str]]":
    """All pairs of different nodes, or so many of them by chance."""
    from itertools import permutations
    from random import Random

    if number is None:
        return permutations(names, 2)
    if len(names) < 2:
        raise typer.BadParameter("pairs take two nodes, and there is one")
    chance = Random(seed)  # noqa: S311 - the same pairs each time
    return [(a, b) for a, b in (chance.sample(names, 2) for _ in range(number))]


def _print(outcomes: "list[Outcome]", many: bool) -> None:
    from nextmini.live import mininet_text as text

    if many:
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
