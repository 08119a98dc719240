"""What links carried in a run, as a share of their rates: from the files of its folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nextmini.errors import NextminiError
from nextmini.scenario import load, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.scenario import Network


class RunFolderError(NextminiError):
    """A folder is not that of a run, or of a run of something else."""

    exit_code = 2


def utilisation(folder: Path, network: Network) -> dict[frozenset[str], float]:
    """Of each link with a rate, by the names of its ends, what its busier direction carried on average.

    Rates are those of the run's own scenario. Raises RunFolderError if nothing can be said of `network`.
    """
    result = _result(folder)
    ran = resolve(load(folder / "scenario.toml"))
    found = shares(result, ran)
    known = {frozenset((network.node(link.a).name, network.node(link.b).name)) for link in network.links}
    if not known & found.keys():
        what = "has none of these links" if found else "has no links with a rate"
        raise RunFolderError(f"the run in {folder} {what}", "name a run of this topology, with rates")
    return found


def shares(result: dict[str, Any], network: Network) -> dict[frozenset[str], float]:
    """The shares in a result of this network. Links that came during the run have no rate here."""
    names = {node.id: node.name for node in network.nodes}
    rates: dict[tuple[str, str], int] = {}
    for link in network.links:
        a, b = names[link.a], names[link.b]
        for ends, way in (((a, b), link.forward), ((b, a), link.backward)):
            if way.rate is not None:
                rates[ends] = way.rate
    found: dict[frozenset[str], float] = {}
    for entry in result["link_stats"]:
        ends = (entry["from"], entry["to"])
        if ends in rates and result["seconds"] > 0:
            share = entry["bytes"] * 8 / result["seconds"] / rates[ends]
            found[frozenset(ends)] = max(share, found.get(frozenset(ends), 0.0))
    return found


def _result(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        remedy = "name the folder of a run that has ended"
        raise RunFolderError(f"{path} cannot be read: {reason}", remedy) from None
