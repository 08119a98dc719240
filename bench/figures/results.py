"""`bench/RESULTS.md`: all figures that have been measured, with pictures and tables, and the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures.paper import said_of
from bench.figures.tables import tables
from bench.figures.targets import table, targets, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures.command import Figure
    from bench.figures.document import Document

_HEAD = """# Results

Made by `make bench`, which is `python -m bench.figures`; what it measures, and how, is in
[README.md](README.md). Figures are numbered as those of the Nextmini paper, *Nextmini: A New Research Testbed
for Network Emulation and Experimentation*, which measured on far larger machines: what it states in words is
quoted, and drawn where it has a value. Of values measured several times there are the median and, in
brackets, the least and the largest. Ours, peers and baselines are measured in turn, in the same run. CPU time
of ours is that of the dataplane process, and of peers that of all their processes, at both ends too.
"""


def results(figures: Sequence[Figure], documents: Mapping[str, Document], failures: Mapping[str, str]) -> str:
    """The whole text. `failures`: why figures are not there, or are of an earlier run."""
    parts = [_HEAD, _machines(documents), "## Targets\n"]
    parts.append(table([verdict(target, documents) for target in targets()]))
    parts += [_figure(figure, documents.get(figure.name), failures.get(figure.name)) for figure in figures]
    return "\n".join(part for part in parts if part)


def _machines(documents: Mapping[str, Document]) -> str:
    """The machine, or the machines."""
    lines = dict.fromkeys(machine(document) for document in documents.values())
    return "".join(f"- {line}\n" for line in lines)


def machine(document: Document) -> str:
    """In a line."""
    facts = document.machine
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']:g} GiB, "
        f"Linux {facts['kernel']}, "
        f"Python {facts['python']}, Nextmini {facts['nextmini']}"
    )


def _figure(figure: Figure, document: Document | None, failure: str | None) -> str:
    parts = [f"## {_number(figure)}{figure.title}\n"]
    if failure is not None:
        parts.append(f"**Not measured this time**: {failure}\n")
    if document is None:
        return "\n".join(parts)
    if document.stand_in is not None:
        parts.append(f"**A stand-in.** {document.stand_in}\n")
    parts.append(f"![{document.title}](results/{document.figure}.png)\n")
    parts.append(f"`{document.command}`, {document.date}: {_how(document)}{_versions(document)}\n")
    notes = [*document.notes, *(f"The paper: {one.text}" for one in said_of(document.figure))]
    parts.append("".join(f"- {note}\n" for note in notes))
    parts.append(tables(document))
    return "\n".join(parts)


def _number(figure: Figure) -> str:
    digits = figure.name.removeprefix("fig")
    return f"Figure {int(digits)}: " if digits.isdecimal() else ""


def _how(document: Document) -> str:
    several = "s" if document.repeat > 1 else ""
    quick = ", quick" if document.quick else ""
    return f"{document.repeat} repetition{several}, {document.seconds:g} s each{quick}."


def _versions(document: Document) -> str:
    said = ", ".join(f"{name} ({version})" for name, version in document.versions.items())
    return f" With {said}." if said else ""
