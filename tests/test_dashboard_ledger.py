"""The credit ledger: appended to only, kept by several processes, wrong lines told and never in the way."""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dashboard.errors import FolderError, UsageError
from dashboard.money.ledger import Grant, Ledger, Reading

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=timezone(timedelta(hours=1)))


def ledger_in(folder: Path, now: datetime = NOW) -> Ledger:
    return Ledger(folder, clock=lambda: now)


def test_what_is_entered_is_a_line_each_that_jq_can_read(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path / "credit")
    grant = ledger.grant(NOW - timedelta(days=3), 1000, label="promo", expires=date(2026, 12, 31))
    reading = ledger.read(NOW, 876.10, note="weekly check")
    lines = (tmp_path / "credit" / "credit.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "id": grant.id,
            "kind": "grant",
            "timestamp": "2026-11-22T14:30:00.000+01:00",
            "at": "2026-11-19T14:30:00.000+01:00",
            "amount_usd": 1000,
            "label": "promo",
            "expires": "2026-12-31",
        },
        {
            "id": reading.id,
            "kind": "reading",
            "timestamp": "2026-11-22T14:30:00.000+01:00",
            "at": "2026-11-22T14:30:00.000+01:00",
            "balance_usd": 876.1,
            "note": "weekly check",
        },
    ]
    assert ledger.entries() == (grant, reading)
    assert Ledger(tmp_path / "credit").entries() == (grant, reading)


def test_amounts_keep_their_cents_and_nothing_beyond_a_millionth(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    assert ledger.read(NOW, 0.1 + 0.2).balance_usd == 0.3
    assert ledger.grant(NOW, 15.5).amount_usd == 15.5
    assert '"balance_usd": 0.3}' in (tmp_path / "credit.jsonl").read_text()


def test_entries_are_in_the_order_of_their_own_time(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    late = ledger.read(NOW, 5)
    early = ledger.grant(NOW - timedelta(days=9), 50)
    assert ledger.entries() == (early, late)


def test_the_same_entries_are_given_until_the_file_grows(tmp_path: Path) -> None:
    ledger, other = ledger_in(tmp_path), ledger_in(tmp_path)
    ledger.grant(NOW, 10)
    before = ledger.entries()
    assert ledger.entries() is before
    other.read(NOW, 9)
    assert len(ledger.entries()) == 2


def test_a_slip_is_taken_back_by_a_further_line(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    slip, right = ledger.read(NOW, 8760), ledger.read(NOW, 876)
    assert ledger.take_back(NOW, slip.id) == slip
    assert ledger.entries() == (right,)
    assert len((tmp_path / "credit.jsonl").read_text().splitlines()) == 3
    with pytest.raises(UsageError, match=f"Entry {slip.id} was taken back already"):
        ledger.take_back(NOW, slip.id)
    with pytest.raises(UsageError, match="Entry none is not in the ledger; callmeter balance history"):
        ledger.take_back(NOW, "none")


@pytest.mark.parametrize("amount", [0, -5, float("nan"), float("inf"), 1e12, True, 0.0000001])
def test_an_amount_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path, amount: float) -> None:
    with pytest.raises(UsageError, match="A grant must be an amount in USD above 0"):
        ledger_in(tmp_path).grant(NOW, amount)
    assert not (tmp_path / "credit.jsonl").exists()


def test_a_balance_may_be_nothing_but_not_less(tmp_path: Path) -> None:
    assert ledger_in(tmp_path).read(NOW, 0).balance_usd == 0
    with pytest.raises(UsageError, match="A balance must be an amount in USD of 0 or more"):
        ledger_in(tmp_path).read(NOW, -0.01)


def test_the_future_is_refused_and_so_is_an_expiry_before_the_grant(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    with pytest.raises(UsageError, match="A reading cannot be of the future: 2026-11-22 15:30"):
        ledger.read(NOW + timedelta(hours=1), 5)
    with pytest.raises(UsageError, match="cannot expire before it, on 2026-11-21"):
        ledger.grant(NOW, 5, expires=date(2026, 11, 21))


GOOD = '{"id":"a","kind":"grant","at":"2026-11-01T00:00:00+01:00","amount_usd":7}\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "line 2: is no JSON object"),
        ('{"id":"b","kind":"gift"}', "line 2: kind: must be one of grant, reading, void"),
        ('{"kind":"void","voids":"a"}', "line 2: id: must be a text"),
        ('{"id":"b","kind":"void","voids":"z"}', "line 2: voids: there is no entry z"),
        ('{"id":"b","kind":"reading","at":"2026-11-02","balance_usd":1}', "line 2: at: must be a time"),
        ('{"id":"b","kind":"reading","at":5,"balance_usd":1}', "line 2: at: must be a time"),
        ('{"id":"b","kind":"reading","at":"2026-11-02T00:00Z","balance_usd":"1"}', "balance_usd: must be"),
        ('{"id":"b","kind":"reading","at":"2026-11-02T00:00Z","balance_usd":NaN}', "balance_usd: must be"),
        (
            '{"id":"b","kind":"grant","at":"2026-11-02T00:00Z","amount_usd":1,"expires":9}',
            "expires: must be a day",
        ),
        *(
            (f'{{"id":"b","kind":"reading","at":"{at}","balance_usd":1}}', "at: must be a time")
            for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:00Z")
        ),
        (
            '{"id":"b","kind":"grant","at":"2026-11-02T00:00Z","amount_usd":1,"expires":"9999-12-31"}',
            "expires: must be a day",
        ),
        (
            '{"id":"a","kind":"reading","at":"2026-11-02T00:00Z","balance_usd":1}',
            "id a is an earlier line's; the earlier one counts",
        ),
    ],
)
def test_a_line_that_means_nothing_is_told_and_its_neighbours_count(
    tmp_path: Path, line: str, said: str
) -> None:
    last = GOOD.replace('"a"', '"c"')
    (tmp_path / "credit.jsonl").write_text(f"{GOOD}{line}\n{last}")
    ledger = ledger_in(tmp_path)
    assert [entry.id for entry in ledger.entries()] == ["a", "c"]
    (problem,) = ledger.problems()
    assert problem.startswith(f"{tmp_path / 'credit.jsonl'}: line 2: ")
    assert said in problem


def test_a_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "credit.jsonl").write_text(GOOD + '{"id":"b","kind":"rea')
    ledger = ledger_in(tmp_path)
    reading = ledger.read(NOW, 5)
    assert [entry.id for entry in ledger.entries()] == ["a", reading.id]
    assert ledger.problems() == (f"{tmp_path / 'credit.jsonl'}: line 2: is no JSON object",)


def test_what_cannot_be_written_or_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be written"):
        ledger_in(tmp_path / "file").grant(NOW, 5)
    (tmp_path / "credit.jsonl").mkdir()
    with pytest.raises(FolderError, match="cannot be read"):
        ledger_in(tmp_path).entries()


def _enter(folder: Path, who: int) -> None:
    ledger = Ledger(folder)
    for n in range(25):
        ledger.read(datetime.now(UTC), who * 100 + n)


def test_several_processes_enter_and_none_is_lost(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_enter, args=(tmp_path, who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = Ledger(tmp_path).entries()
    amounts = sorted(entry.balance_usd for entry in found if isinstance(entry, Reading))
    assert amounts == [who * 100 + n for who in range(3) for n in range(25)]
    assert len({entry.id for entry in found}) == 75


def test_a_grant_without_label_or_expiry_has_neither_in_its_line(tmp_path: Path) -> None:
    grant = ledger_in(tmp_path).grant(NOW, 50)
    assert grant == Grant(grant.id, NOW, 50.0)
    assert set(json.loads((tmp_path / "credit.jsonl").read_text())) == {
        "id",
        "kind",
        "timestamp",
        "at",
        "amount_usd",
    }


def test_an_amount_that_nobody_has_is_told_with_the_most(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"above 0, at most 1,000,000,000, such as .*; not 99,999,999,999\."):
        ledger_in(tmp_path).grant(NOW, 99999999999)
