"""A deployment as a document of Docker Compose, for `docker compose` (v2) and docker-compose 1.29. Pure.

There is no subnet and no container name in it, and no port of the machine, so that any number of experiments
fit on one. The network between the containers leads nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import yaml

from nextmini.deploy.deployment import FILES, Account, Restart, Role

if TYPE_CHECKING:
    from pathlib import Path

    from nextmini.deploy.deployment import Deployment, HealthCheck, Service

NETWORK = "links"
PROCESS_LABEL = "nextmini.process"
NODES_LABEL = "nextmini.nodes"
EXPERIMENT_LABEL = "nextmini.experiment"
_CHECK_SECONDS = 10
_RETRIES = 3


@dataclass(frozen=True, slots=True)
class ComposePlace:
    """Where a deployment's files and secrets are on the machine, and "user:group" whose the secrets are.

    `passwd` is the file in which containers find that account, if the image does not know it: a database
    server does not run as somebody without a name.
    """

    folder: Path
    account: str
    passwd: Path | None = None


def project_name(experiment: str) -> str:
    """What Compose calls an experiment's containers, in letters that it takes, and no other experiment's."""
    plain = experiment.lower()
    if plain == experiment:
        return f"nextmini-{plain}"
    return f"nextmini-{plain}-{sha256(experiment.encode()).hexdigest()[:6]}"


def render(deployment: Deployment, place: ComposePlace) -> str:
    """The document, in YAML."""
    document: dict[str, Any] = {
        "services": {one.name: _service(deployment, one, place) for one in deployment.services},
        "networks": {NETWORK: {"internal": True}},
        "volumes": {volume.name: {} for volume in deployment.volumes},
        "secrets": {
            secret.value: {"file": str(place.folder / "secrets" / secret.value)}
            for secret in deployment.secrets
        },
    }
    head = f"# Experiment {deployment.experiment}, by `nextmini compose`. Its files are in {place.folder}.\n"
    body: str = yaml.safe_dump(_escaped(document), sort_keys=False, default_flow_style=None, width=110)
    return head + body


def _escaped(value: Any) -> Any:
    """The same in a document in which $NAME stands for a variable."""
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _service(deployment: Deployment, service: Service, place: ComposePlace) -> dict[str, Any]:
    plain = service.account is Account.PLAIN
    entries: dict[str, Any] = {
        "image": service.image,
        "command": list(service.command) or None,
        "hostname": service.hostname,
        "user": place.account if plain else "0:0",
        "init": True,
        "cap_drop": ["ALL"] if plain else None,
        "cap_add": [one.value for one in service.capabilities] or None,
        "security_opt": ["no-new-privileges:true"],
        "devices": [f"{device}:{device}" for device in service.devices] or None,
        "sysctls": dict(service.sysctls) or None,
        "cpus": service.limits.cpu,
        "mem_limit": service.limits.memory,
        "environment": dict(service.environment) or None,
        "networks": [NETWORK],
        "secrets": [{"source": secret.value, "target": secret.value} for secret in service.secrets],
        "volumes": _volumes(service, place) or None,
        "tmpfs": [f"{folder}:mode=1777" for folder in service.scratch] or None,
        "healthcheck": _health(service.health),
        "depends_on": {name: {"condition": "service_healthy"} for name in service.after} or None,
        "restart": "no" if service.restart is Restart.NEVER else "on-failure",
        "stop_grace_period": f"{service.stop_seconds}s",
        "labels": _labels(deployment, service),
    }
    return {key: value for key, value in entries.items() if value is not None}


def _volumes(service: Service, place: ComposePlace) -> list[dict[str, Any]]:
    files = [(place.folder / "files" / name, f"{FILES}/{name}") for name in service.files]
    if service.role is Role.CONTROLLER and place.passwd is not None:
        files.append((place.passwd, "/etc/passwd"))
    mounts = [_mount("bind", str(source), target) | {"read_only": True} for source, target in files]
    return mounts + [_mount("volume", volume.name, volume.path) for volume in service.volumes]


def _mount(kind: str, source: str, target: str) -> dict[str, Any]:
    return {"type": kind, "source": source, "target": target}


def _health(health: HealthCheck) -> dict[str, Any]:
    return {
        "test": ["CMD", *health.command],
        "interval": f"{health.interval:g}s",
        "timeout": f"{_CHECK_SECONDS}s",
        "retries": _RETRIES,
        "start_period": f"{health.patience:g}s",
    }


def _labels(deployment: Deployment, service: Service) -> dict[str, str]:
    labels = {EXPERIMENT_LABEL: deployment.experiment}
    if service.process is not None:
        labels |= {PROCESS_LABEL: str(service.process), NODES_LABEL: " ".join(service.nodes)}
    return labels
