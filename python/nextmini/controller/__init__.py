"""The controller: desired rows in PostgreSQL in, dataplane processes that do what they say out."""

import logging

from nextmini.controller.controller import Controller
from nextmini.controller.settings import Progress, Settings

# Without a log file nothing is shown: what users must know comes as exceptions and results.
for _name in ("nextmini", "asyncpg"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

__all__ = ["Controller", "Progress", "Settings"]
