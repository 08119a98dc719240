"""Services that start in any order, as those of a cluster do. Pure.

In a swarm and in Kubernetes, a service's name is known when the service is ready. Whoever comes later
waits for the names of those before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Deployment, Service

PATIENCE_SECONDS = 900
"""Other machines may still be fetching the image."""


def in_any_order(deployment: Deployment) -> Deployment:
    """The deployment, each of whose services waits for those that come before it."""
    return replace(deployment, services=tuple(map(_waiting, deployment.services)))


def _waiting(one: Service) -> Service:
    if not one.after:
        return one
    patience = one.health.patience + PATIENCE_SECONDS
    return replace(
        one,
        command=(*one.command, "--patience", str(PATIENCE_SECONDS)),
        health=replace(one.health, patience=patience),
    )
