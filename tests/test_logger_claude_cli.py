"""What a Claude CLI run used: each rule on the smallest output that shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logger.claude_cli import CliRun, read_run
from logger.price_file import table_of

DATA = Path(__file__).parent / "data" / "claude-cli"


def result(**fields: Any) -> dict[str, Any]:
    """A result line as the CLI prints it, with these fields instead."""
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "session_id": "s",
        "uuid": "u",
        **fields,
    }


def usage_entry(**fields: Any) -> dict[str, Any]:
    entry = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0}
    return {**entry, "webSearchRequests": 0, **fields}


def since(entry: dict[str, Any], model: str = "claude-opus-5-5") -> CliRun:
    event = result(model_usage_since_last_result={model: entry}, modelUsage={model: entry})
    return read_run([json.dumps(event)])


def assistant(name: str, model: str = "claude-opus-5-5", **usage: int) -> dict[str, Any]:
    message = {"id": name, "model": model, "usage": usage, "content": [], "stop_reason": None}
    return {"type": "assistant", "session_id": "s", "message": message}


def lines(*events: dict[str, Any]) -> list[str]:
    return [json.dumps(event) for event in events]


@pytest.mark.parametrize(("basis", "cost"), [("list", 0.5), ("managed", 0.5), ("unknown", 0.00014)])
def test_the_clis_cost_is_taken_only_where_it_knows_the_price(basis: str, cost: float) -> None:
    """An `unknown` basis is the price of another model; ours for a known, untiered model is exact."""
    assert since(usage_entry(costUSD=0.5, costBasis=basis)).cost_usd == pytest.approx(cost)


def test_an_unknown_model_has_no_cost_though_the_cli_guesses_one() -> None:
    run = since(usage_entry(costUSD=0.5, costBasis="unknown"), "someone-elses-model")
    assert run.cost_usd is None and run.usage.tokens_total == 15


def test_a_sum_over_a_tiered_model_has_no_price_of_its_own() -> None:
    """150,000 tokens may be one long prompt or two short ones: only the CLI, that saw the calls, knows."""
    long = usage_entry(inputTokens=150_000, costUSD=0.0150025, costBasis="list")
    assert since(long, "claude-haiku-5-5").cost_usd == 0.0150025
    guessed = usage_entry(inputTokens=150_000, costUSD=0.0150025, costBasis="unknown")
    assert since(guessed, "claude-haiku-5-5").cost_usd is None
    short = usage_entry(inputTokens=90_000, costUSD=9.9, costBasis="unknown")
    assert since(short, "claude-haiku-5-5").cost_usd == pytest.approx(0.0090025)


def test_an_older_clis_cost_is_taken_when_its_own_price_can_be_right() -> None:
    """Versions before 2.1 name no basis and do not split cache writes by lifetime."""
    entry = usage_entry(cacheCreationInputTokens=1000)
    between = read_run(lines(result(modelUsage={"claude-sonnet-4-5": {**entry, "costUSD": 0.005}})))
    assert between.cost_usd == 0.005
    guess = read_run(lines(result(modelUsage={"claude-sonnet-4-5": {**entry, "costUSD": 5.0}})))
    assert guess.cost_usd is None


def test_the_users_prices_hold_for_what_the_cli_cannot_price() -> None:
    prices = table_of({"models": {"someone-elses-model": {"input": 1, "output": 2}}}, "here")
    event = result(
        modelUsage={"someone-elses-model": usage_entry(costUSD=9, costBasis="unknown")},
        model_usage_since_last_result={"someone-elses-model": usage_entry(costUSD=9, costBasis="unknown")},
    )
    assert read_run(lines(event), prices=prices).cost_usd == pytest.approx(20e-6)


def test_a_message_is_counted_once_with_its_largest_counts() -> None:
    """One line per content block repeats the usage; a later line may correct the output upwards."""
    run = read_run(
        lines(
            assistant("m1", input_tokens=7, output_tokens=1),
            assistant("m1", input_tokens=7, output_tokens=88),
            assistant("m1", input_tokens=7, output_tokens=1),
            assistant("m2", input_tokens=3, output_tokens=1),
        )
    )
    assert (run.usage.tokens_input, run.usage.tokens_output, run.models[0].calls) == (10, 89, 2)
    assert not run.final


def test_messages_the_cli_made_itself_are_no_calls() -> None:
    run = read_run(lines(assistant("m1", "<synthetic>", input_tokens=0, output_tokens=0)))
    assert run.models == () and not run.counted


def test_results_in_one_output_add_up_what_came_since() -> None:
    entry = usage_entry(costUSD=0.1, costBasis="list")
    first = result(modelUsage={"m": entry}, model_usage_since_last_result={"m": entry})
    second = result(modelUsage={"m": usage_entry(inputTokens=99)}, model_usage_since_last_result={"m": entry})
    run = read_run(lines(first, second))
    assert run.usage.tokens_input == 20 and run.cost_usd == pytest.approx(0.2) and run.final


def test_replies_after_the_last_result_are_added_as_a_lower_bound() -> None:
    """A process fed with several prompts and killed in the last one."""
    entry = usage_entry(costUSD=0.1, costBasis="list")
    done = result(
        modelUsage={"claude-opus-5-5": entry}, model_usage_since_last_result={"claude-opus-5-5": entry}
    )
    run = read_run(
        lines(
            assistant("m1", input_tokens=10, output_tokens=1),
            done,
            assistant("m2", input_tokens=4, output_tokens=1),
        )
    )
    assert run.usage.tokens_input == 14 and run.models[0].calls == 2 and not run.final


def json_result(session: str, main: dict[str, int], total: dict[str, Any]) -> str:
    """The one object `--output-format json` of 2.1 prints: the total of the session, the turn's main thread."""
    event = result(
        session_id=session, uuid=str(main), terminal_reason="completed", usage=main, modelUsage=total
    )
    return json.dumps(event)


MAIN = {"input_tokens": 10, "output_tokens": 5}


def test_json_of_a_first_process_is_exact_when_the_main_thread_used_it_all() -> None:
    run = read_run([json_result("s", MAIN, {"m": usage_entry(costBasis="list", costUSD=0.25)})])
    assert run.final and run.cost_usd == 0.25


def test_json_of_a_resumed_session_is_a_lower_bound_when_nothing_is_known_of_before() -> None:
    """30 of the session's 40 input tokens were used before, or by a subagent: the file does not tell."""
    total = {"claude-opus-5-5": usage_entry(inputTokens=40, outputTokens=9, costBasis="list", costUSD=0.9)}
    run = read_run([json_result("s", MAIN, total)])
    assert not run.final
    assert (run.usage.tokens_input, run.usage.tokens_output) == (10, 5)
    assert run.cost_usd == pytest.approx(10 * 4e-6 + 5 * 20e-6)


def test_json_of_a_resumed_session_is_exact_on_top_of_the_process_before() -> None:
    first = read_run([json_result("s", MAIN, {"m": usage_entry(costBasis="list", costUSD=0.25)})])
    total = {"m": usage_entry(inputTokens=40, outputTokens=9, costBasis="list", costUSD=0.9)}
    second = read_run([json_result("s", MAIN, total)], earlier=first.sessions)
    assert second.final and second.usage.tokens_input == 30 and second.cost_usd == pytest.approx(0.65)


def test_a_total_smaller_than_the_one_before_did_not_come_after_it() -> None:
    later = read_run([json_result("s", MAIN, {"m": usage_entry(inputTokens=40, costBasis="list")})])
    first = read_run([json_result("s", MAIN, {"m": usage_entry(costBasis="list")})], earlier=later.sessions)
    assert first.usage.tokens_input == 10


def test_json_of_an_old_version_is_never_final() -> None:
    """It forgets replies it got by falling back to a plain request, and `json` hides them."""
    run = read_run([json.dumps(result(usage=MAIN, modelUsage={"m": usage_entry(costUSD=0.1)}))])
    assert not run.final and run.usage.tokens_input == 10


def test_json_may_be_pretty_printed() -> None:
    text = json.dumps(result(model_usage_since_last_result={"m": usage_entry()}), indent=2)
    assert read_run(text.encode()).usage.tokens_input == 10


def test_output_of_other_programs_between_the_lines_is_passed_over() -> None:
    """The console exporter of OpenTelemetry prints records like these into the same stream."""
    noise = ["{", "  resource: {", "    attributes: {", "  },", "}", "[1, 2]", "null", '"text"', "\x00\xff"]
    run = read_run([*noise, json.dumps(result(model_usage_since_last_result={"m": usage_entry()})), *noise])
    assert run.usage.tokens_input == 10 and run.success


@pytest.mark.parametrize(
    ("output", "form", "error"),
    [
        (b"", "empty", "no_output"),
        (b"\n \n", "empty", "no_output"),
        (b"A second text block closes the answer.\n", "text", None),
        (bytes(range(256)) * 50, "text", None),
        (b'{"type":"system","subtype":"init","session_id":"s"}\n{"type":"assis', "events", "no_result"),
    ],
)
def test_output_without_counts_has_unknown_counts(output: bytes, form: str, error: str | None) -> None:
    run = read_run(output)
    assert (run.format, run.error_type) == (form, error)
    assert run.usage.tokens_input is None and run.usage.tokens_output is None and run.cost_usd is None
    assert not run.counted and not run.final


def test_text_output_is_the_answer_and_the_exit_code_tells_the_rest() -> None:
    run = read_run(b"Done.\n")
    assert run.response == "Done.\n"
    assert run.succeeded(0) and run.succeeded(None) and not run.succeeded(1) and not run.succeeded(-9)


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"message": 5},
        {"message": {"id": 7}},
        {"usage": []},
        {"modelUsage": 3},
        {"modelUsage": {"m": []}},
        {"timestamp": 9},
        {"event": "x"},
        {"result": ["x"]},
    ],
)
@pytest.mark.parametrize(
    "kind", ["assistant", "user", "result", "system", "stream_event", "tool_progress", "new_type"]
)
def test_events_of_any_shape_are_read(kind: str, junk: dict[str, Any]) -> None:
    """The stream's types grow with every version; nothing in it may break the reader."""
    read_run([json.dumps({"type": kind, **junk})])


def test_a_line_of_ten_megabytes_is_read() -> None:
    long = {"type": "user", "message": {"content": "x" * 10_000_000}}
    assert read_run(lines(long, result(model_usage_since_last_result={"m": usage_entry()}))).final


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    """A hundred lines of a megabyte do not take a hundred megabytes."""
    import tracemalloc

    path = tmp_path / "stream.jsonl"
    with path.open("w") as file:
        for _ in range(100):
            file.write(json.dumps({"type": "user", "message": {"content": "x" * 1_000_000}}) + "\n")
        file.write(json.dumps(result(model_usage_since_last_result={"m": usage_entry()})))
    tracemalloc.start()
    run = read_run(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.final and peak < 20_000_000


def test_a_failed_run_says_what_failed() -> None:
    run = read_run(DATA / "err_401_short" / "stream.jsonl")
    assert (run.success, run.error_type, run.http_status) == (False, "authentication_error", 401)
    assert run.error_message == "Invalid API key · Fix external API key"
    assert run.usage.tokens_total == 0 and run.cost_usd == 0.0 and run.retries == 2 and run.final


def test_an_error_under_the_subtype_success_is_a_failure() -> None:
    assert read_run(DATA / "overloaded_529_forever" / "stream.jsonl").http_status == 529
    assert read_run(DATA / "v1.0.128__max_turns" / "stream.jsonl").success is False
    assert read_run(DATA / "max_turns" / "stream.jsonl").error_type == "error_max_turns"


def test_the_model_that_answered_is_told_when_it_is_not_the_one_asked_for() -> None:
    run = read_run(DATA / "reply_model_differs" / "stream.jsonl")
    assert run.models[0].model == "claude-sonnet-5-5"
    assert run.models[0].model_served == "claude-sonnet-4-5-20250929"


def test_times_are_those_of_the_stream() -> None:
    """The result comes 1.937 s after the start; the last line before it was printed at 13:15:55.383."""
    run = read_run(DATA / "tools" / "stream.jsonl")
    assert run.ended == pytest.approx(1795353355.383)
    assert run.started == pytest.approx(1795353355.383 - 1.937)
    assert run.duration_seconds == 1.937 and run.time_to_first_token == 0.247


def test_events_of_the_api_itself_are_counted_too() -> None:
    """What the original program looked for: a saved API stream, without the CLI around it."""
    events = [
        {"type": "message_start", "message": {"id": "m", "model": "claude-opus-5-5", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi "}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "there"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 42}},
    ]  # fmt: skip
    run = read_run(lines(*events))
    assert (run.usage.tokens_input, run.usage.tokens_output, run.response) == (9, 42, "Hi there")
    assert run.success and run.final
    assert not read_run(lines(*events[:2])).final


def test_a_transcript_is_not_output() -> None:
    """Claude Code's own files hold the same messages under other rules; they must not be counted here."""
    line = assistant("m1", input_tokens=7, output_tokens=88)
    del line["session_id"]
    run = read_run(lines({**line, "sessionId": "s", "parentUuid": None}))
    assert run.format == "transcript" and run.models == () and run.identity == ""
