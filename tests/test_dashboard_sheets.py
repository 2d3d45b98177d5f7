"""Sheets: the same rows as text, JSON and CSV."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from dashboard import numbers
from dashboard.sheets import Answer, Column, Sheet, data, plain, text
from dashboard.sheets.names import model_label

NAME = Column("name", "Name", plain)
CALLS = Column("calls", "Calls", numbers.count, bound="at_least")
TOKENS = Column("tokens", "Tokens", numbers.short, extra=2)
EXACT = Column("exact", "", plain, shown=False)
WORDS = Column("words", "In words", plain, data=False)


def row(name: str | None = "a", calls: int | None = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "calls": calls, "tokens": 0, "exact": 1.5, "words": "one", "at_least": False} | more


def sheet(*rows: dict[str, Any], columns: tuple[Column, ...] = (NAME, CALLS)) -> Sheet:
    return Sheet("things", "Things", columns, rows, "There are things.")


def shown(one: Sheet, **console: Any) -> list[str]:
    out = io.StringIO()
    text.show(Answer([one]), Console(file=out, **console))
    return out.getvalue().splitlines()


def test_a_table_has_title_sentence_heads_and_rows_numbers_to_the_right() -> None:
    assert shown(sheet(row("long name", 1284), row(None, 5))) == [
        "Things",
        "There are things.",
        "Name       Calls",
        "long name  1,284",
        "–              5",
    ]


def test_days_and_names_that_begin_with_a_digit_stand_to_the_left() -> None:
    assert shown(sheet(row("3 November", 1), row("2026-11-22", 2)))[2:] == [
        "Name        Calls",
        "3 November      1",
        "2026-11-22      2",
    ]


def test_a_lower_bound_is_marked_and_what_is_not_known_is_not() -> None:
    lines = shown(sheet(row(calls=5, at_least=True), row(calls=None, at_least=True)))
    assert lines[3:] == ["a       ≥ 5", "a         –"]


def test_a_terminal_without_room_leaves_out_what_may_be_then_shortens_names_in_the_middle() -> None:
    less = Column("exact", "Exact", plain, extra=1)
    wide = sheet(row("n" * 30), columns=(NAME, TOKENS, CALLS, less))
    assert text.lines(wide, 60)[0].split() == ["Name", "Tokens", "Calls", "Exact"]
    assert text.lines(wide, 50)[0].split() == ["Name", "Calls", "Exact"]
    assert text.lines(wide, 40)[0].split() == ["Name", "Calls"]
    assert text.lines(wide, 30)[1] == "n" * 11 + "…" + "n" * 11 + "      1"
    assert "nnnn…nnnn" in "\n".join(shown(wide, width=10, force_terminal=True))


def test_a_very_long_name_is_shortened_before_a_column_is_left_out_but_never_in_a_pipe() -> None:
    long = sheet(row("a-project-" * 9 + "last"), columns=(NAME, TOKENS, CALLS))
    head, line = text.lines(long, 60)
    assert head.split() == ["Name", "Tokens", "Calls"]
    assert len(line) == 60
    assert line.startswith("a-project-a-") and "-last " in line
    assert "a-project-" * 9 + "last" in text.lines(long)[1]


def test_names_of_any_length_fill_the_room_there_is() -> None:
    """A step for each character, of each name, would never end."""
    many = sheet(row("x" * 200_000), row("日" * 100_000), row("short"), columns=(NAME, CALLS))
    _, long, wide, short = text.lines(many, 50)
    assert long == "x" * 21 + "…" + "x" * 21 + "      1"
    assert wide == "日" * 10 + "…" + "日" * 10 + "  " + "      1"
    assert short.split() == ["short", "1"]


@pytest.mark.parametrize("room", [None, 200])
def test_each_cell_is_measured_a_fixed_number_of_times(
    room: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring all of a column for each of its cells would take a minute of 1,800 rows."""
    measured = 0

    def counted(cell: str) -> int:
        nonlocal measured
        measured += 1
        return len(cell)

    monkeypatch.setattr(text, "_cells", counted)
    text.lines(sheet(*(row(f"task {number}") for number in range(200))), room)
    assert measured <= 3 * 2 * 201


SAID = Column("said", "Said", plain, wraps=True)


def test_a_sentence_is_wrapped_beside_its_row_where_there_is_room_and_never_cut() -> None:
    one = sheet(row(said="seven words stand in two short lines"), row("b", said=""), columns=(NAME, SAID))
    assert text.lines(one, 30) == [
        "Name  Said",
        "a     seven words stand in two",
        "      short lines",
        "b     ",
    ]
    assert text.lines(one)[1] == "a     seven words stand in two short lines"


def test_a_sentence_stands_below_its_row_where_names_leave_no_room() -> None:
    one = sheet(
        row("n" * 20, said="seven words stand in two short lines"),
        row("b", said=""),
        columns=(NAME, CALLS, SAID),
    )
    assert text.lines(one, 30) == [
        "Name                  Calls",
        "nnnnnnnnnnnnnnnnnnnn      1",
        "    seven words stand in two",
        "    short lines",
        "b                         1",
    ]


def test_a_word_longer_than_the_line_is_broken_by_its_places() -> None:
    assert text.wrapped("so 日本語日本 yes", 6) == ["so", "日本語", "日本", "yes"]
    assert len(text.wrapped("x" * 200_000, 70)) == 2858
    assert text.wrapped("", 6) == [""]


def test_a_terminal_without_room_writes_names_briefly_before_it_leaves_out_or_cuts() -> None:
    model = Column("name", "Model", plain, brief=model_label)
    one = sheet(row("claude-opus-5-5"), row("local"), columns=(model, TOKENS, CALLS))
    assert text.lines(one, 40)[1].startswith("claude-opus-5-5 ")
    assert text.lines(one, 25) == [
        "Model     Tokens  Calls",
        "opus-5-5       0      1",
        "local          0      1",
    ]


def test_wide_characters_are_shortened_by_their_places() -> None:
    assert text.shortened("日本語日本語", 7) == "日…語"
    assert text.shortened("日本語日本語", 12) == "日本語日本語"


def test_a_pipe_has_room_for_everything_and_gets_no_escapes() -> None:
    lines = shown(sheet(row("n" * 100), columns=(NAME, TOKENS, CALLS)), width=40)
    assert lines[2].split() == ["Name", "Tokens", "Calls"]
    assert "\x1b" not in "".join(lines)


def test_a_sentence_is_broken_at_words_on_a_terminal_and_never_in_a_pipe() -> None:
    said = Sheet("things", "Things", (NAME,), (), "There are more things here than fit a line.")
    assert shown(said, width=20, force_terminal=True)[1:] == [
        "There are more",
        "things here than fit",
        "a line.",
    ]
    assert shown(said, width=20)[1:] == ["There are more things here than fit a line."]


def test_a_name_gives_the_terminal_no_orders() -> None:
    assert "\\x1b[31mred" in "\n".join(shown(sheet(row("\x1b[31mred"))))
    assert "[bold]" in "\n".join(shown(sheet(row("[bold]"))))


def test_wide_characters_take_two_places() -> None:
    assert text.lines(sheet(row("日本", 1), row("abcd", 2)))[1:] == ["日本      1", "abcd      2"]


def test_a_table_without_rows_is_its_title_and_sentence() -> None:
    assert shown(sheet()) == ["Things", "There are things."]


def test_people_and_data_each_have_columns_of_their_own() -> None:
    one = sheet(row(), columns=(NAME, EXACT, WORDS))
    assert one.heads == ["Name", "In words"]
    assert one.text() == [["a", "one"]]
    assert data.records(one) == [{"name": "a", "exact": 1.5}]


def test_json_has_facts_tables_and_remarks() -> None:
    out = io.StringIO()
    data.write_json(Answer([sheet(row(calls=None))], {"since": "2026-11-22"}, ["Mind this."]), out)
    assert json.loads(out.getvalue()) == {
        "since": "2026-11-22",
        "things": [{"name": "a", "calls": None}],
        "remarks": ["Mind this."],
    }


@pytest.mark.parametrize(
    ("cell", "harmless"),
    [
        ("x;=cmd|'/C calc'!A0;y", "x;'=cmd|'/C calc'!A0;y"),
        ("a\t@b\t+c,-d", "a\t'@b\t'+c,'-d"),
        ('a"=b\n=c', "a\"'=b\n'=c"),
        ("=1;=2", "'=1;'=2"),
        ("a; b, -c = d@e;f\tg", "a; b, -c = d@e;f\tg"),
    ],
)
def test_whatever_separates_no_part_of_a_text_is_a_formula(cell: str, harmless: str) -> None:
    """Excel in German takes `;` for the end of a cell."""
    assert data.safe(cell) == harmless


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("-1", "'-1"), (-1, "-1"), (None, ""), (True, "true"), ("a,b", '"a,b"')],
)
def test_csv_is_the_first_table_and_no_cell_is_a_formula(cell: Any, written: str) -> None:
    out = io.StringIO()
    data.write_csv(Answer([sheet(row(calls=cell)), sheet(row("second"))]), out)
    assert out.getvalue() == f"name,calls\na,{written}\n"


class Screen(io.StringIO):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_csv_gives_a_terminal_no_orders_and_a_pipe_every_text_as_it_is() -> None:
    name = "a\x1b[31m\u202eb ü"
    pipe, screen = io.StringIO(), Screen()
    for out in (pipe, screen):
        data.write_csv(Answer([sheet(row(name, 5))]), out)
    assert pipe.getvalue() == f"name,calls\n{name},5\n"
    assert screen.getvalue() == "name,calls\na\\x1b[31m\\u202eb ü,5\n"
