"""`callmeter alerts`: what is open, what was, whether the channels deliver; for people and for cron."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from alert_servers import Web, running

from dashboard import commands
from dashboard.commands.port import listen
from dashboard.money import courier

pytestmark = pytest.mark.usefixtures("own_machine")

Shell = pytest.CaptureFixture[str]
ALERTS = Path("logs/alerts/alerts.jsonl")
DAILY = '[[budget]]\nname = "Daily"\nperiod = "day"\nlimit = 10\n'


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web()) as server:
        yield server


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def log(*costs: float) -> None:
    """Calls of this moment with these costs, in the log of the working directory."""
    folder, now = Path("logs/api"), datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    said = {"timestamp": now.isoformat(), "model": "claude-opus-4-8", "success": True, "source": "manual"}
    lines = [json.dumps(said | {"tokens_input": 1, "estimated_cost_usd": cost}) + "\n" for cost in costs]
    with (folder / f"api-calls-{now:%Y-%m-%d}.jsonl").open("a") as file:
        file.write("".join(lines))


def written(*urls: str) -> None:
    alerts = f"[alerts]\nto = {json.dumps(urls)}\n" if urls else ""
    Path("callmeter.toml").write_text(DAILY + alerts)


def events(kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in ALERTS.read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


# callmeter alerts


def test_without_any_it_says_so_and_where_to_send_them(capsys: Shell) -> None:
    code, out, err = run(capsys, "alerts")
    assert (code, err) == (0, "")
    assert out.startswith("No alert is open.\n\nNo address is set: write [alerts]")
    assert not ALERTS.parent.exists()


def test_it_shows_what_is_open_what_was_and_the_channels(capsys: Shell, web: Web) -> None:
    written(f"json://{web.place}/hunter2")
    log(8.5)
    run(capsys, "alerts", "--once")
    code, out, err = run(capsys, "alerts")
    assert (code, err) == (0, "")
    assert out.startswith("Open (1):\n") and "  warning   Budget Daily: $8.50 of $10" in out
    assert "\nRecent:\n" in out
    assert "\nChannels:\n  json://127.0.0.1/…: last delivered 20" in out
    assert "hunter2" not in out


def test_what_is_open_is_shown_with_the_numbers_of_now_what_was_announced_with_those_of_then(
    capsys: Shell,
) -> None:
    """$8.50 of $10 when it was announced; $0.25 more since."""
    written()
    log(8.5)
    run(capsys, "alerts", "--once")
    log(0.25)
    opened, recent = run(capsys, "alerts")[1].split("Recent:")
    assert "  since 20" in opened and "$8.75 of $10" in opened and "$8.50 of $10" in recent
    data = json.loads(run(capsys, "alerts", "--json")[1])
    assert ["$8.75 of $10" in data["open"][0]["sentence"], "$8.50" in data["recent"][0]["sentence"]] == [
        True
    ] * 2


def test_a_log_that_is_gone_takes_no_alert_away(capsys: Shell) -> None:
    written()
    log(8.5)
    run(capsys, "alerts", "--once")
    Path("logs/api").rename("logs/elsewhere")
    code, out, _ = run(capsys, "alerts")
    assert (code, "$8.50 of $10" in out) == (0, True)


def test_as_json(capsys: Shell, web: Web) -> None:
    written(f"json://{web.place}/hunter2")
    log(8.5)
    run(capsys, "alerts", "--once")
    data = json.loads(run(capsys, "alerts", "--json")[1])
    assert [(one["rule"], one["level"], one["severity"]) for one in data["open"]] == [
        ("budget:Daily", 80, "warning")
    ]
    assert [one["cleared"] for one in data["recent"]] == [None]
    assert [(one["channel"], one["waiting"], one["failures"]) for one in data["channels"]] == [
        ("json://127.0.0.1/…", 0, 0)
    ]


def test_the_number_of_recent_ones_can_be_limited(capsys: Shell) -> None:
    written()
    for cost in (5.5, 3.0, 1.0):
        log(cost)
        run(capsys, "alerts", "--once")
    recent = json.loads(run(capsys, "alerts", "--json", "--limit", 2)[1])["recent"]
    assert [one["level"] for one in recent] == [90, 80]


# --once


def test_once_announces_what_is_new_once(capsys: Shell, web: Web) -> None:
    written(f"json://{web.place}/x")
    log(8.5)
    code, out, err = run(capsys, "alerts", "--once")
    assert (code, err) == (0, "")
    assert out.startswith("warning: Budget Daily: $8.50 of $10") and out.count("\n") == 1
    assert run(capsys, "alerts", "--once") == (0, "", "")
    assert len(web.got) == 1


def test_once_says_what_cannot_be_delivered_and_delivers_it_later(
    capsys: Shell, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(f"json://{web.place}/hunter2")
    log(8.5)
    web.status = 500
    code, _, err = run(capsys, "alerts", "--once")
    assert code == 1
    assert err.startswith("Alerts to json://127.0.0.1/… do not arrive since 20")
    assert "the server answered with 500" in err and "hunter2" not in err
    assert run(capsys, "alerts", "--once")[0] == 1
    assert len(events("failed")) == 1  # it waits before it tries again
    web.status = 200
    monkeypatch.setattr(courier, "BACK_OFF", (0.0,))
    assert run(capsys, "alerts", "--once") == (0, "", "")
    assert len(web.got) == 1


def test_once_says_which_address_cannot_be_used(capsys: Shell) -> None:
    written("carrierpigeon://hunter2")
    log(8.5)
    code, _, err = run(capsys, "alerts", "--once")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith(
        "Alerts: entry 1 of the addresses (carrierpigeon://…) is nothing apprise can send to."
    )
    later = run(capsys, "alerts")[2]
    assert later.startswith("Alerts to carrierpigeon://… do not arrive since 20")


def test_what_was_announced_before_there_was_an_address_is_delivered_to_it(capsys: Shell, web: Web) -> None:
    written()
    log(8.5)
    assert run(capsys, "alerts", "--once")[0] == 0
    written(f"json://{web.place}/x")
    assert run(capsys, "alerts", "--once") == (0, "", "")
    assert len(web.got) == 1


def test_once_where_the_settings_file_is_not_ends_no_alert_of_a_budget(capsys: Shell) -> None:
    written()
    log(8.5)
    run(capsys, "alerts", "--once")
    Path("callmeter.toml").rename("away.toml")
    code, out, err = run(capsys, "alerts", "--once")
    assert (code, out) == (1, "")
    assert err.startswith("Alerts of budgets are open (Daily), but no callmeter.toml was found from here")
    assert events("cleared") == []
    Path("away.toml").rename("callmeter.toml")
    assert run(capsys, "alerts", "--once") == (0, "", "")


def test_once_over_a_day_that_cannot_be_read_ends_nothing_and_says_so(capsys: Shell) -> None:
    written()
    log(8.5)
    run(capsys, "alerts", "--once")
    file = next(Path("logs/api").iterdir())
    file.rename("away")
    file.mkdir()
    code, out, err = run(capsys, "alerts", "--once")
    assert (code, out) == (1, "")
    assert err == f"{file.name}: is not a file; alerts of what it may hold do not end meanwhile.\n"
    assert events("cleared") == []


def test_once_as_json_tells_what_was_announced(capsys: Shell) -> None:
    written()
    log(11.0)
    data = json.loads(run(capsys, "alerts", "--once", "--json")[1])
    assert [(one["level"], one["severity"]) for one in data["announced"]] == [(100, "critical")]


@pytest.mark.parametrize("words", [["--once"], ["--test"], []])
def test_wrong_settings_are_a_sentence(capsys: Shell, words: list[str]) -> None:
    log(1.0)
    Path("callmeter.toml").write_text('[alerts]\nto = "hunter2"\n')
    code, out, err = run(capsys, "alerts", *words)
    assert (code, out) == (1, "")
    assert "callmeter.toml: [alerts]: to: entry 1 is no URL" in err and "hunter2" not in err


def test_once_without_a_log_is_a_sentence(capsys: Shell) -> None:
    assert run(capsys, "alerts", "--once")[::2] == (
        1,
        f"{Path('logs/api').absolute()}: no such folder; --log-dir says where the call logs are\n",
    )


# --test


def test_each_channel_is_tried(capsys: Shell, web: Web) -> None:
    written(f"json://{web.place}/a", f"xml://{web.place}/b")
    assert run(capsys, "alerts", "--test") == (
        0,
        "json://127.0.0.1/…: delivered\nxml://127.0.0.1/…: delivered\n",
        "",
    )
    assert sorted(path for path, _, _ in web.got) == ["/a", "/b"]
    assert not ALERTS.exists()


def test_one_that_fails_is_named_and_ends_with_1(capsys: Shell, web: Web) -> None:
    written(f"json://{web.place}/a", "carrierpigeon://hunter2")
    code, out, err = run(capsys, "alerts", "--test")
    assert (code, err) == (1, "")
    assert out.startswith("json://127.0.0.1/…: delivered\ncarrierpigeon://…: failed, ")
    assert "entry 2 of the addresses" in out and "hunter2" not in out


def test_trying_as_json(capsys: Shell, web: Web) -> None:
    web.status = 401
    written(f"json://{web.place}/a")
    code, out, _ = run(capsys, "alerts", "--test", "--json")
    assert (code, json.loads(out)) == (
        1,
        [
            {
                "channel": "json://127.0.0.1/…",
                "delivered": False,
                "reason": "the server answered with 401",
            }
        ],
    )


def test_without_channels_there_is_nothing_to_try(capsys: Shell) -> None:
    code, out, err = run(capsys, "alerts", "--test")
    assert (code, out) == (1, "") and err.startswith("No address is set: ")


def test_one_thing_at_a_time(capsys: Shell) -> None:
    assert run(capsys, "alerts", "--test", "--once") == (1, "", "--once and --test: give one of them.\n")


# Beside a server that runs


def served(url: str) -> subprocess.Popen[str]:
    """`callmeter serve` as a process of its own, once it says where its page is."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    code = "import sys; from dashboard.commands import main; sys.exit(main(sys.argv[1:]))"
    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)],
        env=os.environ | {"CALLMETER_ALERTS_TO": url, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None and "callmeter shows" in server.stdout.readline()
    return server


def wait_for(condition: Callable[[], object]) -> None:
    """Until it is so; a minute at most."""
    tick = Event()
    assert any(condition() or tick.wait(0.02) for _ in range(3000))


def test_a_server_killed_before_it_delivers_loses_nothing(
    capsys: Shell, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It announced, and the receiver was down; killed; cron delivers what it left, once."""
    written()
    log(8.5)
    web.status = 500
    server = served(f"json://{web.place}/hunter2")
    wait_for(lambda: ALERTS.exists() and events("failed"))
    server.send_signal(signal.SIGKILL)
    server.communicate()
    monkeypatch.setattr(courier, "BACK_OFF", (0.0,))
    web.status = 200
    written(f"json://{web.place}/hunter2")
    assert run(capsys, "alerts", "--once") == (0, "", "")
    assert len(web.got) == 1 and len(events("delivered")) == 1
    assert run(capsys, "alerts", "--once") == (0, "", "") and len(web.got) == 1


def test_a_server_and_cron_announce_each_thing_once_between_them(capsys: Shell, web: Web) -> None:
    url = f"json://{web.place}/x"
    written(url)
    log(1.0)
    server = served(url)
    try:
        for cost in (4.5, 3.0, 1.0, 1.0):
            log(cost)
            run(capsys, "alerts", "--once")
        wait_for(lambda: len(web.got) >= 4)
        log(0.1)
        run(capsys, "alerts", "--once")
    finally:
        server.terminate()
        server.communicate()
    assert [one["level"] for one in events("raised") if one["announced"]] == [50, 80, 90, 100]
    assert len(web.got) == len(events("delivered")) == 4
    assert server.returncode == 0


def test_a_server_starts_with_wrong_budgets_and_says_what_is_wrong() -> None:
    Path("callmeter.toml").write_text(DAILY.replace("limit = 10", 'limit = "ten"'))
    server = served("")
    server.terminate()
    said = server.communicate()[1]
    assert server.returncode == 0
    assert (
        "callmeter.toml: [[budget]] 1: limit: must be a number above 0, not 'ten'; budgets and alerts are off"
        in said
    )
