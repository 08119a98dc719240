"""`[[algorithms]]`: plugins that look at the network and change it while it runs."""

import json
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, ValidationInfo

from nextmini.scenario.fields import AlgorithmName, PositiveTime, Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, ScenarioFiles, refuse_file
from nextmini.scenario.table import Table
from nextmini.scenario.wording import shown

TIMEOUT_SECONDS = 10.0
OnFailure = Literal["restart", "stop"]

_USE = 'write a name, a file as in "mine.py", or a class as in "package.module:Class"'


def _use(value: object, info: ValidationInfo) -> str:
    use = plain_text(value, "an algorithm")
    if not use.strip():
        refuse("no algorithm is named", _USE)
    files: ScenarioFiles | None = info.context
    if files is None:
        return use
    try:
        return files.algorithm(use)
    except BadFileError as error:
        refuse_file(error)


def _parameters(value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        refuse(f"expected a table, got {shown(value)}", "write it as in parameters = { paths = 4 }")
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        refuse("there are dates or infinite numbers in it", "write texts, numbers, lists or tables")


Use = Annotated[str, PlainValidator(_use), Written("text", {"type": "string", "minLength": 1})]
AParameters = Annotated[str, PlainValidator(_parameters), Written("table", {"type": "object"})]


class AlgorithmEntry(Table):
    """A plugin that looks at the network and changes it while it runs, in a process of its own.

    What it decides at its start is in force before flows begin. One that has failed for good makes the run
    fail, but not before its end: what is in force stays so. See `nextmini algorithm`.
    """

    use: Use = Field(
        description="Which one: a name that `nextmini algorithm list` shows, a file, from the folder of the "
        "scenario on, as in `mine.py` or `mine.py:Class`, or a class as in `package.module:Class`.",
        examples=["mine.py"],
    )
    name: AlgorithmName | None = Field(
        default=None,
        description="What it is called, in results and in the name of its log. Without it: the name of the "
        "algorithm, of its file or its class.",
        examples=["balancer"],
    )
    parameters: AParameters = Field(
        default="{}",
        description="Its parameters; those that are left out are as it has them itself.",
        examples=[{"paths": 4}],
    )
    on_failure: OnFailure = Field(
        default="restart",
        description="What happens when it raises an error, hangs or is killed. `restart`: it is started "
        "again, until it has failed 5 times within 60 s. `stop`: that is its end.",
    )
    timeout: PositiveTime = Field(
        default=TIMEOUT_SECONDS, description="How long one of its hooks may take until it counts as hanging."
    )
