"""What all tests share: on a machine of CI, a test that is skipped has failed.

Those that need PyTorch are not for CI, and may be skipped anywhere.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_STRICT = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_configure() -> None:
    # No test depends on a time being short: a busy machine stops for longer than Hypothesis allows.
    hypothesis.settings.register_profile("nextmini", deadline=None)
    hypothesis.settings.load_profile("nextmini")
    # A shell ignores SIGINT for what it runs in the background, and whatever is started there inherits that.
    # Many tests interrupt what they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # An expected failure is a skip too, as pytest has it.
    optional = item.get_closest_marker("ddp") is not None
    if _STRICT and report.skipped and not optional and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI skips nothing: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and CI skips nothing: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> object:
    return longrepr[2] if isinstance(longrepr, tuple) else longrepr
