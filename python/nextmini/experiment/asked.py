"""What was asked of the directions of links in the course of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.controller.shaping import peak
from nextmini.scenario.changing import understood
from nextmini.scenario.direction import merged
from nextmini.scenario.impairments import LossPattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Direction, Link, Network


@dataclass(frozen=True, slots=True)
class Asked:
    """One direction, from `source` to `target`; `settings` are those at the end, in a scenario's words.

    `longest_time` is the longest delay or time of a full packet that it ever had to keep, in seconds; None if
    it had none. `pattern_losses` is the number of losses in a pattern, 0 without one.
    """

    source: str
    target: str
    settings: Mapping[str, Any]
    longest_time: float | None = None
    pattern_losses: int = 0


def asked_of(network: Network, view: NetworkView) -> dict[tuple[int, int], Asked]:
    """Every direction by link and sending node, as at the beginning, by events, and at the end (`view`)."""
    before = {link.id: link for link in network.links}
    by_events = _settings_by_events(network)
    found = {}
    for link in view.links.values():
        for way, sender, receiver in (("forward", link.a, link.b), ("backward", link.b, link.a)):
            now: Direction = getattr(link, way)
            forms = [now]
            if link.id in before:
                forms.append(getattr(before[link.id], way))
            for said in by_events.get((link.id, way), ()):
                form, _ = understood(merged(forms[-1].texts(), said), link.mtu)
                forms += [form] if form is not None else []
            times = [time for form in forms for time in _times(form, link, view)]
            found[link.id, sender] = Asked(
                source=view.name(sender),
                target=view.name(receiver),
                settings=_texts(now, view),
                longest_time=max(times, default=None),
                pattern_losses=max(map(_losses_in_pattern, forms)),
            )
    return found


def _settings_by_events(network: Network) -> dict[tuple[int, str], list[Mapping[str, Any]]]:
    """What events of the scenario say of directions, by link and way."""
    ids = {frozenset((link.a, link.b)): link for link in network.links}
    numbers = {node.name: node.id for node in network.nodes}
    found: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for event in network.events:
        said, ends = event.action.get("set"), event.action.get("link", ())
        link = ids.get(frozenset(numbers.get(end, 0) for end in ends))
        if said is None or link is None:
            continue
        which = event.action.get("direction", "both")
        for way in ("forward", "backward"):
            if which in ("both", way):
                found.setdefault((link.id, way), []).append(said)
    return found


def _times(direction: Direction, link: Link, view: NetworkView) -> Iterator[float]:
    if direction.delay:
        yield direction.delay
    trace = view.traces.get(direction.trace) if direction.trace is not None else None
    rate = peak(trace) if trace is not None else direction.rate
    if rate:
        yield link.mtu * 8 / rate


def _losses_in_pattern(direction: Direction) -> int:
    return direction.loss.pattern.count("1") if isinstance(direction.loss, LossPattern) else 0


def _texts(direction: Direction, view: NetworkView) -> dict[str, Any]:
    """The words of a scenario, with the name of a trace instead of its number."""
    texts = direction.texts()
    if direction.trace is not None and direction.trace in view.traces:
        texts["trace"] = view.traces[direction.trace].name
    return texts
