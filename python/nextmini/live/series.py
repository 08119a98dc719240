"""Time series of an experiment that is still running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.experiment.series import Names, tables
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from nextmini.experiment.series import Series, Table
    from nextmini.store.live import LiveStore


async def tables_so_far(store: LiveStore, run: str) -> dict[Series, Table]:
    """Both series, up to now. Raises DatabaseError, also while they are read."""
    network, desired = resolve(loads(await store.scenario(run))), await store.desired()
    names = Names.of(
        (*network.nodes, *desired.nodes.values()),
        (*network.links, *desired.links.values()),
        (*network.flows, *desired.flows.values()),
    )
    return tables(names, store.link_metrics(run), store.flow_metrics(run))
