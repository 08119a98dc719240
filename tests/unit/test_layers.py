"""Who may import whom, as ARCHITECTURE.md draws it, and what the program imports before it has to."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "python" / "nextmini"
RUST = PACKAGE.parents[1] / "rust"

# A layer may import itself and what stands after it.
LAYERS = (
    "__init__",
    "api",
    "cli",
    "deploy",
    "live",
    "results",
    "bench",
    "experiment",
    "hosts",
    "controller",
    "runner",
    "algorithms",
    "store",
    "protocol",
    "scenario",
    "errors",
    "deaths",
)
# Against the order: an algorithm sees rows through its view of the network, and nothing else.
FORBIDDEN = {("algorithms", "store"), ("algorithms", "protocol")}
# Beside the layers: the program of a dataplane process, and the native module that it runs.
NATIVE_USERS = {"dataplane", "hosts", "bench", "controller"}
DATAPLANE_USERS = {"cli"}

# Where a dependency may be imported; those that are not listed here may be imported anywhere.
HOMES = {
    "asyncpg": {"store"},
    "websockets": {"controller", "bench"},
    "cryptography": {"controller"},
    "msgpack": {"protocol"},
    "rustworkx": {"algorithms", "experiment"},
    "scipy": {"algorithms"},
    "typer": {"cli"},
    "prompt_toolkit": {"cli"},
    "rich": {"cli", "experiment"},
    "pyarrow": {"experiment", "results"},
    "matplotlib": {"experiment"},
    "pyroute2": {"hosts"},
}

HEAVY = {
    "asyncpg",
    "cryptography",
    "matplotlib",
    "msgpack",
    "numpy",
    "prompt_toolkit",
    "psutil",
    "pyarrow",
    "pyroute2",
    "pydantic",
    "rustworkx",
    "websockets",
    "yaml",
    "nextmini._native",
    "nextmini.controller",
    "nextmini.experiment",
    "nextmini.scenario",
    "nextmini.store",
}


class Import(NamedTuple):
    where: str
    layer: str
    module: tuple[str, ...]


def imports(file: Path) -> list[Import]:
    """Every import of a file, those inside functions and TYPE_CHECKING too."""
    path = file.relative_to(PACKAGE)
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        layer = path.parts[0].removesuffix(".py")
        found += [
            Import(f"{path}:{getattr(node, 'lineno', 0)}", layer, tuple(name.split("."))) for name in names
        ]
    return found


ALL_IMPORTS = [found for file in sorted(PACKAGE.rglob("*.py")) for found in imports(file)]


def allowed(layer: str, target: str) -> bool:
    if target == "_native":
        return layer in NATIVE_USERS
    if target == "dataplane":
        return layer in DATAPLANE_USERS
    if layer == "dataplane":
        return target == "errors"
    return LAYERS.index(target) >= LAYERS.index(layer) and (layer, target) not in FORBIDDEN


def test_every_module_belongs_to_a_layer() -> None:
    known = {*LAYERS, "__init__", "dataplane"}
    assert {found.layer for found in ALL_IMPORTS} <= known


def test_layers_import_only_what_is_below_them() -> None:
    wrong = [
        f"{found.where}: {found.layer} must not import {'.'.join(found.module)}"
        for found in ALL_IMPORTS
        if found.module[0] == "nextmini" and not allowed(found.layer, found.module[1])
    ]
    assert wrong == []


def test_dependencies_are_imported_where_they_belong() -> None:
    wrong = [
        f"{found.where}: {found.module[0]} belongs to {', '.join(sorted(HOMES[found.module[0]]))}"
        for found in ALL_IMPORTS
        if found.layer not in HOMES.get(found.module[0], {found.layer})
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("layer", "target"),
    [
        ("scenario", "store"),
        ("store", "controller"),
        ("hosts", "experiment"),
        ("cli", "_native"),
        ("dataplane", "scenario"),
        ("algorithms", "store"),
        ("runner", "controller"),
        ("store", "runner"),
    ],
)
def test_the_rules_forbid_something(layer: str, target: str) -> None:
    assert not allowed(layer, target)


def imported_by(program: str, *options: str) -> set[str]:
    """What a new interpreter has imported once it has run `program`."""
    code = f"import sys\ntry:\n    {program}\nexcept SystemExit:\n    pass\nprint('\\n', *sys.modules)"
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_nothing_that_it_does_not_show() -> None:
    modules = imported_by("from nextmini.cli.main import main; main(['--help'])")
    assert "nextmini.cli.main" in modules
    assert modules & HEAVY == set()


def test_what_watches_a_controller_imports_next_to_nothing() -> None:
    modules = imported_by("import nextmini.cli.main, nextmini.cli.controller")
    assert "nextmini.hosts.supervision" in modules
    assert modules & (HEAVY | {"asyncio"}) == set()


def test_a_dataplane_process_imports_nothing_but_its_options() -> None:
    way = f"sys.path.insert(0, {str(PACKAGE.parent)!r})"
    bare = imported_by(way, "-I", "-S")
    modules = imported_by(f"{way}; import nextmini.dataplane", "-I", "-S")
    assert modules - bare == {"nextmini", "nextmini.dataplane"}


def test_no_rust_test_is_ignored() -> None:
    files = [file for file in RUST.rglob("*.rs") if "target" not in file.relative_to(RUST).parts]
    assert files
    assert [str(file) for file in files if "#[ignore" in file.read_text(encoding="utf-8")] == []
