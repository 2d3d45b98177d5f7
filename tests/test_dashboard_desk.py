"""The desk: what is known of money, looked at whenever data changes."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard.errors import FolderError
from dashboard.filters import days
from dashboard.money import lookout
from dashboard.money.alerts import Changes
from dashboard.money.channel import Channel
from dashboard.money.desk import Desk
from dashboard.money.lookout import Lookout, ready
from dashboard.money.message import Message
from dashboard.money.notify import Address
from dashboard.settings import load
from dashboard.store.base import Health
from dashboard.store.files import FileStore

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
BUDGET = '[[budget]]\nname = "Daily"\nperiod = "day"\nlimit = 10\n'
SEND = '[alerts]\nto = ["json://127.0.0.1/hunter2"]\n'


def line(usd: float, at: datetime = NOW, **more: object) -> str:
    said = {"timestamp": at.isoformat(), "model": "claude-opus-4-8", "success": True, "source": "manual"}
    return json.dumps(said | {"estimated_cost_usd": usd, "tokens_input": 1} | more) + "\n"


class Place:
    """A folder with a log, its settings, and a box where alerts arrive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "logs/api").mkdir(parents=True)
        self.file = folder / "callmeter.toml"
        self.now = NOW
        self.got: list[Message] = []
        self.came = threading.Event()

    def call(self, usd: float, **more: object) -> None:
        with (self.folder / f"logs/api/api-calls-{self.now:%Y-%m-%d}.jsonl").open("a") as file:
            file.write(line(usd, self.now, **more))

    @contextmanager
    def desk(self, *, start: bool = False, read: bool = True) -> Iterator[Desk]:
        """A desk over the folder as it is; `start`: with threads, and a store that follows."""
        settings = load({"timezone": "UTC", "cache_dir": self.folder / "cache"}, {}, self.folder, self.folder)
        with FileStore(settings.log_dir, settings.zone, poll_seconds=0.1) as store:
            desk = Desk(store, settings, {}, self.folder, clock=lambda: self.now, opened=self._open)
            if start:
                store.start()
                desk.start()
            elif read:
                store.load()
            try:
                yield desk
            finally:
                desk.stop()

    def _open(self, address: Address) -> Channel:
        return Box(address.name, self)


class Box:
    def __init__(self, name: str, place: Place) -> None:
        self.name, self._place = name, place

    def send(self, message: Message) -> str:
        self._place.got.append(message)
        self._place.came.set()
        return ""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.file.write_text(BUDGET)
    return place


def wait_for(condition: Callable[[], object]) -> None:
    """Until it is so; a minute at most."""
    tick = threading.Event()
    assert any(condition() or tick.wait(0.01) for _ in range(6000))


# One look


def test_a_look_announces_what_was_crossed(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        found = desk.look(NOW)
        assert [(one.condition.rule, one.condition.level) for one in found.announced] == [
            ("budget:Daily", 80)
        ]
        assert [one.condition.level for one in desk.alerts.open()] == [80]
        assert desk.look(NOW).announced == ()


def test_each_look_sees_the_calls_that_came(place: Place) -> None:
    with place.desk() as desk:
        told = []
        for usd in (3.0, 2.5, 2.6, 0.1, 1.0, 1.0):
            place.call(usd)
            desk.store.refresh()  # type: ignore[attr-defined]
            told.append([one.condition.level for one in desk.look(NOW).announced])
    assert told == [[], [50], [80], [], [90], [100]]


def test_at_midnight_yesterdays_alerts_are_over(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        desk.look(NOW)
        assert [one.condition.level for one in desk.look(NOW + timedelta(hours=10)).cleared] == [50, 80]
        assert desk.alerts.open() == ()


def test_while_the_folder_is_gone_nothing_is_new_and_nothing_over(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        desk.look(NOW)
        (place.folder / "logs/api").rename(place.folder / "logs/away")
        desk.store.refresh()  # type: ignore[attr-defined]
        assert desk.store.health().folder_problem is not None
        assert desk.look(NOW).cleared == ()
        assert [one.condition.level for one in desk.alerts.open()] == [80]


def test_wrong_settings_are_said_and_the_rules_before_stand(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        desk.rules()
        place.file.write_text(BUDGET.replace("limit = 10", 'limit = "ten"'))
        assert len(desk.look(NOW).announced) == 1
        assert desk.problem is not None and "limit: must be a number above 0, not 'ten'" in desk.problem
        assert desk.problems == (desk.problem,)
        place.file.write_text(BUDGET + "\n")
        desk.rules()
        assert desk.problem is None and desk.problems == ()


def test_before_settings_were_ever_understood_nothing_is_new_and_nothing_over(place: Place) -> None:
    """A default watch would be crossed too, and nobody could be told."""
    place.call(8.5)
    with place.desk() as desk:
        desk.look(NOW)
    place.call(0.1, session_id="s", tokens_input=10**9)
    place.file.write_text(BUDGET.replace("limit = 10", 'limit = "ten"'))
    with place.desk() as desk:
        assert desk.look(NOW) == Changes()
        assert desk.problem is not None
        place.file.write_text(BUDGET)
        found = desk.look(NOW)
        assert [one.condition.rule for one in found.announced] == ["watch:session:s"]
        assert found.cleared == ()


def test_without_a_settings_file_alerts_of_budgets_end_with_their_periods(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        desk.look(NOW)
    place.file.unlink()
    with place.desk() as desk:
        assert desk.look(NOW) == Changes()
        assert desk.doubts(NOW)[0].startswith("Alerts of budgets are open (Daily), but no callmeter.toml")
        assert desk.problems == desk.doubts(NOW)
        later = NOW + timedelta(hours=10)
        assert desk.doubts(later) == ()
        assert [one.condition.level for one in desk.look(later).cleared] == [50, 80]


def test_while_a_day_cannot_be_read_its_alerts_do_not_end(place: Place) -> None:
    place.call(8.5)
    file = place.folder / "logs/api/api-calls-2026-11-22.jsonl"
    with place.desk() as desk:
        desk.look(NOW)
        file.rename(place.folder / "away")
        file.mkdir()
        desk.store.refresh()  # type: ignore[attr-defined]
        assert desk.look(NOW) == Changes()
        assert desk.doubts(NOW) == (
            "api-calls-2026-11-22.jsonl: is not a file; alerts of what it may hold do not end meanwhile.",
        )
        later = NOW + timedelta(days=10)
        assert [one.condition.level for one in desk.look(later).cleared] == [50, 80]
        file.rmdir()
        (place.folder / "away").rename(file)
        desk.store.refresh()  # type: ignore[attr-defined]
        assert desk.doubts(NOW) == ()


def test_names_of_a_log_do_no_harm_in_what_is_sent(place: Place) -> None:
    place.file.write_text("[watch]\nsession_tokens = 100\n" + SEND)
    place.call(1.0, task_id="gh\x1b[31m\r\nBcc: x\u202e" + "9" * 5000, session_id="s\n1", tokens_input=200)
    with place.desk() as desk:
        assert len(desk.look(NOW).announced) == 1
        assert place.came.wait(30)
        sentence = desk.alerts.open()[0].condition.sentence
    assert sentence.isprintable() and len(sentence) <= 400
    title, _, rest = place.got[0].body.partition("\n\n")
    assert title == sentence and "\n" not in rest


def test_times_are_written_in_the_zone_of_the_log(place: Place) -> None:
    place.call(8.5)
    with place.desk() as desk:
        desk.store.zone = ZoneInfo("Europe/Berlin")
        desk.look(NOW)
    assert (
        '"timestamp": "2026-11-22T15:05:00+01:00"' in (place.folder / "logs/alerts/alerts.jsonl").read_text()
    )


# By itself


def test_a_started_desk_delivers_what_a_new_line_crosses(place: Place) -> None:
    place.file.write_text(BUDGET + SEND)
    place.call(1.0)
    with place.desk(start=True) as desk:
        wait_for(lambda: desk.store.health().lines == 1)
        place.call(8.0)
        assert place.came.wait(60)
        assert [one.condition.level for one in desk.alerts.open()] == [90]
    assert place.got[0].title == "callmeter: warning, budget"
    assert "hunter2" not in place.got[0].body


def test_what_was_announced_and_not_delivered_is_delivered_by_the_next_one(place: Place) -> None:
    place.file.write_text(BUDGET + SEND)
    place.call(9.5)
    with place.desk() as dying:
        assert len(dying.note(NOW).announced) == 1
    assert place.got == []
    place.now += timedelta(hours=2)
    with place.desk(start=True) as desk:
        assert place.came.wait(60)
        wait_for(lambda: not desk.alerts.pending(desk.rules().delivery.addresses[0], place.now))
    assert len(place.got) == 1


def test_a_server_started_over_a_long_log_clears_nothing_before_it_is_read(place: Place) -> None:
    place.call(9.5)
    with place.desk() as before:
        before.look(NOW)
    for day in range(30):
        place.now = NOW - timedelta(days=day + 1)
        place.call(0.1)
    place.now = NOW
    with place.desk(start=True) as desk:
        wait_for(lambda: ready(desk.store.health()))
        wait_for(lambda: desk._position)
    assert "cleared" not in (place.folder / "logs/alerts/alerts.jsonl").read_text()


# The lookout


class News:
    """A store that says what it is told to say."""

    def __init__(self, health: Health) -> None:
        self.version, self._health, self._told = 1, health, threading.Condition()

    def health(self) -> Health:
        return self._health

    def wait(self, version: int, timeout: float) -> int:
        with self._told:
            self._told.wait_for(lambda: self.version != version, timeout)
            return self.version

    def tell(self, health: Health | None = None) -> None:
        with self._told:
            self.version, self._health = self.version + 1, health or self._health
            self._told.notify_all()


READ = Health(days_loaded=3, days_total=3, watching="events")


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (READ, True),
        (Health(days_loaded=2, days_total=3, watching="events"), False),
        (Health(), False),  # not listed yet
        (Health(watching="polling"), True),  # an empty folder
        (Health(watching="events", folder_problem="no such folder"), False),
    ],
)
def test_there_is_no_look_before_all_days_are_read(health: Health, expected: bool) -> None:
    assert ready(health) is expected


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "_PAUSE", 0.0)
    monkeypatch.setattr(lookout, "SHARE", 0.0)
    monkeypatch.setattr(lookout, "_STEP", 0.01)


@pytest.mark.usefixtures("_no_pause")
def test_it_looks_when_all_is_read_and_after_each_change() -> None:
    news, seen = News(Health()), []
    watch = Lookout(news, lambda: seen.append(news.version))
    watch.start()
    news.tell(Health(days_loaded=1, days_total=2, watching="events"))
    news.tell(READ)
    wait_for(lambda: seen == [3])
    news.tell()
    wait_for(lambda: seen == [3, 4])
    watch.stop()
    news.tell()
    assert seen == [3, 4]


@pytest.mark.usefixtures("_no_pause")
def test_it_looks_now_and_then_although_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "PATIENCE", 0.02)
    seen: list[int] = []
    watch = Lookout(News(READ), lambda: seen.append(1))
    watch.start()
    wait_for(lambda: len(seen) > 3)
    watch.stop()


def test_after_a_look_it_rests_ten_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of the clock, and the rests it took: at least one, ten times what the look took."""
    clock, rests, took = [0.0], [], iter([0.01, 2.0])
    watch = Lookout(News(READ), lambda: clock.__setitem__(0, clock[0] + next(took)))
    monkeypatch.setattr(lookout.time, "monotonic", lambda: clock[0])

    class Ended:
        def is_set(self) -> bool:
            return len(rests) == 2

        def wait(self, seconds: float) -> None:
            rests.append(round(seconds, 6))

    ended: Any = Ended()
    watch._ended = ended
    monkeypatch.setattr(watch, "_await_news", lambda *_: None)
    watch._run()
    assert rests == [1.0, 20.0]


@pytest.mark.usefixtures("_no_pause")
def test_it_survives_any_error_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    news, looks = News(READ), 0
    fails: list[Exception | None] = [
        ValueError("odd"),
        ValueError("odd"),
        FolderError(Path("a"), "full"),
        None,
    ]

    def look() -> None:
        nonlocal looks
        looks += 1
        error = fails[looks - 1]
        if error:
            raise error

    watch, said = Lookout(news, look), []
    with caplog.at_level(logging.ERROR, "callmeter"):
        watch.start()
        for number in range(1, 5):
            wait_for(lambda number=number: looks == number)  # type: ignore[misc]
            said.append(watch.problem)
            if number < 4:
                news.tell()
        watch.stop()
    assert watch.problem is None
    assert [record.getMessage() for record in caplog.records] == [
        "Budgets and credit cannot be looked at: ValueError: odd",
        "Budgets and credit cannot be looked at: a: full",
    ]


# While the log is read


def half_read(desk: Desk) -> None:
    """Only the newest files are read; the days before were last written to on their day."""
    for file in desk.store.folder.glob("*.jsonl"):  # type: ignore[attr-defined]
        written = datetime.fromisoformat(file.name[10:20]).timestamp() + 80_000
        os.utime(file, (written, written))
    desk.store.load(days(NOW.date(), NOW.date(), desk.store.zone))  # type: ignore[attr-defined]
    assert desk.store.health().loading


def whole(desk: Desk) -> None:
    desk.store.load()  # type: ignore[attr-defined]
    assert not desk.store.health().loading


def test_a_balance_reckoned_while_the_log_was_read_is_right_as_soon_as_it_was(place: Place) -> None:
    for back in range(20, -1, -1):
        place.now = NOW - timedelta(days=back)
        place.call(10.0)
    with place.desk(read=False) as desk:
        desk.ledger.grant(NOW - timedelta(days=20, minutes=5), 1000.0)
        half_read(desk)
        assert balance_of(desk) == 980
        whole(desk)
        assert balance_of(desk) == 790


def balance_of(desk: Desk, now: datetime = NOW) -> float:
    found = desk.position(now).balance
    assert found is not None
    return found.left_usd


def test_while_the_log_is_read_nothing_is_new_and_nothing_over(place: Place) -> None:
    for back in (3, 0):
        place.now = NOW - timedelta(days=back)
        place.call(55.0 if back else 1.0)
    with place.desk() as desk:
        desk.ledger.grant(NOW - timedelta(days=4), 100.0)
        assert [one.condition.id for one in desk.look(NOW).announced]
        before = desk.alerts.open()
    with place.desk(read=False) as desk:
        half_read(desk)
        assert desk.look(NOW) == Changes()
        assert desk.alerts.open() == before
        whole(desk)
        assert desk.look(NOW) == Changes()


def test_a_reading_that_came_while_another_look_waited_is_not_lost(place: Place) -> None:
    """The look was asked for a moment before the reading and begins after it."""
    with place.desk() as desk:
        desk.ledger.read(NOW, 200.0)
        assert balance_of(desk) == 200
        desk.ledger.read(NOW + timedelta(seconds=2), 240.0)
        assert balance_of(desk, NOW + timedelta(seconds=1)) == 200
        assert balance_of(desk, NOW + timedelta(seconds=2)) == 240
