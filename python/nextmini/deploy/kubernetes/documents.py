"""The objects of a deployment, in an order in which they can be made. Pure.

All are in one namespace, whose end is theirs. A dataplane process is a Job: it ends when the controller says
so, and what becomes of one that dies the scenario says. The controller is one too. The Secret is not among
them: it is made from files, so that no manifest has what nobody may read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextmini.deploy.deployment import Restart, Role
from nextmini.deploy.kubernetes.names import COMPONENT, FILES, PROCESSES, labels, object_name
from nextmini.deploy.kubernetes.pods import template
from nextmini.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Deployment, Service, Volume

MOST_FILES = 1024 * 1024
"""Bytes of a ConfigMap."""
MOST_RESTARTS = 100
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SIZE = re.compile(r"[1-9][0-9]*([KMGTPE]i?|k)?")
_SECURITY = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is said of a cluster: `namespace` is one that is there already, `site_label` the label of machines
    that has a site's name, `storage` how much a volume has, and `unsafe_sysctls` whether its machines allow
    them."""

    namespace: str | None = None
    site_label: str | None = None
    storage: str = "2Gi"
    unsafe_sysctls: bool = False


def namespace_of(deployment: Deployment, cluster: Cluster) -> str:
    """Where all of it is."""
    return cluster.namespace or object_name(deployment.experiment)


def manifests(deployment: Deployment, cluster: Cluster) -> list[dict[str, Any]]:
    """All objects. Raises ScenarioError if Kubernetes cannot have them."""
    _check_files(deployment)
    _check_words(cluster)
    namespace = namespace_of(deployment, cluster)
    found = [] if cluster.namespace else [_namespace(namespace, deployment)]
    inside = [_files(deployment), *(_claim(volume, cluster) for volume in deployment.volumes)]
    inside += [_names(one) for one in deployment.services if one.role is not Role.DATAPLANE]
    inside.append(_names_of_processes())
    inside += [_workload(one, deployment.experiment, cluster) for one in deployment.services]
    for one in inside:
        one["metadata"]["namespace"] = namespace
    return found + inside


def _namespace(name: str, deployment: Deployment) -> dict[str, Any]:
    """Pods that nobody gives rights to are held to it."""
    plain = not any(one.capabilities or one.role is Role.DATABASE for one in deployment.services)
    level = {_SECURITY: "restricted" if plain else "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}}


def _files(deployment: Deployment) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": FILES},
        "data": dict(deployment.files),
    }


def _claim(volume: Volume, cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": volume.name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": cluster.storage}},
        },
    }


def _names(one: Service) -> dict[str, Any]:
    """Its name, which leads to its pod as soon as that is ready."""
    return _headless(one.name, {COMPONENT: one.role.value}, one.ports)


def _names_of_processes() -> dict[str, Any]:
    return _headless(PROCESSES, {COMPONENT: Role.DATAPLANE.value}, ())


def _headless(name: str, selector: dict[str, str], ports: tuple[int, ...]) -> dict[str, Any]:
    spec: dict[str, Any] = {"clusterIP": "None", "selector": selector}
    if ports:
        spec["ports"] = [{"name": f"p{port}", "port": port} for port in ports]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _workload(one: Service, experiment: str, cluster: Cluster) -> dict[str, Any]:
    pod = template(experiment, one, site_label=cluster.site_label, unsafe_sysctls=cluster.unsafe_sysctls)
    metadata = {"name": one.name, "labels": labels(experiment, one)}
    if one.role is Role.DATABASE:
        return _server(one, metadata, pod)
    again = 0 if one.restart is Restart.NEVER else MOST_RESTARTS
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": again, "template": pod},
    }


def _server(one: Service, metadata: dict[str, Any], pod: dict[str, Any]) -> dict[str, Any]:
    pod["spec"]["restartPolicy"] = "Always"
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "serviceName": one.name,
            "replicas": 1,
            "selector": {"matchLabels": {COMPONENT: one.role.value}},
            "template": pod,
        },
    }


def _check_words(cluster: Cluster) -> None:
    problems = [
        Problem("command line", None, option, f"{said!r} is no {what}", remedy)
        for option, said, pattern, what, remedy in (
            ("--namespace", cluster.namespace, _NAMESPACE, "name", "write small letters, digits and -"),
            ("--site-label", cluster.site_label, _LABEL, "label", "write it as in nextmini.site"),
            ("--storage", cluster.storage, _SIZE, "size", "write it as in 2Gi"),
        )
        if said is not None and pattern.fullmatch(said) is None
    ]
    if problems:
        raise ScenarioError(problems)


def _check_files(deployment: Deployment) -> None:
    size = sum(len(text.encode()) for text in deployment.files.values())
    if size > MOST_FILES:
        message = (
            f"the scenario with nothing left open has {size:,} bytes, and a ConfigMap up to {MOST_FILES:,}"
        )
        remedy = "take a smaller network, or `nextmini up` on one machine"
        raise ScenarioError([Problem("command line", None, "scenario", message, remedy)])
