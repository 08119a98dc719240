"""Files of traces, read once each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.scenario.trace import BadTraceError, TraceSource, parse_mahimahi

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 64 * 1024 * 1024


class TraceFolder:
    """Files in and below a folder; `names` are of traces that the scenario itself has."""

    def __init__(self, folder: Path, names: frozenset[str]) -> None:
        self._folder = folder
        self._names = names
        self._known: dict[str, TraceSource | BadTraceError] = {}

    def trace(self, name: str) -> TraceSource | str:
        """The trace in a file, or the name of one that is no file. Raises BadTraceError."""
        if name in self._names:
            return name
        if name not in self._known:
            try:
                self._known[name] = _read(self._folder / name, name)
            except BadTraceError as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, BadTraceError):
            raise found
        return found


def names_in(data: dict[str, Any]) -> frozenset[str]:
    """The names under which a scenario's data has traces."""
    entries = data.get("traces")
    tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return frozenset(entry["name"] for entry in tables if isinstance(entry.get("name"), str))


def _read(path: Path, name: str) -> TraceSource:
    try:
        if not path.is_file():
            what = "this is a folder" if path.is_dir() else f"there is no file {path}"
            remedy = "name a file, from the folder of the scenario on, or a trace of [[traces]]"
            raise BadTraceError(str(path), None, what, remedy)
        if path.stat().st_size > _LARGEST:
            raise BadTraceError(str(path), None, f"{path} is larger than 64 MiB", "use a shorter trace")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BadTraceError(
            str(path), None, f"{path} cannot be read: {reason}", "check its path and its permissions"
        ) from None
    # What is no text is no number, and so has a line too.
    return parse_mahimahi(content.decode("utf-8", "replace"), str(path), name)
