"""`[[apps]]`: programs that run inside nodes."""

import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo

from nextmini.scenario.fields import AppName, NodeName, PositiveTime, Time, Written, plain_text, refuse
from nextmini.scenario.files import BadFileError, ScenarioFiles, refuse_file
from nextmini.scenario.readiness import AReadiness
from nextmini.scenario.table import Table
from nextmini.scenario.wording import shown

READY_SECONDS = 30.0

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS_EXAMPLE = 'write it as in "iperf3 -s" or ["iperf3", "-s"]'


def _command(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, list | tuple):
        words = tuple(plain_text(word, "a word of a command") for word in value)
        if not words or not words[0]:
            refuse(f"there is no program in {shown(value)}", _WORDS_EXAMPLE)
        return words
    text = plain_text(value, "a command")
    if not text.strip():
        refuse("the command is empty", _WORDS_EXAMPLE)
    return text


def _environment(value: Any) -> tuple[tuple[str, str], ...]:
    return _variables(value, 'env = { PORT = "80" }')


def _files(value: Any, info: ValidationInfo) -> tuple[tuple[str, str], ...]:
    named = _variables(value, 'files = { SCRIPT = "mine.py" }')
    files: ScenarioFiles | None = info.context
    if files is None:
        return named
    try:
        return tuple((variable, files.whole_path(name)) for variable, name in named)
    except BadFileError as error:
        refuse_file(error)


def _variables(value: Any, example: str) -> tuple[tuple[str, str], ...]:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        refuse(f"expected a table, got {shown(value)}", f"write it as in {example}")
    for name, text in value.items():
        if _VARIABLE.fullmatch(name) is None:
            refuse(f"{shown(name)} cannot be the name of a variable", "use letters, digits and _")
        plain_text(text, f"the value of {name}")
    return tuple(value.items())


def _folder(value: Any) -> str:
    text = plain_text(value, "a folder")
    if not text:
        refuse("the folder has no name", "write one, or leave the key out")
    return text


Command = Annotated[
    str | tuple[str, ...],
    PlainValidator(_command),
    Written(
        "text, or list of words",
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ],
            "examples": ["iperf3 -s"],
        },
    ),
]
Environment = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_environment),
    Written("table of texts", {"type": "object", "additionalProperties": {"type": "string"}}),
]
Files = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_files),
    Written("table of files", {"type": "object", "additionalProperties": {"type": "string"}}),
]
Folder = Annotated[str, PlainValidator(_folder), Written("folder", {"type": "string", "minLength": 1})]


class AppEntry(Table):
    """A program that runs inside a node, with `isolation = "namespace"` under `[network]`.

    Programs start when flows begin, in the order in which they stand here. Without `experiment.duration`, a
    run ends when every flow and every program has ended, apart from those in the background.
    """

    node: NodeName = Field(description="The node that it runs in.", examples=["a"])
    command: Command = Field(
        description="What runs: a text for `/bin/sh -c`, or a list of words, the first of them a program.",
        examples=["iperf3 -s"],
    )
    name: AppName | None = Field(
        default=None,
        description="Its name, and that of its log. Without it: the node's, with -0, -1 and so on.",
        examples=["server"],
    )
    ready: AReadiness | None = Field(
        default=None,
        description="What those that come after it wait for: a socket that listens at a port inside the "
        "node, or a line of its output that contains a text.",
        examples=["tcp:5201"],
    )
    ready_within: PositiveTime = Field(
        default=READY_SECONDS, description="How long that may take until the run fails."
    )
    start: Time = Field(
        default=0.0,
        description="When it starts, counted from the moment the network is ready, at the earliest.",
        examples=["1 s"],
    )
    expect_exit: int = Field(
        default=0,
        ge=0,
        le=255,
        description="The exit code with which it is to end; with another one the run fails. 128 and the "
        "number of the signal, if one ends it.",
    )
    env: Environment = Field(
        default=(),
        description="Variables of its environment, beside those that Nextmini was started with.",
        examples=[{"PORT": "80"}],
    )
    files: Files = Field(
        default=(),
        description="Further variables: the whole path of a file each, which is named from the folder of the "
        "scenario on.",
        examples=[{"SCRIPT": "mine.py"}],
    )
    cwd: Folder | None = Field(
        default=None,
        description="Its working folder, seen from the one that Nextmini is started in. Without it: that "
        "one.",
        examples=["data"],
    )
    background: bool = Field(
        default=False,
        description="Whether the run does not wait for its end, but stops it; its exit code then does not "
        "count.",
    )
