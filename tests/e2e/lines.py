"""What links are put to whatever carries them: flows both ways, cuts, and links that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from program import said
from test_live import up

if TYPE_CHECKING:
    from program import Program

BOTH_WAYS = """
[[flows]]
name = "there"
source = "n1"
destination = "n6"
size = "5 MB"
[[flows]]
name = "back"
source = "n6"
destination = "n1"
size = "5 MB"
[[flows]]
name = "stack"
kind = "tcp"
source = "n1"
destination = "n5"
size = "2 MB"
rate = "100 Mbit/s"
"""
BOTH_WAYS_BYTES = {"there": 5_000_000, "back": 5_000_000, "stack": 2_000_000}


def line(transport: str) -> str:
    """Four nodes in two processes, and a flow from end to end."""
    return f"""
[experiment]
name = "line"
processes = 2
interval = "100 ms"
[network]
transport = "{transport}"
[topology]
kind = "line"
nodes = 4
[[flows]]
name = "long"
source = "n1"
destination = "n4"
duration = "1 h"
rate = "20 Mbit/s"
"""


def transports(program: Program, document: dict[str, Any]) -> list[str]:
    """By what each link of a run was carried, in their order."""
    resolved = (program.work / document["folder"] / "scenario.toml").read_text()
    lines = [line.split(" = ") for line in resolved.splitlines()]
    return [words[1].strip('"') for words in lines if words[0] == "transport"]


def cut_and_mended(program: Program, transport: str) -> None:
    """The line is up; its middle link has been down, and a flow has crossed it since."""
    up(program, line(transport))
    cut = said(program, "link", "n2", "n3", "down")
    assert (cut["transport"], cut["up"]) == (transport, False)
    assert said(program, "link", "n2", "n3", "up")["up"]
    after = said(program, "flow", "add", "n4", "n1", "--size", "2 MB", "--wait")
    assert (after["status"], after["bytes"]) == ("completed", 2_000_000)


def with_a_shortcut(program: Program, transport: str, *words: str) -> None:
    """The line's ends have a link, of this transport as the line's own, until somebody removes it."""
    added = said(program, "link", "n1", "n4", "add", f"transport={transport}", *words, "delay=5 ms")
    assert (added["transport"], added["settings"]) == (transport, {"delay": "5 ms"})
    assert said(program, "link", "n4", "n1", "show")["transport"] == transport
