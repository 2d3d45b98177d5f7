"""The rule by which a call that several lines tell of counts once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger import ClaudeAPILogger
from logger.counted_once import counted_once
from tests.doubles import doubles

AT = "2026-11-20T10:00:00+00:00"
UNIX = 1795168800.0


def line(source: str, **fields: Any) -> dict[str, Any]:
    return {"timestamp": AT, "model": "claude-opus-5-5", "success": True, "source": source, **fields}


def run(output: int, **fields: Any) -> dict[str, Any]:
    """A run of a minute."""
    times = {"start_time": UNIX, "end_time": UNIX + 60}
    return line("cli", session_id="s-1", tokens_output=output, **{**times, **fields})


def call(output: int, second: int = 1, source: str = "otel", **fields: Any) -> dict[str, Any]:
    """A call of the same session, some seconds after the run began."""
    timestamp = f"2026-11-20T10:{second // 60:02d}:{second % 60:02d}+00:00"
    return line(source, **{"session_id": "s-1", "timestamp": timestamp, "tokens_output": output, **fields})


def counts(*lines: dict[str, Any]) -> list[tuple[str, int]]:
    """Source and output tokens of the lines that count."""
    return [(one["source"], one.get("tokens_output") or 0) for one in counted_once(lines)]


def test_lines_without_anything_in_common_all_count() -> None:
    lines = [line("sdk", request_id="req_1"), line("sdk"), line("manual"), run(5), line("cli")]
    assert counted_once(lines) == lines


def test_of_one_derived_id_the_final_line_counts_then_the_larger() -> None:
    """A transcript's placeholder, its final row, and the row read once more."""
    call_id = "msg-" + 24 * "0"
    first, last = call(9, call_id=call_id, tokens_final=False), call(7, call_id=call_id)
    assert counts(first, last, call(6, call_id=call_id)) == [("otel", 7)]


def test_ids_that_a_program_chose_itself_join_nothing() -> None:
    assert counts(call(1, call_id="mine"), call(2, call_id="mine")) == [("otel", 1), ("otel", 2)]


@pytest.mark.parametrize(
    ("finer", "coarser"),
    [("sdk", "otel"), ("otel", "transcript"), ("transcript", "rest"), ("rest", "manual"), ("manual", "cli")],
)
def test_of_the_lines_of_a_request_those_of_the_finest_source_count(finer: str, coarser: str) -> None:
    one, other = line(finer, request_id="req_1"), line(coarser, request_id="req_1")
    assert counted_once([other, one]) == counted_once([one, other]) == [one]


def test_message_ids_join_what_request_ids_do_not_and_chains_of_both_are_one_call() -> None:
    """Telemetry knows the request, a program that logs by hand the message, a transcript both."""
    otel, manual = line("otel", request_id="req_1"), line("manual", message_id="msg_1")
    transcript = line("transcript", request_id="req_1", message_id="msg_1")
    assert counts(manual, otel, transcript) == [("otel", 0)]


def test_an_exact_line_goes_before_a_lower_bound_of_a_finer_source() -> None:
    assert counts(
        call(1, request_id="r", tokens_final=False), call(9, source="transcript", request_id="r")
    ) == [("transcript", 9)]


def test_lines_of_one_source_are_never_one_call() -> None:
    """Gateways and test servers give every reply the same id."""
    three = [line("sdk", message_id="msg_1", tokens_output=n) for n in (1, 2, 3)]
    by_hand = [line("manual", message_id="msg_1", tokens_output=n) for n in (1, 2)]
    assert counts(*three, *by_hand) == [("sdk", 1), ("sdk", 2), ("sdk", 3)]


def test_without_request_ids_session_and_tokens_tell_that_telemetry_and_transcript_are_one_call() -> None:
    """One for one: a call of the same size whose telemetry was lost still counts."""
    again = [call(7, 9, source="transcript"), call(8, source="transcript")]
    assert counts(call(7), call(7, source="transcript"), *again) == [
        ("otel", 7),
        ("transcript", 7),
        ("transcript", 8),
    ]


def test_without_request_ids_a_transcripts_lower_bound_is_the_call_with_the_same_input() -> None:
    """Old versions keep a placeholder of the output."""
    bound = call(1, source="transcript", tokens_input=90, tokens_final=False)
    assert counts(call(7, tokens_input=90), bound) == [("otel", 7)]
    assert counts(call(7, tokens_input=91), bound) == [("otel", 7), ("transcript", 1)]


def test_failed_calls_without_tokens_are_not_taken_for_each_other() -> None:
    assert len(counted_once([call(0), call(0, source="transcript")])) == 2


def test_a_whole_number_is_an_id_too() -> None:
    assert counts(line("manual", message_id=1), line("sdk", message_id="1")) == [("sdk", 0)]


def test_a_run_counts_what_its_calls_do_not_cover() -> None:
    """100 output tokens; the calls that were seen made 60, the rest were helpers'."""
    left, *calls = counted_once([run(100, calls=4, estimated_cost_usd=1.0), *COSTLY])
    assert (left["tokens_output"], left["calls"], left["estimated_cost_usd"]) == (40, 2, 0.4)
    assert left["duration_seconds"] is None, "the time is the whole run's"
    assert calls == COSTLY


COSTLY = [call(20, estimated_cost_usd=0.2), call(40, 5, estimated_cost_usd=0.4)]


def test_a_covered_run_counts_no_more_and_a_failed_one_only_as_a_failure() -> None:
    assert counts(run(60), *COSTLY) == [("otel", 20), ("otel", 40)]
    failed, *_ = counted_once([run(60, success=False, exit_code=137), *COSTLY])
    assert (failed["success"], failed["exit_code"], failed["calls"], failed["tokens_total"]) == (
        False,
        137,
        0,
        0,
    )


def test_the_rest_is_found_by_model_first() -> None:
    """A helper on another model is not covered by calls of the main one."""
    lines = [run(60), run(5, model="claude-haiku-4-5"), *COSTLY]
    assert counts(*lines) == [("cli", 5), ("otel", 20), ("otel", 40)]


def test_a_call_under_another_name_of_the_model_is_covered_too() -> None:
    assert counts(run(60), call(60, model="claude-opus-5-5-20260901")) == [("otel", 60)]


def test_the_cost_of_a_rest_is_unknown_where_a_call_has_no_price() -> None:
    left, _ = counted_once([run(60, estimated_cost_usd=1.0), call(20)])
    assert (left["tokens_output"], left["estimated_cost_usd"]) == (40, None)


def test_calls_belong_to_the_run_that_went_on_at_their_time() -> None:
    """A session of two runs, of which only the second was seen call by call."""
    second = run(60, timestamp="2026-11-20T11:00:00+00:00", start_time=UNIX + 3600, end_time=UNIX + 3660)
    calls = [call(60, timestamp="2026-11-20T11:00:10+00:00")]
    assert counts(run(60), second, *calls) == [("cli", 60), ("otel", 60)]


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert counts(run(60), call(60, 89)) == [("otel", 60)]
    assert counts(run(61), call(60, 91)) == [("cli", 61), ("otel", 60)]


def test_a_run_without_an_end_goes_on_to_the_next() -> None:
    assert counts(run(60, end_time=None), call(60, 3000)) == [("otel", 60)]


def test_a_run_of_unknown_time_takes_the_calls_no_other_run_has() -> None:
    """Imported from a copied file, whose time says nothing."""
    copied = run(40, start_time=None, timestamp="2026-12-24T10:00:00+00:00")
    assert counts(copied, run(60), call(60), call(30, 3000)) == [("cli", 10), ("otel", 60), ("otel", 30)]


def test_where_no_time_fits_equal_tokens_tell() -> None:
    """The worker's machine is an hour behind."""
    late = [call(20, 3000), call(40, 3010)]
    assert counts(run(60), *late) == [("otel", 20), ("otel", 40)]
    assert counts(run(61), *late) == [("cli", 61), ("otel", 20), ("otel", 40)]


def test_calls_take_the_names_their_run_has() -> None:
    """A transcript knows only a directory: the coordinator's project goes before it."""
    transcript = call(60, source="transcript", project="worktree-7", task_id="own")
    (counted,) = counted_once([run(60, task_id="gh-1", worker_id="w-1", project="website"), transcript])
    assert (counted["task_id"], counted["worker_id"], counted["project"]) == ("own", "w-1", "website")


def test_hand_made_lines_of_a_session_are_no_calls_of_its_runs() -> None:
    assert counts(run(60), call(60, source="manual")) == [("cli", 60), ("manual", 60)]


@given(lines=st.lists(doubles(), max_size=12), data=st.data())
def test_the_order_of_the_lines_says_nothing(lines: list[dict[str, Any]], data: st.DataObject) -> None:
    other = data.draw(st.permutations(lines))
    assert _bag(counted_once(lines)) == _bag(counted_once(other))


@given(lines=st.lists(doubles(), max_size=12))
def test_what_counts_counts_again_the_same(lines: list[dict[str, Any]]) -> None:
    """No more than all lines together, and for each source that is alone in its session all of it."""
    kept = counted_once(lines)
    assert _output(kept) <= _output(lines)
    for source in {one["source"] for one in lines}:
        own = [one for one in lines if one["source"] == source]
        if source not in ("cli",) and not any("call_id" in one for one in own):
            assert counted_once(own) == own


def _output(lines: list[dict[str, Any]]) -> int:
    return sum(one.get("tokens_output") or 0 for one in lines)


def _bag(lines: list[dict[str, Any]]) -> Counter[str]:
    names = (
        "source",
        "model",
        "task_id",
        "worker_id",
        "project",
        "session_id",
        "tokens_input",
        "tokens_output",
    )
    return Counter(json.dumps([one.get(name) or None for name in names]) for one in lines)


@pytest.mark.parametrize(
    ("lines", "calls", "output"),
    [
        (
            [run(60, calls=2, end_time=UNIX + 2.5 * 86_400), call(60, timestamp="2026-11-22T11:00:00+00:00")],
            0,
            0,
        ),
        ([run(60, start_time=None), call(50, timestamp="2026-11-17T10:00:00+00:00")], 0, 10),
        (
            [
                line("manual", request_id="r"),
                line("sdk", request_id="r", timestamp="2026-11-21T00:00:00+00:00"),
            ],
            0,
            0,
        ),
    ],
    ids=["a run of days", "a run of unknown time", "a call logged twice at midnight"],
)
def test_the_daily_summary_knows_what_other_days_tell_of_its_calls(
    tmp_path: Path, lines: list[dict[str, Any]], calls: int, output: int
) -> None:
    for one in lines:
        write(tmp_path, one)
    found = ClaudeAPILogger(tmp_path, zone=UTC).get_daily_summary("2026-11-20")
    assert (found["total_calls"], found["total_tokens_output"]) == (calls, output)


def test_the_daily_summary_counts_each_call_once(tmp_path: Path) -> None:
    """Also a call of the run after midnight, which stands in the next day."""
    log = ClaudeAPILogger(tmp_path, zone=UTC)
    late = {"timestamp": "2026-11-20T23:59:50+00:00", "start_time": UNIX + 50390, "end_time": UNIX + 50430}
    write(tmp_path, run(60, calls=2, **late), call(20, timestamp="2026-11-20T23:59:55+00:00"))
    write(tmp_path, call(35, timestamp="2026-11-21T00:00:05+00:00"))
    first, second = log.get_daily_summary("2026-11-20"), log.get_daily_summary("2026-11-21")
    assert (first["total_calls"], first["total_tokens_output"]) == (1, 25)
    assert (second["total_calls"], second["total_tokens_output"]) == (1, 35)


def write(folder: Path, *lines: dict[str, Any]) -> None:
    with (folder / f"api-calls-{lines[0]['timestamp'][:10]}.jsonl").open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)
