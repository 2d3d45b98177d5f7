"""Commands with words of their own: `callmeter budget` shows, `callmeter budget check` does something else.

Such a command takes a `typer.Context` and does nothing unless it stands `alone`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

from ..errors import UsageError

Command = Callable[..., None]


def name_of(command: Callable[..., Any]) -> str:
    """What a command is called: its function's name, without the underscore a Python word needs."""
    return command.__name__.rstrip("_")


def group(command: Command, words: Sequence[Command]) -> typer.Typer:
    """The command with its words as one typer application."""
    own = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    own.callback(invoke_without_command=True, subcommand_metavar="[WORD]")(command)
    for word in words:
        own.command(name_of(word))(word)
    return own


def alone(context: typer.Context) -> bool:
    """Whether the command was given without one of its words.

    Raises UsageError for flags before the word: they would be lost.
    """
    word = context.invoked_subcommand
    if word is None:
        return True
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            path = f"{context.command_path} {word}"
            raise UsageError(f"{parameter.opts[0]} stands before {word}; flags come after it: {path} --help.")
    return False
