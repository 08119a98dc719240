"""Whether the controller's server speaks TLS: where it listens decides, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextmini.scenario.fields import is_loopback
from nextmini.scenario.findings import Finding

if TYPE_CHECKING:
    from nextmini.scenario.model import Scenario


def expand_tls(scenario: Scenario, findings: list[Finding]) -> bool:
    """Whether there is TLS; beyond this machine nobody can do without."""
    table = scenario.controller
    demanded = not is_loopback(table.listen)
    if demanded and table.tls is False:
        message = f"listening on {table.listen}, which is beyond this machine, demands TLS"
        findings.append(Finding(("controller", "tls"), message, 'remove it, or write listen = "127.0.0.1:0"'))
    return demanded or bool(table.tls)
