"""Connections to PostgreSQL, embedded or not, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from nextmini.errors import DatabaseError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.store.naming import Naming

OLDEST_SERVER = 14

_CONNECT_SECONDS = 10.0
# A server that recovers from a crash, or is just starting, says so; ours needs less than a second.
_STARTING_SECONDS = 15.0
_RETRY_SECONDS = 0.05
# A server that starts over after a crash cuts off whoever comes just then; what is no server may go on so.
_MOST_RESETS = 20

# What asyncpg raises, when a server refuses, dies or is not there.
_REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.SyntaxOrAccessError)
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turns what asyncpg raises into DatabaseError: `<what>: <reason>`.

    It is a RefusedError if rows cannot be as they were to be, or this user may not do it.
    """
    try:
        yield
    except _REFUSALS as error:
        raise RefusedError(f"{what}: {reason(error)}") from error
    except FAILURES as error:
        raise DatabaseError(f"{what}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """An error in one line; some of asyncpg's have no text."""
    return " ".join(str(error).split()) or type(error).__name__


def server_settings(naming: Naming, role: str) -> dict[str, str]:
    """Settings for a connection that works in an experiment's schema and says who it is."""
    return {
        "search_path": naming.quoted,
        "application_name": f"nextmini {role} (process {os.getpid()} on {socket.gethostname()})"[:63],
        # A client whose machine has vanished must not hold its locks for hours.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }


async def connect(dsn: str, settings: dict[str, str] | None = None) -> Connection:
    """Connects, waiting for a server that is still starting.

    Raises DatabaseError, which never shows the password.
    """
    if not dsn.startswith(("postgresql://", "postgres://")):  # asyncpg would guess what is meant
        raise _no_url(dsn, "it begins otherwise")
    resets = 0
    try:
        async with asyncio.timeout(_STARTING_SECONDS):
            while True:
                try:
                    return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS, server_settings=settings)
                except asyncpg.CannotConnectNowError:
                    pass
                except asyncpg.ConnectionDoesNotExistError:
                    resets += 1
                    if resets > _MOST_RESETS:
                        raise
                await asyncio.sleep(_RETRY_SECONDS)
    except (*FAILURES, ValueError) as error:
        raise _refused(dsn, error) from error


def redacted(dsn: str) -> str:
    """The address without its password, for people."""
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        return "the given URL"
    if parts.scheme not in ("postgresql", "postgres"):
        return "the given URL"
    if not parts.hostname:  # over a unix socket; the query names its folder, and may name a password
        return f"{parts.scheme}://{parts.username or ''}@{parts.path}"
    return f"{parts.scheme}://{parts.username or ''}@{parts.hostname}:{port or 5432}{parts.path}"


def _refused(dsn: str, error: BaseException) -> DatabaseError:
    where = redacted(dsn)
    text = reason(error)
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return DatabaseError(
                f"{where} refuses this user: {text}", "check the user and the password in the URL"
            )
        case asyncpg.InvalidCatalogNameError():
            return DatabaseError(f"{where}: {text}", "create it (createdb), or name another in the URL")
        case asyncpg.TooManyConnectionsError():
            return DatabaseError(f"{where}: {text}", "raise its max_connections, or end what uses it")
        case asyncpg.CannotConnectNowError():
            return DatabaseError(f"{where}: {text}", "try again once it has started")
        case asyncpg.ClientConfigurationError() | ValueError():
            return _no_url(dsn, type(error).__name__)  # whose text may show the password
        case asyncpg.PostgresError():
            return DatabaseError(f"{where}: {text}")
        case _:
            return DatabaseError(
                f"{where} cannot be reached: {text}", "check that the server runs and listens there"
            )


def _no_url(dsn: str, why: str) -> DatabaseError:
    return DatabaseError(
        f"{redacted(dsn)} is no URL of a PostgreSQL database ({why})",
        "write postgresql://user:password@host:port/database",
    )
