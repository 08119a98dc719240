"""How objects and labels are called. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Service

FILES = "nextmini-files"
SECRETS = "nextmini-secrets"
PROCESSES = "dataplane"
"""The service whose names are those of all dataplane processes."""

COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"
SITE = "nextmini.site"
PROCESS = "nextmini.process"
NODES = "nextmini.nodes"
"""An annotation: there may be more nodes than a label has room for."""

_DIGEST = 6
_MOST = 63
_WRONG = re.compile(r"[^a-z0-9-]+")


def object_name(text: str) -> str:
    """A name for objects (RFC 1123) for a name of a scenario, another one for each."""
    plain = _WRONG.sub("-", text.lower()).strip("-")
    if plain == text and len(text) <= _MOST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{plain[: _MOST - _DIGEST - 1].rstrip('-')}-{digest}"


def labels(experiment: str, one: Service) -> dict[str, str]:
    """By which a service's pods are found."""
    found = {
        "app.kubernetes.io/name": "nextmini",
        INSTANCE: object_name(experiment),
        COMPONENT: one.role.value,
    }
    if one.process is not None:
        found[PROCESS] = str(one.process)
    if one.site is not None:
        found[SITE] = label_value(one.site)
    return found


def label_value(name: str) -> str:
    """A site's name as a label: what names may have, labels may have too, but for their last character."""
    return name.rstrip("_.-")
