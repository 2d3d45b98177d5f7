"""The `callmeter` command: one file per command, and one place where a failure becomes a sentence.

Heavy imports live inside the commands, so that `--help` and mistyped words answer at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from errno import EDQUOT, ENOSPC
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from ..errors import CallmeterError
from .alerts import alerts
from .balance import WORDS as BALANCE_WORDS
from .balance import balance
from .budget import WORDS as BUDGET_WORDS
from .budget import budget
from .check import check
from .demo import demo
from .estimate import estimate
from .export import export
from .import_ import import_
from .reconcile import reconcile
from .report import report
from .serve import serve
from .sync import WORDS as SYNC_WORDS
from .sync import sync
from .words import Command, group, name_of

COMMANDS: tuple[Command, ...] = (
    serve,
    report,
    import_,
    check,
    demo,
    estimate,
    export,
    reconcile,
    budget,
    balance,
    alerts,
    sync,
)
"""Every command; the help lists those with words of their own last. A command's name is its function's."""

WORDS: Mapping[Command, tuple[Command, ...]] = {
    budget: BUDGET_WORDS,
    balance: BALANCE_WORDS,
    sync: SYNC_WORDS,
}
"""The words of the commands that have some: `callmeter budget check`."""

INTERRUPTED = 130
PIPE_CLOSED = 141
DEBUG = "CALLMETER_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `callmeter` with these words (default: the process's) and return the exit code."""
    return run(sys.argv[1:] if argv is None else argv, os.environ)


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command in `words`. Every failure ends here: as a sentence on stderr and an exit code."""
    _print_whatever_comes()
    try:
        _call(words)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one handler, at the edge
        return _end(error, environ)
    return 0


def _print_whatever_comes() -> None:
    """A terminal that cannot show a character gets its escape instead of a failure."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _call(words: Sequence[str]) -> None:
    command = get_command(app())
    with command.make_context("callmeter", list(words)) as context:
        command.invoke(context)


def app() -> typer.Typer:
    """The commands as one typer application."""
    every = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    every.callback(invoke_without_command=True)(_callmeter)
    for command in COMMANDS:
        if command in WORDS:
            every.add_typer(group(command, WORDS[command]), name=name_of(command))
        else:
            every.command(name_of(command))(command)
    return every


def _callmeter(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Every Claude call your programs make: what they cost, live on a page, or here.

    Settings come from callmeter.toml here or in ~/.config/callmeter, then from CALLMETER_* in the
    environment, then from flags.

    \b
    Examples:
      callmeter serve
      callmeter report --week
      callmeter COMMAND --help
    """
    if version:
        print(f"callmeter {_version()}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("callmeter")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _end(error: BaseException, environ: Mapping[str, str]) -> int:
    """Say what happened, as far as there is something to say; the exit code."""
    if isinstance(error, BrokenPipeError):
        _leave_pipe()
        return PIPE_CLOSED
    if _is_full(error):
        _leave_pipe()
    if environ.get(DEBUG) == "1" and isinstance(error, Exception) and not isinstance(error, typer.Exit):
        import traceback

        traceback.print_exception(error)
    code, sentence = ending(error)
    if sentence:
        print(sentence, file=sys.stderr)
    return code


def ending(error: BaseException) -> tuple[int, str]:
    """The exit code of a failure and what to say of it, "" for nothing."""
    if isinstance(error, typer.Exit):
        return error.exit_code, ""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, ""
    if isinstance(error, SystemExit):
        return (error.code, "") if isinstance(error.code, int) else (1, str(error.code or ""))
    if isinstance(error, CallmeterError):
        return error.exit_code, str(error)
    if isinstance(error, TyperException):
        return 1, _misspelled(error)
    if _is_full(error):
        return 1, "stdout: no space left on the device."
    return 1, _unexpected(error)


def _is_full(error: BaseException) -> bool:
    """Whether what was printed found no room: files that callmeter writes have sentences of their own."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT) and error.filename is None


def _misspelled(error: TyperException) -> str:
    """What is wrong with the words. Not typer's exit code 2: here that means a limit was exceeded."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "callmeter"
    said = error.format_message().replace("Value error, ", "").replace("Input should be", "it must be")
    return f"{said.rstrip('.')}.{_near(said)}\n{path} --help shows what there is."


def _near(said: str) -> str:
    """The allowed word that a wrong one is close to: `'summry' is not one of 'summary', 'daily'`."""
    from difflib import get_close_matches

    wrong, found, allowed = said.partition(" is not one of ")
    words = re.findall(r"'([^']+)'", allowed)
    near = get_close_matches(wrong.rpartition(" ")[2].strip("'"), words, 1) if found else []
    return f" Did you mean {near[0]}?" if near else ""


def _unexpected(error: BaseException) -> str:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"callmeter stopped on something it did not expect: {what}\n"
        f"Please report it together with what {DEBUG}=1 before the command shows."
    )


def _leave_pipe() -> None:
    """Nobody takes it any more: let what is still buffered go nowhere, or Python complains on its way out."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
