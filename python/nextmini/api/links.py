"""A link, in a program's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nextmini.api.network import Network

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True, slots=True)
class Link:
    """The link between the nodes `a` and `b`. "forward" is from `a` to `b`.

    Every method returns when the change is in force, and raises RunError if it is refused.
    """

    network: Network
    a: str
    b: str

    def set(self, direction: Direction = "both", **settings: Any) -> dict[str, Any]:
        """Changes settings, which are those of a link in a scenario, as in `delay="50 ms"`; None unsets one.

        Returns what is in force then. Raises ScenarioError if the link cannot be so.
        """
        return self.network.set_link(self, direction, settings)

    def down(self) -> None:
        """Takes it down."""
        self.network.set_link_up(self, False)

    def up(self) -> None:
        """Takes it up again."""
        self.network.set_link_up(self, True)

    def show(self) -> dict[str, Any]:
        """Its settings, its state and its counters, as `nextmini link A B show --json` has them."""
        return self.network.show_link(self)

    def remove(self) -> None:
        """Takes it away."""
        self.network.remove_link(self)
