"""The folder can be copied into another project, under any name, without anything else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOGGER = Path(__file__).parents[1] / "logger"
MODULES = sorted(LOGGER.glob("*.py"))
LAZY = {"anthropic"}
"""Imported only when the host has it anyway."""


def imports(path: Path) -> list[tuple[int, str]]:
    """(level, module) of every import, also those inside functions."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_only_the_standard_library_and_its_own_modules_are_imported(path: Path) -> None:
    for level, module in imports(path):
        top = module.partition(".")[0]
        assert level == 1 or (level == 0 and (top in sys.stdlib_module_names or top in LAZY))


def test_no_module_imports_itself_in_a_circle() -> None:
    """Import lines at the top of the modules point one way."""
    edges = {}
    for path in MODULES:
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        edges[path.stem] = {node.module for node in top if node.level == 1 and node.module}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        for other in edges.get(name, ()):
            visit(other, (*trail, name))

    for name in edges:
        visit(name, ())


def test_a_copy_under_another_name_works_without_any_installed_package(tmp_path: Path) -> None:
    shutil.copytree(
        LOGGER, tmp_path / "modules" / "api_logging", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from modules.api_logging import ClaudeAPILogger, price_of
from modules.api_logging.api_logger import ClaudeAPILogger as Same
assert Same is ClaudeAPILogger
log = ClaudeAPILogger(sys.argv[2])
call = log.start_call("gh-456", "w-1", "claude-sonnet-4-5", None, "prompt")
assert log.end_call(call, "response", 12500, 3200)
assert log.get_daily_summary()["total_cost_usd"] == 0.0855 == price_of("claude-sonnet-4-5", tokens_input=12500, tokens_output=3200)
assert not [name for name in sys.modules if name.partition(".")[0] in ("logger", "dashboard", "pandas", "msgspec", "anthropic")]
"""
    arguments = [sys.executable, "-I", "-S", "-c", code, str(tmp_path), str(tmp_path / "logs")]
    subprocess.run(arguments, check=True, timeout=30)
    assert len(list((tmp_path / "logs").glob("api-calls-*.jsonl"))) == 1


def test_the_door_shows_what_it_says() -> None:
    import logger

    assert all(hasattr(logger, name) for name in logger.__all__)
    assert logger.__all__ == sorted(
        logger.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
