"""Keys and values that later versions bring: refused by name until then, never ignored."""

from __future__ import annotations

LATER_KEYS: dict[str, dict[str, str]] = {
    "": {
        "routing": "routing modes, metrics and rerouting",
        "checks": "conditions that the results must meet",
        "max": "max mode: flows that are spliced by the kernel",
        "socks": "SOCKS5 entrances to max mode",
        "algorithms": "plugins that control the network",
        "demands": "traffic matrices",
        "sites": "machines of a deployment",
    },
    "nodes": {
        "max": "max mode of one node",
        "site": "the machine that hosts it",
        "limits": "its share of the machine",
    },
    "flows": {
        "congestion": "congestion control of tcp flows",
    },
    "controller": {
        "tls": "TLS, for machines beyond this one",
    },
}

LATER_VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("experiment", "on_process_death"): ("restart",),
    ("network", "isolation"): ("docker",),
    ("network", "transport"): ("quic",),
    ("links", "transport"): ("quic",),
    ("topology", "kind"): ("file",),
    ("flows", "kind"): ("tcp",),
}
