"""`nextmini schema`."""

from __future__ import annotations

from nextmini.cli.output import print_json
from nextmini.scenario import json_schema


def schema() -> None:
    """Print the JSON schema of scenarios, with which editors check and complete while you write.

    Save it (nextmini schema > nextmini.schema.json) and name it in the first line of a scenario:

    #:schema ./nextmini.schema.json
    """
    print_json(json_schema())
