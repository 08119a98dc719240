"""One run of a scenario from its start to its report.

These names are fetched when they are asked for: a command that needs a part of this alone, such as what an
interrupt is, need not wait for a controller to be imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextmini.experiment.interrupt import Interrupt
    from nextmini.experiment.options import Outcome, RunOptions
    from nextmini.experiment.result import as_json
    from nextmini.experiment.run import run_scenario

__all__ = ["Interrupt", "Outcome", "RunOptions", "as_json", "run_scenario"]

_HOMES = {
    "Interrupt": "interrupt",
    "Outcome": "options",
    "RunOptions": "options",
    "as_json": "result",
    "run_scenario": "run",
}

if not TYPE_CHECKING:  # or any name would do

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
