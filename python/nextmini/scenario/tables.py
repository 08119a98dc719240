"""The tables of a scenario, all but `[topology]`, each a typed model.

A model says what a key may hold by itself. Whatever needs more than one key (a link to a node that does not
exist, a flow with both a size and a duration) is looked at in `expansion`, where the whole is known.
The descriptions are the text of the scenario reference and of the JSON schema.
"""

from typing import Literal

from pydantic import Field

from nextmini.scenario.arrival import AnArrival
from nextmini.scenario.direction import DirectionKeys
from nextmini.scenario.fields import (
    MOST_HOPS,
    Address,
    Congestion,
    DemandName,
    Ends,
    ExperimentName,
    FlowName,
    Host,
    Interval,
    Listen,
    NodeName,
    Path,
    PositiveTime,
    Prefix,
    Prefix6,
    Rate,
    Size,
    Time,
    Weight,
)
from nextmini.scenario.limits_table import LimitsTable
from nextmini.scenario.max_table import NodeMax
from nextmini.scenario.network import MOST_PATHS_AHEAD, MOST_TREES, Metric, Reroute, RoutingMode
from nextmini.scenario.site_table import SiteName
from nextmini.scenario.table import Table

AskedTransport = Literal["auto", "memory", "tcp", "quic", "tls"]


class ExperimentTable(Table):
    """The run as a whole."""

    name: ExperimentName = Field(
        description="Name of the experiment: of its run folders and of its schema in the database.",
        examples=["two-paths"],
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=2**63 - 1,
        description="Every random choice derives from it: same seed, same choices.",
    )
    duration: PositiveTime | None = Field(
        default=None,
        description="How long the experiment lasts. Without it, a run ends when every flow has ended.",
        examples=["10 s"],
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="Dataplane processes. Nodes are spread over them in equal blocks, in their order.",
    )
    interval: Interval = Field(
        default=1.0,
        description="How often counters are read and stored: whole milliseconds, from 10 ms to 1 h.",
        examples=["1 s"],
    )
    on_process_death: Literal["fail", "restart"] = Field(
        default="fail",
        description="What happens when a dataplane process dies. `fail`: its flows and the run fail, "
        "with the reason. `restart`: another one takes its place; flows that only pass its nodes go on, and "
        "those that begin or end there begin again from zero.",
    )


class NetworkTable(Table):
    """Settings of every node and link, where these say nothing else."""

    prefix: Prefix = Field(
        default="10.0.0.0/8",
        description="Addresses of the nodes: node i has the i-th address of the prefix.",
        examples=["10.0.0.0/8"],
    )
    prefix6: Prefix6 = Field(
        default="fd00:6e6d::/64",
        description="IPv6 addresses of the nodes, likewise.",
        examples=["fd00:6e6d::/64"],
    )
    isolation: Literal["none", "namespace", "process"] = Field(
        default="none",
        description="What separates a node from the machine. `none`: nodes are user space only, and answer "
        "pings themselves. `namespace`: each has a network namespace with a TUN device, where programs run. "
        "`process`: as `namespace`, and each has a dataplane process of its own; links are connections.",
    )
    transport: AskedTransport = Field(
        default="auto",
        description="What carries links. `auto`: memory inside a process, tcp between processes. `tls`: "
        "encrypted, in a TCP connection. `quic`: encrypted, in UDP packets.",
    )
    datagrams: bool = Field(
        default=False,
        description="Whether QUIC links have packets of programs and of `udp`, `icmp` and `tcp` flows in "
        "datagrams (RFC 9221), which a connection does not send again. What does not fit, and lossless "
        "flows, stay on streams.",
    )
    mtu: int = Field(
        default=1500,
        ge=576,
        le=65_535,
        description="Largest packet, in bytes, headers included. Lossless flows send pieces of up to 64 KiB, "
        "and keep to it where a link works packet by packet.",
    )
    ttl: bool = Field(
        default=False,
        description="Whether nodes count down the time to live of packets of programs, as routers do, so "
        "that `traceroute` shows them. Without it, the network looks like one link.",
    )
    queues: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Queues of a node's TUN device. With more than one, several cores read it.",
    )
    offload: bool = Field(
        default=True,
        description="Whether the kernel hands over packets of up to 64 KiB, with checksums to be completed, "
        "as to a network card. They are cut where a link works packet by packet.",
    )
    processors: int = Field(
        default=1, ge=1, le=256, description="Processors of a node: tasks that look up routes and forward."
    )
    mapping: Literal["sequential", "concurrent"] = Field(
        default="sequential",
        description="How a node's traffic is spread over its processors. `sequential`: all of a flow goes "
        "to one, so that its order is kept. `concurrent`: any processor takes any batch.",
    )
    timing: Literal["normal", "precise"] = Field(
        default="normal",
        description="How the moments at which packets leave are kept. `normal`: by the kernel's timers. "
        "`precise`: with a core that is kept awake before each of them, where there is one to spare.",
    )
    hop_limit: int | None = Field(
        default=None,
        ge=1,
        le=MOST_HOPS,
        description="Links that a packet may cross before it is dropped. Without it: the number of nodes, "
        "and 65535 where there are more.",
        examples=[64],
    )
    limits: LimitsTable | None = Field(
        default=None,
        description="A table with `cpu` and `memory`, or one of them: what each node may take of a machine, "
        "where nodes are in containers.",
        examples=[{"cpu": 0.5, "memory": "256 MiB"}],
    )


class NodeEntry(Table):
    """One node.

    Where `[topology]` has nodes, an entry sets keys of its node of that name. With `kind = "custom"` and no
    `nodes` there, the entries are the nodes.
    """

    name: NodeName = Field(description="Name of the node.", examples=["a"])
    address: Address | None = Field(
        default=None,
        description="Its address, inside `network.prefix`. Without it: the i-th of the prefix.",
        examples=["10.0.1.1"],
    )
    processors: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Its processors. Without it: `network.processors`.",
        examples=[2],
    )
    site: SiteName | None = Field(
        default=None,
        description="The site that it is in: one of `[[sites]]`, of which another way to say it is `nodes`.",
        examples=["lab"],
    )
    max: NodeMax | None = Field(
        default=None,
        description="A table with `transparent` and `ports`, or one of them, instead of those under `[max]`.",
        examples=[{"transparent": True}],
    )
    limits: LimitsTable | None = Field(
        default=None,
        description="A table with `cpu` and `memory`, or one of them, instead of those under `[network]`.",
        examples=[{"memory": "1 GiB"}],
    )


class Carriage(Table):
    """What carries a link."""

    transport: AskedTransport | None = Field(
        default=None, description="What carries it. Without it: `network.transport`.", examples=["tcp"]
    )
    congestion: Congestion = Field(
        default="cubic",
        description="Congestion control of its connection, if it has one: over TCP and TLS one that the "
        "kernel has, over QUIC `cubic`, `reno` or `bbr`.",
        examples=["cubic"],
    )
    datagrams: bool | None = Field(
        default=None,
        description="Whether its QUIC connection has packets of all but lossless flows in datagrams. "
        "Without it: `network.datagrams` if it is a QUIC link.",
        examples=[True],
    )


class _Way(Carriage):
    cost: float = Field(
        default=1.0,
        gt=0,
        le=1e9,
        description="What it adds to the length of a route: shortest paths have the lowest sum.",
    )


class LinkSettings(DirectionKeys, _Way):
    """Settings of every link that the topology generates, in both directions."""

    forward: DirectionKeys | None = Field(
        default=None,
        description="A table of these keys, from `rate` on, for the direction from the first node to the "
        "second only.",
        examples=[{"rate": "10 Mbit/s"}],
    )
    backward: DirectionKeys | None = Field(
        default=None,
        description="Likewise, for the other direction.",
        examples=[{"rate": "1 Mbit/s"}],
    )


class LinkEntry(LinkSettings):
    """One link.

    Where the topology has made a link between these two nodes, the entry changes its settings. Elsewhere it
    adds one.
    """

    ends: Ends = Field(description="The two nodes that it joins.", examples=[["a", "b"]])


class RouteEntry(Table):
    """One route.

    A pair of nodes that has routes uses no other path. A pair without any gets its shortest path, on demand.
    """

    path: Path = Field(
        description="The nodes from source to destination, each joined to the next by a link.",
        examples=[["a", "b", "d"]],
    )
    weight: Weight = Field(
        default=1, description="Its share of the flows of its pair, as compared with the pair's other routes."
    )
    both: bool = Field(default=True, description="Whether it also runs from the destination to the source.")


class FlowEntry(Table):
    """One flow, from `source` to `destination`, or with `count` or `between` as many as these make.

    For traffic matrices, and flows that come and go, see `[[demands]]`.
    """

    name: FlowName | None = Field(
        default=None,
        description='Name of the flow, "flow-1" for the first entry if it has none. '
        "Those of an entry with `between` or `count` are called name-1, name-2 and so on.",
        examples=["bulk"],
    )
    source: NodeName | None = Field(default=None, description="The node that sends.", examples=["a"])
    destination: NodeName | None = Field(default=None, description="The node that receives.", examples=["d"])
    between: Literal["random", "all_pairs"] | None = Field(
        default=None,
        description="Instead of `source` and `destination`. `random`: `count` flows between random pairs, "
        "all different while there are pairs left. `all_pairs`: a flow from every node to every other. "
        "In fat_tree, leaf_spine and dumbbell these are pairs of hosts, else pairs of nodes.",
        examples=["random"],
    )
    count: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many flows these are: between random pairs, or all from `source` to `destination`.",
        examples=[100],
    )
    kind: Literal["lossless", "udp", "icmp", "tcp"] = Field(
        default="lossless",
        description="`lossless`: a stream of bytes of which none is lost, with a window of its own. `udp`: "
        "packets at a `rate`, which nobody sends again. `icmp`: echo requests at a `rate`, which nodes "
        "without programs answer; its delays are round trips. `tcp`: a connection of a TCP/IP stack in user "
        "space, in packets like those of programs, which links delay and drop.",
    )
    mode: Literal["normal", "max"] = Field(
        default="normal",
        description="`normal`: every node on the way handles each piece in user space. `max`, of `lossless` "
        "flows: bytes pass the nodes of a process in the kernel and have a connection of their own from "
        "process to process. Links on the way have a rate at most: no delay, no losses, no drop policy.",
    )
    size: Size | None = Field(default=None, description="How much it carries.", examples=["20 MB"])
    duration: PositiveTime | None = Field(
        default=None,
        description="How long it sends, instead of `size`. Without either, it sends until "
        "`experiment.duration` is over.",
        examples=["5 s"],
    )
    rate: Rate | None = Field(
        default=None,
        description="The most that it sends, in bits of payload. Without it: as much as it can. A `udp` "
        "or `icmp` flow must have one.",
        examples=["50 Mbit/s"],
    )
    weight: Weight = Field(
        default=1, description="Its share where links are shared by weight. A `tcp` flow's is 1."
    )
    start: Time = Field(
        default=0.0,
        description="When it starts, counted from the moment the network is ready.",
        examples=["1 s"],
    )
    packet_size: int | None = Field(
        default=None,
        ge=1,
        le=65_507,
        description="Bytes of payload in each packet of a `udp` or `icmp` flow. Without it: as many as "
        "`network.mtu` has room for beside 28 bytes of headers; 56 of an `icmp` flow.",
        examples=[1200],
    )
    arrival: AnArrival | None = Field(
        default=None,
        description="When a `udp` or `icmp` flow sends its packets. Without it: at equal distances.",
        examples=["poisson"],
    )
    ecn: bool = Field(
        default=False, description="Whether the packets of a `udp` flow may be marked instead of dropped."
    )
    congestion: Literal["cubic", "reno", "none"] = Field(
        default="cubic",
        description="What a `tcp` flow does about losses. `none`: it goes on to send as much as its receiver "
        "takes.",
    )
    family: Literal["ipv4", "ipv6"] = Field(
        default="ipv4", description="Which addresses of its nodes a `tcp` flow uses."
    )
    demand: DemandName | None = Field(
        default=None,
        description='The demand whose report it is part of: one of `[[demands]]` with `model = "listed"`.',
        examples=["web"],
    )


class RoutingTable(Table):
    """Routes of pairs of nodes for which nobody wrote any: how they are computed, and when they move."""

    metric: Metric = Field(
        default="cost",
        description="What makes a path the best one: the smallest sum of its links' `cost`, the fewest "
        "`hops`, the smallest sum of `delay`, or of `inverse_capacity`, which is 100 Mbit/s divided by a "
        "link's rate. Where the directions of a link differ, the mean delay and the smaller rate count.",
    )
    mode: RoutingMode = Field(
        default="auto",
        description="When they are computed. `reactive`: when the first packet asks. `auto`: for pairs of "
        "flows before they begin, for others when the first packet asks; where there are `[[algorithms]]`, "
        "for all when the first packet asks. `proactive`: for all pairs before flows begin, as one "
        "shortest-path tree for each destination, without rows in `routes`; the trees follow changes of the "
        f"network, for up to {MOST_TREES:,} nodes. With `reroute` `fast` each pair gets a route of its own "
        f"instead, for up to {MOST_PATHS_AHEAD} nodes.",
    )
    reroute: Reroute = Field(
        default="none",
        description="What happens to routes over a link or node that is down. `none`: they stay, and what "
        "takes them waits or is lost. `fast`: within a second, pairs of nodes whose routes were computed "
        "take another path, if there is one, and their best one again when that works. Routes that somebody "
        "wrote always stay.",
    )


class MetricsTable(Table):
    """Measurements in the database."""

    keep: PositiveTime = Field(
        default=3600.0,
        description="How long they are kept there. A run exports its own when it ends.",
        examples=["1 h"],
    )


class ControllerTable(Table):
    """The controller's server."""

    listen: Listen = Field(
        default="127.0.0.1:0",
        description="Address and port where dataplane processes connect. Port 0: any free port. An address "
        "that is not this machine's loopback demands TLS.",
        examples=["127.0.0.1:7700"],
    )
    public: Host | None = Field(
        default=None,
        description="Where machines of sites reach it, for the commands that it prints; the port of `listen` "
        "unless it has one of its own. Without it: the address of `listen`, or of this machine.",
        examples=["lab.example"],
    )
    tls: bool | None = Field(
        default=None,
        description="Whether they connect with TLS. Without it: where `listen` is beyond this machine. The "
        "certificate is made for the experiment, unless `nextmini controller` is given one.",
    )
