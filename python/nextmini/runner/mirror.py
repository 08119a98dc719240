"""Keeps an algorithm's network up to date with rows, and says what has happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from nextmini.algorithms.directions import direction_row
from nextmini.algorithms.rows import Flow, Link, Node, Route, TopologyChange
from nextmini.runner.samples import FlowMeter, LinkMeter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nextmini.algorithms.network import Network
    from nextmini.algorithms.rows import FlowSample, LinkSample
    from nextmini.scenario import Flow as FlowRow
    from nextmini.scenario import Link as LinkRow
    from nextmini.scenario import Node as NodeRow
    from nextmini.store import FlowMetric, FlowState, LinkMetric, LinkState, NodeState
    from nextmini.store.rows import News

T = TypeVar("T", Node, Link)


@dataclass(slots=True)
class Happened:
    """What is other than before, for the hooks."""

    change: TopologyChange = field(default_factory=TopologyChange)
    finished: list[Flow] = field(default_factory=list)
    started: list[Flow] = field(default_factory=list)
    link_samples: list[LinkSample] = field(default_factory=list)
    flow_samples: list[FlowSample] = field(default_factory=list)

    def __bool__(self) -> bool:
        samples = self.link_samples or self.flow_samples
        return bool(self.change or self.finished or self.started or samples)


class Mirror:
    """One network and the rows behind it; times of samples are counted from `began`, in s."""

    def __init__(self, network: Network, began: float) -> None:
        self._network = network
        self._enabled: dict[int, bool] = {}
        """Nodes that are to work."""
        self._node_up: dict[int, bool] = {}
        self._link_up: dict[int, bool] = {}
        """Whether they work, as far as processes have confirmed."""
        self._route_states: dict[int, str] = {}
        self._flow_states: dict[int, FlowState] = {}
        self._link_meter = LinkMeter(began, network.interval)
        self._flow_meter = FlowMeter(began, network.interval)

    def begin(self, links: Iterable[LinkMetric], flows: Iterable[FlowMetric]) -> None:
        """Where counters stand: what is sampled later is counted from there."""
        for link in links:
            self._link_meter.sample(link)
        for flow in flows:
            self._flow_meter.sample(flow)

    def take(self, news: News) -> Happened:
        """Takes in what has changed."""
        nodes = self._take_nodes(news)
        links = self._take_links(news, nodes)
        self._take_routes(news)
        happened = Happened(_change(nodes, links))
        self._take_flows(news, happened)
        for metric in news.link_metrics:
            if metric.link in self._network.links:
                sample = self._link_meter.sample(metric)
                self._network.put_link_sample(sample)
                happened.link_samples.append(sample)
        for counted in news.flow_metrics:
            moved = self._flow_meter.sample(counted)
            flow = self._network.flows.get(counted.flow)
            if flow is not None:
                self._network.put_flow_sample(moved)
                self._network.put_flow(flow.id, replace(flow, bytes=max(flow.bytes, counted.acknowledged)))
                happened.flow_samples.append(moved)
        return happened

    def _take_nodes(self, news: News) -> list[tuple[int, Node | None, Node | None]]:
        view, rows, states = self._network.nodes, news.desired.nodes, news.actual.nodes
        stated = _ids(news, "node_state", self._node_up, states)
        for id in stated:
            self._node_up[id] = _works(states.get(id), self._node_up.get(id, False))
        read = _ids(news, "nodes", view, rows)
        changed = []
        for id in sorted(read | stated):
            old, new = view.get(id), view.get(id)
            if id in read:
                new = self._node(rows.get(id))
                self._enabled[id] = id in rows and rows[id].up
            if new is not None:
                new = replace(new, up=self._enabled.get(id, False) and self._node_up.get(id, False))
            if new != old:
                self._network.put_node(id, new)
                changed.append((id, old, new))
        return changed

    def _take_links(
        self, news: News, nodes: list[tuple[int, Node | None, Node | None]]
    ) -> list[tuple[int, Link | None, Link | None]]:
        view, rows, states = self._network.links, news.desired.links, news.actual.links
        stated = _ids(news, "link_state", self._link_up, states)
        for id in stated:
            self._link_up[id] = _works(states.get(id), self._link_up.get(id, False))
        read = _ids(news, "links", view, rows)
        beside = {link.id for node, _, _ in nodes for link in self._network.links_at(node)}
        changed = []
        for id in sorted(read | stated | beside):
            old, new = view.get(id), view.get(id)
            if id in read:
                new = _link(rows.get(id))
            if new is not None:
                new = replace(new, up=self._is_up(new))
            if new != old:
                self._network.put_link(id, new)
                changed.append((id, old, new))
        return changed

    def _is_up(self, link: Link) -> bool:
        nodes = self._network.nodes
        ends = all(node in nodes and nodes[node].up for node in (link.a, link.b))
        return link.enabled and self._link_up.get(link.id, False) and ends

    def _take_routes(self, news: News) -> None:
        view, rows, states = self._network.routes, news.desired.routes, news.actual.routes
        stated = _ids(news, "route_state", self._route_states, states)
        for id in stated:
            if id in states:
                self._route_states[id] = states[id].status
            else:
                self._route_states.pop(id, None)
        read = _ids(news, "routes", view, rows)
        for id in sorted(read | stated):
            new = view.get(id)
            if id in read:
                row = rows.get(id)
                # One without two nodes leads nowhere, and cannot be used.
                new = (
                    None if row is None or len(row.path) < 2 else Route(id, row.path, row.weight, row.origin)
                )
            if new is not None:
                new = replace(new, status=self._route_states.get(id, "pending"))
            if new != view.get(id):
                self._network.put_route(id, new)

    def _take_flows(self, news: News, happened: Happened) -> None:
        view, rows = self._network.flows, news.desired.flows
        states, pins = news.actual.flows, news.desired.pins
        stated = _ids(news, "flow_state", self._flow_states, states)
        for id in stated:
            if id in states:
                self._flow_states[id] = states[id]
            else:
                self._flow_states.pop(id, None)
        read, pinned = _ids(news, "flows", view, rows), _ids(news, "flow_routes", view, pins)
        for id in sorted(read | stated | pinned):
            old, new = view.get(id), view.get(id)
            if id in read:
                new = _flow(rows.get(id), old)
            if new is not None:
                new = self._with_state(new)
                if id in pinned:
                    new = replace(new, pinned=pins.get(id))
            if new != old:
                self._network.put_flow(id, new)
                _note(happened, old, new)

    def _with_state(self, flow: Flow) -> Flow:
        state = self._flow_states.get(flow.id)
        if state is None:
            return flow
        delivered = max(flow.bytes, state.bytes)
        return replace(flow, status=state.status, route=state.route, bytes=delivered)

    @staticmethod
    def _node(row: NodeRow | None) -> Node | None:
        return None if row is None else Node(row.id, row.name, row.address)


def _works(state: NodeState | LinkState | None, before: bool) -> bool:
    """What is told anew is pending for a moment, and works or not as before."""
    if state is None:
        return False
    return before if state.status == "pending" else state.status == "up"


def _link(row: LinkRow | None) -> Link | None:
    if row is None:
        return None
    forward, backward = direction_row(row.forward), direction_row(row.backward)
    return Link(row.id, row.a, row.b, row.cost, True, forward, backward, row.mtu, row.up)


def _flow(row: FlowRow | None, known: Flow | None) -> Flow | None:
    if row is None:
        return None
    return Flow(
        id=row.id,
        name=row.name,
        source=row.source,
        destination=row.destination,
        kind=row.kind,
        mode=row.mode,
        size=row.size,
        duration=row.duration,
        rate=row.rate,
        weight=row.weight,
        bytes=known.bytes if known else 0,
        pinned=known.pinned if known else None,
    )


def _note(happened: Happened, old: Flow | None, new: Flow | None) -> None:
    before = old.status if old is not None else "waiting"
    if new is None:
        if old is not None and before == "running":
            happened.finished.append(replace(old, status="stopped"))
        return
    if before == "waiting" and new.status != "waiting":
        happened.started.append(new)
    if new.ended and (old is None or not old.ended):
        happened.finished.append(new)


def _change(
    nodes: list[tuple[int, Node | None, Node | None]], links: list[tuple[int, Link | None, Link | None]]
) -> TopologyChange:
    parts: dict[str, set[int]] = {}
    for kind, rows in (("nodes", nodes), ("links", links)):
        for id, old, new in rows:
            for what in _kinds(old, new):
                parts.setdefault(f"{kind}_{what}", set()).add(id)
    return TopologyChange(**{key: frozenset(ids) for key, ids in parts.items()})


def _kinds(old: Node | Link | None, new: Node | Link | None) -> Iterable[str]:
    """What a change of a row is called."""
    if old is None or new is None:
        return ("added",) if old is None else ("removed",)
    found = []
    if old.up != new.up:
        found.append("up" if new.up else "down")
    if _settings(old) != _settings(new):
        found.append("changed")
    return found


def _settings(row: Node | Link) -> Node | Link:
    return replace(row, up=True, enabled=True) if isinstance(row, Link) else replace(row, up=True)


def _ids(news: News, table: str, known: Iterable[int], read: Mapping[int, object]) -> set[int]:
    """The rows of a table that were looked at."""
    if table not in news.looked_at:
        return set()
    ids = news.looked_at[table]
    return set(known) | set(read) if ids is None else set(ids)
