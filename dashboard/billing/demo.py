"""What Anthropic would have billed for the demo's calls, with differences there to be found. Pure.

Some calls were made in the Console and never logged, killed workers used more than they could log, code
ran on some days (billed at half its list price), and today's report lags behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from logger.price_table import Tariff
from logger.pricing import built_in
from logger.record import CallRecord

from .kinds import USAGE_FIELDS
from .snapshots import Kind, Snapshot

WORKSPACE = "wrkspc_demo"
"""The workspace of every row: what bears another was not made here."""
KEYS = {"website": ("apikey_demo_website", "website"), None: ("apikey_demo_coordinator", "coordinator")}
"""The key of a project's calls; None: of all others."""

LAG = timedelta(minutes=40)
"""Calls younger than this are not in the report yet."""
READ = timedelta(minutes=12)
"""How long ago the last sync was."""
SETTLED = timedelta(days=3, hours=1)
"""How long after its end a day was last read."""

PLAYGROUND = {6: 9, 15: 5}
"""Calls made in the Console: so many, so many days ago."""
PLAYGROUND_MODEL = "claude-opus-5-5"
PLAYGROUND_TOKENS = {"tokens_input": 42_800, "tokens_output": 2_400}

CODE_EVERY, CODE_USD = 9, 0.36
"""Every so many days code ran for so much, at list price."""
CODE_DISCOUNT = 0.5

_RATES = {
    "tokens_input": "input",
    "tokens_output": "output",
    "tokens_cache_read": "cache_read",
    "tokens_cache_write_5m": "cache_write_5m",
    "tokens_cache_write_1h": "cache_write_1h",
}

Facets = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Billed:
    """One call as Anthropic counts it."""

    at: float
    model: str
    tokens: dict[str, int]
    searches: int = 0
    project: str | None = None
    console: bool = False

    @property
    def day(self) -> date:
        """The UTC day it belongs to."""
        return datetime.fromtimestamp(self.at, UTC).date()

    @property
    def facets(self) -> Facets:
        """What its rows are grouped by."""
        key = (None, None) if self.console else KEYS.get(self.project, KEYS[None])
        return _facets(self.model, key, "claude_console" if self.console else "messages_api")


@dataclass(slots=True)
class _Day:
    """The rows of a day as they add up."""

    usage: dict[Facets, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    cost: dict[Facets, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def take(self, call: Billed) -> None:
        """Count a call."""
        row = self.usage[call.facets]
        for name, number in call.tokens.items():
            row[name] += number
        row["web_searches"] += call.searches
        row["requests"] += 1
        for cost_type, kind, usd in _costs(call):
            self.charge((*call.facets, ("cost_type", cost_type), ("kind", kind)), usd, usd)

    def charge(self, facets: Facets, amount: float, listed: float) -> None:
        """Add to the cost of a row."""
        sums = self.cost[facets]
        sums[0] += amount
        sums[1] += listed

    def rows(self, kind: Kind) -> list[dict[str, Any]]:
        """Its rows as snapshots have them."""
        if kind == "usage":
            counts = (*USAGE_FIELDS, "web_searches", "requests")
            return [{**dict(f), **{n: row[n] for n in counts}} for f, row in self.usage.items()]
        return [
            {**dict(f), "amount_usd": round(usd, 10), "list_usd": round(listed, 10)}
            for f, (usd, listed) in self.cost.items()
        ]


def bill(calls: Sequence[CallRecord], now: datetime) -> list[Snapshot]:
    """Both reports of each UTC day from the first call to today, as they were last read. now: aware."""
    moment = now.astimezone(UTC)
    known = [one for one in (*_counted(calls), *_playground(moment)) if one.at < (moment - LAG).timestamp()]
    first = min((one.day for one in _counted(calls)), default=moment.date())
    days: dict[date, _Day] = {
        first + timedelta(days=past): _Day() for past in range((moment.date() - first).days + 1)
    }
    for one in known:
        if one.day in days:
            days[one.day].take(one)
    for day, rows in days.items():
        _run_code(day, rows, moment)
    return [shot for day, rows in days.items() for shot in _snapshots(day, rows, moment)]


def _counted(calls: Iterable[CallRecord]) -> Iterator[Billed]:
    """The calls that Anthropic answered. Of one whose worker was killed the whole output is billed."""
    for call in calls:
        tokens = {name: getattr(call, name) or 0 for name in USAGE_FIELDS}
        if not call.model.startswith("claude") or not any(tokens.values()):
            continue
        if call.tokens_final is False:
            more = Random(call.call_id).uniform(0.3, 0.9)  # noqa: S311 - a demo keeps no secrets
            tokens["tokens_output"] += int(more * tokens["tokens_output"])
        yield Billed(call.start_time or 0.0, call.model, tokens, call.web_searches or 0, call.project)


def _playground(now: datetime) -> Iterator[Billed]:
    """Calls somebody made in the Console of an afternoon."""
    for past, number in PLAYGROUND.items():
        noon = now.replace(hour=14, minute=5, second=0, microsecond=0) - timedelta(days=past)
        for place in range(number):
            at = (noon + timedelta(minutes=4 * place)).timestamp()
            tokens = dict.fromkeys(USAGE_FIELDS, 0) | PLAYGROUND_TOKENS
            yield Billed(at, PLAYGROUND_MODEL, tokens, console=True)


def _costs(call: Billed) -> Iterator[tuple[str, str | None, float]]:
    """What the call costs: cost type, token kind, USD."""
    tariff = built_in().tariff(call.model, call.at, None, None, None)
    for kind, number in call.tokens.items():
        if number and tariff:
            yield "tokens", kind, number * _rate(tariff, call.tokens, kind) / 1e6
    if call.searches:
        yield "web_search", None, call.searches * built_in().web_search


def _rate(tariff: Tariff, tokens: dict[str, int], kind: str) -> float:
    """USD per million tokens of a kind in a call with so long a prompt."""
    prompt = sum(tokens.values()) - tokens["tokens_output"]
    long = tariff.above is not None and prompt > (tariff.limit or 0)
    rate: float = getattr(tariff.above if long else tariff.rates, _RATES[kind])
    return rate


def _run_code(day: date, rows: _Day, now: datetime) -> None:
    if day.toordinal() % CODE_EVERY or day >= now.date():
        return
    facets = _facets(None, KEYS[None], "messages_api")
    place = (*facets, ("cost_type", "code_execution"), ("kind", None))
    rows.charge(place, CODE_DISCOUNT * CODE_USD, CODE_USD)


def _facets(model: str | None, key: tuple[str | None, str | None], product: str) -> Facets:
    return (
        ("model", model),
        ("workspace_id", WORKSPACE),
        ("workspace", "Demo"),
        ("api_key_id", key[0]),
        ("api_key", key[1]),
        ("service_tier", "standard"),
        ("product", product),
    )


def _snapshots(day: date, rows: _Day, now: datetime) -> Iterator[Snapshot]:
    ended = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    read = min(now - READ, ended + SETTLED).replace(microsecond=0)
    kinds: tuple[Kind, ...] = ("usage", "cost")
    for kind in kinds:
        yield Snapshot(kind, day, rows.rows(kind), read, "analytics", read - (LAG - READ))
