"""What commands tell of a scenario although nothing is wrong with it."""

from __future__ import annotations

import pytest

from nextmini.cli.output import tell_unlimited
from nextmini.scenario import loads

_RING = '[experiment]\nname = "x"\n[topology]\nkind = "ring"\nnodes = 3\n'


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", False),
        ("[network]\nlimits = { cpu = 1 }\n", True),
        ('[[nodes]]\nname = "n1"\nlimits = { memory = "1 GiB" }\n', True),
    ],
)
def test_limits_that_hold_nowhere_are_told_of(
    more: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_unlimited(loads(_RING + more))
    assert ("limits of nodes hold in containers only" in capsys.readouterr().err) is told
