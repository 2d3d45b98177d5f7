"""Rows added up by facets as pandas would."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.grouping import added

MEASURES = ["tokens", "small", "usd"]
ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 2**50)), max_size=40
)


def frame(rows: list[tuple[str, str, int]], more: int) -> pd.DataFrame:
    """Two facets, one of them with names that do not occur, a count and an amount."""
    names = ["a", "b", "c", "d", *(f"unused-{number}" for number in range(more))]
    return pd.DataFrame(
        {
            "project": pd.Categorical([one[0] for one in rows], categories=names),
            "model": pd.Categorical([one[1] for one in rows], categories=["z", "y", "x"]),
            "tokens": np.array([one[2] for one in rows], dtype="int64"),
            "small": np.array([2**31 - 1 for _ in rows], dtype="int32"),
            "usd": np.array([one[2] / 7 for one in rows]),
        }
    )


@pytest.mark.parametrize("keys", [["project"], ["model"], ["project", "model"]])
@pytest.mark.parametrize("more", [0, 500])
@given(rows=ROWS)
def test_groups_are_those_of_pandas(keys: list[str], more: int, rows: list[tuple[str, str, int]]) -> None:
    lines = frame(rows, more)
    theirs = lines.astype({"small": "int64"}).groupby(keys, observed=True)[MEASURES].sum()
    ours = added(lines, keys, MEASURES)
    pd.testing.assert_frame_equal(ours, theirs, check_index_type=False)
    assert list(ours.index) == list(theirs.index)
