"""The wheel: what is in it, and that it needs nothing but Python where it is installed."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "nextmini"
KINDS = ("*.toml", "*.csv", "*.py", "*/*.py", "topologies/*.graphml", "traces/*.trace")
EXAMPLES = [file for kind in KINDS for file in (ROOT / "configs").glob(kind)]
NEWEST_GLIBC = 34
"""The wheel runs with glibc 2.34 and later, as docs/installation.md says."""

# Building and downloading take their time on a machine that has done neither before.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--locked", "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class Installed:
    """A fresh virtual environment with the wheel in it, on a machine without compilers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        tools = folder / "tools"
        tools.mkdir()
        unshare = shutil.which("unshare")
        assert unshare is not None
        (tools / "unshare").symlink_to(unshare)
        kept = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
        self.environment = kept | {
            "PATH": f"{self.bin}:{tools}",
            "HOME": os.environ.get("HOME", str(folder)),
            "NEXTMINI_STATE": str(folder / "state"),
            "LANG": "C.UTF-8",
        }

    def call(self, program: str, *arguments: str) -> str:
        """Its standard output; the test fails if it does."""
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program} {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    installed = Installed(tmp_path_factory.mktemp("machine"))
    for program in ("cargo", "rustc", "cc", "make"):
        assert shutil.which(program, path=installed.environment["PATH"]) is None
    subprocess.run([sys.executable, "-m", "venv", str(installed.folder / "venv")], check=True)
    installed.call("python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(wheel))
    return installed


def test_its_tag_names_the_pythons_and_systems_that_it_runs_on(wheel: Path) -> None:
    tag = re.fullmatch(r"nextmini-([\d.]+)-cp311-abi3-manylinux_2_(\d+)_(\w+)\.whl", wheel.name)
    assert tag is not None, wheel.name
    assert int(tag[2]) <= NEWEST_GLIBC
    assert tag[3] == platform.machine()


def test_it_holds_the_package_and_nothing_else(contents: dict[str, bytes]) -> None:
    inside = {name.removeprefix("nextmini/") for name in contents if name.startswith("nextmini/")}
    sources = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py")}
    migrations = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.sql")}
    examples = {f"configs/{file.relative_to(ROOT / 'configs')}" for file in EXAMPLES}
    assert migrations
    assert examples
    fixed = {"_native.abi3.so", "_native.pyi", "py.typed"}
    assert inside == sources | migrations | examples | fixed
    rest = {name for name in contents if not name.startswith("nextmini/")}
    assert all(re.match(r"nextmini-[\d.]+\.dist-info/", name) for name in rest), rest


def test_its_metadata_says_what_it_is(contents: dict[str, bytes]) -> None:
    (metadata,) = (contents[name] for name in contents if name.endswith(".dist-info/METADATA"))
    fields = Parser().parsestr(metadata.decode())
    assert fields["Name"] == "nextmini"
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["Requires-Python"] == ">=3.11"
    assert "Nextmini" in str(fields.get_payload())
    (license_text,) = (contents[name] for name in contents if name.endswith("licenses/LICENSE"))
    assert license_text == (ROOT / "LICENSE").read_bytes()


def test_what_is_installed_tells_its_version(installed: Installed, wheel: Path) -> None:
    version = installed.call("nextmini", "version").strip()
    assert f"-{version}-" in wheel.name
    facts = json.loads(installed.call("nextmini", "version", "--json"))
    assert facts["native"] == version
    assert str(installed.folder) in installed.call(
        "python", "-c", "import nextmini; print(nextmini.__file__)"
    )


def test_what_is_installed_brings_every_example(installed: Installed) -> None:
    listed = {
        example["name"] for example in json.loads(installed.call("nextmini", "example", "list", "--json"))
    }
    assert listed == {file.stem for file in (ROOT / "configs").glob("*.toml")}


def test_what_is_installed_runs_the_quickstart(installed: Installed) -> None:
    installed.call("nextmini", "example", "copy", "quickstart")
    assert "valid" in installed.call("nextmini", "validate", "quickstart.toml")
    result = json.loads(installed.call("nextmini", "run", "quickstart.toml", "--json"))
    assert result["status"] == "passed"
    assert result["flows"]
    assert {flow["status"] for flow in result["flows"]} == {"completed"}
