"""What a deployment has on the machine."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from deployments import deployed

from nextmini.controller.tls import TlsFiles, load
from nextmini.deploy.folder import DeploymentFolder
from nextmini.deploy.project import write_document
from nextmini.errors import PrerequisiteError

if TYPE_CHECKING:
    from pathlib import Path


def texts(folder: DeploymentFolder) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.secrets.iterdir()}


def test_secrets_are_for_their_account_alone_and_in_no_document(tmp_path: Path) -> None:
    folder = DeploymentFolder.of(tmp_path, "ring")
    document = write_document(deployed(), folder)
    assert document == folder.document.read_text()
    account = os.geteuid() or 10001
    for path in folder.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_uid == account
        assert path.read_text() not in document
    assert f"user: {account}:" in document
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert set(texts(folder)) == {"token", "key", "tls-key.pem", "tls-cert.pem", "tls-fingerprint"}


def test_the_fingerprint_is_that_of_the_certificate(tmp_path: Path) -> None:
    folder = DeploymentFolder.of(tmp_path, "ring")
    folder.prepare(deployed())
    files = TlsFiles(folder.secrets / "tls-cert.pem", folder.secrets / "tls-key.pem")
    assert texts(folder)["tls-fingerprint"] == load(files).fingerprint


def test_secrets_stay_until_the_folder_goes(tmp_path: Path) -> None:
    folder = DeploymentFolder.of(tmp_path, "ring")
    write_document(deployed(), folder)
    first = texts(folder)
    write_document(deployed(), folder)
    assert texts(folder) == first
    folder.remove()
    folder.remove()
    assert not folder.path.exists()
    write_document(deployed(), folder)
    assert all(texts(folder)[name] != text for name, text in first.items())


def test_both_files_of_a_database_have_its_password(tmp_path: Path) -> None:
    folder = DeploymentFolder.of(tmp_path, "ring")
    folder.prepare(deployed(postgres="postgres:17"))
    password = texts(folder)["database-password"]
    assert texts(folder)["database-passfile"] == f"postgres:5432:nextmini:nextmini:{password}\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "deployments").write_text("")
    with pytest.raises(PrerequisiteError, match=r"cannot be written.*choose another state folder"):
        DeploymentFolder.of(tmp_path, "ring").prepare(deployed())
