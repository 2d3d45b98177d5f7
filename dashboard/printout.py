"""Reports and budgets as lines for a terminal: aligned, with thousands separators, plain when piped.

A count that is only a lower bound is marked `≥`, with the reason beside it. Where the terminal is too narrow
a table leaves out columns, then shortens names in their middle; budgets become sentences. A pipe has all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import pandas as pd
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from . import report as reports
from .completeness import sources_words, why_unpriced
from .filters import NONE
from .metrics import Totals
from .money.budgets import Standing, amount_words, share_words
from .money.periods import end_words
from .numbers import plural, share
from .report import Report
from .sheets import Cell, Column, Sheet
from .sheets.names import model_label
from .sheets.text import lines, say, shortened, wrapped
from .sheets.text import printable as printable

UNKNOWN = "unknown"
_RULE = 60
_LABEL = 18
_NUMBER = 16
_WIDE = 10**6
_SHORT = 9
"""No name is made shorter than this."""
_BESIDE = 20
"""A remark is wrapped beside its number where it has so many places."""

TITLES = {
    "day": "Day",
    "hour": "Hour",
    "model": "Model",
    "project": "Project",
    "task_id": "Task",
    "worker_id": "Worker",
}


class Terminal(Console):
    """A console that leaves the end of the program to the program."""

    def on_broken_pipe(self) -> NoReturn:
        """Rich would exit with 1 here, and lose that it was a closed pipe; called while that is handled."""
        raise BrokenPipeError


def show(report: Report, console: Console) -> None:
    """Print the summary, the groups, and with rows each call."""
    summary(report, console)
    console.print()
    if report.standings:
        show_standings(report, console)
        console.print()
    console.print(f"By {TITLES[report.key]}:", style="bold")
    console.print("-" * _RULE, style="dim")
    _print_table(_groups(report, console), console)
    if report.rows is not None:
        console.print()
        console.print("Calls:", style="bold")
        console.print("-" * _RULE, style="dim")
        _print_sheet(_details(report.rows), console)
    console.print()
    say(completeness(report), console, style="dim")


def completeness(report: Report) -> str:
    """How complete the totals are, in a line: `128 calls: 98.9 % priced, …`."""
    known = report.known
    shares = f"{share(known.priced, known.calls)} priced, {share(known.final, known.calls)} final"
    return f"{plural(known.calls, 'call')}: {shares}; {printable(sources_words(known))}"


def summary(report: Report, console: Console) -> None:
    """Print the totals, each with what makes it incomplete right beside it."""
    console.print(f"📊 API Usage Summary - {reports.period(report.view)}", style="bold")
    console.print("=" * _RULE, style="dim")
    for name, number, remark in _lines(report):
        begin = f"{name:<{_LABEL}}{number:>{_NUMBER}}   "
        line = Text(begin).append(_hanging(remark, cell_len(begin), console), style="yellow")
        line.rstrip()
        console.print(line, soft_wrap=not console.is_terminal)


def _hanging(remark: str, indent: int, console: Console) -> str:
    """A remark as it stands beside a number: on a terminal wrapped at words."""
    room = console.width - indent
    if not console.is_terminal or room < _BESIDE:
        return remark
    return f"\n{' ' * indent}".join(wrapped(remark, room))


def _lines(report: Report) -> Iterable[tuple[str, str, str]]:
    totals = report.totals
    bound = totals.not_final > 0
    yield "Total Calls:", tokens(totals.calls, report.known.of_runs > 0), _calls(report)
    yield "  ✓ Successful:", f"{totals.successful:,}", ""
    yield "  ✗ Failed:", f"{totals.failed:,}", ""
    yield "", "", ""
    yield "Tokens Used:", tokens(totals.tokens_total, bound), _not_final(totals)
    yield "  → Input:", tokens(totals.tokens_input, bound), ""
    yield "  → Output:", tokens(totals.tokens_output, bound), _thinking(totals)
    yield "  → Cache read:", tokens(totals.tokens_cache_read, bound), ""
    yield "  → Cache write:", tokens(totals.tokens_cache_write, bound), ""
    yield "", "", ""
    yield "Cost (estimated):", cost(totals), _unpriced(report)
    yield "", "", ""
    yield "Avg Duration:", _average(totals.average_duration_seconds, "s"), ""
    yield "Avg Tokens/sec:", _average(totals.average_tokens_per_second, ""), ""


def remarks(report: Report) -> list[str]:
    """What makes the totals incomplete, as sentences."""
    clauses = (
        _bad(report),
        f"the number of calls is a lower bound: {runs}" if (runs := _of_runs(report)) else "",
        f"tokens are {text}" if (text := _not_final(report.totals)) else "",
        _unpriced(report),
    )
    return [f"{clause[0].upper()}{clause[1:]}." for clause in clauses if clause]


def tokens(count: int, bound: bool) -> str:
    """A count, marked when it is a lower bound."""
    return f"≥ {count:,}" if bound else f"{count:,}"


def cost(totals: Totals) -> str:
    """The known cost with four decimals, marked when it is not all; "unknown" when none is known."""
    known = reports.known_cost(totals)
    if known is None:
        return UNKNOWN
    mark = "≥ " if totals.unpriced or totals.not_final else ""
    return f"{mark}${known:,.4f}"


def _average(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:,.2f}{unit}"


def _calls(report: Report) -> str:
    """What makes the number of calls incomplete."""
    return "; ".join(clause for clause in (_bad(report), _of_runs(report)) if clause)


def _of_runs(report: Report) -> str:
    runs = report.known.of_runs
    return f"{runs:,} of CLI runs, which may have made more" if runs else ""


def _bad(report: Report) -> str:
    if not report.bad_lines:
        return ""
    return f"{plural(report.bad_lines, 'bad line')} not counted: callmeter check"


def _not_final(totals: Totals) -> str:
    if not totals.not_final:
        return ""
    return f"a lower bound: {plural(totals.not_final, 'call')} not counted to the end"


def _thinking(totals: Totals) -> str:
    return f"{totals.tokens_thinking:,} of it thinking" if totals.tokens_thinking else ""


def _unpriced(report: Report) -> str:
    """Calls whose cost is not known, and why."""
    if not report.totals.unpriced:
        return ""
    reasons = printable(", ".join(why_unpriced(report.known)))
    return f"cost not known: {reasons}: callmeter check"


def _name(value: Any) -> str:
    return "(none)" if value == NONE else printable(str(value))


_GROUP_COLUMNS: tuple[tuple[str, bool, Callable[[Totals], str]], ...] = (
    # header, left out where there is no room, cell
    ("Calls", False, lambda t: tokens(t.calls, t.of_runs > 0)),
    ("Failed", False, lambda t: f"{t.failed:,}"),
    ("Input", True, lambda t: tokens(t.tokens_input, t.not_final > 0)),
    ("Output", True, lambda t: tokens(t.tokens_output, t.not_final > 0)),
    ("Cache read", True, lambda t: tokens(t.tokens_cache_read, t.not_final > 0)),
    ("Cache write", True, lambda t: tokens(t.tokens_cache_write, t.not_final > 0)),
    ("Tokens", False, lambda t: tokens(t.tokens_total, t.not_final > 0)),
    ("Cost", False, cost),
)


def _groups(report: Report, console: Console) -> list[Table]:
    """The groups in tables: with all columns, with fewer, and with shorter names where it takes that."""
    tables = [_group_table(report, slim=slim) for slim in (False, True)]
    over = _width(tables[-1], console) - _room(console)
    if over <= 0:
        return tables
    longest = max((cell_len(_moment(report.key, value)) for value, _ in report.groups), default=0)
    return [*tables, _group_table(report, slim=True, longest=max(_SHORT, longest - over))]


def _group_table(report: Report, *, slim: bool, longest: int = _WIDE) -> Table:
    columns = [(title, cell) for title, extra, cell in _GROUP_COLUMNS if not (extra and slim)]
    table = _table(TITLES[report.key], [title for title, _ in columns])
    for value, totals in report.groups:
        name = shortened(_moment(report.key, value), longest)
        table.add_row(Text(name), *(Text(cell(totals)) for _, cell in columns))
    return table


def _moment(key: str, value: Any) -> str:
    if key == "day":
        return f"{value:%a %Y-%m-%d}"
    return f"{value:%Y-%m-%d %H:%M %z}" if key == "hour" else _name(value)


_STATUS = {"ok": ("✓ ok", ""), "warning": ("! warning", "yellow"), "exceeded": ("✗ exceeded", "bold red")}
"""A budget's status -> its words and style."""


def show_standings(report: Report, console: Console) -> None:
    """Print a line for each budget of the report."""
    for one in report.standings:
        _print_standing(f"Budget {printable(one.budget.name)}: ", one, console)


def _print_standing(begin: str, one: Standing, console: Console) -> None:
    said = begin + one.sentence
    line = Text("\n".join(wrapped(said, console.width)) if console.is_terminal else said)
    line.stylize(_STATUS[one.status][1], len(begin))
    console.print(line, soft_wrap=True)


def show_budgets(standings: Sequence[Standing], console: Console) -> None:
    """Print a table of the budgets, or a sentence for each where that is too wide, and what its estimates
    are taken from.
    """
    table = _budget_table(standings)
    if _width(table, console) <= _room(console):
        _print_table([table], console)
    else:
        for one in standings:
            _print_standing(_whose(one), one, console)
    console.print()
    say(_budget_note(standings), console, style="dim")


def _whose(one: Standing) -> str:
    """`✓ Budget Web (project web): `."""
    mark, scope = _STATUS[one.status][0][0], printable(one.budget.scope.words)
    return f"{mark} Budget {printable(one.budget.name)}{f' ({scope})' if scope else ''}: "


def _budget_note(standings: Sequence[Standing]) -> str:
    note = "No estimates: it is too early to say."
    if any(one.projected is not None for one in standings):
        note = (
            "Estimates: what was usual at these hours in the last 28 days, and how this period went so far."
        )
    if any(one.lower_bound for one in standings):
        note += " ≥: not all of it is known: callmeter report, callmeter check."
    return note


_BUDGET_COLUMNS: tuple[tuple[str, bool, Callable[[Standing], str]], ...] = (
    # header, a number, cell
    ("Budget", False, lambda one: printable(one.budget.name)),
    ("Of", False, lambda one: printable(one.budget.scope.words) or "all calls"),
    ("Period", False, lambda one: one.budget.period),
    ("Used", True, lambda one: _bounded(one, amount_words(one.budget.measure, one.current))),
    ("Limit", True, lambda one: _with_unit(one.budget.measure, one.budget.limit)),
    ("Share", True, lambda one: _bounded(one, share_words(one.share))),
    ("Status", False, lambda one: _STATUS[one.status][0]),
    ("Estimate", False, lambda one: _estimate(one)),
)


def _budget_table(standings: Sequence[Standing]) -> Table:
    table = _plain_table()
    for title, number, _ in _BUDGET_COLUMNS:
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for one in standings:
        table.add_row(*(Text(cell(one)) for *_, cell in _BUDGET_COLUMNS), style=_STATUS[one.status][1])
    return table


def _bounded(one: Standing, text: str) -> str:
    return f"≥ {text}" if one.lower_bound else text


def _with_unit(measure: str, value: float) -> str:
    return amount_words(measure, value) + ("" if measure == "cost" else f" {measure}")


def _estimate(one: Standing) -> str:
    if one.projected is None:
        return "too early to say"
    about = amount_words(one.budget.measure, one.projected)
    return f"about {about} {end_words(one.budget.period, one.until)}"


def _table(first: str, rest: list[str]) -> Table:
    table = _plain_table()
    table.add_column(first, no_wrap=True)
    for title in rest:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _plain_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _counted(value: Any) -> str:
    return "-" if value is None else f"{value:,}"


def _dollars(value: Any) -> str:
    return UNKNOWN if value is None else f"${value:,.4f}"


def _tokens_column(kind: str, head: str, *, extra: int) -> Column:
    return Column(f"tokens_{kind}", head, _counted, bound="bound", extra=extra)


_DETAIL_COLUMNS = (
    Column("time", "Time", str, whole=True),
    _tokens_column("input", "Input", extra=3),
    _tokens_column("output", "Output", extra=3),
    _tokens_column("cache_read", "Cache read", extra=4),
    _tokens_column("cache_write", "Cache write", extra=4),
    Column("cost_usd", "Cost", _dollars, bound="bound"),
    Column("duration_seconds", "Duration", lambda seconds: _average(seconds, "s"), extra=1),
    Column("model", "Model", _name, brief=model_label),
    Column("task_id", "Task", _name),
    Column("worker_id", "Worker", _name, extra=2),
    Column("result", "Result", str),
)


def _details(rows: pd.DataFrame) -> Sheet:
    """Each call; a narrow terminal leaves out tokens first, then who made it and how long it took."""
    return Sheet("details", "Calls:", _DETAIL_COLUMNS, [_detail(call) for call in rows.to_dict("records")])


def _detail(call: Mapping[Any, Any]) -> dict[str, Cell]:
    counts = {name: call[name] if call["counted"] else None for name in _DETAIL_TOKENS}
    measured = {name: _known(call[name]) for name in ("cost_usd", "duration_seconds")}
    return {
        "time": f"{call['time']:%Y-%m-%d %H:%M:%S}",
        **counts,
        **measured,
        **{name: call[name] for name in ("model", "task_id", "worker_id")},
        "result": "✓" if call["outcome"] == "ok" else f"✗ {printable(call['error'])}",
        "bound": not call["final"],
    }


_DETAIL_TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")


def _known(value: float) -> float | None:
    return None if value != value else value  # only NaN differs from itself


def _print_sheet(sheet: Sheet, console: Console) -> None:
    """Print a table of many rows; a pipe has room for everything."""
    head, *body = lines(sheet, console.width if console.is_terminal else None)
    console.print(Text(head.rstrip(), style="bold"), soft_wrap=True)
    for line in body:
        console.file.write(f"{line.rstrip()}\n")


def _print_table(tables: list[Table], console: Console) -> None:
    """Print the first table that fits; a pipe has room for everything."""
    widths = [_width(table, console) for table in tables]
    chosen = next((i for i, width in enumerate(widths) if width <= _room(console)), len(tables) - 1)
    for line in _rendered(tables[chosen], widths[chosen], console):
        console.file.write(f"{line.rstrip()}\n")


def _room(console: Console) -> int:
    return console.width if console.is_terminal else _WIDE


def _width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(width=_WIDE), table).maximum


def _rendered(table: Table, width: int, console: Console) -> list[str]:
    """The table's lines at its own width: rich would cut the names to the console's."""
    before = console.size
    console.size = ConsoleDimensions(width, before.height)  # a width alone is not heeded by a dumb terminal
    with console.capture() as capture:
        console.print(table)
    console.size = before
    return capture.get().splitlines()
