"""The bill view without a browser: a log and a bill on disk, and what is shown of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from dash import html

from dashboard import settings
from dashboard.billing.books import Books, of_models, within
from dashboard.billing.snapshots import BillingFolder, Snapshot
from dashboard.billing.sync_log import SyncLog
from dashboard.charts import billed
from dashboard.commands import demo_billing
from dashboard.commands.demo import write_history
from dashboard.demo import history
from dashboard.filters import Filter
from dashboard.settings import Settings
from dashboard.store import FileStore
from dashboard.web import bill, bill_card, bill_facts, bill_tables, ids, live, navigation, overview, urls
from dashboard.web.bill_facts import Facts, OneReading, span
from tests.frames import FrameStore, at

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
STATE = urls.parse("?view=bill&range=7d")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Ten days of demo calls, 60 a day, and what was billed for them."""
    folder = tmp_path_factory.mktemp("bill")
    made = settings.load(
        {"log_dir": folder / "demo", "timezone": "UTC", "cache_dir": folder / "cache"}, {}, folder, folder
    )
    write_history(made, NOW, 10, 60, 1)
    demo_billing.write(made, NOW, list(history(NOW.date(), 10, 60, 1, made.zone, NOW.timestamp())))
    return made


@pytest.fixture(scope="module")
def store(chosen: Settings) -> Iterator[FileStore]:
    with FileStore(chosen.log_dir, chosen.zone, cache_dir=chosen.cache_dir) as made:
        made.load()
        yield made


@pytest.fixture
def books(chosen: Settings, tmp_path: Path) -> Books:
    return Books(chosen, {}, tmp_path)


@pytest.fixture
def facts(store: FileStore, books: Books) -> Facts:
    return bill_facts.gather(store, books, STATE, NOW)


def words(part: Any) -> str:
    """All text in a component tree."""
    if isinstance(part, list | tuple):
        return " ".join(filter(None, map(words, part)))
    if hasattr(part, "children"):
        return words(part.children)
    return "" if part is None else str(part)


def test_the_verdict_stands_beside_its_numbers_and_how_fresh_they_are(facts: Facts) -> None:
    shown = words(bill_card.render(facts, NOW))
    assert facts.found is not None
    assert facts.found.verdict in shown
    assert "6 days compared" in shown  # today is not over
    assert "Anthropic's numbers were read 12 min ago and are whole up to 21 November." in shown
    assert "Not compared: 22 November" in shown


def test_reasons_add_up_to_the_difference(facts: Facts) -> None:
    assert facts.found is not None
    assert facts.reasons
    difference = facts.found.billed_usd - facts.found.logged_usd
    assert sum(reason.usd for reason in facts.reasons) == pytest.approx(difference, abs=1e-9)
    assert facts.reasons[0].name == "not_logged"  # nine calls in the Console, six days ago


def test_the_picture_has_every_day_and_marks_the_one_that_is_not_over(facts: Facts) -> None:
    assert facts.days.costs.index.strftime("%d").tolist() == ["16", "17", "18", "19", "20", "21", "22"]
    assert facts.days.young == {pd.Timestamp("2026-11-22")}
    compared = facts.days.costs.iloc[:-1]
    assert facts.found is not None
    assert compared["billed"].sum() == pytest.approx(facts.found.billed_usd)


def test_the_average_is_not_known_before_there_are_seven_days(store: FileStore, books: Books) -> None:
    month = bill_facts.gather(store, books, urls.parse("?view=bill&range=30d"), NOW)
    average = month.days.costs["average"]
    assert average.first_valid_index() == pd.Timestamp("2026-11-19")  # the log begins on the 13th
    assert average["2026-11-19"] == pytest.approx(
        month.days.costs["logged"]["2026-11-13":"2026-11-19"].mean()
    )


def test_the_average_ends_with_the_last_day_that_is_over(store: FileStore, books: Books) -> None:
    """What is logged of today at three in the afternoon would make it fall."""
    average = bill_facts.gather(store, books, STATE, NOW).days.costs["average"]
    assert average.last_valid_index() == pd.Timestamp("2026-11-21")
    tomorrow = bill_facts.gather(store, books, STATE, NOW + timedelta(days=1)).days.costs["average"]
    assert tomorrow.last_valid_index() == pd.Timestamp("2026-11-22")


def test_tables_and_picture_know_the_workspaces_the_log_is_compared_with(
    store: FileStore, chosen: Settings, tmp_path: Path
) -> None:
    """$2 of one workspace and $7 of another."""
    for name, usd in (("Main", 2.0), ("Lab", 7.0)):
        _bill(tmp_path / "billing", date(2026, 11, 20 if name == "Main" else 21), usd, workspace=name)
    config = tmp_path / "callmeter.toml"
    config.write_text('[billing]\nworkspace = "Lab"\n')
    books = Books(replace(chosen, log_dir=tmp_path, file=config), {}, tmp_path)
    made = bill_facts.gather(store, books, STATE, NOW)
    spent = {row["period"]: row["billed_usd"] for row in made.answers["summary"].sheets[0].rows}
    assert spent["Last 7 days"] == made.days.costs["billed"].sum() == 7.0
    assert "Only the bill of workspace Lab" in words(bill_card.render(made, NOW))


class Counting:
    """A store that counts how often lines are read."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self.reads: list[Filter] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, view: Filter, *, columns: Collection[str] | None = None) -> pd.DataFrame:
        self.reads.append(view)
        return self._store.rows(view, columns=columns)


def test_lines_are_read_once_for_the_whole_view_and_not_again_until_something_changes(
    store: FileStore, books: Books
) -> None:
    counting: Any = Counting(store)
    bill.parts(counting, books, STATE, NOW)
    assert len(counting.reads) == 1
    bill.parts(counting, books, STATE, NOW + timedelta(minutes=3))
    bill.as_table(counting, books, STATE, NOW, billed.ID)
    assert len(counting.reads) == 1


def test_minutes_move_nothing_but_how_long_ago_it_was_read(store: FileStore, books: Books) -> None:
    drawn = overview.only_new(bill.parts(store, books, STATE, NOW), {})[-1]
    later = overview.only_new(bill.parts(store, books, STATE, NOW + timedelta(minutes=3)), drawn)
    sent = [place for place, part in enumerate(later[:-1]) if not _untouched(part)]
    assert [bill.PARTS[place][0] for place in sent] == ["bill-verdict"]


def _untouched(part: Any) -> bool:
    return type(part).__name__ == "NoUpdate"


def test_a_model_narrows_both_sides(store: FileStore, books: Books, facts: Facts) -> None:
    one = bill_facts.gather(store, books, replace(STATE, models=frozenset({"claude-opus-5-5"})), NOW)
    assert one.found is not None
    assert facts.found is not None
    assert set(one.found.cells["model"]) == {"claude-opus-5-5"}
    cells = facts.found.cells[facts.found.cells["model"] == "claude-opus-5-5"]
    assert one.found.billed_usd == pytest.approx(cells["billed_usd"].sum())
    assert one.found.logged_usd == pytest.approx(cells["logged_usd"].sum())


def test_a_project_narrows_what_was_logged_but_not_the_comparison(
    store: FileStore, books: Books, facts: Facts
) -> None:
    one = bill_facts.gather(store, books, replace(STATE, projects=frozenset({"website"})), NOW)
    assert one.found is not None
    assert facts.found is not None
    assert one.found.billed_usd == facts.found.billed_usd
    assert one.found.logged_usd == facts.found.logged_usd
    assert bill_card.ALL_SHOWN in words(bill_card.render(one, NOW))
    assert [row["project"] for row in one.answers["projects"].sheets[0].rows] == ["website"]


def test_every_part_has_its_place_in_the_frame(store: FileStore, books: Books) -> None:
    made = bill.parts(store, books, STATE, NOW)
    assert len(made) == len(bill.PARTS)
    known = {str(getattr(part, "id", None)) for part in html.Div(bill.layout())._traverse()}
    fresh = {ids.fresh(chart.ID) for chart in bill.CHARTS}
    assert {name for name, _ in bill.PARTS} - fresh <= known
    found = words(made[[name for name, _ in bill.PARTS].index("bill-findings")])
    assert re.search(r"on 16 November for claude-opus-5-5 (was likely|were) billed and not logged", found)


def test_a_folder_that_cannot_be_read_is_a_sentence(
    store: FileStore, chosen: Settings, tmp_path: Path
) -> None:
    (tmp_path / "billing").write_text("no folder")
    books = Books(replace(chosen, log_dir=tmp_path), {}, tmp_path)
    said, *rest = bill.parts(store, books, STATE, NOW)
    assert str(tmp_path / "billing") in said
    assert rest == [None] * (len(bill.PARTS) - 1)


def test_without_a_bill_it_says_how_to_get_one_and_shows_what_was_logged(
    store: FileStore, chosen: Settings, tmp_path: Path
) -> None:
    books = Books(replace(chosen, log_dir=tmp_path), {}, tmp_path)
    made = bill_facts.gather(store, books, STATE, NOW)
    shown = words(bill_card.render(made, NOW))
    assert bill_card.NOT_SYNCED in shown
    assert "callmeter sync" in shown
    assert "ANTHROPIC_ADMIN_API_KEY" in shown
    assert made.reasons is None
    assert next(trace["name"] for trace in billed.draw(made.days).figure["data"]) == "Logged"
    assert "was the dearest day" in billed.draw(made.days).sentence


def test_a_range_whose_days_are_not_over_says_so(store: FileStore, books: Books) -> None:
    today = urls.parse("?view=bill&range=custom&since=2026-11-22T00:00&until=2026-11-23T00:00")
    made = bill_facts.gather(store, books, today, NOW)
    shown = words(bill_card.render(made, NOW))
    assert "The bill of 22 November is not whole yet." in shown
    assert "so far" in shown


def test_a_sync_that_failed_is_told(store: FileStore, chosen: Settings, tmp_path: Path) -> None:
    log = SyncLog(tmp_path / "billing")
    attempt = log.started(NOW - timedelta(minutes=9), "server", [date(2026, 11, 21)])
    log.ended(attempt, NOW - timedelta(minutes=9), "failed", error="The key was refused.")
    books = Books(replace(chosen, log_dir=tmp_path), {}, tmp_path)
    made = bill_facts.gather(store, books, STATE, NOW)
    assert "The last sync, 9 min ago, failed: The key was refused." in words(bill_card.render(made, NOW))


def test_why_the_server_does_not_sync_is_told_once(
    store: FileStore, chosen: Settings, tmp_path: Path
) -> None:
    log = SyncLog(tmp_path / "billing")
    attempt = log.started(NOW, "server", [date(2026, 11, 21)])
    log.ended(attempt, NOW, "failed", error="The key was refused")
    told = [
        bill_facts.gather(
            store, Books(made, {}, tmp_path, trouble=lambda said=said: said), STATE, NOW
        ).problems
        for made in [replace(chosen, log_dir=tmp_path)]
        for said in ("logs/billing: cannot be written", "The key was refused", None)
    ]
    assert told == [("The server does not sync: logs/billing: cannot be written",), (), ()]


def test_days_are_the_utc_days_of_the_same_dates_up_to_today() -> None:
    zone = ZoneInfo("Europe/Berlin")
    view = urls.to_filter(STATE, NOW, zone)  # 16 November 00:00 to 23 November 00:00 in Berlin
    assert span(view, NOW) == (date(2026, 11, 16), date(2026, 11, 22))
    ahead = Filter(at("2027-01-04 00:00"), at("2027-01-05 00:00"))
    assert span(ahead, NOW) == (date(2027, 1, 4), date(2027, 1, 4))


def test_a_reading_gives_what_the_store_gives() -> None:
    """Lines on three days; the reading covers the first two."""
    lines = [{"time": at(f"2026-11-{day} 10:00"), "project": project} for day, project in _LINES]
    store = FrameStore(lines)
    read = OneReading(store, Filter(at("2026-11-01 00:00"), at("2026-11-03 00:00")), {"project"})
    for since, until, projects in (("01", "02", ()), ("01", "03", ("b",)), ("02", "04", ())):
        view = Filter(
            at(f"2026-11-{since} 00:00"), at(f"2026-11-{until} 00:00"), projects=frozenset(projects)
        )
        found = read.rows(view, columns={"project"})
        assert found["project"].tolist() == store.rows(view)["project"].tolist()


_LINES = (("01", "a"), ("01", "b"), ("02", "b"), ("03", "a"))


# Tables


def test_models_stand_side_by_side_with_their_hit_rate(facts: Facts) -> None:
    assert facts.found is not None
    sheet = bill_tables.by_model(facts.found)
    assert sum(float(row["billed_usd"] or 0) for row in sheet.rows) == pytest.approx(facts.found.billed_usd)
    opus = next(row for row in sheet.rows if row["model"] == "claude-opus-5-5")
    cells = facts.found.cells[facts.found.cells["model"] == "claude-opus-5-5"]
    tokens = cells.groupby("kind")["logged_tokens"].sum()
    sent = tokens.drop("tokens_output").drop("web_search", errors="ignore").sum()
    assert opus["cache_hit_rate"] == pytest.approx(tokens["tokens_cache_read"] / sent)


# Books, and what moves the page


def _bill(folder: Path, day: date, usd: float, **facets: str) -> None:
    row = {"model": "claude-opus-5-5", "cost_type": "tokens", "kind": "tokens_input", "amount_usd": usd}
    row |= facets
    BillingFolder(folder).add(Snapshot("cost", day, [row], NOW, "analytics"))


def test_books_follow_files_and_settings(chosen: Settings, tmp_path: Path) -> None:
    moment = [0.0]
    config = tmp_path / "callmeter.toml"
    config.write_text("")
    books = Books(replace(chosen, log_dir=tmp_path, file=config), {}, tmp_path, timer=lambda: moment[0])
    versions = [books.version]
    for change in (
        lambda: _bill(tmp_path / "billing", date(2026, 11, 20), 1.0),
        lambda: _bill(tmp_path / "billing", date(2026, 11, 20), 2.0),
        lambda: config.write_text("[billing]\ntolerance = 5\n"),
        lambda: config.write_text("[billing]\ntolerance = 'much'\n"),
    ):
        change()
        assert books.version == versions[-1]  # not looked at yet
        moment[0] += 2.5
        versions.append(books.version)
    assert len(set(map(str, versions))) == 5
    assert books.all().cost["amount_usd"].tolist() == [2.0]
    assert books.rules().tolerance == 5  # as it was before it went wrong
    assert books.problem is not None
    assert "tolerance" in books.problem


def test_books_are_cut_to_days_and_models(books: Books) -> None:
    day = date(2026, 11, 20)
    one = within(books.all(), day, day)
    assert set(one.cost["day"]) == {pd.Timestamp(day)}
    assert one.days == [day]
    opus = of_models(one, frozenset({"claude-opus-5-5"}))
    assert set(opus.usage["model"]) == {"claude-opus-5-5"}
    assert opus.days == [day]


def test_a_new_bill_moves_the_view_at_once_and_lines_at_a_pace() -> None:
    store = FrameStore([{"time": NOW - timedelta(hours=1)}])
    version = ["a"]
    feed = live.Live(store, bill=lambda: version[0])
    feed.bill()

    def told(after: float) -> str:
        return str(feed.fresh(NOW + timedelta(seconds=after))["bill-tick"])

    first = told(0)
    store.add({"time": NOW})
    assert told(5) == first
    version[0] = "b"
    feed.bill()
    second = told(6)
    assert second != first
    assert told(7) == second
    assert told(live.BILL_PACE + 1).split("@")[0] != second.split("@")[0]


def test_a_click_on_a_bar_narrows_to_its_day_or_week() -> None:
    def after(value: str) -> urls.State:
        click = {"points": [{"customdata": value}]}
        return navigation.move(STATE, "figure-billed", "clickData", click)

    day = after("2026-11-20/1")
    assert (day.range, day.since, day.until) == ("custom", datetime(2026, 11, 20), datetime(2026, 11, 21))
    assert after("2026-11-16/7").until == datetime(2026, 11, 23)
    assert after("nonsense") == STATE


def test_a_difference_below_a_cent_is_told_and_none_is_none(facts: Facts) -> None:
    assert facts.found is not None

    def shown(more: float) -> str:
        found = replace(facts.found, logged_usd=facts.found.billed_usd - more) if facts.found else None
        return words(bill_card.figures(replace(facts, found=found)))

    assert "Difference +$0.0044 <0.1 % of the bill" in shown(0.0044)
    assert "Difference $0 none at all" in shown(0.00001)
