"""The real paths below links between sites, beside what was asked of these links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.experiment.fidelity import LATE_SECONDS, LATE_SHARE, Severity, severity_of
from nextmini.experiment.quantities import seconds
from nextmini.scenario.network import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.controller.paths import Path
    from nextmini.controller.view import NetworkView
    from nextmini.scenario import Link
    from nextmini.scenario.network import Site


def entries(
    view: NetworkView, sites: tuple[Site, ...], paths: Mapping[tuple[int, int], Path]
) -> list[dict[str, Any]]:
    """Each link between sites of which something is known."""
    found = []
    for link in sorted(view.links.values(), key=lambda link: link.id):
        ways = [paths.get((link.id, node)) for node in (link.a, link.b)]
        known = [way.rtt_us for way in ways if way is not None]
        if not known:
            continue
        places = [site_of(view.nodes[node].process, sites) for node in (link.a, link.b) if node in view.nodes]
        found.append(
            {
                "link": [view.name(link.a), view.name(link.b)],
                "sites": [place.name for place in places if place is not None],
                "rtt_ms": min(known) / 1000,
                "asked_rtt_ms": round(asked_round_trip(link) * 1000, 6),
                "most_bps": [way.most_bps if way is not None else 0 for way in ways],
            }
        )
    return found


def asked_round_trip(link: Link) -> float:
    """The delays of both directions, in seconds."""
    return link.forward.delay + link.backward.delay


def findings(paths: list[dict[str, Any]]) -> list[tuple[Severity, str]]:
    """What cannot be true of delays, since the path has one of its own that comes on top."""
    found = []
    for path in paths:
        real, asked = path["rtt_ms"] / 1000, path["asked_rtt_ms"] / 1000
        bounds: dict[Severity, float] = {
            severity: max(least, LATE_SHARE[severity] * asked) for severity, least in LATE_SECONDS.items()
        }
        severity = severity_of(real, bounds) if asked else None
        if severity is not None:
            a, b = path["link"]
            text = (
                f"link {a} - {b}: the real path has a round trip of {seconds(real)}, "
                f"so the {seconds(asked)} asked for cannot be true"
            )
            found.append((severity, text))
    return found
