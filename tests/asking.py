"""Questions to the views of the report, put to lines made by hand."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dashboard import filters
from dashboard.sheets import Answer, Sheet
from dashboard.views import Asked
from dashboard.views.all import view
from logger.price_table import ModelPrice, Period, PriceTable, Rates, Tariff
from tests.frames import FrameStore, at

NOW = at("2026-11-20 12:00")
PRICES = PriceTable({"opus": ModelPrice((Period(0, Tariff(Rates(4.0, 20.0, 0.4, 5.0, 8.0))),))})
M = 1_000_000
UNKNOWN_COST = float("nan")


def call(day: str = "2026-11-20", **differs: Any) -> dict[str, Any]:
    """A call of a dollar at nine o'clock."""
    return {"time": at(f"{day} 09:00"), "model": "opus", "tokens_output": 100, "cost_usd": 1.0} | differs


def asked(*lines: dict[str, Any], since: str = "2026-10-22", zone: str = "UTC", **more: Any) -> Asked:
    """A question about the days from `since` to `NOW`."""
    here = ZoneInfo(zone)
    store = FrameStore(lines, here)
    days = filters.days(date.fromisoformat(since), NOW.astimezone(here).date(), here)
    return Asked(store=store, view=days, now=NOW, prices=PRICES, **more)


def made(name: str, *lines: dict[str, Any], **more: Any) -> Answer:
    """What a view answers."""
    return view(name).build(asked(*lines, **more))


def sheet(answer: Answer, name: str) -> Sheet:
    """A table of it."""
    return next(one for one in answer.sheets if one.name == name)


def column(answer: Answer, name: str, key: str) -> list[Any]:
    """A column of a table."""
    return [row[key] for row in sheet(answer, name).rows]


def text(answer: Answer, name: str) -> str:
    """A table as people read it."""
    one = sheet(answer, name)
    return "\n".join(" | ".join(cells) for cells in [one.heads, *one.text()])
