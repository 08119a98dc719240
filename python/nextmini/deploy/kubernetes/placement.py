"""On which machines dataplane processes may be. Pure.

Those of different sites are never on one machine. Where machines have a label with the name of their site,
such as their zone, processes are on those of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextmini.deploy.kubernetes.names import COMPONENT, SITE, label_value

if TYPE_CHECKING:
    from nextmini.deploy.deployment import Service

_MACHINE = "kubernetes.io/hostname"


def placement(one: Service, site_label: str | None) -> dict[str, Any]:
    """What a pod says of it; `site_label` is the label of machines that has a site's name."""
    if one.process is None:
        return {}
    among = {COMPONENT: one.role.value} | ({} if one.site is None else {SITE: label_value(one.site)})
    spread = {
        "maxSkew": 1,
        "topologyKey": _MACHINE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": among},
    }
    found: dict[str, Any] = {"topologySpreadConstraints": [spread]}
    if one.site is None:
        return found
    found["affinity"] = {"podAntiAffinity": _apart(one.site)}
    if site_label is not None:
        found["nodeSelector"] = {site_label: label_value(one.site)}
    return found


def _apart(site: str) -> dict[str, Any]:
    others = [
        {"key": SITE, "operator": "Exists"},
        {"key": SITE, "operator": "NotIn", "values": [label_value(site)]},
    ]
    term = {"labelSelector": {"matchExpressions": others}, "topologyKey": _MACHINE}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
