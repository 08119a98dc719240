"""A link that is added while an experiment runs: found possible, or refused in the words of a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.errors import ScenarioError
from nextmini.live.choice import LiveError
from nextmini.live.session import find_node
from nextmini.scenario import Link
from nextmini.scenario.changing import carriage_of, direction_of, problems
from nextmini.scenario.conflicts import apart_conflict, congestion_conflict, datagrams_conflict
from nextmini.scenario.findings import Finding
from nextmini.scenario.network import link_transport, site_of
from nextmini.scenario.tables import Carriage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nextmini.scenario import Node
    from nextmini.scenario.network import Placed
    from nextmini.store import Desired

_LATER = ("cost", "forward", "backward")
_USUAL_MTU = 1500


def new_link(desired: Desired, a: str, b: str, said: Mapping[str, Any], sites: Sequence[Placed] = ()) -> Link:
    """The link that is meant by keys of an entry of [[links]], in both directions, for `Store.add_link`.

    `sites` are where the processes of nodes are.

    Raises LiveError if there can be no link between these nodes, ScenarioError if there can be none like
    this.
    """
    one, other = _ends(desired, a, b)
    for key in _LATER:
        if key in said:
            raise LiveError(f"{key} cannot be given to a new link here", f"leave out {key}")
    where = f"link {a} - {b}"
    carried = {key: value for key, value in said.items() if key in Carriage.model_fields}
    settings = {key: value for key, value in said.items() if key not in carried}
    carriage = carriage_of({key: value for key, value in carried.items() if value is not None}, where)
    mtu = min((link.mtu for link in desired.links.values()), default=_USUAL_MTU)
    direction = direction_of(settings, mtu, where)
    return Link(
        id=0,
        a=one.id,
        b=other.id,
        transport=_transport(carriage, one, other, sites, where),
        cost=1.0,
        congestion=carriage.congestion,
        mtu=mtu,
        forward=direction,
        backward=direction,
        datagrams=bool(carriage.datagrams),
    )


def _ends(desired: Desired, a: str, b: str) -> tuple[Node, Node]:
    one, other = find_node(desired, a), find_node(desired, b)
    if one.id == other.id:
        raise LiveError(f"a link joins two nodes, not {a} to itself", "name two nodes")
    if any({link.a, link.b} == {one.id, other.id} for link in desired.links.values()):
        raise LiveError(f"{a} and {b} are joined already", "change the link with `nextmini link A B set`")
    return one, other


def _transport(carriage: Carriage, one: Node, other: Node, sites: Sequence[Placed], where: str) -> str:
    """What carries it, if that can carry a link between these nodes and do the rest that is asked of it."""
    transport = link_transport(carriage.transport or "auto", one.process, other.process, sites)
    apart = site_of(one.process, sites) != site_of(other.process, sites)
    if not apart and transport == "memory" and one.process != other.process:
        message = f"memory cannot carry it from process {one.process + 1} to process {other.process + 1}"
        raise ScenarioError(
            problems(where, [Finding(("transport",), message, 'write "auto", "tcp", "tls" or "quic"')])
        )
    conflict = (
        (apart_conflict(transport) if apart else None)
        or congestion_conflict(transport, carriage.congestion)
        or datagrams_conflict(transport, bool(carriage.datagrams))
    )
    if conflict is not None:
        found = Finding((conflict.key,), conflict.message, conflict.remedy)
        raise ScenarioError(problems(where, [found]))
    return transport
