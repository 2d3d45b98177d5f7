"""What stands where. Pure: settings in, component tree out; callbacks fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import dcc, html

from ..charts import CHARTS, Chart, burndown
from ..money.alerts import Alert
from ..settings import Settings
from . import banner, bill, cards, export_menu, grid, ids, money, running, speed, welcome
from .plot import picture, spoken
from .running import Running

VIEW_NAMES = (
    ("overview", "Overview"),
    ("calls", "Calls"),
    ("money", "Money"),
    ("bill", "Bill"),
    ("health", "Health"),
)
RANGE_NAMES = (("24h", "24h"), ("7d", "7d"), ("30d", "30d"), ("custom", "Custom"))
FILTER_NAMES = (
    (ids.MODELS, "Model", "all models"),
    (ids.PROJECTS, "Project", "all projects"),
    (ids.TASKS, "Task", "all tasks"),
    (ids.WORKERS, "Worker", "all workers"),
    (ids.SOURCES, "Source", "all sources"),
)


def page(settings: Settings, now: Running, zone: ZoneInfo, alerts: Sequence[Alert] = ()) -> Any:
    """The whole page, with the calls in flight and the open alerts as it begins."""
    return dmc.MantineProvider(
        [
            *_memory(settings),
            running.memory(now, zone),
            banner.memory(alerts),
            html.A("Skip to the content", href="#" + ids.BODY, className="skip"),
            _header(banner.component()),
            html.Main(
                [
                    html.P(id=ids.TROUBLE, className="trouble", role="alert"),
                    html.Div(welcome.render(settings.log_dir), className="for-empty"),
                    html.Div(_overview(now), className="for-overview"),
                    html.Div(_calls(), className="for-calls"),
                    html.Div(money.layout(), className="for-money"),
                    html.Div(bill.layout(), className="for-bill"),
                    html.Div(_health(), className="for-health"),
                ],
                id=ids.BODY,
                className="waiting view-overview",
                tabIndex=-1,
            ),
            _detail(),
            _table(),
            running.drawer(),
        ],
        theme={"primaryColor": "indigo", "fontFamily": "var(--font)", "defaultRadius": "md"},
        defaultColorScheme="auto",
    )


def _memory(settings: Settings) -> list[Any]:
    return [
        dcc.Location(id=ids.URL, refresh=False),
        dcc.Store(id=ids.TICK),
        dcc.Store(id=ids.PULSE),
        dcc.Store(id=ids.ANSWER),
        dcc.Store(id=ids.DRAWN, data={}),
        dcc.Store(id=ids.GRID_VIEW),
        dcc.Store(id=ids.MONEY_TICK),
        dcc.Store(id=ids.MONEY_DRAWN, data={}),
        dcc.Store(id=ids.BILL_TICK),
        dcc.Store(id=ids.BILL_DRAWN, data={}),
        *[dcc.Store(id=ids.fresh(chart.ID)) for chart in bill.CHARTS],
        dcc.Store(id=ids.SPEED_DRAWN, data={}),
        *[dcc.Store(id=ids.fresh(chart.id)) for chart in speed.CHARTS],
        *[dcc.Store(id=ids.fresh(name)) for name in (*(chart.id for chart in CHARTS), burndown.ID)],
        dcc.Interval(id=ids.INTERVAL, interval=int(settings.refresh_seconds * 1000)),
        dcc.Interval(id=ids.BEAT, interval=1000),
    ]


def _header(alerts: Any) -> Any:
    top = html.Div(
        [
            html.H1("callmeter"),
            html.Div(
                [html.Span(className="dot"), html.Span("starting", className="words")],
                id=ids.STATUS,
                role="status",
            ),
            html.Div(
                [
                    html.Div(_segments(ids.RANGE, RANGE_NAMES, "24h", "Range"), className="ranged"),
                    dmc.DatePickerInput(
                        id=ids.DAYS,
                        type="range",
                        placeholder="first – last day",
                        size="xs",
                        valueFormat="D MMM YY",
                        allowSingleDateInRange=True,
                        className="days off",
                        **spoken("First and last day"),
                    ),
                    html.Div(export_menu.component(), className="ranged"),
                    _button(ids.REFRESH, "⟳", "Refresh now"),
                    dmc.ColorSchemeToggle(
                        lightIcon="☀",
                        darkIcon="☾",
                        variant="subtle",
                        size="md",
                        **spoken("Light or dark"),
                    ),
                ],
                className="controls",
            ),
        ],
        className="bar",
    )
    below = html.Div(
        [
            _segments(ids.VIEWS, VIEW_NAMES, "overview", "View"),
            html.Div(_filters(), className="ranged"),
            html.Div(id=ids.CHIPS, className="chips ranged"),
        ],
        className="bar second",
    )
    return html.Header([top, below, alerts])


def _segments(name: str, choices: tuple[tuple[str, str], ...], value: str, label: str) -> Any:
    data = [{"value": key, "label": words} for key, words in choices]
    return html.Div(
        dmc.SegmentedControl(id=name, data=data, value=value, size="xs"),
        role="group",
        **spoken(label),
    )


def _button(name: str, sign: str, label: str) -> Any:
    button = dmc.ActionIcon(sign, id=name, variant="subtle", size="md", **spoken(label))
    return dmc.Tooltip(button, label=label)


def _filters() -> Any:
    choices = [
        dmc.MultiSelect(
            id=name,
            label=label,
            placeholder=words,
            data=[],
            value=[],
            size="xs",
            searchable=True,
            clearable=True,
            limit=100,
            hidePickedOptions=True,
            nothingFoundMessage="nothing like it in this range",
            comboboxProps={"withinPortal": False},
        )
        for name, label, words in FILTER_NAMES
    ]
    outcome = _segments(
        ids.OUTCOME, (("all", "All"), ("ok", "Succeeded"), ("failed", "Failed")), "all", "Outcome"
    )
    clear = dmc.Button("Clear all", id=ids.CLEAR, variant="subtle", size="compact-xs")
    return dmc.Popover(
        [
            dmc.PopoverTarget(dmc.Button("Filter", id=ids.FILTERS, variant="light", size="compact-xs")),
            dmc.PopoverDropdown(html.Div([*choices, outcome, clear], className="filter-form")),
        ],
        position="bottom-start",
        shadow="md",
        width=300,
        keepMounted=True,
        trapFocus=True,
    )


def _overview(now: Running) -> list[Any]:
    return [
        html.Div([*map(cards.component, cards.NAMES), running.card(now)], className="cards"),
        html.Div([_picture(chart) for chart in CHARTS], className="pictures"),
    ]


_SWITCHES: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "timeline": (ids.CACHE, (("plain", "in + out"), ("cache", "+ cache")), "Which tokens"),
    "models": (ids.MODELS_BY, (("tokens", "tokens"), ("cost", "cost")), "Compare by"),
    "spenders": (ids.WHO, (("task_id", "task"), ("project", "project"), ("worker_id", "worker")), "Per"),
}


def _picture(chart: Chart) -> Any:
    tools: list[Any] = []
    if chart.id in _SWITCHES:
        name, choices, label = _SWITCHES[chart.id]
        tools.append(_segments(name, choices, choices[0][0], label))
    return picture(chart.id, chart.title, tools)


def _calls() -> list[Any]:
    return [
        html.P("\u00a0", id=ids.GRID_NOTE, className="sentence"),
        html.Div(grid.component(), className="grid"),
    ]


def _health() -> list[Any]:
    measures = _segments(ids.MEASURE, speed.MEASURE_NAMES, "duration", "Latency of")
    return [speed.layout(measures), html.Div(id=ids.HEALTH, className="pictures")]


def _detail() -> Any:
    return dmc.Drawer(
        html.Div(id=ids.DETAIL_BODY, className="detail"),
        id=ids.DETAIL,
        title="Call",
        position="right",
        size="lg",
        padding="md",
        closeButtonProps={"aria-label": "Close"},
    )


def _table() -> Any:
    return dmc.Modal(
        html.Div(id=ids.TABLE_BODY),
        id=ids.TABLE,
        title="",
        size="xl",
        closeButtonProps={"aria-label": "Close"},
    )
