"""What caching saved: reads against writes, at the rates of each call's time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest

from dashboard import savings
from logger.price_table import ModelPrice, Period, PriceTable, Rates, Tariff
from tests.frames import at, rows

PLAIN = Rates(input=4.0, output=20.0, cache_read=0.4, cache_write_5m=5.0, cache_write_1h=8.0)
BEFORE = Rates(input=8.0, output=40.0, cache_read=0.8, cache_write_5m=10.0, cache_write_1h=16.0)
PRICES = PriceTable(
    {
        "opus": ModelPrice((Period(at("2026-11-01").timestamp(), Tariff(PLAIN)), Period(0, Tariff(BEFORE)))),
        "no-cache": ModelPrice((Period(0, Tariff(Rates(input=1.0, output=2.0))),)),
    }
)
NOW = at("2026-11-20 12:00")
M = 1_000_000


def call(**differs: Any) -> dict[str, Any]:
    """A call; its cost is not known unless given, so that the table's plain rates hold."""
    return {"time": NOW, "model": "opus", "project": "web", "cost_usd": float("nan")} | differs


def lines_of(lines: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return savings.by_line(rows(lines), PRICES)


def only(*lines: dict[str, Any], facet: str = "project") -> dict[str, float]:
    (found,) = savings.by(lines_of(lines), facet).to_dict("records")
    return found


def test_reads_save_what_plain_input_would_have_cost_more() -> None:
    found = only(call(tokens_input=M, tokens_cache_read=3 * M))
    assert found["saved_usd"] == pytest.approx(3 * (4.0 - 0.4))
    assert (found["extra_usd"], found["read"], found["input"]) == (0.0, 3 * M, 4 * M)
    assert found["hit_rate"] == 0.75


def test_writes_cost_extra_each_kind_its_own() -> None:
    found = only(call(tokens_cache_write=3 * M, tokens_cache_write_1h=M))
    assert found["extra_usd"] == pytest.approx(2 * (5.0 - 4.0) + 1 * (8.0 - 4.0))
    assert found["net_usd"] == pytest.approx(-6.0)
    assert found["written"] == 3 * M


def test_the_rates_are_those_of_the_calls_own_time() -> None:
    found = only(call(tokens_cache_read=M, time=at("2026-10-20 12:00")))
    assert found["saved_usd"] == pytest.approx(8.0 - 0.8)


def test_what_a_batch_saved_is_half_as_much() -> None:
    """A call of 1 M tokens read that cost 0.2 instead of 0.4 was made at half the price."""
    found = only(call(tokens_cache_read=M, cost_usd=0.2))
    assert found["saved_usd"] == pytest.approx(2.0 - 0.2)
    assert found["without_cache_usd"] == pytest.approx(2.0)


def test_without_known_rates_nothing_is_reckoned_and_the_tokens_are_counted() -> None:
    found = only(
        call(model="nobody-knows", tokens_cache_read=M),
        call(model="no-cache", tokens_cache_write=2 * M),
        call(tokens_cache_read=M, cost_usd=0.4),
    )
    assert found["unpriced"] == 3 * M
    assert found["saved_usd"] == pytest.approx(3.6)
    assert (found["cost_usd"], found["without_cache_usd"]) == (pytest.approx(0.4), pytest.approx(4.0))


def test_a_model_without_cache_rates_is_known_as_long_as_it_does_not_cache() -> None:
    found = only(call(model="no-cache", tokens_input=M, cost_usd=1.0))
    assert (found["cost_usd"], found["without_cache_usd"], found["unpriced"]) == (1.0, 1.0, 0)


def test_groups_are_in_order_of_what_they_saved() -> None:
    lines = [
        call(project="a", tokens_cache_read=M),
        call(project="b", tokens_cache_read=2 * M),
        call(project="c"),
    ]
    found = savings.by(lines_of(lines), "project")
    assert list(found.index) == ["b", "a", "c"]
    assert found["hit_rate"].isna().tolist() == [False, False, True]


def test_totals_are_those_of_all_lines() -> None:
    lines = [call(project="a", tokens_cache_read=M), call(project="b", tokens_cache_write=M)]
    found = savings.totals(lines_of(lines))
    assert found["net_usd"] == pytest.approx(3.6 - 1.0)
    assert found["hit_rate"] == 0.5


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.51, "excellent"), (0.5, "good"), (0.31, "good"), (0.3, "low"), (0.0, "low"), (None, "")],
)
def test_marks_are_those_of_the_notes(rate: float | None, said: str) -> None:
    """Good is above 30 %, excellent above 50 %."""
    assert savings.mark(rate) == said
    assert savings.mark(float("nan")) == ""


def test_a_cold_session_is_one_whose_writes_were_not_paid_back() -> None:
    lines = [
        call(session_id="paid", tokens_cache_write=M),  # 1.00 extra
        call(session_id="paid", tokens_cache_read=M),  # 3.60 saved
        call(session_id="cold", tokens_cache_write=2 * M, tokens_cache_read=1000),
        call(session_id="", project="site", tokens_cache_write=M),
        call(session_id="plain", tokens_input=M),
    ]
    found = savings.cold(lines_of(lines))
    assert list(found.index) == [("web", "cold"), ("site", "")]
    assert found["net_usd"].tolist() == pytest.approx([0.0036 - 2.0, -1.0])
    assert found["written"].tolist() == [2 * M, M]


def test_large_inputs_without_any_caching_are_found() -> None:
    lines = [
        call(tokens_input=savings.LARGE),
        call(tokens_input=savings.LARGE - 1),
        call(tokens_input=9_000, calls=3),  # 3,000 each
        call(tokens_input=90_000, tokens_cache_read=1),
        call(tokens_input=M, model="nobody-knows"),
    ]
    found = savings.uncached(lines_of(lines))
    assert list(found.index) == [("web", "opus"), ("web", "nobody-knows")]
    assert found["input"].tolist() == [savings.LARGE, M]
    assert found["input_usd"].tolist() == pytest.approx([savings.LARGE * 4 / 1e6, 0])
    assert found["unpriced"].tolist() == [0, M]


def test_no_lines_save_nothing() -> None:
    assert savings.by(lines_of([]), "model").empty
    assert savings.cold(lines_of([])).empty
    assert savings.uncached(lines_of([])).empty
    assert savings.totals(lines_of([]))["saved_usd"] == 0
