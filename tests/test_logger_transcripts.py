"""Transcripts -> lines: each call once, whatever becomes of files, state and log, while they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logger.journal import Journal
from logger.pricing import price_of
from logger.record import CallRecord, from_line
from logger.transcript_file import LONGEST_ROW, TranscriptFile
from logger.transcript_folders import default_folders, told_apart
from logger.transcript_following import QUIET, Following
from logger.transcript_reading import projects
from logger.transcript_records import project_of
from logger.transcript_rows import plain_row
from logger.transcript_state import Remembered, Stamp, recall, remember, stamp_of
from logger.transcripts import Tally, TranscriptLog, import_transcripts

SESSION = "11111111-1111-1111-1111-111111111111"


def row(name: str | None = "msg_1", output: Any = 50, at: str = "10:00:00", **further: Any) -> dict[str, Any]:
    """A row of a reply as version 2.1 writes it."""
    usage = {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 100}
    usage |= {"cache_creation_input_tokens": 20, "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    usage |= further.pop("usage", {})
    told = {"model": "claude-opus-4-5", "id": name, "stop_reason": "end_turn", "usage": usage}
    told |= further.pop("message", {})
    return {
        "parentUuid": None,
        "isSidechain": False,
        "message": told,
        "requestId": f"req_{name}",
        "type": "assistant",
        "uuid": "fc99033f-404c-478f-b746-6f48a6e9fc1f",
        "timestamp": f"2026-11-22T{at}.000Z",
        "cwd": "/home/pi/code/site",
        "sessionId": SESSION,
        "version": "2.1.330",
    } | further


def user(at: str = "09:59:58", **further: Any) -> dict[str, Any]:
    uuid = "ac0e03a7-0c8d-40ff-bb99-1ee3d07c7dad"
    told = {"parentUuid": None, "type": "user", "message": {"role": "user", "content": "go"}}
    return told | further | {"uuid": uuid, "timestamp": f"2026-11-22T{at}.000Z", "sessionId": SESSION}


def text(*rows: dict[str, Any] | str) -> str:
    return "".join(
        one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) + "\n" for one in rows
    )


def write(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(*rows))
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of one working folder's transcripts."""
    return tmp_path / "projects" / "-home-pi-code-site"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def run(logs: Path, *files: Path, remembered: Remembered | None = None, **wishes: Any) -> Tally:
    journal = Journal(logs)
    log = TranscriptLog(journal, **wishes)
    tally = import_transcripts(files, log, remembered=remembered)
    journal.close()
    return tally


def lines(logs: Path) -> list[CallRecord]:
    return [from_line(line) for day in sorted(logs.glob("*.jsonl")) for line in day.read_bytes().splitlines()]


def one_line(logs: Path, *files: Path, **wishes: Any) -> CallRecord:
    run(logs, *files, **wishes)
    (line,) = lines(logs)
    return line


# One call


def test_blocks_of_a_reply_are_one_call_with_everything_it_tells(place: Path, logs: Path) -> None:
    asked = {"requestRef": "ref-1", "requestedModel": "claude-opus-4-5"}
    request = {"type": "api-request", "sessionId": SESSION, "id": "ref-1"}
    request |= {"timestamp": "2026-11-22T09:59:59.000Z"}
    blocks = [row(at=at, **asked, message={"model": "claude-x"}) for at in ("10:00:00", "10:00:02")]
    line = one_line(logs, write(place / f"{SESSION}.jsonl", user(), request, *blocks))
    assert (line.model, line.model_served, line.source) == ("claude-opus-4-5", "claude-x", "transcript")
    assert (line.tokens_input, line.tokens_output, line.tokens_total) == (10, 50, 180)
    assert (line.tokens_cache_write_5m, line.tokens_cache_write_1h) == (15, 5)
    assert (line.message_id, line.request_id, line.session_id) == ("msg_1", "req_msg_1", SESSION)
    assert (line.project, line.agent, line.success, line.tokens_final) == ("site", None, True, None)
    assert (line.started.timestamp(), line.start_time) == (1795341599.0, 1795341599.0)
    assert (line.end_time, line.duration_seconds) == (1795341602.0, 3.0)
    price = price_of(
        "claude-opus-4-5",
        tokens_input=10,
        tokens_output=50,
        tokens_cache_read=100,
        tokens_cache_write_5m=15,
        tokens_cache_write_1h=5,
    )
    assert line.estimated_cost_usd == pytest.approx(price)


def test_without_a_request_row_a_call_begins_at_the_row_before_and_its_duration_is_not_known(
    place: Path, logs: Path
) -> None:
    line = one_line(logs, write(place / "s.jsonl", user("09:59:58"), row(at="10:00:00")))
    assert line.started.timestamp() == 1795341598.0
    assert (line.start_time, line.end_time, line.duration_seconds) == (None, None, None)


def test_the_row_with_the_largest_output_counts_whole(place: Path, logs: Path) -> None:
    placeholder = row(output=1, at="10:00:00", message={"stop_reason": None})
    line = one_line(
        logs, write(place / "s.jsonl", placeholder, user("10:00:01"), row(output=88, at="10:00:02"))
    )
    assert (line.tokens_output, line.tokens_final, line.stop_reason) == (88, None, "end_turn")


def test_a_placeholder_is_a_lower_bound(place: Path, logs: Path) -> None:
    line = one_line(logs, write(place / "s.jsonl", row(output=1, message={"stop_reason": None})))
    assert (line.tokens_output, line.tokens_final) == (1, False)


def test_a_message_of_claude_code_itself_is_no_call(place: Path, logs: Path) -> None:
    run(logs, write(place / "s.jsonl", row("x", message={"model": "<synthetic>"}), row("x")))
    assert [line.model for line in lines(logs)] == ["claude-opus-4-5"]


def test_an_unknown_model_has_no_price_and_is_counted(place: Path, logs: Path) -> None:
    tally = run(logs, write(place / "s.jsonl", row(message={"model": "claude-unheard-of"})))
    assert (lines(logs)[0].estimated_cost_usd, tally.unpriced) == (None, 1)


def test_a_refused_request_that_another_model_answered_is_billed_part_by_part(
    place: Path, logs: Path
) -> None:
    parts = [
        {"type": "message", "model": "claude-opus-4-5", "input_tokens": 10, "output_tokens": 2},
        {"type": "fallback_message", "model": "claude-haiku-4-5", "input_tokens": 11, "output_tokens": 50},
    ]
    line = one_line(logs, write(place / "s.jsonl", row(usage={"iterations": parts})))
    price = price_of("claude-opus-4-5", tokens_input=10, tokens_output=2) or 0
    price += price_of("claude-haiku-4-5", tokens_input=11, tokens_output=50) or 0
    assert (line.tokens_input, line.tokens_output) == (21, 52)
    assert line.estimated_cost_usd == pytest.approx(price)


def test_rows_without_a_message_id_are_calls_of_their_own_and_the_same_when_read_again(
    place: Path, logs: Path
) -> None:
    file = write(place / "s.jsonl", row(None, at="10:00:00"), row(None, at="10:00:01"))
    assert (run(logs, file).written, run(logs, file).known) == (2, 2)
    assert [line.message_id for line in lines(logs)] == [None, None]


# Many files


def test_a_fork_copies_calls_and_they_stay_the_first_sessions(place: Path, logs: Path) -> None:
    copy = row() | {"sessionId": "fork", "requestSessionId": SESSION}
    line = one_line(logs, write(place / "a-fork.jsonl", copy), write(place / f"{SESSION}.jsonl", row()))
    assert line.session_id == SESSION


def test_a_subagents_call_names_it_and_one_that_stands_in_the_main_thread_too_is_the_main_threads(
    place: Path, logs: Path
) -> None:
    aside = {"isSidechain": True, "agentId": "a1", "attributionAgent": "Explore"}
    write(place / "s/subagents/agent-a1.jsonl", row("msg_1", **aside), row("msg_2", **aside))
    run(logs, write(place / "s.jsonl", row("msg_1", at="10:00:05")), *place.rglob("agent-*.jsonl"))
    assert {line.message_id: line.agent for line in lines(logs)} == {"msg_1": None, "msg_2": "Explore"}


def test_the_same_call_in_two_projects_is_one_line(tmp_path: Path, logs: Path) -> None:
    files = [write(tmp_path / "projects" / name / "s.jsonl", row()) for name in ("a", "b")]
    tally = run(logs, *files)
    assert (tally.written, tally.known, len(lines(logs))) == (1, 1, 1)


def test_several_processes_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logger.transcript_reading.WORTH_PROCESSES", 0)
    names = [f"projects/{one % 3}/{one}.jsonl" for one in range(9)]
    files = [write(tmp_path / name, row(f"msg_{at}"), row(f"own_{at}")) for at, name in enumerate(names)]
    files.append(tmp_path / "projects/0/gone.jsonl")
    alone, together = (list(projects(files, plain_row, processes=count)) for count in (1, 2))
    assert together == alone and sum(len(one.replies) for one in alone) == 18


# Bad input


OUTSIDE = "has a time outside the years 1970 to 2199"


def at_time(timestamp: str) -> dict[str, Any]:
    return row("x") | {"timestamp": timestamp}


BAD = {
    "not json": ('{"usage"\n', "is not JSON"),
    "NULs": ("\0\0\0\0\n", "is not JSON"),
    "no time": (text(row("x") | {"timestamp": None}), "has no time"),
    "a time that is none": (text(row("x") | {"timestamp": "yesterday"}), "has no time"),
    "a time at the end of time": (text(at_time("9999-12-31T23:59:59Z")), OUTSIDE),
    "a time at its beginning": (text(at_time("0001-01-01T00:00:00+14:00")), OUTSIDE),
    "a time that is another year elsewhere": (text(at_time("2199-12-31T23:00:00Z")), OUTSIDE),
    "a usage that is none": (text(row("x") | {"message": {"id": "x", "usage": 5}}), "has no usage"),
    "cut": ('{"type":"assistant","mess\n', "is not JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_left_out_and_told_with_its_line(place: Path, logs: Path, kind: str) -> None:
    bad, reason = BAD[kind]
    tally = run(logs, write(place / "s.jsonl", row("msg_1"), bad, row("msg_2")))
    (told,) = tally.bad_rows
    assert (len(lines(logs)), told.count, told.first[0].line, told.first[0].reason) == (2, 1, 2, reason)


@pytest.mark.parametrize(
    "odd",
    [
        row("x", usage={"input_tokens": "many", "output_tokens": -1, "cache_creation": []}),
        row("x", usage={"service_tier": 7, "speed": [], "iterations": 3}),
        row("x") | {"cwd": 5, "requestId": ["r"], "version": {}, "isSidechain": "yes"},
        {"type": "of tomorrow", "usage": {"input_tokens": 1}},
        {"type": "user", "toolUseResult": {"usage": {"input_tokens": 5}}, "timestamp": 5},
    ],
)
def test_values_of_a_wrong_type_are_unknown_and_no_row_stops_the_others(
    place: Path, logs: Path, odd: dict[str, Any]
) -> None:
    run(logs, write(place / "s.jsonl", odd, row("msg_2")))
    assert "msg_2" in [line.message_id for line in lines(logs)]


def test_bytes_that_are_no_utf_8_cost_no_row(place: Path, logs: Path) -> None:
    file = write(place / "s.jsonl", user(), row("msg_1", agentName="Bob"))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"Bob", b"B\xffb").replace(b"go", b"\xff"))
    tally = run(logs, file)
    assert ([line.agent for line in lines(logs)], tally.bad_rows) == (["B\ufffdb"], [])


def test_a_last_row_without_a_newline_counts_if_it_is_whole(place: Path, logs: Path) -> None:
    whole = write(place / "whole.jsonl", text(row("msg_1")).rstrip())
    cut = write(place / "cut.jsonl", text(row("msg_2")).rstrip()[:-40])
    tally = run(logs, whole, cut)
    assert [line.message_id for line in lines(logs)] == ["msg_1"]
    assert [told.path for told in tally.bad_rows] == [cut]


def test_rows_longer_than_the_buffer_are_read_and_endless_ones_passed_over(
    place: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.transcript_file.BLOCK", 256)
    monkeypatch.setattr("logger.transcript_file.LONGEST_ROW", 4096)
    long, endless = user() | {"content": "x" * 3_000}, user() | {"content": "x" * 20_000}
    tally = run(
        logs, write(place / "s.jsonl", row("msg_1"), long, endless, row("msg_2"), endless, row("msg_3"))
    )
    assert sorted(line.message_id or "" for line in lines(logs)) == ["msg_1", "msg_2", "msg_3"]
    assert (tally.bad_rows[0].count, LONGEST_ROW > 4096) == (2, True)


def test_a_file_that_cannot_be_read_is_a_sentence(place: Path, logs: Path) -> None:
    (place / "s.jsonl").mkdir(parents=True)
    (problem,) = run(logs, place / "s.jsonl").problems
    assert problem.reason == "cannot be read: Is a directory"


def test_a_file_that_could_not_be_read_is_tried_again(
    place: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged since: what could not be read is never held for imported."""
    file, remembered = write(place / "s.jsonl", row()), Remembered()
    with monkeypatch.context() as broken:
        broken.setattr(TranscriptFile, "read", failing)
        assert len(run(logs, file, remembered=remembered).problems) == 1
    assert run(logs, file, remembered=remembered).written == 1


def failing(*_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied")


# Again


def test_importing_again_adds_nothing_and_reads_only_what_changed(place: Path, logs: Path) -> None:
    remembered = Remembered()
    files = [write(place / f"{name}.jsonl", row(f"msg_{name}")) for name in "ab"]
    run(logs, *files, remembered=remembered)
    write(files[0], row("msg_a"), row("msg_c"))
    tally = run(logs, *files, remembered=remembered)
    assert (tally.written, tally.known, tally.files, tally.unchanged) == (1, 1, 1, 1)


def test_without_the_state_nothing_is_doubled(place: Path, logs: Path) -> None:
    file = write(place / "s.jsonl", row())
    assert [run(logs, file).written for _ in range(3)] == [1, 0, 0]


def test_a_larger_count_is_written_again_under_the_same_id(place: Path, logs: Path) -> None:
    run(logs, write(place / "s.jsonl", row(output=1, message={"stop_reason": None})))
    run(logs, write(place / "s.jsonl", row(output=70)))
    first, second = lines(logs)
    assert (first.call_id, first.tokens_output, second.tokens_output) == (second.call_id, 1, 70)


def test_a_death_in_the_middle_loses_and_doubles_nothing(place: Path, logs: Path) -> None:
    """The process dies after some lines: the state does not know the file, the log knows its lines."""
    file = write(place / "s.jsonl", *(row(f"msg_{at}") for at in range(5)))
    run(logs, file)
    (day,) = logs.glob("*.jsonl")
    day.write_bytes(b"".join(day.read_bytes().splitlines(keepends=True)[:2]) + b'{"timestamp":"2026')
    run(logs, file)
    told = [line for line in day.read_bytes().splitlines() if line.endswith(b"}")]
    assert sorted(from_line(line).message_id or "" for line in told) == [f"msg_{at}" for at in range(5)]


def test_the_state_holds_for_its_log_and_only_while_the_log_is_whole(tmp_path: Path, place: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "cache/state.json"
    remembered = Remembered()
    tally = run(logs, write(place / "s.jsonl", row()), remembered=remembered)
    remember(state, logs, remembered, {(tally.first or "")[:10]})
    assert recall(state, logs) == remembered and remembered.files
    assert recall(state, tmp_path / "others") == Remembered()
    (day,) = logs.glob("*.jsonl")
    day.unlink()
    assert recall(state, logs) == Remembered()
    state.write_text('{"format":1,"log_dir":7}')
    assert recall(state, logs) == Remembered()


def test_what_claude_code_counted_more_is_told_of_sessions_that_are_no_forks(place: Path, logs: Path) -> None:
    used = {
        "inputTokens": 1010,
        "outputTokens": 50,
        "cacheReadInputTokens": 100,
        "cacheCreationInputTokens": 20,
    }
    own = {"type": "cost-state", "sessionId": SESSION, "totalCostUSD": 1.5, "modelUsage": {"m": used}}
    file = write(place / f"{SESSION}.jsonl", row(), {**own, "totalCostUSD": 9.0}, own)
    copy = row() | {"sessionId": "fork", "requestSessionId": SESSION}
    fork = write(place / "fork.jsonl", copy, {**own, "sessionId": "fork"})
    remembered = Remembered()
    beyond = run(logs, file, fork, remembered=remembered).beyond
    assert (beyond.sessions, beyond.tokens) == (1, 1000)
    assert beyond.usd == pytest.approx(1.5 - (lines(logs)[0].estimated_cost_usd or 0))
    assert run(logs, file, fork, remembered=remembered).beyond == beyond


# Following


class Watch:
    """A follower of one folder, with a clock of its own."""

    def __init__(self, place: Path, logs: Path) -> None:
        self.journal = Journal(logs)
        self.log = TranscriptLog(self.journal)
        self.known: dict[str, Stamp] = {}
        self.following = Following([place], self.log, self.known)
        self.now = 0.0

    def look(self, later: float = 0.0) -> int:
        self.now += later
        return self.following.look(self.now)


def test_a_call_is_written_when_the_next_begins_or_after_a_quiet_moment(place: Path, logs: Path) -> None:
    watch = Watch(place, logs)
    assert watch.look() == 0
    file = write(place / "s.jsonl", row("msg_1"))
    assert (watch.look(), watch.following.waiting) == (0, True)
    with file.open("a") as more:
        more.write(text(row("msg_1", at="10:00:09"), row("msg_2")))
    assert watch.look() == 1
    assert (watch.look(QUIET / 2), watch.look(QUIET), watch.look(9)) == (0, 1, 0)
    assert [line.message_id for line in lines(logs)] == ["msg_1", "msg_2"]


def test_a_half_written_row_waits_for_its_rest(place: Path, logs: Path) -> None:
    watch, whole = Watch(place, logs), text(row())
    file = write(place / "s.jsonl", whole[:100])
    assert (watch.look(), watch.look(9)) == (0, 0)
    with file.open("a") as more:
        more.write(whole[100:])
    assert (watch.look(), watch.look(QUIET), watch.log.tally.bad_rows) == (0, 1, [])


def test_new_folders_appear_and_shorter_and_replaced_files_are_read_anew(place: Path, logs: Path) -> None:
    watch = Watch(place, logs)
    file = write(place / "s/subagents/agent-1.jsonl", row("msg_1"), row("msg_2"))
    assert watch.look() + watch.look(QUIET) == 2
    write(file, row("msg_3"))
    assert watch.look() + watch.look(QUIET) == 1
    write(place / "other.jsonl", row("msg_3"), row("msg_4"), row("msg_5")).replace(file)
    assert watch.look() + watch.look(QUIET) == 2


def test_what_is_held_is_written_at_the_end(place: Path, logs: Path) -> None:
    watch = Watch(place, logs)
    write(place / "s.jsonl", row())
    watch.look()
    watch.following.rest()
    assert len(lines(logs)) == 1


def test_a_followed_file_is_known_once_all_its_calls_are_in_the_log(place: Path, logs: Path) -> None:
    watch = Watch(place, logs)
    file = write(place / "s.jsonl", row("msg_1"), row("msg_2"))
    assert (watch.look(), watch.known) == (1, {})  # the second call is held
    assert (watch.look(QUIET), list(watch.known)) == (1, [str(file)])
    with file.open("a") as more:
        more.write('{"type":"half')
    assert (watch.look(QUIET), watch.known[str(file)] == stamp_of(file)) == (0, False)


def test_what_could_not_be_written_while_following_is_imported_later(place: Path, logs: Path) -> None:
    """As on a full disk: the day's file cannot be written for a while."""
    watch, in_the_way = Watch(place, logs), logs / "api-calls-2026-11-22.jsonl"
    in_the_way.mkdir(parents=True)
    file = write(place / "s.jsonl", row("msg_1"), row("msg_2"))
    assert (watch.look(), watch.log.stopped) == (0, True)
    watch.following.rest()
    assert watch.known == {}
    in_the_way.rmdir()
    assert run(logs, file, remembered=Remembered(watch.known)).written == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_look_leaves_no_call_behind(
    place: Path, logs: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """A file was read and its calls were not written yet."""
    watch = Watch(place, logs)
    file = write(place / "s.jsonl", row("msg_1"), row("msg_2"))
    with monkeypatch.context() as broken:
        broken.setattr(watch.log, "take", raising(error))
        with pytest.raises(error):
            watch.look()
    assert watch.known == {}
    watch.following.rest()
    assert ([line.message_id for line in lines(logs)], list(watch.known)) == (["msg_1", "msg_2"], [str(file)])


def raising(error: type[BaseException]) -> Callable[..., None]:
    def take(_: object) -> None:
        raise error

    return take


def test_other_files_are_left_alone(place: Path, logs: Path) -> None:
    watch = Watch(place, logs)
    write(place / "run.jsonl", {"type": "system", "subtype": "init", "session_id": "x"})
    write(place / "notes.md", "no transcript")
    assert (watch.look(), watch.look(9), watch.log.tally.bad_rows) == (0, 0, [])


# Folders


def test_claude_codes_folders_are_found(tmp_path: Path) -> None:
    (tmp_path / ".claude/projects").mkdir(parents=True)
    (tmp_path / "b/projects").mkdir(parents=True)
    assert default_folders({}, tmp_path) == [tmp_path / ".claude/projects"]
    both = {"CLAUDE_CONFIG_DIR": f"~/b, {tmp_path}/.claude,{tmp_path}/nowhere"}
    assert default_folders(both, tmp_path) == [tmp_path / "b/projects", tmp_path / ".claude/projects"]
    assert default_folders({}, tmp_path / "nobody") == []


def test_transcripts_and_output_of_the_cli_are_told_apart_by_content(place: Path) -> None:
    ours = write(place / "s.jsonl", {"type": "summary", "leafUuid": "x"}, row())
    output = write(place / "run.jsonl", {"type": "system", "subtype": "init", "session_id": "x"})
    write(place / "memory/notes.md", "beside transcripts, and none")
    found = told_apart([place])
    assert (found.transcripts, found.others) == ((ours,), (output,))


@pytest.mark.parametrize(
    ("cwd", "name"), [("/home/pi/code/site", "site"), ("C:\\work\\site", "site"), ("/", None), (None, None)]
)
def test_a_project_is_named_after_the_working_folder(cwd: str | None, name: str | None) -> None:
    assert project_of(cwd) == name


def test_a_project_that_is_given_goes_before(place: Path, logs: Path) -> None:
    assert one_line(logs, write(place / "s.jsonl", row()), project="mine").project == "mine"


def test_a_file_is_read_on_from_where_it_was_left(place: Path) -> None:
    file = write(place / "s.jsonl", row("msg_1"))
    reader = TranscriptFile(file)
    assert list(reader.read(whole=False).replies) == ["msg_1"]
    with file.open("a") as more:
        more.write(text(row("msg_2")))
    assert list(reader.read(whole=False).replies) == ["msg_2"]
    assert reader.offset == file.stat().st_size
