"""Parts of scenarios as texts, for networks whose nodes are single letters."""

from __future__ import annotations


def nodes(letters: str) -> str:
    """A table for each node."""
    return "".join(f'[[nodes]]\nname = "{letter}"\n' for letter in letters)


def link(ends: str, *said: str) -> str:
    """A link between two nodes, with these lines."""
    return "\n".join(("[[links]]", f'ends = ["{ends[0]}", "{ends[1]}"]', *said, ""))


def links(*all_ends: str) -> str:
    """Links of which nothing is said."""
    return "".join(map(link, all_ends))
