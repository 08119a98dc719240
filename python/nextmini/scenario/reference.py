"""The scenario reference, in Markdown, from the models: `python -m nextmini.scenario.reference`."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from nextmini.scenario.arrival import Arrival
from nextmini.scenario.class_table import Match
from nextmini.scenario.event_table import Flap
from nextmini.scenario.fields import Written
from nextmini.scenario.impairments import Chance, Codel, GilbertElliott, Jitter, LossPattern, RandomLoss, Red
from nextmini.scenario.later import LATER_KEYS, LATER_VALUES
from nextmini.scenario.limits_table import LimitsTable
from nextmini.scenario.max_table import NodeMax
from nextmini.scenario.table import Table
from nextmini.scenario.tables import LinkSettings
from nextmini.scenario.topology import KINDS
from nextmini.scenario.units import PERCENTAGE, RATE, SIZE, TIME, format_share, format_size, format_time
from nextmini.scenario.vocabulary import TABLES, header
from nextmini.scenario.wording import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo

_INTRODUCTION = """\
# Scenario reference

<!-- Generated from the models in python/nextmini/scenario by `python -m nextmini.scenario.reference`. -->

A scenario says what the network looks like and what runs over it. It is a file in TOML (`.toml`), YAML
(`.yaml`, `.yml`) or JSON (`.json`), with the same tables and keys in each. `nextmini init` writes a first
one, `nextmini example list` shows those that come with Nextmini, and `nextmini validate FILE` checks one.
`nextmini schema` prints the JSON schema, with which editors complete and check while you write.

Whatever cannot be honoured is refused before anything starts: unknown keys, wrong units, nodes that do not
exist, flows that cannot arrive. All problems are told at once, each with its file, line and key.

A table in brackets stands there once, one in double brackets as often as you like. Only `experiment.name` is
required, and nodes: the smallest scenario is

```toml
[experiment]
name = "smallest"

[topology]
kind = "ring"
nodes = 4
```
"""


_TITLES: dict[type[Table], str] = {
    Jitter: "`jitter`",
    RandomLoss: "`loss`, a share",
    GilbertElliott: "`loss`, in bursts",
    LossPattern: "`loss`, a pattern",
    Chance: "`duplicate`, `reorder` and `corrupt`",
    Red: "`drop`, random early detection",
    Codel: "`drop`, controlled delay",
    Arrival: "`arrival`",
    Match: "`match`",
    Flap: "`flap`",
    NodeMax: "`max`, of a node,",
    LimitsTable: "`limits`",
}
_OF_LINKS: tuple[type[Table], ...] = (Jitter, RandomLoss, GilbertElliott, LossPattern, Chance, Red, Codel)


def reference() -> str:
    """The whole reference."""
    parts = [_INTRODUCTION, _units()]
    parts += map(_section, ("experiment", "network"))
    parts.append(_topologies())
    parts += map(_section, ("sites", "nodes", "links"))
    parts += [_inner(model) for model in _OF_LINKS]
    parts += map(_section, ("routes", "flows"))
    parts.append(_inner(Arrival))
    parts += map(_section, ("demands", "classes"))
    parts.append(_inner(Match))
    parts.append(_section("traces"))
    parts.append(_section("events"))
    parts.append(_inner(Flap))
    parts += map(_section, ("apps", "algorithms", "max"))
    parts.append(_inner(NodeMax))
    parts.append(_inner(LimitsTable))
    parts.append(_section("socks"))
    parts += map(_section, ("routing", "metrics", "controller"))
    parts.append(_later())
    return "\n".join(parts)


def _units() -> str:
    rows = [
        (f"{quantity.noun}", ", ".join(f"`{unit}`" for unit in quantity.units), _examples(quantity.examples))
        for quantity in (RATE, SIZE, TIME, PERCENTAGE)
    ]
    text = (
        "## Quantities\n\n"
        "A quantity is text: a number and its unit. A number alone is refused.\n\n"
        f"{_grid(('quantity', 'units', 'examples'), rows)}\n"
        "`k`, `M`, `G` and `T` stand for powers of 1000, `Ki`, `Mi`, `Gi` and `Ti` for powers of 1024.\n"
        "Rates are in bits, sizes in bytes.\n"
    )
    return text


def _examples(examples: tuple[str, ...]) -> str:
    return ", ".join(f"`{json.dumps(example)}`" for example in examples)


def _section(name: str) -> str:
    model = TABLES[name]
    return f"## `{header(name)}`\n\n{_prose(model)}\n\n{_keys(model)}"


def _inner(model: type[Table]) -> str:
    """A table that is the value of a key."""
    return f"### {_TITLES[model]} as a table\n\n{_prose(model)}\n\n{_keys(model)}"


def _topologies() -> str:
    kinds = alternatives((f"`{kind}`" for kind in KINDS), "and")
    introduction = (
        "## `[topology]`\n\n"
        "`kind` says how nodes are joined, the other keys are its parameters. Without this table, a\n"
        f"scenario has the kind `custom`. The kinds are {kinds}.\n\n"
        "Every kind but `custom` has the key `link`, a table of settings for all links that it makes, as in\n"
        '`link = { transport = "tcp" }`:\n\n'
    )
    parts = [introduction + _keys(LinkSettings)]
    for kind, model in KINDS.items():
        keys = _keys(model, leave_out=("kind", "link"))
        parts.append(f'### `kind = "{kind}"`\n\n{_prose(model)}\n\n{keys}')
    return "\n".join(parts)


def _later() -> str:
    rows = [
        (f"`{header(name)}`" if name else "tables", ", ".join(f"`{key}`" for key in keys))
        for name, keys in LATER_KEYS.items()
    ]
    for (table, key), values in LATER_VALUES.items():
        rows.append((f"`{header(table)}`, values of `{key}`", ", ".join(f'`"{value}"`' for value in values)))
    return (
        "## Not in this version\n\n"
        "These are known names, and are refused until a version has them.\n\n"
        f"{_grid(('table', 'keys'), rows)}"
    )


def _prose(model: type[Table]) -> str:
    return inspect.cleandoc(model.__doc__ or "")


def _keys(model: type[Table], leave_out: tuple[str, ...] = ()) -> str:
    fields = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
    rows = [
        (f"`{name}`", _value(field), _default(field), field.description or "")
        for name, field in fields
        if name not in leave_out
    ]
    return _grid(("key", "value", "default", "meaning"), rows)


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _value(field: FieldInfo) -> str:
    """What may be written, in words."""
    annotation, metadata = _unwrapped(field.annotation, list(field.metadata))
    for item in metadata:
        if isinstance(item, Written):
            return item.words
    if get_origin(annotation) is Literal and get_args(annotation) == (True,):
        return "`true`"
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{choice}"`' for choice in get_args(annotation))
    if annotation is bool:
        return "`true` or `false`"
    if get_origin(annotation) is tuple:
        return "list of whole numbers"
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return "table"
    noun = "whole number" if annotation is int else "number"
    return noun + "".join(_bounds(metadata))


def _bounds(metadata: list[Any]) -> Iterator[str]:
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    found = {
        key: getattr(item, key) for item in metadata for key in words if getattr(item, key, None) is not None
    }
    for key, word in words.items():
        if key in found and abs(found[key]) < 2**63 - 1:
            yield f" {word} {found[key]:.10g}"


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """The type inside `X | None` and `Annotated`, with all that is said about it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata = [*more, *metadata]
        elif type(None) in get_args(annotation):
            annotation = next(inner for inner in get_args(annotation) if inner is not type(None))
        else:
            return annotation, metadata


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, ()):
        return "none"
    _, metadata = _unwrapped(field.annotation, list(field.metadata))
    written = next((item for item in metadata if isinstance(item, Written)), None)
    if written is not None and written.words == SIZE.noun:
        return f'`"{format_size(field.default)}"`'
    if isinstance(field.default, float) and written is not None:
        as_text = format_share if written.words == PERCENTAGE.noun else format_time
        return f'`"{as_text(field.default)}"`'
    return f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
