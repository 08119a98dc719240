"""The tables of `nextmini bench`, for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from nextmini.bench import (
        control,
        costs,
        ddp,
        latency,
        lossless,
        max_mode,
        processors,
        quic,
        scale,
        smoltcp,
        socks5,
        tun,
    )

_WIDEST = 200
"""Of tables that have a column for each size."""


def print_lossless(rows: list[dict[str, Any]], plan: "lossless.Plan") -> None:
    """Of `nextmini bench lossless`."""
    several = "s" if plan.flows > 1 else ""
    title = (
        f"Lossless, {plan.flows} flow{several} over {plan.transport} links; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = ("Hops", "Gbit/s", "Bare chain", "Ratio", "Ratio's range", "Direct", "CPU s/GB")
    cells = (
        (row["hops"], *_compared(row), f"{row['direct_gbps']:.2f}", f"{row['cpu_seconds_per_gb']:.2f}")
        for row in rows
    )
    _print(title, headings, cells)


def print_max(rows: list[dict[str, Any]], plan: "max_mode.Plan") -> None:
    """Of `nextmini bench max`."""
    title = (
        f"Max mode, {plan.flows} flow{'s' if plan.flows > 1 else ''} over {plan.transport} links; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = (
        "Hops",
        "Gbit/s",
        "Bare splice",
        "Ratio",
        "Ratio's range",
        "Bare copy",
        "Direct",
        "CPU s/GB",
    )
    cells = (
        (
            row["hops"],
            *_compared(row, "splice_gbps"),
            f"{row['copy_gbps']:.2f}",
            f"{row['direct_gbps']:.2f}",
            f"{row['cpu_seconds_per_gb']:.2f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_socks5(rows: list[dict[str, Any]], plan: "socks5.Plan") -> None:
    """Of `nextmini bench socks5`."""
    title = (
        f"curl through SOCKS 5 entrances, {plan.mode} mode, {plan.transport} links; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = (
        "Hops",
        "Flows",
        "Gbit/s",
        "Bare\nsplice",
        "Ratio",
        "Ratio's\nrange",
        "Direct",
        "CPU\ns/GB",
        "First\nbyte ms",
        "Direct\nms",
    )
    cells = (
        (
            row["hops"],
            row["flows"],
            *_compared(row, "splice_gbps"),
            f"{row['direct_gbps']:.2f}",
            f"{row['cpu_seconds_per_gb']:.2f}",
            f"{row['first_byte_ms']:.2f}",
            f"{row['direct_first_byte_ms']:.2f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_quic(rows: list[dict[str, Any]], plan: "quic.Plan") -> None:
    """Of `nextmini bench quic`."""
    title = (
        f"Lossless, {plan.flows} flow{'s' if plan.flows > 1 else ''} over QUIC links; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = ("Hops", "Gbit/s", "Bare chain", "Ratio", "Ratio's range", "Direct", "CPU s/GB")
    cells = (
        (row["hops"], *_compared(row), f"{row['direct_gbps']:.2f}", f"{row['cpu_seconds_per_gb']:.2f}")
        for row in rows
    )
    _print(title, headings, cells)


def print_latency(rows: list[dict[str, Any]], plan: "latency.Plan") -> None:
    """Of `nextmini bench latency`."""
    title = (
        f"Echo requests in an idle network, microseconds; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = ("Links", "Hops", "Round trip", "p99", "Each hop", "Its range")
    cells = (
        (row["transport"], row["hops"], f"{row['rtt_us']:.1f}", f"{row['rtt_p99_us']:.1f}", *_each_hop(row))
        for row in rows
    )
    _print(title, headings, cells)


def _each_hop(row: dict[str, Any]) -> tuple[str, str]:
    if row["each_hop_us"] is None:
        return "", ""
    low, high = row["spread"]["each_hop_us"]
    return f"{row['each_hop_us']:.2f}", f"{low:.2f}-{high:.2f}"


def print_smoltcp(rows: list[dict[str, Any]], plan: "smoltcp.Plan") -> None:
    """Of `nextmini bench smoltcp`."""
    several = "s" if plan.flows > 1 else ""
    title = (
        f"TCP, {plan.flows} {plan.congestion} flow{several} over {plan.transport} links, MTU {plan.mtu}; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = ("Hops", "Gbit/s", "Ends alone", "Ratio", "Ratio's range", "CPU s/GB", "Sent again")
    cells = (
        (row["hops"], *_compared(row), f"{row['cpu_seconds_per_gb']:.2f}", f"{row['retransmitted']:,.0f}")
        for row in rows
    )
    _print(title, headings, cells)


def print_processors(rows: list[dict[str, Any]], plan: "processors.Plan") -> None:
    """Of `nextmini bench processors`."""
    title = f"One hop over links in memory; medians of {plan.repeat} measurements of {plan.seconds:g} s"
    headings = (
        "Flows",
        "Kind",
        "Mapping",
        "Processors",
        "Gbit/s",
        "Ratio",
        "Ratio's range",
        "CPU s/GB",
    )
    cells = (
        (
            row["flows"],
            row["kind"],
            row["mapping"],
            row["processors"],
            f"{row['gbps']:.2f}",
            f"{row['ratio']:.2f}",
            "{:.2f}-{:.2f}".format(*row["spread"]["ratio"]),
            f"{row['cpu_seconds_per_gb']:.2f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_tun(rows: list[dict[str, Any]], plan: "tun.Plan") -> None:
    """Of `nextmini bench tun`."""
    title = (
        f"iperf3 between namespaces over {plan.transport} links, offload {plan.offload}, "
        f"{plan.queues} queue{'s' if plan.queues > 1 else ''}; "
        f"medians of {plan.repeat} measurements of {plan.seconds:g} s"
    )
    headings = ("Hops", "Flows", "Gbit/s", "Bare TUNs", "Ratio", "Ratio's range", "CPU s/GB", "Bare CPU s/GB")
    cells = (
        (
            row["hops"],
            row["flows"],
            *_compared(row),
            f"{row['cpu_seconds_per_gb']:.2f}",
            f"{row['baseline_cpu_seconds_per_gb']:.2f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_ddp(rows: list[dict[str, Any]], plan: "ddp.Plan") -> None:
    """Of `nextmini bench ddp`."""
    title = (
        "Four processes that train together, milliseconds a step;\n"
        f"medians of {plan.repeat} measurements of {plan.steps} steps"
    )
    headings = (
        "Model",
        "MB",
        "Loopback",
        "Unshaped",
        "Ratio",
        "Ratio's\nrange",
        "Data\ncentres",
        "Ratio",
        "Links\nalone",
    )
    cells = (
        (
            row["model"],
            f"{row['gradient_bytes'] / 1e6:.2f}",
            f"{row['loopback_ms']:.1f}",
            f"{row['unshaped_ms']:.1f}",
            f"{row['unshaped_ratio']:.2f}",
            "{:.2f}-{:.2f}".format(*row["spread"]["unshaped_ratio"]),
            f"{row['wan_ms']:.0f}",
            f"{row['wan_ratio']:.1f}",
            f"{row['links_ms']:.0f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_scale(rows: list[dict[str, Any]], plan: "scale.Plan") -> None:
    """Of `nextmini bench scale`."""
    title = f"Rings; medians of {plan.repeat} measurement{'s' if plan.repeat > 1 else ''}"
    headings = ("Nodes", "Isolation", "Start s", "Stop s", "Process KiB/node", "Kernel KiB/node")
    cells = (
        (
            f"{row['nodes']:,}",
            row["isolation"],
            f"{row['start_seconds']:.2f}",
            f"{row['stop_seconds']:.2f}",
            f"{row['process_kib_per_node']:.0f}",
            f"{row['kernel_kib_per_node']:.0f}",
        )
        for row in rows
    )
    _print(title, headings, cells)


def print_control(rows: list[dict[str, Any]], plan: "control.Plan") -> None:
    """Of `nextmini bench control`."""
    title = f"Control plane; {plan.updates} changes of each kind"
    headings = ("What", "Nodes", "Processes", "p50 ms", "p99 ms", "A second")
    cells = (
        (row["what"], "", "", "", "", f"{row['per_second']:,.0f}")
        if "per_second" in row
        else (row["what"], row["nodes"], row["processes"], f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}", "")
        for row in rows
    )
    _print(title, headings, cells)


def print_costs(rows: list[dict[str, Any]], plan: "costs.Plan") -> None:
    """Of `nextmini bench costs`."""
    title = f"Costs by size; medians of {plan.repeat} measurement{'s' if plan.repeat > 1 else ''}"
    sizes = [f"{size:,}" for size in sorted(plan.sizes)]
    headings = ("Of", "", "What", *sizes, "Exponent", "Each\nmore")
    cells = (
        (
            row["of"],
            row["variant"],
            _NAMES[row["what"]],
            *(_figure(point.get("value")) for point in row["points"]),
            "" if row["exponent"] is None else f"{row['exponent']:.2f}",
            "" if row["each_more"] is None else _figure(row["each_more"]),
        )
        for row in rows
    )
    _print(title, headings, cells, _WIDEST)
    missing = {
        f"{row['of']} ({row['variant']}), {point['size']:,}: not measured: {point['reason']}": None
        for row in rows
        for point in row["points"]
        if "reason" in point
    }
    for line in missing:
        Console(highlight=False, soft_wrap=True).print(line)


_NAMES = {
    "start_seconds": "start s",
    "controller_cpu_seconds": "start CPU s",
    "controller_kib": "controller KiB",
    "dataplane_kib": "dataplane KiB",
    "kernel_kib": "kernel KiB",
    "messages": "messages",
    "message_bytes": "message bytes",
    "graph_ms": "graph ms",
    "search_ms": "search ms",
    "rows_per_second": "rows/s",
    "cpu_us_per_row": "CPU us/row",
    "stored_bytes_per_row": "bytes/row",
    "gbps": "Gbit/s",
    "cpu_seconds_per_gb": "CPU s/GB",
}


def _figure(value: float | None) -> str:
    """Three digits of a value; `-` stands for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _compared(row: dict[str, Any], baseline: str = "baseline_gbps") -> tuple[str, ...]:
    low, high = row["spread"]["ratio"]
    return (
        f"{row['gbps']:.2f}",
        f"{row[baseline]:.2f}",
        f"{row['ratio']:.2f}",
        f"{low:.2f}-{high:.2f}",
    )


def _print(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None
) -> None:
    """A table as wide as the terminal; elsewhere up to `width`, if that is given."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    console = Console(highlight=False)
    if width is not None and not console.is_terminal:
        console = Console(highlight=False, width=width)
    console.print(title)
    console.print(table)
