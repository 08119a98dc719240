"""Connections of programs in transparent nodes: redirected, in their namespace, to a port of the dataplane's.

The kernel does it, as nftables tell it to; the original destination stays to be asked for (SO_ORIGINAL_DST).
"""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NFT = "nft"
MARK = 0x6E6D
"""Of sockets whose connections are never redirected (SO_MARK): the dataplane's own."""

_TABLE = "table inet nextmini"
_SECONDS = 30.0
_WITHOUT = "leave out `transparent`, under [max] and of nodes, to do without"


def ruleset(device: str, ports: Sequence[int] | None, own_port: int | None) -> str:
    """What nft(8) is to read, whatever there was before: TCP connections to `ports` go to `own_port` instead.

    Only those that would leave by `device`: links of a dataplane process in the namespace do not. `ports` are
    None for all of them. Without an `own_port` nothing is redirected.
    """
    # To name a table makes it, so that it can be deleted in any case. All of this is in force at once.
    fresh = f"{_TABLE}\ndelete {_TABLE}\n"
    if own_port is None:
        return fresh
    chosen = "meta l4proto tcp" if ports is None else f"tcp dport {{ {', '.join(map(str, ports))} }}"
    return f"""{fresh}{_TABLE} {{
  chain output {{
    type nat hook output priority -100; policy accept;
    oifname != "{device}" return
    meta mark {MARK:#x} return
    fib daddr type local return
    {chosen} redirect to :{own_port}
  }}
}}
"""


def redirect(namespace: Path, device: str, ports: Sequence[int] | None, own_port: int | None) -> None:
    """Redirects what leaves the namespace in this file; see `ruleset`.

    Raises PrerequisiteError if nft is missing, or the kernel refuses.
    """
    if own_port is None and shutil.which(NFT) is None:
        return  # nothing was ever redirected
    if shutil.which(NFT) is None:
        raise PrerequisiteError(
            f"transparent nodes need nftables: there is no program {NFT}", f"install nftables, or {_WITHOUT}"
        )
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(_inside, namespace, ruleset(device, ports, own_port)).result()
    if done.returncode != 0:
        said = done.stdout.strip().splitlines()
        raise PrerequisiteError(
            f"connections in {namespace.name} cannot be redirected: {said[0] if said else 'nft fails'}",
            f"use a kernel with nftables and NAT (modules nf_tables, nft_redir, nft_fib_inet), or {_WITHOUT}",
        )


def _inside(namespace: Path, rules: str) -> subprocess.CompletedProcess[str]:
    """Runs nft; the calling thread goes inside for good."""
    from nextmini import _native

    try:
        _native.enter_namespace(namespace, [])
        return subprocess.run(  # noqa: S603 - our own arguments
            [NFT, "-f", "-"],
            input=rules,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PrerequisiteError(
            f"connections in {namespace.name} cannot be redirected: {error}",
            f"see `nextmini doctor`, or {_WITHOUT}",
        ) from error
