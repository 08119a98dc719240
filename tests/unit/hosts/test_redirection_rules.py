"""What nftables are told of transparent nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nextmini.errors import PrerequisiteError
from nextmini.hosts.redirection import redirect, ruleset

if TYPE_CHECKING:
    from pathlib import Path

_ALL = """\
table inet nextmini
delete table inet nextmini
table inet nextmini {
  chain output {
    type nat hook output priority -100; policy accept;
    oifname != "h1-eth0" return
    meta mark 0x6e6d return
    fib daddr type local return
    meta l4proto tcp redirect to :61080
  }
}
"""


def test_all_connections() -> None:
    assert ruleset("h1-eth0", None, 61_080) == _ALL


def test_those_to_some_ports() -> None:
    some = _ALL.replace("meta l4proto tcp redirect to :61080", "tcp dport { 80, 443 } redirect to :7")
    assert ruleset("h1-eth0", (80, 443), 7) == some


def test_none() -> None:
    assert ruleset("h1-eth0", None, None) == "table inet nextmini\ndelete table inet nextmini\n"


def test_who_has_no_nftables_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="there is no program nft") as caught:
        redirect(tmp_path / "x", "h1-eth0", None, 61_080)
    assert "install nftables, or leave out `transparent`" in (caught.value.remedy or "")
    redirect(tmp_path / "x", "h1-eth0", None, None)


def test_a_namespace_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nft").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="connections in gone cannot be redirected: "):
        redirect(tmp_path / "gone", "h1-eth0", None, 61_080)
