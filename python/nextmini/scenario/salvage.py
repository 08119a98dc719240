"""What can still be understood of a scenario in which some keys are wrong.

Problems between keys (a link to a node that does not exist) are to be told together with the problems of
single keys. So the keys that were refused are left out, then the entries that cannot do without them. The
rest is looked at, and what may only be wrong for want of a key that was left out is not believed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from nextmini.scenario.direction import DirectionKeys
from nextmini.scenario.expansion import expand
from nextmini.scenario.understanding import understand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nextmini.scenario.files import ScenarioFiles
    from nextmini.scenario.findings import Finding, Path

_STAND_IN_NAME = "unnamed"
SETTINGS = frozenset(DirectionKeys.model_fields) | {"forward", "backward", "set", "link"}
"""Keys of a link, its event or its topology that are judged together."""
_COMPARED = frozenset(
    ("flows", "demands", "classes", "traces", "apps", "algorithms", "socks", "max", "sites")
)
"""Tables of which one entry or key may be wrong for another."""
_OF_A_KIND = frozenset(("weight", "packet_size", "arrival", "ecn", "rate", "congestion", "family"))
"""Keys of flows that not every kind has, or that some must have."""


def further_findings(
    data: dict[str, Any], findings: Iterable[Finding], files: ScenarioFiles | None = None
) -> list[Finding]:
    """What is wrong between the keys of `data`, apart from those that `findings` are about."""
    left = _Left(data)
    for finding in findings:
        left.remove(finding.path)
    for _ in range(3):  # each time, entries go that are wrong for want of a key
        scenario, refused = understand(left.data(), files)
        if scenario is not None:
            _, found = expand(scenario, frozenset(left.doubtful))
            there = [finding._replace(path=left.original(finding.path)) for finding in found]
            return [finding for finding in there if left.believes(finding.path)]
        for path in [left.original(finding.path) for finding in refused]:
            left.remove_entry(path)
    return []


class _Left:
    """The data of a scenario without some keys and entries; `doubtful` are the tables that lost entries."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._tables = {key: value for key, value in data.items() if isinstance(value, dict)}
        self._lists = {key: dict(enumerate(value)) for key, value in data.items() if isinstance(value, list)}
        self._gone: defaultdict[Path, set[str]] = defaultdict(set)
        self.doubtful: set[str] = set()

    def remove(self, path: Path) -> None:
        """Leaves out the key at `path`, or the entry if little can be said without that key."""
        entry = path[: _depth(path)]
        short = len(path) <= len(entry) or path[0] == "demands"
        if short or (path[0] == "flows" and path[2] == "between"):
            self.remove_entry(path)
            return
        self._gone[entry].add(str(path[len(entry)]))
        if path[0] == "topology" and path[1] != "link":
            self.doubtful |= {"nodes", "links"}
        if path[0] in _COMPARED:
            self.doubtful.add(str(path[0]))
        if path[0] == "nodes" and path[2] == "site":
            self.doubtful.add("sites")
        if _of_max_mode(path):
            self.doubtful.add("max")

    def remove_entry(self, path: Path) -> None:
        """Leaves out the entry of a list, or the table, in which `path` is."""
        table = str(path[0]) if path else ""
        if table == "experiment":
            self._tables[table] = {**self._tables.get(table, {}), "name": _STAND_IN_NAME}
            self._gone[("experiment",)].discard("name")
        elif _depth(path) == 2 and table in self._lists:
            self._lists[table].pop(int(path[1]), None)
        else:
            self._tables.pop(table, None)
            self._lists.pop(table, None)
        if table in _COMPARED:
            self.doubtful.add(table)
        if table in ("topology", "nodes", "links"):
            self.doubtful |= {"links"} if table == "links" else {"nodes", "links"}

    def data(self) -> dict[str, Any]:
        """What is left."""
        tables: dict[str, Any] = {name: self._without((name,), table) for name, table in self._tables.items()}
        lists = {
            name: [self._without((name, place), entry) for place, entry in entries.items()]
            for name, entries in self._lists.items()
        }
        return tables | lists

    def original(self, path: Path) -> Path:
        """A path into what is left, as a path into the whole."""
        if _depth(path) == 2:
            places = list(self._lists[str(path[0])])
            return (path[0], places[int(path[1])], *path[2:])
        return path

    def believes(self, path: Path) -> bool:
        """Whether what was found at `path` would be wrong too if no key had been left out."""
        depth = _depth(path)
        missing = self._gone[path[:depth]]
        if path[0] == "apps" and len(path) == depth:
            return "isolation" not in self._gone[("network",)]
        if _of_max_mode(path) and "isolation" in self._gone[("network",)]:
            return False
        if len(path) == depth:
            timed = path[0] in ("flows", "demands") and "duration" in self._gone[("experiment",)]
            return not missing and not timed
        key = str(path[depth])
        if not self._believes_settings(path, key, missing):
            return False
        if key == "address" and "prefix" in self._gone[("network",)]:
            return False
        if path[-1] in ("congestion", "datagrams") and path[0] in ("links", "topology"):
            # Whether it is possible depends on the transport.
            related = (("network",), ("topology",), path[:depth])
            return not any({"transport", "link"} & self._gone[entry] for entry in related)
        if path == ("network", "datagrams"):
            return not any({"transport", "link"} & keys for keys in self._gone.values())
        if path == ("network", "transport"):
            return not any("transport" in keys for entry, keys in self._gone.items() if entry[0] == "links")
        return key not in missing and not (path[0] == "routes" and "both" in missing)

    def _believes_settings(self, path: Path, key: str, missing: set[str]) -> bool:
        """Whether settings of a link or of a flow could be judged although some of them are not known."""
        without_mtu = "mtu" in self._gone[("network",)]
        if path[0] == "flows":
            known = "kind" not in missing or key not in _OF_A_KIND
            return known and not (key == "packet_size" and without_mtu)
        if path[0] not in ("links", "topology", "events") or key not in SETTINGS:
            return True
        if path[-1] == "burst" and without_mtu:
            return False
        related = {("topology",), path[: _depth(path)]}
        if path[0] == "events":
            related |= {entry for entry in self._gone if entry[:1] in (("links",), ("events",))}
        return not any(self._gone[entry] & SETTINGS for entry in related)

    def _without(self, path: Path, table: Any) -> Any:
        gone = self._gone.get(path)
        if gone is None or not isinstance(table, dict):
            return table
        return {key: value for key, value in table.items() if str(key) not in gone}


def _of_max_mode(path: Path) -> bool:
    """Whether a path leads to something that is said of max mode, or of entrances."""
    return path[0] in ("socks", "max") or (path[0] == "nodes" and path[2:3] == ("max",))


def _depth(path: Path) -> int:
    """How much of `path` leads to a table: 2 for an entry of a list, else 1."""
    return 2 if len(path) > 1 and isinstance(path[1], int) else 1
