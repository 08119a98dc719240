"""What the server shows: files that somebody gave, or a certificate of the experiment's own."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from nextmini.controller.certificate import make
from nextmini.controller.server import reachable
from nextmini.controller.tls import TlsFiles, given_files, load
from nextmini.errors import ControllerError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    folder = tmp_path / "own"
    folder.mkdir()
    return make(folder)


def complaint(certificate: Path, key: Path) -> str:
    with pytest.raises(ControllerError) as caught:
        load(TlsFiles(certificate, key))
    return str(caught.value)


def test_a_certificate_is_made_that_only_its_owner_can_use(files: TlsFiles) -> None:
    assert files.key.stat().st_mode & 0o777 == 0o600
    shown = load(files)
    der = ssl.PEM_cert_to_DER_cert(files.certificate.read_text())
    assert shown.fingerprint == hashlib.sha256(der).hexdigest()
    assert shown.context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_every_experiment_has_a_certificate_of_its_own(files: TlsFiles, tmp_path: Path) -> None:
    assert load(make(tmp_path)).fingerprint != load(files).fingerprint


def test_the_fingerprint_is_that_of_the_first_certificate(files: TlsFiles, tmp_path: Path) -> None:
    alone, other = load(files).fingerprint, make(tmp_path)
    text = files.certificate.read_text()
    files.certificate.write_text("Some words before it\n" + text + other.certificate.read_text())
    assert load(files).fingerprint == alone


def test_both_files_are_given_or_none(files: TlsFiles) -> None:
    assert given_files(None, None) is None
    assert given_files(files.certificate, files.key) == files
    with pytest.raises(ControllerError, match="--tls-cert is given without --tls-key; give both, or remove"):
        given_files(files.certificate, None)
    with pytest.raises(ControllerError, match="--tls-key is given without --tls-cert; give both, or remove"):
        given_files(None, files.key)


def test_a_file_that_is_missing_is_named(files: TlsFiles, tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    told = f"{absent} cannot be read: No such file or directory; give a file in PEM"
    assert complaint(absent, files.key) == f"--tls-cert: {told}"
    assert complaint(files.certificate, absent) == f"--tls-key: {told}"
    assert complaint(tmp_path, files.key).startswith(f"--tls-cert: {tmp_path} cannot be read: Is a directory")


def test_files_that_do_not_belong_together_are_named(files: TlsFiles, tmp_path: Path) -> None:
    other = make(tmp_path)
    assert complaint(files.certificate, other.key) == (
        f"--tls-key: {other.key} is not the key of the certificate {files.certificate}; "
        "give two files that belong together"
    )


def test_files_of_something_else_are_named(files: TlsFiles, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(range(256)))
    assert f"{noise} is no certificate in PEM" in complaint(noise, files.key)
    assert f"{files.certificate} and {noise} are no certificate and key" in complaint(
        files.certificate, noise
    )
    broken = tmp_path / "broken.pem"
    broken.write_text(f"{ssl.PEM_HEADER}\nAAAA\n{ssl.PEM_FOOTER}\n")
    assert f"{broken} and {files.key} are no certificate and key" in complaint(broken, files.key)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked(files: TlsFiles, tmp_path: Path) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
    )
    assert complaint(files.certificate, locked).startswith(f"--tls-key: {locked} is encrypted; give a key")


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_this_machine_reaches_what_listens_everywhere(host: str, reached: str) -> None:
    assert reachable(host) == reached
