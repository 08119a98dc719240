"""The result document: what `--json` prints and result.json holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nextmini.controller.counters import drops_by_cause
from nextmini.controller.datagrams import datagram_result
from nextmini.experiment import algorithms, app_outcomes, demands, fidelity, happenings, loads
from nextmini.protocol import Drops, LinkCounters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from nextmini.controller.counters import Counters
    from nextmini.controller.datagrams import DatagramResult
    from nextmini.controller.events import Outcome
    from nextmini.controller.flows import FlowProgress
    from nextmini.experiment.app_outcomes import AppOutcome
    from nextmini.experiment.options import Status
    from nextmini.scenario import Flow, Link, Network, Route
    from nextmini.store import AlgorithmState


NEVER_BEGAN = "the run ended before it began"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run knows of itself; `seconds` from the moment the network was ready to the end.

    `events` and `apps` by their numbers; `fidelity` is that part of the document, if anything was measured;
    `routes` and `pins` (routes by flow) are those of the end.
    `routes` are those of the end, `notes` what its user should know although the results stand.
    """

    run: str
    folder: Path | None
    status: Status
    seconds: float
    events: Mapping[int, Outcome] = field(default_factory=dict)
    fidelity: Mapping[str, Any] | None = None
    apps: Mapping[int, AppOutcome] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    algorithms: Sequence[AlgorithmState] = ()
    pins: Mapping[int, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    paths: Sequence[Mapping[str, Any]] = ()


def document(
    network: Network, facts: Facts, flows: Mapping[int, FlowProgress], counters: Counters
) -> dict[str, Any]:
    """The document. Flows of the network that no controller ever saw are `stopped`."""
    names = {node.id: node.name for node in network.nodes}
    known = dict(flows)
    rows: dict[int, Flow] = {flow.id: flow for flow in network.flows}
    rows |= {id: progress.flow for id, progress in known.items()}
    inside = {frozenset((link.a, link.b)) for link in network.links if link.transport == "memory"}
    return {
        "experiment": network.name,
        "run": facts.run,
        "folder": None if facts.folder is None else str(facts.folder),
        "seed": network.seed,
        "status": facts.status,
        "seconds": round(facts.seconds, 3),
        "nodes": len(network.nodes),
        "links": len(network.links),
        "flows": [
            _flow(rows[id], known.get(id), names) | _joined(rows[id], known.get(id), inside)
            for id in sorted(rows)
        ],
        "demands": demands.entries(network, known, facts.seconds),
        "loads": _loads(network, facts, rows, counters, names),
        "link_stats": [entry for link in network.links for entry in _link(link, counters, names)],
        "paths": list(map(dict, facts.paths)),
        "apps": app_outcomes.entries(network, facts.apps),
        "algorithms": algorithms.entries(network, facts.algorithms),
        "events": happenings.entries(network, facts.events),
        "notes": list(facts.notes),
        "checks": [],
        "fidelity": dict(facts.fidelity or fidelity.document("not_measured", [NEVER_BEGAN])),
    }


def _loads(
    network: Network, facts: Facts, rows: Mapping[int, Flow], counters: Counters, names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Predicted and measured loads of links, where there are demands to predict them from."""
    if not network.demands:
        return []
    seconds = loads.seconds_of(rows.values(), facts.seconds)
    measured = {ends: count.bytes for ends, count in counters.links.items()}
    found = loads.loads(network, rows.values(), facts.routes, facts.pins, measured, facts.seconds)
    return loads.entries(found, names, seconds)


def as_json(document: dict[str, Any]) -> str:
    """The document as text: a line for each key, and for each flow and link.

    Not with json's own indentation, which Python does by itself: seconds for tens of thousands of links.
    """
    lines = [f'  "{key}": {_value(value)}' for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {_dumps(item)}" for item in value) + "\n  ]"
    return _dumps(value)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _flow(flow: Flow, progress: FlowProgress | None, names: Mapping[int, str]) -> dict[str, Any]:
    path = (progress.path if progress else None) or ()
    verdict = progress.verdict if progress else None
    entry = {
        "name": flow.name,
        "source": _name(names, flow.source),
        "destination": _name(names, flow.destination),
        "kind": flow.kind,
        "mode": flow.mode,
        "status": progress.status if progress else "stopped",
        "bytes": progress.bytes if progress else 0,
        "seconds": round(progress.seconds, 6) if progress else 0.0,
        "goodput_bps": round(progress.goodput) if progress else 0,
        "route": [_name(names, node) for node in path],
        "retransmitted": progress.retransmitted if progress else 0,
        "timeouts": progress.timeouts if progress else 0,
        "reordered": progress.reordered if progress else 0,
        "restarts": progress.restarts if progress else 0,
        "checksum": progress.checksum if progress else None,
        "reason": verdict.reason if verdict else NEVER_BEGAN,
    }
    if flow.packets:
        entry |= _packets((progress and progress.datagrams) or datagram_result(None, None))
    return entry


def _joined(flow: Flow, progress: FlowProgress | None, inside: Collection[frozenset[int]]) -> dict[str, bool]:
    """Of a flow in max mode, whether a pipe of its own process stands for some of the links on its route."""
    if flow.mode != "max":
        return {}
    path = (progress.path if progress else None) or ()
    return {"joined": any(frozenset(pair) in inside for pair in pairwise(path))}


def _packets(result: DatagramResult) -> dict[str, Any]:
    return {
        "packets_sent": result.sent,
        "packets_received": result.received,
        "lost": result.lost,
        "loss": round(result.loss, 6),
        "duplicates": result.duplicates,
        "reordered": result.reordered,
        "corrupted": result.corrupted,
        "marked": result.marked,
        "delay_ms": {
            "p50": round(result.delay_p50_ms, 6),
            "p99": round(result.delay_p99_ms, 6),
            "max": round(result.delay_max_ms, 6),
        },
        "jitter_ms": round(result.jitter_ms, 6),
    }


def _link(link: Link, counters: Counters, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Both directions, also of a link that carried nothing."""
    entries = []
    for sender, receiver in ((link.a, link.b), (link.b, link.a)):
        count = counters.links.get((link.id, sender)) or LinkCounters(link.id, sender, 0, 0, 0, Drops())
        entries.append(
            {
                "from": _name(names, sender),
                "to": _name(names, receiver),
                "bytes": count.bytes,
                "packets": count.packets,
                "entered": count.entered,
                "marked": count.marked,
                "duplicated": count.duplicated,
                "datagrams": count.datagrams,
                "oversized": count.oversized,
                "drops": drops_by_cause(count.drops),
            }
        )
    return entries


def _name(names: Mapping[int, str], node: int) -> str:
    """The node's name; a node that was added to the database during the run has a number only."""
    return names.get(node, f"#{node}")
