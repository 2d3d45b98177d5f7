"""Imports point one way: the rooms of the house stand in layers, and each reads only those below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LOGGER_LAYERS = (
    ("clock", "problems", "record", "usage"),
    (),
    ("api_logger", "middleware", "watching"),
    ("__init__",),
)
"""A module of the logger that is not named here stands in the second layer."""

DASHBOARD_LAYERS = (
    ("errors",),
    ("settings", "filters", "numbers", "sources", "jsonl", "sheets", "grouping"),
    ("keys",),
    ("store", "demo", "otlp"),
    ("metrics", "completeness", "cost_kinds"),
    ("buckets",),
    ("savings", "latency", "failures"),
    ("charts", "money", "billing"),
    ("report", "views", "export"),
    ("printout",),
    ("web",),
    ("commands",),
)
"""Rooms of one layer do not read each other, except in `logger`, where only cycles are forbidden."""

SCHEMA_AND_PRICES = {
    "logger",
    "logger.record",
    "logger.call_ids",
    "logger.counted_line",
    "logger.run_rest",
    "logger.pricing",
    "logger.price_file",
    "logger.price_table",
    "logger.clock",
    "logger.running",
    "logger.telemetry",  # what an event means; it is written by what the command hands in
}
"""What the dashboard may use of the logger outside of its commands."""

DRAWING = {"plotly", "dash", "dash_mantine_components", "dash_ag_grid"}


def modules() -> dict[str, Path]:
    """Every module of the two packages -> its file; a package goes by its own name."""
    found = {}
    for package in ("logger", "dashboard"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imported(module: str, text: str | None = None) -> set[str]:
    """Every module an import statement anywhere in `module` names, also for type checking or in functions."""
    file = MODULES.get(module, Path("x.py"))
    tree = ast.parse(file.read_text("utf-8") if text is None else text)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return {name for node in ast.walk(tree) for name in _named(node, package)}


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        inner = {f"{base}.{alias.name}" for alias in node.names} & set(MODULES)
        yield from inner
        if len(inner) < len(node.names):
            yield base


def test_the_reader_of_imports_sees_every_kind() -> None:
    text = """
import os.path
from __future__ import annotations
from . import folder, options
from .port import listen
from ..store import base
from ..errors import UsageError
if TYPE_CHECKING:
    from logger.record import CallRecord
def f():
    import pandas as pd
"""
    assert imported("dashboard.commands.x", text) == {
        "os.path",
        "__future__",
        "dashboard.commands.folder",
        "dashboard.commands.options",
        "dashboard.commands.port",
        "dashboard.store.base",
        "dashboard.errors",
        "logger.record",
        "pandas",
    }


def room(module: str) -> str:
    """The room of a module: its first name below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def layer(module: str) -> int | None:
    """The layer of the module's room, counted from below; None for a room without a layer."""
    logger = module.split(".")[0] == "logger"
    layers = LOGGER_LAYERS if logger else DASHBOARD_LAYERS
    return next(
        (height for height, rooms in enumerate(layers) if room(module) in rooms), 1 if logger else None
    )


@pytest.mark.parametrize("module", [name for name in MODULES if name != "dashboard"])
def test_every_module_stands_in_a_layer(module: str) -> None:
    assert layer(module) is not None, f"{module} has no layer: give it one in this file"


@pytest.mark.parametrize("module", MODULES)
def test_the_logger_never_reads_the_dashboard_and_needs_only_the_standard_library(module: str) -> None:
    if not module.startswith("logger"):
        return
    outside = {name.split(".")[0] for name in imported(module)} - {"logger"}
    assert outside <= sys.stdlib_module_names | {"anthropic"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("logger")])
def test_the_logger_imports_itself_only_relatively(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    assert not [node.module for node in named if (node.module or "").split(".")[0] == "logger"]


@pytest.mark.parametrize("module", MODULES)
def test_a_room_reads_only_the_layers_below(module: str) -> None:
    own = layer(module)
    package = module.split(".")[0]
    for name in sorted(imported(module)):
        if name.split(".")[0] != package or room(name) == room(module) or own is None:
            continue
        height = layer(name)
        allowed = own + 1 if package == "logger" else own
        assert height is not None and height < allowed, f"{module} must not import {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("dashboard")])
def test_only_commands_write_through_the_logger(module: str) -> None:
    used = {name for name in imported(module) if name.split(".")[0] == "logger"}
    if room(module) != "commands":
        assert used <= SCHEMA_AND_PRICES


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("dashboard")])
def test_only_charts_and_web_draw(module: str) -> None:
    used = {name.split(".")[0] for name in imported(module)} & DRAWING
    assert not used or room(module) in ("charts", "web")


def test_there_are_no_cycles() -> None:
    graph = {name: imported(name) & set(MODULES) - {name} for name in MODULES}
    assert cycle(graph) is None


def test_a_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def cycle(graph: dict[str, set[str]]) -> list[str] | None:
    """The first way round that leads back to where it began."""
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        done.add(name)
        return next((way for after in sorted(graph[name]) if (way := follow(after, [*path, name]))), None)

    return next((way for name in sorted(graph) if (way := follow(name, []))), None)


def loaded_by(*words: str) -> set[str]:
    """The top-level modules a `callmeter` command has imported when it ends."""
    code = (
        "import sys; from dashboard.commands import main; code = main(sys.argv[1:]);"
        "print(code, *{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code_and_names = done.stderr.splitlines()[-1].split()
    assert code_and_names[0] == "0", done.stderr
    return set(code_and_names[1:])


def test_help_imports_nothing_heavy() -> None:
    heavy = {"pandas", "numpy", "pyarrow", "msgspec", "watchdog", "uvicorn", "fastapi"} | DRAWING
    assert not loaded_by("report", "--help") & heavy


def test_report_runs_without_plotly_and_dash(tmp_path: Path) -> None:
    loaded_by("demo", "--log-dir", str(tmp_path), "--days", "2")
    loaded = loaded_by("report", "--week", "--log-dir", str(tmp_path))
    assert "pandas" in loaded
    assert not loaded & (DRAWING | {"uvicorn", "fastapi"})
