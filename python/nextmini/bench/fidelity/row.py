"""What one setting is measured by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nextmini.bench.figures import significant

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["bit/s", "ms", "share"]


@dataclass(frozen=True, slots=True)
class Row:
    """What was asked for and what came of it, in `unit`; of a rate, `error` and `bound` are shares of it.

    `bound`: the least and the largest error that is in order. `facts` tell how it was measured.
    """

    setting: str
    unit: Unit
    asked: float
    measured: float
    error: float
    bound: tuple[float, float]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the error is in order."""
        least, largest = self.bound
        return least <= self.error <= largest

    def document(self) -> dict[str, Any]:
        """The row for `--json`."""
        return {
            "setting": self.setting,
            "unit": self.unit,
            "asked": self.asked,
            # An error of a hundred-thousandth is to be seen.
            "measured": float(f"{self.measured:.7g}"),
            "error": significant(self.error),
            "bound": [significant(limit) for limit in self.bound],
            "passed": self.passed,
            **self.facts,
        }
