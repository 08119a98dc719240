"""Which charts there are of a run, and the curves in each, from its series and its result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from itertools import starmap
from typing import TYPE_CHECKING, Literal

from nextmini.experiment.series import DROP_COLUMNS
from nextmini.results.curves import Choice, Level, Measure, Rate, Scale, choose
from nextmini.results.finding import ResultError, listed
from nextmini.results.load_chart import LoadChart, load_chart, loads_of
from nextmini.results.parts import parts
from nextmini.scenario.units import UnitError, parse_time
from nextmini.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from nextmini.experiment.series import Series
    from nextmini.results.curves import Gatherer
    from nextmini.results.finding import RunFiles

What = Literal["throughput", "queue", "delay", "drops", "loads"]
MOST_CURVES = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """A chart. The sum of `columns`, times `factor`, is a sample in the unit; curves are made by `shape`."""

    what: What
    series: Series
    title: str
    unit: str
    columns: tuple[str, ...]
    factor: float
    shape: Literal["rate", "level", "level above zero"]

    @property
    def name(self) -> str:
        """That of its file."""
        return f"{self.what}-{self.series}"


KINDS = (
    Kind("throughput", "links", "Throughput of links", "Mbit/s", ("bytes",), 8e-6, "rate"),
    Kind("throughput", "flows", "Throughput of flows", "Mbit/s", ("acknowledged",), 8e-6, "rate"),
    Kind("queue", "links", "Queues of links", "kB", ("queue",), 1e-3, "level"),
    Kind("delay", "flows", "Round-trip times of flows", "ms", ("srtt_us",), 1e-3, "level above zero"),
    Kind("drops", "links", "Drops of links", "packets/s", DROP_COLUMNS, 1.0, "rate"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which curves are asked for: links (`A-B`, both directions) and flows by name. None: the largest."""

    links: Sequence[str] | None = None
    flows: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be drawn: times in seconds since the first sample, at which each step ends."""

    kind: Kind
    times: Sequence[float]
    choice: Choice

    @property
    def name(self) -> str:
        """That of its file."""
        return self.kind.name

    @property
    def note(self) -> str | None:
        """What does not stand in the chart by itself."""
        others, shown = self.choice.others, len(self.choice.shown)
        if not others:
            return None
        fate = "the others are not shown" if self.choice.rest is None else "the others are summed"
        return f"{self.kind.name}: {shown} of {shown + others} {self.kind.series}, {fate}"


def charts(run: RunFiles, wanted: Sequence[What] | None, chosen: Chosen) -> list[Chart | LoadChart]:
    """The charts of a run; None: all that it has.

    Raises ResultError if it has no series, or not what is wanted or chosen.
    """
    kinds = [kind for kind in KINDS if wanted is None or kind.what in wanted]
    made: list[Chart | LoadChart] = [*_over_time(run, kinds, chosen)] if kinds else []
    if wanted is None or "loads" in wanted:
        loads = loads_of(run)
        if loads:
            names = _named([load.name for load in loads], chosen.links, "links")
            made.append(load_chart(loads, names))
        elif wanted is not None:
            remedy = (
                "they are where a scenario has [[demands]], flows with a size or a rate, and routes for all"
            )
            raise ResultError(f"run {run.id} has no predicted loads", remedy)
    return made


def _over_time(run: RunFiles, kinds: Sequence[Kind], chosen: Chosen) -> list[Chart]:
    """Those with curves."""
    interval = _interval(run)
    files: dict[Series, Path] = {series: run.series(series) for series in ("links", "flows")}
    span = _span(files.values())
    if span is None:
        raise ResultError(
            f"the series of run {run.id} are empty", "it may have been shorter than its interval"
        )
    begin, end = span
    scale = Scale.over((end - begin) / 1e6 + interval, interval)
    made = []
    for kind in kinds:
        samples = _samples(files[kind.series], kind, begin, interval)
        curves = gather(samples, partial(_gatherer, kind, scale, interval))
        made.append(Chart(kind, scale.ends(), select(curves, kind, chosen)))
    return made


def _interval(run: RunFiles) -> float:
    """How often samples were taken, in seconds. Raises ResultError if the scenario does not say."""
    try:
        return parse_time(run.scenario()["experiment"]["interval"])
    except (KeyError, TypeError, UnitError) as error:
        raise ResultError(f"the scenario of run {run.id} has no experiment.interval", str(error)) from error


def gather(
    samples: Iterator[tuple[str, float, float]], new: Callable[[], Gatherer]
) -> dict[str, Sequence[float]]:
    """The curves of samples (name, time, value), by name."""
    gatherers: dict[str, Gatherer] = {}
    for name, time, value in samples:
        gatherer = gatherers.get(name)
        if gatherer is None:
            gatherer = gatherers[name] = new()
        gatherer.add(time, value)
    return {name: gatherer.values() for name, gatherer in gatherers.items()}


def select(curves: Mapping[str, Sequence[float]], kind: Kind, chosen: Chosen) -> Choice:
    """The curves that are asked for, or the largest. Raises ResultError if there is no such curve."""
    asked = chosen.links if kind.series == "links" else chosen.flows
    names = _named(curves, asked, kind.series)
    if names is None:
        return choose(curves, MOST_CURVES, "summed" if kind.what != "delay" else "left out")
    return Choice({name: curves[name] for name in names}, 0, None)


def _named(names: Collection[str], asked: Sequence[str] | None, series: Series) -> list[str] | None:
    """Those that are asked for, if any are. Raises ResultError if there is no such one."""
    if asked is None:
        return None
    shown: dict[str, None] = {}
    for word in asked:
        found = [name for name in names if word in _words(name, series)]
        if not found:
            raise _unknown(word, names, series)
        shown |= dict.fromkeys(found)
    return list(shown)


def _gatherer(kind: Kind, scale: Scale, interval: float) -> Gatherer:
    if kind.shape == "rate":
        return Rate(scale, interval)
    return Level(scale) if kind.shape == "level" else Measure(scale)


def _words(name: str, series: Series) -> tuple[str, ...]:
    """What a curve may be asked for with: a direction of a link with its link, whichever end comes first."""
    if series == "flows":
        return (name,)
    a, _, b = name.partition(" -> ")
    return (f"{a}-{b}", f"{b}-{a}")


def _unknown(word: str, names: Collection[str], series: Series) -> ResultError:
    known = list(dict.fromkeys(_words(name, series)[0] for name in names))
    meant = nearest(word, known)
    remedy = f"did you mean {meant}?" if meant is not None else f"there are {listed(known) or 'none'}"
    return ResultError(f"there are no samples of {'link' if series == 'links' else 'flow'} {word!r}", remedy)


def _span(files: Iterable[Path]) -> tuple[int, int] | None:
    """When the first and the last sample were taken, in microseconds of the epoch."""
    times = [time for file in files for batch in parts(file, ["time"]) for time in _ends(batch)]
    return (min(times), max(times)) if times else None


def _ends(batch: pa.RecordBatch) -> tuple[int, ...]:
    times = batch.column("time")  # in the order of time
    return (times[0].value, times[-1].value) if len(times) else ()


def _samples(file: Path, kind: Kind, begin: int, interval: float) -> Iterator[tuple[str, float, float]]:
    """Name, seconds from the beginning of the first interval, and value of each sample."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = ("link", "from", "to") if kind.series == "links" else ("flow",)
    for batch in parts(file, ["time", *keys, *kind.columns]):
        names = starmap(_curve, zip(*(batch.column(key).to_pylist() for key in keys), strict=True))
        times = batch.column("time").cast(pa.int64()).to_pylist()
        totals = reduce(pc.add, (batch.column(column) for column in kind.columns)).to_pylist()
        for name, time, value in zip(names, times, totals, strict=True):
            yield name, (time - begin) / 1e6 + interval, value * kind.factor


def _curve(name: str | int, sender: str = "", receiver: str = "") -> str:
    """What a curve is called: a flow's name, or a direction of link `name`, whose far end may be unknown."""
    return f"{sender} -> {receiver or f'link {name}'}" if sender else str(name)
