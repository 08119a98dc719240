from __future__ import annotations

import pytest

from nextmini.errors import DatabaseError
from nextmini.store.naming import Naming


@pytest.mark.parametrize("name", ["lab", "x" * 63, "ü" * 31, "two paths", 'qu"ote', "public"])
def test_schema_is_called_like_the_experiment(name: str) -> None:
    assert Naming.of(name).schema == name


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "nul\0"])
def test_name_that_postgresql_would_change_is_refused(name: str) -> None:
    with pytest.raises(DatabaseError, match="cannot name a schema"):
        Naming.of(name)


@pytest.mark.parametrize("name", ["pg_lab", "information_schema"])
def test_name_of_the_servers_own_schemas_is_refused(name: str) -> None:
    with pytest.raises(DatabaseError, match="reserved"):
        Naming.of(name)


def test_quotes_are_doubled() -> None:
    assert Naming.of('a"b').quoted == '"a""b"'


def test_channels_of_a_short_name() -> None:
    naming = Naming.of("lab")
    assert naming.channel("desired") == "nextmini:lab"
    assert naming.channel("state") == "nextmini:lab:state"
    assert naming.channel("metrics") == "nextmini:lab:metrics"


@pytest.mark.parametrize("size", [46, 47, 63])
def test_channels_fit_and_differ(size: int) -> None:
    one, two = Naming.of("x" * size), Naming.of("x" * (size - 1) + "y")
    channels = [naming.channel(topic) for naming in (one, two) for topic in ("desired", "state", "metrics")]
    assert all(len(channel) <= 63 for channel in channels)
    assert len(set(channels)) == 6


def test_locks_differ_by_experiment_and_purpose_and_fit_a_bigint() -> None:
    keys = {Naming.of(name).lock(purpose) for name in ("a", "b") for purpose in ("claim", "migration")}
    assert len(keys) == 4
    assert all(-(2**63) <= key < 2**63 for key in keys)
