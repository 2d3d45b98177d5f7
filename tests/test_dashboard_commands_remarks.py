"""What a command says on stderr: whole lines for a pipe, broken at words on a terminal."""

from __future__ import annotations

import sys

import pytest

from dashboard.commands.remarks import tell

SAID = "No call of this period has the project \x1b[31mweb. There are: site, blog."


def test_a_pipe_gets_a_line_for_each_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell([SAID, "Two."])
    assert capsys.readouterr().err == f"{SAID}\nTwo.\n"


def test_a_terminal_gets_lines_broken_at_words_and_no_orders(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "48")
    monkeypatch.setenv("NO_COLOR", "1")
    tell([SAID])
    assert capsys.readouterr().err == (
        "No call of this period has the project\n\\x1b[31mweb. There are: site, blog.\n"
    )
