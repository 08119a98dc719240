"""Two runs beside each other: flows, links, totals, completion times and scenarios. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nextmini.experiment.demands import percentile
from nextmini.results.differences import scenario_differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")
Way = tuple[str, str]

FLOW_VALUES = ("goodput_bps", "seconds", "bytes")
LINK_VALUES = ("bytes", "drops", "utilisation")
LEVELS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of a run: its result document, its resolved scenario, and rates of links in bit/s.

    Links are known by (from, to); those without a fixed rate have none.
    """

    id: str
    result: Mapping[str, Any]
    scenario: Mapping[str, Any]
    rates: Mapping[Way, int]


def compare(before: Recorded, after: Recorded, tolerance: float | None = None) -> dict[str, Any]:
    """How `after` differs from `before`. With a tolerance, a share, also which flows differ by more."""
    old_flows, new_flows = _flows(before.result), _flows(after.result)
    old_links, new_links = _links(before), _links(after)
    flows = [
        _entry({"name": name}, old_flows[name], new_flows[name], FLOW_VALUES)
        for name in _both(old_flows, new_flows)
    ]
    links = [
        _entry({"from": way[0], "to": way[1]}, old_links[way], new_links[way], LINK_VALUES)
        for way in _both(old_links, new_links)
    ]
    document: dict[str, Any] = {
        "before": before.id,
        "after": after.id,
        "scenario": scenario_differences(before.scenario, after.scenario),
        "totals": _changes(_totals(before.result), _totals(after.result)),
        "completion_seconds": _changes(_completion(before.result), _completion(after.result)),
        "flows": flows,
        "links": links,
        "only_before": {"flows": _only(old_flows, new_flows), "links": _only(old_links, new_links)},
        "only_after": {"flows": _only(new_flows, old_flows), "links": _only(new_links, old_links)},
    }
    if tolerance is not None:
        missing = [*document["only_before"]["flows"], *document["only_after"]["flows"]]
        document["beyond_tolerance"] = [*(_beyond(flows, tolerance)), *missing]
    return document


def change(before: float | None, after: float | None) -> dict[str, float | None]:
    """Two values and their difference; relative to the first, None where that is no number."""
    if before is None or after is None:
        return {"before": before, "after": after, "difference": None, "relative": None}
    difference = after - before
    relative = difference / abs(before) if before else (0.0 if not difference else None)
    return {"before": before, "after": after, "difference": difference, "relative": relative}


def _flows(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By name; of several with one name, those that come later have a number too."""
    return dict(_numbered((str(flow["name"]), flow) for flow in result["flows"]))


def _numbered(named: Iterable[tuple[str, T]]) -> Iterable[tuple[str, T]]:
    seen: Counter[str] = Counter()
    for name, value in named:
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), value


def _links(run: Recorded) -> dict[Way, dict[str, Any]]:
    seconds = run.result["seconds"]
    found = {}
    for link in run.result["link_stats"]:
        way = (str(link["from"]), str(link["to"]))
        rate = run.rates.get(way)
        share = link["bytes"] * 8 / (rate * seconds) if rate and seconds else None
        found[way] = {"bytes": link["bytes"], "drops": sum(link["drops"].values()), "utilisation": share}
    return found


def _both(old: Mapping[T, Any], new: Mapping[T, Any]) -> list[T]:
    return [key for key in old if key in new]


def _entry(
    name: dict[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], values: Iterable[str]
) -> dict[str, Any]:
    entry = name | {value: change(old[value], new[value]) for value in values}
    if "status" in old:
        entry["status"] = {"before": old["status"], "after": new["status"]}
    return entry


def _changes(old: Mapping[str, float | None], new: Mapping[str, float | None]) -> dict[str, Any]:
    return {key: change(old[key], new[key]) for key in old}


def _totals(result: Mapping[str, Any]) -> dict[str, float | None]:
    flows, links = result["flows"], result["link_stats"]
    status = Counter(flow["status"] for flow in flows)
    return {
        "seconds": result["seconds"],
        "flows": len(flows),
        "completed": status["completed"],
        "failed": status["failed"],
        "stopped": status["stopped"],
        "delivered_bytes": sum(flow["bytes"] for flow in flows),
        "goodput_bps": sum(flow["goodput_bps"] for flow in flows),
        "retransmitted": sum(flow["retransmitted"] for flow in flows),
        "link_bytes": sum(link["bytes"] for link in links),
        "drops": sum(sum(link["drops"].values()) for link in links),
    }


def _completion(result: Mapping[str, Any]) -> dict[str, float | None]:
    """Of flows that were completed: how long they took, in seconds."""
    times = sorted(flow["seconds"] for flow in result["flows"] if flow["status"] == "completed")
    return {f"p{level}": percentile(times, level) if times else None for level in LEVELS}


def _only(some: Mapping[T, Any], others: Mapping[T, Any]) -> list[T]:
    return [key for key in some if key not in others]


def _beyond(flows: Iterable[Mapping[str, Any]], tolerance: float) -> list[str]:
    """Flows whose goodput differs by more than this share; from nothing to something is more than any."""
    found = []
    for flow in flows:
        relative = flow["goodput_bps"]["relative"]
        if relative is None or abs(relative) > tolerance:
            found.append(str(flow["name"]))
    return found
