"""All figures, and `bench/RESULTS.md`: `python -m bench.figures`."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING

from bench.figures import (
    accuracy,
    control,
    fig04_processors,
    fig05_paths,
    fig06_highlights,
    fig07_curl,
    fig08_scale,
    fig09_datacenters,
    fig10_swarm,
    fig11_ddp,
    latency,
)
from bench.figures.command import INTERRUPTED, effort, keep, made, parser, say, teller, typed
from bench.figures.document import Document, read
from bench.figures.drawing import draw
from bench.figures.results import results
from nextmini.bench.plan import PlanError
from nextmini.errors import NextminiError
from nextmini.experiment import Interrupt
from nextmini.experiment.interrupt import Interrupted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.figures.command import Figure
    from bench.figures.effort import Effort

FIGURES: tuple[Figure, ...] = (
    fig04_processors.FIGURE,
    fig05_paths.FIGURE,
    fig06_highlights.FIGURE,
    fig07_curl.FIGURE,
    fig08_scale.FIGURE,
    fig09_datacenters.FIGURE,
    fig10_swarm.FIGURE,
    fig11_ddp.FIGURE,
    control.FIGURE,
    latency.FIGURE,
    accuracy.FIGURE,
)


def chosen(only: str | None, figures: Sequence[Figure] = FIGURES) -> list[Figure]:
    """Those of `--only`, or all. Raises PlanError."""
    if only is None:
        return list(figures)
    by_name = {figure.name: figure for figure in figures}
    unknown = [name for name in only.split(",") if name not in by_name]
    if unknown:
        raise PlanError(f"--only: there is no figure {unknown[0]!r}", f"choose from {', '.join(by_name)}")
    return [figure for figure in figures if figure.name in only.split(",")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes them; returns the exit code: 1 if anything of ours could not be measured."""
    options = _options(arguments)
    try:
        figures = chosen(options.only)
        failures = {} if options.render else asyncio.run(_measure(figures, options))
        write(options, failures)
    except PlanError as error:
        say(str(error))
        return error.exit_code
    except Interrupted:
        return INTERRUPTED
    except (NextminiError, OSError) as error:
        say(str(error))
        return 1
    for name, reason in failures.items():
        say(f"{name}: {reason}")
    return 1 if failures else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser("Make the figures of the paper anew, and bench/RESULTS.md.")
    made.add_argument("--only", metavar="FIG,...", help="these figures; the others stay as they are")
    made.add_argument("--render", action="store_true", help="measure nothing: draw what has been measured")
    return made.parse_args(arguments)


async def _measure(figures: Sequence[Figure], options: argparse.Namespace) -> dict[str, str]:
    """Measures each and keeps it at once; why some are not there, or not whole.

    Raises Interrupted, PlanError.
    """
    asked, failures, interrupt = effort(options), {}, Interrupt()
    with interrupt.on_signals():
        for figure in figures:
            reason = await _one(figure, asked, interrupt, options)
            if reason is not None:
                failures[figure.name] = reason
    return failures


async def _one(
    figure: Figure, asked: Effort, interrupt: Interrupt, options: argparse.Namespace
) -> str | None:
    """Why it failed, if it did: whatever that was, the next one is measured."""
    try:
        document = await made(figure, asked, interrupt, teller(figure), typed(figure, options))
        keep(document, options.output)
    except Interrupted:
        raise
    except Exception as error:
        if not isinstance(error, NextminiError | OSError):
            # A defect, of which more is to be seen; what the others measure is not to be lost to it.
            traceback.print_exc()
        return str(error) or type(error).__name__
    return "; ".join(document.failures) or None


def write(options: argparse.Namespace, failures: dict[str, str]) -> None:
    """`RESULTS.md` beside the folder of the files, of all that has ever been measured. Raises OSError,
    DocumentError, PrerequisiteError."""
    documents: dict[str, Document] = {}
    for figure in FIGURES:
        path = options.output / f"{figure.name}.json"
        if path.exists():
            documents[figure.name] = read(path)
            if options.render:
                draw(documents[figure.name], path.with_suffix(".png"))
    options.output.mkdir(parents=True, exist_ok=True)
    text = results(FIGURES, documents, failures)
    (options.output.parent / "RESULTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
