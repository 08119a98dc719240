from __future__ import annotations

import pytest

from nextmini.live.bandwidth import rate_of
from nextmini.live.choice import LiveError


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10M", 10**7), ("1.5G", 15 * 10**8), ("64k", 64_000), ("500", 500), ("10 Mbit/s", 10**7)],
)
def test_rates_are_written_as_iperf_or_a_scenario_has_them(text: str, rate: int) -> None:
    assert rate_of(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "10 MB/s", "-1M"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(LiveError, match="write 10M or 10 Mbit/s"):
        rate_of(text)
