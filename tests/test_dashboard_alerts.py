"""Alerts: what is new and what ended; each crossing once per period and level."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.money import alerts
from dashboard.money.alerts import CALM, Alert, Condition, changes, harmless, plain, worst

NOW = datetime.fromisoformat("2026-11-22T14:05:00+01:00")


def condition(
    level: int = 50, period: str = "2026-11-22", rule: str = "budget:Daily", **more: str
) -> Condition:
    said = {"severity": "warning", "sentence": f"{level} % of $10 are used."} | more
    return Condition(rule, period, level, **said)


def raised(*conditions: Condition, at: datetime = NOW) -> list[Alert]:
    return [Alert(one, at) for one in conditions]


def test_what_is_new_is_announced() -> None:
    found = changes([], [condition(50)], NOW)
    assert found.raised == (Alert(condition(50), NOW, announced=True),)
    assert found.announced == found.raised
    assert found.cleared == ()


def test_of_several_levels_at_once_only_the_highest_is_announced_and_the_others_are_noted() -> None:
    found = changes([], [condition(50), condition(80), condition(90)], NOW)
    assert [(one.condition.level, one.announced) for one in found.raised] == [
        (50, False),
        (80, False),
        (90, True),
    ]


def test_the_next_level_is_announced_and_the_one_before_stays_open() -> None:
    found = changes(raised(condition(50)), [condition(50), condition(80)], NOW)
    assert [one.condition.level for one in found.announced] == [80]
    assert found.cleared == ()


def test_what_is_so_still_is_nothing_new() -> None:
    assert changes(raised(condition(50)), [condition(50)], NOW) == alerts.Changes()


def test_what_ended_is_cleared() -> None:
    found = changes(raised(condition(50)), [], NOW)
    assert found.cleared == (Alert(condition(50), NOW, cleared=NOW),)


def test_what_comes_again_in_its_period_is_open_again_and_not_announced_again() -> None:
    before = [Alert(condition(50), NOW, cleared=NOW)]
    later = NOW + timedelta(hours=5)
    assert changes(before, [condition(50)], later).raised == (Alert(condition(50), later, announced=False),)


def test_a_new_period_is_announced_anew_and_ends_the_one_before() -> None:
    before = raised(condition(50, "2026-11-22"))
    found = changes(before, [condition(50, "2026-11-23")], NOW + timedelta(days=1))
    assert [one.id for one in found.announced] == ["budget:Daily|2026-11-23|50"]
    assert [one.id for one in found.cleared] == ["budget:Daily|2026-11-22|50"]


def test_without_a_period_it_is_announced_again_a_while_after_it_was_told() -> None:
    before = [Alert(condition(1, ""), NOW, cleared=NOW + CALM / 4)]
    assert changes(before, [condition(1, "")], NOW + CALM / 2).announced == ()
    assert len(changes(before, [condition(1, "")], NOW + CALM).announced) == 1


def test_what_comes_and_goes_is_told_again_at_most_each_hour_and_not_once_a_night() -> None:
    """16 bursts, one every 40 minutes."""
    known: dict[str, Alert] = {}
    told = []
    for number in range(16):
        now = NOW + number * timedelta(minutes=40)
        for so, at in (([condition(1, "")], now), ([], now + timedelta(minutes=10))):
            found = changes(list(known.values()), so, at)
            known |= {one.id: one for one in (*found.cleared, *found.raised)}
            told += [number for _ in found.announced]
    assert told == [0, 2, 4, 6, 8, 10, 12, 14]


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    before = [Alert(condition(1, ""), NOW + timedelta(days=30), cleared=NOW + timedelta(days=30))]
    assert len(changes(before, [condition(1, "")], NOW).announced) == 1


def test_what_is_to_be_kept_stays_open() -> None:
    other = condition(50, rule="budget:Other")
    found = changes(
        raised(condition(50), other), [], NOW, lambda alert: alert.condition.rule == "budget:Daily"
    )
    assert [one.id for one in found.cleared] == [other.id]


def test_a_critical_state_that_becomes_a_warning_is_no_news() -> None:
    """Credit was refilled a little: the level below is noted."""
    before = raised(condition(2, "", "credit:balance"))
    found = changes(before, [condition(1, "", "credit:balance")], NOW)
    assert found.announced == ()
    assert [one.condition.level for one in found.cleared] == [2]


RULES = st.sampled_from(["budget:Daily", "credit:balance"])
LEVELS = st.sets(st.sampled_from([50, 80, 100]))
LOOKS = st.lists(st.dictionaries(RULES, LEVELS), min_size=1, max_size=12)


@given(looks=LOOKS, per_period=st.integers(1, 4))
def test_each_crossing_is_announced_once_per_period_and_level(
    looks: list[dict[str, set[int]]], per_period: int
) -> None:
    """Against a model that knows only the highest level told so far of each rule and period."""
    known: dict[str, Alert] = {}
    told: dict[tuple[str, str], int] = {}
    for number, look in enumerate(looks):
        period, now = f"period {number // per_period}", NOW + timedelta(minutes=number)
        so = [condition(level, period, rule) for rule, levels in look.items() for level in sorted(levels)]
        found = changes(list(known.values()), so, now)
        expected = {
            (rule, max(levels))
            for rule, levels in look.items()
            if levels and max(levels) > told.get((rule, period), 0)
        }
        assert {(one.condition.rule, one.condition.level) for one in found.announced} == expected
        told |= {(rule, period): level for rule, level in expected}
        known |= {one.id: one for one in (*found.cleared, *found.raised)}
        assert {one.id for one in known.values() if one.cleared is None} == {one.id for one in so}


def test_the_worst_comes_first_and_of_each_crossing_only_the_highest_level() -> None:
    listed = [
        *raised(condition(50), condition(80)),
        *raised(condition(1, "", "credit:balance", severity="critical"), at=NOW - timedelta(hours=2)),
        *raised(condition(1, "", "watch:session:1f2e"), at=NOW + timedelta(hours=1)),
    ]
    assert [one.id for one in worst(listed)] == [
        "credit:balance||1",
        "watch:session:1f2e||1",
        "budget:Daily|2026-11-22|80",
    ]


# What a log line can put into a sentence


def test_a_sentence_from_a_log_is_harmless() -> None:
    name = "gh\x1b[31m-456\r\nSubject: hi\u202e<script>\x00\ud800"
    safe = harmless(condition(sentence=f"Task {name} spent " + "9" * 1000, rule="watch:session:" + name * 50))
    assert safe.sentence.startswith("Task gh [31m-456 Subject: hi <script> spent 999")
    assert safe.sentence.isprintable() and len(safe.sentence) == alerts.LONGEST_SENTENCE
    assert safe.rule.isprintable() and len(safe.rule) == alerts.LONGEST_RULE


def test_long_names_stay_apart() -> None:
    one, other = (harmless(condition(rule="watch:" + "x" * 500 + end)) for end in "ab")
    assert one.rule != other.rule


def test_an_unknown_severity_is_a_warning() -> None:
    assert harmless(condition(severity="fatal")).severity == "warning"


def test_plain_text_is_cut_with_a_sign() -> None:
    assert plain("a  b\tc", 10) == "a b c"
    assert plain("abcdefgh", 5) == "abcd…"
