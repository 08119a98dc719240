"""Files that a scenario names: where these names lead to, and what is said of a file that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from nextmini.scenario.trace import TraceSource
    from nextmini.scenario.users import Users


class BadFileError(Exception):
    """A file cannot be used: which line (if it is one), what is wrong, what to do."""

    def __init__(self, file: str, line: int | None, message: str, remedy: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.message = message
        self.remedy = remedy


class ScenarioFiles(Protocol):
    """Where names of files in a scenario lead to; the context of its validation."""

    def trace(self, name: str) -> TraceSource | str:
        """The trace in the file of this name, or the name if the scenario itself has one of this name.

        Raises BadFileError.
        """

    def users(self, name: str) -> Users:
        """The users in the file of this name. Raises BadFileError."""


def refuse_file(error: BadFileError) -> NoReturn:
    """Refuses a value that names a file which cannot be used: for use in validators."""
    context: dict[str, Any] = {"message": error.message, "remedy": error.remedy}
    if error.line is not None:
        context["place"] = (error.file, error.line)
    raise PydanticCustomError("refused", "{message}", context) from None
