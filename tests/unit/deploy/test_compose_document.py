"""A deployment as Docker Compose reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from deployments import RING, deployed

from nextmini.deploy.compose_document import ComposePlace, project_name, render
from nextmini.deploy.deployment import Account

PLACE = ComposePlace(Path("/state/deployments/ring"), "1000:100")


def document(text: str = RING, per_container: int = 1, postgres: str | None = None) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(render(deployed(text, per_container, postgres), PLACE))
    return read


def test_there_is_a_service_for_each_node_and_the_controller() -> None:
    services = document()["services"]
    assert list(services) == ["controller", *(f"dataplane-{number}" for number in range(5))]
    assert services["dataplane-3"]["labels"]["nextmini.nodes"] == "n4"
    assert services["dataplane-3"]["hostname"] == "n4"


def test_a_node_may_have_a_tun_device_and_nothing_else() -> None:
    node = document()["services"]["dataplane-1"]
    assert node["cap_add"] == ["NET_ADMIN"]
    assert node["devices"] == ["/dev/net/tun:/dev/net/tun"]
    assert node["user"] == "0:0"
    for one in document()["services"].values():
        assert "privileged" not in one
        assert one["security_opt"] == ["no-new-privileges:true"]


def test_who_needs_no_rights_has_none() -> None:
    controller = document()["services"]["controller"]
    assert (controller["user"], controller["cap_drop"]) == ("1000:100", ["ALL"])
    assert "cap_add" not in controller
    bare = deployed(RING.replace('"namespace"', '"none"').partition("[[nodes]]")[0], 5)
    assert {one.account for one in bare.services} == {Account.PLAIN}
    services = yaml.safe_load(render(bare, PLACE))["services"]
    assert list(services) == ["controller", "dataplane-0"]
    for one in services.values():
        assert "devices" not in one
        assert "sysctls" not in one


def test_a_controller_has_an_account_with_a_name() -> None:
    passwd = Path("/state/deployments/ring/files/passwd")
    text = render(deployed(), ComposePlace(PLACE.folder, "1000:100", passwd))
    services = yaml.safe_load(text)["services"]
    sources = {name: [one["source"] for one in found["volumes"]] for name, found in services.items()}
    assert [name for name, found in sources.items() if str(passwd) in found] == ["controller"]


def test_limits_are_in_words_that_both_versions_know() -> None:
    node = document()["services"]["dataplane-1"]
    assert (node["cpus"], node["mem_limit"]) == (0.5, 67_108_864)


def test_services_start_when_those_before_them_are_ready() -> None:
    services = document(postgres="postgres:17")["services"]
    assert services["controller"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["dataplane-0"]["depends_on"] == {"controller": {"condition": "service_healthy"}}
    assert services["postgres"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/database-password"


@pytest.mark.parametrize(("said", "policy"), [("fail", "no"), ("restart", "on-failure")])
def test_the_dead_start_again_if_the_scenario_says_so(said: str, policy: str) -> None:
    text = RING.replace('name = "ring"', f'name = "ring"\non_process_death = "{said}"')
    assert {one["restart"] for one in document(text)["services"].values()} == {policy}


def test_nothing_of_it_is_somebody_elses_too() -> None:
    found = document()
    assert found["networks"] == {"links": {"internal": True}}
    assert found["volumes"] == {"state": {}}
    for one in found["services"].values():
        assert {"ports", "container_name", "network_mode"}.isdisjoint(one)


def test_secrets_are_files_beside_the_document() -> None:
    found = document()
    assert found["secrets"]["token"] == {"file": "/state/deployments/ring/secrets/token"}
    assert {"source": "token", "target": "token"} in found["services"]["dataplane-0"]["secrets"]
    assert "environment" not in found["services"]["controller"]


def test_a_dollar_is_no_variable() -> None:
    text = render(deployed(), ComposePlace(Path("/home/$USER"), "0:0"))
    assert yaml.safe_load(text)["secrets"]["key"]["file"] == "/home/$$USER/secrets/key"


def test_projects_have_names_of_their_own() -> None:
    assert project_name("two-paths") == "nextmini-two-paths"
    names = {project_name(name) for name in ("lab", "Lab", "LAB")}
    assert len(names) == 3
    assert all(name == name.lower() for name in names)
