"""Control messages to MessagePack and back, with every field's type checked.

Encoding writes every field in its declared order, so that equal messages are equal bytes. Decoding ignores
unknown fields, accepts an absent field where null is allowed, and refuses everything else with a
ProtocolError that names the message and the field. The readers are compiled once, from the dataclasses'
annotations.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgpack  # type: ignore[import-untyped]

from nextmini.errors import ProtocolError
from nextmini.protocol.direction import DirectionRecord
from nextmini.protocol.messages import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextmini.protocol.messages import Message

    Reader = Callable[[object, str], Any]

MAX_INTEGER = 2**64 - 1

_NAMES: dict[type, str] = {cls: name for name, cls in TYPES.items()}


def encode(message: Message) -> bytes:
    """The MessagePack bytes of `message`."""
    packed: bytes = msgpack.packb(
        {"type": _NAMES[type(message)], **_plain_fields(message)}, use_bin_type=True
    )
    return packed


def size_of(record: object) -> int:
    """How many bytes a record takes in a message."""
    return len(msgpack.packb(plain(record), use_bin_type=True))


def decode(data: bytes) -> Message:
    """The message in `data`. Raises ProtocolError when it is not a known, well-formed one."""
    try:
        raw = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise ProtocolError(f"not a MessagePack document: {error or type(error).__name__}") from error
    if not isinstance(raw, dict):
        raise ProtocolError(f"a control message is a map, not {_kind(raw)}")
    name = raw.get("type")
    if not isinstance(name, str) or name not in TYPES:
        raise ProtocolError(f"unknown message type {name!r}")
    message: Message = _MESSAGES[name](raw, name)
    return message


def plain(value: object) -> object:
    """`value` (a message's field) as maps, lists and scalars; a float field stays a float."""
    if isinstance(value, tuple):
        # The path of a route has up to thousands of nodes: not one call for each.
        return list(value) if value and type(value[0]) is int else [plain(item) for item in value]
    if type(value) is DirectionRecord:
        return _plain_direction(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    return value


# Most links of a network are alike, and this is most of what is said of them.
@lru_cache(maxsize=4096)
def _plain_direction(direction: DirectionRecord) -> dict[str, object]:
    return _plain_fields(direction)


def _plain_fields(value: object) -> dict[str, object]:
    return {
        name: float(item) if is_float and item is not None else plain(item)
        for name, is_float in _layout(value)
        for item in (getattr(value, name),)
    }


Layout = tuple[tuple[str, bool], ...]
_LAYOUTS: dict[object, Layout] = {}


def _layout(value: object) -> Layout:
    """The value's fields in order, and whether each is a float (written as one, even if it is whole)."""
    cls: Any = type(value)
    variants = getattr(cls, "VARIANTS", None)
    key = cls if variants is None else (cls, getattr(value, fields(cls)[0].name))
    layout = _LAYOUTS.get(key)
    if layout is None:
        hints = get_type_hints(cls)
        names = [f.name for f in fields(cls)]
        if variants is not None:
            names = [names[0], *(name for name in names[1:] if name in variants[key[1]])]
        layout = tuple((name, hints[name] is float or float in get_args(hints[name])) for name in names)
        _LAYOUTS[key] = layout
    return layout


def _kind(value: object) -> str:
    names = {dict: "a map", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _read_integer(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ProtocolError(f"{where}: expected a whole number from 0 to 2^64-1, got {value!r:.80}")
    return value


def _read_float(value: object, where: str) -> float:
    if type(value) is not float and type(value) is not int:
        raise ProtocolError(f"{where}: expected a number, got {_kind(value)}")
    if not value >= 0 or value == float("inf"):
        raise ProtocolError(f"{where}: expected a finite number that is not negative, got {value!r}")
    return float(value)


def _read_boolean(value: object, where: str) -> bool:
    if type(value) is not bool:
        raise ProtocolError(f"{where}: expected a boolean, got {_kind(value)}")
    return value


def _read_string(value: object, where: str) -> str:
    if type(value) is not str:
        raise ProtocolError(f"{where}: expected a string, got {_kind(value)}")
    return value


def _read_bytes(value: object, where: str) -> bytes:
    if type(value) is not bytes:
        raise ProtocolError(f"{where}: expected binary data, got {_kind(value)}")
    return value


_SCALARS: dict[object, Reader] = {
    int: _read_integer,
    float: _read_float,
    bool: _read_boolean,
    str: _read_string,
    bytes: _read_bytes,
}


def _reader(hint: Any) -> Reader:
    """The function that checks and converts one value of the annotated type."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_reader(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _choice_reader(arguments)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) == 1:
            return _optional_reader(_reader(inner[0]))
    if origin is not tuple:
        raise TypeError(f"no reader for a field of type {hint}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _list_reader(_reader(arguments[0]))
    return _tuple_reader([_reader(argument) for argument in arguments])


def _choice_reader(choices: tuple[str, ...]) -> Reader:
    def read(value: object, where: str) -> str:
        if type(value) is not str or value not in choices:
            raise ProtocolError(f"{where}: expected one of {', '.join(choices)}, got {value!r:.80}")
        return value

    return read


def _optional_reader(inner: Reader) -> Reader:
    def read(value: object, where: str) -> object:
        return None if value is None else inner(value, where)

    return read


def _list_reader(inner: Reader) -> Reader:
    def read(value: object, where: str) -> tuple[object, ...]:
        if type(value) is not list:
            raise ProtocolError(f"{where}: expected a list, got {_kind(value)}")
        return tuple([inner(item, where) for item in value])

    return read


def _tuple_reader(readers: list[Reader]) -> Reader:
    def read(value: object, where: str) -> tuple[object, ...]:
        if type(value) is not list or len(value) != len(readers):
            raise ProtocolError(f"{where}: expected a list of {len(readers)}, got {value!r:.80}")
        return tuple([reader(item, where) for reader, item in zip(readers, value, strict=True)])

    return read


def _record_reader(cls: type) -> Reader:
    hints = get_type_hints(cls)
    readers = [(f.name, _reader(hints[f.name])) for f in fields(cls)]
    variants = getattr(cls, "VARIANTS", None)
    if variants is not None:
        return _variant_reader(cls, readers, variants)

    def read(value: object, where: str) -> object:
        if type(value) is not dict:
            raise ProtocolError(f"{where}: expected a map, got {_kind(value)}")
        # An absent field reads as null, which a required one refuses.
        return cls(*[reader(value.get(name), f"{where}.{name}") for name, reader in readers])

    return read


def _variant_reader(
    cls: type, readers: list[tuple[str, Reader]], variants: dict[str, tuple[str, ...]]
) -> Reader:
    tag, read_tag = readers[0]
    of_field = dict(readers)

    def read(value: object, where: str) -> object:
        if type(value) is not dict:
            raise ProtocolError(f"{where}: expected a map, got {_kind(value)}")
        chosen = read_tag(value.get(tag), f"{where}.{tag}")
        found = {name: of_field[name](value.get(name), f"{where}.{name}") for name in variants[chosen]}
        for name, item in found.items():
            if item is None:
                raise ProtocolError(f"{where}.{name}: is missing")
        return cls(chosen, **found)

    return read


_MESSAGES: dict[str, Reader] = {name: _record_reader(cls) for name, cls in TYPES.items()}
