"""The README tells the truth: its tables are the code's, what it shows can be typed, its recipes run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import docs_tables
import pytest
import typer
from typer.exceptions import TyperException
from typer.main import get_command

from dashboard import commands
from dashboard.commands import demo_billing
from dashboard.commands.demo import write_history
from dashboard.demo import history
from dashboard.money import rules
from dashboard.settings import load
from logger import price_of, read_prices
from logger.counted_once import counted_once
from tests.sdk_server import serving

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text("utf-8")


@pytest.mark.parametrize("name", docs_tables.TABLES)
def test_the_table_is_the_codes(readme: str, name: str) -> None:
    """`python -m tests.docs_tables` prints it."""
    assert docs_tables.between(readme, name) == docs_tables.TABLES[name]()


def shown_commands(text: str) -> list[list[str]]:
    """The words of every command in the shell blocks; pipes, lists and redirections end a command."""
    found = []
    for block in docs_tables.shell_blocks(text):
        for line in _whole_lines(block):
            found += _parts(line)
    return found


def _whole_lines(block: str) -> list[str]:
    """Lines with what a backslash or an open quote carries on."""
    lines = [""]
    for line in block.replace("\\\n", " ").splitlines():
        lines[-1] += line + " "
        if lines[-1].count("'") % 2 == 0:
            lines.append("")
    return [line for line in lines if line.strip()]


def _parts(line: str) -> list[list[str]]:
    words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            parts.append([])
        elif parts[-1] or not re.fullmatch(r"\w+=.*|sudo|exec", word):
            parts[-1].append(word)
    return [part for part in parts if part]


def test_commands_are_found_behind_prompts_variables_and_pipes() -> None:
    lines = "$ A=1 callmeter report --json | jq .  # all", "make run \\", "  PORT=1 && callmeter check > x"
    text = "\n".join(["```sh", *lines, "```", ""])
    assert shown_commands(text) == [
        ["callmeter", "report", "--json"],
        ["jq", "."],
        ["make", "run", "PORT=1"],
        ["callmeter", "check"],
        ["x"],
    ]


def test_every_callmeter_command_that_is_shown_can_be_typed(readme: str) -> None:
    shown = [words[1:] for words in shown_commands(readme) if words[0] == "callmeter"]
    assert shown, "the README shows no callmeter command"
    assert [(words, said) for words in shown if (said := _wrong(words))] == []


def test_a_command_that_cannot_be_typed_is_found() -> None:
    assert _wrong(["report", "--wek"])
    assert _wrong(["reprot"])
    assert not _wrong(["report", "--week"])


def _wrong(words: list[str]) -> str:
    """What is wrong with the words of a command; nothing is run, the command's own help ends it."""
    try:
        with get_command(commands.app()).make_context("callmeter", [*words, "--help"]) as context:
            context.command.invoke(context)
    except typer.Exit:
        return ""
    except TyperException as error:
        return error.format_message()
    return ""


def test_every_make_target_that_is_shown_exists(readme: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = [words[1:] for words in shown_commands(readme) if words[0] == "make"]
    assert shown, "the README shows no make target"
    assert {word for words in shown for word in words if "=" not in word} <= targets


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `logs/api` full of the demo's calls of the last days, today and tomorrow, and a bill."""
    folder = tmp_path_factory.mktemp("recipes")
    settings = load({"log_dir": folder / "logs/api"}, os.environ, folder, folder)
    now = datetime.now(UTC) + timedelta(days=2)
    write_history(settings, now, 12, 60, 1)
    calls = history(now.astimezone(settings.zone).date(), 12, 60, 1, settings.zone, now.timestamp())
    demo_billing.write(settings, now, list(calls))
    return folder


@pytest.mark.parametrize("marker", ["jq", "jq billing"])
def test_every_jq_recipe_runs_and_prints_something(readme: str, demo_folder: Path, marker: str) -> None:
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    section = docs_tables.between(readme, marker)
    assert section, f"the README has no <!-- {marker} --> section"
    recipes = docs_tables.shell_blocks(section)
    assert recipes
    for recipe in recipes:
        done = subprocess.run(["sh", "-eu", "-c", recipe], cwd=demo_folder, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), recipe
        assert done.stdout.strip(), recipe


def test_the_demo_has_a_file_for_today(demo_folder: Path) -> None:
    assert (demo_folder / f"logs/api/api-calls-{date.today()}.jsonl").exists()


def test_pictures_and_files_that_are_linked_exist(readme: str) -> None:
    linked = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", readme)
    assert [name for name in linked if not (ROOT / name).exists()] == []


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_programs_that_are_shown_run_and_log(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator's worker replays a recorded run; the SDK talks to a server that answers like the API."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{stand_in_claude(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    names: dict[str, Any] = {
        "messages": [{"role": "user", "content": "?"}],
        "prompt": "do it",
        "answer": "done",
    }
    programs = _blocks(readme, "python")
    assert len(programs) >= 6
    with serving() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        for program in programs:
            exec(program, names)
    assert names["work"]("gh-456", "w-1", "tools", tmp_path / "out.jsonl") is None
    lines = [json.loads(line) for file in tmp_path.glob("logs/api/*.jsonl") for line in file.open()]
    assert [(line["source"], line["tokens_output"]) for line in lines] == [
        ("sdk", 340),
        ("sdk", 340),
        ("manual", 340),
        ("manual", 300),
        ("cli", 215),
    ]
    assert all(line["success"] and line["estimated_cost_usd"] for line in lines)
    assert len(counted_once(lines)) == 4, "what a watched client and the program itself logged is one call"


def stand_in_claude(folder: Path) -> Path:
    """A folder with a `claude` that replays what the real one printed."""
    claude = folder / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "stand_in_claude.py"}" "$@"\n')
    claude.chmod(0o755)
    return claude.parent


def test_the_settings_that_are_shown_can_be_read(readme: str, tmp_path: Path) -> None:
    for shown in _blocks(readme, "toml"):
        (tmp_path / "callmeter.toml").write_text(shown)
        file = load({}, {}, tmp_path, tmp_path).file
        assert rules.read(file, {}).file == file, shown


def test_the_price_file_that_is_shown_can_be_used(readme: str, tmp_path: Path) -> None:
    (shown,) = _blocks(readme, "json")
    file = tmp_path / "prices.json"
    file.write_text(shown)
    table = read_prices(file)
    model = next(iter(json.loads(shown)["models"]))
    assert price_of(model, tokens_input=10, tokens_output=5, at=datetime.now(UTC), prices=table) == 0
