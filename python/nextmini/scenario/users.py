"""Who may use an entrance to the network: a file of names and passwords, and what is kept of it.

Of a name and its password only their credential is kept: HMAC-SHA256 of the password, with the name as key.
"""

import hmac
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import PlainValidator, ValidationInfo

from nextmini.scenario.fields import Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, refuse_file

MOST_USERS = 5_000
"""Of one node: a process is told of all of them in one message."""
LARGEST_MIB = 4
"""Of a file of so many."""
_LONGEST = 255
"""Bytes of a name or a password (RFC 1929)."""
_EXAMPLE = "write a line for each user, as in alice:secret"


@dataclass(frozen=True, slots=True)
class Users:
    """The credentials that stand in a `file`, in its order."""

    file: str
    credentials: tuple[str, ...]


def credential(name: bytes, password: bytes) -> str:
    """What is kept of a name and its password: 64 hexadecimal digits."""
    return hmac.new(name, password, "sha256").hexdigest()


def parse_users(content: bytes, file: str) -> tuple[str, ...]:
    """The credentials in a file's content: a line `name:password` for each user.

    Lines that begin with # and empty ones count for nothing. What is said of a line never shows what may be a
    password. Raises BadFileError with the first line that is wrong.
    """
    found: dict[bytes, tuple[int, str]] = {}
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        entry = line.removesuffix(b"\r")
        if not entry.strip() or entry.startswith(b"#"):
            continue
        name, password = _halves(entry, file, number)
        if name in found:
            message = f"line {found[name][0]} has this name too"
            raise BadFileError(file, number, message, "keep one line for each name")
        found[name] = (number, credential(name, password))
    if not found:
        raise BadFileError(file, None, f"there are no users in {file}", _EXAMPLE)
    if len(found) > MOST_USERS:
        message = f"there are {len(found):,} users in {file}"
        raise BadFileError(file, None, message, f"keep to {MOST_USERS:,}")
    return tuple(kept for _, kept in found.values())


def _halves(entry: bytes, file: str, number: int) -> tuple[bytes, bytes]:
    """The name and the password of a line."""

    def wrong(message: str, remedy: str = _EXAMPLE) -> NoReturn:
        raise BadFileError(file, number, message, remedy)

    try:
        entry.decode()
    except UnicodeDecodeError:
        wrong("this line is not text in UTF-8", "save the file as UTF-8")
    name, colon, password = entry.partition(b":")
    if not colon:
        wrong("there is no colon in this line")
    for what, half in (("name", name), ("password", password)):
        if not half:
            wrong(f"this line has no {what}")
        if len(half) > _LONGEST:
            wrong(f"the {what} in this line has {len(half)} bytes", f"write at most {_LONGEST}")
    return name, password


def _users(value: Any, info: ValidationInfo) -> Users | None:
    if value is None or isinstance(value, Users):
        return value
    name = plain_text(value, "the path of a file")
    if info.context is None:
        refuse(f"{name} cannot be read here", "load the scenario from a file")
    try:
        found: Users = info.context.users(name)
    except BadFileError as error:
        refuse_file(error)
    return found


AUsers = Annotated[
    Users | None,
    PlainValidator(_users),
    Written("file", {"type": "string", "minLength": 1, "examples": ["users.txt"]}),
]
