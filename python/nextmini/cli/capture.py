"""`nextmini capture`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextmini.cli.live import ExperimentOption, StateOption, state_folder
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from nextmini.live.capture.capture import Captured, Limits
    from nextmini.live.capture.links import CapturedLink
    from nextmini.store import Registration, StateFolder

WHOLE_PACKETS = 262_144
"""Bytes of a packet that are kept: more than any has."""


def capture(
    write: Annotated[
        str, typer.Option("--write", "-w", metavar="FILE", help="Where to write to; - is standard output.")
    ],
    link: Annotated[
        list[str] | None, typer.Option("--link", metavar="A,B", help="A link; may be said several times.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All links; then name none.")] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-c", min=1, help="End after so many packets.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", help='End after this time, as in "10 s".')
    ] = None,
    snaplen: Annotated[
        int,
        typer.Option("--snaplen", "-s", min=1, max=WHOLE_PACKETS, help="Keep so many bytes of each packet."),
    ] = WHOLE_PACKETS,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Write the packets of links of a running experiment to a pcapng file, until Ctrl-C.

    Each link is an interface; packets from A to B are outbound, the others inbound. What a link drops,
    damages or sends twice says so in its comment. To watch: nextmini capture --all -w - | wireshark -k -i -
    """
    from nextmini.live.capture.links import pair

    if everything == bool(link):
        raise typer.BadParameter("name links with --link A,B, or say --all")
    if write == "-" and sys.stdout.isatty():
        raise typer.BadParameter("standard output is a terminal: write to a file, or into a pipe")
    if write == "-" and json:
        raise typer.BadParameter("--json and packets do not go to standard output together")
    pairs = None if everything else [pair(word) for word in link or ()]
    limits = _limits(count, duration)
    signals = Signals()
    with signals.noted():
        import asyncio

        from nextmini.experiment.interrupt import Interrupted
        from nextmini.live.choice import choose_ready

        state = state_folder(state_dir)
        asked = (state, choose_ready(state, experiment), pairs, snaplen)
        try:
            links, captured = asyncio.run(_capture(asked, write, limits, signals))
        except Interrupted:
            raise typer.Exit(INTERRUPTED) from None
        signals.settle()
    if json:
        print_json(_document(links, captured, write))
    else:
        _tell(links, captured)
    for process in captured.unsaid:
        typer.echo(f"dataplane process {process} ended without saying how many it missed", err=True)


async def _capture(
    asked: "tuple[StateFolder, Registration, list[tuple[str, str]] | None, int]",
    write: str,
    limits: "Limits",
    signals: Signals,
) -> "tuple[list[CapturedLink], Captured]":
    from nextmini.experiment import Interrupt
    from nextmini.live.capture.capture import Asked, capture
    from nextmini.live.capture.links import links_of, request
    from nextmini.live.capture.output import opened

    state, found, pairs, snaplen = asked
    interrupt = Interrupt()
    with interrupt.on_signals():
        signals.check()
        links = await interrupt.guard(links_of(state, found, pairs))
        processes = frozenset[int]().union(*(link.processes for link in links))
        wanted = Asked(state.folder(found.name), request(links, snaplen, found.name), processes)

        def began() -> None:
            number = "1 link" if len(links) == 1 else f"{len(links)} links"
            typer.echo(f"capturing {number} of {found.name}; end with Ctrl-C", err=True)

        with opened(write) as output:
            return links, await capture(wanted, output, limits, interrupt, began)


def _limits(count: int | None, duration: str | None) -> "Limits":
    from nextmini.live.capture.capture import Limits
    from nextmini.scenario.units import UnitError, parse_time

    if duration is None:
        return Limits(count)
    try:
        seconds = parse_time(duration)
    except UnitError as error:
        raise typer.BadParameter(f"--duration: {error}") from None
    if seconds <= 0:
        raise typer.BadParameter("--duration: is more than nothing")
    return Limits(count, seconds)


def _document(links: "list[CapturedLink]", captured: "Captured", write: str) -> dict[str, Any]:
    figures = zip(links, captured.packets, captured.missed, strict=True)
    return {
        "file": write,
        "ended": captured.reason,
        "links": [
            {"link": [link.a, link.b], "packets": packets, "missed": missed}
            for link, packets, missed in figures
        ],
    }


def _tell(links: "list[CapturedLink]", captured: "Captured") -> None:
    """How many packets there are: on standard error, since they themselves may be on standard output."""
    for link, packets, missed in zip(links, captured.packets, captured.missed, strict=True):
        typer.echo(f"{link}: {packets} packets, {missed} missed", err=True)
