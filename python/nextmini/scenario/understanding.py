"""From the data of a scenario file to a Scenario, or to everything that is wrong with it, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nextmini.scenario.findings import Finding, Path, key_text
from nextmini.scenario.inner import inner_table
from nextmini.scenario.later import LATER_KEYS, LATER_VALUES
from nextmini.scenario.model import Scenario
from nextmini.scenario.tables import LinkSettings
from nextmini.scenario.topology import KINDS
from nextmini.scenario.vocabulary import LISTS, SYNONYMS, TABLES, header, table_name
from nextmini.scenario.wording import alternatives, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from nextmini.scenario.files import ScenarioFiles
    from nextmini.scenario.table import Table


def understand(
    data: dict[str, Any], files: ScenarioFiles | None = None
) -> tuple[Scenario | None, list[Finding]]:
    """The scenario that `data` stands for, and what is wrong with its keys, each looked at by itself.

    `files` has what stands in the files that it names; without it, names of traces stay, and users are
    refused.
    """
    nothing = [Finding(path, "has no value", "write one, or remove the key") for path in _nulls(data, ())]
    try:
        scenario = Scenario.model_validate(data, context=files)
    except ValidationError as error:
        blank = {finding.path for finding in nothing}
        found = findings_in(error, data, Scenario)
        return None, nothing + [finding for finding in found if finding.path not in blank]
    return (None if nothing else scenario), nothing


def findings_in(error: ValidationError, data: Any, root: type[Table]) -> list[Finding]:
    """What pydantic found wrong with `data`, which was to be a table of the model `root`, in plain words."""
    return [_finding(detail, _Place(data, root)) for detail in error.errors(include_url=False)]


@dataclass(frozen=True, slots=True)
class _Place:
    """The data in which something was found, and the model that it was to have."""

    data: Any
    root: type[Table]

    def model(self, path: Path) -> type[Table]:
        """The model of the table at `path`."""
        if not path:
            return self.root
        if self.root is not Scenario:
            return self._inner(self.root, path, self.data)
        name = str(path[0])
        if name == "topology":
            return self._inner(KINDS[self.data["topology"]["kind"]], path[1:], self.data["topology"])
        rest = path[2:] if name in LISTS else path[1:]
        return self._inner(TABLES[name], rest, _at(self.data, path[: len(path) - len(rest)]))

    def _inner(self, model: type[Table], path: Path, value: Any) -> type[Table]:
        for key in path:
            value = _at(value, (key,))
            inner = LinkSettings if key == "link" else inner_table(str(key), value)
            model = inner or model
        return model


def _at(value: Any, path: Path) -> Any:
    for key in path:
        known = isinstance(value, dict | list)
        value = value[key] if known and (key in value if isinstance(value, dict) else True) else None
    return value


def _nulls(value: object, path: Path) -> Iterator[Path]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _nulls(inner, (*path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _nulls(inner, (*path, number))


def _finding(detail: ErrorDetails, place: _Place) -> Finding:
    path = _path(detail["loc"])
    value = detail["input"]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "refused":
            return Finding(path, context["message"], context["remedy"], context.get("place"))
        case "missing":
            return Finding(path, "is missing", _example(path, place))
        case "extra_forbidden" | "invalid_key":
            return _unknown(path, place)
        case "union_tag_not_found":
            return Finding((*path, "kind"), "is missing", f"write one of {alternatives(KINDS)}")
        case "union_tag_invalid":
            return _choice((*path, "kind"), context["tag"], list(KINDS))
        case "literal_error":
            return _choice(path, value, _choices(context["expected"]))
        case "model_type" | "model_attributes_type":
            return _table_expected(path, value)
        case other:
            return Finding(path, *_plain(other, value, context, path))


def _path(location: tuple[int | str, ...]) -> Path:
    """The path in the data: pydantic puts the kind of a topology after its table."""
    if len(location) > 1 and location[0] == "topology" and location[1] in KINDS:
        return ("topology", *location[2:])
    return location


def _choices(expected: str) -> list[str]:
    return [word.strip("', ") for word in expected.replace(" or ", ", ").split(", ")]


def _choice(path: Path, value: object, choices: list[str]) -> Finding:
    table, key = table_name(path[:-1]), str(path[-1])
    if value in LATER_VALUES.get((table, key), ()):
        return Finding(path, f"{shown(value)} is not in this version", f"write {_quoted(choices)}")
    meant = nearest(value, choices) if isinstance(value, str) else None
    hint = "" if meant is None else f"did you mean {shown(meant)}? "
    return Finding(path, f"{shown(value)} is not possible", f"{hint}write {_quoted(choices)}")


def _quoted(choices: list[str]) -> str:
    return alternatives(shown(choice) for choice in choices)


def _table_expected(path: Path, value: object) -> Finding:
    model = inner_table(str(path[-1]), {}) if len(path) > 1 else None
    if model is not None:
        fields = model.model_fields.items()
        key, example = next((key, field.examples[0]) for key, field in fields if field.examples)
        remedy = f"write {path[-1]} = {_written({key: example})}"
        return Finding(path, f"expected a table, got {shown(value)}", remedy)
    name = key_text(path[:1])
    place = header(name) if len(path) == 1 or name in LISTS else f"[{key_text(path)}]"
    return Finding(path, f"expected a table, got {shown(value)}", f"write its keys under {place}")


def _plain(kind: str, value: object, context: dict[str, Any], path: Path) -> tuple[str, str]:
    """What is wrong with a number, a truth value or a list."""
    got = shown(value)
    match kind:
        case "greater_than_equal":
            return f"{got} is too small", f"write at least {context['ge']:g}"
        case "greater_than":
            return f"{got} is too small", f"write more than {context['gt']:g}"
        case "less_than_equal":
            return f"{got} is too large", f"write at most {context['le']}"
        case "int_type" | "int_from_float" | "int_parsing_size":
            return (
                f"expected a whole number, got {got}",
                "write it without quotes and without a fraction, as in 4",
            )
        case "float_type" | "finite_number":
            return f"expected a number, got {got}", "write it without quotes, as in 1.5"
        case "bool_type":
            return f"expected true or false, got {got}", "write it without quotes"
        case "tuple_type" if len(path) == 1:
            return f"expected a list of tables, got {got}", f"begin each entry with [[{path[0]}]]"
        case "tuple_type":
            return f"expected a list, got {got}", "write it in brackets, as in [3, 4]"
        case "too_short" | "too_long":
            least, most = context.get("min_length", 0), context.get("max_length")
            bound = f"at least {least}" if kind == "too_short" else f"at most {most}"
            return f"{context['actual_length']} items are not possible", f"give {bound}"
        case _:
            return f"{got} is not possible", "see the scenario reference"


def _example(path: Path, place: _Place) -> str:
    field = place.model(path[:-1]).model_fields[str(path[-1])]
    if field.examples:
        return f"write {path[-1]} = {_written(field.examples[0])}"
    if place.root is not Scenario:
        return f"write {path[-1]} = ..."
    return f'write [{path[-1]}] with a name = "..." under it'


def _written(value: object) -> str:
    """An example as TOML has it."""
    if not isinstance(value, dict):
        return shown(value)
    return f"{{ {', '.join(f'{key} = {shown(inner)}' for key, inner in value.items())} }}"


def _unknown(path: Path, place: _Place) -> Finding:
    table, key = table_name(path[:-1]), str(path[-1])
    if key in LATER_KEYS.get(table, {}):
        return Finding(path, f"is not in this version ({LATER_KEYS[table][key]})", "remove it")
    known = list(place.model(path[:-1]).model_fields)
    meant = nearest(key, known) or SYNONYMS.get(key)
    if meant in known:
        return Finding(path, "unknown key", f"did you mean {meant}?")
    homes = [name for name in TABLES if key in TABLES[name].model_fields or key in LATER_KEYS.get(name, {})]
    if place.root is Scenario and table != "topology" and 1 <= len(homes) <= 2:
        return Finding(
            path, "unknown key", f"{key} is a key of {alternatives(header(name) for name in homes)}"
        )
    return Finding(path, "unknown key", f"the keys here are {alternatives(known, 'and')}")
