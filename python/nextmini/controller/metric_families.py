"""Which metrics a controller shows, and where their values come from. Pure.

Names are those that Prometheus's guide asks for (https://prometheus.io/docs/practices/naming/): base units,
`_total` behind counters. Of each link there are two directions, told apart by `from` and `to`. A cause of
drops is shown of a direction once it has dropped something: there are many, and most never happen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from nextmini.controller.counters import drops_by_cause
from nextmini.controller.exposition import Family, labels, with_label
from nextmini.controller.flows import Status as FlowStatus
from nextmini.protocol import Drops, FlowCounters, LinkCounters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from nextmini.controller.actual import Kind, Row, RowState
    from nextmini.controller.flows import FlowProgress
    from nextmini.scenario import Flow, Link, Node

_STATES: dict[Kind, tuple[str, ...]] = {
    "node": ("pending", "up", "down", "rejected", "failed"),
    "link": ("pending", "up", "down", "rejected", "failed"),
    "route": ("pending", "installed", "down", "rejected", "failed"),
}
_NO_DROPS = Drops()


@dataclass(frozen=True, slots=True)
class ControllerCounts:
    """A controller's own numbers. `samples` are rows of links' and flows' counters."""

    connected: int
    processes: int
    states_written: int
    samples_written: int
    samples_lost: int
    samples_waiting: int
    rounds: int
    messages_sent: int
    bytes_sent: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to show at one moment. Nobody changes the collections any more."""

    experiment: str
    run: str
    nodes: Mapping[int, Node]
    links: Mapping[int, Link]
    routes: Collection[int]
    flows: Mapping[int, Flow]
    states: Mapping[Row, RowState]
    progress: Mapping[int, FlowProgress]
    link_counters: Mapping[tuple[int, int], LinkCounters]
    flow_counters: Mapping[int, FlowCounters]
    controller: ControllerCounts


def families(snapshot: Snapshot) -> Iterator[Family]:
    """All metrics, in the order of the page."""
    run = labels({"experiment": snapshot.experiment, "run": snapshot.run})
    yield Family("nextmini_experiment_info", "gauge", "The experiment and its run.", [(run, 1)])
    yield from _controller(snapshot.controller)
    yield from _states(snapshot)
    yield from _links(snapshot)
    yield from _flows(snapshot)


def _controller(counts: ControllerCounts) -> Iterator[Family]:
    def gauge(name: str, help: str, value: int) -> Family:
        return Family(f"nextmini_{name}", "gauge", help, [("", value)])

    def total(name: str, help: str, value: int) -> Family:
        return Family(f"nextmini_controller_{name}_total", "counter", help, [("", value)])

    yield gauge("processes", "Dataplane processes that are to be there.", counts.processes)
    yield gauge("processes_connected", "Dataplane processes that are connected.", counts.connected)
    yield total("states_written", "Rows of states written to the database.", counts.states_written)
    yield total("samples_written", "Samples of counters written to the database.", counts.samples_written)
    yield total("samples_lost", "Samples given up: the database could not be written.", counts.samples_lost)
    yield gauge("controller_samples_waiting", "Samples to be written.", counts.samples_waiting)
    yield total("reconcile_rounds", "Rounds of comparing what is with what should be.", counts.rounds)
    yield total("messages_sent", "Messages sent to dataplane processes.", counts.messages_sent)
    yield total("sent_bytes", "Bytes of these messages.", counts.bytes_sent)


def _states(snapshot: Snapshot) -> Iterator[Family]:
    wanted: dict[Kind, Collection[int]] = {
        "node": snapshot.nodes,
        "link": snapshot.links,
        "route": snapshot.routes,
    }
    for kind, ids in wanted.items():
        found = Counter(_status(snapshot, kind, id) for id in ids)
        name, what = f"nextmini_{kind}s", f"{kind.capitalize()}s by state."
        yield Family(name, "gauge", what, [(labels({"state": one}), found[one]) for one in _STATES[kind]])
    running = Counter(snapshot.progress[id].status for id in snapshot.flows if id in snapshot.progress)
    counts = [(labels({"state": one}), running[one]) for one in get_args(FlowStatus)]
    yield Family("nextmini_flows", "gauge", "Flows by state; those that are to begin run.", counts)
    nodes = [
        (labels({"node": node.name}), int(_status(snapshot, "node", id) == "up"))
        for id, node in snapshot.nodes.items()
    ]
    yield Family("nextmini_node_up", "gauge", "Whether a node is in force.", nodes)


def _status(snapshot: Snapshot, kind: Kind, id: int) -> str:
    state = snapshot.states.get((kind, id))
    return state.status if state is not None else "pending"


def _links(snapshot: Snapshot) -> Iterator[Family]:
    names = {id: node.name for id, node in snapshot.nodes.items()}
    up, ways = [], []
    for id, link in snapshot.links.items():
        a, b = names.get(link.a, f"#{link.a}"), names.get(link.b, f"#{link.b}")
        up.append((labels({"a": a, "b": b}), int(_status(snapshot, "link", id) == "up")))
        for node, sender, receiver in ((link.a, a, b), (link.b, b, a)):
            count = snapshot.link_counters.get((id, node)) or LinkCounters(id, node, 0, 0, 0, _NO_DROPS)
            ways.append((labels({"from": sender, "to": receiver}), count))
    yield Family("nextmini_link_up", "gauge", "Whether a link is in force.", up)

    def total(name: str, help: str, value: Callable[[LinkCounters], int]) -> Family:
        samples = [(written, value(count)) for written, count in ways]
        return Family(f"nextmini_link_{name}_total", "counter", help, samples)

    yield total("sent_bytes", "Bytes that left, on the emulated wire.", lambda count: count.bytes)
    yield total("sent_packets", "Packets that left.", lambda count: count.packets)
    yield total("entered_packets", "Packets given to it, dropped ones too.", lambda count: count.entered)
    yield total("marked_packets", "Packets that it marked (ECN).", lambda count: count.marked)
    yield total("duplicated_packets", "Packets that it sent twice.", lambda count: count.duplicated)
    waiting = [(written, count.queue) for written, count in ways]
    yield Family("nextmini_link_queue_bytes", "gauge", "Bytes that wait.", waiting)
    yield from _drops(ways)


def _drops(ways: Sequence[tuple[str, LinkCounters]]) -> Iterator[Family]:
    all_links = Counter(dict.fromkeys(drops_by_cause(_NO_DROPS), 0))
    samples = []
    for written, count in ways:
        if count.drops == _NO_DROPS:
            continue
        for cause, packets in drops_by_cause(count.drops).items():
            if packets:
                samples.append((with_label(written, "cause", cause), packets))
                all_links[cause] += packets
    help = "Packets dropped, by cause; a cause is there once it has dropped any."
    yield Family("nextmini_link_dropped_packets_total", "counter", help, samples)
    causes = [(labels({"cause": cause}), packets) for cause, packets in all_links.items()]
    help = "Packets dropped by all links there are, by cause."
    yield Family("nextmini_dropped_packets_total", "counter", help, causes)


def _flows(snapshot: Snapshot) -> Iterator[Family]:
    names = {id: node.name for id, node in snapshot.nodes.items()}
    rows: list[tuple[str, FlowProgress, FlowCounters]] = []
    for id, flow in snapshot.flows.items():
        progress = snapshot.progress.get(id)
        if progress is not None:
            source, sink = (names.get(node, f"#{node}") for node in (flow.source, flow.destination))
            ends = {"source": source, "destination": sink}
            count = snapshot.flow_counters.get(id) or FlowCounters(id, 0, 0, 0, 0, 0)
            rows.append((labels({"flow": flow.name, **ends, "kind": flow.kind}), progress, count))

    def family(name: str, help: str, samples: Sequence[tuple[str, float]]) -> Family:
        kind: Literal["counter", "gauge"] = "counter" if name.endswith("_total") else "gauge"
        return Family(f"nextmini_flow_{name}", kind, help, samples)

    running = [(written, int(progress.verdict is None)) for written, progress, _ in rows]
    yield family("running", "Whether a flow has not ended.", running)
    delivered = [(written, progress.bytes) for written, progress, _ in rows]
    yield family("delivered_bytes_total", "Bytes that its receiver is known to have.", delivered)
    sent = [(written, count.bytes) for written, _, count in rows]
    yield family("sent_bytes_total", "Bytes that its source has sent, each once.", sent)
    # A flow of packets sends nothing again, has no window, and knows of no round trips.
    rows = [row for row in rows if not row[1].udp]
    again = [(written, count.retransmitted) for written, _, count in rows]
    yield family("retransmissions_total", "Pieces or segments sent again.", again)
    timeouts = [(written, count.timeouts) for written, _, count in rows]
    yield family("timeouts_total", "How often its timer ran out.", timeouts)
    srtt = [(written, count.srtt_us / 1e6) for written, _, count in rows]
    yield family("srtt_seconds", "Its smoothed round-trip time; 0 before the first.", srtt)
    window = [(written, count.window) for written, _, count in rows]
    yield family("window_bytes", "What it may have under way; of tcp what it has.", window)
    congestion = [(written, count.cwnd) for written, _, count in rows if count.cwnd is not None]
    yield family("congestion_window_bytes", "Of a tcp flow that has one.", congestion)
