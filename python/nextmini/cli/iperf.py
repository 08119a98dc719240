"""`nextmini iperf A B`."""

from typing import Annotated

import typer

from nextmini.cli.live import ExperimentOption, StateOption, attached
from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED


def iperf(
    a: Annotated[str, typer.Argument(metavar="A", help="The node that sends.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The node that receives.")],
    udp: Annotated[
        str | None, typer.Option(metavar="RATE", help="UDP at this rate, as 10M or '10 Mbit/s', not TCP.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long.")] = 5.0,
    json: JsonOption = False,
    experiment: ExperimentOption = None,
    state_dir: StateOption = None,
) -> None:
    """Measure what B receives from A, with iperf3 inside of both.

    Where nodes have no namespaces a flow is sent instead. The exit code is 0 if it was measured, 1 if that
    failed, 2 if it was refused, 130 after Ctrl-C.
    """
    from nextmini.experiment.quantities import rate, share
    from nextmini.hosts.iperf import Measurement
    from nextmini.live.bandwidth import rate_of

    wanted = Measurement(seconds=seconds) if udp is None else Measurement("udp", seconds, str(rate_of(udp)))
    try:
        with attached(state_dir, experiment) as there:
            found = there.bandwidth(a, b, wanted)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if json:
        print_json(
            {
                "from": a,
                "to": b,
                "protocol": wanted.protocol,
                "seconds": seconds,
                "received_bps": round(found.received),
                "sent_bps": round(found.sent),
                "lost": found.lost,
            }
        )
        return
    lost = "" if found.lost is None else f", {share(found.lost)} of packets lost"
    typer.echo(f"{a} -> {b}: {rate(found.received)} received, {rate(found.sent)} sent{lost}")
