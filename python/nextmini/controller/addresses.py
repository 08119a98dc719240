"""Which addresses processes have to be told of: those of all nodes, as they come and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.protocol import AddressRecord

if TYPE_CHECKING:
    from nextmini.scenario import Node


class AddressLog:
    """All changes of addresses in their order; a process needs those that came after it was told last."""

    def __init__(self) -> None:
        self._entries: list[AddressRecord] = []
        self._now: dict[int, AddressRecord] = {}

    def note(self, id: int, node: Node | None) -> None:
        """The node is there with its addresses; None: it is no more."""
        before = self._now.get(id)
        if node is not None:
            record = AddressRecord(id, node.name, node.address, node.address6)
        elif before is not None and before.address is not None:
            record = AddressRecord(id, "", None)
        else:
            return
        if record != before:
            self._now[id] = record
            self._entries.append(record)

    def since(self, told: int) -> list[AddressRecord]:
        """What changed since the log had `told` entries, of each node the newest."""
        return list({record.node: record for record in self._entries[told:]}.values())

    def __len__(self) -> int:
        return len(self._entries)
