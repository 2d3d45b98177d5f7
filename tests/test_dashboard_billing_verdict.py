"""What the verdict, the findings and the remarks say, on a few days of calls made by hand."""

from __future__ import annotations

import frames
import pytest

from tests.bill_frames import billed, compared, line
from tests.test_dashboard_billing_reconcile_rules import LINES, OPUS, WORK, call


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("us.anthropic.claude-opus-5-5-v1:0", OPUS),
        ("claude-opus-5-5@20260801", "claude-opus-5-5-20260801"),
        (OPUS, "us.anthropic.claude-opus-5-5"),
    ],
)
def test_what_another_provider_answered_is_not_compared(asked: str, served: str) -> None:
    other = line(call("11T10:30"), model=asked, model_served=served)
    every = compared(frames.rows([*LINES, other]), billed(WORK))
    assert not every.findings and every.within
    assert every.remarks == (f"1 line of {asked} is not Anthropic's.",)
