"""The rule of tests/conftest.py: what is skipped on CI has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED_TEST = "import pytest\n@pytest.mark.skip(reason='no such device')\ndef test_it(): pass\n"
SKIPPED_INSIDE = "import pytest\ndef test_it(): pytest.skip('no such device')\n"
SKIPPED_MODULE = "import pytest\npytest.skip('no such device', allow_module_level=True)\n"
OPTIONAL = "import pytest\n@pytest.mark.ddp\ndef test_it(): pytest.skip('no PyTorch')\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False\n"


def run(folder: Path, test: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = ddp\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"CI": ci}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("test", [SKIPPED_TEST, SKIPPED_INSIDE, SKIPPED_MODULE])
def test_a_skip_fails_on_ci_and_says_why(tmp_path: Path, test: str) -> None:
    result = run(tmp_path, test, "true")
    assert result.returncode in (1, 2), result.stdout
    assert "CI skips nothing" in result.stdout
    assert "no such device" in result.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    result = run(tmp_path, SKIPPED_TEST, "")
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout


def test_what_needs_pytorch_may_be_skipped_anywhere(tmp_path: Path) -> None:
    result = run(tmp_path, OPTIONAL, "true")
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    result = run(tmp_path, EXPECTED_FAILURE, "true")
    assert result.returncode == 0, result.stdout
    assert "1 xfailed" in result.stdout
