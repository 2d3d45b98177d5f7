"""What of a line's cost each kind of token is."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.cost_kinds import COLUMNS, KINDS, cost_by_kind, rates, tokens_by_kind
from logger.price_table import PriceTable
from logger.pricing import built_in, price_of
from tests import frames

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPUS = {"tokens_input": 5.0, "tokens_output": 25.0, "tokens_cache_read": 0.5}


def one(**fields: Any):
    return frames.rows([{"time": AT, **fields}])


def priced(model: str, at: datetime = AT, factor: float = 1.0, **counts: int) -> dict[str, Any]:
    """A line's fields with the cost the logger would write."""
    usd = price_of(model, **{**dict.fromkeys(KINDS, 0), **counts}, at=at)
    five, hour = counts.pop("tokens_cache_write_5m", 0), counts.pop("tokens_cache_write_1h", 0)
    written = {"tokens_cache_write": five + hour, "tokens_cache_write_1h": hour}
    return {
        "time": at,
        "model": model,
        **counts,
        **written,
        "cost_usd": None if usd is None else usd * factor,
    }


def usd(line: dict[str, Any]) -> dict[str, float]:
    return cost_by_kind(frames.rows([line]), built_in()).iloc[0].to_dict()


def test_each_kind_costs_its_tokens_at_its_rate() -> None:
    """1,000 input at $5, 200 output at $25, 10,000 read at $0.50, 1,000 written at $6.25, 500 for an hour at $10."""
    line = priced(
        "claude-opus-4-8",
        tokens_input=1000,
        tokens_output=200,
        tokens_cache_read=10_000,
        tokens_cache_write_5m=1000,
        tokens_cache_write_1h=500,
    )
    found = usd(line)
    assert found == pytest.approx(
        {
            "tokens_input": 0.005,
            "tokens_output": 0.005,
            "tokens_cache_read": 0.005,
            "tokens_cache_write_5m": 0.00625,
            "tokens_cache_write_1h": 0.005,
            "web_search": 0,
            "unsplit": 0,
        }
    )


@pytest.mark.parametrize("factor", [0.5, 1.1])
def test_a_batch_or_a_region_makes_every_kind_cheaper_or_dearer(factor: float) -> None:
    line = priced("claude-opus-4-8", factor=factor, tokens_input=1000, tokens_output=200)
    assert usd(line)["tokens_input"] == pytest.approx(0.005 * factor)
    found = rates(frames.rows([line]), built_in()).iloc[0]
    assert found["tokens_cache_read"] == pytest.approx(0.5e-6 * factor)


def test_searches_are_taken_off_first() -> None:
    line = priced("claude-opus-4-8", tokens_input=1000) | {"web_searches": 3}
    line["cost_usd"] += 0.03
    assert usd(line)["web_search"] == pytest.approx(0.03)
    assert usd(line)["tokens_input"] == pytest.approx(0.005)


def test_what_no_table_knows_stays_in_one_piece() -> None:
    line = {"time": AT, "model": "my-model", "tokens_input": 10, "cost_usd": 0.25}
    assert (usd(line)["unsplit"], usd(line)["tokens_input"]) == (0.25, 0)
    assert rates(frames.rows([line]), built_in()).isna().all(axis=None)


def test_an_unknown_cost_is_no_cost_and_leaves_the_plain_rates() -> None:
    line = {"time": AT, "model": "claude-opus-4-8", "tokens_input": 10, "cost_usd": math.nan}
    assert sum(usd(line).values()) == 0
    assert rates(frames.rows([line]), built_in())["tokens_output"].tolist() == [25e-6]


def test_of_a_name_without_a_price_the_model_that_answered_tells() -> None:
    asked = {"time": AT, "model": "my-alias", "model_served": "claude-opus-4-8", "cost_usd": math.nan}
    assert rates(frames.rows([asked]), built_in())["tokens_input"].tolist() == [5e-6]


def test_a_long_prompt_has_its_own_rates_but_a_run_of_many_calls_has_no_length() -> None:
    long = priced("claude-haiku-5-5", tokens_input=150_000, tokens_output=100)
    both = frames.rows([long, long | {"calls": 30}])
    found = rates(both, built_in())
    tariff = built_in().tariff("claude-haiku-5-5", AT.timestamp(), None, None, None)
    assert tariff and tariff.above
    assert found["tokens_cache_read"].tolist()[0] == pytest.approx(tariff.above.cache_read / 1e6)
    assert cost_by_kind(both, built_in()).sum(axis=1).tolist() == pytest.approx([long["cost_usd"]] * 2)


def test_the_price_is_that_of_the_call_s_own_time() -> None:
    table = PriceTable({})
    assert rates(one(tokens_input=5), table).isna().all(axis=None)
    model = next(n for n, p in built_in().models.items() if len(p.periods) > 1)
    newest, older = built_in().models[model].periods[:2]
    moments = [newest.since, newest.since - 1]
    lines = [
        {"time": datetime.fromtimestamp(at, UTC), "model": model, "cost_usd": math.nan} for at in moments
    ]
    found = rates(frames.rows(lines), built_in())["tokens_input"].tolist()
    assert found == [older.standard.rates.input / 1e6, newest.standard.rates.input / 1e6]


def test_no_lines_have_no_cost() -> None:
    assert cost_by_kind(frames.rows([]), built_in()).empty
    assert rates(frames.rows([]), built_in()).empty


def test_only_the_columns_it_names_are_read() -> None:
    rows = one(tokens_input=5)[sorted(COLUMNS)]
    assert len(cost_by_kind(rows, built_in())) == len(rates(rows, built_in())) == 1


counts = st.integers(0, 3_000_000)
a_line = st.builds(
    dict,
    time=st.just(AT),
    model=st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "my-model", "<synthetic>"]),
    tokens_input=counts,
    tokens_output=counts,
    tokens_cache_read=counts,
    tokens_cache_write=counts,
    web_searches=st.integers(0, 3),
    calls=st.integers(1, 3),
    cost_usd=st.one_of(st.floats(0, 100), st.just(math.nan)),
)


@given(st.lists(a_line, max_size=6))
def test_the_parts_add_up_to_the_cost_of_the_line(lines: list[dict[str, Any]]) -> None:
    rows = frames.rows(lines)
    parts = cost_by_kind(rows, built_in())
    assert np.allclose(parts.sum(axis=1), rows["cost_usd"].fillna(0))
    assert (parts.to_numpy() >= 0).all()
    assert (tokens_by_kind(rows).sum(axis=1) == rows["tokens_total"]).all()
