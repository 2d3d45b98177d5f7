"""How complete the numbers of a view are, and in which words that is said."""

from __future__ import annotations

import pytest

from dashboard import completeness, sources
from dashboard.completeness import Completeness
from dashboard.store.base import Health
from dashboard.web import health
from tests import frames
from tests.asking import PRICES
from tests.frames import at

NOW = at("2026-11-22 14:35")
NAN = float("nan")


def known(*lines: dict[str, object]) -> Completeness:
    return completeness.completeness(frames.sums(frames.rows([{"time": NOW, **line} for line in lines])))


def test_nothing_is_complete() -> None:
    assert known() == Completeness() and known().complete


def test_calls_are_counted_by_source_most_first_and_a_line_counts_as_its_calls() -> None:
    found = known({"source": "sdk"}, {"source": "cli", "calls": 9}, {"source": "sdk"})
    assert list(found.by_source.items()) == [("cli", 9), ("sdk", 2)]
    assert (found.calls, found.of_runs, found.complete) == (11, 9, False)
    assert completeness.sources_words(found) == "CLI runs 9, SDK 2"


def test_unknown_costs_are_told_by_their_reason() -> None:
    """Two of a model nothing of which is priced, one without token counts, one of a priced model's fast mode."""
    found = known(
        {"model": "local", "cost_usd": NAN, "tokens_input": 5},
        {"model": "local", "cost_usd": NAN, "tokens_input": 7},
        {"model": "priced", "cost_usd": NAN, "outcome": "failed"},
        {"model": "priced", "cost_usd": NAN, "tokens_input": 9, "project": "fast"},
        {"model": "priced", "cost_usd": 0.5, "tokens_input": 9},
    )
    assert (dict(found.no_price), found.uncounted, found.otherwise_unpriced) == ({"local": 2}, 1, 1)
    assert completeness.why_unpriced(found) == [
        "2 calls of a model without a price (local)",
        "1 call without token counts",
        "1 call of a kind without a price (speed, region or date)",
    ]
    assert completeness.priced_words(found) == "20.0 % priced: the cost of 4 of 5 calls is not known."


def test_lines_without_a_cost_of_models_with_a_price_are_told_as_that() -> None:
    """Old loggers wrote no source, and 0 for a model they did not know."""
    opus, haiku = "claude-opus-4-20250514", "claude-3-5-haiku-20241022"
    found = known(
        {"model": opus, "cost_usd": NAN, "tokens_input": 5, "source": ""},
        {"model": haiku, "cost_usd": NAN, "tokens_input": 5, "source": ""},
        {"model": haiku, "cost_usd": NAN, "tokens_input": 5, "source": "otel"},
        {"model": haiku, "cost_usd": 0.5, "tokens_input": 5},
        {"model": "local", "cost_usd": NAN, "tokens_input": 5, "source": ""},
        {"model": opus, "cost_usd": NAN, "outcome": "failed", "source": ""},
    )
    assert (dict(found.no_price), dict(found.no_cost)) == ({"local": 1}, {opus: 1, haiku: 1})
    assert (found.uncounted, found.otherwise_unpriced) == (1, 1)
    assert completeness.why_unpriced(found) == [
        "1 call of a model without a price (local)",
        f"2 calls logged without a cost though their models have a price ({haiku}, {opus})",
        "1 call without token counts",
        "1 call of a kind without a price (speed, region or date)",
    ]


def test_the_health_view_says_that_lines_hold_no_cost_and_advises_no_price_file() -> None:
    line = {"time": NOW, "model": "claude-3-opus-20240229", "cost_usd": NAN, "tokens_input": 5}
    panels = health.render(Health(), frames.sums(frames.rows([line])), "logs", NOW, frames.UTC)
    costs = next(str(one) for one in panels if "of unknown cost" in str(one))
    assert "1 call logged without a cost though its model has a price (claude-3-opus-20240229)" in costs
    assert "price file" not in costs


def test_a_price_of_ones_own_makes_a_model_one_that_has_a_price() -> None:
    sums = frames.sums(frames.rows([{"time": NOW, "model": "opus", "cost_usd": NAN, "tokens_input": 5}]))
    assert completeness.why_unpriced(completeness.completeness(sums, PRICES)) == [
        "1 call logged without a cost though its model has a price (opus)"
    ]
    assert completeness.why_unpriced(completeness.completeness(sums)) == [
        "1 call of a model without a price (opus)"
    ]


def test_lower_bounds_are_counted_and_said() -> None:
    found = known({"final": False}, {"tokens_input": 3, "calls": 3})
    assert (found.not_final, found.final) == (1, 3)
    assert completeness.final_words(found) == "75.0 % final: the counts of 1 of 4 calls are a lower bound."
    assert completeness.final_words(known({})) == "Every token count is final."


def test_of_many_models_without_a_price_some_are_named() -> None:
    found = known(*[{"model": f"m{n}", "cost_usd": NAN, "tokens_input": 1} for n in range(5)])
    assert completeness.why_unpriced(found) == ["5 calls of models without a price (m0, m1, m2 and 2 more)"]


@pytest.mark.parametrize("source", ["manual", "sdk", "cli", "transcript", "otel", "rest", "demo"])
def test_every_source_of_a_line_has_words_and_a_meaning(source: str) -> None:
    assert sources.words(source) != source
    assert sources.MEANINGS[source]


def test_a_source_that_is_new_goes_by_its_own_name() -> None:
    assert (sources.words("carrier-pigeon"), sources.words("")) == ("carrier-pigeon", "unknown source")
