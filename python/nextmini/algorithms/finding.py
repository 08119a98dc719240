"""Algorithms by what users write: a built-in's name, a file, a class, or the name of an entry point.

`shortest-path` is built in, or an entry point of the group `nextmini.algorithms`; `mine.py` and
`mine.py:Mine` are files, `package.module:Class` is a class that can be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from pydantic import ValidationError

from nextmini.algorithms.api import Algorithm
from nextmini.algorithms.builtin import BUILT_IN
from nextmini.errors import AlgorithmError
from nextmini.scenario.findings import Finding, key_text
from nextmini.scenario.plugin_names import file_of, is_file
from nextmini.scenario.understanding import findings_in
from nextmini.scenario.wording import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from nextmini.algorithms.api import Parameters

GROUP = "nextmini.algorithms"
"""Of entry points."""
_DERIVE = "derive a class from nextmini.algorithms.Algorithm"

Kind = Literal["built-in", "entry point"]


@dataclass(frozen=True, slots=True)
class Known:
    """An algorithm that has a name; `target` is "module:Class"."""

    name: str
    kind: Kind
    target: str


def known() -> list[Known]:
    """All that have a name, built-in ones first; a built-in hides an entry point of its name."""
    found = [Known(name, "built-in", target) for name, target in sorted(BUILT_IN.items())]
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return found + [
        Known(point.name, "entry point", point.value) for point in points if point.name not in BUILT_IN
    ]


def find(use: str) -> type[Algorithm]:
    """The class that is meant; a file's path is seen from the working folder.

    What stands in its module is executed. Raises AlgorithmError with what went wrong there.
    """
    if is_file(use):
        path, name = file_of(use)
        return _class_in(_load(Path(path)), name, path)
    for one in known():
        if one.name == use:
            return _imported(one.target)
    if ":" in use:
        return _imported(use)
    names = [one.name for one in known()]
    meant = nearest(use, names)
    hint = f"did you mean {meant}? " if meant else ""
    raise AlgorithmError(
        f"there is no algorithm {shown(use)}",
        f"{hint}`nextmini algorithm list` shows those with a name; a file ends in .py, "
        "a class is written package.module:Class",
    )


def parameter_findings(found: type[Algorithm], said: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with parameters, at paths into them; nothing if they are good."""
    try:
        found.Parameters.model_validate(dict(said))
    except ValidationError as error:
        return findings_in(error, dict(said), found.Parameters)
    return []


def parameters(found: type[Algorithm], said: Mapping[str, Any]) -> Parameters:
    """The parameters of an algorithm. Raises AlgorithmError with all that is wrong with them."""
    findings = parameter_findings(found, said)
    if findings:
        told = (f"{key_text(one.path)}: {one.message}; {one.remedy}" for one in findings)
        raise AlgorithmError(f"{found.__name__} cannot have these parameters: {' | '.join(told)}")
    return found.Parameters.model_validate(dict(said))


def _imported(target: str) -> type[Algorithm]:
    module, _, name = target.partition(":")
    return _class_in(_import(module, target), name or None, module)


def _import(module: str, target: str) -> ModuleType:
    # Last, so that nothing there takes the place of a module that is installed.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            remedy = "install it, or name a file that ends in .py"
            raise AlgorithmError(f"{target}: there is no module {error.name!r}", remedy) from error
        raise _broken(target, error) from error
    except Exception as error:
        raise _broken(target, error) from error


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise AlgorithmError(f"there is no file {path}", "check its path")
    name = f"nextmini_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AlgorithmError(f"{path} is no file of Python", "name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look their module up by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _broken(str(path), error) from error
    return module


def _broken(where: str, error: Exception) -> AlgorithmError:
    # Where the import system stands with it is of no use: of the file itself, its innermost line.
    own = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(frame.filename) == os.path.abspath(where)
    ]
    place = f"{where}:{own[-1]}" if own else where
    if isinstance(error, SyntaxError):
        place = f"{error.filename or where}:{error.lineno}"
    return AlgorithmError(f"{place}: cannot be loaded: {type(error).__name__}: {error}")


def _class_in(module: ModuleType, name: str | None, where: str) -> type[Algorithm]:
    own = {
        key: value
        for key, value in vars(module).items()
        if _is_algorithm(value) and value.__module__ == module.__name__
    }
    if name is not None:
        wanted: object = getattr(module, name, None)
        if not _is_algorithm(wanted):
            what = "no class" if wanted is None else "something else called"
            hint = f"its algorithms: {', '.join(own)}" if own else _DERIVE
            raise AlgorithmError(f"{where} has {what} {name}", hint)
        return wanted
    if len(own) == 1:
        return next(iter(own.values()))
    if own:
        raise AlgorithmError(
            f"{where} has several algorithms: {', '.join(own)}", f"choose one: {where}:{next(iter(own))}"
        )
    raise AlgorithmError(f"{where} has no algorithm", _DERIVE)


def _is_algorithm(value: object) -> TypeGuard[type[Algorithm]]:
    return inspect.isclass(value) and issubclass(value, Algorithm) and value is not Algorithm
