"""What may happen to packets on a link, and who is dropped when too many wait: one model each.

Most of these can be written in short, as a text, or as a table that says more. `tc-netem(8)` has the names.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from nextmini.scenario.fields import (
    Correlation,
    PositiveTime,
    Share,
    Time,
    Written,
    refuse,
    share,
    time,
)
from nextmini.scenario.queue import THRESHOLD, Queue, Threshold, parse_queue, parse_threshold
from nextmini.scenario.table import Table
from nextmini.scenario.units import UnitError
from nextmini.scenario.wording import shown

LONGEST_PATTERN = 100_000


class Chance(Table):
    """Something that happens to some packets."""

    probability: Share = Field(description="Share of the packets.", examples=["0.1 %"])
    correlation: Correlation = Field(
        default=0.0, description="How much a packet's fate is like that of the one before."
    )


class RandomLoss(Chance):
    """A share of the packets does not arrive."""

    model: Literal["random"] = Field(default="random", description="A share of the packets.")


class GilbertElliott(Table):
    """The link is in a good or a bad state, and goes from one to the other (Gilbert and Elliott)."""

    model: Literal["gilbert-elliott"] = Field(description="A good and a bad state.")
    p: Share = Field(description="Probability, for each packet, to go from good to bad.", examples=["1 %"])
    r: Share | None = Field(
        default=None, description="Probability to go from bad to good. Without it: 100 % less `p`."
    )
    h: Share = Field(default=0.0, description="Probability that a packet arrives in the bad state.")
    k: Share = Field(default=1.0, description="Probability that a packet arrives in the good state.")


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value or set(value) - {"0", "1"}:
        refuse(f"{shown(value)} is not a pattern of losses", 'write 0 and 1 in quotes, as in "0001"')
    if len(value) > LONGEST_PATTERN:
        refuse(f"{len(value):,} packets are too many", f"write at most {LONGEST_PATTERN:,}")
    return value


Pattern = Annotated[
    str,
    PlainValidator(_pattern),
    Written("text of `0` and `1`", {"type": "string", "pattern": f"^[01]{{1,{LONGEST_PATTERN}}}$"}),
]


class LossPattern(Table):
    """What happens to one packet after the other, again and again."""

    pattern: Pattern = Field(
        description="`1` for a packet that is lost, `0` for one that arrives: up to 100,000 of them.",
        examples=["0001"],
    )


class Jitter(Table):
    """Variation of the delay around its mean."""

    amount: Time = Field(
        description="Half the width of `uniform`, the standard deviation of the others.", examples=["1 ms"]
    )
    distribution: Literal["uniform", "normal", "pareto"] = Field(
        default="uniform", description="How it is distributed. `pareto` has a heavy tail."
    )
    correlation: Correlation = Field(
        default=0.0, description="How much a packet's delay is like that of the one before."
    )
    reorder: bool = Field(
        default=False, description="Whether packets may overtake each other for it. Else their order is kept."
    )


def _threshold(value: object) -> Threshold:
    if isinstance(value, Threshold):
        return value
    try:
        return parse_threshold(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


_THRESHOLD = Written("packets or size", {"type": "string", "examples": list(THRESHOLD.examples)})
AThreshold = Annotated[Threshold, PlainValidator(_threshold), _THRESHOLD]


class Red(Table):
    """Random early detection (Floyd and Jacobson 1993)."""

    policy: Literal["red"] = Field(description="Random early detection.")
    min: AThreshold | None = Field(
        default=None,
        description="Average queue below which nothing is dropped. Without it: a third of `max`.",
        examples=["10 packets"],
    )
    max: AThreshold | None = Field(
        default=None,
        description="Average queue at which `probability` is reached. Without it: three times `min`, or a "
        "quarter of the queue's limit in packets.",
        examples=["30 packets"],
    )
    probability: Share = Field(default=0.1, description="Share that is dropped at `max`.")
    weight: float = Field(
        default=0.002, gt=0, le=1, description="Weight of the newest sample in the average."
    )
    gentle: bool = Field(
        default=True,
        description="Whether the share goes on growing from `max` to twice `max`, where it is all; else "
        "everything is dropped from `max` on.",
    )


class Codel(Table):
    """Controlled delay (RFC 8289)."""

    policy: Literal["codel"] = Field(description="Controlled delay.")
    target: PositiveTime = Field(default=0.005, description="Delay that may stand in the queue.")
    interval: PositiveTime = Field(
        default=0.1, description="For how long it may be more before packets are dropped: a round trip."
    )


def _loss(value: object) -> RandomLoss | GilbertElliott | LossPattern | None:
    if isinstance(value, RandomLoss | GilbertElliott | LossPattern):
        return value
    if not isinstance(value, dict):
        probability = share(value)
        return RandomLoss.model_construct(probability=probability) if probability > 0 else None
    model = loss_table(value)
    if model is None:
        refuse(f"{shown(value.get('model'))} is not a loss model", 'write "random" or "gilbert-elliott"')
    loss = model.model_validate(value)
    if isinstance(loss, RandomLoss) and loss.probability == 0:
        return None
    if isinstance(loss, GilbertElliott) and loss.r is None:
        return loss.model_copy(update={"r": float(1 - Fraction(repr(loss.p)))})
    return loss  # type: ignore[return-value]


def loss_table(value: dict[str, Any]) -> type[Table] | None:
    """Which table of a loss this is."""
    if "pattern" in value:
        return LossPattern
    models: dict[str, type[Table]] = {"random": RandomLoss, "gilbert-elliott": GilbertElliott}
    return models.get(str(value.get("model", "random")))


def drop_table(value: dict[str, Any]) -> type[Table] | None:
    """Which table of a drop policy this is."""
    tables: dict[str, type[Table]] = {"red": Red, "codel": Codel}
    return tables.get(str(value.get("policy")))


def _drop(value: object) -> Red | Codel | None:
    if value is None or isinstance(value, Red | Codel):
        return value
    said: dict[str, Any] = value if isinstance(value, dict) else {"policy": value}
    if not isinstance(said.get("policy"), str) or said["policy"] == "tail":
        if said == {"policy": "tail"}:
            return None
        remedy = 'write "tail", "red", "codel" or { policy = "red", ... }'
        refuse(f"expected a drop policy, got {shown(value)}", remedy)
    model = drop_table(said)
    if model is None:
        refuse(f"{shown(said['policy'])} is not a drop policy", 'write "tail", "red" or "codel"')
    drop = model.model_validate(said)
    return drop if isinstance(drop, Red | Codel) else None


def _chance(value: object) -> Chance | None:
    if isinstance(value, Chance):
        return value
    if isinstance(value, dict):
        chance = Chance.model_validate(value)
    else:
        chance = Chance.model_construct(probability=share(value))
    return chance if chance.probability > 0 else None


def _jitter(value: object) -> Jitter | None:
    if isinstance(value, Jitter):
        return value
    if isinstance(value, dict):
        jitter = Jitter.model_validate(value)
    else:
        jitter = Jitter.model_construct(amount=time(value))
    return jitter if jitter.amount > 0 else None


def _queue(value: object) -> Queue:
    if isinstance(value, Queue):
        return value
    try:
        return parse_queue(value)
    except UnitError as error:
        refuse(error.message, error.remedy)


def _text_or_table(words: str, example: str) -> Written:
    schema = {"anyOf": [{"type": "string"}, {"type": "object"}], "examples": [example]}
    return Written(f"{words}, or table", schema)


Loss = RandomLoss | GilbertElliott | LossPattern
ALoss = Annotated[Loss | None, PlainValidator(_loss), _text_or_table("percentage", "0.1 %")]
AChance = Annotated[Chance | None, PlainValidator(_chance), _text_or_table("percentage", "0.1 %")]
AJitter = Annotated[Jitter | None, PlainValidator(_jitter), _text_or_table("time", "1 ms")]
ADrop = Annotated[
    Red | Codel | None,
    PlainValidator(_drop),
    _text_or_table('`"tail"`, `"red"` or `"codel"`', "codel"),
]
AQueue = Annotated[
    Queue | None,
    PlainValidator(_queue),
    Written(
        "packets, size or time, or a list of these",
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]
