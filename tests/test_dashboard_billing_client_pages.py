"""Pages between which the numbers changed: asked for again until they fit together, never put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dashboard.billing import api_errors
from dashboard.billing.client import AnthropicReports
from tests.admin_api import ANALYTICS_USAGE, LEGACY_USAGE, AdminServer, Request, changed
from tests.admin_reading import GENERATIONS, days, quick, reports, running, server, total
from tests.billed_org import Organisation, call, moment

__all__ = ["quick", "running", "server"]  # fixtures

OVER, RUNS = "2026-11-20T09:00", "2026-11-22T09:00"
OLDER = "2026-11-22T11:00:00Z"


def book(org: Organisation, time: str, output: int = 9999) -> None:
    """A call of a group of its own, the first of its day."""
    org.calls.append(call(time, api_key_id=f"apikey_{len(org.calls)}", tokens_output=output))


def lose(org: Organisation) -> None:
    """The group that is told first is revised away."""
    org.calls.remove(org.calls[0])


def older(change: Callable[[], Any] = lambda: None) -> Callable[[dict[str, Any]], None]:
    """A page of older numbers than the next; then the books change."""

    def one(body: dict[str, Any]) -> None:
        body["data_refreshed_at"] = OLDER
        change()

    return one


def always_fresh(server: AdminServer, monkeypatch: pytest.MonkeyPatch, on_first: Callable[[], Any]) -> None:
    """Each page tells a later moment; before each first page something happens."""
    answer = server.body

    def body(request: Request) -> dict[str, Any]:
        if "page" not in request.query:
            on_first()
        told = {"data_refreshed_at": f"2026-11-22T12:00:{len(server.requests):02}Z"}
        return answer(request) | told

    monkeypatch.setattr(server, "body", body)


def read(one: AnthropicReports, told: Callable[[int], None]) -> list[Any]:
    return one.days("usage", date(2026, 11, 19), date(2026, 11, 22), "analytics", told)


def first_pages(server: AdminServer) -> int:
    """How often the question was asked."""
    return sum("page" not in request.query for request in server.requests)


def test_pages_of_different_moments_are_asked_again_so_that_no_group_is_lost(server: AdminServer) -> None:
    server.says(changed(older(lambda: lose(server.org))))
    told: list[int] = []
    with reports(server, page_size=1) as one:
        usage = read(one, told.append)
    assert total(usage, "tokens_output") == server.org.tokens("tokens_output")
    assert usage[0].refreshed_at == moment("2026-11-22T12:00")
    assert first_pages(server) == 2 and told == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_group_that_moved_to_the_next_page_is_no_other_shape_but_asked_again(server: AdminServer) -> None:
    server.says(changed(lambda body: book(server.org, OVER)))
    told: list[int] = []
    with reports(server, page_size=2) as one:
        usage = read(one, told.append)
    assert total(usage, "tokens_output") == server.org.tokens("tokens_output")
    assert first_pages(server) == 2 and told[-1] == sum(len(day.rows) for day in usage) == 6


@pytest.mark.parametrize("time", [OVER, RUNS])
def test_numbers_that_are_always_fresh_count_once_two_readings_agree_on_days_that_are_over(
    server: AdminServer, monkeypatch: pytest.MonkeyPatch, time: str
) -> None:
    before_each = iter([lambda: None, lambda: book(server.org, time)])
    always_fresh(server, monkeypatch, lambda: next(before_each, lambda: None)())
    with reports(server, page_size=2) as one:
        usage = days(one, "usage", "analytics")
    assert total(usage, "tokens_output") == server.org.tokens("tokens_output")
    assert first_pages(server) == (3 if time == OVER else 2)


def test_numbers_that_change_each_time_are_an_error_that_another_try_may_mend(
    server: AdminServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    always_fresh(server, monkeypatch, lambda: book(server.org, OVER))
    with reports(server, page_size=2) as one, pytest.raises(api_errors.KeepsChanging) as found:
        days(one, "usage", "analytics")
    assert first_pages(server) == 4 and found.value.retryable
    assert str(found.value) == (
        f"{server.url.removeprefix('http://')}{ANALYTICS_USAGE}: the numbers changed while their pages were "
        "read, each of 4 times; nothing of them was kept: try again in a few minutes"
    )


def test_the_same_day_on_two_pages_of_the_older_reports_is_asked_again(server: AdminServer) -> None:
    with reports(server) as one:
        usual = days(one, "usage", "legacy")
    server.requests.clear()
    first = {"starting_at": "2026-11-19T00:00:00Z", "ending_at": "2026-11-20T00:00:00Z", "results": []}
    server.says(None, changed(lambda body: body["data"].append(first)))
    with reports(server, page_size=2) as one:
        assert days(one, "usage", "legacy") == usual
    assert [request.path for request in server.requests] == [LEGACY_USAGE] * 4


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_fits_on_one_page_is_asked_once(
    server: AdminServer, monkeypatch: pytest.MonkeyPatch, generation: Any
) -> None:
    always_fresh(server, monkeypatch, lambda: None)
    with reports(server) as one:
        days(one, "usage", generation)
    assert len(server.requests) == 1


def test_what_one_page_tells_twice_is_another_shape_at_once(server: AdminServer) -> None:
    server.says(None, changed(lambda body: body["data"].append(body["data"][0])))
    with reports(server, page_size=2) as one, pytest.raises(api_errors.ShapeChanged, match="twice"):
        days(one, "usage", "analytics")
    assert len(server.requests) == 2
