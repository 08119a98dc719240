"""Keys and values that later versions bring: refused by name until then, never ignored."""

from __future__ import annotations

LATER_KEYS: dict[str, dict[str, str]] = {
    "": {
        "checks": "conditions that the results must meet",
    },
}

LATER_VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("network", "isolation"): ("docker",),
}
