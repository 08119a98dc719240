"""Names of nodes from whatever a file calls them, and rates from labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextmini.scenario.fields import node_name
from nextmini.scenario.imports.capacity import labelled_rate, speed
from nextmini.scenario.imports.names import node_names


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["New York", "Łódź", "Þórshöfn", "Straße 1"], ("New-York", "Lodz", "Thorshofn", "Strasse-1")),
        (["東京", "", "…", "Москва"], ("n1", "n2", "n3", "n4")),
        (["a", "a", "a-2", "a"], ("a", "a-3", "a-2", "a-4")),
        (["n2", "東京"], ("n2", "n2-2")),
        (["-x.", "_", "São  Paulo (GRU)"], ("x", "n2", "Sao-Paulo-GRU")),
        (["0", "1"], ("0", "1")),
        (["x" * 200, "x" * 200], ("x" * 48, "x" * 48 + "-2")),
    ],
)
def test_names_are_plain(texts: list[str], names: tuple[str, ...]) -> None:
    assert node_names(texts) == names


@given(st.lists(st.text(max_size=70) | st.sampled_from(["a", "a-2", "A", "á", "n1", "n2"]), max_size=40))
def test_any_texts_have_names_of_their_own(texts: list[str]) -> None:
    names = node_names(texts)
    assert len(set(names)) == len(texts)
    assert [node_name(name) for name in names] == list(names)
    assert node_names(texts) == names


@pytest.mark.parametrize(
    ("label", "rate"),
    [
        ("OC-48", 2_488_320_000),
        ("OC192", 9_953_280_000),
        ("STM-16", 2_488_320_000),
        ("2.5 Gbps", 2.5e9),
        ("10GbE", 1e10),
        ("10 Gbit/s", 1e10),
        ("155 Mbps leased", 155e6),
        ("2 x 10G", 2e10),
        ("64k", 64_000),
        ("1 GigE", 1e9),
        ("Fibre", None),
        ("< 10 Gbps", None),
        ("10", None),
        ("10 MB/s", None),
        ("OC-3 or OC-12", None),
    ],
)
def test_labels_that_are_rates_are_known(label: str, rate: float | None) -> None:
    assert labelled_rate(label) == rate


def test_a_speed_has_a_unit_of_one_letter() -> None:
    assert speed(10, "G") == 1e10
    assert speed(155, "Mbps") == 155e6
    assert speed(9600, "") == speed(9600, "bps") == 9600
    assert speed(1, "furlongs") is None
