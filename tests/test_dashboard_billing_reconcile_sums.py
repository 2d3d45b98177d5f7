"""Whatever was logged and billed: the findings add up to the difference, and agreement is never doubted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import frames
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.billing.axes import KINDS
from dashboard.billing.grid import grid_of
from dashboard.billing.kinds import USAGE_FIELDS
from dashboard.billing.reconcile import pieces_of
from dashboard.billing.subsets import Match, exactly
from logger.pricing import built_in
from tests.bill_frames import DAYS, FIRST, LAST, MODELS, START, billed, compared, line

_COUNTS = st.sampled_from([0, 0, 1, 7, 10, 1000, 123_456])


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """A call on one of the days, the day before or the day after, often at midnight."""
    hours = draw(st.one_of(st.integers(0, 24 * (DAYS + 2) - 1), st.sampled_from([23, 24, 47, 48, 72])))
    found = {name: draw(_COUNTS) for name in USAGE_FIELDS}
    found |= {"web_searches": draw(st.sampled_from([0, 0, 0, 1, 3])), "model": draw(st.sampled_from(MODELS))}
    return found | {"time": START + timedelta(hours=hours, minutes=draw(st.sampled_from([0, 30, 59])))}


@given(
    st.lists(calls(), max_size=12), st.lists(calls(), max_size=6), st.lists(calls(), max_size=6), st.data()
)
@settings(max_examples=40, deadline=None)
def test_pieces_add_up_in_every_cell_and_findings_on_every_day(
    both: list[dict[str, Any]],
    only_billed: list[dict[str, Any]],
    only_logged: list[dict[str, Any]],
    data: Any,
) -> None:
    odd = st.sampled_from(
        [
            {},
            {"final": False},
            {"outcome": "failed"},
            {"cost_usd": float("nan")},
            {"source": "cli"},
            {"cost_usd": 1.0},
        ]
    )
    lines = [line(one, **data.draw(odd)) for one in [*both, *only_logged]]
    again = data.draw(st.lists(st.sampled_from(lines), max_size=3)) if lines else []
    bill = billed([*both, *only_billed], discount=data.draw(st.sampled_from([0.0, 0.2])))
    rows = frames.rows([*lines, *again])
    grid = grid_of(rows, bill, FIRST, LAST, built_in())
    counts, usd = np.zeros(grid.axes.shape, dtype="int64"), np.zeros(grid.axes.shape)
    for piece in pieces_of(grid):
        counts[piece.day, piece.model] += piece.counts
        usd[piece.day, piece.model] += piece.usd
    wanted = np.where(grid.compared[:, None, None], grid.bill.counts - grid.logged, 0)
    assert (counts == wanted).all()
    money = np.where(grid.compared[:, None, None], grid.bill.usd - grid.logged_usd, 0)
    assert usd == pytest.approx(money, abs=1e-5)

    found = compared(rows, bill)
    assert sum(one.usd for one in found.findings) == pytest.approx(
        found.billed_usd - found.logged_usd, abs=1e-4
    )
    tokens = sum(one.tokens for one in found.findings if one.kind != "web_search")
    assert tokens == int(wanted[:, :, : len(USAGE_FIELDS)].sum())
    assert found.billed_usd - found.logged_usd == pytest.approx(float(money.sum()), abs=1e-5)
    assert found.verdict.endswith(".") and "nan" not in found.verdict
    assert not any("nan" in one.sentence for one in found.findings)


@given(st.lists(calls(), max_size=20), st.sampled_from(["analytics", "legacy"]))
@settings(max_examples=15, deadline=None)
def test_where_both_agree_nothing_is_found(both: list[dict[str, Any]], generation: str) -> None:
    found = compared(frames.rows([line(one) for one in both]), billed(both, generation=generation))
    assert not found.findings and found.within and found.missing_usd == found.surplus_usd == 0


@given(st.lists(st.tuples(_COUNTS, _COUNTS, _COUNTS), max_size=14), st.data())
@settings(max_examples=40, deadline=None)
def test_lines_that_are_said_to_add_up_do(vectors: list[tuple[int, int, int]], data: Any) -> None:
    among = np.array(vectors, dtype="int64").reshape(-1, 3)
    chosen = data.draw(st.lists(st.sampled_from(range(len(vectors))), unique=True)) if vectors else []
    target = among[chosen].sum(axis=0).astype("int64")
    found = exactly(target, among)
    assert (found is None) == (not target.any())
    if found:
        assert (among[list(found.places)].sum(axis=0) == target).all()


def test_two_ways_to_add_up_are_no_proof() -> None:
    lines = np.array([[1, 5], [2, 4], [1, 4], [2, 5]])
    found = exactly(np.array([3, 9]), lines)
    assert found is not None and not found.unique
    assert exactly(np.array([3, 10]), lines) is not None
    assert exactly(np.array([9, 1]), lines) is None


def test_a_match_that_chance_would_make_is_no_proof() -> None:
    small = np.random.default_rng(1).integers(1, 40, (100, 2))
    assert (exactly(small[7], small) or Match(())).unique is False
    large = small * [997, 1013]
    assert exactly(large[7], large, np.ones(100, dtype="int64"), 1) == Match((7,))
    assert exactly(large[7], large, np.ones(100, dtype="int64"), 2) is None


def test_what_is_told_of_many_candidates_is_bounded() -> None:
    lines = np.stack([np.arange(1, 7_001), np.arange(7_000, 0, -1)], axis=1)
    assert exactly(np.array([10, 5]), lines) is None
    assert exactly(lines.sum(axis=0), lines) is not None


def test_cells_hold_both_sides_of_everything_compared() -> None:
    at = datetime(2026, 11, 10, 10, tzinfo=UTC)
    call = {"time": at, "model": MODELS[0], "web_searches": 1, **dict.fromkeys(USAGE_FIELDS, 1_000_000)}
    found = compared(frames.rows([line(call)]), billed([call], discount=0.5))
    cells = found.cells.set_index("kind")
    assert list(cells.index) == list(KINDS)
    assert (cells["logged_tokens"] == cells["billed_tokens"]).all()
    assert cells.loc["tokens_output", ["logged_usd", "billed_usd", "list_usd"]].tolist() == [20.0, 10.0, 20.0]
