"""`nextmini bench NAME`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from nextmini.cli.output import JsonOption, print_json
from nextmini.cli.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    transport: Annotated[
        Literal["tcp", "memory", "tls"], typer.Option(help="What links are made of.")
    ] = "tcp",
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
        from nextmini.bench.lossless import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), transport, flows, processors, seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("lossless", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_lossless

            print_lossless(rows, plan)


@app.command("max")
def max_mode(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between source and destination.")
    ] = "1,2,5,10,30",
    transport: Annotated[Literal["tcp", "memory"], typer.Option(help="What links are made of.")] = "tcp",
    flows: Annotated[int, typer.Option(help="Flows at once.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure flows in max mode over lines of nodes, beside bare chains that splice and that copy.

    The baselines are chains of as many blocking threads as there are hops, from one loopback TCP connection
    to the next; "direct" is one such connection. All are measured in turn, in the same run. The ratio is to
    the chain that splices.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.max_mode import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), transport, flows, seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("max", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_max

            print_max(rows, plan)


@app.command("socks5")
def socks5(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between entrance and server.")
    ] = "1,2,5,10",
    flows: Annotated[str, typer.Option(metavar="N,N,...", help="Downloads at once.")] = "1,4",
    transport: Annotated[Literal["tcp", "memory"], typer.Option(help="What links are made of.")] = "tcp",
    mode: Annotated[
        Literal["max", "normal"], typer.Option(help="How connections cross the network.")
    ] = "max",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure curl through SOCKS 5 entrances to lines of nodes, beside bare chains that splice.

    The baseline is curl through a chain of as many threads as there are hops, which have the kernel splice
    from one loopback TCP connection to the next; "direct" is curl with nothing in between. All are measured
    in turn, in the same run. Needs curl.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.socks5 import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), _numbers(flows, "--flows"), transport, mode, seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("socks5", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_socks5

            print_socks5(rows, plan)


@app.command("quic")
def quic(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between source and destination.")
    ] = "1,2,5",
    flows: Annotated[int, typer.Option(help="Flows at once.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure lossless flows over lines of nodes with QUIC links, beside bare chains of QUIC connections.

    A bare chain has as many connections over loopback as the line has links, set as theirs are, and relays
    that only copy, in a process of its own. Both are measured in turn, in the same run.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.quic import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), flows, seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("quic", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_quic

            print_quic(rows, plan)


@app.command("latency")
def latency(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between source and destination.")
    ] = "0,1,10",
    transport: Annotated[
        str, typer.Option(metavar="NAME,...", help="What links are made of: memory, tcp, tls, quic.")
    ] = "memory,tcp",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure round trips over lines of nodes that do nothing else, and what one more hop adds.

    A hundred echo requests a second; what a hop takes is half of what it adds to a round trip.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.latency import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), tuple(transport.split(",")), seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("latency", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_latency

            print_latency(rows, plan)


@app.command("smoltcp")
def smoltcp(
    hops: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes between source and destination.")
    ] = "1,2,5,10",
    flows: Annotated[int, typer.Option(help="TCP flows at once.")] = 1,
    processors: Annotated[int, typer.Option(help="Processors of each node.")] = 1,
    mtu: Annotated[int, typer.Option(help="Bytes of the largest packet, 576 to 65535.")] = 1500,
    congestion: Annotated[
        Literal["none", "reno", "cubic"], typer.Option(help="What flows do about losses.")
    ] = "cubic",
    transport: Annotated[Literal["tcp", "memory"], typer.Option(help="What links are made of.")] = "memory",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure flows of a TCP in user space over lines of nodes, beside the same TCP with nothing in between.

    The baseline is two ends of such a flow which hand their packets to each other, in one thread of a process
    of its own. Both are measured in turn, in the same run.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.smoltcp import Plan, measure

        plan = Plan(_numbers(hops, "--hops"), transport, flows, processors, mtu, congestion, seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("smoltcp", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_smoltcp

            print_smoltcp(rows, plan)


@app.command("processors")
def processors_of_nodes(
    processors: Annotated[
        str, typer.Option(metavar="N,N,...", help="Processors of each node; 1 is one of them.")
    ] = "1,2,4",
    flows: Annotated[str, typer.Option(metavar="N,N,...", help="Flows at once.")] = "1,4,16",
    kind: Annotated[
        str, typer.Option(metavar="KIND,...", help="Kinds of flows: lossless, tcp.")
    ] = "lossless,tcp",
    mapping: Annotated[
        str, typer.Option(metavar="MAPPING,...", help="How traffic is spread over processors.")
    ] = "sequential,concurrent",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure what all flows carry together, by the number of processors of each node.

    The network is one hop over links in memory. Mappings are sequential, where all of a flow goes to one
    processor, and concurrent, where any takes any batch. The ratio is to one processor, in the same run.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.processors import Plan, kinds_of, mappings_of, measure

        plan = Plan(
            _numbers(processors, "--processors"),
            _numbers(flows, "--flows"),
            kinds_of(kind),
            mappings_of(mapping),
            seconds,
            repeat,
        )
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("processors", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_processors

            print_processors(rows, plan)


@app.command("tun")
def tun(
    hops: Annotated[str, typer.Option(metavar="N,N,...", help="Links between the two ends.")] = "1,2,5,10,30",
    flows: Annotated[str, typer.Option(metavar="N,N,...", help="TCP connections at once.")] = "1,8",
    transport: Annotated[Literal["memory", "tcp"], typer.Option(help="What links are made of.")] = "memory",
    offload: Annotated[Literal["on", "off"], typer.Option(help="Super-packets of up to 64 KiB.")] = "on",
    queues: Annotated[int, typer.Option(help="Queues of each node's device.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure iperf3 between the ends of lines of nodes with network namespaces, beside bare TUN devices.

    The baseline is iperf3 between two namespaces whose TUN devices are joined by two threads, which write to
    one what they read from the other. All are measured in turn, in the same run. Needs root and iperf3.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.tun import Plan, measure

        plan = Plan(
            _numbers(hops, "--hops"), _numbers(flows, "--flows"), transport, offload, queues, seconds, repeat
        )
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("tun", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_tun

            print_tun(rows, plan)


@app.command("ddp")
def ddp(
    models: Annotated[
        str, typer.Option(metavar="MODEL,...", help="What is trained.")
    ] = "mlp,lenet5,cnn,transformer",
    steps: Annotated[int, typer.Option(help="Steps of each measurement; their median counts.")] = 5,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 3,
    python: Annotated[
        str, typer.Option(metavar="PATH", help="A Python that has PyTorch.")
    ] = "/usr/bin/python3",
    json: JsonOption = False,
) -> None:
    """Measure how long a step of distributed training takes by four nodes, beside four processes on loopback.

    An unmodified script of PyTorch (DistributedDataParallel, gloo) trains small models: over loopback, over a
    network without rates and delays, and over one as between data centres, that of the example `ddp`. All are
    measured in turn, in the same run, and have to learn the same. Needs root and PyTorch.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.ddp import Plan, measure

        plan = Plan(tuple(models.split(",")), steps, repeat, python)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("ddp", rows, steps=steps, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_ddp

            print_ddp(rows, plan)


@app.command("scale")
def scale(
    nodes: Annotated[str, typer.Option(metavar="N,N,...", help="Nodes of the ring.")] = "100,1000",
    isolation: Annotated[
        str, typer.Option(metavar="KIND,...", help="What nodes are, as network.isolation has it.")
    ] = "none,namespace",
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 3,
    json: JsonOption = False,
) -> None:
    """Measure how long large networks take to start and to stop, and how much memory a node takes.

    A ring has started when a ping from its first node has been answered by the one on the other side. Needs
    root and ping where nodes have programs.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.scale import Plan, measure

        plan = Plan(_numbers(nodes, "--nodes"), tuple(isolation.split(",")), repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("scale", rows, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_scale

            print_scale(rows, plan)


@app.command("control")
def control(
    nodes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes that a change concerns.")
    ] = "10,100,1000",
    processes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Dataplane processes that host them.")
    ] = "1,10",
    updates: Annotated[int, typer.Option(help="Changes of each kind.")] = 100,
    json: JsonOption = False,
) -> None:
    """Measure how fast the network follows the database, and algorithms follow measurements.

    A change of a route or of a rate is timed from before its UPDATE is sent until the state of its row says
    that every node concerned has confirmed it; a decision from the time of the sample until the route that an
    algorithm moved is in force. Rates are those of rows of metrics and of connections of processes.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.control import Plan, measure

        plan = Plan(_numbers(nodes, "--nodes"), _numbers(processes, "--processes"), updates)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("control", rows, updates=updates)
        else:
            from nextmini.cli.bench_tables import print_control

            print_control(rows, plan)


@app.command("costs")
def costs(
    sizes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Nodes, links or flows of each network, 2 to 10000.")
    ] = "10,100,1000",
    of: Annotated[
        str, typer.Option("--of", metavar="WHAT,...", help="What there is more and more of; processes too.")
    ] = "nodes,links,flows",
    seconds: Annotated[float, typer.Option(help="Length of measurements of rates.")] = 2.0,
    repeat: Annotated[int, typer.Option(help="Measurements of each figure; their median counts.")] = 1,
    json: JsonOption = False,
) -> None:
    """Measure what nodes, links and flows cost, by how many of them there are.

    Start, memory, control messages, search for routes, rows of metrics and throughput are measured at each
    size; the exponent of the power law nearest to them says whether a cost grows faster than the network (it
    is more than 1), and the last column what one more costs. Nodes with namespaces need root.
    """
    signals = Signals()
    with signals.noted():
        # Here, since importing takes a while, and a signal meanwhile is to be noted.
        from nextmini.bench.costs import Plan, measure

        plan = Plan(_numbers(sizes, "--sizes"), tuple(of.split(",")), seconds, repeat)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("costs", rows, seconds=seconds, repeat=repeat)
        else:
            from nextmini.cli.bench_tables import print_costs

            print_costs(rows, plan)


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
        from nextmini.bench.fidelity.plan import Plan, measure

        plan = Plan(quick, repeat, only)
        rows = _measured(lambda *watched: measure(plan, *watched), signals)
        if json:
            _print_json("fidelity", [row.document() for row in rows], quick=quick, repeat=repeat)
        else:
            from nextmini.cli.fidelity_table import print_rows

            print_rows(rows, sys.stdout)
        if not all(row.passed for row in rows):
            raise typer.Exit(1)


def _numbers(text: str, option: str) -> tuple[int, ...]:
    """Comma-separated numbers. Raises PlanError."""
    from nextmini.bench.plan import PlanError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise PlanError(
            f"{option}: {text!r} is not a list of numbers", f"such as {option} 1,2,5,10"
        ) from None


def _print_json(name: str, rows: list[dict[str, Any]], **asked: float) -> None:
    from nextmini.bench.machine import machine

    print_json({"bench": name, **asked, "machine": machine(), "rows": rows})


def _measured(
    measure: "Callable[[Interrupt, Callable[[str], None]], Awaitable[list[Row]]]", signals: Signals
) -> "list[Row]":
    """What `measure` makes; ends the program if it is interrupted."""
    import asyncio

    from nextmini.experiment.interrupt import Interrupted

    try:
        return asyncio.run(_perform(measure, signals))
    except Interrupted:
        raise typer.Exit(INTERRUPTED) from None


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
