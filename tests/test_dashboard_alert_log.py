"""The alert log: one file for all processes; nothing is announced twice, nothing is lost by a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dashboard.errors import FolderError
from dashboard.jsonl import LinesFile
from dashboard.money.alert_log import FILE, PATIENCE, REPEATS, SALT, AlertLog
from dashboard.money.alerts import Condition
from dashboard.money.notify import Address, Delivery
from dashboard.money.salt import Salt

NOW = datetime.fromisoformat("2026-11-22T14:05:00+01:00")
HOUR = timedelta(hours=1)
TO = Delivery(("json://127.0.0.1:9/secret-path",))
HERE = TO.addresses[0]


def condition(level: int = 50, period: str = "2026-11-22", severity: str = "warning") -> Condition:
    return Condition("budget:Daily", period, level, severity, f"{level} % of $10 are used.")


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_what_was_raised_and_cleared_is_a_line_each(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW)
    log.take([], NOW + HOUR)
    assert lines(tmp_path) == [
        {
            "id": "budget:Daily|2026-11-22|50",
            "event": "raised",
            "timestamp": "2026-11-22T14:05:00+01:00",
            "rule": "budget:Daily",
            "period": "2026-11-22",
            "level": 50,
            "severity": "warning",
            "sentence": "50 % of $10 are used.",
            "announced": True,
        },
        {
            "id": "budget:Daily|2026-11-22|50",
            "event": "cleared",
            "timestamp": "2026-11-22T15:05:00+01:00",
        },
    ]


def test_looking_again_writes_nothing(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW)
    size = (tmp_path / FILE).stat().st_size
    assert log.take([condition(50)], NOW + HOUR).announced == ()
    assert (tmp_path / FILE).stat().st_size == size


def test_while_nothing_is_wrong_there_is_no_file(tmp_path: Path) -> None:
    AlertLog(tmp_path / "alerts").take([], NOW)
    assert not (tmp_path / "alerts").exists()


def test_open_and_history_survive_a_restart(tmp_path: Path) -> None:
    AlertLog(tmp_path).take([condition(50), condition(80)], NOW)
    again = AlertLog(tmp_path)
    assert [one.condition.level for one in again.open()] == [80]
    assert [one.condition.level for one in again.history(10)] == [80]
    assert again.take([condition(50), condition(80)], NOW + HOUR).raised == ()


def test_another_process_sees_what_this_one_announced(tmp_path: Path) -> None:
    server, cron = AlertLog(tmp_path), AlertLog(tmp_path)
    assert len(server.take([condition(50)], NOW).announced) == 1
    assert cron.take([condition(50)], NOW).announced == ()
    assert len(cron.take([condition(50), condition(80)], NOW).announced) == 1
    assert server.take([condition(50), condition(80)], NOW).announced == ()


def test_history_is_newest_first_and_says_what_is_over(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    for day in (20, 21, 22):
        log.take([condition(50, f"2026-11-{day}")], NOW + timedelta(days=day - 22))
    told = log.history(2)
    assert [one.condition.period for one in told] == ["2026-11-22", "2026-11-21"]
    assert [one.cleared for one in told] == [None, NOW]


def test_what_came_back_in_its_period_is_open_in_the_history_too(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    for number, so in enumerate([[condition()], [], [condition()]]):
        log.take(so, NOW + number * HOUR)
    assert [one.cleared for one in log.history(5)] == [None]
    assert [one.announced for one in log.open()] == [False]


def test_what_comes_and_goes_is_announced_once_an_hour_by_whichever_process(tmp_path: Path) -> None:
    told = []
    for minute in range(0, 180, 20):
        log, now = AlertLog(tmp_path), NOW + timedelta(minutes=minute)
        told += [minute for _ in log.take([condition(1, "")], now).announced]
        log.take([], now + timedelta(minutes=10))
    assert told == [0, 60, 120]


def test_foreign_and_torn_lines_are_told_and_skipped(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"event": "from a later version", "timestamp": "2026-11-22T14:06:00+01:00"}\n')
        file.write('{"event": "raised", "timestamp": "soon", "rule": 5}\n[]\nno json\n{"event": "clea')
    again = AlertLog(tmp_path)
    assert [one.condition.level for one in again.open()] == [50]
    assert [said.rpartition("line ")[2] for said in again.problems()] == [
        "4: is no JSON object",
        "5: is no JSON object",
    ]
    again.take([], NOW + HOUR)
    assert AlertLog(tmp_path).open() == ()


def test_what_came_back_and_ended_is_over_since_its_last_end(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    for number, so in enumerate([[condition()], [], [condition()], []]):
        log.take(so, NOW + number * HOUR)
    assert [(one.raised, one.cleared) for one in log.history(5)] == [(NOW, NOW + 3 * HOUR)]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("a file")
    with pytest.raises(FolderError, match="alerts"):
        AlertLog(tmp_path / "alerts").take([condition(50)], NOW)


def test_who_looks_waits_until_another_process_has_noted_what_it_announces(tmp_path: Path) -> None:
    AlertLog(tmp_path).take([condition(10)], NOW)
    mine, found = AlertLog(tmp_path), []
    with LinesFile(tmp_path / FILE).locked():
        thread = threading.Thread(target=lambda: found.append(mine.take([condition(50)], NOW)))
        thread.start()
        thread.join(0.2)
        raised = (tmp_path / FILE).read_text().replace("|10", "|50").replace('"level": 10', '"level": 50')
        with (tmp_path / FILE).open("a") as file:
            file.write(raised)
    thread.join()
    assert [changes.announced for changes in found] == [()]


# Deliveries


def test_what_was_announced_waits_for_its_channels(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50), condition(80)], NOW, TO)
    assert [told.alert.condition.level for told in log.pending(HERE, NOW)] == [80]
    log.delivered(log.pending(HERE, NOW)[:1], HERE, NOW + HOUR)
    assert log.pending(HERE, NOW) == ()
    assert AlertLog(tmp_path).pending(HERE, NOW) == ()
    assert log.record(HERE).last == NOW + HOUR


def levels(log: AlertLog, address: Address, now: datetime = NOW) -> list[int]:
    return [told.alert.condition.level for told in log.pending(address, now)]


def test_a_channel_that_is_new_is_told_what_is_open_still_and_not_what_was_before(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50, "2026-11-21")], NOW)
    log.take([condition(50), condition(80)], NOW)
    log.take([condition(50), condition(80), condition(90)], NOW)
    assert levels(log, HERE) == [90]
    assert not (tmp_path / SALT).exists()


def test_what_a_process_without_addresses_announced_is_delivered_by_one_that_has_some(tmp_path: Path) -> None:
    server, cron = AlertLog(tmp_path), AlertLog(tmp_path)
    cron.take([condition(50)], NOW, TO)
    cron.delivered(cron.pending(HERE, NOW), HERE, NOW)
    server.take([condition(50), condition(80)], NOW + HOUR)
    server.take([], NOW + 2 * HOUR)
    assert levels(cron, HERE, NOW + 3 * HOUR) == [80]


def test_an_address_that_is_put_right_is_told_what_never_arrived(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, Delivery(("json://mistyped/x",)))
    log.take([], NOW + HOUR)
    assert levels(log, HERE, NOW + HOUR) == [50]


def test_what_was_too_mild_for_a_channel_does_not_come_later(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, Delivery(TO.to, "critical"))
    assert levels(log, HERE) == []
    log.take([condition(80)], NOW, TO)
    assert levels(log, HERE) == [80]


def test_addresses_that_look_alike_are_told_apart_in_any_order(tmp_path: Path) -> None:
    """The first one is removed: the second must not pass for it."""
    both = Delivery(("mailto://a:hunter2@gmail.com", "mailto://b:hunter3@gmail.com"))
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, both)
    log.delivered(log.pending(both.addresses[0], NOW), both.addresses[0], NOW)
    left = Delivery(both.to[1:]).addresses[0]
    assert left.name == both.addresses[0].name
    assert (levels(log, left), log.record(left).last) == ([50], None)


def test_the_salt_is_private_and_the_same_for_all(tmp_path: Path) -> None:
    salts = [Salt(tmp_path / "alerts" / SALT) for _ in range(8)]
    found: list[str] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.digest("a"))) for one in salts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and re.fullmatch("[0-9a-f]{16}", found[0])
    assert [file.name for file in (tmp_path / "alerts").iterdir()] == [SALT]
    assert (tmp_path / "alerts" / SALT).stat().st_mode & 0o777 == 0o600
    assert Salt(tmp_path / "other" / SALT).digest("a") != found[0]


def test_a_salt_that_is_cut_short_is_made_anew_and_one_that_cannot_be_read_is_a_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / SALT).write_bytes(b"short")
    assert Salt(tmp_path / SALT).digest("a", make=False) == ""
    assert Salt(tmp_path / SALT).digest("a") == Salt(tmp_path / SALT).digest("a", make=False) != ""
    (tmp_path / "b").mkdir()
    with pytest.raises(FolderError, match="cannot be used"):
        Salt(tmp_path / "b").digest("a")


def test_what_may_have_arrived_is_sent_again_a_few_times_only(tmp_path: Path) -> None:
    log, now = AlertLog(tmp_path), NOW
    log.take([condition(50)], NOW, TO)
    waits = []
    while told := log.pending(HERE, now):
        waits.append(log.wait(told[0], HERE, now))
        now += timedelta(seconds=waits[-1])
        log.failed(told, HERE, now, "it gave no answer in time", unsure=True)
    assert waits == [0, *REPEATS]
    assert log.record(HERE).failures == len(REPEATS) + 1


def test_only_what_is_severe_enough_is_delivered(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    strict = Delivery(TO.to, "critical")
    log.take([condition(50), condition(100, "2026-11-23", "critical")], NOW, strict)
    assert [told.alert.condition.level for told in log.pending(HERE, NOW)] == [100]


def test_failures_are_counted_until_one_works(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, TO)
    told = log.pending(HERE, NOW)[0]
    log.failed([told], HERE, NOW, "the server answered with 500")
    log.failed([told], HERE, NOW + HOUR, "the server cannot be reached")
    record = AlertLog(tmp_path).record(HERE)
    assert (record.failures, record.since, record.failed) == (2, NOW, NOW + HOUR)
    assert record.reason == "the server cannot be reached"
    log.delivered([told], HERE, NOW + 2 * HOUR)
    assert log.record(HERE).failures == 0


def test_after_a_day_a_delivery_is_given_up_and_that_is_known(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, TO)
    late = NOW + PATIENCE + HOUR
    assert len(log.pending(HERE, NOW + PATIENCE)) == 1
    assert (log.pending(HERE, late), log.given_up(HERE, late)) == ((), 1)


def test_a_crossing_that_is_announced_again_is_delivered_again(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    so = [condition(1, "")]
    log.take(so, NOW, TO)
    log.delivered(log.pending(HERE, NOW)[:1], HERE, NOW)
    log.take([], NOW + HOUR, TO)
    log.take(so, NOW + 3 * HOUR, TO)
    assert [told.alert.raised for told in log.pending(HERE, NOW + 3 * HOUR)] == [NOW + 3 * HOUR]


def test_the_most_severe_comes_first_then_the_newest(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(100, severity="critical")], NOW, TO)
    for level in range(1, 61):
        log.take([condition(level, "2026-11-23")], NOW + timedelta(minutes=level), TO)
    late = NOW + 2 * HOUR
    assert levels(log, HERE, late) == [100, *range(60, 0, -1)]
    log.delivered(log.pending(HERE, late), HERE, late)
    assert log.pending(HERE, late) == ()


def test_no_part_of_an_address_is_in_the_file(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    log.take([condition(50)], NOW, TO)
    assert "secret-path" not in (tmp_path / FILE).read_text()
    assert list(lines(tmp_path)[0]["to"].values()) == ["json://127.0.0.1/…"]  # type: ignore[attr-defined]


# Real processes

TAKES = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from dashboard.jsonl import LinesFile
from dashboard.money.alert_log import AlertLog
from dashboard.money.alerts import Condition
log, now = AlertLog(Path(sys.argv[1])), datetime.fromisoformat("2026-11-22T14:05:00+01:00")
print("ready", flush=True)
sys.stdin.readline()
for minute in range(40):
    so = [Condition(f"budget:{minute % 4}", "2026-11-22", level, "warning", "Said.")
          for level in range(10, minute + 1, 10)]
    for alert in log.take(so, now + timedelta(minutes=minute)).announced:
        print(alert.id, flush=True)
"""


def process(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_several_processes_announce_each_thing_once_between_them(tmp_path: Path) -> None:
    several = [process(TAKES, str(tmp_path)) for _ in range(3)]
    for one in several:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    said = Counter(line for one in several for line in one.communicate("go\n")[0].splitlines())
    raised = [one for one in lines(tmp_path) if one["event"] == "raised" and one["announced"]]
    assert set(said.values()) == {1}
    assert sorted(said) == sorted(str(one["id"]) for one in raised)


DIES = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from dashboard.jsonl import LinesFile
from dashboard.money.alert_log import AlertLog
from dashboard.money.alerts import Condition
from dashboard.money.notify import Delivery
log, now = AlertLog(Path(sys.argv[1])), datetime.fromisoformat("2026-11-22T14:05:00+01:00")
log.take([Condition("budget:Daily", "2026-11-22", 50, "warning", "Said.")], now, Delivery((sys.argv[2],)))
with log.sending(Delivery((sys.argv[2],)).addresses[0]):
    print("announced", flush=True)
    sys.stdin.readline()
"""


def test_what_a_killed_process_announced_is_left_to_the_next_one(tmp_path: Path) -> None:
    """It dies with the lock of the channel in its hand, which is free the moment it is gone."""
    one = process(DIES, str(tmp_path), TO.to[0])
    assert one.stdout is not None and one.stdout.readline() == "announced\n"
    os.kill(one.pid, signal.SIGKILL)
    one.wait()
    next_one = AlertLog(tmp_path)
    with next_one.sending(HERE):
        assert [told.alert.id for told in next_one.pending(HERE, NOW)] == ["budget:Daily|2026-11-22|50"]
    one.communicate()
