"""One run of a scenario from its start to its report."""

from nextmini.experiment.interrupt import Interrupt
from nextmini.experiment.options import Outcome, RunOptions
from nextmini.experiment.result import as_json
from nextmini.experiment.run import run_scenario

__all__ = ["Interrupt", "Outcome", "RunOptions", "as_json", "run_scenario"]
