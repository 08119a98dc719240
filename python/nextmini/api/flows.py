"""A flow, in a program's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.api.network import Network
    from nextmini.api.routes import Route
    from nextmini.store import FlowState


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow of a network that runs, by its name."""

    network: Network
    name: str

    @property
    def state(self) -> FlowState | None:
        """How far it has come: `status`, `bytes`, `seconds` and more; None before it has begun."""
        return self.network.flow_state(self)

    def wait(self) -> FlowState:
        """Its state when it has ended; returns then."""
        return self.network.wait_for_flow(self)

    def pin(self, route: Route) -> None:
        """Has it take this route, whatever the weights say; returns when it does.

        Raises LiveError if that goes elsewhere, RunError if it cannot be.
        """
        self.network.pin_flow(self, route)

    def unpin(self) -> None:
        """Has it take the route that the weights give it."""
        self.network.pin_flow(self, None)

    def stop(self) -> FlowState:
        """Stops it, if it has not ended; its last state."""
        return self.network.stop_flow(self)
