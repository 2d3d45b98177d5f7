"""The calls table: which columns, and a stretch of rows as text. Rows are sorted and cut on the server."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag
import pandas as pd

from .. import metrics, numbers, sources
from . import ids

PAGE = 100
"""Rows asked for at a time."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: the frame's column, its head, how a line's cell reads."""

    field: str
    head: str
    cell: Callable[[Any], str]
    width: int
    right: bool = False


def _or_unknown(field: str) -> Callable[[Any], str]:
    return lambda row: getattr(row, field) or numbers.UNKNOWN


def _tokens(field: str) -> Callable[[Any], str]:
    def cell(row: Any) -> str:
        if not row.counted:
            return numbers.UNKNOWN
        return ("" if row.final else "≥ ") + numbers.count(getattr(row, field))

    return cell


def _cost(row: Any) -> str:
    if math.isnan(row.cost_usd):
        return "not known"
    return ("" if row.final else "≥ ") + numbers.usd(row.cost_usd)


COLUMNS: tuple[Column, ...] = (
    Column("time", "Time", lambda row: f"{row.time:%d %b %H:%M:%S}", 148),
    Column("task_id", "Task", _or_unknown("task_id"), 150),
    Column("cost_usd", "Cost", _cost, 112, right=True),
    Column("model", "Model", _or_unknown("model"), 180),
    Column("outcome", "Outcome", lambda row: "✕ failed" if row.outcome == "failed" else "ok", 92),
    Column("tokens_input", "Input", _tokens("tokens_input"), 96, right=True),
    Column("tokens_output", "Output", _tokens("tokens_output"), 96, right=True),
    Column("tokens_cache_read", "Cache read", _tokens("tokens_cache_read"), 112, right=True),
    Column("tokens_cache_write", "Cache write", _tokens("tokens_cache_write"), 112, right=True),
    Column(
        "duration_seconds", "Duration", lambda row: numbers.duration(row.duration_seconds), 106, right=True
    ),
    Column("worker_id", "Worker", _or_unknown("worker_id"), 120),
    Column("project", "Project", _or_unknown("project"), 130),
    Column("calls", "Calls", lambda row: numbers.count(row.calls), 80, right=True),
    Column("source", "Source", lambda row: sources.words(row.source), 112),
    Column("error", "Error", lambda row: row.error, 260),
)


READ = frozenset(
    {column.field for column in COLUMNS}
    | {"counted", "final", "tokens_total", "tokens_per_second", "day", "offset"}
)
"""Columns of the lines that rows of the table are made of, ordered by and named by."""


def component() -> dag.AgGrid:
    """The table itself, empty; it asks for the rows it shows."""
    return dag.AgGrid(
        id=ids.GRID,
        columnDefs=[_definition(column) for column in COLUMNS],
        defaultColDef={"resizable": True, "sortable": True, "suppressHeaderMenuButton": True},
        rowModelType="infinite",
        columnSize=None,
        getRowId={"function": "params.data.id"},
        dashGridOptions={
            "cacheBlockSize": PAGE,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 1,
            "rowBuffer": 10,
            "rowHeight": 34,
            "headerHeight": 38,
            "animateRows": False,
            "suppressCellFocus": False,
            "suppressMultiSort": True,
            "localeText": {"noRowsToShow": "No calls in this range", "loadingOoo": "…"},
        },
        className="ag-theme-callmeter",
        style={"height": "100%", "width": "100%"},
    )


def _definition(column: Column) -> dict[str, Any]:
    definition: dict[str, Any] = {"field": column.field, "headerName": column.head, "width": column.width}
    if column.right:
        definition["type"] = "rightAligned"
    if column.field == "time":
        definition["sort"] = "desc"
    if column.field in ("task_id", "error"):
        definition["tooltipField"] = column.field
    if column.field == "outcome":
        definition["cellClassRules"] = {"failed": {"function": "params.value == '✕ failed'"}}
    return definition


def stretch(rows: pd.DataFrame, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to the table's request for rows: the cells of that stretch and how many rows there are."""
    first, last = int(request.get("startRow") or 0), int(request.get("endRow") or PAGE)
    model = (request.get("sortModel") or [{"colId": "time", "sort": "desc"}])[0]
    small = metrics.page(rows, first, last, model["colId"], ascending=model["sort"] == "asc")
    return {"rowData": [_cells(row) for row in small.itertuples()], "rowCount": len(rows)}


def _cells(row: Any) -> dict[str, str]:
    return {"id": f"{row.day}/{row.offset}"} | {column.field: column.cell(row) for column in COLUMNS}


def sentence(rows: pd.DataFrame) -> str:
    """What the table holds, in words."""
    if not len(rows):
        return "No calls in this range."
    failed = int((rows["outcome"] == "failed").sum())
    said = numbers.plural(len(rows), "line")
    return (
        f"{said}, {numbers.count(failed)} failed. Click one for every field."
        if failed
        else f"{said}, none failed."
    )
