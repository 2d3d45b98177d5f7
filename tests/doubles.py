"""Lines that may tell of the same calls, for Hypothesis: few names and ids, so that many are shared."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

START = datetime.fromisoformat("2026-11-20T23:55:00+00:00")
_COUNTS = (
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
)
_SOURCES = ["cli", "cli", "otel", "otel", "transcript", "transcript", "sdk", "manual", "rest"]


@st.composite
def doubles(draw: st.DrawFn, days: int = 2) -> dict[str, Any]:
    """One line; those of a CLI run and of single calls lie in the same ten minutes around midnight."""
    source = draw(st.sampled_from(_SOURCES))
    after = timedelta(minutes=draw(st.integers(0, 9)), seconds=draw(st.sampled_from([0, 5, 29, 30, 31])))
    begun = START + after + timedelta(days=draw(st.integers(0, days - 2)) if days > 2 else 0)
    line: dict[str, Any] = {
        "timestamp": begun.isoformat(),
        "model": draw(st.sampled_from(["claude-a", "claude-b"])),
        "success": draw(st.sampled_from([True, True, True, False])),
        "source": source,
    }
    for name, values in (("task_id", "tu"), ("worker_id", "vw"), ("project", "pq"), ("session_id", "rss")):
        some = draw(st.sampled_from([None, *values]))
        if some is not None:
            line[name] = some
    for name in _COUNTS:
        line[name] = draw(st.sampled_from([None, 0, 1, 2, 10, 100]))
    line["estimated_cost_usd"] = draw(st.sampled_from([None, 0.0, 0.5, 1.25, 3.0]))
    if draw(st.integers(0, 9)) == 0:
        line["tokens_final"] = False
    return line | draw(_run(begun.timestamp()) if source == "cli" else _call())


def _run(begun: float) -> st.SearchStrategy[dict[str, Any]]:
    known = st.sampled_from([0.0, 30.0, 60.0, 300.0, None]).map(
        lambda took: {"start_time": begun, "end_time": None if took is None else begun + took}
    )
    call_id = (
        st.sampled_from(["abcdef"]).flatmap(st.sampled_from).map(lambda one: {"call_id": "cli-" + 24 * one})
    )
    calls = st.sampled_from([{}, {"calls": 0}, {"calls": 2}])
    return st.tuples(st.one_of(known, known, st.just({})), st.one_of(call_id, st.just({})), calls).map(
        _joined
    )


def _call() -> st.SearchStrategy[dict[str, Any]]:
    request = st.sampled_from([{}, {}, {"request_id": "req_1"}, {"request_id": "req_2"}, {"request_id": 3}])
    message = st.sampled_from([{}, {}, {"message_id": "msg_1"}, {"message_id": 2}])
    call_id = st.sampled_from([{}, {}, {}, {"call_id": "msg-" + 24 * "a"}, {"call_id": "req-" + 24 * "a"}])
    return st.tuples(request, message, call_id).map(_joined)


def _joined(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}
