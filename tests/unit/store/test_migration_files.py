from __future__ import annotations

from nextmini.store.migrate import migrations


def test_files_are_numbered_from_one() -> None:
    found = migrations()
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert [migration.name for migration in found][:3] == ["desired", "actual", "announcements"]


def test_files_name_no_schema_of_their_own() -> None:
    for migration in migrations():
        # Where functions look for tables: in the schema in which they are made.
        assert "search_path" not in migration.sql.replace("SET search_path FROM CURRENT", "")
        assert "public." not in migration.sql
