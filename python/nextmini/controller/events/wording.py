"""An event in a few words, for results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.scenario.units import format_share, format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.controller.events.happening import Happening


def described(event: Happening, traces: Mapping[int, str]) -> str:
    """Such as "link a - b down for 2 s"; `traces` has the names of traces by their numbers."""
    lasts = "" if event.duration is None else f" for {format_time(event.duration)}"
    return f"{_what(event, traces)}{lasts}"


def _what(event: Happening, traces: Mapping[int, str]) -> str:
    match event.kind:
        case "set":
            return f"{_link(event)}: {_settings(event.settings, traces)}"
        case "down" | "up":
            return f"{_link(event)} {event.kind}"
        case "flap":
            every, up = format_time(event.period), format_share(event.duty)
            return f"{_link(event)} down and up every {every} ({up} up)"
        case "crash":
            return f"node {event.node} crashes"
        case "restart":
            return f"node {event.node} restarts"
        case "partition":
            return f"partition {_groups(event)}"
        case "heal":
            return f"partition {_groups(event)} heals"


def _link(event: Happening) -> str:
    a, b = event.link or ("", "")
    if event.which == "backward":
        a, b = b, a
    return f"link {a} {'-' if event.which == 'both' else '->'} {b}"


def _groups(event: Happening) -> str:
    return " | ".join(", ".join(group) for group in event.groups)


def _settings(settings: Mapping[str, Any], traces: Mapping[int, str]) -> str:
    named = {
        key: traces.get(value, value) if key == "trace" and isinstance(value, int) else value
        for key, value in settings.items()
    }
    return ", ".join(f"{key} = {_value(value)}" for key, value in named.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, list | tuple):
        return " or ".join(map(_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
