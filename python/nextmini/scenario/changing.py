"""What somebody says of a link while it is there: understood and found possible, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nextmini.errors import Problem, ScenarioError
from nextmini.scenario.conflicts import conflicts
from nextmini.scenario.direction import Direction
from nextmini.scenario.findings import Finding, key_text
from nextmini.scenario.tables import Carriage
from nextmini.scenario.understanding import findings_in

if TYPE_CHECKING:
    from collections.abc import Iterable


def understood(texts: Any, mtu: int) -> tuple[Direction | None, list[Finding]]:
    """The direction of a link that `texts` stand for, or None and why there can be none."""
    if not isinstance(texts, dict):
        return None, [Finding((), "is not a table of settings")]
    try:
        direction = Direction.model_validate(texts)
    except ValidationError as error:
        return None, findings_in(error, texts, Direction)
    found = [Finding((key,), message, remedy) for key, message, remedy in conflicts(direction, mtu)]
    return (None if found else direction), found


def direction_of(texts: Any, mtu: int = 1500, where: str = "link") -> Direction:
    """The direction that `texts` stand for; `where` says in a message which link it is of.

    Raises ScenarioError with everything that is wrong with it.
    """
    direction, found = understood(texts, mtu)
    if direction is None:
        raise ScenarioError(problems(where, found))
    return direction


def carriage_of(said: dict[str, Any], where: str = "link") -> Carriage:
    """What is to carry a link, of which this was said; `where` says in a message which link it is.

    Raises ScenarioError with everything that is wrong with it.
    """
    try:
        return Carriage.model_validate(said)
    except ValidationError as error:
        raise ScenarioError(problems(where, findings_in(error, said, Carriage))) from None


def problems(where: str, findings: Iterable[Finding]) -> list[Problem]:
    """Findings that have no line in a file."""
    return [
        Problem(where, None, key_text(finding.path), finding.message, finding.remedy) for finding in findings
    ]
