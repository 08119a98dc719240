"""How many files this process may have open."""

from __future__ import annotations

import resource

_OTHERS = 1024


def allow_files(number: int) -> None:
    """Lets this process open so many more files than usual, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OTHERS + number if hard == resource.RLIM_INFINITY else min(_OTHERS + number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
