"""The REST addresses over a real socket: what they answer, what they refuse, what they write."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import docs_tables
import pandas as pd
import pytest
import requests
from starlette.testclient import TestClient

from dashboard import report
from dashboard.errors import FolderError
from dashboard.metrics import Totals
from dashboard.money.alerts import Alert, Changes, Condition
from dashboard.money.budgets import Budget, Standing
from dashboard.money.credit import Balance, Drift
from dashboard.money.forecast import HORIZON_DAYS, Pace, RunOut
from dashboard.money.ledger import Reading
from dashboard.money.open_alerts import OpenAlerts
from dashboard.money.position import Position
from dashboard.money.spending import Spent
from dashboard.store.base import Health, Problem
from dashboard.store.files import FileStore
from dashboard.web import openapi
from dashboard.web import usage_answers as answers
from dashboard.web.app import create_app
from dashboard.web.json_bodies import MOST_BYTES
from dashboard.web.usage import Service, application
from dashboard.web.usage_examples import EXAMPLES
from dashboard.web.usage_gaps import NONE, Gaps, gaps
from dashboard.web.usage_models import CallBody, CallDetails, Measures, NoBody, RecentQuery
from logger import ClaudeAPILogger
from logger.record import FIELD_NAMES
from logger.rest_log import RestLog
from tests import usage_server
from tests.usage_server import JSON, TOKEN, Server, Unread, serving

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Twelve days of demo calls and a large one just now, only read by tests."""
    place = tmp_path_factory.mktemp("demo")
    settings = usage_server.settings_in(place)
    usage_server.demo_calls(settings)
    log = ClaudeAPILogger(settings.log_dir)
    log.end_call(log.start_call("large", "w-1", "claude-haiku-4-5"), tokens_input=1_200_000)
    with serving(place) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A folder without calls."""
    with serving(tmp_path) as one:
        yield one


def until(met: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while not (found := met()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def lines(server: Server) -> list[dict[str, Any]]:
    files = sorted(server.settings.log_dir.glob("*.jsonl"))
    return [json.loads(text) for file in files for text in file.read_text("utf-8").splitlines()]


def reported(server: Server, *words: str) -> dict[str, Any]:
    """What `callmeter report --json` prints of the same folder."""
    return printed(server, "report", *words)


def printed(server: Server, *words: str) -> dict[str, Any]:
    """What a command prints of the same folder as JSON."""
    place = server.settings.log_dir.parent.parent
    command = [sys.executable, "-m", "dashboard.commands", *words, "--json"]
    done = subprocess.run(
        [*command, "--log-dir", str(server.settings.log_dir), "--timezone", "UTC"],
        cwd=ROOT,
        env=usage_server.environ_of(place),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# The notes' examples


def test_the_curl_examples_of_the_notes(demo: Server) -> None:
    update = """
# Update remaining balance when you check Anthropic Console
curl -X POST http://localhost:8000/usage/update_budget \\
  -H "Content-Type: application/json" \\
  -d '{"remaining_budget": 15.50}'
"""
    check = "curl http://localhost:8000/usage"
    assert run_shell(update, demo, "8000")["remaining_budget"] == 15.5
    told = run_shell(check, demo, "8000")
    assert (told["remaining_budget"], told["health"]) == (15.5, "ok")


def test_the_requests_example_of_the_notes(demo: Server, capsys: pytest.CaptureFixture[str]) -> None:
    program = """
import requests

response = requests.get("http://localhost:8000/usage")
budget = response.json()

if budget["days_remaining"] < 1:
    print("⚠️ Critical: Less than 1 day of budget remaining")
    # Scale back or pause non-essential tasks
"""
    demo.post("/usage/update_budget", {"remaining_budget": 0.01})
    exec(program.replace("8000", str(demo.settings.port)), {})
    assert "Less than 1 day" in capsys.readouterr().out
    demo.post("/usage/update_budget", {"remaining_budget": 500})
    exec(program.replace("8000", str(demo.settings.port)), {})
    assert capsys.readouterr().out == ""


def run_shell(text: str, server: Server, port: str) -> Any:
    """What the last command of a shell block prints, as JSON where it is."""
    said = text.replace(f"localhost:{port}", f"localhost:{server.settings.port}")
    done = subprocess.run(["sh", "-euc", said], capture_output=True, text=True, check=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout


def test_the_examples_of_the_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = docs_tables.between((ROOT / "README.md").read_text("utf-8"), "http")
    assert section, "the README has no <!-- http --> section"
    usage_server.demo_calls(usage_server.settings_in(tmp_path))
    with serving(tmp_path) as server:
        for block in docs_tables.shell_blocks(section):
            for command in re.split(r"\n(?=curl)", block.strip()):
                assert run_shell(command, server, "8050"), command
        for program in re.findall(r"```py\n(.*?)```", section, re.DOTALL):
            exec(program.replace("8050", str(server.settings.port)), {})
        assert any(line["source"] == "rest" for line in lines(server))


# What they answer


def test_the_summary_is_what_report_prints(demo: Server) -> None:
    told = demo.get("/usage/summary").json()
    for name, words in (("today", []), ("7d", ["--week"]), ("30d", ["--month"])):
        by_model = reported(demo, *words)
        assert told[name]["totals"] == by_model["totals"]
        assert told[name]["completeness"] == by_model["completeness"]
        assert told[name]["models"] == by_model["groups"]
        assert told[name]["projects"] == reported(demo, *words, "--by", "project")["groups"]


def test_spending_is_what_report_prints(demo: Server) -> None:
    spent = demo.get("/usage").json()["spent"]
    for name, words in (("today", []), ("7d", ["--week"]), ("30d", ["--month"])):
        totals = reported(demo, *words)["totals"]
        assert spent[name]["calls"] == totals["calls"]
        assert spent[name]["tokens_total"] == totals["tokens_total"]
        assert spent[name]["estimated_cost_usd"] == pytest.approx(totals["estimated_cost_usd"])
    assert spent["30d"]["cost_is_lower_bound"], "the demo has calls without a price"


@pytest.fixture
def told_twice(tmp_path: Path) -> Iterator[Server]:
    """On two days a CLI run of 10 calls for $0.55, and 8 of its calls by telemetry and by transcript."""
    folder = usage_server.settings_in(tmp_path).log_dir
    folder.mkdir(parents=True)
    for days in (0, 3):
        begun = datetime.now(UTC) - timedelta(days=days, minutes=30)
        write_run(folder, begun, f"s{days}")
    with serving(tmp_path) as server:
        yield server


def write_run(folder: Path, begun: datetime, session: str) -> None:
    seen = {"model": "claude-sonnet-4-5", "success": True, "session_id": session}
    span = {"start_time": begun.timestamp(), "end_time": begun.timestamp() + 1500}
    run = {"timestamp": begun.isoformat(), "source": "cli", "calls": 10, "tokens_output": 3500, **span}
    found: list[dict[str, Any]] = [{**seen, **run, "tokens_input": 120, "estimated_cost_usd": 0.55}]
    for number in range(8):
        at = (begun + timedelta(minutes=3 * number)).isoformat()
        call = {**seen, "timestamp": at, "request_id": f"{session}-{number}", "tokens_output": 100}
        call |= {"tokens_input": 10, "estimated_cost_usd": 0.04}
        found += [{**call, "source": "otel"}, {**call, "source": "transcript"}]
    for line in found:
        with (folder / f"api-calls-{line['timestamp'][:10]}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def test_calls_told_of_by_several_count_once_as_in_the_terminal(told_twice: Server) -> None:
    told = told_twice.get("/usage/summary").json()
    assert told["7d"]["totals"]["calls"] == 20
    assert told["7d"]["totals"]["estimated_cost_usd"] == pytest.approx(1.10)
    for name, words in (("today", []), ("7d", ["--week"]), ("30d", ["--month"])):
        by_model = reported(told_twice, *words)
        assert (told[name]["totals"], told[name]["models"]) == (by_model["totals"], by_model["groups"])


def test_the_balance_is_what_the_terminal_prints(told_twice: Server) -> None:
    """$100 four days ago, the two runs of $0.55 since."""
    told_twice.desk.ledger.read(datetime.now(UTC) - timedelta(days=4), 100)
    told, shown = told_twice.get("/usage").json(), printed(told_twice, "balance")
    assert told["remaining_budget"] == shown["left_usd"] == pytest.approx(98.90)
    assert (told["at_most"], told["health"]) == (shown["at_most"], shown["status"])


def test_a_day_that_cannot_be_read_is_said_in_every_answer(tmp_path: Path) -> None:
    folder = usage_server.settings_in(tmp_path).log_dir
    folder.mkdir(parents=True)
    (folder / f"api-calls-{datetime.now(UTC).date()}.jsonl").mkdir()
    with serving(tmp_path) as server:
        for told in (server.get("/usage").json(), server.get("/usage/summary").json()):
            assert not told["complete"]
            assert any(".jsonl: " in said for said in told["problems"])
        assert not server.get("/usage/recent").json()["complete"]
        assert not server.post("/usage/alert", {}).json()["complete"]
        assert "callmeter_log_unreadable_days 1.0" in server.get("/metrics").text


def test_recent_calls_come_newest_first_as_report_details_them(demo: Server) -> None:
    every = reported(demo, "--month", "--detail")["details"]
    assert demo.get("/usage/recent?limit=5").json()["calls"] == every[::-1][:5]
    assert demo.get("/usage/recent?limit=1000").json()["calls"] == every[::-1]
    assert len(demo.get("/usage/recent").json()["calls"]) == 20


def test_recent_calls_have_no_content(server: Server) -> None:
    call = {"timestamp": "2026-11-20T10:00:00+00:00", "model": "m", "success": True, "prompt": "secret"}
    server.settings.log_dir.mkdir(parents=True)
    (server.settings.log_dir / "api-calls-2026-11-20.jsonl").write_text(json.dumps(call) + "\n")
    until(lambda: server.store.health().lines)
    answer = server.get("/usage/recent")
    assert len(answer.json()["calls"]) == 1
    assert "secret" not in answer.text


TODAY = date(2026, 11, 22)
LOADING = Health(days_loaded=3, days_total=40)
UNREADABLE = Health(days_loaded=1, days_total=1, problems=(Problem("api-calls-2026-11-20.jsonl", 0, "no"),))


def test_numbers_that_are_not_complete_yet_say_so() -> None:
    said = "Older days are still being read: 3 of 40 days; the numbers are not complete yet."
    assert gaps(LOADING, TODAY) == Gaps(loading=True, complete=False, reasons=(said,))
    assert gaps(Health(days_loaded=40, days_total=40), TODAY) == NONE


def test_a_folder_that_was_not_looked_into_yet_is_still_being_read() -> None:
    assert gaps(Health(), TODAY).loading
    assert answers.health(Health(), "1", False).status == "loading"


def test_a_day_that_cannot_be_read_is_lacking_for_months() -> None:
    found = gaps(UNREADABLE, TODAY)
    assert (found.loading, found.complete) == (False, False)
    assert found.reasons[0].startswith("api-calls-2026-11-20.jsonl: no")
    assert gaps(UNREADABLE, date(2027, 11, 22)) == NONE


def test_a_folder_that_is_not_there_yet_lacks_nothing() -> None:
    found = Health(folder_problem="logs/api does not exist yet")
    assert gaps(found, TODAY, missing=True).complete
    assert not gaps(found, TODAY).complete


def test_without_calls_there_is_nothing_and_no_failure(server: Server) -> None:
    told = server.get("/usage").json()
    assert told["complete"]
    assert (told["remaining_budget"], told["days_remaining"], told["health"]) == (None, None, "unknown")
    assert told["spent"]["30d"]["calls"] == 0
    assert "does not exist yet" in told["problems"][0]
    assert server.get("/usage/recent").json() == {"complete": True, "calls": []}
    assert server.get("/healthz").json()["status"] == "waiting for the first call"


def test_budgets_stand_as_set(demo: Server) -> None:
    first, second = demo.get("/usage").json()["budgets"]
    assert (first["name"], first["period"], first["limit"]) == ("Daily spending", "day", 10)
    assert first["share"] == pytest.approx(first["current"] / 10, abs=1e-5)
    assert (second["measure"], second["status"]) == ("tokens", "exceeded")


def test_a_reading_says_how_far_the_count_was_off(server: Server) -> None:
    first = server.post("/usage/update_budget", {"remaining_budget": 15.5}).json()
    assert (first["remaining_budget"], first["expected_usd"], first["drift_usd"]) == (15.5, None, None)
    second = server.post("/usage/update_budget", {"remaining_budget": 14, "note": "Console"}).json()
    assert (second["expected_usd"], second["drift_usd"]) == (15.5, 1.5)
    assert second["sentence"] == (
        "By our count it was $15.50: $1.50 more was spent than was logged ($0); "
        "the burn rate stays as it was."
    )
    assert (second["complete"], second["at_most"]) == (True, False)
    assert [entry.id for entry in server.desk.ledger.entries()] == [first["id"], second["id"]]
    assert server.get("/usage").json()["remaining_budget"] == 14


def test_a_reading_that_shows_added_credit_says_so(server: Server) -> None:
    """Nothing was left, and the Console shows $260: nobody spent less than nothing."""
    server.post("/usage/update_budget", {"remaining_budget": 0})
    told = server.post("/usage/update_budget", {"remaining_budget": 260}).json()
    assert told["sentence"] == (
        "By our count it was $0: $260.00 less. Credit was added that is not entered, it seems."
    )


def test_an_alert_is_announced_once(demo: Server) -> None:
    first = demo.post("/usage/alert", headers=JSON).json()
    assert [one["rule"] for one in first["open"]] == ["budget:Weekly tokens"]
    assert first["announced"] == first["open"]
    again = demo.post("/usage/alert", {}).json()
    assert again["announced"] == []
    for opened in (again["open"], demo.get("/usage").json()["alerts"]):
        assert [(one["id"], one["raised"]) for one in opened] == [
            (one["id"], one["raised"]) for one in first["open"]
        ]


def test_an_open_alert_is_told_with_the_numbers_of_now(server: Server, tmp_path: Path) -> None:
    """$3.01 of $3 when it was raised, $400 more since."""
    (tmp_path / "callmeter.toml").write_text('[[budget]]\nname = "Day"\nperiod = "day"\nlimit = 3\n')
    server.post("/usage/record", {"model": "claude-haiku-4-5", "estimated_cost_usd": 3.01})
    until(lambda: server.post("/usage/alert", {}).json()["open"])
    server.post("/usage/record", {"model": "claude-haiku-4-5", "estimated_cost_usd": 400})
    until(lambda: server.get("/usage").json()["spent"]["today"]["calls"] == 2)
    for opened in (server.get("/usage").json()["alerts"], server.post("/usage/alert", {}).json()["open"]):
        assert "$403.01 of $3.00" in opened[0]["sentence"]


def test_alerts_that_cannot_be_read_cost_the_rest_nothing(server: Server, tmp_path: Path) -> None:
    """The file of the alerts is a folder."""
    server.desk.ledger.read(datetime.now(UTC), 15.5)
    server.desk.alerts._file.path.mkdir(parents=True)
    answer = server.get("/usage")
    told = answer.json()
    assert (answer.status_code, told["remaining_budget"], told["alerts"]) == (200, 15.5, [])
    assert any("alerts.jsonl" in said for said in told["problems"])
    metrics = server.get("/metrics").text
    assert "callmeter_credit_balance_usd 15.5" in metrics and "callmeter_open_alerts" not in metrics


# A call that is told


def test_a_call_is_one_line_and_soon_on_the_page(server: Server) -> None:
    told = {"model": "claude-haiku-4-5", "tokens_input": 1200, "tokens_output": 300, "task_id": "gh-456"}
    answer = server.post("/usage/record", {**told, "duration_seconds": 2, "settings": {"a": [1]}}).json()
    (line,) = lines(server)
    assert list(line)[:20] == list(FIELD_NAMES[:20])
    assert {name: line[name] for name in told} == told
    assert (line["source"], line["success"], line["settings"]) == ("rest", True, {"a": [1]})
    assert (line["tokens_total"], line["tokens_per_second"]) == (1500, 150)
    assert line["estimated_cost_usd"] == answer["estimated_cost_usd"] == pytest.approx(0.0027)
    assert line["call_id"] == answer["call_id"]
    assert line["end_time"] - line["start_time"] == pytest.approx(2)
    until(lambda: server.store.health().lines == 1)
    assert server.get("/usage").json()["spent"]["today"]["estimated_cost_usd"] == pytest.approx(0.0027)


def test_a_call_of_the_past_has_its_own_day_and_the_price_of_then(server: Server) -> None:
    call = {"model": "claude-haiku-4-5", "tokens_input": 1, "tokens_output": 1}
    answer = server.post("/usage/record", {**call, "timestamp": "2026-02-03T23:59:00+00:00"}).json()
    moment = datetime.fromisoformat(answer["timestamp"])
    assert moment == datetime(2026, 2, 3, 23, 59, tzinfo=UTC)
    (file,) = server.settings.log_dir.glob("*.jsonl")
    assert file.name == f"api-calls-{moment.date()}.jsonl"


@pytest.mark.parametrize(
    "written",
    [
        "2026-02-03T10:00:00Z",
        "2026-02-03 10:00",
        "2026-02-03T10:00:00.123456789-05:30",
        "2024-02-29T00:00:00+14:00",
        "2020-01-01T00:00:00+23:59",
    ],
)
def test_a_time_of_the_past_is_taken_as_written(server: Server, written: str) -> None:
    answer = server.post("/usage/record", {"model": "m", "timestamp": written}).json()
    assert datetime.fromisoformat(answer["timestamp"]) == datetime.fromisoformat(written).astimezone(UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2019-12-31T23:59:59Z",
        "2026-02-29T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-02-03",
        "2026-02-03T24:00:00Z",
        "2026-02-03T10:00:60Z",
        "2026-02-03T10:00:00Z\n",
        "20260203T100000Z",
        "yesterday",
        1770112800,
    ],
)
def test_what_is_no_time_gets_a_sentence(server: Server, written: Any) -> None:
    answer = server.post("/usage/record", {"model": "m", "timestamp": written})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(
        "timestamp must be a time since 2020 such as 2026-11-22T14:30:00+01:00, not "
    )
    assert lines(server) == []


def test_a_call_of_the_future_is_refused(server: Server) -> None:
    """As it is written it is fine: what it is at odds with is the clock."""
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    answer = server.post("/usage/record", {"model": "m", "timestamp": ahead})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("timestamp lies ahead of this machine's clock, which shows ")
    assert lines(server) == []
    soon = (datetime.now(UTC) + timedelta(minutes=3)).isoformat()
    assert server.post("/usage/record", {"model": "m", "timestamp": soon}).status_code == 200


def test_settings_hold_no_number_that_the_line_cannot(server: Server) -> None:
    """1e999 would be written as null."""
    body = b'{"model": "m", "settings": {"a": [1e999]}}'
    answer = requests.post(server.url + "/usage/record", data=body, headers=JSON, timeout=30)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "The body holds a number that is too large.",
    )
    assert lines(server) == []


def test_a_cost_that_is_given_is_kept_and_an_unknown_one_is_null(server: Server) -> None:
    given = server.post("/usage/record", {"model": "mine", "estimated_cost_usd": 0.5}).json()
    assert given["estimated_cost_usd"] == 0.5
    unknown = server.post("/usage/record", {"model": "mine", "tokens_input": 1, "tokens_output": 2}).json()
    assert unknown["estimated_cost_usd"] is None
    assert unknown["sentence"] == "Logged; its cost is not known, for mine has no price."


def test_a_call_with_a_request_id_counts_once(server: Server) -> None:
    call = {"model": "claude-haiku-4-5", "tokens_input": 10, "tokens_output": 1, "request_id": "req_1"}
    ids = {server.post("/usage/record", call).json()["call_id"] for _ in range(3)}
    assert len(ids) == 1
    until(lambda: server.store.health().lines == 3)
    until(lambda: server.get("/usage").json()["spent"]["today"]["calls"] == 1)


def test_an_error_message_is_one_line_without_secrets(server: Server) -> None:
    said = "failed\nwith sk-ant-api03-abcdefgh"
    server.post("/usage/record", {"model": "m", "success": False, "error_message": said})
    (line,) = lines(server)
    assert (line["success"], line["error_message"]) == (False, "failed with sk-***")


@pytest.mark.parametrize(
    ("number", "status"), [(errno.ENOSPC, 507), (errno.EACCES, 503)], ids=["full", "forbidden"]
)
def test_a_call_that_cannot_be_written_is_said(tmp_path: Path, number: int, status: int) -> None:
    def refusing(told: Mapping[str, Any]) -> Any:
        raise OSError(number, os.strerror(number))

    with serving(tmp_path, write=refusing) as server:
        answer = server.post("/usage/record", {"model": "m"})
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(f"The call is not in the log: {os.strerror(number)}; ")


def test_nothing_is_kept_of_a_call_that_cannot_be_written(server: Server) -> None:
    server.settings.log_dir.parent.mkdir(parents=True)
    server.settings.log_dir.write_text("in the way")
    assert server.post("/usage/record", {"model": "m"}).status_code == 503
    server.settings.log_dir.unlink()
    assert server.post("/usage/record", {"model": "m"}).status_code == 200
    assert len(lines(server)) == 1


def test_a_reading_that_cannot_be_written_is_said(server: Server) -> None:
    server.settings.credit_dir.parent.mkdir(parents=True, exist_ok=True)
    server.settings.credit_dir.write_text("in the way")
    answer = server.post("/usage/update_budget", {"remaining_budget": 1})
    assert answer.status_code == 503
    assert "send it again" in answer.json()["detail"]


def test_many_calls_at_once_are_one_line_each(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    log = RestLog(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda n: log.take({"model": f"m{n}"}), range(200)))
    (file,) = tmp_path.glob("*.jsonl")
    written = [json.loads(text) for text in file.read_text().splitlines()]
    assert {line["call_id"] for line in written} == {record.call_id for record in records}
    assert len(written) == 200


# What is refused


def test_a_body_that_is_wrong_gets_a_sentence(server: Server) -> None:
    for body, sentence in WRONG_BODIES:
        answer = server.post("/usage/update_budget", body)
        assert (answer.status_code, answer.json()["detail"]) == (422, sentence)
    assert server.desk.ledger.entries() == ()


WRONG_BODIES: tuple[tuple[Any, str], ...] = (
    ({"remaining_budget": "abc"}, "remaining_budget must be a number of 0 or more, not 'abc'."),
    ({"remaining_budget": "15.5"}, "remaining_budget must be a number of 0 or more, not '15.5'."),
    ({"remaining_budget": True}, "remaining_budget must be a number of 0 or more, not true."),
    ({"remaining_budget": None}, "remaining_budget must be a number of 0 or more, not null."),
    ({"remaining_budget": -1}, "remaining_budget must be a number of 0 or more, not -1."),
    (
        {"remaining_budget": 1e10},
        "remaining_budget must be a number of at most 1,000,000,000, not 10000000000.0.",
    ),
    ({}, "remaining_budget must be given."),
    ([], "The body must be a JSON object."),
    ("15.5", "The body must be a JSON object."),
    (
        {"remaining_budget": 1, "notes": "x"},
        "notes is no field here; did you mean note?",
    ),
)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "The body is no JSON: Expecting property name enclosed in double quotes in line 1, column 2."),
        (b'{"remaining_budget": NaN}', "The body is no JSON: NaN is no number."),
        (b'{"remaining_budget": Infinity}', "The body is no JSON: Infinity is no number."),
        (b'{"remaining_budget": 1e999}', "The body holds a number that is too large."),
        (b'{"remaining_budget": 1, "note": [-1e999]}', "The body holds a number that is too large."),
        (b'{"remaining_budget": "\xff"}', "The body is no JSON: it is not UTF-8."),
        (b"[" * 30_000, "The body is nested too deep."),
        (b"1" * 5000, "The body holds a number with too many digits."),
        (b"", "remaining_budget must be given."),
    ],
    ids=["broken", "nan", "infinity", "overflow", "below", "latin", "deep", "digits", "empty"],
)
def test_a_body_that_is_no_json_gets_a_sentence(server: Server, body: bytes, sentence: str) -> None:
    answer = requests.post(server.url + "/usage/update_budget", data=body, headers=JSON, timeout=30)
    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)


def test_a_field_under_another_name_is_pointed_at(server: Server) -> None:
    answer = server.post("/usage/record", {"model": "m", "input_tokens": 5})
    assert answer.json() == {
        "detail": "input_tokens is no field here; did you mean tokens_input?",
        "fields": [{"field": "input_tokens", "problem": "is no field here; did you mean tokens_input?"}],
    }


def test_of_many_wrong_fields_the_first_are_named(server: Server) -> None:
    answer = server.post("/usage/record", {f"x{number}": 1 for number in range(500)})
    said = answer.json()
    assert said["detail"].endswith("498 more fields are wrong.")
    assert len(said["fields"]) == 20
    assert len(answer.content) < 50_000


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "abc", "1.5", ""])
def test_a_wrong_limit_gets_a_sentence(demo: Server, limit: str) -> None:
    answer = demo.get(f"/usage/recent?limit={limit}")
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"limit must be a whole number from 1 to 1,000, not '{limit}'."


def test_a_query_nobody_knows_is_refused(demo: Server) -> None:
    answer = demo.get("/usage/recent?limits=5")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "limits is no field here; did you mean limit?",
    )


@pytest.mark.parametrize("path", ["/usage/update_budget", "/usage/record", "/usage/alert"])
@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"],
)
def test_a_write_is_announced_as_json(server: Server, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = requests.post(server.url + path, data=b'{"remaining_budget": 1}', headers=headers, timeout=30)
    assert answer.status_code == 415
    assert "send the header Content-Type: application/json." in answer.json()["detail"]
    assert lines(server) == []


def test_json_may_name_its_charset(server: Server) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    sent = requests.post(
        server.url + "/usage/update_budget", data=b'{"remaining_budget": 1}', headers=headers, timeout=30
    )
    assert sent.status_code == 200


def in_parts(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("told", [True, False], ids=["length", "chunked"])
def test_a_body_is_bounded(server: Server, told: bool) -> None:
    body: Any = b" " * (MOST_BYTES + 1) if told else in_parts(4 * MOST_BYTES)
    try:
        answer = requests.post(server.url + "/usage/record", data=body, headers=JSON, timeout=30)
    except requests.ConnectionError:  # it need not read a body to its end to refuse it
        return
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body may be 64 KiB at most.")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_page_of_another_site_may_write_nothing(server: Server, headers: dict[str, str]) -> None:
    for path in ("/usage/update_budget", "/usage/record", "/usage/alert"):
        answer = server.post(path, {"remaining_budget": 1, "model": "m"}, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith("This request came from the page of another site")
    assert lines(server) == []


def test_another_name_is_not_answered(server: Server) -> None:
    answer = server.get("/usage", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["fields"]) == (421, [])


def test_where_a_token_is_set_a_program_shows_it(tmp_path: Path) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    with serving(tmp_path, TOKEN) as server:
        for path in ("/usage", "/healthz", "/metrics", "/docs", "/openapi.json"):
            answer = server.get(path)
            assert answer.status_code == 401
            assert answer.json() == {
                "detail": "This page needs the token that its owner chose.",
                "fields": [],
            }
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert server.get(path, headers=shown).status_code == 200
        assert server.post("/usage/record", {"model": "m"}).status_code == 401
        assert server.post("/usage/record", {"model": "m"}, headers=shown).status_code == 200
        assert len(lines(server)) == 1


def test_other_methods_and_addresses_get_a_sentence(server: Server) -> None:
    for method, path, status in (
        ("GET", "/usage/record", 405),
        ("DELETE", "/usage", 405),
        ("POST", "/usage", 405),
        ("POST", "/usage/summary", 405),
        ("POST", "/metrics", 405),
        ("POST", "/usage/nothing", 404),
        ("PUT", "/metrics", 405),
        ("GET", "/usage/nothing", 404),
        ("GET", "/usage/", 404),
        ("GET", "/docs/files/none.js", 404),
    ):
        answer = requests.request(method, server.url + path, timeout=30)
        assert answer.status_code == status, path
        assert set(answer.json()) == {"detail", "fields"}
    assert requests.request("GET", server.url + "/usage/record", timeout=30).headers["allow"] == "POST"


def test_head_is_get_without_a_body(server: Server) -> None:
    answer = requests.head(server.url + "/healthz", timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")


def test_reading_changes_nothing(demo: Server) -> None:
    place = demo.settings.log_dir.parent

    def state() -> dict[str, tuple[int, int]]:
        return {str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in place.rglob("*")}

    before = state()
    for path in ("/usage", "/usage/summary", "/usage/recent", "/healthz", "/metrics", "/docs"):
        assert demo.get(path).status_code == 200
    assert state() == before


# Health


def test_health_while_the_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "api").write_text("in the way")
    with serving(tmp_path) as server:
        answer = server.get("/healthz")
    assert answer.status_code == 503
    assert (answer.json()["status"], "is not a folder" in answer.json()["problem"]) == (
        "cannot read the log folder",
        True,
    )


def test_health_says_that_looking_for_alerts_fails(server: Server, tmp_path: Path) -> None:
    """The log is read; the settings file is wrong, and later the lookout fails on every look."""
    server.post("/usage/record", {"model": "claude-haiku-4-5"})
    until(lambda: server.get("/healthz").json()["status"] == "ok")
    assert server.get("/healthz").json()["problems"] == []
    (tmp_path / "callmeter.toml").write_text("[[budget]]\nname = 3\n")
    answer = server.get("/healthz")
    told = answer.json()
    assert answer.status_code == 200, "the log is read all the same"
    assert "callmeter.toml" in told["problem"] and told["problems"] == [told["problem"]]
    (tmp_path / "callmeter.toml").write_text("")
    server.desk._lookout.problem = "alerts.jsonl: is a folder"
    assert server.get("/healthz").json()["problems"] == ["alerts.jsonl: is a folder"]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (Health(days_loaded=2, days_total=2), "trouble"),
        (Health(days_loaded=1, days_total=2), "loading"),
        (Health(folder_problem="is a file"), "cannot read the log folder"),
    ],
)
def test_what_the_log_itself_lacks_comes_before_other_trouble(found: Health, status: str) -> None:
    told = answers.health(found, "1", False, ("no alerts",))
    assert told.status == status and told.problem == (found.folder_problem or "no alerts")
    assert told.problems[-1] == "no alerts"


# Positions made by hand


RUN_OUT = RunOut(date(2026, 12, 5), date(2026, 12, 3), date(2026, 12, 9), 13.4, True, 65.0)
BALANCE = Balance(NOW, 871.2, 0, (), 1000.0, NOW, None, Spent(), (), 0.0, 1.0)


def position(balance: Balance | None = BALANCE, run_out: RunOut | None = RUN_OUT) -> Position:
    return Position(
        at=NOW,
        spent=dict.fromkeys(("today", "7d", "30d"), Totals(calls=3, of_runs=1, not_final=1)),
        lost={},
        standings=(),
        pace=Pace(65.0, 20, 3.0, 1900.0),
        balance=balance,
        run_out=run_out,
        status="ok",
        why="Fine.",
        daily=pd.Series(dtype="float64"),
        conditions=(),
    )


@pytest.mark.parametrize(
    ("found", "days"),
    [
        (position(), (13.4, False)),
        (position(None, None), (None, False)),
        (position(run_out=replace(RUN_OUT, likely=None, days_left=None)), (float(HORIZON_DAYS), True)),
        (position(run_out=replace(RUN_OUT, days_left=None, enough=False)), (None, False)),
        (
            position(replace(BALANCE, left_usd=-1.0), replace(RUN_OUT, days_left=None, enough=False)),
            (0.0, False),
        ),
    ],
    ids=["likely", "no ledger", "beyond the horizon", "too little history", "nothing left"],
)
def test_days_remaining(found: Position, days: tuple[float | None, bool]) -> None:
    assert answers.days_remaining(found) == days


WAITING = gaps(LOADING, TODAY)


def test_while_days_are_read_sums_are_bounds_and_estimates_are_not_made() -> None:
    """$871.20 of what was read so far: days that were not read can only have cost more."""
    standing = Standing(Budget("Day", "day", 10), NOW, NOW, 4.0, False, 9.0)
    told = answers.usage(replace(position(), standings=(standing,)), (), (), WAITING)
    assert (told.complete, told.remaining_budget, told.at_most) == (False, 871.2, True)
    assert (told.days_remaining, told.run_out, told.burn_rate.usd_per_day) == (None, None, None)
    assert (told.health, told.why) == ("unknown", WAITING.reasons[0])
    assert (told.budgets[0].is_lower_bound, told.budgets[0].projected) == (True, None)
    assert told.spent.today.cost_is_lower_bound
    assert told.problems == [WAITING.reasons[0]]


def test_a_day_that_cannot_be_read_leaves_the_estimates() -> None:
    told = answers.usage(position(), (), (), gaps(UNREADABLE, TODAY))
    assert (told.complete, told.at_most, told.days_remaining, told.health) == (False, True, 13.4, "ok")


def test_while_days_are_read_a_reading_has_no_drift() -> None:
    """$100 a month ago, $80 now, and nothing read of the month yet: it was not $20 that nobody logged."""
    before, now = Reading("a", NOW - timedelta(days=30), 100), Reading("b", NOW, 80)
    held = replace(BALANCE, left_usd=80.0, drifts=(Drift(before, None, 0), Drift(now, 100, 0)))
    told = answers.reading(now, position(held), WAITING)
    assert (told.complete, told.remaining_budget, told.at_most) == (False, 80, False)
    assert (told.expected_usd, told.drift_usd, told.days_remaining, told.health) == (
        None,
        None,
        None,
        "unknown",
    )
    assert told.sentence == f"The reading is noted. {WAITING.reasons[0]}"
    assert answers.reading(now, position(held)).drift_usd == 20


def test_every_answer_says_that_days_are_still_read(demo: Server) -> None:
    store: Any = Unread(demo.store)
    service = Service(demo.settings, store, demo.desk, lambda: datetime.now(UTC), None)
    told = [
        service.usage().model_dump(),
        service.summary(),
        service.recent(RecentQuery.model_validate({})),
        service.alert(NoBody()).model_dump(),
    ]
    assert [one["complete"] for one in told] == [False] * 4
    assert [one["problems"][0][:17] for one in told if "problems" in one] == ["Older days are st"] * 3


def test_a_balance_with_unknown_costs_is_at_most() -> None:
    assert not answers.usage(position(), (), ()).at_most
    assert answers.usage(position(replace(BALANCE, uncertain=2)), (), ()).at_most


def test_lower_bounds_are_marked() -> None:
    today = answers.usage(position(), (), ()).spent.today
    assert (today.calls_are_lower_bound, today.tokens_are_lower_bound, today.cost_is_lower_bound) == (
        True,
        True,
        True,
    )


class FakeDesk:
    """A desk that tells what it is given, or fails."""

    problems = ("callmeter.toml: budget: wrong",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.alerts, self.ledger = error, self, self
        condition = Condition("watch:failures", "", 1, "critical", "Many calls fail.")
        self.alert = Alert(condition, NOW)

    def position(self, now: datetime) -> Position:
        if self.error:
            raise self.error
        return position()

    def look(self, now: datetime) -> Changes:
        return Changes((self.alert,), ())

    def open_alerts(self, now: datetime) -> OpenAlerts:
        return OpenAlerts((self.alert,))


def fake(error: Exception | None = None) -> Callable[..., Any]:
    def made(store: Any, settings: Any) -> Any:
        desk: Any = FakeDesk(error)
        desk.ledger = desk.alerts = type("Quiet", (), {"problems": lambda _: ()})()
        return desk

    return made


def test_what_is_wrong_with_the_settings_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, desk_of=fake()) as server:
        told = server.get("/usage").json()
    assert told["problems"][-1] == "callmeter.toml: budget: wrong"
    assert told["remaining_budget"] == 871.2
    assert told["alerts"][0]["sentence"] == "Many calls fail."
    assert told["run_out"]["latest"] == "2026-12-09"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    error = FolderError(Path("logs/credit/credit.jsonl"), "cannot be read: Permission denied")
    with serving(tmp_path, desk_of=fake(error)) as server:
        answer = server.get("/usage")
        assert (answer.status_code, answer.json()["detail"]) == (503, str(error))
        assert server.get("/metrics").status_code == 200, "the log's own metrics are there all the same"


def test_a_failure_of_ours_is_one_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, desk_of=fake(ValueError("sk-ant-secret in /home/somebody"))) as server:
        answer = server.get("/usage")
    assert (answer.status_code, answer.json()) == (
        500,
        {"detail": "Something went wrong inside callmeter. Its log says what.", "fields": []},
    )


# The description


def described() -> dict[str, Any]:
    nothing: Any = None
    return openapi.described(application(Service(nothing, nothing, nothing, nothing, nothing)))


def test_only_these_addresses_are_described_each_with_examples_and_refusals(demo: Server) -> None:
    document = demo.get("/openapi.json").json()
    assert document == described()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {*EXAMPLES, "/metrics"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["tags"], path
            wanted = {"200", "401", "403", "421", "500"} | (
                {"413", "415", "422"} if method == "post" else set()
            )
            assert wanted <= set(operation["responses"]), path
            for status, response in operation["responses"].items():
                assert status == "503" or all("example" in one for one in response["content"].values())


def test_the_examples_are_answers_that_can_come(demo: Server) -> None:
    import jsonschema_rs

    document = described()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            content = operation["responses"]["200"]["content"]
            if "application/json" not in content:
                continue
            one = content["application/json"]
            jsonschema_rs.validate({**one["schema"], "components": document["components"]}, one["example"])
            assert one["example"] == EXAMPLES[path]


def test_names_are_those_of_the_line_and_the_report() -> None:
    assert set(CallBody.model_fields) < set(FIELD_NAMES)
    assert list(Measures.model_fields) == [name for name, _ in report.COLUMNS]
    assert list(CallDetails.model_fields) == [name for name, _ in report.DETAILS]


def test_the_page_that_shows_it_needs_nothing_from_outside(demo: Server) -> None:
    page = demo.get("/docs").text
    linked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert linked and all(address.startswith("/docs/") for address in linked)
    assert "<script>" not in page
    for address in linked:
        assert demo.get(address).status_code == 200, address
    assert '"/openapi.json"' in demo.get("/docs/start.js").text


def test_the_page_has_them_beside_itself(tmp_path: Path) -> None:
    """Dash answers any address it does not know with the page: these are none of those."""
    chosen = usage_server.settings_in(tmp_path)
    usage_server.demo_calls(chosen, days=2)
    with FileStore(chosen.log_dir, chosen.zone, cache_dir=chosen.cache_dir) as store:
        store.load()
        app = create_app(chosen, store, write=RestLog(chosen.log_dir).take)
        with TestClient(app.server, base_url="http://localhost", client=("127.0.0.1", 50000)) as client:
            for path in ("/usage", "/usage/recent", "/healthz", "/openapi.json"):
                assert client.get(path).headers["content-type"] == "application/json"
            assert client.get("/usage/none").status_code == 404
            assert client.get("/metrics").text.startswith("# HELP callmeter_build_info")
            assert client.get("/anything").headers["content-type"].startswith("text/html")
            assert client.post("/usage/record", json={"model": "m"}).status_code == 200
            files = client.get("/docs/files/swagger-ui.css")
            assert files.headers["content-encoding"] == "gzip" and files.headers["etag"]


def test_a_page_without_a_writer_says_so(tmp_path: Path) -> None:
    chosen = usage_server.settings_in(tmp_path)
    with FileStore(chosen.log_dir, chosen.zone, cache_dir=chosen.cache_dir) as store:
        server = create_app(chosen, store).server
        with TestClient(server, base_url="http://localhost", client=("127.0.0.1", 50000)) as client:
            answer = client.post("/usage/record", json={"model": "m"})
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "This server writes no calls; callmeter serve does.",
    )
