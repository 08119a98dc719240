"""Files in and below the folder of a scenario, read once each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from nextmini.scenario.files import BadFileError
from nextmini.scenario.flow_sizes import FlowSizes, parse_sizes
from nextmini.scenario.matrix import Matrix, parse_matrix
from nextmini.scenario.plugin_names import file_of, is_file
from nextmini.scenario.reading.beside import content_of, whole
from nextmini.scenario.trace import TraceSource, parse_mahimahi
from nextmini.scenario.users import LARGEST_MIB, Users, parse_users

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nextmini.scenario.imports.csv_table import NodeList
    from nextmini.scenario.imports.formats import Format, Read

T = TypeVar("T", TraceSource, Users, Matrix, FlowSizes)

_LARGEST_TRACE = 64
_LARGEST_MATRIX = 64
_LARGEST_SIZES = 4
LARGEST_TOPOLOGY = 16
_LARGEST_ALGORITHM = 16
"""MiB."""
_FROM_HERE = "name a file, from the folder of the scenario on"


class ScenarioFolder:
    """Files in and below a folder; `names` are of traces that the scenario itself has."""

    def __init__(self, folder: Path, names: frozenset[str]) -> None:
        self._folder = folder
        self._names = names
        self._traces: dict[str, TraceSource | BadFileError] = {}
        self._users: dict[str, Users | BadFileError] = {}
        self._matrices: dict[str, Matrix | BadFileError] = {}
        self._sizes: dict[str, FlowSizes | BadFileError] = {}

    def trace(self, name: str) -> TraceSource | str:
        """The trace in a file, or the name of one that is no file. Raises BadFileError."""
        return name if name in self._names else _once(self._traces, name, self._read_trace)

    def users(self, name: str) -> Users:
        """The users in a file. Raises BadFileError."""
        return _once(self._users, name, self._read_users)

    def matrix(self, name: str) -> Matrix:
        """The traffic matrix in a file. Raises BadFileError."""
        return _once(self._matrices, name, self._read_matrix)

    def sizes(self, name: str) -> FlowSizes:
        """The distribution of sizes in a file. Raises BadFileError."""
        return _once(self._sizes, name, self._read_sizes)

    def topology(self, name: str, format: Format | None) -> Read:
        """The graph in a file. Raises BadFileError."""
        from nextmini.scenario.imports.formats import read_graph

        path = self._folder / name
        return read_graph(content_of(path, LARGEST_TOPOLOGY, _FROM_HERE), str(path), format)

    def node_list(self, name: str) -> NodeList:
        """The nodes in a file of nodes. Raises BadFileError."""
        from nextmini.scenario.imports.csv_table import read_nodes

        path = self._folder / name
        return read_nodes(content_of(path, LARGEST_TOPOLOGY, _FROM_HERE), str(path))

    def algorithm(self, use: str) -> str:
        """What is to be used, with the whole path of a file. Raises BadFileError if there is no such file."""
        if not is_file(use):
            return use
        name, part = file_of(use)
        path = self._folder / name
        content_of(path, _LARGEST_ALGORITHM, _FROM_HERE)
        # The scenario may be written down elsewhere, and read again there.
        return str(path.absolute()) if part is None else f"{path.absolute()}:{part}"

    def whole_path(self, name: str) -> str:
        """The whole path of a file. Raises BadFileError if there is none."""
        return whole(self._folder / name, _FROM_HERE)

    def _read_trace(self, name: str) -> TraceSource:
        path = self._folder / name
        remedy = "name a file, from the folder of the scenario on, or a trace of [[traces]]"
        content = content_of(path, _LARGEST_TRACE, remedy)
        # What is no text is no number, and so has a line too.
        return parse_mahimahi(content.decode("utf-8", "replace"), str(path), name)

    def _read_users(self, name: str) -> Users:
        path = self._folder / name
        content = content_of(path, LARGEST_MIB, _FROM_HERE)
        # The scenario may be written down elsewhere, and read again there.
        return Users(str(path.absolute()), parse_users(content, str(path)))

    def _read_matrix(self, name: str) -> Matrix:
        path = self._folder / name
        return parse_matrix(content_of(path, _LARGEST_MATRIX, _FROM_HERE), str(path))

    def _read_sizes(self, name: str) -> FlowSizes:
        path = self._folder / name
        remedy = f'{_FROM_HERE}, or write "web-search", "data-mining" or a size as in "10 kB"'
        return parse_sizes(content_of(path, _LARGEST_SIZES, remedy), str(path), name)


def names_in(data: dict[str, Any]) -> frozenset[str]:
    """The names under which a scenario's data has traces."""
    entries = data.get("traces")
    tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return frozenset(entry["name"] for entry in tables if isinstance(entry.get("name"), str))


def _once(known: dict[str, T | BadFileError], name: str, read: Callable[[str], T]) -> T:
    """What `read` makes of a name, or why it cannot; both are kept in `known`."""
    if name not in known:
        try:
            known[name] = read(name)
        except BadFileError as error:
            known[name] = error
    found = known[name]
    if isinstance(found, BadFileError):
        raise found
    return found
