"""Files that a scenario names: where these names lead to, and what is said of a file that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.scenario.flow_sizes import FlowSizes
    from nextmini.scenario.imports.csv_table import NodeList
    from nextmini.scenario.imports.formats import Format, Read
    from nextmini.scenario.matrix import Matrix
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

    def matrix(self, name: str) -> Matrix:
        """The traffic matrix in the file of this name. Raises BadFileError."""

    def algorithm(self, use: str) -> str:
        """What is to be used, with the whole path of a file. Raises BadFileError if there is no such file."""

    def whole_path(self, name: str) -> str:
        """The whole path of the file of this name. Raises BadFileError if there is none."""

    def sizes(self, name: str) -> FlowSizes:
        """The distribution of sizes in the file of this name. Raises BadFileError."""

    def topology(self, name: str, format: Format | None) -> Read:
        """The graph in the file of this name. Raises BadFileError."""

    def node_list(self, name: str) -> NodeList:
        """The nodes in the file of this name. Raises BadFileError."""


def lines_of(content: bytes, file: str) -> Iterator[tuple[int, str]]:
    """The lines of a text and their numbers, without those that are empty or begin with #.

    Raises BadFileError at a line that is not UTF-8.
    """
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            message = "this line is not text in UTF-8"
            raise BadFileError(file, number, message, "save the file as UTF-8") from None
        if text and not text.startswith("#"):
            yield number, text


def refuse_file(error: BadFileError) -> NoReturn:
    """Refuses a value that names a file which cannot be used: for use in validators."""
    context: dict[str, Any] = {"message": error.message, "remedy": error.remedy}
    if error.line is not None:
        context["place"] = (error.file, error.line)
    raise PydanticCustomError("refused", "{message}", context) from None
