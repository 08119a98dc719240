"""Every exception that Nextmini raises on purpose.

NextminiError
├── ScenarioError        the scenario cannot be honoured (exit code 2)
├── PrerequisiteError    this machine lacks something that was asked for (exit code 2)
├── DatabaseError        PostgreSQL cannot be started, reached or used (exit code 2)
│   └── RefusedError     it refuses what was asked, and would do so again (exit code 2)
├── ControllerError      the controller cannot start or was refused (exit code 2)
├── AlgorithmError       an algorithm cannot be found, loaded or given these parameters (exit code 2)
├── DecisionError        an algorithm wants something that cannot be (exit code 1)
├── ProtocolError        a control message that the protocol does not allow (exit code 1)
└── RunError             an experiment started and then failed (exit code 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class NextminiError(Exception):
    """What went wrong, where, and (`remedy`) what to do about it."""

    exit_code = 1

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message if remedy is None else f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a scenario, at the place where its user wrote it."""

    file: str
    line: int | None
    key: str
    message: str
    remedy: str | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{where}: {self.key}: {self.message}"
        return text if self.remedy is None else f"{text}; {self.remedy}"


class ScenarioError(NextminiError):
    """The scenario is refused; `problems` lists everything that is wrong with it."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class PrerequisiteError(NextminiError):
    """This machine lacks something that was asked for."""

    exit_code = 2


class DatabaseError(NextminiError):
    """PostgreSQL cannot be started, reached or used."""

    exit_code = 2


class RefusedError(DatabaseError):
    """PostgreSQL can be used, and refuses what was asked: to try again is of no use."""


class ControllerError(NextminiError):
    """The controller cannot start: its port is taken, or another one has the experiment."""

    exit_code = 2


class AlgorithmError(NextminiError):
    """An algorithm cannot be found or loaded, or cannot have these parameters."""

    exit_code = 2


class DecisionError(NextminiError):
    """An algorithm wants something that cannot be; the message names the row and the reason."""


class ProtocolError(NextminiError):
    """A peer sent a control message that the protocol does not allow."""


class RunError(NextminiError):
    """An experiment started and then failed."""
