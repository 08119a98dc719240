"""Links of a running experiment: what they are asked to do, what they have done, and changes to them.

"forward" is the direction from the node that is named first, whichever end it is in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.live.session import find_link, listed, until_confirmed
from nextmini.live.status import node_name
from nextmini.store import LinkState, LinkUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextmini.scenario import Link
    from nextmini.scenario.direction import Direction
    from nextmini.store import Desired, LinkMetric
    from nextmini.store.live import LiveStore

Way = Literal["forward", "backward"]
Which = Literal["both", "forward", "backward"]

REFUSED = ("rejected", "failed")


@dataclass(frozen=True, slots=True)
class Named:
    """A link as it was named on the command line: from `a` to `b`."""

    desired: Desired
    link: Link
    a: str
    b: str

    @classmethod
    async def find(cls, store: LiveStore, a: str, b: str) -> Named:
        """Raises LiveError if there is no such link, with those that there are."""
        desired = await store.desired()
        return cls(desired, find_link(desired, a, b), a, b)

    @property
    def turned(self) -> bool:
        """Whether the row has its ends the other way round."""
        return node_name(self.desired, self.link.a) != self.a

    def way(self, way: Way) -> Way:
        """A direction as named, as the row's."""
        if not self.turned:
            return way
        return "backward" if way == "forward" else "forward"

    @property
    def node_down(self) -> str | None:
        """An end that is down, if any."""
        ends = (self.desired.nodes[self.link.a], self.desired.nodes[self.link.b])
        return next((node.name for node in ends if not node.up), None)

    def __str__(self) -> str:
        return f"link {self.a} - {self.b}"


async def set_link(store: LiveStore, named: Named, said: Mapping[str, Any], which: Which) -> dict[str, Any]:
    """Changes settings of one direction or of both; returns what is in force then, see `change`."""
    keys = dict(said)
    if isinstance(keys.get("trace"), str):
        keys["trace"] = _trace(named.desired, keys["trace"])
    way = which if which == "both" else named.way(which)
    update = LinkUpdate(
        named.link.id,
        forward=keys if way != "backward" else None,
        backward=keys if way != "forward" else None,
    )
    return await change(store, named, update)


async def set_up(store: LiveStore, named: Named, up: bool) -> dict[str, Any]:
    """Takes a link down, or up again; returns what is in force then, see `change`."""
    return await change(store, named, LinkUpdate(named.link.id, up=up))


async def change(store: LiveStore, named: Named, update: LinkUpdate) -> dict[str, Any]:
    """Changes a link and waits until that is in force; returns its settings and how long it took.

    Raises ScenarioError if it cannot be, RunError if it is refused or does not come into force.
    """
    known = await store.state(LinkState, named.link.id)
    ((before, after),) = await store.set_links([update])
    if before == after:
        return _document(named, after, known) | {"changed": False, "seconds": 0.0}
    down = named.node_down
    if down is not None and update.up is not None:
        # It stays as it is until the node is back, so there is nothing to wait for.
        note = f"node {down} is down, and its links with it: in force when it is back"
        return _document(named, after, known) | {"changed": True, "seconds": 0.0, "note": note}

    async def look() -> LinkState | None:
        state = await store.state(LinkState, named.link.id)
        if state is None or state == known:
            return None
        newer = known is None or state.generation > known.generation
        return state if state.status in REFUSED or (newer and state.status != "pending") else None

    state, seconds = await until_confirmed(store, look, f"the change of {named}")
    if state.status in REFUSED:
        raise RunError(f"the change of {named} was refused: {state.reason}", "what was in force still is")
    return _document(named, after, state) | {"changed": True, "seconds": round(seconds, 4)}


async def show(store: LiveStore, named: Named, run: str) -> dict[str, Any]:
    """A link's settings, its state and its counters."""
    document = _document(named, named.link, await store.state(LinkState, named.link.id))
    counters = {metric.node: metric for metric in await store.link_counters(run, named.link.id)}
    ends = (named.link.b, named.link.a) if named.turned else (named.link.a, named.link.b)
    for way, sender in zip(("forward", "backward"), ends, strict=True):
        metric = counters.get(sender)
        document[way]["counters"] = {
            "bytes": metric.bytes if metric else 0,
            "packets": metric.packets if metric else 0,
            "queue": metric.queue if metric else 0,
            "marked": metric.marked if metric else 0,
            "duplicated": metric.duplicated if metric else 0,
            "datagrams": metric.datagrams if metric else 0,
            "oversized": metric.oversized if metric else 0,
            "drops": {cause: number for cause, number in metric.drops.items() if number} if metric else {},
        }
        document[way]["path"] = path_entry(metric)
    return document


def path_entry(metric: LinkMetric | None) -> dict[str, Any] | None:
    """What the real path below one direction is like, if it leads to another site."""
    if metric is None or metric.rtt_us is None:
        return None
    return {"rtt_ms": metric.rtt_us / 1000, "most_bps": metric.most_bps or 0}


def _document(named: Named, link: Link, state: LinkState | None) -> dict[str, Any]:
    directions = (link.backward, link.forward) if named.turned else (link.forward, link.backward)
    return {
        "link": [named.a, named.b],
        "transport": link.transport,
        "datagrams": link.datagrams,
        "up": link.up,
        "status": state.status if state else "pending",
        "reason": state.reason if state else None,
        "forward": {"from": named.a, "to": named.b, "settings": _settings(named.desired, directions[0])},
        "backward": {"from": named.b, "to": named.a, "settings": _settings(named.desired, directions[1])},
    }


def _settings(desired: Desired, direction: Direction) -> dict[str, Any]:
    """The words of a scenario, with the name of a trace instead of its number."""
    texts = direction.texts()
    if direction.trace is not None and direction.trace in desired.traces:
        texts["trace"] = desired.traces[direction.trace].name
    return texts


def _trace(desired: Desired, name: str) -> int:
    """The number of a trace of the scenario."""
    for trace in desired.traces.values():
        if trace.name == name:
            return trace.id
    known = listed(trace.name for trace in desired.traces.values())
    raise LiveError(
        f"the scenario has no trace {name!r}", f"its traces are {known}" if known else "it has none"
    )
