"""How one direction of a link behaves: rate, delay, impairments, queue; in base units, and as texts.

`Direction` is what a link ends up with. `DirectionKeys` is what somebody says of one: keys that are left out
are left as they are. The texts of a direction are the words of a scenario; the database has them too.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field

from nextmini.scenario.fields import Rate, Size, Time
from nextmini.scenario.impairments import (
    AChance,
    ADrop,
    AJitter,
    ALoss,
    AQueue,
    Chance,
    Codel,
    GilbertElliott,
    Jitter,
    Loss,
    LossPattern,
    Red,
)
from nextmini.scenario.queue import Queue, Threshold
from nextmini.scenario.table import Table
from nextmini.scenario.trace import ATrace
from nextmini.scenario.units import format_rate, format_share, format_size, format_time

Texts = dict[str, Any]
"""Keys of a direction with their values as a scenario has them."""


class _Said(Table):
    """The keys, all but `trace`."""

    rate: Rate | None = Field(
        default=None,
        description="Bits a second on the emulated wire, IP headers included. Without it: as fast as it "
        "goes.",
        examples=["100 Mbit/s"],
    )
    burst: Size | None = Field(
        default=None,
        description="What may leave at once after a pause (token bucket). Without it, packets leave one "
        "after another, each when its last bit has left.",
        examples=["15 kB"],
    )
    delay: Time = Field(default=0.0, description="Propagation delay.", examples=["10 ms"])
    jitter: AJitter = Field(
        default=None,
        description="Variation of the delay: half its width, or a table.",
        examples=["1 ms"],
    )
    loss: ALoss = Field(
        default=None, description="Packets that do not arrive: a share, or a table.", examples=["0.1 %"]
    )
    duplicate: AChance = Field(
        default=None, description="Packets that arrive twice: a share, or a table.", examples=["0.1 %"]
    )
    reorder: AChance = Field(
        default=None,
        description="Packets that skip the delay and overtake those under way: a share, or a table.",
        examples=["0.1 %"],
    )
    corrupt: AChance = Field(
        default=None, description="Packets with a flipped bit: a share, or a table.", examples=["0.1 %"]
    )
    queue: AQueue = Field(
        default=None,
        description="The most that may wait; of several limits the first that is reached counts. Without "
        "it: 1,000 packets or 4 MiB. Lossless flows are never dropped by a queue.",
        examples=["100 packets"],
    )
    discipline: Literal["fifo", "wrr", "drr"] = Field(
        default="fifo",
        description="Who goes next. `wrr` and `drr`: flows and classes in turn, by weight, in packets or in "
        "bytes (weighted and deficit round robin).",
    )
    drop: ADrop = Field(
        default=None,
        description="Who is dropped. `tail`: who comes when the queue is full. `red`: some before that. "
        "`codel`: who has waited too long. Without it: `tail`.",
        examples=["codel"],
    )
    ecn: bool = Field(
        default=False,
        description="Whether `red` and `codel` mark packets that can bear it, instead of dropping them.",
    )


class DirectionKeys(_Said):
    """Settings of one direction of a link."""

    trace: ATrace = Field(
        default=None,
        description="A rate that changes, instead of `rate`: a file in the format of Mahimahi, the name of "
        'one of `[[traces]]`, a list as in `[["0 s", "10 Mbit/s"], ["5 s", "2 Mbit/s"]]`, or a table.',
        examples=["lte.trace"],
    )

    def said(self) -> Texts:
        """What was said, as texts, but for `trace`, which only the whole scenario can number."""
        known = self.model_fields_set & TEXTS.keys()
        return {key: TEXTS[key](getattr(self, key)) for key in sorted(known)}


class Direction(_Said):
    """One direction of a link; `trace` is the number of the trace that gives the rate."""

    trace: int | None = Field(default=None, ge=1)

    def texts(self) -> Texts:
        """The words of a scenario for it: what is not there is as usual. `trace` stays a number."""
        texts = {
            key: TEXTS[key](getattr(self, key))
            for key, field in _Said.model_fields.items()
            if getattr(self, key) != field.default
        }
        return texts if self.trace is None else {**texts, "trace": self.trace}

    @property
    def per_packet(self) -> bool:
        """Whether it works on single packets, so that nothing may be larger than one."""
        return (
            any((self.loss, self.duplicate, self.reorder, self.jitter, self.corrupt, self.drop))
            or self.discipline != "fifo"
            or (self.queue is not None and self.queue.packets is not None)
        )


PLAIN = Direction()
"""A direction of which nothing was said."""


def merged(texts: Mapping[str, Any], said: Mapping[str, Any]) -> Texts:
    """The texts of a direction after somebody has said something of it; None takes a key away.

    A rate takes the place of a trace, and the other way round.
    """
    kept = dict(texts)
    if said.get("rate") is not None and "trace" not in said:
        kept.pop("trace", None)
    if said.get("trace") is not None and "rate" not in said:
        kept.pop("rate", None)
    kept |= said
    return {key: value for key, value in kept.items() if value is not None}


def _chance(chance: Chance | None) -> str | Texts:
    if chance is None:
        return "0 %"
    share = format_share(chance.probability)
    if not chance.correlation:
        return share
    return {"probability": share, "correlation": format_share(chance.correlation)}


def _loss(loss: Loss | None) -> str | Texts:
    if isinstance(loss, LossPattern):
        return {"pattern": loss.pattern}
    if isinstance(loss, GilbertElliott):
        return {"model": loss.model} | {key: format_share(getattr(loss, key)) for key in "prhk"}
    return _chance(loss)


def _jitter(jitter: Jitter | None) -> str | Texts:
    if jitter is None:
        return "0 s"
    texts: Texts = {"amount": format_time(jitter.amount)}
    if jitter.distribution != "uniform":
        texts["distribution"] = jitter.distribution
    if jitter.correlation:
        texts["correlation"] = format_share(jitter.correlation)
    if jitter.reorder:
        texts["reorder"] = True
    return texts if len(texts) > 1 else str(texts["amount"])


def _drop(drop: Red | Codel | None) -> str | Texts:
    if drop is None:
        return "tail"
    texts = {
        key: _DROP_TEXTS.get(key, _as_it_is)(getattr(drop, key))
        for key, field in type(drop).model_fields.items()
        if getattr(drop, key) != field.default
    }
    return texts if len(texts) > 1 else drop.policy


def _as_it_is(value: object) -> object:
    return value


_DROP_TEXTS: dict[str, Callable[[Any], object]] = {
    "min": Threshold.text,
    "max": Threshold.text,
    "probability": format_share,
    "target": format_time,
    "interval": format_time,
}
TEXTS: dict[str, Callable[[Any], object]] = {
    "rate": format_rate,
    "burst": format_size,
    "delay": format_time,
    "jitter": _jitter,
    "loss": _loss,
    "duplicate": _chance,
    "reorder": _chance,
    "corrupt": _chance,
    "queue": Queue.text,
    "discipline": _as_it_is,
    "drop": _drop,
    "ecn": _as_it_is,
}
"""How each key's value is written."""
