"""What an experiment in containers consists of, in the words of no program that starts them. Pure.

A renderer turns it into a document of Docker Compose, Swarm or Kubernetes. Whatever service it is, in its
container

- files are at `FILES`/NAME, readable for all; secrets at `SECRETS`/NAME, readable for its account alone
- volumes outlive the container; scratch folders are empty whenever it starts, and in memory
- other services of the deployment are reached by their names, and their ports need not be published
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from nextmini.scenario.network import UNLIMITED, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = "/etc/nextmini"
SECRETS = "/run/secrets"
TUN = "/dev/net/tun"


class Role(Enum):
    """What a service does."""

    CONTROLLER = "controller"
    DATABASE = "database"
    DATAPLANE = "dataplane"


class Account(Enum):
    """Who runs in the container."""

    PLAIN = "plain"
    """Somebody without rights, to whom secrets and volumes belong. No capabilities at all."""
    ROOT = "root"
    """root, with the usual capabilities of a container and those that the service names."""


class Capability(Enum):
    """What a service may do beside the usual (capabilities(7), without the CAP_ in front)."""

    NET_ADMIN = "NET_ADMIN"


class Restart(Enum):
    """What happens when a container ends by itself."""

    NEVER = "never"
    ON_FAILURE = "on failure"
    """It starts again, unless its exit code is 0."""


class Secret(Enum):
    """What few may know, by the name of its file."""

    TOKEN = "token"  # noqa: S105 - its name
    """What dataplane processes show to the controller."""
    KEY = "key"
    """What ends of links prove to have."""
    TLS_KEY = "tls-key.pem"
    """Of the controller's certificate."""
    TLS_CERT = "tls-cert.pem"
    """That certificate, which is none; it lies beside its key."""
    FINGERPRINT = "tls-fingerprint"
    """Of that certificate. No secret either, but whoever could change it could pass for the controller."""
    DATABASE_PASSWORD = "database-password"  # noqa: S105
    """The database's, if it is a service of its own."""
    DATABASE_PASSFILE = "database-passfile"
    """The same for the controller, in a file of PostgreSQL's format (.pgpass)."""

    @property
    def path(self) -> str:
        """Where it is in a container."""
        return f"{SECRETS}/{self.value}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder of a container that outlives it."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A command that succeeds in the container when the service is ready; times in seconds."""

    command: tuple[str, ...]
    interval: float
    patience: float
    """How long it may take to be ready for the first time."""


@dataclass(frozen=True, slots=True)
class Service:
    """One container.

    `command` are arguments for the image's program (`nextmini`, unless it is the database). `after` are the
    services that are ready before it starts. `ports` are the TCP ports by which others know it; dataplane
    processes reach each other at any port besides, over TCP and UDP.
    """

    name: str
    role: Role
    image: str
    command: tuple[str, ...]
    account: Account
    restart: Restart
    health: HealthCheck
    stop_seconds: int
    """How long it may take to end in order, after SIGTERM."""
    hostname: str | None = None
    ports: tuple[int, ...] = ()
    after: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[Volume, ...] = ()
    scratch: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Never a secret."""
    capabilities: tuple[Capability, ...] = ()
    devices: tuple[str, ...] = ()
    """Device files of the machine."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Of its network namespace."""
    limits: Limits = UNLIMITED
    process: int | None = None
    """Which dataplane process of the experiment it is, from 0."""
    nodes: tuple[str, ...] = ()
    """Names of the nodes that this process hosts."""
    site: str | None = None
    """Where they are, if the scenario has sites."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """An experiment's services, in an order in which they can start, and the texts of their files by name."""

    experiment: str
    services: tuple[Service, ...]
    files: Mapping[str, str]

    @property
    def controller(self) -> Service:
        return next(one for one in self.services if one.role is Role.CONTROLLER)

    @property
    def dataplanes(self) -> tuple[Service, ...]:
        """In the order of their processes."""
        return tuple(one for one in self.services if one.role is Role.DATAPLANE)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that a service has."""
        known = {secret for one in self.services for secret in one.secrets}
        return tuple(secret for secret in Secret if secret in known)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        return tuple(volume for one in self.services for volume in one.volumes)

    def hosting(self, node: str) -> Service | None:
        """The service with this node."""
        return next((one for one in self.services if node in one.nodes), None)
