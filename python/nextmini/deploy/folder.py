"""What a deployment has on this machine: `<state>/deployments/<name>/`, mode 0700.

```
files/          what containers have mounted and everybody may read
secrets/        likewise, mode 0600, of the account that containers have where they are not root
compose.yaml    the document
```

Secrets are made once, and stay until the folder is removed: a document that is made again is for the same.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.controller.tls import TlsFiles, load
from nextmini.deploy.compose_document import ComposePlace
from nextmini.deploy.deployment import Secret
from nextmini.errors import PrerequisiteError
from nextmini.store.state import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nextmini.deploy.deployment import Deployment

IMAGE_ACCOUNT = (10001, 10001)
"""User and group in the image of who is not root."""
_ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
nextmini:x:{user}:{group}::/var/lib/nextmini:/usr/sbin/nologin
"""


@dataclass(frozen=True, slots=True)
class DeploymentFolder:
    """The folder of one experiment's deployment; it need not be there."""

    path: Path

    @classmethod
    def of(cls, state: Path, experiment: str) -> DeploymentFolder:
        return cls(state / "deployments" / experiment)

    @property
    def document(self) -> Path:
        return self.path / "compose.yaml"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    def prepare(self, deployment: Deployment) -> ComposePlace:
        """Writes files, and secrets that are not there yet; returns what a document says of them.

        Raises PrerequisiteError if that is not possible.
        """
        try:
            for folder in (self.path, self.secrets, self.path / "files"):
                make_private_folder(folder)
            self._write_files(deployment.files)
            self._make_secrets(deployment)
            return self._own()
        except OSError as error:
            raise PrerequisiteError(
                f"the folder {self.path} cannot be written: {error.strerror or error}",
                "choose another state folder with --state-dir or NEXTMINI_STATE",
            ) from error

    def remove(self) -> None:
        """Removes it, if it is there."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def _write_files(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            # In place: containers have this file mounted and not its name.
            path = self.path / "files" / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)

    def _make_secrets(self, deployment: Deployment) -> None:
        password = self._secret(Secret.DATABASE_PASSWORD)
        makers: dict[Secret, Callable[[], str]] = {
            Secret.TOKEN: lambda: secrets.token_urlsafe(32),
            Secret.KEY: lambda: secrets.token_hex(32),
            Secret.FINGERPRINT: self._certificate,
            Secret.DATABASE_PASSWORD: lambda: secrets.token_urlsafe(32),
            Secret.DATABASE_PASSFILE: lambda: f"postgres:5432:nextmini:nextmini:{password.read_text()}\n",
        }
        for secret in deployment.secrets:
            path = self._secret(secret)
            if secret in makers and not path.exists():
                _write(path, makers[secret]())

    def _certificate(self) -> str:
        from nextmini.controller.certificate import make  # a large library

        files: TlsFiles = make(self.secrets)
        return load(files).fingerprint

    def _secret(self, secret: Secret) -> Path:
        return self.secrets / secret.value

    def _own(self) -> ComposePlace:
        """Gives secrets to the account that containers have: it is ours, unless we are root."""
        if os.geteuid() != 0:
            user, group = os.geteuid(), os.getegid()
            passwd = self.path / "files" / "passwd"
            passwd.write_text(_ACCOUNTS.format(user=user, group=group), encoding="ascii")
            return ComposePlace(self.path, f"{user}:{group}", passwd)
        user, group = IMAGE_ACCOUNT
        for path in self.secrets.iterdir():
            os.chown(path, user, group)
        return ComposePlace(self.path, f"{user}:{group}")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
