"""Manifests: what Kubernetes takes, and that all of a deployment is in them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from nextmini.deploy.any_order import PATIENCE_SECONDS, in_any_order
from nextmini.deploy.cluster import address_note, cluster_plan, folder_of, manifests_text, secret_command
from nextmini.deploy.deployment import Secret
from nextmini.deploy.kubernetes.documents import MOST_FILES, MOST_RESTARTS, Cluster, manifests
from nextmini.deploy.kubernetes.names import object_name
from nextmini.deploy.planning import Wishes, plan
from nextmini.deploy.spreading import spread
from nextmini.deploy.yaml_text import yaml_text
from nextmini.errors import ScenarioError
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nextmini.deploy.deployment import Deployment

RING = """
[experiment]
name = "Ring_1"
[network]
isolation = "namespace"
limits = { cpu = 0.5 }
[topology]
kind = "ring"
nodes = 5
[[nodes]]
name = "n2"
limits = { memory = "64 MiB" }
"""
BARE = RING.replace('"namespace"', '"none"').partition("[[nodes]]")[0]
VERSIONS = ("1.28", "1.37")
"""The oldest one of which the documentation speaks, and the newest one that the validator has."""


@pytest.fixture(autouse=True, scope="module")
def schemas_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))
        yield


def deployed(text: str, per_container: int = 1, postgres: str | None = None) -> Deployment:
    network = spread(loads(text), per_container)
    return in_any_order(plan(network, Wishes("registry.example/nextmini:1", postgres)))


def read_back(deployment: Deployment, cluster: Cluster | None = None) -> list[dict[str, Any]]:
    """The documents as Kubernetes reads them, each of which is one of its kind."""
    text = yaml_text(manifests(deployment, cluster or Cluster()), "a comment\nof two lines")
    assert text.startswith("# a comment\n# of two lines\n---\n")
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
    return documents


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]["spec"]
    return found


def processes(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    jobs = of_kind(documents, "Job")
    assert jobs.pop("controller")
    return jobs


@pytest.mark.parametrize(
    ("text", "per_container", "postgres"),
    [(RING, 1, None), (RING, 1, "postgres:17"), (BARE, 2, None), (BARE, 5, "postgres:17")],
)
def test_documents_are_what_the_schemas_say(text: str, per_container: int, postgres: str | None) -> None:
    deployment = deployed(text, per_container, postgres)
    documents = read_back(deployment)
    kinds = {one["kind"] for one in documents}
    assert kinds >= {"Namespace", "ConfigMap", "Service", "Job", "PersistentVolumeClaim"}
    assert ("StatefulSet" in kinds) == (postgres is not None)


def test_the_validator_refuses_what_is_wrong() -> None:
    job = next(iter(processes(read_back(deployed(RING))).values()))
    pod(job)["containers"][0]["no_such_key"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_every_node_is_in_the_pod_of_its_process_with_its_limits() -> None:
    deployment = deployed(RING)
    jobs = processes(read_back(deployment))
    assert len(jobs) == 5
    for number in range(5):
        job = jobs[f"dataplane-{number}"]
        template = job["spec"]["template"]
        assert template["metadata"]["annotations"]["nextmini.nodes"] == f"n{number + 1}"
        assert template["metadata"]["labels"]["nextmini.process"] == str(number)
        (container,) = pod(job)["containers"]
        assert container["args"] == list(deployment.dataplanes[number].command)
        asked = {"cpu": "500m"} | ({"memory": str(64 * 2**20)} if number == 1 else {})
        assert container["resources"] == {"limits": asked, "requests": asked}


def test_the_scenario_inside_is_the_network() -> None:
    files = of_kind(read_back(deployed(RING)), "ConfigMap")["nextmini-files"]["data"]
    assert resolve(loads(files["scenario.toml"])).nodes == spread(loads(RING), 1).nodes


def test_secrets_are_named_and_not_there() -> None:
    documents = read_back(deployed(RING, postgres="postgres:17"))
    assert of_kind(documents, "Secret") == {}
    named: set[str] = set()
    for workload in [*of_kind(documents, "Job").values(), *of_kind(documents, "StatefulSet").values()]:
        (given,) = (volume["secret"] for volume in pod(workload)["volumes"] if "secret" in volume)
        assert given["secretName"] == "nextmini-secrets"
        keys = [item["key"] for item in given["items"]]
        assert all(item["path"] == item["key"] for item in given["items"])
        named |= set(keys)
        if workload["metadata"]["name"].startswith("dataplane"):
            assert keys == ["token", "tls-fingerprint"]
    assert named == {secret.value for secret in Secret}


def test_secrets_are_files_that_their_user_alone_reads() -> None:
    controller = pod(of_kind(read_back(deployed(RING)), "Job")["controller"])
    (copying,) = controller["initContainers"]
    assert "umask 077" in copying["command"][-1]
    assert copying["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"]: volume for volume in controller["volumes"]}
    assert volumes["secrets"]["emptyDir"] == {"medium": "Memory"}
    process = pod(processes(read_back(deployed(RING)))["dataplane-0"])
    (given,) = (volume["secret"] for volume in process["volumes"] if "secret" in volume)
    assert given["defaultMode"] == 0o400
    assert process["securityContext"]["runAsUser"] == 0
    assert "initContainers" not in process


def test_rights_are_there_where_programs_run_in_nodes_and_nowhere_else() -> None:
    documents = read_back(deployed(RING))
    for job in processes(documents).values():
        (container,) = pod(job)["containers"]
        assert container["securityContext"]["capabilities"] == {"add": ["NET_ADMIN", "MKNOD"]}
    assert "NET_ADMIN" not in str(of_kind(documents, "Job")["controller"])
    assert enforced(documents) == "privileged"
    bare = read_back(deployed(BARE, 2))
    assert "NET_ADMIN" not in str(bare)
    assert enforced(bare) == "restricted"
    for job in of_kind(bare, "Job").values():
        assert pod(job)["securityContext"]["runAsNonRoot"] is True


def enforced(documents: list[dict[str, Any]]) -> str:
    (namespace,) = of_kind(documents, "Namespace").values()
    return str(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"])


def test_sysctls_that_machines_do_not_allow_are_left_out_unless_asked_for() -> None:
    for cluster, names in ((Cluster(), 1), (Cluster(unsafe_sysctls=True), 7)):
        job = processes(read_back(deployed(RING), cluster))["dataplane-0"]
        assert len(pod(job)["securityContext"]["sysctls"]) == names


def test_names_lead_to_pods_that_are_ready() -> None:
    documents = read_back(deployed(RING, postgres="postgres:17"))
    services = of_kind(documents, "Service")
    assert set(services) == {"controller", "postgres", "dataplane"}
    for one in services.values():
        assert one["spec"]["clusterIP"] == "None"
        assert "publishNotReadyAddresses" not in one["spec"]
    (port,) = services["controller"]["spec"]["ports"]
    assert port["port"] == 7700
    for job in processes(documents).values():
        assert pod(job)["subdomain"] == "dataplane"
        assert pod(job)["hostname"] == job["metadata"]["name"]
        (container,) = pod(job)["containers"]
        assert container["args"][-2:] == ["--patience", str(PATIENCE_SECONDS)]
        probe = container["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] > PATIENCE_SECONDS


def test_processes_of_different_sites_are_on_different_machines() -> None:
    whole = deployed(BARE, 1)
    placed = [
        replace(one, site="lab" if one.process in (0, 1) else "cloud") if one.nodes else one
        for one in whole.services
    ]
    deployment = replace(whole, services=tuple(placed))
    for cluster in (Cluster(), Cluster(site_label="topology.kubernetes.io/zone")):
        jobs = processes(read_back(deployment, cluster))
        for number, job in enumerate(jobs.values()):
            site = "lab" if number < 2 else "cloud"
            assert job["spec"]["template"]["metadata"]["labels"]["nextmini.site"] == site
            apart = pod(job)["affinity"]["podAntiAffinity"]
            (term,) = apart["requiredDuringSchedulingIgnoredDuringExecution"]
            assert term["topologyKey"] == "kubernetes.io/hostname"
            expressions = term["labelSelector"]["matchExpressions"]
            assert expressions[1] == {"key": "nextmini.site", "operator": "NotIn", "values": [site]}
            label = {} if cluster.site_label is None else {cluster.site_label: site}
            assert pod(job).get("nodeSelector", {}) == label
    controller = of_kind(read_back(deployment), "Job")["controller"]
    assert "affinity" not in pod(controller)


@pytest.mark.parametrize(("said", "policy", "again"), [("fail", "Never", 0), ("restart", "OnFailure", 100)])
def test_the_scenario_says_whether_the_dead_start_again(said: str, policy: str, again: int) -> None:
    text = RING.replace('name = "Ring_1"', f'name = "Ring_1"\non_process_death = "{said}"')
    for job in of_kind(read_back(deployed(text)), "Job").values():
        assert (pod(job)["restartPolicy"], job["spec"]["backoffLimit"]) == (policy, again)
    assert again in (0, MOST_RESTARTS)


def test_all_of_it_is_in_one_namespace() -> None:
    documents = read_back(deployed(RING))
    (namespace,) = of_kind(documents, "Namespace")
    assert namespace == object_name("Ring_1") != "Ring_1"
    assert {one["metadata"].get("namespace") for one in documents[1:]} == {namespace}
    given = read_back(deployed(RING), Cluster(namespace="ours"))
    assert of_kind(given, "Namespace") == {}
    assert {one["metadata"]["namespace"] for one in given} == {"ours"}


def test_names_stay_different() -> None:
    assert object_name("two-paths") == "two-paths"
    names = {object_name(name) for name in ("A_b", "a-b", "A-b", "a_b", "a-b-", "x" * 48, "X" * 48)}
    assert len(names) == 7
    assert all(len(name) <= 63 and name.strip("-") == name for name in names)


def test_what_no_config_map_holds_is_refused() -> None:
    deployment = deployed(RING)
    large = replace(deployment, files={"scenario.toml": "x" * (MOST_FILES + 1)})
    with pytest.raises(ScenarioError, match="1,048,577 bytes, and a ConfigMap up to 1,048,576"):
        manifests(large, Cluster())


@pytest.mark.parametrize(
    ("text", "told"),
    [(RING, True), (BARE, False), (RING.replace("limits", 'prefix = "198.18.0.0/15"\nlimits', 1), False)],
)
def test_addresses_that_clusters_use_are_told_where_programs_have_them_too(text: str, told: bool) -> None:
    note = address_note(cluster_plan(loads(text), None, Wishes("nextmini:1"), 1))
    assert (note is not None) == told
    assert note is None or "10.0.0.0/8" in note


def test_secrets_are_made_once_and_named_in_a_command(tmp_path: Path) -> None:
    plan_ = cluster_plan(loads(RING), None, Wishes("nextmini:1", "postgres:17"), 1)
    folder = folder_of(tmp_path, "Ring_1", "kubernetes")
    text = manifests_text(plan_, folder, Cluster(namespace="ours"))
    texts = {path.name: path.read_text() for path in folder.secrets.iterdir()}
    assert set(texts) == {secret.value for secret in Secret}
    assert {path.stat().st_mode & 0o777 for path in folder.secrets.iterdir()} == {0o600}
    secret = [said for name, said in texts.items() if name not in ("tls-cert.pem", "tls-fingerprint")]
    assert not any(said.strip() in text for said in secret)
    assert manifests_text(plan_, folder, Cluster(namespace="ours")) == text
    assert {path.name: path.read_text() for path in folder.secrets.iterdir()} == texts
    command = secret_command(plan_.deployment, folder, Cluster(namespace="ours"))
    assert command == (
        f"kubectl create secret generic nextmini-secrets --namespace ours --from-file={folder.secrets}"
    )


def test_words_that_kubernetes_does_not_take_are_refused() -> None:
    wrong = Cluster(namespace="Ours", site_label="a b", storage="2 GB")
    with pytest.raises(ScenarioError) as caught:
        manifests(deployed(BARE, 5), wrong)
    assert [problem.key for problem in caught.value.problems] == ["--namespace", "--site-label", "--storage"]
    right = Cluster(namespace="ours", site_label="topology.kubernetes.io/zone", storage="500Mi")
    assert manifests(deployed(BARE, 5), right)
