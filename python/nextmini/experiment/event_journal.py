"""The journal of events, in an experiment's folder, for a controller that goes on for one that was killed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.controller.events import Journal

_NAME = "events"
_FORMAT = 1
"""Changes with what a Journal is made of."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def keep_events(folder: Path, journal: Journal) -> None:
    """Writes the journal, as a whole or not at all."""
    partial = folder / f"{_NAME}.part"
    partial.write_bytes(_head() + pickle.dumps(journal))
    os.replace(partial, folder / _NAME)


def kept_events(folder: Path) -> Journal | None:
    """What was written; None if flows had not begun. Raises ValueError if it is of no use."""
    try:
        content = (folder / _NAME).read_bytes()
    except FileNotFoundError:
        return None
    if not content.startswith(_head()):
        raise ValueError("its events were noted by another version, or before this machine was started")
    journal: Journal = pickle.loads(content[len(_head()) :])  # noqa: S301 - in a folder for its owner alone
    return journal


def _head() -> bytes:
    """Its times are by a clock that begins with the machine."""
    return f"{_FORMAT} {_BOOT.read_text(encoding='ascii').strip()}\n".encode()
