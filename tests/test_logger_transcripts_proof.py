"""What transcripts of three versions tell of each call, against what the server says it served."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dashboard.commands.transcript_decoder import row_decoder
from logger.clock import LocalClock
from logger.pricing import built_in
from logger.record import CallRecord
from logger.transcript_file import TranscriptFile
from logger.transcript_reading import Project, projects
from logger.transcript_records import record_of
from logger.transcript_rows import plain_row

DATA = Path(__file__).parent / "data" / "transcripts"
SCENARIOS = sorted(folder.parent.name for folder in DATA.glob("*/projects"))

HELPER = "calls of helpers, and of a compaction, stand in no transcript"
CUT = "a reply that broke off in its first block leaves no row"
EMPTY = "a reply without a block leaves no row"

NO_ROW = {
    "compact_manual": HELPER,
    "err_400_too_long_midrun": HELPER,
    "helpers_on": HELPER,
    "interactive": HELPER,
    "websearch": HELPER,
    "v1.0.128__helpers_on": HELPER,
    "v1.0.128__killed": HELPER,
    "v1.0.128__max_turns": HELPER,
    "v1.0.128__stdin_multi": HELPER,
    "v1.0.128__thinking": HELPER,
    "v1.0.128__tools": HELPER,
    "v1.0.128__tools_partial": HELPER,
    "v2.0.76__helpers_on": HELPER,
    "v2.0.76__max_turns": HELPER,
    "v2.0.76__resume": HELPER,
    "v2.0.76__thinking": HELPER,
    "v2.0.76__tools": HELPER,
    "v2.0.76__tools_partial": HELPER,
    "cut_midstream_text": CUT,
    "cut_nofallback": CUT,
    "killed": CUT,
    "killed_partial": CUT,
    "v1.0.128__cut_midstream_text": CUT,
    "v2.0.76__cut_midstream_text": CUT,
    "empty_first": EMPTY,
}
"""Scenarios in which the server answered a call of which no transcript tells, and why."""

BROKE_OFF = {"cut_midstream_after_block", "cut_midstream_tool", "otel__json_cut", "sigint"}
"""Scenarios of the new version in which a reply broke off after its first block: it has a row."""

PLACEHOLDERS = ("v1.0.128", "v2.0.76")
"""Versions whose transcripts hold a placeholder for the output, except of plain requests."""


def files_of(scenario: str) -> list[Path]:
    return sorted((DATA / scenario / "projects").rglob("*.jsonl"))


def read(scenario: str, decode: Any = plain_row) -> Project:
    (found,) = projects(files_of(scenario), decode)
    assert not [told for _, told in found.files if isinstance(told, str) or told.bad_rows]
    return found


def records(scenario: str) -> dict[str, CallRecord]:
    made = [record_of(r, None, built_in(), LocalClock()) for r in read(scenario).replies.values()]
    return {record.message_id or "": record for record in made}


def truth_of(scenario: str) -> dict[str, dict[str, Any]]:
    return json.loads((DATA / scenario / "truth.json").read_text())


def counts(told: Any) -> dict[str, int]:
    names = ("tokens_input", "tokens_output", "tokens_cache_read")
    names += ("tokens_cache_write_5m", "tokens_cache_write_1h")
    return {name: (told[name] if isinstance(told, dict) else getattr(told, name)) or 0 for name in names}


def test_the_three_versions_are_there() -> None:
    assert len(SCENARIOS) > 60
    assert set(NO_ROW) | BROKE_OFF <= set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_call_that_is_told_as_final_is_exact_and_the_others_are_a_lower_bound(scenario: str) -> None:
    truth = truth_of(scenario)
    for message, record in records(scenario).items():
        ours, served = counts(record), counts(truth[message])
        if record.tokens_final is None:
            assert (ours, truth[message]["outcome"]) == (served, "complete")
        else:
            assert ours | {"tokens_output": 0} == served | {"tokens_output": 0}
            assert ours["tokens_output"] <= served["tokens_output"]
        assert record.model == truth[message]["model"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_finished_call_is_final_except_of_old_versions_and_broken_replies(scenario: str) -> None:
    open_ones = [record for record in records(scenario).values() if record.tokens_final is False]
    if scenario in BROKE_OFF:
        assert [one.success for one in open_ones] == [False]
    elif not scenario.startswith(PLACEHOLDERS):
        assert open_ones == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_call_is_missing_but_those_that_leave_no_row(scenario: str) -> None:
    truth, told = truth_of(scenario), records(scenario)
    assert told.keys() <= truth.keys()
    missing = [call for message, call in truth.items() if message not in told]
    assert bool(missing) == (scenario in NO_ROW)
    for call in missing:
        why = NO_ROW[scenario]
        assert (call["kind"] in ("helper", "compact")) or {CUT: call["outcome"] != "complete"}.get(
            why, call["blocks"] == 0
        )


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if not name.startswith(PLACEHOLDERS)])
def test_totals_by_model_are_those_of_the_calls_that_leave_a_row(scenario: str) -> None:
    """Summed over all files: blocks, forks, resumed sessions and subagents count once."""
    ours: dict[str, Counter[str]] = {}
    served: dict[str, Counter[str]] = {}
    for record in records(scenario).values():
        ours.setdefault(record.model, Counter()).update(counts(record))
    for call in truth_of(scenario).values():
        leaves_one = call["kind"] in ("main", "subagent") and call["outcome"] == "complete" and call["blocks"]
        if leaves_one:
            served.setdefault(call["model"], Counter()).update(counts(call))
    if scenario not in BROKE_OFF:
        assert ours == served


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_start_is_when_the_server_got_the_request(scenario: str) -> None:
    truth = truth_of(scenario)
    for message, record in records(scenario).items():
        if record.start_time is not None:
            assert record.start_time == pytest.approx(truth[message]["began"], abs=0.15)
        else:
            assert record.duration_seconds is None and record.end_time is None


def test_the_new_version_tells_every_start() -> None:
    told = [one for name in SCENARIOS if name[0] != "v" for one in records(name).values()]
    assert len(told) > 100 and all(one.start_time is not None for one in told)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_fast_decoder_tells_the_same(scenario: str) -> None:
    assert read(scenario, row_decoder()).replies == read(scenario).replies


@pytest.mark.parametrize(
    "scenario", ["tools", "text_plain", "thinking", "subagent_fg", "resume", "sdk__query"]
)
def test_claude_codes_own_sum_is_ours_where_it_has_no_helpers(scenario: str) -> None:
    told = records(scenario).values()
    for path in files_of(scenario):
        found = TranscriptFile(path).read()
        if found.costs and not found.forked:
            session, tokens, usd = found.costs
            ours = [one for one in told if one.session_id == session]
            assert sum(one.tokens_total or 0 for one in ours) == tokens
            assert sum(one.estimated_cost_usd or 0 for one in ours) == pytest.approx(usd, abs=1e-6)
