"""Delivery of alerts: to real servers on loopback; addresses are secrets wherever something is said."""

from __future__ import annotations

import builtins
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_string, policy
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alert_servers import Mail, Web, running

from dashboard.errors import SettingError
from dashboard.money import channel as channels
from dashboard.money.alert_log import FILE, PATIENCE, AlertLog, Told
from dashboard.money.alerts import Alert, Condition
from dashboard.money.channel import NO_ANSWER, ChannelError, open_channel, reason
from dashboard.money.courier import BACK_OFF, SINGLY, Courier, Round
from dashboard.money.message import Message, bundle, message_of, trial
from dashboard.money.notify import Address, Delivery, delivery_of, shown

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 5, tzinfo=BERLIN)
SENTENCE = "Daily spending: $9.10 of $10 (91 %) <b>by</b> project *web*."


def condition(level: int = 90, severity: str = "warning") -> Condition:
    return Condition("budget:Daily spending", "2026-11-22", level, severity, SENTENCE)


def message() -> Message:
    return message_of(Alert(condition(), NOW), "pi", BERLIN)


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web()) as server:
        yield server


@pytest.fixture
def mail() -> Iterator[Mail]:
    with running(Mail()) as server:
        yield server


def address(url: str) -> Address:
    return Delivery((url,)).addresses[0]


# What is set


def test_addresses_come_from_the_file_or_before_it_from_the_environment() -> None:
    table = {"to": ["ntfy://ntfy.sh/a", "mailto://u:p@example.org"], "from_severity": "warning"}
    assert delivery_of(table, "callmeter.toml", {}) == Delivery(tuple(table["to"]), "warning")
    environ = {"CALLMETER_ALERTS_TO": "json://a/x,y\n  slack://b/c/d "}
    assert delivery_of(table, "callmeter.toml", environ).to == ("json://a/x,y", "slack://b/c/d")
    assert delivery_of({}, "callmeter.toml", {}) == Delivery()


@pytest.mark.parametrize(
    ("table", "environ", "said"),
    [
        ({"to": "hunter2"}, {}, "callmeter.toml: [alerts]: to: entry 1 is no URL"),
        ({"to": ["ntfy://a/b", "ntfy://a hunter2"]}, {}, "callmeter.toml: [alerts]: to: entry 2 is no URL"),
        ({"to": [5, "hunter2"]}, {}, "callmeter.toml: [alerts]: to: must be a text or a list"),
        ({}, {"CALLMETER_ALERTS_TO": "hunter2"}, "environment: CALLMETER_ALERTS_TO: entry 1 is no URL"),
        ({"from": "info"}, {}, "callmeter.toml: [alerts]: from: no such key; there are to, from_severity"),
        ({"from_severity": "bad"}, {}, "from_severity: must be one of info, warning, critical, not 'bad'"),
    ],
)
def test_what_cannot_be_an_address_is_a_sentence_without_it(
    table: dict[str, Any], environ: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingError) as error:
        delivery_of(table, "callmeter.toml", environ)
    assert said in str(error.value)
    assert "hunter2" not in "".join(traceback.format_exception(error.value))


# What may be shown


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mailto://user:hunter2@example.org?name=pi", "mailto://…@example.org"),
        ("mailto://user:hunter2@example.org?to=me@home.de", "mailto://…"),
        ("mailto://user:p@hunter2?x@gmail.com", "mailto://…"),
        ("mailto://127.0.0.1:2525?from=a@b.c&to=me@home.de", "mailto://…"),
        ("mailtos://user:hun/ter2@example.org", "mailtos://…"),
        ("mailto://user:hunter2?@example.org", "mailto://…"),
        ("mailto://user:hunter2@Example.org:587", "mailto://…@example.org"),
        ("mailto://user:p@hunter2@example.org", "mailto://…"),
        ("json://127.0.0.1:8080/hunter2", "json://127.0.0.1/…"),
        ("json://[::1]:8080/hunter2", "json://[::1]/…"),
        ("json://host/path@hunter2", "json://…"),
        ("ntfy://ntfy.sh/hunter2", "ntfy://ntfy.sh/…"),
        ("ntfy://hunter2", "ntfy://…"),
        ("ntfy://hunter2/", "ntfy://…"),
        ("ntfy://hunter2/?priority=high", "ntfy://…"),
        ("ntfy://hunter2?click=https://example.org/x", "ntfy://…"),
        ("ntfys://hunter2/?tags=a", "ntfys://…"),
        ("ntfys://hunter2#a/b", "ntfys://…"),
        ("ntfy://user:pass@hunter2/?x=1", "ntfy://…"),
        ("ntfy://hunter2/b?mode=cloud", "ntfy://…"),
        ("ntfy://hunter2-/b", "ntfy://…"),
        ("ntfy://hunter2:/b", "ntfy://…"),
        ("ntfy://hunter2/%20", "ntfy://…"),
        ("ntfy://hunter2.5/b", "ntfy://…"),
        ("json://@example.org@hunter2/b", "json://…"),
        ("https://hooks.slack.com/services/T1/B2/hunter2", "https://hooks.slack.com/…"),
        ("gotify://hunter2", "gotify://…"),
        ("gotify://example.org/hunter2", "gotify://example.org/…"),
        ("slack://hunter2/B2/C3/#alerts", "slack://…"),
        ("tgram://123456:hunter2/789", "tgram://…"),
        ("twilio://AC123:hunter2@15551234567/15557654321", "twilio://…"),
        ("hunter2", "…"),
    ],
)
def test_of_an_address_service_and_host_are_shown_at_most(url: str, name: str) -> None:
    assert shown(url) == name


def test_addresses_of_one_name_are_told_apart() -> None:
    delivery = Delivery(("ntfy://ntfy.sh/one", "ntfy://ntfy.sh/two", "ntfy://ntfy.sh/one"))
    assert [(one.number, one.name) for one in delivery.addresses] == [
        (1, "ntfy://ntfy.sh/…"),
        (2, "ntfy://ntfy.sh/… (2)"),
    ]


def test_nothing_that_can_be_printed_holds_an_address() -> None:
    delivery = Delivery(("json://127.0.0.1/hunter2",))
    opened = open_channel(delivery.addresses[0])
    assert "hunter2" not in repr((delivery, delivery.addresses, opened))


# Messages


def test_a_message_says_what_where_and_when_in_plain_text() -> None:
    assert message() == Message(
        title="callmeter: warning, budget",
        body=f"{SENTENCE}\n\nNoticed on pi at 2026-11-22 14:05.",
        short=f"callmeter: {SENTENCE}",
        severity="warning",
    )


# Real deliveries


def test_json_arrives(web: Web) -> None:
    assert open_channel(address(f"json://{web.place}/hook")).send(message()) == ""
    path, kind, body = web.got[0]
    assert (path, kind) == ("/hook", "application/json")
    said = json.loads(body)
    assert (said["title"], said["message"], said["type"]) == (message().title, message().body, "warning")


def test_xml_arrives(web: Web) -> None:
    assert open_channel(address(f"xml://{web.place}/hook")).send(message()) == ""
    assert "&lt;b&gt;by&lt;/b&gt; project *web*" in web.got[0][2]


def test_ntfy_arrives(web: Web) -> None:
    assert open_channel(address(f"ntfy://{web.place}/topic")).send(message()) == ""
    said = json.loads(web.got[0][2])
    assert (said["topic"], said["title"], said["message"]) == ("topic", message().title, message().body)


def test_mail_arrives_as_plain_text(mail: Mail) -> None:
    url = f"mailto://127.0.0.1:{mail.server_address[1]}?from=pi@example.org&to=me@example.org&mode=insecure"
    assert open_channel(address(url)).send(message()) == ""
    got = message_from_string(mail.got[0], policy=policy.default)
    assert (got["Subject"], got["To"]) == ("callmeter: warning, budget", "me@example.org")
    assert got.get_content_type() == "text/plain"
    assert got.get_content().strip().replace("\r\n", "\n") == message().body


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "twilio://AC" + "1" * 32 + ":" + "b" * 32 + "@15551233456/15557654321",
        "mailto://user:password@gmail.com",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    ],
)
def test_addresses_of_common_services_are_understood(url: str) -> None:
    assert open_channel(address(url)).name == shown(url)


def test_where_little_fits_the_short_form_is_sent(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    from apprise.plugins.custom_json import NotifyJSON

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 40)
    assert open_channel(address(f"json://{web.place}/sms")).send(message()) == ""
    said = json.loads(web.got[0][2])
    assert (said["title"], said["message"]) == ("", "callmeter: Daily spending: $9.10 of $10…")


# What goes wrong


def test_an_address_apprise_does_not_know_is_named_by_number_and_service() -> None:
    bad = Delivery(("ntfy://ntfy.sh/fine", "carrierpigeon://hunter2/x")).addresses[1]
    with pytest.raises(ChannelError) as error:
        open_channel(bad)
    assert "entry 2 of the addresses (carrierpigeon://…)" in str(error.value)
    assert "hunter2" not in "".join(traceback.format_exception(error.value))


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *more: Any, **names: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *more, **names)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ChannelError, match=r"pip install 'callmeter\[notify\]'"):
        open_channel(address("json://127.0.0.1/hunter2"))


def test_a_server_that_refuses_is_said_with_its_answer(web: Web) -> None:
    web.status = 503
    assert open_channel(address(f"json://{web.place}/x")).send(message()) == "the server answered with 503"


def test_a_server_that_is_not_there_is_said() -> None:
    with running(Web()) as gone:
        place = gone.place
    assert open_channel(address(f"json://{place}/x")).send(message()) == "the server cannot be reached"
    gone_mail = f"mailto://{place}?from=pi@example.org&to=me@example.org&mode=insecure"
    assert open_channel(address(gone_mail)).send(message()) == "the server cannot be reached"


def test_a_receiver_that_does_not_answer_may_have_got_it(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_ANSWER", 0.1)
    release = threading.Event()
    with running(Stuck(release)) as stuck:
        place = stuck.place
        assert open_channel(address(f"json://{place}/x?rto=0.1")).send(message()) == NO_ANSWER
        silent = f"mailto://{place}?from=pi@example.org&to=me@example.org&mode=insecure&rto=0.1&cto=0.1"
        assert open_channel(address(silent)).send(message()) in (NO_ANSWER, "the server cannot be reached")
        release.set()


def test_a_receiver_has_time_to_answer_unless_its_address_says_otherwise() -> None:
    def times(url: str) -> tuple[float, float]:
        opened: Any = open_channel(address(url))
        connect, answer = opened._service.request_timeout
        return connect, answer

    assert times("json://127.0.0.1/x") == (10, 30)
    assert times("json://127.0.0.1/x?cto=2&rto=3") == (2, 3)
    assert times("mailto://user:password@gmail.com") == (15, 30)


def test_why_it_failed_repeats_no_word_of_the_library() -> None:
    assert reason(["Failed to send to hunter2: error=401."]) == "the server answered with 401"
    assert reason(["hunter2 is wrong"]) == "it was not taken"
    assert reason(["Connection to hunter2 timed out. (connect timeout=4)"]) == "the server cannot be reached"


def test_a_failure_inside_the_library_is_a_reason(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    from apprise import Apprise

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(Apprise, "notify", fails)
    assert open_channel(address(f"json://{web.place}/x")).send(message()) == "it failed with RuntimeError"


def test_a_server_that_never_answers_is_waited_for_so_long_and_asked_no_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.01)
    release, asked = threading.Event(), threading.Event()

    class Silent:
        body_maxlen = 10_000
        asset = None

    class Stuck:
        def __init__(self, asset: object) -> None: ...

        def add(self, service: object) -> None: ...

        def notify(self, **_: object) -> bool:
            asked.set()
            release.wait()
            return True

    library: Any = type("Library", (), {"Apprise": Stuck})
    stuck = channels.AppriseChannel("json://…", Silent(), library)
    assert stuck.send(message()) == NO_ANSWER
    assert asked.wait(10)
    assert stuck.send(message()) == "the delivery before has still not ended"
    release.set()


def test_the_library_writes_no_address_into_the_programs_log(web: Web) -> None:
    """Not even where the program wants to hear everything."""
    heard = StringIO()
    handler, root = logging.StreamHandler(heard), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        web.status = 500
        open_channel(address(f"json://user:hunter2@{web.place}/hunter2")).send(message())
        with pytest.raises(ChannelError):
            open_channel(address("slack://hunter2"))
        root.warning("the end")
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert heard.getvalue() == "the end\n"


class Stuck(Web):
    """Takes what is posted, and does not answer."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__()
        self._release = release

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._release.wait()
        self.shutdown_request(request)


# The courier


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def tell(told: Sequence[Told]) -> Message:
    if len(told) > 1:
        return bundle([one.alert for one in told], "pi")
    return message_of(told[0].alert, "pi", BERLIN)


def announced(folder: Path, *urls: str, level: int = 90, at: datetime = NOW) -> AlertLog:
    log = AlertLog(folder)
    log.take([condition(level)], at, Delivery(urls))
    return log


def test_a_failing_server_that_recovers_is_told_once(tmp_path: Path, web: Web) -> None:
    url, clock = f"json://{web.place}/x", Clock()
    log = announced(tmp_path, url)
    turn = Round(log, address(url), tell)
    web.status = 500
    assert turn.deliver(clock) == BACK_OFF[0]
    assert turn.trouble() == (
        "Alerts to json://127.0.0.1/… do not arrive since 2026-11-22 14:05: the server answered with 500."
        " Each is tried again for 24 hours."
    )
    web.status = 200
    clock.pass_(BACK_OFF[0] - 1)
    assert turn.deliver(clock) == 1 and web.got == []
    clock.pass_(1)
    assert turn.deliver(clock) is None and len(web.got) == 1
    assert turn.deliver(clock) is None and len(web.got) == 1
    assert turn.trouble() is None


def test_waits_grow_and_are_kept_by_a_restart(tmp_path: Path, web: Web) -> None:
    url, clock = f"json://{web.place}/x", Clock()
    announced(tmp_path, url)
    web.status = None
    waits = []
    for _ in range(6):
        wait = Round(AlertLog(tmp_path), address(url), tell).deliver(clock)
        assert wait is not None
        waits.append(wait)
        clock.pass_(wait)
    assert waits == [5, 30, 120, 600, 600, 600]


def test_after_a_day_it_is_not_tried_any_more(tmp_path: Path, web: Web) -> None:
    url, clock = f"json://{web.place}/x", Clock()
    log = announced(tmp_path, url)
    clock.pass_(PATIENCE.total_seconds() + 1)
    assert Round(log, address(url), tell).deliver(clock) is None
    assert (web.got, log.given_up(address(url), clock())) == ([], 1)


def test_cron_waits_as_the_server_does(tmp_path: Path, web: Web) -> None:
    url, clock = f"json://{web.place}/x", Clock()
    log = announced(tmp_path, url)
    web.status = 500
    Round(log, address(url), tell).deliver(clock)
    web.status = 200
    clock.pass_(1)
    assert Round(AlertLog(tmp_path), address(url), tell).deliver(clock) == BACK_OFF[0] - 1
    clock.pass_(BACK_OFF[0])
    assert Round(AlertLog(tmp_path), address(url), tell).deliver(clock) is None
    assert len(web.got) == 1


def test_a_storm_is_told_in_few_messages_the_worst_first(tmp_path: Path) -> None:
    """60 sessions and one budget at once: the budget comes first, and nothing is left out."""
    log, box = AlertLog(tmp_path), Box("json://one/…")
    so = [Condition(f"watch:session:{n}", "", 100, "warning", f"Session {n}.") for n in range(60)]
    log.take([*so, condition(100, "critical")], NOW, Delivery(("json://one/x",)))
    turn = Round(log, address("json://one/x"), tell, lambda _: box)
    assert turn.deliver(Clock()) is None
    assert len(box.got) == SINGLY + 1
    assert box.got[0].severity == "critical"
    assert box.got[-1].title == "callmeter: 41 more alerts"
    assert box.got[-1].body.startswith("41 more alerts: 41 warning.\n\n- warning: Session ")
    assert "… and 21 more.\n" in box.got[-1].body
    assert log.pending(address("json://one/x"), NOW) == ()


def test_what_may_have_arrived_is_not_told_again_and_again_and_keeps_no_other_back(tmp_path: Path) -> None:
    class Slow(Box):
        def send(self, message: Message) -> str:
            super().send(message)
            return NO_ANSWER if "100 %" in message.body else ""

    url, clock, box = "json://one/x", Clock(), Slow("json://one/…")
    log = AlertLog(tmp_path)
    so = [
        replace(condition(100, "critical"), sentence="100 %."),
        replace(condition(90), rule="budget:Other", sentence="90 %."),
    ]
    log.take(so, NOW, Delivery((url,)))
    turn = Round(log, address(url), tell, lambda _: box)
    assert turn.deliver(clock) == BACK_OFF[0]
    assert turn.trouble() == (
        "Alerts to json://one/… are not confirmed since 2026-11-22 14:05: it gave no answer in time; what was"
        " sent may have arrived. Each is sent again 3 times at most."
    )
    for _ in range(24 * 60):  # cron, each minute of a day
        Round(AlertLog(tmp_path), address(url), tell, lambda _: box).deliver(clock)
        clock.pass_(60)
    assert [message.short for message in box.got] == [
        "callmeter: 100 %.",
        "callmeter: 90 %.",
        "callmeter: 100 %.",
        "callmeter: 100 %.",
        "callmeter: 100 %.",
    ]


def test_who_has_no_time_left_begins_with_no_more(tmp_path: Path) -> None:
    log, box = announced(tmp_path, "json://one/x"), Box("json://one/…")
    Round(log, address("json://one/x"), tell, lambda _: box).deliver(Clock(), lambda: True)
    assert box.got == [] and len(log.pending(address("json://one/x"), NOW)) == 1


def test_what_is_delivered_is_not_sent_again_when_it_cannot_be_noted(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"json://{web.place}/x"
    log = announced(tmp_path, url)
    turn = Round(log, address(url), tell)

    def full(*_: object) -> None:
        raise SettingError("disk", "full", "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(log, "delivered", full)
        for _ in range(2):
            with pytest.raises(SettingError):
                turn.deliver(Clock())
    assert turn.deliver(Clock()) is None
    assert len(web.got) == 1


def test_two_processes_do_not_both_deliver(tmp_path: Path, web: Web) -> None:
    """Each holds the channel while it delivers, and looks again at what is left."""
    url = f"json://{web.place}/x"
    announced(tmp_path, url)
    rounds = [Round(AlertLog(tmp_path), address(url), tell) for _ in range(4)]
    threads = [threading.Thread(target=turn.deliver, args=(Clock(),)) for turn in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(web.got) == 1


class Box:
    """A channel that keeps what it is sent, and says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[Message] = []
        self.came = threading.Event()

    def send(self, message: Message) -> str:
        self.got.append(message)
        self.came.set()
        return ""


class Jam(Box):
    """A channel whose delivery does not end."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.release = threading.Event()

    def send(self, message: Message) -> str:
        super().send(message)
        self.release.wait()
        return ""


def test_an_alert_that_is_never_taken_keeps_no_other_back(tmp_path: Path) -> None:
    class Choosy(Box):
        def send(self, message: Message) -> str:
            return "it was not taken" if "50 %" in message.body else super().send(message)

    url, clock = "json://one/x", Clock()
    log = AlertLog(tmp_path)
    for level in (50, 80, 90):
        so = replace(condition(level), sentence=f"{level} % are used.")
        log.take([so], clock(), Delivery((url,)))
        clock.pass_(1)
    box = Choosy("json://one/…")
    turn = Round(log, address(url), tell, lambda _: box)
    for _ in range(3):
        turn.deliver(clock)
        clock.pass_(BACK_OFF[-1])
    assert sorted(message.short for message in box.got) == [
        "callmeter: 80 % are used.",
        "callmeter: 90 % are used.",
    ]


def test_a_channel_that_hangs_holds_up_no_other_and_not_the_caller(tmp_path: Path) -> None:
    delivery = Delivery(("json://one/x", "json://two/x"))
    boxes = {"json://one/…": Jam("json://one/…"), "json://two/…": Box("json://two/…")}
    log = announced(tmp_path, *delivery.to)
    courier = Courier(log, tell, Clock(), lambda place: boxes[place.name])
    courier.send_to(delivery.addresses)
    assert all(box.came.wait(30) for box in boxes.values())
    courier.stop()
    boxes["json://one/…"].release.set()  # type: ignore[attr-defined]


def test_an_address_that_was_put_right_is_used(tmp_path: Path) -> None:
    """The old one is let go; what waits for its name is delivered by the new one."""
    box, log = Box("json://one/…"), announced(tmp_path, "json://one/wrong")

    def opened(place: Address) -> Box:
        if place.url.endswith("wrong"):
            raise ChannelError("Alerts: entry 1 is nothing apprise can send to.")
        return box

    clock = Clock()
    courier = Courier(log, tell, clock, opened)
    courier.send_to(Delivery(("json://one/wrong",)).addresses)
    wait_for(lambda: log.record(address("json://one/wrong")).failures == 1)
    assert courier.problems() == ("Alerts: entry 1 is nothing apprise can send to.",)
    clock.pass_(BACK_OFF[-1])
    courier.send_to(Delivery(("json://one/right",)).addresses)
    assert box.came.wait(30)
    wait_for(lambda: courier.problems() == ())
    courier.stop()


def test_a_channel_that_begins_to_fail_is_said_once(
    tmp_path: Path, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    web.status = 500
    url, clock = f"json://{web.place}/hunter2", Clock()
    log = announced(tmp_path, url)
    courier = Courier(log, tell, clock)
    with caplog.at_level(logging.WARNING, "callmeter"):
        for failures in (1, 2, 3):
            courier.send_to(Delivery((url,)).addresses)
            wait_for(lambda failures=failures: log.record(address(url)).failures == failures)  # type: ignore[misc]
            clock.pass_(BACK_OFF[-1])
        courier.stop()
    said = [record.getMessage() for record in caplog.records if record.name == "callmeter"]
    assert len(said) == 1 and said[0].startswith("Alerts to json://127.0.0.1/… do not arrive since")
    assert "hunter2" not in (tmp_path / FILE).read_text()


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it is so; a minute at most."""
    tick = threading.Event()
    assert any(condition() or tick.wait(0.01) for _ in range(6000))


def test_the_test_message_says_what_it_is() -> None:
    assert trial("pi").body == "This is a test from pi: alerts of callmeter arrive here."
