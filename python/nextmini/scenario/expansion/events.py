"""Events: each about something that is there, and possible at that time."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from nextmini.scenario.changing import understood
from nextmini.scenario.direction import merged
from nextmini.scenario.findings import Finding, Path
from nextmini.scenario.network import Event
from nextmini.scenario.units import format_share, format_time
from nextmini.scenario.wording import alternatives, shown

if TYPE_CHECKING:
    from nextmini.scenario.direction import Texts
    from nextmini.scenario.event_table import EventEntry
    from nextmini.scenario.expansion.links import Web
    from nextmini.scenario.expansion.nodes import Cast
    from nextmini.scenario.expansion.traces import TraceBook
    from nextmini.scenario.model import Scenario
    from nextmini.scenario.network import Link

ACTIONS: dict[str, tuple[str, ...]] = {
    "link": ("set", "down", "up", "flap"),
    "node": ("crash", "restart"),
    "partition": ("heal",),
}
LASTING = ("up", "restart", "heal")
"""What cannot be undone after a while."""
_OTHER = {"both": "both", "forward": "backward", "backward": "forward"}


@dataclass(slots=True)
class _Ground:
    """What events are about, and where findings go."""

    scenario: Scenario
    cast: Cast
    web: Web
    book: TraceBook
    findings: list[Finding]
    links: dict[tuple[int, int], Link] = field(default_factory=dict)
    states: dict[tuple[int, str], Texts] = field(default_factory=dict)
    """What directions of links, by (link, direction), have become by the events so far."""

    def blame(self, path: Path, message: str, remedy: str) -> None:
        self.findings.append(Finding(path, message, remedy))


def expand_events(
    scenario: Scenario, cast: Cast, web: Web, book: TraceBook, findings: list[Finding]
) -> tuple[Event, ...]:
    """All events of the scenario, numbered from 1 in its order."""
    ground = _Ground(scenario, cast, web, book, findings)
    ground.links = {(link.a, link.b): link for link in web.links}
    events: dict[int, Event] = {}
    for place, entry in sorted(enumerate(scenario.events), key=lambda one: one[1].at):
        action = _action(ground, entry, place)
        if action is not None:
            events[place] = Event(place + 1, entry.at, action)
    return tuple(events[place] for place in sorted(events))


def _action(ground: _Ground, entry: EventEntry, place: int) -> dict[str, Any] | None:
    """What the event is, in the words of a scenario; None if it cannot be."""
    before = len(ground.findings)
    subject = _subject(ground, entry, place)
    _check_times(ground, entry, place)
    if subject is None:
        return None
    action: dict[str, Any] = {}
    if subject == "link":
        _link(ground, entry, place, action)
    elif subject == "node" and entry.node is not None:
        ground.cast.number(entry.node, ("events", place, "node"), ground.findings)
        action["node"] = entry.node
    else:
        _partition(ground, entry, place)
        action["partition"] = [list(group) for group in entry.partition or ()]
    for key in ("down", "up", "crash", "restart", "heal"):
        if getattr(entry, key):
            action[key] = True
    if entry.flap is not None:
        action["flap"] = {"period": format_time(entry.flap.period), "duty": format_share(entry.flap.duty)}
    if entry.duration is not None:
        action["duration"] = format_time(entry.duration)
    if entry.require_effect:
        action["require_effect"] = True
    return action if len(ground.findings) == before else None


def _subject(ground: _Ground, entry: EventEntry, place: int) -> str | None:
    """What the event is about, or None if that or what happens to it is not clear."""
    before = len(ground.findings)
    subjects = [key for key in ACTIONS if getattr(entry, key) is not None]
    if len(subjects) != 1:
        told = "is about nothing" if not subjects else f"is about {alternatives(subjects, 'and')}"
        remedy = 'write one of link = ["a", "b"], node = "a" and partition = [["a"], ["b"]]'
        ground.blame(("events", place), f"this event {told}", remedy)
        return None
    subject = subjects[0]
    given = [key for keys in ACTIONS.values() for key in keys if getattr(entry, key) is not None]
    for key in given:
        if key not in ACTIONS[subject]:
            ground.blame(("events", place, key), f"does not go with `{subject}`", "remove one of the two")
    if subject != "partition" and not given:
        known = alternatives(f"`{key}`" for key in ACTIONS[subject])
        ground.blame(("events", place), "nothing happens in this event", f"write {known}")
    if len(given) > 1 and len(ground.findings) == before:
        ground.blame(("events", place, given[1]), f"does not go with `{given[0]}`", "write two events")
    if "direction" in entry.model_fields_set and entry.set is None:
        ground.blame(("events", place, "direction"), "goes with `set` only", "remove it")
    return subject if len(ground.findings) == before else None


def _check_times(ground: _Ground, entry: EventEntry, place: int) -> None:
    end = ground.scenario.experiment.duration
    if end is not None and entry.at >= end:
        message = f"{format_time(entry.at)} is after the end of the experiment, {format_time(end)}"
        ground.blame(("events", place, "at"), message, "let it happen before")
    for key in LASTING:
        if entry.duration is not None and getattr(entry, key):
            message = f"`{key}` is not undone after a while"
            ground.blame(("events", place, "duration"), message, "remove it, or write a second event")


def _link(ground: _Ground, entry: EventEntry, place: int, action: dict[str, Any]) -> None:
    names = entry.link or ("", "")
    path = ("events", place, "link")
    ends = [ground.cast.number(name, (*path, end), ground.findings) for end, name in enumerate(names)]
    if ends[0] is None or ends[1] is None:
        return
    swapped = (ends[1], ends[0]) in ground.links
    link = ground.links.get((ends[1], ends[0]) if swapped else (ends[0], ends[1]))
    if link is None:
        if ground.web.complete:
            message = f"there is no link between {shown(names[0])} and {shown(names[1])}"
            ground.blame(path, message, _links_of(ground, ends[0], names[0]))
        return
    # As the link has its ends: then `forward` means the same there as here.
    action["link"] = list(names[::-1] if swapped else names)
    if entry.set is not None:
        direction = _OTHER[entry.direction] if swapped else entry.direction
        action["set"] = _set(ground, entry, place, link, direction)
        if direction != "both":
            action["direction"] = direction


def _links_of(ground: _Ground, node: int, name: str) -> str:
    others = [b if a == node else a for a, b in ground.links if node in (a, b)]
    names = [shown(ground.cast.nodes[other - 1].name) for other in others]
    if not names:
        return f"{shown(name)} has no links"
    return f"{shown(name)} has links with {', '.join(names[:8])}" + (" and others" if len(names) > 8 else "")


def _set(ground: _Ground, entry: EventEntry, place: int, link: Link, direction: str) -> Texts:
    keys = entry.set
    path = ("events", place, "set")
    if keys is None or not keys.model_fields_set:
        ground.blame(path, "sets nothing", 'write set = { delay = "50 ms" }')
        return {}
    texts = keys.said()
    if keys.trace is not None:
        texts["trace"] = ground.book.number(keys.trace, (*path, "trace"))
    for way in ("forward", "backward"):
        if direction in ("both", way):
            now = ground.states.get((link.id, way)) or getattr(link, way).texts()
            then = merged(now, texts)
            _, found = understood(then, link.mtu)
            for finding in found:
                known = finding.path[:1] if finding.path[0] in texts else ()
                ground.blame((*path, *known), finding.message, finding.remedy or "")
            if entry.duration is None:
                ground.states[link.id, way] = then
    return texts


def _partition(ground: _Ground, entry: EventEntry, place: int) -> None:
    path = ("events", place, "partition")
    groups: list[set[int]] = []
    seen: dict[str, int] = {}
    for number, group in enumerate(entry.partition or ()):
        groups.append(set())
        for spot, name in enumerate(group):
            node = ground.cast.number(name, (*path, number, spot), ground.findings)
            if name in seen:
                twice = "there twice" if seen[name] == number else "in two groups"
                ground.blame((*path, number, spot), f"{shown(name)} is {twice}", "name each node once")
            seen[name] = number
            if node is not None:
                groups[-1].add(node)
    if not ground.web.complete or not all(groups):
        return
    for one, other in combinations(groups, 2):
        if any((a in one and b in other) or (a in other and b in one) for a, b in ground.links):
            return
    ground.blame(path, "no link leads from one of these groups to another", "choose other groups")
