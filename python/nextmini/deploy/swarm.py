"""A deployment as a stack of Docker Swarm: a Compose file of version 3.8, for `docker stack deploy`. Pure.

Services are known by the addresses of their containers (`dnsrr`): a virtual address takes IPVS on every
machine, and gives connections that last nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Any

from nextmini.deploy.deployment import FILES, TUN, Account, Restart, Role
from nextmini.deploy.yaml_text import Mode
from nextmini.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from nextmini.deploy.deployment import Deployment, HealthCheck, Secret, Service
    from nextmini.scenario import Network

VERSION = "3.8"
NETWORK = "links"
SITE_LABEL = "nextmini.site"
"""The label of a swarm's nodes that says at which site they are."""
MOST_CONFIG = 1_000 * 1024
"""Bytes of a file that a swarm keeps for its services."""
_USUAL_POOL = IPv4Network("10.0.0.0/8")
"""Where a swarm's networks are, unless somebody has said otherwise."""
_POOLS = (IPv4Network("198.18.0.0/15"), IPv4Network("172.16.0.0/12"))
"""Where this one is, if nodes are there: the first is for benchmarks of networks (RFC 2544)."""
_SPARE = 8
"""Addresses of a network that are not services'."""
_USER = "10001:10001"
_FOR_ALL, _FOR_ITS_USER = Mode(0o444), Mode(0o400)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where things are: `folder` has files and secrets, `site_label` is the label of machines that has a
    site's name, `subnet` the network's addresses, if somebody has said them."""

    folder: PurePosixPath
    site_label: str = SITE_LABEL
    subnet: str | None = None


def stack(deployment: Deployment, network: Network, placement: Placement) -> dict[str, Any]:
    """The document, with no secret in it. Raises ScenarioError if a swarm cannot have it."""
    _check_files(deployment)
    document: dict[str, Any] = {
        "version": VERSION,
        "services": {one.name: _service(one, deployment, placement) for one in deployment.services},
        "networks": {NETWORK: _network(deployment, network, placement)},
        "secrets": {
            secret.value: {"file": str(placement.folder / "secrets" / secret.value)}
            for secret in deployment.secrets
        },
        "configs": {
            _config(name, text): {"file": str(placement.folder / "files" / name)}
            for name, text in deployment.files.items()
        },
    }
    volumes: dict[str, Any] = {volume.name: {} for volume in deployment.volumes}
    return document | ({"volumes": volumes} if volumes else {})


def _service(one: Service, deployment: Deployment, placement: Placement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "image": one.image,
        "command": list(one.command) or None,
        "hostname": one.hostname,
        "user": _user(one),
        "init": True,
        "environment": dict(one.environment) or None,
        "networks": [NETWORK],
        "configs": [
            {"source": _config(name, deployment.files[name]), "target": f"{FILES}/{name}", "mode": _FOR_ALL}
            for name in one.files
        ]
        or None,
        "secrets": [_secret(secret, one) for secret in one.secrets] or None,
        "volumes": [*_volumes(one)] or None,
        "cap_drop": ["ALL"] if one.account is Account.PLAIN and one.role is not Role.DATABASE else None,
        "cap_add": [capability.value for capability in one.capabilities] or None,
        "sysctls": dict(one.sysctls) or None,
        "healthcheck": _health(one.health),
        "stop_grace_period": f"{one.stop_seconds}s",
        "labels": {"nextmini.experiment": deployment.experiment},
        "deploy": _deploy(one, deployment, placement),
    }
    return {key: value for key, value in found.items() if value is not None}


def _deploy(one: Service, deployment: Deployment, placement: Placement) -> dict[str, Any]:
    labels = {"nextmini.experiment": deployment.experiment, "nextmini.role": one.role.value}
    if one.nodes:
        labels["nextmini.nodes"] = ",".join(one.nodes)
    found: dict[str, Any] = {
        "replicas": 1,
        "endpoint_mode": "dnsrr",
        "labels": labels,
        "restart_policy": _restart(one.restart),
        # Whoever is replaced is gone before: of two processes of one number the controller refuses one.
        "update_config": {"order": "stop-first"},
        "placement": {"constraints": [_constraint(one, placement)]} if _placed(one) else None,
        "resources": _resources(one),
    }
    return {key: value for key, value in found.items() if value is not None}


def _placed(one: Service) -> bool:
    return one.site is not None or one.role is not Role.DATAPLANE


def _constraint(one: Service, placement: Placement) -> str:
    """Results and databases stay on machines of those who manage the swarm, where its commands work."""
    if one.role is not Role.DATAPLANE:
        return "node.role == manager"
    return f"node.labels.{placement.site_label} == {one.site}"


def _restart(restart: Restart) -> dict[str, str]:
    if restart is Restart.NEVER:
        return {"condition": "none"}
    return {"condition": "on-failure", "delay": "1s"}


def _resources(one: Service) -> dict[str, Any] | None:
    limits = {}
    if one.limits.cpu is not None:
        limits["cpus"] = f"{one.limits.cpu:.3f}"
    if one.limits.memory is not None:
        limits["memory"] = str(one.limits.memory)
    return {"limits": limits} if limits else None


def _user(one: Service) -> str | None:
    """The database's image has a user of its own."""
    if one.role is Role.DATABASE:
        return None
    return "0:0" if one.account is Account.ROOT else _USER


def _secret(secret: Secret, one: Service) -> dict[str, Any]:
    placed: dict[str, Any] = {"source": secret.value, "target": secret.value}
    if one.role is Role.DATABASE:
        # Whoever that is there; nobody else is in its container.
        return placed | {"mode": _FOR_ALL}
    uid, _, gid = (_user(one) or "0:0").partition(":")
    return placed | {"uid": uid, "gid": gid, "mode": _FOR_ITS_USER}


def _volumes(one: Service) -> list[dict[str, str]]:
    kept = [{"type": "volume", "source": volume.name, "target": volume.path} for volume in one.volumes]
    return kept + [{"type": "tmpfs", "target": path} for path in one.scratch]


def _health(check: HealthCheck) -> dict[str, Any]:
    return {
        "test": ["CMD", *check.command],
        "interval": f"{check.interval:g}s",
        "timeout": "10s",
        "retries": 3,
        "start_period": f"{check.patience:g}s",
    }


def _config(name: str, text: str) -> str:
    """The name of a file in the swarm, which cannot be changed there: another text has another name."""
    return f"{name.partition('.')[0]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _check_files(deployment: Deployment) -> None:
    problems = [
        Problem(
            "command line",
            None,
            name,
            f"it has {len(text.encode()):,} bytes, and a swarm keeps files of up to {MOST_CONFIG:,}",
            "take a smaller network, or `nextmini up` on one machine",
        )
        for name, text in deployment.files.items()
        if len(text.encode()) > MOST_CONFIG
    ]
    if problems:
        raise ScenarioError(problems)


def _network(deployment: Deployment, network: Network, placement: Placement) -> dict[str, Any]:
    overlay: dict[str, Any] = {"driver": "overlay"}
    if placement.subnet is not None:
        _check_subnet(placement.subnet, deployment, network)
    subnet = placement.subnet or _subnet(deployment, network)
    if subnet is not None:
        overlay["ipam"] = {"config": [{"subnet": subnet}]}
    return overlay


def _check_subnet(subnet: str, deployment: Deployment, network: Network) -> None:
    try:
        found = IPv4Network(subnet)
    except ValueError as error:
        raise _refused(f"{subnet} is no IPv4 prefix: {error}", "write it as in 192.0.2.0/24") from None
    if any(one.devices for one in deployment.services) and found.overlaps(ip_network(network.prefix)):
        message = f"{subnet} has addresses of nodes, which are in {network.prefix}"
        raise _refused(message, "write another one, or another network.prefix")
    if found.num_addresses < len(deployment.services) + _SPARE:
        message = f"{subnet} has not enough addresses for {len(deployment.services)} services"
        raise _refused(message, "write a larger one")


def _refused(message: str, remedy: str) -> ScenarioError:
    return ScenarioError([Problem("command line", None, "--subnet", message, remedy)])


def _subnet(deployment: Deployment, network: Network) -> str | None:
    """Addresses that are not those of nodes, which programs in containers reach too; None for any."""
    nodes = ip_network(network.prefix)
    if not any(one.devices for one in deployment.services) or not nodes.overlaps(_USUAL_POOL):
        return None
    pool = next(pool for pool in _POOLS if not pool.overlaps(nodes))
    length = 32 - (len(deployment.services) + _SPARE - 1).bit_length()
    length = min(24, length)
    # The same for each deployment of an experiment; networks of one swarm must not overlap.
    number = int.from_bytes(hashlib.sha256(deployment.experiment.encode()).digest()[:8], "big")
    place = number % 2 ** (length - pool.prefixlen)
    return str(IPv4Network((int(pool.network_address) + place * 2 ** (32 - length), length)))


def has_tun(deployment: Deployment) -> bool:
    """Whether some container makes TUN devices, of which a stack cannot name the file."""
    return any(TUN in one.devices for one in deployment.services)
