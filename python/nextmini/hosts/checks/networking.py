"""What links and nodes with programs need of the kernel's networking."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from nextmini.hosts.checks.check import PROC, Check, attempt, last_line
from nextmini.hosts.redirection import NFT

PROGRAMS = {"ping": "iputils-ping", "iperf3": "iperf3"}
"""What one often wants inside nodes, and the packages that have it."""


def congestion_control(wanted: str = "cubic", proc: Path = PROC) -> Check:
    """TCP links ask for cubic unless the scenario names another one."""
    name = "TCP congestion control"
    try:
        available = (proc / "sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    except OSError as error:
        return Check(
            name, "warning", f"cannot be seen ({error.strerror})", f"make sure that the kernel has {wanted}"
        )
    if wanted in available:
        return Check(name, "ok", ", ".join(available))
    remedy = f"load it (modprobe tcp_{wanted}), or name one of these as `congestion` of the links"
    return Check(name, "missing", f"no {wanted}, only {', '.join(available)}", remedy)


def tun_device(device: Path = Path("/dev/net/tun")) -> Check:
    """Nodes with real applications have TUN devices."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        missing = error.errno == errno.ENOENT
        found = f"there is no {device}" if missing else f"{device} cannot be opened ({error.strerror})"
        remedy = (
            "for nodes with applications: load the module tun, and in a container pass --device /dev/net/tun"
        )
        return Check("TUN devices", "warning", found, remedy)
    return Check("TUN devices", "ok", str(device))


def network_namespaces(proc: Path = PROC) -> Check:
    """Nodes with real applications have a network namespace each."""
    name = "network namespaces"
    if not (proc / "self/ns/net").exists():
        remedy = "for nodes with applications: use a kernel with CONFIG_NET_NS"
        return Check(name, "warning", "the kernel has none", remedy)
    if os.geteuid() != 0:
        return Check(name, "warning", "can be made by root only", "for nodes with applications: run as root")
    works, said = attempt(["unshare", "--net", "true"])
    if works:
        return Check(name, "ok", "can be made")
    return Check(
        name, "warning", f"refused ({last_line(said)})", "for nodes with applications: add CAP_SYS_ADMIN"
    )


def nftables() -> Check:
    """Connections of programs in transparent nodes are redirected by it."""
    if shutil.which(NFT) is not None:
        return Check("nftables", "ok", NFT)
    remedy = "for `transparent` nodes: install nftables"
    return Check("nftables", "warning", f"there is no program {NFT}", remedy)


def programs() -> Check:
    """Nodes have the programs of the machine."""
    there = {name: shutil.which(name) is not None for name in PROGRAMS}
    found = ", ".join(name if known else f"no {name}" for name, known in there.items())
    if all(there.values()):
        return Check("programs for nodes", "ok", found)
    packages = " and ".join(PROGRAMS[name] for name, known in there.items() if not known)
    return Check("programs for nodes", "note", found, f"to use them inside nodes: install {packages}")
