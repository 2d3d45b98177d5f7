"""The report: a period's numbers as text, JSON and CSV, honest about what is not known."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import frames
import pytest
from rich.console import Console

from dashboard import printout, report
from dashboard.filters import Filter, days, midnight

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 11, 22)
NINE = datetime(2026, 11, 22, 9, 30, tzinfo=BERLIN)
NAN = float("nan")

SONNET = {"model": "claude-sonnet-4-5", "task_id": "gh-1", "worker_id": "w-1", "project": "web"}


def call(**differs: Any) -> dict[str, Any]:
    return {"time": NINE, **SONNET, **differs}


def built(*lines: dict[str, Any], by: str = "model", detail: bool = False, **more: Any) -> report.Report:
    rows = frames.rows(lines, BERLIN)
    sums = frames.sums(rows, tasks=by == "task")
    return report.build(sums, days(DAY, DAY, BERLIN), by, rows=rows if detail else None, **more)


def text(one: report.Report, *, width: int = 80, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, height=50, force_terminal=terminal, highlight=False, emoji=False)
    printout.show(one, console)
    return out.getvalue()


def as_csv(one: report.Report) -> list[dict[str, str]]:
    out = io.StringIO()
    report.write_csv(one, out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_json_has_the_names_of_the_line() -> None:
    one = built(
        call(tokens_input=10, tokens_output=20, cost_usd=0.5, duration_seconds=2.0, tokens_per_second=10.0),
        call(
            tokens_input=1,
            tokens_cache_read=300,
            tokens_cache_write=4000,
            cost_usd=0.25,
            outcome="failed",
            retries=9,
        ),
    )
    assert report.as_json(one) == {
        "since": "2026-11-22T00:00:00+01:00",
        "until": "2026-11-23T00:00:00+01:00",
        "timezone": "Europe/Berlin",
        "bad_lines": 0,
        "totals": (
            totals := {
                "calls": 2,
                "successful": 1,
                "failed": 1,
                "retries": 9,
                "tokens_input": 11,
                "tokens_output": 20,
                "tokens_total": 4331,
                "tokens_cache_read": 300,
                "tokens_cache_write": 4000,
                "tokens_thinking": 0,
                "web_searches": 0,
                "estimated_cost_usd": 0.75,
                "unpriced_calls": 0,
                "not_final_calls": 0,
                "average_duration_seconds": 1.5,
                "average_tokens_per_second": 10.0,
            }
        ),
        "completeness": {
            "priced_calls": 2,
            "final_calls": 2,
            "without_price": {},
            "without_cost": {},
            "without_token_counts": 0,
            "calls_by_source": {"manual": 2},
            "calls_are_a_lower_bound": False,
        },
        "groups": [{"model": "claude-sonnet-4-5", **totals}],
    }


def test_cost_is_the_known_part_and_null_when_nothing_is_known() -> None:
    partly = report.as_json(built(call(cost_usd=0.5), call(cost_usd=NAN)))["totals"]
    assert (partly["estimated_cost_usd"], partly["unpriced_calls"]) == (0.5, 1)
    unknown = report.as_json(built(call(cost_usd=NAN)))["totals"]
    assert (unknown["estimated_cost_usd"], unknown["unpriced_calls"]) == (None, 1)
    free = report.as_json(built(call(cost_usd=0.0)))["totals"]
    assert free["estimated_cost_usd"] == 0


def test_no_calls_add_up_to_nothing_and_averages_are_null() -> None:
    nothing = report.as_json(built())
    assert nothing["groups"] == []
    assert nothing["totals"]["calls"] == 0
    assert nothing["totals"]["estimated_cost_usd"] == 0
    assert nothing["totals"]["average_duration_seconds"] is None


def test_sums_of_cents_are_written_as_one_would() -> None:
    assert (
        report.as_json(built(call(cost_usd=0.1), call(cost_usd=0.2)))["totals"]["estimated_cost_usd"] == 0.3
    )


@pytest.mark.parametrize(
    ("by", "key", "value"),
    [
        ("day", "day", "2026-11-22"),
        ("hour", "hour", "2026-11-22T09:00:00+01:00"),
        ("model", "model", "claude-sonnet-4-5"),
        ("project", "project", "web"),
        ("task", "task_id", "gh-1"),
        ("worker", "worker_id", "w-1"),
    ],
)
def test_groups_carry_their_key_in_json_and_csv(by: str, key: str, value: str) -> None:
    one = built(call(tokens_input=5), by=by)
    [group] = report.as_json(one)["groups"]
    assert (group[key], group["tokens_input"]) == (value, 5)
    [row] = as_csv(one)
    assert (row[key], row["tokens_input"]) == (value, "5")


def test_a_call_without_a_task_is_null_in_json_and_none_in_text() -> None:
    one = built(call(task_id=""), by="task")
    assert report.as_json(one)["groups"][0]["task_id"] is None
    assert as_csv(one)[0]["task_id"] == ""
    assert "(none)" in text(one)


def test_details_hold_each_line_and_null_for_what_is_not_known() -> None:
    one = built(
        call(tokens_input=7, cost_usd=NAN, session_id=""),
        call(outcome="failed", error="Overloaded", counted=False, final=False, duration_seconds=NAN),
        detail=True,
    )
    first, second = report.as_json(one)["details"]
    assert first["timestamp"] == "2026-11-22T09:30:00+01:00"
    assert (first["tokens_input"], first["estimated_cost_usd"], first["session_id"]) == (7, None, None)
    assert (first["success"], first["error"], first["tokens_final"]) == (True, None, True)
    assert (second["success"], second["error"], second["tokens_final"]) == (False, "Overloaded", False)
    assert (second["tokens_input"], second["duration_seconds"]) == (None, None)
    json.dumps([first, second], allow_nan=False)
    assert [row["error"] for row in as_csv(one)] == ["", "Overloaded"]


def test_the_csv_of_no_details_still_has_its_names() -> None:
    out = io.StringIO()
    report.write_csv(built(detail=True), out)
    assert out.getvalue().startswith("timestamp,model,project,task_id")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_name_is_never_a_spreadsheet_formula(name: str) -> None:
    [row] = as_csv(built(call(task_id=name), by="task"))
    assert row["task_id"] == f"'{name}".replace("\r", r"\r")


def test_text_is_laid_out_like_the_original_with_separators() -> None:
    one = built(
        *[call(tokens_input=13_000, tokens_output=3_000, cost_usd=0.09) for _ in range(38)],
        *[call(model="claude-haiku-4", outcome="failed", tokens_output=8_000) for _ in range(4)],
    )
    assert text(one).splitlines() == [
        "📊 API Usage Summary - 2026-11-22",
        "=" * 60,
        "Total Calls:                    42",
        "  ✓ Successful:                 38",
        "  ✗ Failed:                      4",
        "",
        "Tokens Used:               640,000",
        "  → Input:                 494,000",
        "  → Output:                146,000",
        "  → Cache read:                  0",
        "  → Cache write:                 0",
        "",
        "Cost (estimated):          $3.4200",
        "",
        "Avg Duration:                1.00s",
        "Avg Tokens/sec:                  -",
        "",
        "By Model:",
        "-" * 60,
        "Model              Calls  Failed    Input   Output  Cache read  Cache write   Tokens     Cost",
        "claude-sonnet-4-5     38       0  494,000  114,000           0            0  608,000  $3.4200",
        "claude-haiku-4         4       4        0   32,000           0            0   32,000  $0.0000",
        "",
        "42 calls: 100 % priced, 100 % final; logged by hand 42",
    ]


def line_of(shown: str, start: str) -> str:
    return next(line for line in shown.splitlines() if line.strip().startswith(start))


def test_what_is_incomplete_is_marked_and_said_beside_the_total_it_affects() -> None:
    shown = text(
        built(
            call(tokens_input=1000, cost_usd=2.5),
            call(final=False, tokens_input=1),
            call(model="new-model", cost_usd=NAN, tokens_input=9),
            bad_lines=3,
        )
    )
    assert "3 bad lines not counted: callmeter check" in line_of(shown, "Total Calls:")
    assert "≥ 1,010   a lower bound: 1 call" in line_of(shown, "Tokens Used:")
    assert line_of(shown, "Cost (estimated):").endswith(
        "≥ $2.5000   cost not known: 1 call of a model without a price (new-model): callmeter check"
    )
    assert line_of(shown, "new-model").endswith("unknown")
    assert "≥ $2.5000" in line_of(shown, "claude-sonnet-4-5")


def test_calls_of_cli_runs_are_a_lower_bound_in_total_and_in_their_groups_only() -> None:
    """A run of at least 1,200 calls, and one call logged by hand."""
    shown = text(built(call(source="cli", calls=1200), call(model="other")))
    assert line_of(shown, "Total Calls:").endswith("≥ 1,201   1,200 of CLI runs, which may have made more")
    assert line_of(shown, "claude-sonnet-4-5").split()[1:3] == ["≥", "1,200"]
    assert line_of(shown, "other").split()[1] == "1"
    assert (
        shown.splitlines()[-1] == "1,201 calls: 100 % priced, 100 % final; CLI runs 1,200, logged by hand 1"
    )
    assert report.as_json(built(call(source="cli")))["completeness"]["calls_are_a_lower_bound"]


def test_complete_numbers_carry_no_mark() -> None:
    assert "≥" not in text(built(call(tokens_input=5, cost_usd=1.0)))


def test_a_call_without_token_counts_is_not_said_to_have_no_price() -> None:
    shown = text(built(call(cost_usd=NAN, counted=False, outcome="failed")))
    remark = line_of(shown, "Cost (estimated):")
    assert "cost not known: 1 call without token counts" in remark and "price" not in remark


def test_of_many_unpriced_models_the_first_are_named() -> None:
    shown = text(built(*[call(model=f"model-{i}", cost_usd=NAN, tokens_input=1) for i in range(6)]))
    assert "model-2 and 3 more" in line_of(shown, "Cost (estimated):")


def test_remarks_for_stderr_are_sentences() -> None:
    one = built(call(final=False, source="cli"), call(cost_usd=NAN), bad_lines=1)
    assert printout.remarks(one) == [
        "1 bad line not counted: callmeter check.",
        "The number of calls is a lower bound: 1 of CLI runs, which may have made more.",
        "Tokens are a lower bound: 1 call not counted to the end.",
        "Cost not known: 1 call without token counts: callmeter check.",
    ]


def test_a_pipe_gets_no_escape_codes_and_no_name_is_cut() -> None:
    name = "a-task-with-a-name-that-is-longer-than-any-terminal-is-wide-" * 3
    shown = text(built(call(task_id=name), by="task", detail=True))
    assert "\x1b" not in shown
    assert shown.count(name) == 2


def test_a_narrow_terminal_gets_fewer_columns_then_shorter_names() -> None:
    name = "claude-sonnet-4-5-20250929-a-very-long-name-of-a-model"
    one = built(call(model=name, tokens_input=5))
    groups = text(one, width=60, terminal=True).split("By Model")[1]
    assert "Cache read" not in groups
    assert "…me-of-a-model " in groups and name not in groups
    assert name in text(one, width=90, terminal=True).split("By Model")[1]
    assert "Cache read" in text(one, width=200, terminal=True).split("By Model")[1]


def test_remarks_are_broken_at_words_beside_their_number_and_never_in_a_pipe() -> None:
    one = built(call(cost_usd=NAN, tokens_input=5, model="a-local-model"))
    said = "   cost not known: 1 call of a model without a price (a-local-model): callmeter check"
    (piped,) = [line for line in text(one).splitlines() if "not known" in line]
    assert piped.endswith(said)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text(one, width=70, terminal=True)).splitlines()
    first = next(place for place, line in enumerate(lines) if "not known" in line)
    assert lines[first : first + 3] == [
        piped.removesuffix(said) + "   cost not known: 1 call of a model",
        f"{'':37}without a price (a-local-model):",
        f"{'':37}callmeter check",
    ]


def test_a_narrow_terminal_lists_calls_with_fewer_columns_then_shorter_names() -> None:
    one = built(
        call(task_id="gh-" + "1" * 60, outcome="failed", error="Overloaded", cost_usd=0.5), detail=True
    )
    wide, usual, narrow = (_calls(one, width) for width in (200, 80, 64))
    assert {"Cache", "Duration", "Worker"} <= {*wide[0].split()}
    assert wide == [line.rstrip() for line in text(one).split("\nCalls:")[1].splitlines()[2:4]]
    assert usual[0].split() == ["Time", "Cost", "Model", "Task", "Result"]
    assert usual[1].startswith("2026-11-22 09:30:00  $0.5000  sonnet-4-5  gh-1")
    assert usual[1].endswith("✗ Overloaded") and "…" in usual[1] and len(usual[1]) <= 80
    assert narrow[1].startswith("2026-11-22 09:30:00  $0.5000  ") and len(narrow[1]) <= 64


def _calls(one: report.Report, width: int) -> list[str]:
    """The head and the first row of the calls, as a terminal shows them."""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", text(one, width=width, terminal=True))
    return shown.split("\nCalls:")[1].splitlines()[2:4]


def test_a_name_from_a_log_gives_the_terminal_no_orders() -> None:
    shown = text(built(call(task_id="a\x1b[31m\nb[bold]c :smile:\u202e"), by="task", detail=True))
    assert shown.count(r"a\x1b[31m\nb[bold]c :smile:\u202e") == 2


def test_details_in_text_list_each_call_with_its_error() -> None:
    shown = text(built(call(cost_usd=NAN, counted=False, outcome="failed", error="Overloaded"), detail=True))
    last = shown.splitlines()[-3]
    assert last.startswith("2026-11-22 09:30:00")
    assert last.endswith("unknown     1.00s  claude-sonnet-4-5  gh-1  w-1     ✗ Overloaded")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (days(DAY, DAY, BERLIN), "2026-11-22"),
        (days(date(2026, 11, 16), DAY, BERLIN), "2026-11-16 – 2026-11-22"),
        (days(date(2026, 10, 25), date(2026, 10, 25), BERLIN), "2026-10-25"),
        (
            Filter(midnight(DAY, BERLIN) + timedelta(hours=9), midnight(DAY, BERLIN) + timedelta(hours=18)),
            "2026-11-22 09:00 – 2026-11-22 18:00",
        ),
    ],
)
def test_a_period_is_named_by_its_days_or_its_hours(view: Filter, words: str) -> None:
    assert report.period(view) == words
