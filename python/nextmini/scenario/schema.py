"""The JSON schema of scenarios, for editors that check and complete while one writes."""

from __future__ import annotations

from typing import Any

from nextmini.scenario.model import Scenario
from nextmini.scenario.units import format_size, format_time

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON schema of a scenario, whether written in TOML, YAML or JSON."""
    schema = _tidy(Scenario.model_json_schema(mode="validation"))
    return {"$schema": DIALECT, **schema, "title": "Nextmini scenario"}


def _tidy(schema: Any) -> Any:
    """The schema as users write values: times as text, no null (a key that is not set is left out)."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items()}
    if isinstance(tidy.get("title"), str):
        del tidy["title"]
    if "default" in tidy and tidy["default"] is None:
        del tidy["default"]
    if tidy.get("type") == "string" and isinstance(tidy.get("default"), float):
        tidy["default"] = format_time(tidy["default"])
    if tidy.get("type") == "string" and type(tidy.get("default")) is int:
        tidy["default"] = format_size(tidy["default"])
    choices = tidy.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        others = [choice for choice in choices if choice != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**others[0], **tidy} if len(others) == 1 else {"anyOf": others, **tidy}
    return tidy
