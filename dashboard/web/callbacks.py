"""What happens on the page: each callback takes inputs to a pure function and its answer to outputs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update, set_props

from ..billing.books import Books
from ..charts import CHARTS, Table, burndown
from ..money.desk import Desk
from ..otlp.status import TelemetryStatus
from ..settings import Settings
from ..store.base import Store
from . import (
    bill,
    bill_health,
    controls,
    detail,
    export_menu,
    grid,
    health,
    ids,
    live,
    money,
    navigation,
    overview,
    speed,
    tables,
    urls,
)

Clock = Callable[[], datetime]
Received = Callable[[], TelemetryStatus | None]


def register(
    app: Dash,
    desk: Desk,
    books: Books,
    settings: Settings,
    feed: live.Live,
    clock: Clock,
    received: Received,
) -> None:
    """Give the page its behaviour."""
    store = desk.store
    _navigation(app)
    _filters(app, store, clock)
    _refresh(app, store, feed, clock)
    _overview(app, desk, books, clock)
    _money(app, desk, clock)
    _bill(app, store, books, clock)
    _calls(app, store, clock)
    _health(app, store, books, settings, clock, received)
    _speed(app, store, clock)
    _tables(app, desk, books, clock)
    _browser(app)
    export_menu.register(app)


def _navigation(app: Dash) -> None:
    inputs = [Input(name, prop) for name, prop, _ in navigation.MOVES]

    @app.callback(
        Output(ids.URL, "search"),
        *controls.OUTPUTS,
        Input(ids.URL, "search"),
        Input({"type": "chip", "facet": ALL, "value": ALL}, "n_clicks"),
        *inputs,
    )
    def navigate(search: str, _chips: list[int | None], *_values: Any) -> tuple[Any, ...]:
        """The address is the state: a control changes the address, and the address sets the controls."""
        state = controls.after(urls.parse(search), ctx.triggered_id, ctx.triggered)
        after = urls.to_search(state)
        return (no_update if after == (search or "") else after, *controls.values(state))


def _filters(app: Dash, store: Store, clock: Clock) -> None:
    @app.callback(
        *[Output(name, "data") for name in ids.CHOICES],
        Input(ids.FILTERS, "n_clicks"),
        Input(ids.URL, "search"),
        State(ids.TICK, "data"),
    )
    def choices(_clicks: int | None, search: str, _tick: str) -> tuple[Any, ...]:
        """What can be chosen in the range, most used first."""
        return controls.choices(store, urls.parse(search), clock())


def _refresh(app: Dash, store: Store, feed: live.Live, clock: Clock) -> None:
    @app.callback(
        *[Output(name, "data") for name in live.TOLD],
        Output(ids.ANSWER, "data"),
        Input(ids.INTERVAL, "n_intervals"),
        Input(ids.REFRESH, "n_clicks"),
        *[State(name, "data") for name in live.TOLD],
    )
    def look(_n: int | None, _clicks: int | None, *told: Any) -> list[Any]:
        """Every 30 seconds and on the button; only what is new is drawn again."""
        feed.running()
        feed.money()
        feed.bill()
        fresh = feed.fresh(clock()).values()
        sent = [no_update if now == before else now for now, before in zip(fresh, told, strict=True)]
        return [*sent, live.pulse(store, clock())]

    @app.callback(websocket=True, persistent=True)
    async def push() -> None:
        """Tells this page of each change as it happens, for as long as it is open."""
        socket = ctx.websocket
        async for news in feed.news(clock):
            if socket is None or socket.is_shutdown:
                return
            for name, data in news.items():
                set_props(name, {"data": data})


def _overview(app: Dash, desk: Desk, books: Books, clock: Clock) -> None:
    @app.callback(
        *[Output(name, prop) for name, prop in overview.PARTS],
        Output(ids.DRAWN, "data"),
        Input(ids.TICK, "data"),
        Input(ids.URL, "search"),
        State(ids.DRAWN, "data"),
        prevent_initial_call=True,
    )
    def draw(tick: str | None, search: str, drawn: dict[str, str]) -> Any:
        """Inputs, filter, metrics, figures; only what differs from what the page has is sent."""
        state = urls.parse(search)
        if state.view != "overview" or tick is None:
            return no_update
        made = overview.parts(desk.store, state, clock(), desk.rules().budgets, books.prices)
        return overview.only_new(made, drawn)


def _money(app: Dash, desk: Desk, clock: Clock) -> None:
    @app.callback(
        *[Output(name, prop) for name, prop in money.PARTS],
        Output(ids.MONEY_DRAWN, "data"),
        Input(ids.MONEY_TICK, "data"),
        Input(ids.URL, "search"),
        State(ids.MONEY_DRAWN, "data"),
        prevent_initial_call=True,
    )
    def draw(tick: str | None, search: str, drawn: dict[str, str]) -> Any:
        """The money view, while it is shown; only what differs from what the page has is sent."""
        if urls.parse(search).view != "money" or tick is None:
            return no_update
        return overview.only_new(money.parts(desk, clock()), drawn)

    @app.callback(
        Output(ids.WHAT_IF_SAID, "children"),
        Input(ids.WHAT_IF, "value"),
        Input(ids.MONEY_DRAWN, "data"),
        State(ids.URL, "search"),
        prevent_initial_call=True,
    )
    def suppose(usd_per_day: Any, _drawn: Any, search: str) -> Any:
        """Until when the credit lasts at another pace."""
        if urls.parse(search).view != "money":
            return no_update
        return money.suppose(desk, clock(), usd_per_day)


def _bill(app: Dash, store: Store, books: Books, clock: Clock) -> None:
    @app.callback(
        *[Output(name, prop) for name, prop in bill.PARTS],
        Output(ids.BILL_DRAWN, "data"),
        Input(ids.BILL_TICK, "data"),
        Input(ids.URL, "search"),
        State(ids.BILL_DRAWN, "data"),
        prevent_initial_call=True,
    )
    def draw(tick: str | None, search: str, drawn: dict[str, str]) -> Any:
        """The bill view, while it is shown; only what differs from what the page has is sent."""
        state = urls.parse(search)
        if state.view != "bill" or tick is None:
            return no_update
        return overview.only_new(bill.parts(store, books, state, clock()), drawn)


def _calls(app: Dash, store: Store, clock: Clock) -> None:
    @app.callback(
        Output(ids.GRID, "getRowsResponse"),
        Output(ids.GRID_NOTE, "children"),
        Input(ids.GRID, "getRowsRequest"),
        State(ids.URL, "search"),
        prevent_initial_call=True,
    )
    def rows(request: dict[str, Any] | None, search: str) -> Any:
        """The stretch of lines that the table shows."""
        state = urls.parse(search)
        if request is None or state.view != "calls":
            return no_update, no_update
        lines = store.rows(urls.to_filter(state, clock(), store.zone), columns=grid.READ)
        return grid.stretch(lines, request), grid.sentence(lines)

    @app.callback(
        Output(ids.DETAIL_BODY, "children"),
        Output(ids.DETAIL, "title"),
        Input(ids.URL, "search"),
    )
    def open_call(search: str) -> Any:
        """The open call, every field."""
        call = urls.parse(search).call
        if call is None:
            return no_update, no_update
        record = detail.find(store, call)
        return detail.render(record, store.zone, detail.note(store, call)), detail.title(record)


def _health(
    app: Dash, store: Store, books: Books, settings: Settings, clock: Clock, received: Received
) -> None:
    @app.callback(
        Output(ids.HEALTH, "children"),
        Input(ids.TICK, "data"),
        Input(ids.BILL_TICK, "data"),
        Input(ids.URL, "search"),
    )
    def show(_tick: str | None, _bill: str | None, search: str) -> Any:
        """Whether the numbers are complete, and what is missing."""
        state, now = urls.parse(search), clock()
        if state.view != "health":
            return no_update
        sums = store.sums(urls.to_filter(state, now, store.zone))
        bill_panel = [bill_health.render(books, now)]
        return health.render(
            store.health(), sums, str(settings.log_dir), now, store.zone, received(), bill_panel, books.prices
        )


def _speed(app: Dash, store: Store, clock: Clock) -> None:
    @app.callback(
        *[Output(name, prop) for name, prop in speed.PARTS],
        Output(ids.SPEED_DRAWN, "data"),
        Input(ids.TICK, "data"),
        Input(ids.URL, "search"),
        State(ids.SPEED_DRAWN, "data"),
        prevent_initial_call=True,
    )
    def draw(tick: str | None, search: str, drawn: dict[str, str]) -> Any:
        """Latency and failures, while the health view is shown; only what differs is sent."""
        state = urls.parse(search)
        if state.view != "health" or tick is None:
            return no_update
        return overview.only_new(speed.parts(store, state, clock()), drawn)


def _tables(app: Dash, desk: Desk, books: Books, clock: Clock) -> None:
    @app.callback(
        Output(ids.TABLE, "opened"),
        Output(ids.TABLE, "title"),
        Output(ids.TABLE_BODY, "children"),
        Input({"type": "as-table", "chart": ALL}, "n_clicks"),
        State(ids.URL, "search"),
        prevent_initial_call=True,
    )
    def show(clicks: list[int | None], search: str) -> Any:
        """A picture in words and numbers."""
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update, no_update
        found = table_of(desk, books, urls.parse(search), clock(), ctx.triggered_id["chart"])
        return (
            (no_update,) * 3
            if found is None
            else (True, found[0], _with_link(search, ctx.triggered_id["chart"], found[1]))
        )


def _with_link(search: str, chart: str, table: Table) -> list[Any]:
    return [export_menu.table_link(search, chart), tables.table(table.head, table.rows)]


def table_of(
    desk: Desk, books: Books, state: urls.State, now: datetime, chart: str
) -> tuple[str, Table] | None:
    """A picture's title and its table; None for an unknown picture."""
    if chart == burndown.ID:
        return burndown.TITLE, money.course_table(desk, now)
    found = bill.as_table(desk.store, books, state, now, chart)
    found = found or speed.table(desk.store, state, now, chart)
    return found or overview.table(desk.store, state, now, chart)


IN_THE_BROWSER: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    (
        "callmeter",
        "status",
        (
            Output(ids.STATUS, "children"),
            Output(ids.STATUS, "className"),
            Input(ids.BEAT, "n_intervals"),
            Input(ids.PULSE, "data"),
            Input(ids.ANSWER, "data"),
        ),
    ),
    (
        "callmeter",
        "body",
        (
            Output(ids.BODY, "className"),
            Input(ids.PULSE, "data"),
            Input(ids.ANSWER, "data"),
            Input(ids.DRAWN, "data"),
            Input(ids.URL, "search"),
            Input(ids.RUNNING, "data"),
            Input(ids.MONEY_DRAWN, "data"),
            Input(ids.SPEED_DRAWN, "data"),
            Input(ids.BILL_DRAWN, "data"),
        ),
    ),
    (
        "alerts",
        "banner",
        (
            Output(ids.BANNER, "className"),
            Output(ids.BANNER_LINK, "children"),
            Output(ids.BANNER_LINK, "href"),
            Output(ids.BANNER_ALOUD, "children"),
            Input(ids.ALERTS, "data"),
            Input(ids.BANNER_CLOSE, "n_clicks"),
            Input(ids.URL, "search"),
        ),
    ),
    (
        "callmeter",
        "running",
        (
            Output(ids.RUNNING_CARD, "className"),
            Output(ids.RUNNING_BODY, "children"),
            Output(ids.RUNNING_LIST, "children"),
            Input(ids.RUNNING, "data"),
            Input(ids.URL, "search"),
            Input(ids.RUNNING_DRAWER, "opened"),
        ),
    ),
    (
        "callmeter",
        "grid",
        (
            Output(ids.GRID_VIEW, "data"),
            Input(ids.TICK, "data"),
            Input(ids.URL, "search"),
            State(ids.GRID_VIEW, "data"),
        ),
    ),
    *(
        ("callmeter", "figure", (Output(ids.figure(name), "figure"), Input(ids.fresh(name), "data")))
        for name in (
            *(chart.id for chart in (*CHARTS, *speed.CHARTS)),
            *(chart.ID for chart in (burndown, *bill.CHARTS)),
        )
    ),
)
"""Name space and function of assets/*.js, and what it takes and gives."""


def _browser(app: Dash) -> None:
    """What the browser does by itself."""
    for space, function, ends in IN_THE_BROWSER:
        app.clientside_callback(ClientsideFunction(space, function), *ends)  # type: ignore[no-untyped-call]
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("callmeter", "open"),
        Output(ids.RUNNING_DRAWER, "opened"),
        Input(ids.RUNNING_OPEN, "n_clicks"),
        prevent_initial_call=True,
    )


__all__ = ["register"]
