"""A service as a pod. Pure."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from nextmini.deploy.deployment import FILES as FILES_FOLDER
from nextmini.deploy.deployment import SECRETS as SECRETS_FOLDER
from nextmini.deploy.deployment import Account, Restart, Role
from nextmini.deploy.kubernetes.names import FILES, NODES, PROCESSES, SECRETS, labels
from nextmini.deploy.kubernetes.placement import placement
from nextmini.deploy.yaml_text import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextmini.deploy.deployment import HealthCheck, Service
    from nextmini.scenario.network import Limits

SAFE_SYSCTLS = frozenset({"net.ipv4.ping_group_range", "net.ipv4.ip_local_port_range"})
"""Those that pods may set wherever they are, as far as services name them."""
_GIVEN_SECRETS = "/run/given-secrets"
_USER = 10001
_FOR_ROOT, _FOR_ITS_GROUP, _FOR_ALL = Mode(0o400), Mode(0o440), Mode(0o444)


def template(
    experiment: str, one: Service, *, site_label: str | None, unsafe_sysctls: bool
) -> dict[str, Any]:
    """The pod of a service, as workloads have it."""
    spec: dict[str, Any] = {
        "restartPolicy": "Never" if one.restart is Restart.NEVER else "OnFailure",
        "terminationGracePeriodSeconds": one.stop_seconds,
        # Nothing in it talks to Kubernetes.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # So that the program is not the first process, which SIGTERM does not end by itself.
        "shareProcessNamespace": True,
        "securityContext": _pod_security(one, unsafe_sysctls=unsafe_sysctls),
        "containers": [_container(one)],
        "volumes": _volumes(one),
    }
    if one.process is not None:
        spec["hostname"] = one.name
        spec["subdomain"] = PROCESSES
    if _owned(one):
        spec["initContainers"] = [_owner(one)]
    metadata: dict[str, Any] = {"labels": labels(experiment, one)}
    if one.nodes:
        metadata["annotations"] = {NODES: ",".join(one.nodes)}
    return {"metadata": metadata, "spec": spec | placement(one, site_label)}


def _container(one: Service) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one.role.value,
        "image": one.image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(one.command) or None,
        "env": [{"name": name, "value": value} for name, value in one.environment.items()] or None,
        "ports": _ports(one) or None,
        "resources": _resources(one.limits),
        "securityContext": _security(one),
        "startupProbe": _probe(one.health)
        | {"failureThreshold": ceil(one.health.patience / one.health.interval)},
        "readinessProbe": _probe(one.health),
        "volumeMounts": _mounts(one, SECRETS_FOLDER),
    }
    return {key: value for key, value in found.items() if value is not None}


def _ports(one: Service) -> list[dict[str, Any]]:
    protocols = ("TCP", "UDP") if one.role is Role.DATAPLANE else ("TCP",)
    return [
        {"name": f"p{port}-{protocol.lower()}", "containerPort": port, "protocol": protocol}
        for port in one.ports
        for protocol in protocols
    ]


def _probe(check: HealthCheck) -> dict[str, Any]:
    period = max(1, round(check.interval))
    return {"exec": {"command": list(check.command)}, "periodSeconds": period, "timeoutSeconds": 10}


def _resources(limits: Limits) -> dict[str, Any] | None:
    """What it asks for is what it may have, so that a machine has no more pods than it has room for."""
    amounts = {}
    if limits.cpu is not None:
        amounts["cpu"] = f"{max(1, round(limits.cpu * 1000))}m"
    if limits.memory is not None:
        amounts["memory"] = str(limits.memory)
    return {"requests": amounts, "limits": dict(amounts)} if amounts else None


def _pod_security(one: Service, *, unsafe_sysctls: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"seccompProfile": {"type": "RuntimeDefault"}}
    if one.account is Account.ROOT:
        found["runAsUser"] = 0
        allowed = one.sysctls if unsafe_sysctls else SAFE_SYSCTLS & set(one.sysctls)
        sysctls = [{"name": name, "value": one.sysctls[name]} for name in sorted(allowed)]
        return found | ({"sysctls": sysctls} if sysctls else {})
    if one.role is Role.DATABASE:
        # The image begins as root, gives itself the folder, and goes on as somebody else.
        return found
    return found | {"runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER}


def _security(one: Service) -> dict[str, Any]:
    found: dict[str, Any] = {"allowPrivilegeEscalation": one.role is Role.DATABASE}
    if one.account is Account.ROOT:
        return found | {"capabilities": {"add": [*_capabilities(one)]}}
    return found if one.role is Role.DATABASE else found | {"capabilities": {"drop": ["ALL"]}}


def _capabilities(one: Service) -> Iterator[str]:
    """Those that it names; and the right to make device files, since a pod cannot have any of its machine."""
    yield from (capability.value for capability in one.capabilities)
    if one.devices:
        yield "MKNOD"


def _owned(one: Service) -> bool:
    """Whether secrets have to belong to the container's user, who is not the one that mounts them."""
    return one.account is Account.PLAIN and one.role is not Role.DATABASE and bool(one.secrets)


def _owner(one: Service) -> dict[str, Any]:
    """Copies secrets into memory as files of mode 0600, since those of Kubernetes belong to root."""
    copy = f"umask 077 && cp {_GIVEN_SECRETS}/* {SECRETS_FOLDER}/"
    return {
        "name": "secrets",
        "image": one.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", copy],
        "securityContext": _security(one),
        "volumeMounts": [
            {"name": "given-secrets", "mountPath": _GIVEN_SECRETS, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS_FOLDER},
        ],
    }


def _mounts(one: Service, secrets: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if one.files:
        found.append({"name": "files", "mountPath": FILES_FOLDER, "readOnly": True})
    if one.secrets:
        found.append({"name": "secrets", "mountPath": secrets, "readOnly": True})
    found += [{"name": volume.name, "mountPath": volume.path} for volume in one.volumes]
    return found + [
        {"name": f"scratch-{number}", "mountPath": path} for number, path in enumerate(one.scratch)
    ]


def _volumes(one: Service) -> list[dict[str, Any]]:
    memory = {"medium": "Memory"}
    found: list[dict[str, Any]] = []
    if one.files:
        items = [{"key": name, "path": name} for name in one.files]
        found.append({"name": "files", "configMap": {"name": FILES, "items": items}})
    if one.secrets:
        mode = _FOR_ITS_GROUP if _owned(one) else _FOR_ROOT
        given = {
            "secretName": SECRETS,
            "items": [{"key": secret.value, "path": secret.value} for secret in one.secrets],
            "defaultMode": _FOR_ALL if one.role is Role.DATABASE else mode,
        }
        if _owned(one):
            found += [{"name": "given-secrets", "secret": given}, {"name": "secrets", "emptyDir": memory}]
        else:
            found.append({"name": "secrets", "secret": given})
    found += [
        {"name": volume.name, "persistentVolumeClaim": {"claimName": volume.name}} for volume in one.volumes
    ]
    return found + [{"name": f"scratch-{number}", "emptyDir": memory} for number in range(len(one.scratch))]
