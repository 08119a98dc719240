from __future__ import annotations

import pytest

from nextmini.store.connection import redacted


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://me:secret@db.example:5433/lab", "postgresql://me@db.example:5433/lab"),
        ("postgres://me:secret@db.example/lab?sslmode=require", "postgres://me@db.example:5432/lab"),
        ("postgresql://me@/lab?host=/run/pg&password=secret", "postgresql://me@/lab"),
        ("postgresql://me:secret@db.example:port/lab", "the given URL"),
        ("mysql://me:secret@db/lab", "the given URL"),
        ("secret", "the given URL"),
        ("postgresql://me:secret@[::1/lab", "the given URL"),
    ],
)
def test_password_is_never_shown(dsn: str, shown: str) -> None:
    assert redacted(dsn) == shown
    assert "secret" not in redacted(dsn)
