"""What an experiment's things are called in PostgreSQL: its schema, channels and locks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from nextmini.errors import DatabaseError

Topic = Literal["desired", "state", "metrics"]

# PostgreSQL cuts longer names off without a word.
_LONGEST_NAME = 63
# What is left for a schema between "nextmini:" and ":metrics".
_LONGEST_IN_CHANNEL = 46


@dataclass(frozen=True, slots=True)
class Naming:
    """The names for one experiment, whose schema is called like it."""

    schema: str

    @classmethod
    def of(cls, experiment: str) -> Naming:
        """Raises DatabaseError if PostgreSQL cannot have a schema of this name."""
        size = len(experiment.encode())
        if not 1 <= size <= _LONGEST_NAME or "\0" in experiment:
            raise DatabaseError(
                f"the experiment's name {experiment!r} cannot name a schema in PostgreSQL ({size} bytes)",
                f"choose one of 1 to {_LONGEST_NAME} bytes",
            )
        if experiment.startswith("pg_") or experiment == "information_schema":
            raise DatabaseError(
                f"the experiment's name {experiment!r} is reserved by PostgreSQL", "choose another name"
            )
        return cls(experiment)

    @property
    def quoted(self) -> str:
        """The schema as it stands in SQL and in a search_path."""
        return '"' + self.schema.replace('"', '""') + '"'

    def channel(self, topic: Topic) -> str:
        """Where changes are announced; the function announce_channel of the migrations does the same."""
        name = self.schema
        if len(name.encode()) > _LONGEST_IN_CHANNEL:
            name = hashlib.sha256(name.encode()).hexdigest()[:32]
        return f"nextmini:{name}" if topic == "desired" else f"nextmini:{name}:{topic}"

    def lock(self, purpose: str) -> int:
        """The key of an advisory lock."""
        digest = hashlib.sha256(f"nextmini:{purpose}:{self.schema}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)
