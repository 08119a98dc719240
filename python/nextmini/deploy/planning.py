"""From a network to its containers: a controller, perhaps a database, and a container for each process. Pure.

A container has its own network namespace, and that is its node's: a TUN device in it takes NET_ADMIN, while
namespaces inside of a container would take SYS_ADMIN, which is as good as root on the machine. So whoever
executes a command in the container is in the node. Beside the node's device there is the container's own
one, by which links and the controller are reached.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from nextmini.deploy.deployment import (
    FILES,
    TUN,
    Account,
    Capability,
    Deployment,
    HealthCheck,
    Restart,
    Role,
    Secret,
    Service,
    Volume,
)
from nextmini.deploy.refusals import check
from nextmini.scenario import dump
from nextmini.scenario.isolation import device_name
from nextmini.scenario.network import UNLIMITED, Limits

if TYPE_CHECKING:
    from nextmini.scenario import Network, Node

CONTROLLER = "controller"
DATABASE = "postgres"
CONTROLLER_PORT = 7700
ANYWHERE = "0.0.0.0:0"
"""Where links to a dataplane process arrive: at any free port, over TCP and, if they are QUIC links, UDP.

The controller tells others which. A process that has died and started again is known by another port: in a
container it has the same number each time, and perhaps the same address.
"""
DATABASE_PORT = 5432
STATE = "/var/lib/nextmini"
RUNS = f"{STATE}/runs"
RUN = "/run/nextmini"
READY = f"{RUN}/ready.json"
"""What the controller announces when it listens."""
CAPTURES = f"{RUN}/captures"
"""A dataplane process's socket for captures, which is there when the process is."""
SCENARIO_FILE = "scenario.toml"
NODES_FILE = "nodes.json"
DATABASE_DATA = "/var/lib/postgresql/data"

STOP_SECONDS = 40
"""A controller tells processes to stop, writes its report and stops its database."""
DATAPLANE_STOP_SECONDS = 15
START_SECONDS = 120.0
"""For the first start of a database on a slow machine."""

_SYSCTLS = {
    # As in the namespaces that Nextmini makes: everybody may ping, and packets come by whatever way.
    "net.ipv4.ping_group_range": "0 2147483647",
    "net.ipv4.conf.all.accept_local": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.ip_forward": "0",
    # Where containers have no IPv6, nodes have it all the same.
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
}
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said of a deployment beside the scenario; without a `postgres` image the controller has its own
    PostgreSQL server, in its container."""

    image: str
    postgres: str | None = None


def plan(network: Network, wishes: Wishes) -> Deployment:
    """The containers for a network, whose processes are those that it is spread over.

    Raises ScenarioError if it has what containers cannot have.
    """
    check(network)
    inside = replace(network, listen=f"0.0.0.0:{CONTROLLER_PORT}", tls=True)
    database = () if wishes.postgres is None else (_database(wishes.postgres),)
    controller = _controller(network, wishes)
    processes: dict[int, list[Node]] = {}
    for node in network.nodes:
        processes.setdefault(node.process, []).append(node)
    dataplanes = (
        _dataplane(network, wishes.image, number, nodes) for number, nodes in sorted(processes.items())
    )
    return Deployment(
        experiment=network.name,
        services=(*database, controller, *dataplanes),
        files={SCENARIO_FILE: dump(inside)} | _nodes_file(network),
    )


def has_devices(network: Network) -> bool:
    """Whether programs run in its nodes, which takes TUN devices."""
    return network.isolation != "none"


def _controller(network: Network, wishes: Wishes) -> Service:
    secrets: tuple[Secret, ...] = (Secret.TOKEN, Secret.KEY, Secret.TLS_KEY, Secret.TLS_CERT)
    command = [
        *("controller", f"{FILES}/{SCENARIO_FILE}"),
        *("--token-file", Secret.TOKEN.path, "--key-file", Secret.KEY.path),
        *("--tls-cert", Secret.TLS_CERT.path, "--tls-key", Secret.TLS_KEY.path),
        *("--state-dir", STATE, "--runs-dir", RUNS, "--announce", READY),
    ]
    if has_devices(network):
        command += ["--devices", "processes"]
    if wishes.postgres is not None:
        secrets += (Secret.DATABASE_PASSFILE,)
        passfile = Secret.DATABASE_PASSFILE.path
        command += [
            "--database-url",
            f"postgresql://nextmini@{DATABASE}:{DATABASE_PORT}/nextmini?passfile={passfile}",
        ]
    return Service(
        name=CONTROLLER,
        role=Role.CONTROLLER,
        image=wishes.image,
        command=tuple(command),
        account=Account.PLAIN,
        restart=_restart(network),
        health=HealthCheck(("test", "-e", READY), 1.0, START_SECONDS),
        stop_seconds=STOP_SECONDS,
        ports=(CONTROLLER_PORT,),
        after=() if wishes.postgres is None else (DATABASE,),
        files=(SCENARIO_FILE,),
        secrets=secrets,
        volumes=(Volume("state", STATE),),
        scratch=(RUN,),
    )


def _database(image: str) -> Service:
    return Service(
        name=DATABASE,
        role=Role.DATABASE,
        image=image,
        command=(),
        account=Account.PLAIN,
        restart=Restart.ON_FAILURE,
        health=HealthCheck(("pg_isready", "--quiet", "--username", "nextmini"), 2.0, START_SECONDS),
        stop_seconds=STOP_SECONDS,
        ports=(DATABASE_PORT,),
        secrets=(Secret.DATABASE_PASSWORD,),
        volumes=(Volume("database", DATABASE_DATA),),
        scratch=("/var/run/postgresql",),
        environment={
            "POSTGRES_USER": "nextmini",
            "POSTGRES_DB": "nextmini",
            "POSTGRES_PASSWORD_FILE": Secret.DATABASE_PASSWORD.path,
        },
    )


def _dataplane(network: Network, image: str, process: int, nodes: list[Node]) -> Service:
    name, names = f"dataplane-{process}", tuple(node.name for node in nodes)
    devices = has_devices(network)
    command = [
        *("dataplane", "--controller", f"wss://{CONTROLLER}:{CONTROLLER_PORT}/dataplane"),
        *("--token-file", Secret.TOKEN.path, "--tls-fingerprint-file", Secret.FINGERPRINT.path),
        *("--process", str(process), "--listen", ANYWHERE, "--captures", CAPTURES),
    ]
    if len(nodes) == 1:
        command += ["--workers", "1"]
    if devices:
        command += ["--nodes", f"{FILES}/{NODES_FILE}"]
    return Service(
        name=name,
        role=Role.DATAPLANE,
        image=image,
        command=tuple(command),
        account=Account.ROOT if devices else Account.PLAIN,
        restart=_restart(network),
        health=HealthCheck(("test", "-S", CAPTURES), 10.0, START_SECONDS),
        stop_seconds=DATAPLANE_STOP_SECONDS,
        hostname=names[0] if len(names) == 1 and _HOSTNAME.fullmatch(names[0]) else None,
        after=(CONTROLLER,),
        files=(NODES_FILE,) if devices else (),
        secrets=(Secret.TOKEN, Secret.FINGERPRINT),
        scratch=(RUN,),
        capabilities=(Capability.NET_ADMIN,) if devices else (),
        devices=(TUN,) if devices else (),
        sysctls=_SYSCTLS if devices else {},
        limits=limits_of(nodes),
        process=process,
        nodes=names,
    )


def _restart(network: Network) -> Restart:
    return Restart.ON_FAILURE if network.on_process_death == "restart" else Restart.NEVER


def limits_of(nodes: list[Node]) -> Limits:
    """Of a container with these nodes: the sum of theirs, which all of them have or none."""
    cpus = [node.limits.cpu for node in nodes if node.limits.cpu is not None]
    memories = [node.limits.memory for node in nodes if node.limits.memory is not None]
    limits = Limits(sum(cpus) if cpus else None, sum(memories) if memories else None)
    return limits if limits != UNLIMITED else UNLIMITED


def _nodes_file(network: Network) -> dict[str, str]:
    """What dataplane processes need to make the devices of their nodes."""
    if not has_devices(network):
        return {}
    document = {
        "prefix": IPv4Network(network.prefix).prefixlen,
        "prefix6": IPv6Network(network.prefix6).prefixlen,
        "mtu": network.mtu,
        "queues": network.queues,
        "nodes": [
            {
                "process": node.process,
                "name": node.name,
                "device": device_name(node.name),
                "address": node.address,
                "address6": node.address6,
            }
            for node in network.nodes
        ],
    }
    return {NODES_FILE: json.dumps(document) + "\n"}
