"""A deployment to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.deploy.planning import Wishes, plan
from nextmini.deploy.spreading import spread
from nextmini.scenario import loads

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Deployment

RING = """
[experiment]
name = "ring"
[network]
isolation = "namespace"
limits = { cpu = 0.5 }
[topology]
kind = "ring"
nodes = 5
[[nodes]]
name = "n2"
limits = { memory = "64 MiB" }
"""


def deployed(text: str = RING, per_container: int = 1, postgres: str | None = None) -> Deployment:
    return plan(spread(loads(text), per_container), Wishes("nextmini:1", postgres))
