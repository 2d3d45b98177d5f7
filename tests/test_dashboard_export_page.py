"""The address the page's files come from: what is on screen, behind the same guard, in every format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import frames
import pandas as pd
import pytest
from export_reading import rows_of
from starlette.testclient import TestClient

from dashboard import metrics, settings
from dashboard.charts import CHARTS, Table, billed
from dashboard.export import excel
from dashboard.filters import Filter
from dashboard.web import export_menu, exporting, speed, urls
from dashboard.web.app import create_app

NOW = frames.at("2026-11-22 14:35")
TOKEN = "sixteen-letters-or-more"
LINES = [
    *frames.month(NOW, 15),
    {"time": frames.at("2026-11-22 09:00"), "model": "=1+1", "project": "web", "cost_usd": 1.0},
]


def _client(place: Path, *, token: str | None = None, **health: Any) -> TestClient:
    store = frames.FrameStore(LINES)
    store.health_extra = health
    environ = {"TZ": "UTC", **({"CALLMETER_TOKEN": token} if token else {})}
    chosen = settings.load({"cache_dir": place / "cache", "log_dir": place / "logs"}, environ, place, place)
    app = create_app(chosen, store, clock=lambda: NOW)
    return TestClient(app.server, base_url="http://localhost:8050", client=("127.0.0.1", 5))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    yield _client(tmp_path_factory.mktemp("export"))


def _view(search: str) -> Filter:
    return urls.to_filter(urls.parse(search), NOW, frames.UTC)


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "jsonl"])
@pytest.mark.parametrize("search", ["view=calls&range=7d", "range=7d&project=web&outcome=ok"])
def test_a_file_holds_what_is_on_screen(client: TestClient, form: str, search: str, tmp_path: Path) -> None:
    answer = client.get(f"/export?format={form}&{search}")
    assert answer.status_code == 200
    name = re.fullmatch(r'attachment; filename="(.+)"', answer.headers["content-disposition"])
    kind = "calls" if "calls" in search else "days"
    assert name and name[1] == f"callmeter-{kind}-2026-11-16--2026-11-22.{form}"
    assert answer.headers["cache-control"] == "no-store"
    (tmp_path / name[1]).write_bytes(answer.content)
    rows = rows_of(tmp_path / name[1])
    told = metrics.totals(frames.FrameStore(LINES).sums(_view(search)))
    assert sum(row["calls"] for row in rows) == told.calls > 0
    assert sum(row["estimated_cost_usd"] or 0 for row in rows) == pytest.approx(told.cost_usd)


def test_nothing_runs_in_a_spreadsheet(client: TestClient) -> None:
    text = client.get("/export?format=csv&view=calls&project=web").text
    assert ",'=1+1," in text.replace("\n", ",")


def test_a_table_is_named_by_its_picture_and_its_days(client: TestClient) -> None:
    answer = client.get("/export?format=csv&chart=models&range=30d")
    assert answer.headers["content-disposition"].endswith('"callmeter-models-2026-10-24--2026-11-22.csv"')
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0].startswith("model,calls,")
    assert "claude-haiku-5-5" in answer.text


def test_counts_of_a_table_are_numbers_and_its_texts_no_formulas() -> None:
    table = Table(["Task", "Tokens", "Cost"], [["=cmd", "1,284,000", "$1,204"], ["a,b", "≥ 1,000", "–"]])
    assert exporting.table_csv(table).decode().splitlines() == [
        "Task,Tokens,Cost",
        '\'=cmd,1284000,"$1,204"',
        '"a,b","≥ 1,000",–',
    ]


@pytest.mark.parametrize(
    ("search", "status", "said"),
    [
        ("format=doc", 422, "format: one of csv, xlsx, parquet, jsonl."),
        ("", 422, "format: one of"),
        ("format=csv&chart=nope", 404, "There is no such picture."),
    ],
)
def test_what_there_is_not_is_a_sentence(client: TestClient, search: str, status: int, said: str) -> None:
    answer = client.get(f"/export?{search}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.startswith(said)


def test_more_rows_than_excel_holds_is_a_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 3)
    answer = client.get("/export?format=xlsx&view=calls&range=30d")
    assert answer.status_code == 422
    assert "choose a shorter period" in answer.text


def test_while_days_are_missing_no_file_is_given(tmp_path: Path) -> None:
    answer = _client(tmp_path, days_loaded=3, days_total=40).get("/export?format=csv")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.text == "Older days are still being read; try again in a moment.\n"


def test_without_a_bill_the_bill_has_no_rows(client: TestClient) -> None:
    answer = client.get("/export?format=csv&view=bill")
    assert answer.text.count("\n") == 1
    assert answer.text.startswith("day,model,workspace,")


def test_the_guard_of_the_page_stands_before_it(client: TestClient, tmp_path: Path) -> None:
    """Another name, another site's link, and no token: nothing is given."""
    assert client.get("/export?format=csv", headers={"Host": "evil.example"}).status_code == 421
    for where in ("cross-site", "same-site"):
        answer = client.get("/export?format=csv", headers={"Sec-Fetch-Site": where})
        assert answer.status_code == 403
        assert "another site" in answer.text
    assert client.post("/export?format=csv", headers={"Origin": "http://evil.example"}).status_code == 403
    locked = _client(tmp_path, token=TOKEN)
    assert "timestamp" not in locked.get("/export?format=csv&view=calls").text
    shown = locked.get("/export?format=csv&view=calls", headers={"Authorization": f"Bearer {TOKEN}"})
    assert shown.text.startswith("timestamp,")


def test_the_link_of_a_table_has_the_state_of_the_page(client: TestClient) -> None:
    link = export_menu.table_link("?range=7d&project=a%26b", "models")
    assert link.href == "/export?format=csv&chart=models&range=7d&project=a%26b"
    assert export_menu.table_link(None, "models").href == "/export?format=csv&chart=models"
    state = urls.parse(link.href.partition("?")[2])
    assert (state.range, state.projects) == ("7d", frozenset({"a&b"}))


def test_a_range_of_hours_and_days_is_in_the_name(client: TestClient) -> None:
    search = "format=csv&range=custom&since=2026-11-20T10:00&until=2026-11-20T12:00"
    answer = client.get(f"/export?{search}")
    assert f'-{date(2026, 11, 20)}.csv"' in answer.headers["content-disposition"]


@pytest.mark.parametrize("chart", [chart.id for chart in (*CHARTS, *speed.CHARTS)])
def test_the_table_of_a_picture_is_data(client: TestClient, chart: str) -> None:
    """Each cell is a number, an ISO day or time, or a name: no dollar sign, no word for what is not known."""
    text = client.get(f"/export?format=csv&chart={chart}&range=30d").text
    head, *rows = csv.reader(io.StringIO(text))
    assert rows and all(len(row) == len(head) for row in rows)
    assert not any("$" in cell or cell in ("–", "nan", "not known") for row in rows for cell in row)
    for name, first in zip(head, rows[0], strict=True):
        if name.endswith(("_usd", "_seconds")) or name.startswith(("tokens_", "calls", "duration_")):
            float(first or 0)
        if name in ("day", "from", "timestamp", "last"):
            datetime.fromisoformat(first)


def test_days_of_the_bill_are_data_too() -> None:
    days = pd.DatetimeIndex(["2026-11-21", "2026-11-22"])
    costs = pd.DataFrame({"logged": [2.0, 1.0], "billed": [1.5, 0.0], "average": [float("nan"), 3.0]}, days)
    table = billed.table(billed.Days(costs, young=frozenset([days[1]])))
    assert exporting.table_csv(table).decode().splitlines() == [
        "day,logged_usd,billed_usd,difference_usd,average_7_days_usd,so_far",
        "2026-11-22,1.0,0.0,,3.0,true",
        "2026-11-21,2.0,1.5,-0.5,,false",
    ]


@pytest.mark.parametrize(("order", "sign"), [("asc", 1), ("desc", -1)])
def test_calls_come_in_the_order_of_the_screen(client: TestClient, order: str, sign: int) -> None:
    text = client.get(f"/export?format=csv&view=calls&range=7d&sort=cost_usd&order={order}").text
    rows = list(csv.DictReader(io.StringIO(text)))
    costs = [float(row["estimated_cost_usd"]) for row in rows if row["estimated_cost_usd"]]
    assert len(set(costs)) > 5 and costs == sorted(costs, key=lambda usd: sign * usd)
    plain = client.get("/export?format=csv&view=calls&range=7d&sort=nonsense").text
    assert sorted(plain.splitlines()) == sorted(text.splitlines())
