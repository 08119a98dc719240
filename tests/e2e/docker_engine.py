"""A Docker engine for tests alone, and images of Nextmini as it is installed here.

The engine has a network namespace, data and sockets of its own, so that none of the machine's bridges, rules,
images and containers are touched, whatever other engines there are; all of it goes with the engine.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from program import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DRIVERS = ("overlay2", "fuse-overlayfs", "vfs")
"""Ways of keeping images, the quickest first; not every machine can do all of them."""
IMAGE = "nextmini-test:latest"
POOL = "192.168.96.0/23"
"""Where its networks have their addresses: there is room for two of them."""
_UNUSED = ("_flight", "_substrait")
"""Large parts of pyarrow that nothing here calls."""


class Engine:
    """A Docker engine in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder / 'docker.sock'}"
        self.environment = os.environ | {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it with the first way of keeping images that works."""
        (self.folder / "daemon.json").write_text("{}")
        said = ""
        for driver in DRIVERS:
            if self._starts(driver):
                return
            said += f"\n{driver}: {(self.folder / 'log').read_text()[-2000:]}"
        raise AssertionError(f"no Docker engine starts here:{said}")

    def stop(self) -> None:
        """Ends it, with all that it has."""
        process, self._process = self._process, None
        if process is None:
            return
        containers = self.lines("ps", "--all", "--quiet")
        if containers:
            self.docker("rm", "--force", "--volumes", *containers)
        process.terminate()
        process.wait(PATIENCE)
        for mount in reversed(_mounts(self.folder)):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.folder)

    def _starts(self, driver: str) -> bool:
        folder = self.folder
        options = {
            "config-file": folder / "daemon.json",
            "host": self.host,
            "data-root": folder / driver,
            "exec-root": folder / "run",
            "pidfile": folder / "pid",
            "storage-driver": driver,
            "bridge": "none",
            "default-address-pool": f"base={POOL},size=24",
        }
        command = [f"--{name}={value}" for name, value in options.items()]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec dockerd "$@"', "dockerd", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if (
                subprocess.run(["docker", "version"], env=self.environment, capture_output=True).returncode
                == 0
            ):
                self._process = process
                return True
            time.sleep(0.05)  # nobody tells when it answers
        process.kill()
        process.wait()
        return False

    def docker(self, *arguments: str) -> str:
        """What docker prints; the test fails if it does."""
        done = subprocess.run(
            ["docker", *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"docker {arguments}: {done.stderr}"
        return done.stdout

    @staticmethod
    def program(name: str) -> str:
        """Where a program of this machine is; the test fails if it is not there."""
        found = shutil.which(name)
        assert found is not None, f"install {name}"
        return found

    def lines(self, *arguments: str) -> list[str]:
        return sorted(self.docker(*arguments).split("\n")[:-1])

    def left(self) -> dict[str, list[str]]:
        """All that there is of containers, networks and volumes, and images by name."""
        return {
            "containers": self.lines("ps", "--all", "--format", "{{.Names}}"),
            "networks": self.lines("network", "ls", "--format", "{{.Name}}"),
            "volumes": self.lines("volume", "ls", "--format", "{{.Name}}"),
            "images": self.lines("images", "--format", "{{.Repository}}:{{.Tag}}"),
        }

    def build(self) -> None:
        """Makes IMAGE: deploy/Dockerfile, on a base image of this machine's files and Python packages."""
        packages, context = self.folder / "packages", self.folder / "context"
        for one in _needed("nextmini"):
            _copy(one, packages)
        script = [str(ROOT / "deploy/base-image.sh"), "host", "nextmini-test-base"]
        environment = self.environment | {"PYTHON": sys.executable, "PACKAGES": str(packages)}
        subprocess.run(script, env=environment, check=True, stdout=subprocess.DEVNULL)
        (context / "wheels").mkdir(parents=True)
        _write_wheel(context / "wheels")
        self.docker(
            *("build", "--quiet", "--file", str(ROOT / "deploy/Dockerfile"), "--target", "tools"),
            *("--build-arg", "BASE=nextmini-test-base", "--network", "none", "--tag", IMAGE, str(context)),
        )
        shutil.rmtree(packages)
        shutil.rmtree(context)


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [place for place in (line.split()[1] for line in lines) if place.startswith(f"{folder}/")]


def _needed(name: str) -> Iterator[Distribution]:
    """What `name` needs to run, itself apart."""
    wanted, known = [name], set[str]()
    while wanted:
        for text in distribution(wanted.pop()).requires or ():
            needed = Requirement(text)
            key = canonicalize_name(needed.name)
            if key not in known and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                known.add(key)
                wanted.append(key)
                yield distribution(key)


def _copy(one: Distribution, folder: Path) -> None:
    """Its modules and what it says of itself; not its programs, nor tests."""
    for file in one.files or ():
        # "pginstall" is a server of an older version than "pginstall18".
        unneeded = {"..", "tests", "include", "pginstall"}.intersection(file.parts)
        unneeded |= {word for word in _UNUSED if word in file.name}
        if not unneeded and file.suffix != ".pyc":
            place = folder / file
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(Path(str(file.locate())), place)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except OSError:  # another file system
        shutil.copy2(file, place)


def _write_wheel(folder: Path) -> None:
    """A wheel of the package as it is here, without building anything."""
    own = distribution("nextmini")
    info = f"nextmini-{own.version}.dist-info"
    package = ROOT / "python" / "nextmini"
    contents = {
        f"nextmini/{file.relative_to(package)}": file.read_bytes()
        for file in package.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    contents |= {f"{info}/METADATA": (own.read_text("METADATA") or "").encode()}
    contents |= {f"{info}/entry_points.txt": (own.read_text("entry_points.txt") or "").encode()}
    contents |= {
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-abi3-linux_x86_64\n"
    }
    record = "".join(f"{name},{_digest(content)},{len(content)}\n" for name, content in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(folder / f"nextmini-{own.version}-cp311-abi3-linux_x86_64.whl", "w") as wheel:
        for name, content in contents.items():
            wheel.writestr(name, content)


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
