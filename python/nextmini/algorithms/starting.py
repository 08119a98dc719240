"""A first file of an algorithm, for somebody to go on with."""

from __future__ import annotations

import re

_TEXT = '''"""{title}: an algorithm for Nextmini. See docs/algorithms.md.

    nextmini algorithm check {file}           # does it do what every algorithm should?
    nextmini algorithm run {file}             # on an experiment that runs
    nextmini algorithm run {file} --set limit="50 %"

In a scenario, which then starts it by itself:

    [[algorithms]]
    use = "{file}"
    parameters = {{ limit = "80 %" }}
"""

from collections.abc import Sequence

from pydantic import Field

from nextmini.algorithms import Algorithm, Flow, LinkSample, Network, Share, TopologyChange


class {title}(Algorithm):
    """Gives pairs of nodes whose links are busy a larger cost, so that new routes go elsewhere."""

    class Parameters(Algorithm.Parameters):
        """What users may set; see the types of nextmini.algorithms for rates, sizes, times and shares."""

        limit: Share = Field(default=0.8, description="Share of a link's rate from which on it is busy.")
        cost: float = Field(default=10.0, gt=1, description="What a busy link costs, and others cost 1.")

    parameters: Parameters

    # Seconds between two calls of on_timer; None: never.
    timer = None

    def on_start(self, network: Network) -> None:
        """Called first. What is decided here is in force before the flows of a scenario begin."""
        print(f"{{len(network.nodes)}} nodes, {{len(network.links)}} links")  # goes to the log

    def on_link_metrics(self, network: Network, samples: Sequence[LinkSample]) -> None:
        """Called with what was measured. Every hook may change the network, by its methods."""
        for number in {{sample.link for sample in samples}}:
            link = network.links.get(number)
            if link is None:
                continue  # what is told of may be gone already
            busy = False
            for node in (link.a, link.b):
                rate = link.direction(node).rate
                if rate is not None and network.throughput(link.id, node) > self.parameters.limit * rate:
                    busy = True
            # What is so already is no change, and written nowhere.
            network.set_cost(link, self.parameters.cost if busy else 1.0)

    def on_topology_change(self, network: Network, change: TopologyChange) -> None:
        """Called when nodes or links come, go, go down, come up or have other settings."""

    def on_flow_started(self, network: Network, flow: Flow) -> None:
        """Called when a flow has begun; on_flow_finished when it has ended."""
'''


def starting_file(name: str, file: str) -> str:
    """The text of a file called `file`, with an algorithm called as `name` says."""
    return _TEXT.format(title=class_name(name), file=file)


def class_name(name: str) -> str:
    """`load-balancer` is LoadBalancer."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"Algorithm{joined}"
