"""A certificate for one experiment, which nobody vouches for: processes know it by its fingerprint."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from nextmini.controller.tls import TlsFiles
from nextmini.errors import ControllerError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "nextmini"
# Who pins a certificate does not look at its dates; others may, and clocks differ.
_EARLIER = timedelta(days=1)
_LATER = timedelta(days=3650)


def make(folder: Path) -> TlsFiles:
    """Makes a certificate and its key in an experiment's `folder`, and removes neither.

    Those of a controller that was killed are there already, and processes know them. Raises ControllerError
    if they cannot be written.
    """
    files = TlsFiles(folder / "tls-cert.pem", folder / "tls-key.pem")
    if files.certificate.exists():
        return files
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LATER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        _write(files.key, private)
        _write(files.certificate, certificate.public_bytes(Encoding.PEM))
    except OSError as error:
        raise ControllerError(
            f"the certificate of the controller cannot be written: {error}",
            "choose another state folder with --state-dir DIR or the environment variable NEXTMINI_STATE",
        ) from error
    return files


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
