"""What the guard adds up: each call once, as `counted_once` says, however the lines come and are read."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.clock import LocalClock
from logger.counted_once import each_counted
from logger.record import day_file_name
from logger.spending import LOOK_BESIDE, Spending
from logger.spent_lines import SpentLines
from logger.spent_portion import Portions, told_by
from logger.spent_sums import SpentSums
from tests.doubles import doubles

LIMITS = ("per_day", "per_task", "per_worker", "per_project")
FIELDS = {"per_task": "task_id", "per_worker": "worker_id", "per_project": "project"}
DAYS = ("2026-11-20", "2026-11-21")
AT = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


class Listed:
    """Lines in a list, as `SpentLines` wants them back."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self.lines = [encoded(line) for line in lines]

    def line(self, place: int) -> bytes:
        return self.lines[place]


Totals = dict[tuple[str, str, str], tuple[float, int]]


def expected(lines: list[dict[str, Any]]) -> Totals:
    """(limit, day, name) -> (USD, lines of unknown cost), by counting all lines anew."""
    costs: dict[tuple[str, str, str], list[float | None]] = defaultdict(list)
    for one in each_counted(lines):
        if one is not None:
            day, cost = one["timestamp"][:10], one.get("estimated_cost_usd")
            costs["per_day", day, ""].append(cost)
            for limit, field in FIELDS.items():
                if one.get(field):
                    costs[limit, day, one[field]].append(cost)
    return {
        key: (round(sum(cost or 0.0 for cost in found), 9), found.count(None)) for key, found in costs.items()
    }


def found(sums: SpentSums, keys: Iterable[tuple[str, str, str]]) -> Totals:
    spent = {(limit, day, name): sums.on(limit, [day], name) for limit, day, name in keys}
    return {key: (round(one.usd, 9), one.unpriced) for key, one in spent.items()}


def every_key() -> list[tuple[str, str, str]]:
    names = {"per_day": [""], "per_task": "tu", "per_worker": "vw", "per_project": "pq"}
    return [(limit, day, name) for limit in LIMITS for day in DAYS for name in names[limit]]


@settings(max_examples=400)
@given(lines=st.lists(doubles(), max_size=14), data=st.data())
def test_the_sums_are_those_of_all_lines_counted_anew(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    """In any order, and settled after any of them; before that they are bounds."""
    lines = data.draw(st.permutations(lines))
    pauses = data.draw(st.sets(st.integers(0, 13)))
    sums, listed = SpentSums(LIMITS), Listed(lines)
    taken = SpentLines(sums, Portions(LocalClock(UTC)))
    for at, line in enumerate(listed.lines):
        taken.take(line, listed, at)
        assert_bounds(taken, sums, expected(lines[: at + 1]))
        if at in pauses:
            taken.settle()
            assert taken.open_usd == taken.open_unpriced == 0
            assert found(sums, every_key()) == with_zeros(expected(lines[: at + 1]))
    taken.settle()
    assert found(sums, every_key()) == with_zeros(expected(lines))


def assert_bounds(taken: SpentLines, sums: SpentSums, totals: Totals) -> None:
    """No sum is larger than what is found and what is open: a call that is begun by them may be begun."""
    for key, (usd, unpriced) in found(sums, every_key()).items():
        exact_usd, exact_unpriced = totals.get(key, (0.0, 0))
        assert usd + taken.open_usd >= exact_usd - 1e-9
        assert unpriced + taken.open_unpriced >= exact_unpriced


def with_zeros(totals: Totals) -> Totals:
    return {key: totals.get(key, (0.0, 0)) for key in every_key()}


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(doubles(), max_size=10), cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_however_a_file_grows_the_sums_are_those_of_its_lines(
    lines: list[dict[str, Any]], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also when a line is read while only a part of it is written."""
    folder = tmp_path_factory.mktemp("log")
    spending = Spending(str(folder), LIMITS, LocalClock(UTC))
    content = b"".join(encoded(line) + b"\n" for line in lines)
    begin, now = 0, AT
    for end in [*sorted(cuts), len(content)]:
        with (folder / day_file_name("2026-11-20")).open("ab") as file:
            file.write(content[begin:end])
        begin, now = max(begin, end), now + 1
        assert spending.look(now, "2026-11-20") is None
    assert spending.settle() is None
    assert found(spending.sums, every_key()) == with_zeros(expected(lines))


def line(cost: float | None = 1.0, at: str = "2026-11-20T10:00:00+00:00", **fields: Any) -> dict[str, Any]:
    return {"timestamp": at, "model": "m", "source": "manual", "estimated_cost_usd": cost, **fields}


def write(folder: Path, *lines: dict[str, Any], day: str = "2026-11-20", mode: str = "a") -> Path:
    path = folder / day_file_name(day)
    with path.open(mode) as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)
    return path


class Reader:
    """A `Spending` of 20 November in a zone; each look is some seconds after the one before."""

    def __init__(self, folder: Path, zone: Any = UTC) -> None:
        self.spending = Spending(str(folder), ["per_day", "per_hour"], LocalClock(zone))
        self.now = AT

    def spent(self, day: str = "2026-11-20") -> float:
        self.now += 2 * LOOK_BESIDE
        assert self.spending.look(self.now, day) is None
        assert self.spending.settle() is None
        return self.spending.sums.on("per_day", [day]).usd


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_a_folder_and_a_file_that_are_not_there_yet_are_nothing_spent(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "later")
    assert reader.spent() == 0
    (tmp_path / "later").mkdir()
    write(tmp_path / "later", line())
    assert reader.spent() == 1


def test_only_what_is_new_is_read(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, line(), line())
    assert reader.spent() == 2
    taken: list[bytes] = []
    take = SpentLines.take
    monkeypatch.setattr(SpentLines, "take", lambda self, *told: taken.append(told[0]) or take(self, *told))
    write(tmp_path, line(4.0))
    assert reader.spent() == reader.spent() == 6
    assert taken == [encoded(line(4.0))]


def test_a_truncated_file_counts_what_is_in_it(tmp_path: Path, reader: Reader) -> None:
    write(tmp_path, line(), line())
    assert reader.spent() == 2
    write(tmp_path, line(), mode="w")
    assert reader.spent() == 1


def test_a_file_that_was_emptied_and_grew_beyond_its_old_size_is_read_anew(
    tmp_path: Path, reader: Reader
) -> None:
    write(tmp_path, line(), line())
    assert reader.spent() == 2
    write(tmp_path, *[line(0.25)] * 3, mode="w")
    assert reader.spent() == 0.75


def test_a_replaced_and_a_deleted_file(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path, line(), line())
    assert reader.spent() == 2
    path.rename(tmp_path / "elsewhere")
    write(tmp_path, line(0.5))
    assert reader.spent() == 0.5
    path.unlink()
    assert reader.spent() == 0


def test_a_gzipped_day_counts_as_the_plain_one_did(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path, line(), line(2.0, source="sdk", request_id="r"))
    assert reader.spent() == 3
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert reader.spent() == 3
    write(tmp_path, line(5.0, source="otel", request_id="r"))
    assert reader.spent() == 3, "the telemetry of a call that stands in the gzipped file"


def test_a_broken_gzip_is_said_each_time(tmp_path: Path) -> None:
    (tmp_path / (day_file_name("2026-11-20") + ".gz")).write_bytes(gzip.compress(b"{}\n" * 999)[:-9])
    spending = Spending(str(tmp_path), ["per_day"], LocalClock(UTC))
    for now in (AT, AT + 5):
        assert "is broken" in str(spending.look(now, "2026-11-20"))


def test_bad_lines_take_none_of_their_neighbours_along(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path, line())
    with path.open("ab") as file:
        file.write(
            b'{"timestamp":"2026-\n\n[1]\nnull\n\xff\xfe\n\0\0\0\n{"estimated_cost_usd":"a"}\n'
            + b"[" * 99_999
            + b"\n"
        )
    write(tmp_path, line(2.0), line(None), line(4.0, at="yesterday"))
    assert reader.spent() == 3


def test_a_line_glued_to_a_torn_one_is_no_line() -> None:
    whole = b'{"timestamp":"T","task_id":null,"worker_id":null,"model":"m","estimated_cost_usd":1}'
    assert told_by(whole) == {"timestamp": "T", "task_id": None, "worker_id": None, "estimated_cost_usd": 1}
    assert told_by(whole[:70] + whole) is None


@pytest.mark.parametrize(
    "settings_",
    [{"estimated_cost_usd": 7}, {"a": 1, "estimated_cost_usd": 7}, {"a": '","estimated_cost_usd":7}'}],
)
def test_a_cost_in_the_settings_is_not_the_cost(settings_: dict[str, Any]) -> None:
    first = {"timestamp": "T", "task_id": "t", "worker_id": None, "model": "m", "settings": settings_}
    for fields in ({**first, "estimated_cost_usd": 1}, {"estimated_cost_usd": 1, **first}, first):
        told = told_by(json.dumps(fields, separators=(",", ":")).encode())
        assert told is not None and told.get("estimated_cost_usd") == fields.get("estimated_cost_usd")


def test_a_day_is_the_local_one_of_the_log_also_for_lines_of_another_zone(tmp_path: Path) -> None:
    """New York's 20 November ends five hours after London's."""
    late = line(3.0, at="2026-11-21T04:59:00+00:00"), line(4.0, at="2026-11-21T05:00:00+00:00")
    write(tmp_path, line(1.0, at="2026-11-20T05:00:00+00:00"), line(2.0, at="2026-11-20T04:59:59+00:00"))
    write(tmp_path, *late, day="2026-11-21")
    assert Reader(tmp_path, ZoneInfo("America/New_York")).spent() == 4


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_of_a_clock_change_has_all_its_hours(tmp_path: Path, day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone).timestamp()
    clock = LocalClock(zone)
    for hour in range(-2, 27):
        stamp, own = clock.spell(midnight + hour * 3600)
        write(tmp_path, line(1.0, at=stamp), day=own)
    assert Reader(tmp_path, zone).spent(day) == hours


def test_ids_beyond_the_most_are_forgotten_and_what_was_spent_is_not(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.spent_lines.MOST_KEYS", 10)
    calls = [line(source="sdk", request_id=f"r{n}") for n in range(30)]
    write(tmp_path, *calls, line(source="otel", request_id="r29"))
    assert reader.spent() == 30
    assert len(reader.spending._lines._groups) <= 10


def test_calls_of_one_source_with_one_id_are_not_counted_anew_with_each(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways give many replies one id."""
    monkeypatch.setattr("logger.spent_lines.each_counted", lambda lines: pytest.fail("counted anew"))
    write(tmp_path, *[line(source="sdk", message_id="same")] * 50)
    write(tmp_path, *[line(source="otel", session_id="s", request_id=str(n)) for n in range(50)])
    assert reader.spent() == 100


def test_a_watched_call_with_telemetry_covers_the_run_of_its_session(tmp_path: Path, reader: Reader) -> None:
    """Only the two together tell: the client knows the session, the telemetry that a run made the call."""
    shared = {"session_id": "s", "start_time": AT, "end_time": AT + 60, "at": "2026-11-20T12:00:00+00:00"}
    call = line(1.0, source="sdk", request_id="r", tokens_output=20, **{**shared, "end_time": AT + 5})
    write(tmp_path, call)
    assert reader.spent() == 1
    write(tmp_path, line(1.0, source="otel", request_id="r", tokens_output=20, at=shared["at"]))
    assert reader.spent() == 1
    write(tmp_path, line(3.0, source="cli", tokens_output=60, **shared))
    assert reader.spent() == 3


def test_of_equal_lines_the_first_counts_as_in_counted_once(tmp_path: Path, reader: Reader) -> None:
    """Two rows of one id, of which only the second knows the message that telemetry tells of too."""
    row = {"call_id": "msg-" + 24 * "a", "source": "transcript", "session_id": "s", "tokens_final": False}
    lines = [line(0.5, source="otel", session_id="s", message_id=2, success=False), line(None, **row)]
    lines.append({**lines[1], "message_id": 2})
    write(tmp_path, *lines)
    assert reader.spent() == 0.5
    counted = [one for one in each_counted(lines) if one is not None]
    assert reader.spending.sums.on("per_day", ["2026-11-20"]).unpriced == len(counted) - 1 == 1
