"""The address the page's files come from: what is on screen, in the format asked for.

`/export?format=csv&…` with the page's own state behind it gives the calls in the calls view, Anthropic's bill
in the bill view, else days, models and projects; with `chart=…` the table of that picture as data, in CSV.
Calls are in the order of `sort=…` (`order=asc` or `desc`), a column of the table there, else oldest first.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ..billing.books import Books, of_models
from ..billing.kinds import billed_name
from ..charts import Table
from ..export import ExportError, Extract, file, forms
from ..export.bill import bill
from ..export.calls import calls, ordered
from ..export.days import days
from ..export.forms import Form
from ..filters import Filter
from ..metrics import SORTABLE
from ..sheets.data import safe
from ..store.base import Store
from . import urls
from .urls import State

PATH = "/export"

_PIECE = 1 << 18
_ELSEWHERE = frozenset({"cross-site", "same-site"})
_UNREAD = "Older days are still being read; try again in a moment.\n"
_FOREIGN = "This link stood on the page of another site, so callmeter gave nothing.\n"

TableOf = Callable[[State, datetime, str], "tuple[str, Table] | None"]
"""The title and the table of a picture in a state; None for a picture that is not known."""


@dataclass(frozen=True, slots=True)
class Order:
    """How the calls are sorted on screen; oldest first where that is by nothing known."""

    by: str
    ascending: bool


@dataclass(frozen=True, slots=True)
class Exporter:
    """What the address gives."""

    store: Store
    books: Books
    table_of: TableOf
    clock: Callable[[], datetime]

    def answer(self, request: Request) -> Response:
        """The file, or a sentence why there is none. GETs change nothing."""
        if request.headers.get("sec-fetch-site") in _ELSEWHERE:
            return PlainTextResponse(_FOREIGN, 403)
        if self.store.health().loading:
            return PlainTextResponse(_UNREAD, 503, {"Retry-After": "2"})
        state, now = urls.parse(request.url.query), self.clock()
        chart = request.query_params.get("chart")
        if chart is not None:
            return self._table(chart, state, now)
        form = forms.named(request.query_params.get("format", ""))
        if form is None:
            return PlainTextResponse(f"format: one of {', '.join(forms.NAMES)}.\n", 422)
        asked = request.query_params
        order = Order(asked.get("sort", ""), asked.get("order") == "asc")
        rows, extract, view = self.extract(state, now, order)
        return _given(form, extract, file.name(rows, view, form))

    def extract(self, state: State, now: datetime, order: Order) -> tuple[str, Extract, Filter]:
        """What is on screen in a state: what the rows are, the table, its period."""
        view = urls.to_filter(state, now, self.store.zone)
        if state.view == "bill":
            last = (view.until - timedelta(microseconds=1)).date()
            models = frozenset(map(billed_name, state.models))
            found = of_models(self.books.between(view.since.date(), last), models)
            return "bill", bill(found), view
        if state.view != "calls":
            return "days", days(self.store, view), view
        if order.by not in SORTABLE:
            return "calls", calls(self.store, view), view
        return "calls", ordered(self.store, view, order.by, ascending=order.ascending), view

    def _table(self, chart: str, state: State, now: datetime) -> Response:
        found = self.table_of(state, now, chart)
        if found is None:
            return PlainTextResponse("There is no such picture.\n", 404)
        body = table_csv(found[1])
        name = file.name(chart, urls.to_filter(state, now, self.store.zone), forms.CSV)
        return Response(body, 200, _headers(name), forms.CSV.media)


def add_routes(server: FastAPI, exporter: Exporter) -> None:
    """Let the server give files. The work is done on threads, for frames are slow."""
    server.add_route(PATH, exporter.answer, methods=["GET"], include_in_schema=False)


def table_csv(table: Table) -> bytes:
    """A table as data; one of words alone as it is read on the page."""
    rows = [table.keys, *table.data] if table.keys else [table.head, *table.rows]
    return forms.csv_rows([safe(_plain(cell)) for cell in row] for row in rows)


def _plain(cell: Any) -> Any:
    """A cell for a program: times in ISO-8601, numbers to 10 digits, nothing for what is not known."""
    if isinstance(cell, str):
        return cell.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", cell) else cell
    if isinstance(cell, date):  # also of times
        return cell.isoformat()
    if isinstance(cell, float):
        return round(cell, 10) + 0.0 if math.isfinite(cell) else None
    return cell


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _given(form: Form, extract: Extract, name: str) -> Response:
    """The file, while it is made where the format allows it, else when it is whole."""
    if form.streams:
        return StreamingResponse(forms.chunks(form, extract), 200, _headers(name), form.media)
    try:
        made = _whole(form, extract)
    except ExportError as error:
        return PlainTextResponse(f"{error}\n", 422)
    return StreamingResponse(_pieces(made), 200, _headers(name), form.media)


def _whole(form: Form, extract: Extract) -> BinaryIO:
    """A file without a name, written, at its beginning. Raises ExportError."""
    with tempfile.TemporaryDirectory(prefix="callmeter-") as scratch, file.sentences(Path(scratch)):
        made = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
        try:
            forms.write(form, [extract], made, Path(scratch))
            made.seek(0)
        except BaseException:
            made.close()
            raise
        return made


def _pieces(made: BinaryIO) -> Iterator[bytes]:
    with made:
        while piece := made.read(_PIECE):
            yield piece
