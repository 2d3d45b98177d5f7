"""An example of what each REST address answers, for its description; a test holds them against the models."""

from __future__ import annotations

from typing import Any

_SPENT: dict[str, Any] = {
    "calls": 240,
    "failed": 3,
    "tokens_total": 8_412_000,
    "estimated_cost_usd": 4.1,
    "unpriced_calls": 0,
    "cost_is_lower_bound": False,
    "tokens_are_lower_bound": False,
    "calls_are_lower_bound": True,
}

_ALERT: dict[str, Any] = {
    "id": "budget:Daily spending|2026-11-22|80",
    "rule": "budget:Daily spending",
    "severity": "warning",
    "sentence": "Budget Daily spending: $8.10 of $10.00 today (81 %).",
    "raised": "2026-11-22T14:30:05+01:00",
}

_MEASURES: dict[str, Any] = {
    "calls": 240,
    "successful": 237,
    "failed": 3,
    "retries": 5,
    "tokens_input": 12_000,
    "tokens_output": 400_000,
    "tokens_total": 8_412_000,
    "tokens_cache_read": 7_200_000,
    "tokens_cache_write": 800_000,
    "tokens_thinking": 90_000,
    "web_searches": 0,
    "estimated_cost_usd": 4.1,
    "unpriced_calls": 0,
    "not_final_calls": 0,
    "average_duration_seconds": 21.4,
    "average_tokens_per_second": 61.2,
}

_RANGE: dict[str, Any] = {
    "since": "2026-11-22T00:00:00+01:00",
    "until": "2026-11-23T00:00:00+01:00",
    "totals": _MEASURES,
    "models": [{**_MEASURES, "model": "claude-sonnet-5-5"}],
    "projects": [{**_MEASURES, "project": "website"}],
    "completeness": {
        "priced_calls": 240,
        "final_calls": 240,
        "without_price": {},
        "without_cost": {},
        "without_token_counts": 0,
        "calls_by_source": {"otel": 200, "cli": 40},
        "calls_are_a_lower_bound": True,
    },
}

_CALL: dict[str, Any] = {
    "timestamp": "2026-11-22T14:30:00.120000+01:00",
    "model": "claude-sonnet-5-5",
    "project": "website",
    "task_id": "gh-456",
    "worker_id": "w-1",
    "session_id": None,
    "source": "otel",
    "success": True,
    "error": None,
    "tokens_input": 12,
    "tokens_output": 1532,
    "tokens_total": 25_174,
    "tokens_cache_read": 19_342,
    "tokens_cache_write": 4288,
    "tokens_thinking": 200,
    "tokens_final": True,
    "estimated_cost_usd": 0.028,
    "duration_seconds": 18.5,
    "time_to_first_token": 0.6,
    "tokens_per_second": 83.0,
    "calls": 1,
    "retries": 0,
    "web_searches": 0,
}

_USAGE: dict[str, Any] = {
    "at": "2026-11-22T14:30:10+01:00",
    "complete": True,
    "remaining_budget": 871.2,
    "at_most": False,
    "days_remaining": 13.4,
    "days_remaining_is_at_least": False,
    "health": "ok",
    "why": "$871 of credit is left; no limit is near.",
    "run_out": {
        "sentence": "between 3 and 9 December, most likely the 5th",
        "likely": "2026-12-05",
        "earliest": "2026-12-03",
        "latest": "2026-12-09",
        "expires_unused_usd": 0.0,
        "expires_later_usd": 0.0,
    },
    "burn_rate": {"usd_per_day": 65.1, "days_of_history": 42, "today_usd": 41.0, "month_usd": 1890.0},
    "budgets": [
        {
            "name": "Daily spending",
            "period": "day",
            "measure": "cost",
            "scope": "",
            "limit": 10.0,
            "current": 8.1,
            "is_lower_bound": False,
            "share": 0.81,
            "status": "warning",
            "projected": 11.9,
            "since": "2026-11-22T00:00:00+01:00",
            "until": "2026-11-23T00:00:00+01:00",
        }
    ],
    "spent": {"today": _SPENT, "7d": _SPENT, "30d": _SPENT},
    "alerts": [_ALERT],
    "problems": [],
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "/usage": _USAGE,
    "/usage/summary": {
        "timezone": "Europe/Berlin",
        "complete": True,
        "problems": [],
        "today": _RANGE,
        "7d": _RANGE,
        "30d": _RANGE,
    },
    "/usage/recent": {"complete": True, "calls": [_CALL]},
    "/usage/update_budget": {
        "id": "08bb62",
        "at": "2026-11-22T14:30:10+01:00",
        "complete": True,
        "remaining_budget": 876.0,
        "at_most": False,
        "expected_usd": 881.2,
        "drift_usd": 5.2,
        "days_remaining": 13.4,
        "health": "ok",
        "sentence": "By our count it was $881.20: $5.20 more was spent than was logged (4.4 %); "
        "from now on the burn rate counts with that.",
    },
    "/usage/record": {
        "call_id": "6b035b222c7b6703-1",
        "timestamp": "2026-11-22T14:30:00.120000+01:00",
        "model": "claude-haiku-4-5",
        "tokens_total": 1500,
        "estimated_cost_usd": 0.0027,
        "sentence": "Logged; it cost $0.0027.",
    },
    "/usage/alert": {
        "complete": True,
        "open": [_ALERT],
        "announced": [_ALERT],
        "cleared": [],
        "problems": [],
    },
    "/healthz": {
        "status": "ok",
        "version": "0.3.0",
        "days_loaded": 42,
        "days_total": 42,
        "lines": 31_820,
        "bad_lines": 0,
        "last_call": "2026-11-22T14:30:05+01:00",
        "problem": None,
        "problems": [],
    },
}
"""Path -> an answer with status 200."""

METRICS = 'callmeter_calls_total{model="claude-sonnet-5-5"} 240.0\n'

WRONG: dict[str, Any] = {
    "detail": "remaining_budget must be a number of 0 or more, not 'abc'.",
    "fields": [{"field": "remaining_budget", "problem": "must be a number of 0 or more, not 'abc'"}],
}
