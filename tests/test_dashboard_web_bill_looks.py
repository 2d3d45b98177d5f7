"""How the bill view looks in odd cases: nothing chosen, days that were not read, long names, a bad file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard import settings
from dashboard.billing.books import Books
from dashboard.billing.findings import Finding
from dashboard.billing.snapshots import BillingFolder, Snapshot
from dashboard.billing.sync_log import SyncLog
from dashboard.numbers import count, usd
from dashboard.sheets import Column, Sheet, plain
from dashboard.web import bill, bill_card, bill_facts, bill_health, bill_tables, tables, urls
from dashboard.web.bill_facts import Facts
from tests import frames

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
MODEL = "claude-opus-5-5"
DAY = "?view=bill&range=custom&since=2026-11-{}T00:00&until=2026-11-{}T00:00"


def written(folder: Path, day: int, usd: float, read_at: datetime) -> None:
    """What a sync writes of a day in November: one model, as much for its input."""
    tokens = {"tokens_input": round(usd * 250_000), "tokens_output": 0, "requests": 1}
    cost = {"cost_type": "tokens", "kind": "tokens_input", "amount_usd": usd, "list_usd": usd}
    for kind, row in (("usage", tokens), ("cost", cost)):
        of_day = [{"model": MODEL, **row}] if usd else []
        made = Snapshot(kind, date(2026, 11, day), of_day, read_at, "analytics")  # type: ignore[arg-type]
        BillingFolder(folder / "billing").add(made)


def kept(folder: Path) -> Books:
    """The books of a log folder."""
    made = settings.load({"log_dir": folder, "timezone": "UTC", "cache_dir": folder}, {}, folder, folder)
    return Books(made, {}, folder)


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Of 19 and 20 November what was billed is known; the 21st was read when it was not over."""
    for day in (19, 20):
        written(tmp_path, day, 2.0, NOW)
    written(tmp_path, 21, 0.0, NOW - timedelta(days=1, hours=3))
    return kept(tmp_path)


STORE = frames.FrameStore(
    [{"time": datetime(2026, 11, day, 12, tzinfo=UTC), "model": MODEL, "cost_usd": 2.0} for day in (19, 20)]
)


def facts(books: Books, search: str) -> Facts:
    return bill_facts.gather(STORE, books, urls.parse(search), NOW)


def parts(tree: Any) -> list[Any]:
    """Every component below."""
    if isinstance(tree, list | tuple):
        return [one for part in tree for one in parts(part)]
    return [tree, *(parts(tree.children) if getattr(tree, "children", None) is not None else [])]


def words(tree: Any) -> str:
    return " ".join(part for part in parts(tree) if isinstance(part, str))


def classes(tree: Any) -> set[str]:
    return {name for part in parts(tree) for name in str(getattr(part, "className", "")).split()}


def test_models_without_a_call_and_a_bill_get_a_sentence_and_no_mark(books: Books) -> None:
    shown = bill_card.render(facts(books, DAY.format(19, 21) + "&model=claude-nothing"), NOW)
    assert words(shown).startswith("No call and no bill of claude-nothing in these days.")
    assert "mark" not in classes(shown)
    assert "nothing" in classes(shown)  # all else gives way
    assert "mark" in classes(bill_card.render(facts(books, DAY.format(19, 21)), NOW))
    summary = facts(books, DAY.format(19, 21) + "&model=claude-nothing").answers["summary"].sheets[0]
    assert summary.sentence == "No calls with these filters."


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (21, 23, "22 November is not over yet, and 21 November was not read to the end: callmeter sync"),
        (21, 22, "21 November was not read to the end: callmeter sync reads it."),
        (17, 19, "17–18 November were not read to the end: callmeter sync reads it."),
        (22, 23, "The bill of 22 November is not whole yet."),
    ],
)
def test_it_says_which_days_a_sync_reads_and_which_are_not_over(
    books: Books, since: int, until: int, said: str
) -> None:
    shown = bill_card.render(facts(books, DAY.format(since, until)), NOW)
    assert said in words(shown)
    assert "uncompared" in classes(shown)


def test_where_nothing_differs_the_panels_of_differences_give_way(books: Books) -> None:
    found = facts(books, DAY.format(19, 21))
    assert found.found
    assert "even" not in classes(bill_card.render(found, NOW))
    even = replace(found, found=replace(found.found, findings=()))
    assert "even" in classes(bill_card.render(even, NOW))


def test_a_log_without_a_bill_is_marked_for_the_style_sheet(tmp_path: Path) -> None:
    none = kept(tmp_path)
    assert {"unsynced", "begin"} <= classes(bill_card.render(facts(none, DAY.format(19, 21)), NOW))


def test_a_bad_line_of_the_bill_is_told_once_by_the_name_of_its_file(books: Books, tmp_path: Path) -> None:
    with (tmp_path / "billing" / "cost-2026-11-20.jsonl").open("a") as file:
        file.write('{"oops\n')
    found = facts(books, DAY.format(19, 21))
    trouble, card, *_ = bill.render(found, NOW)
    assert words(trouble) == "cost-2026-11-20.jsonl: line 3: is no JSON object"
    assert "cost-2026-11-20" not in words(card)


def test_health_tells_of_bad_lines_and_of_a_sync_that_failed(books: Books, tmp_path: Path) -> None:
    assert bill_health.FINE in words(bill_health.render(books, NOW))
    with (tmp_path / "billing" / "cost-2026-11-20.jsonl").open("a") as file:
        file.write('{"oops\n')
    log = SyncLog(tmp_path / "billing")
    attempt = log.started(NOW - timedelta(minutes=9), "server", [date(2026, 11, 21)])
    log.ended(attempt, NOW - timedelta(minutes=9), "failed", error="The key was refused.")
    fresh = kept(tmp_path)
    said = words(bill_health.render(fresh, NOW))
    assert "The last sync, 9 min ago, failed: The key was refused." in said
    assert "1 line of the bill's files could not be understood" in said
    assert "cost-2026-11-20.jsonl 3 is no JSON object" in said


def test_health_tells_why_the_server_does_not_sync(books: Books) -> None:
    books.trouble = lambda: "No key is set."
    assert "The server does not sync: No key is set." in words(bill_health.render(books, NOW))


def test_health_says_what_is_missing_where_there_is_no_bill(tmp_path: Path) -> None:
    assert bill_health.NOTHING in words(bill_health.render(kept(tmp_path), NOW))
    (tmp_path / "billing").write_text("no folder")
    broken = bill_health.render(kept(tmp_path), NOW)
    assert str(tmp_path / "billing") in words(broken)
    assert "amiss" in classes(broken)


# Tables


def cells(tree: Any) -> list[Any]:
    return [part for part in parts(tree) if type(part).__name__ == "Td"]


def test_a_long_name_loses_its_middle_and_keeps_it_for_the_pointer() -> None:
    long, short = cells(tables.table(["Name"], [["a-very-long-name-of-a-project"], ["short"]], longest=12))
    assert (long.children, long.title) == ("a-very…oject", "a-very-long-name-of-a-project")
    assert short.children == "short"
    assert getattr(short, "title", None) is None


def test_what_turns_text_around_is_spelled_out() -> None:
    (cell,) = cells(tables.table(["Name"], [["x \u202e y"]]))
    assert cell.children == r"x \u202e y"


_SESSIONS = Sheet(
    "sessions",
    "",
    [
        Column("session_id", "Session", plain),
        Column("project", "Project", plain),
        Column("cost", "Cost", usd, bound="bound"),
        Column("calls", "Calls", count, extra=1),
    ],
    [{"session_id": f"s{n}", "project": "p", "cost": 0.0, "bound": True, "calls": 1} for n in range(23)],
)


def test_a_phone_leaves_out_what_is_not_money_and_what_is_left_out_is_told() -> None:
    shown = bill_tables.sheet(_SESSIONS)
    first = cells(shown)[:3]
    assert [cell.children for cell in first] == ["s0", "p", "–"]  # at least nothing says nothing
    assert [cell.className for cell in first] == ["", "spare", "number"]
    assert len(cells(shown)) == 3 * bill_tables.MOST
    assert words(shown).endswith("And 3 more: callmeter report sessions lists them.")


def _found(number: int) -> Sequence[Finding]:
    return [_one(f"{n} is missing.") for n in range(number)]


def test_the_first_findings_are_whole_and_the_others_are_counted(books: Books) -> None:
    found = facts(books, DAY.format(19, 21)).found
    assert found is not None

    def shown(number: int) -> list[Any]:
        return bill_tables.findings(replace(found, findings=_found(number)))

    first, folded, slighter = shown(bill_tables.SHOWN + 2)
    assert len(first.children) == bill_tables.FIRST
    assert folded.children[0].children == f"{bill_tables.SHOWN - bill_tables.FIRST} more"
    assert slighter.children.startswith("And 2 slighter ones")
    assert len(shown(3)) == 1


def _one(sentence: str) -> Finding:
    return Finding("not_logged", date(2026, 11, 19), MODEL, None, 1, 1.0, sentence=sentence)
