"""What the controller's server shows to prove who it is, and when it has to.

Beyond this machine TLS is demanded; on loopback there is none unless it is asked for. A certificate comes
from files that somebody gave, or is made for the experiment (`certificate`).
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.errors import ControllerError

if TYPE_CHECKING:
    from pathlib import Path

_CERTIFICATE, _KEY = "--tls-cert", "--tls-key"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate, with those that vouch for it behind it, and its private key, both in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a server shows; `fingerprint` is the SHA-256 of its certificate in hex digits."""

    context: ssl.SSLContext
    fingerprint: str


def given_files(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """The files that options name; None for none. Raises ControllerError if one is missing."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        there, missing = (_CERTIFICATE, _KEY) if key is None else (_KEY, _CERTIFICATE)
        raise ControllerError(
            f"{there} is given without {missing}",
            f"give both, or remove {there} to have a certificate made for the experiment",
        )
    return TlsFiles(certificate, key)


def load(files: TlsFiles) -> ServerTls:
    """Reads both files. Raises ControllerError if they cannot be read or do not belong together."""
    text = _read(files.certificate, _CERTIFICATE)
    _read(files.key, _KEY)
    # No older version: both ends are Nextmini's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        first = ssl.PEM_cert_to_DER_cert(_first_certificate(text))
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ControllerError(*_unusable(files, error)) from None
    return ServerTls(context, hashlib.sha256(first).hexdigest())


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ControllerError(
            f"{option}: {path} cannot be read: {error.strerror or error}", "give a file in PEM"
        ) from error


def _first_certificate(text: str) -> str:
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    if begin < 0 or end < begin:
        raise ValueError("there is no certificate in it")
    return text[begin : end + len(ssl.PEM_FOOTER)]


def _no_password() -> str:
    raise ValueError("its key is encrypted")


def _unusable(files: TlsFiles, error: Exception) -> tuple[str, str]:
    """What is wrong with files that can be read, and what to do about it."""
    if isinstance(error, ssl.SSLError) and error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        return (
            f"{_KEY}: {files.key} is not the key of the certificate {files.certificate}",
            "give two files that belong together",
        )
    if isinstance(error, ssl.SSLError):
        pair = f"{files.certificate} and {files.key}"
        return (
            f"{_CERTIFICATE}, {_KEY}: {pair} are no certificate and key in PEM",
            "write each as text that begins with -----BEGIN",
        )
    if str(error) == "its key is encrypted":
        return f"{_KEY}: {files.key} is encrypted", "give a key without a password, in a file of mode 0600"
    return f"{_CERTIFICATE}: {files.certificate} is no certificate in PEM: {error}", "give another file"
