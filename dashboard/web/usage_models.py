"""What the REST addresses take and answer. A field that is null is not known."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from .. import report
from .checks import (
    ExitCode,
    Few,
    HttpStatus,
    Limit,
    LongText,
    Moment,
    Name,
    Object,
    Seconds,
    Several,
    Tokens,
    Truth,
    Usd,
)


class Body(BaseModel):
    """What is sent; nothing else than its fields is taken."""

    model_config = ConfigDict(extra="forbid")


class BalanceBody(Body):
    """What the Console shows as the balance."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"remaining_budget": 15.5, "note": "Console"}]})

    remaining_budget: Usd = Field(description="What the Console shows as the balance, in USD.")
    note: Name | None = Field(None, description="Anything worth keeping with it.")


_CALL: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "tokens_input": 1200,
    "tokens_output": 300,
    "task_id": "gh-456",
    "project": "website",
}


class CallBody(Body):
    """One call, under the names of the log's fields. What is left out is not known."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALL]})

    model: Name = Field(description="The model asked for.")
    timestamp: Moment | None = Field(None, description="When it began; without it, it ended now.")
    task_id: Name | None = None
    worker_id: Name | None = None
    project: Name | None = None
    session_id: Name | None = None
    agent: Name | None = None
    host: Name | None = None
    prompt_file: Name | None = None
    prompt_length: Tokens | None = Field(None, description="In characters.")
    response_length: Tokens | None = Field(None, description="In characters.")
    tokens_input: Tokens | None = Field(None, description="Uncached input tokens.")
    tokens_output: Tokens | None = Field(None, description="Output tokens, thinking included.")
    tokens_cache_read: Tokens | None = None
    tokens_cache_write_5m: Tokens | None = None
    tokens_cache_write_1h: Tokens | None = None
    tokens_thinking: Tokens | None = Field(None, description="Thinking tokens, part of tokens_output.")
    tokens_final: Truth | None = Field(None, description="false: the counts are a lower bound.")
    web_searches: Few | None = None
    duration_seconds: Seconds | None = None
    time_to_first_token: Seconds | None = None
    success: Truth | None = Field(None, description="Whether the call succeeded; true when left out.")
    error_message: LongText | None = None
    error_type: Name | None = None
    http_status: HttpStatus | None = None
    exit_code: ExitCode | None = None
    settings: Object | None = Field(None, description="Whatever is worth keeping with the call.")
    estimated_cost_usd: Usd | None = Field(
        None, description="What it cost in USD. Left out: our price at that time, null without one."
    )
    request_id: Name | None = Field(
        None, description="Anthropic's id of the request. With it a call counts once, however often told."
    )
    message_id: Name | None = None
    model_served: Name | None = None
    service_tier: Name | None = None
    speed: Name | None = None
    inference_geo: Name | None = None
    stop_reason: Name | None = None
    attempts: Several | None = None
    calls: Several | None = Field(None, description="API calls this line stands for, when not 1.")


class NoBody(Body):
    """Nothing, or an empty object."""


class RecentQuery(Body):
    """How many calls."""

    limit: Limit = Field(20, description="How many calls.")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    problem: str


class Problem(BaseModel):
    """Why something was not done, in a sentence; `fields` names what is wrong in what was sent."""

    detail: str
    fields: list[FieldProblem] = []


COMPLETE = (
    "Whether nothing is lacking. false while days are still being read (soon after the start), or a file "
    "of the last months cannot be read: sums are then lower bounds, and what is left is at most so much."
)


class Spent(BaseModel):
    """A range added up, each call counted once."""

    calls: int
    failed: int
    tokens_total: int
    estimated_cost_usd: float | None = Field(description="The known costs; null when none is known.")
    unpriced_calls: int
    cost_is_lower_bound: bool
    tokens_are_lower_bound: bool
    calls_are_lower_bound: bool


class Spending(BaseModel):
    """Today, and today with the 6 or 29 days before it, in the zone of the page."""

    today: Spent
    last_7_days: Spent = Field(serialization_alias="7d")
    last_30_days: Spent = Field(serialization_alias="30d")


class RunOutAnswer(BaseModel):
    """When the credit ends: an estimate."""

    sentence: str
    likely: date | None
    earliest: date | None = Field(description="With `latest`: holds the day in about 80 % of cases.")
    latest: date | None
    expires_unused_usd: float = Field(description="What will probably expire unused on the first such day.")
    expires_later_usd: float = Field(description="And what will probably expire unused on later days.")


class BurnRate(BaseModel):
    """What a day costs at this pace: an estimate."""

    usd_per_day: float | None
    days_of_history: int
    today_usd: float
    month_usd: float | None = Field(description="This calendar month if the pace goes on.")


class BudgetAnswer(BaseModel):
    """How a budget stands in its running period."""

    name: str
    period: str
    measure: str
    scope: str = Field(description="Whose calls; empty for all.")
    limit: float
    current: float
    is_lower_bound: bool
    share: float = Field(description="Of the limit; 1 is all of it.")
    status: str = Field(description="ok, warning or exceeded.")
    projected: float | None = Field(description="About how much at the end of the period.")
    since: datetime
    until: datetime


class AlertAnswer(BaseModel):
    """Something a person should know."""

    id: str
    rule: str
    severity: str = Field(description="info, warning or critical.")
    sentence: str = Field(description="With the numbers of now; of what was announced or ended, of then.")
    raised: datetime


class Usage(BaseModel):
    """Credit, budgets and spending now."""

    at: datetime
    complete: bool = Field(description=COMPLETE)
    remaining_budget: float | None = Field(description="USD left; null without a credit ledger.")
    at_most: bool = Field(description="It may be less: the cost of some calls is not known to the end.")
    days_remaining: float | None = Field(
        description="Days until the likely end of the credit, 0 when nothing is left. "
        "Null without a ledger, without enough history to say, or while days are still being read."
    )
    days_remaining_is_at_least: bool = Field(description="It lasts longer than is reckoned ahead.")
    health: str = Field(
        description="ok, caution, warning, critical; unknown without a ledger, or while days are still read."
    )
    why: str
    run_out: RunOutAnswer | None
    burn_rate: BurnRate
    budgets: list[BudgetAnswer]
    spent: Spending
    alerts: list[AlertAnswer]
    problems: list[str] = Field(description="What could not be read, such as a wrong callmeter.toml.")


class BalanceAnswer(BaseModel):
    """The balance after a reading."""

    id: str
    at: datetime
    complete: bool = Field(description=COMPLETE)
    remaining_budget: float
    at_most: bool = Field(description="It may be less: the cost of some calls is not known to the end.")
    expected_usd: float | None = Field(
        description="What was reckoned; null for the first thing known, or while days are still being read."
    )
    drift_usd: float | None = Field(description="Above 0 when more was spent than was logged.")
    days_remaining: float | None
    health: str
    sentence: str


class CallAnswer(BaseModel):
    """The line that was written."""

    call_id: str
    timestamp: str
    model: str
    tokens_total: int | None
    estimated_cost_usd: float | None = Field(description="Null when the price is not known.")
    sentence: str


class AlertsAnswer(BaseModel):
    """What a look at everything found. While days are still being read nothing is announced or cleared."""

    complete: bool = Field(description=COMPLETE)
    open: list[AlertAnswer]
    announced: list[AlertAnswer] = Field(description="New since the last look, and on their way.")
    cleared: list[AlertAnswer]
    problems: list[str] = Field(description="What could not be read, and addresses that do not deliver.")


class HealthAnswer(BaseModel):
    """How the reading of the log goes."""

    status: str = Field(
        description="ok, loading, waiting for the first call, cannot read the log folder, or trouble: "
        "the log is read, but not all works, such as the settings or the delivery of alerts."
    )
    version: str
    days_loaded: int
    days_total: int
    lines: int
    bad_lines: int
    last_call: datetime | None
    problem: str | None = Field(description="The first of `problems`.")
    problems: list[str] = Field(description="What is wrong, a sentence each.")


def _typed(name: str) -> Any:
    whole = name not in ("estimated_cost_usd", "average_duration_seconds", "average_tokens_per_second")
    return int if whole else (float | None)


_MEASURES: dict[str, Any] = {name: (_typed(name), ...) for name, _ in report.COLUMNS}
Measures = create_model("Measures", __doc__="As in `callmeter report --json`.", **_MEASURES)
ByModel = create_model("ByModel", __base__=Measures, model=(str | None, ...))
ByProject = create_model("ByProject", __base__=Measures, project=(str | None, ...))


class CompletenessAnswer(BaseModel):
    """Of how many calls the cost and the counts are known."""

    priced_calls: int
    final_calls: int
    without_price: dict[str, int]
    without_cost: dict[str, int]
    without_token_counts: int
    calls_by_source: dict[str, int]
    calls_are_a_lower_bound: bool


class RangeAnswer(BaseModel):
    """A range in full."""

    since: datetime
    until: datetime
    totals: Measures  # type: ignore[valid-type]
    models: list[ByModel]  # type: ignore[valid-type]
    projects: list[ByProject]  # type: ignore[valid-type]
    completeness: CompletenessAnswer


class Summary(BaseModel):
    """Today, 7 and 30 days."""

    timezone: str
    complete: bool = Field(description=COMPLETE)
    problems: list[str] = Field(description="What is lacking, a sentence each.")
    today: RangeAnswer
    last_7_days: RangeAnswer = Field(serialization_alias="7d")
    last_30_days: RangeAnswer = Field(serialization_alias="30d")


def _of_a_call(name: str) -> Any:
    if name in ("success", "tokens_final"):
        return bool
    if name in ("calls", "retries", "web_searches"):
        return int
    if name.startswith("tokens_") and name != "tokens_per_second":
        return int | None
    numbers = ("estimated_cost_usd", "duration_seconds", "time_to_first_token", "tokens_per_second")
    return (float | None) if name in numbers else (str | None)


_DETAILS: dict[str, Any] = {name: (_of_a_call(name), ...) for name, _ in report.DETAILS}
CallDetails = create_model(
    "CallDetails", __doc__="One line of the log, as in `callmeter report --detail --json`.", **_DETAILS
)


class Recent(BaseModel):
    """Calls, newest first."""

    complete: bool = Field(description=COMPLETE)
    calls: list[CallDetails]  # type: ignore[valid-type]
