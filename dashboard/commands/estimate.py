"""`callmeter estimate`: what calls would cost, before they are made."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import options, price_file

if TYPE_CHECKING:
    from logger.pricing import PriceTable

    from ..money.estimate import Use


_MOST = 10**12


def _tokens(words: str) -> Any:
    return typer.Option(metavar="TOKENS", min=0, help=words)


def estimate(
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only this model.")] = None,
    input: Annotated[int | None, _tokens("Input tokens of a call, without those of the cache.")] = None,
    output: Annotated[int | None, _tokens("Output tokens of a call.")] = None,
    cache_read: Annotated[int, _tokens("Input tokens read from the cache.")] = 0,
    cache_write: Annotated[int, _tokens("Input tokens written to the cache for 5 minutes.")] = 0,
    cache_write_1h: Annotated[int, _tokens("Input tokens written to the cache for an hour.")] = 0,
    count: Annotated[int, typer.Option(metavar="CALLS", min=1, help="How many calls.")] = 1,
    batch: Annotated[bool, typer.Option("--batch", help="Send them as a batch.")] = False,
    date: Annotated[
        str | None, typer.Option(metavar="DAY", help="Prices of this day. [default: today]")
    ] = None,
    json: options.Json = False,
    prices: options.Prices = None,
) -> None:
    """Print what calls would cost: one, so many, and so many every day for a month of 30 days.

    Without tokens: typical operations, what they cost on a day and in a month, and what caching and
    batches would save. Without a model: every model that can be called.

    \b
    Examples:
      callmeter estimate
      callmeter estimate --model claude-opus-5-5
      callmeter estimate --model claude-sonnet-5-5 --input 2000 --output 500 --count 20
      callmeter estimate --input 2000 --output 500 --batch --json
    """
    from logger.pricing import built_in

    table = price_file.table(options.settings(prices=prices).prices) or built_in()
    use = _use(input, output, cache_read, cache_write, cache_write_1h)
    if max(input or 0, output or 0, cache_read, cache_write, cache_write_1h, count) > _MOST:
        raise UsageError(f"Numbers of tokens and calls may be up to {_MOST:,}.")
    if use is None and (batch or count != 1):
        raise UsageError("--count and --batch are about calls: give --input and --output with them.")
    _print(table, _day(date), model, use, count, batch=batch, json=json)


def _use(plain: int | None, output: int | None, read: int, write_5m: int, write_1h: int) -> Use | None:
    from ..money.estimate import Use

    if plain is None and output is None and not (read or write_5m or write_1h):
        return None
    if plain is None or output is None:
        raise UsageError("--input and --output: give both; 0 is fine.")
    return Use(plain, output, read, write_5m, write_1h)


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--date {text}: expected a day like 2026-11-22.") from None


def _print(
    table: PriceTable, day: date, model: str | None, use: Use | None, count: int, *, batch: bool, json: bool
) -> None:
    from ..money import estimate as estimates
    from . import estimate_data, estimate_text

    names = [model] if model else estimates.models(day, table)
    if use is None:
        found = [estimates.typical(name, day, table) for name in names]
        document, tables = estimate_data.typical(found, day), estimate_text.typical(found, day)
    else:
        priced = [estimates.calls(name, use, count, day, table) for name in names]
        if model:
            estimates.known(priced[0], day)
        document = estimate_data.of_calls(priced, use, count, day)
        tables = estimate_text.of_calls(priced, use, count, day, batch=batch)
    if json:
        estimate_data.write(document, sys.stdout)
    else:
        estimate_text.show(tables, estimate_text.NOTES[bool(use and use.caches) :])
    for remark in (remark for name in names for remark in estimates.remarks(name, day, table)):
        print(remark, file=sys.stderr)
