"""The rows of a running experiment, for as long as a command needs them."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from nextmini.errors import RunError
from nextmini.live.choice import LiveError
from nextmini.scenario.wording import nearest
from nextmini.store import embedded_server
from nextmini.store.live import LiveStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from nextmini.scenario import Link, Node
    from nextmini.store import Desired, Registration, StateFolder

T = TypeVar("T")

CONFIRM_SECONDS = 30.0
"""How long a change may take until it is in force."""
MOST_NAMES = 10


@asynccontextmanager
async def database(state: StateFolder, registration: Registration) -> AsyncIterator[str]:
    """The address of an experiment's database, which stays up meanwhile. Raises DatabaseError."""
    if registration.database_url is not None:
        yield registration.database_url
        return
    async with embedded_server(state.path) as dsn:
        yield dsn


@asynccontextmanager
async def session(state: StateFolder, registration: Registration) -> AsyncIterator[LiveStore]:
    """The experiment's store. Raises DatabaseError."""
    async with database(state, registration) as dsn, await LiveStore.open(dsn, registration.name) as store:
        yield store


async def until_confirmed(
    store: LiveStore,
    look: Callable[[], Awaitable[T | None]],
    what: str,
    seconds: float | None = CONFIRM_SECONDS,
) -> tuple[T, float]:
    """What `look` finds, once it finds something, and after how many seconds.

    It looks whenever a state changes. Raises RunError when there is nothing to be found within `seconds`.
    """
    began = time.monotonic()
    changes = store.changes("state")
    try:
        async with asyncio.timeout(seconds):
            async for _ in changes:
                found = await look()
                if found is not None:
                    return found, time.monotonic() - began
    except TimeoutError:
        pass
    finally:
        changes.close()
    if seconds is None:
        raise RunError(f"{what} was not seen: the experiment is over")
    raise RunError(
        f"{what} is not confirmed after {seconds:g} seconds", "see `nextmini status` and `nextmini logs`"
    )


def find_node(desired: Desired, name: str) -> Node:
    """The node with this name. Raises LiveError, with names that are near."""
    for node in desired.nodes.values():
        if node.name == name:
            return node
    raise no_node(name, [node.name for node in desired.nodes.values()])


def no_node(name: str, known: Iterable[str]) -> LiveError:
    """There is no node of this name; with names that are near."""
    names = list(known)
    meant = nearest(name, names)
    return LiveError(
        f"there is no node {name!r}",
        f"did you mean {meant}?" if meant is not None else f"the nodes are {listed(names)}",
    )


def find_link(desired: Desired, a: str, b: str) -> Link:
    """The link between these two nodes. Raises LiveError, with the links that there are."""
    first, second = find_node(desired, a), find_node(desired, b)
    links = desired.links.values()
    for link in links:
        if {link.a, link.b} == {first.id, second.id}:
            return link
    others = [link.b if link.a == first.id else link.a for link in links if first.id in (link.a, link.b)]
    if not others:
        raise LiveError(f"there is no link between {a} and {b}", f"{a} has none at all")
    ends = listed(desired.nodes[other].name for other in sorted(others))
    raise LiveError(f"there is no link between {a} and {b}", f"{a} has links to {ends}")


def listed(names: Iterable[str]) -> str:
    """Names for an error message, but not thousands of them."""
    some = list(names)
    more = f" and {len(some) - MOST_NAMES} more" if len(some) > MOST_NAMES else ""
    return ", ".join(some[:MOST_NAMES]) + more
