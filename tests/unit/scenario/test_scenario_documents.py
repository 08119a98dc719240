"""What is made from the models for people and editors: the reference, the JSON schema; and the examples."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nextmini.scenario import json_schema, load, loads
from nextmini.scenario.examples import ExampleError, example_names, example_summary, example_text
from nextmini.scenario.later import LATER_KEYS
from nextmini.scenario.reference import reference
from nextmini.scenario.topology import KINDS
from nextmini.scenario.vocabulary import TABLES

_TOP = Path(__file__).parents[3]
_CONFIGS = _TOP / "configs"


def test_the_reference_in_docs_is_current() -> None:
    committed = (_TOP / "docs" / "reference.md").read_text("utf-8")
    assert committed == reference(), "run: python -m nextmini.scenario.reference > docs/reference.md"


def test_the_reference_has_every_key_with_words() -> None:
    text = reference()
    for model in [*TABLES.values(), *KINDS.values()]:
        for key, field in model.model_fields.items():
            if model is not TABLES[""] and key not in ("kind", "link"):
                assert f"| `{key}` | " in text
                assert field.description
    for kind in KINDS:
        assert f'### `kind = "{kind}"`' in text
    for keys in LATER_KEYS.values():
        for key in keys:
            assert f"`{key}`" in text


def test_the_scenario_in_the_reference_is_valid() -> None:
    snippet = reference().split("```toml\n")[1].split("```")[0]
    assert loads(snippet).experiment.name == "smallest"


def _properties(schema: dict[str, Any], table: str) -> dict[str, Any]:
    place = schema["properties"][table]
    while "$ref" not in place:
        place = place["items"]
    properties: dict[str, Any] = schema["$defs"][place["$ref"].rsplit("/", 1)[1]]["properties"]
    return properties


def test_the_schema_describes_what_users_write() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["experiment"]
    assert set(schema["properties"]) == set(TABLES[""].model_fields)
    experiment = _properties(schema, "experiment")
    assert experiment["interval"]["type"] == "string"
    assert experiment["interval"]["default"] == "1 s"
    assert experiment["duration"]["type"] == "string"
    size = _properties(schema, "flows")["size"]
    assert size["examples"] == ["20 MB"]
    assert "null" not in json.dumps(schema["$defs"]["FlowEntry"])
    kinds = schema["properties"]["topology"]["discriminator"]["mapping"]
    assert set(kinds) == set(KINDS)


def test_the_schema_has_a_description_for_every_key() -> None:
    for name, definition in json_schema()["$defs"].items():
        for key, entry in definition["properties"].items():
            assert key == "kind" or entry.get("description"), f"{name}.{key}"


def test_the_package_has_all_configs() -> None:
    assert example_names() == sorted(path.stem for path in _CONFIGS.glob("*.toml"))
    for name in example_names():
        assert example_text(name) == (_CONFIGS / f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize("name", example_names())
def test_an_example_is_valid_and_commented(name: str) -> None:
    scenario = load(_CONFIGS / f"{name}.toml")
    assert scenario.experiment.name == name
    text = example_text(name)
    assert text.startswith("# ")
    assert 20 < len(example_summary(name)) < 110
    assert text.count("#") >= 2
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_quickstart_is_what_newcomers_are_promised() -> None:
    from nextmini.scenario import resolve

    network = resolve(loads(example_text("quickstart")))
    assert len(network.nodes) >= 4
    pair = (network.node_named("alice").id, network.node_named("bob").id)
    routes = [route for route in network.routes if (route.path[0], route.path[-1]) == pair]
    assert len(routes) == 2
    assert {len(route.path) - 1 for route in routes} == {3}
    assert len({route.weight for route in routes}) == 2
    assert len(network.flows) >= 4


def test_large_rings_are_what_they_are_named() -> None:
    large = tomllib.loads(example_text("ring-1000"))
    assert large["topology"] == {"kind": "ring", "nodes": 1000}
    assert large["flows"] == [{"name": "flow", "between": "random", "count": 1000, "size": "1 MB"}]
    tcp = tomllib.loads(example_text("ring-50-tcp"))
    assert (tcp["experiment"]["processes"], tcp["topology"]["nodes"], tcp["flows"][0]["count"]) == (
        5,
        50,
        200,
    )
    assert tcp["network"]["transport"] == "tcp"


def test_every_kind_of_topology_has_an_example() -> None:
    kinds = {
        tomllib.loads(example_text(name)).get("topology", {}).get("kind", "custom")
        for name in example_names()
    }
    assert kinds == set(KINDS)


def test_an_unknown_example_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(ExampleError, match="did you mean quickstart\\?"):
        example_text("quikstart")
    with pytest.raises(ExampleError, match="nextmini example list"):
        example_text("../pyproject")
    assert example_text("torus.toml") == example_text("torus")
