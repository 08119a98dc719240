"""An authority that signs certificates of servers, as others have one at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from nextmini.controller.tls import ServerTls, TlsFiles, load

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """Its name stands in what it signs."""

    def __init__(self, name: str) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            _builder((-1, 10))
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )

    def file(self, folder: Path) -> str:
        """Its own certificate, for who trusts it."""
        path = folder / "authority.pem"
        path.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        return str(path)

    def signed(self, folder: Path, address: str = "127.0.0.1", days: tuple[int, int] = (-1, 10)) -> ServerTls:
        """A certificate for `address`, valid between two days from now."""
        key = generate_private_key(SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        certificate = (
            _builder(days)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "controller")]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .add_extension(names, critical=False)
            .sign(self._key, SHA256())
        )
        files = TlsFiles(folder / "given.pem", folder / "given.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return load(files)


def _builder(days: tuple[int, int]) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    first, last = (now + timedelta(days=day) for day in days)
    serial = x509.random_serial_number()
    return x509.CertificateBuilder().serial_number(serial).not_valid_before(first).not_valid_after(last)
