"""Exit codes in words."""

from __future__ import annotations

import signal


def describe_exit(code: int) -> str:
    """An exit code, or the negative number of a signal, in words."""
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"
