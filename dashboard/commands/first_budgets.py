"""The budgets to begin with, put into a settings file without touching what is in it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from ..errors import FolderError, SettingError, UsageError
from ..settings import find_file, places

BUDGETS = """\
# Budgets: how much may be used in a period. callmeter budget shows how they stand.
# period:  hour, day, week (from Monday) or month
# measure: cost (USD, the default), tokens (all kinds, cache too) or calls
# warn:    percentages of the limit at which to warn; [50, 80, 90] when left out
# Only some calls: project, task, worker, model = "claude-opus-*" or a list; * stands for anything.
# Settings such as port = 8050 stand above the first table of the file.

[[budget]]
name = "Daily spending"
period = "day"
limit = 10

[[budget]]
name = "Weekly tokens"
period = "week"
measure = "tokens"
limit = 1_000_000

[[budget]]
name = "Monthly spending"
period = "month"
limit = 200
"""
"""What `callmeter budget init` writes."""


def write(*, user: bool) -> list[str]:
    """Write the budgets into the file of the working directory or of the user; what there is to say of it.

    Raises UsageError for a file with budgets, SettingError for one that is no TOML, FolderError.
    """
    around = os.environ, Path.cwd(), Path.home()
    here, own = places(*around)
    read_now, file = find_file(*around), own if user else here
    if read_now == own and file != own:
        raise UsageError(
            f"Your settings are in {own}; a {here.name} here would be read instead of them. "
            "callmeter budget init --user writes the budgets there."
        )
    _append(file)
    said = [f"Three budgets written to {file}. Change them there; callmeter budget shows how they stand."]
    if read_now not in (None, file):
        said.append(f"In this folder {here} is read instead.")
    return said


def _append(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else ""
        _without_budgets(file, before)
        file.touch(0o600)
        with file.open("a", encoding="utf-8") as out:
            out.write(_gap(before) + BUDGETS)
    except UnicodeDecodeError as error:
        raise SettingError(str(file), "not valid TOML", "must be UTF-8 text") from error
    except OSError as error:
        raise FolderError(file, f"cannot be written to: {error.strerror or error}") from error


def _without_budgets(file: Path, text: str) -> None:
    try:
        known = tomllib.loads(text)
    except ValueError as error:
        raise SettingError(str(file), "not valid TOML", str(error)) from error
    if "budget" in known:
        raise UsageError(f"{file} has budgets already; change them there. callmeter budget shows them.")


def _gap(before: str) -> str:
    """What parts the budgets from what stands before them."""
    if not before:
        return ""
    return "\n" if before.endswith("\n") else "\n\n"
