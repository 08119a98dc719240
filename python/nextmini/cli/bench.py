"""`nextmini bench NAME`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nextmini.bench.lossless import Plan
    from nextmini.experiment import Interrupt

Row = TypeVar("Row")

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Measure this version on this machine.")


@app.callback()
def bench() -> None:
    """Measure this version on this machine, beside what bounds it."""


@app.command("lossless")
def lossless(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between source and destination.")
    ] = "1,2,5,10",
    transport: Annotated[Literal["tcp", "memory"], typer.Option(help="What links are made of.")] = "tcp",
    flows: Annotated[int, typer.Option(help="Flows at once.")] = 1,
    processors: Annotated[int, typer.Option(help="Processors of each node.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure lossless flows over lines of nodes, beside bare TCP.

    The baseline is a chain of as many blocking threads as there are hops, which copy from one loopback TCP
    connection to the next; "direct" is one such connection. All are measured in turn, in the same run.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        import asyncio

        from nextmini.bench.lossless import Plan, measure
        from nextmini.experiment.interrupt import Interrupted

        plan = Plan(_numbers(hops), transport, flows, processors, seconds, repeat)
        try:
            rows = asyncio.run(_perform(lambda *watched: measure(plan, *watched), signals))
        except Interrupted:
            raise typer.Exit(INTERRUPTED) from None
        if json:
            from nextmini.bench.machine import machine

            facts = {"seconds": plan.seconds, "repeat": plan.repeat, "machine": machine()}
            print_json({"bench": "lossless", **facts, "rows": rows})
        else:
            _print(rows, plan)


@app.command("fidelity")
def fidelity(
    quick: Annotated[bool, typer.Option("--quick", help="A minute and a half at most.")] = False,
    repeat: Annotated[int, typer.Option(help="Runs for each delay; the median counts.")] = 5,
    only: Annotated[
        str, typer.Option(metavar="SETTING", help="Settings whose names begin so, as in `rate 10 M`.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Measure what links achieve of what is asked of them: rates, delays, losses, jitter.

    Delays are measured beside a bare timer in the same process at the same time. The exit code is 1 if an
    error is not in order.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        import asyncio

        from nextmini.bench.fidelity.plan import Plan, measure
        from nextmini.experiment.interrupt import Interrupted

        plan = Plan(quick, repeat, only)
        try:
            rows = asyncio.run(_perform(lambda *watched: measure(plan, *watched), signals))
        except Interrupted:
            raise typer.Exit(INTERRUPTED) from None
        if json:
            from nextmini.bench.machine import machine

            facts = {"quick": quick, "repeat": repeat, "machine": machine()}
            print_json({"bench": "fidelity", **facts, "rows": [row.document() for row in rows]})
        else:
            from nextmini.cli.fidelity_table import print_rows

            print_rows(rows, sys.stdout)
        if not all(row.passed for row in rows):
            raise typer.Exit(1)


def _numbers(text: str) -> tuple[int, ...]:
    """Comma-separated numbers. Raises PlanError."""
    from nextmini.bench.plan import PlanError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise PlanError(f"--hops: {text!r} is not a list of numbers", "such as --hops 1,2,5,10") from None


async def _perform(
    measure: "Callable[[Interrupt, Callable[[str], None]], Awaitable[list[Row]]]", signals: Signals
) -> "list[Row]":
    """What `measure` makes; meanwhile standard error says what is being measured."""
    from rich.console import Console

    from nextmini.experiment import Interrupt

    interrupt = Interrupt()
    console = Console(file=sys.stderr, highlight=False)
    with interrupt.on_signals():
        signals.check()
        if not console.is_terminal:
            return await measure(interrupt, lambda text: typer.echo(text, err=True))
        with console.status("starting") as status:
            return await measure(interrupt, status.update)


def _print(rows: list[dict[str, Any]], plan: "Plan") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Hops", "Gbit/s", "Bare chain", "Ratio", "Ratio's range", "Direct", "CPU s/GB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        low, high = row["spread"]["ratio"]
        table.add_row(
            str(row["hops"]),
            f"{row['gbps']:.2f}",
            f"{row['baseline_gbps']:.2f}",
            f"{row['ratio']:.2f}",
            f"{low:.2f}-{high:.2f}",
            f"{row['direct_gbps']:.2f}",
            f"{row['cpu_seconds_per_gb']:.2f}",
        )
    console = Console(highlight=False)
    several = "s" if plan.flows > 1 else ""
    console.print(
        f"Lossless, {plan.flows} flow{several} over {plan.transport} links; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    console.print(table)
