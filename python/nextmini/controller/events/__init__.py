"""The timed events of a scenario: what is changed when, for how long, and how many packets that touched.

An event changes rows, as anybody may; from there everything goes the way that any change goes.
"""

from nextmini.controller.events.executor import Executor
from nextmini.controller.events.happening import Happening, happening
from nextmini.controller.events.journal import Journal
from nextmini.controller.events.outcome import Outcome
from nextmini.controller.events.wording import described

__all__ = ["Executor", "Happening", "Journal", "Outcome", "described", "happening"]
