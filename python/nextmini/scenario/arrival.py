"""When a flow of packets sends."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from nextmini.scenario.fields import PositiveTime, Written, refuse
from nextmini.scenario.table import Table
from nextmini.scenario.units import format_time
from nextmini.scenario.wording import shown


class Arrival(Table):
    """At which distances packets are sent."""

    process: Literal["constant", "poisson", "on_off"] = Field(
        description="`constant`: at equal distances. `poisson`: at exponentially distributed ones. `on_off`: "
        "at equal distances while on, and not at all while off, each for an exponentially distributed time.",
        examples=["on_off"],
    )
    on: PositiveTime | None = Field(default=None, description="Mean time on.", examples=["1 s"])
    off: PositiveTime | None = Field(default=None, description="Mean time off.", examples=["1 s"])

    def texts(self) -> dict[str, str]:
        """The words of a scenario for it, as a table."""
        times = {"on": self.on, "off": self.off}
        return {"process": self.process} | {
            key: format_time(value) for key, value in times.items() if value is not None
        }


CONSTANT = Arrival(process="constant")


def _arrival(value: Any) -> Arrival:
    if isinstance(value, Arrival):
        return value
    if not isinstance(value, dict | str):
        refuse(f"expected an arrival process, got {shown(value)}", 'write "constant" or "poisson"')
    if isinstance(value, str) and value not in ("constant", "poisson", "on_off"):
        refuse(f"{shown(value)} is not an arrival process", 'write "constant", "poisson" or a table')
    arrival = Arrival.model_validate(value if isinstance(value, dict) else {"process": value})
    times = (arrival.on, arrival.off)
    if arrival.process == "on_off" and None in times:
        remedy = 'write { process = "on_off", on = "1 s", off = "1 s" }'
        refuse("this process has times on and off", remedy)
    if arrival.process != "on_off" and times != (None, None):
        refuse(f"`on` and `off` do not go with {shown(arrival.process)}", "remove them")
    return arrival


AnArrival = Annotated[
    Arrival,
    PlainValidator(_arrival),
    Written(
        '`"constant"`, `"poisson"`, or table',
        {"anyOf": [{"enum": ["constant", "poisson"]}, {"type": "object"}]},
    ),
]
