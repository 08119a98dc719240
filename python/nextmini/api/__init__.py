"""Networks in Python: built by code or from a scenario, run, looked at, changed. See docs/api.md."""

from nextmini.api.asynchronous import AsyncNetwork
from nextmini.api.flows import Flow
from nextmini.api.links import Link
from nextmini.api.network import Network
from nextmini.api.nodes import Completed, Node
from nextmini.api.routes import Route

__all__ = ["AsyncNetwork", "Completed", "Flow", "Link", "Network", "Node", "Route"]
