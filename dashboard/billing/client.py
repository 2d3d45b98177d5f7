"""Anthropic's usage and cost reports, in both generations, through the anthropic library.

`Reports` asks for one day at a time or several, follows pages to the end, and gives rows in our words; a
reply whose shape is not what the documentation says is an error, never a guess. Pages between which the
numbers changed are asked for again. The SDK does the retries (back-off, Retry-After); each is told, and so is
each page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import metadata
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from . import admin_key, shapes
from .api_errors import (
    BetaMissing,
    Forbidden,
    KeepsChanging,
    NoLibrary,
    Rejected,
    ShapeChanged,
    UnsafeAddress,
)
from .snapshots import Generation, Kind, end_of

if TYPE_CHECKING:
    from .admin_client import AdminClient, OnRetry

ADDRESS = "https://api.anthropic.com"
"""Where the key goes. Whatever the environment says of other addresses is about calls, not about the bill."""

BOOKS_BEGIN = date(2026, 1, 1)
"""The first day of which the newer reports tell."""
KEPT = timedelta(days=365)
"""How far back the newer reports go."""

_CHUNK = 31
"""Days asked for at once: the most both generations allow."""
_AHEAD = timedelta(minutes=5)
"""By how much this machine's clock may differ from Anthropic's."""
_MOST_PAGES = 10_000
_MOST_READINGS = 4
"""How often a question is asked whose pages do not fit together."""
_GROUPS = ("model", "workspace_id", "api_key_id", "service_tier", "product")
_COST_FANS = ("cost_type", "token_type")
_ANALYTICS = "/v1/organizations/analytics/"
_LEGACY: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    "usage": (
        "/v1/organizations/usage_report/messages",
        ("model", "workspace_id", "api_key_id", "service_tier"),
    ),
    "cost": ("/v1/organizations/cost_report", ("workspace_id", "description")),
}
_KEYS = "/v1/organizations/api_keys"
_WORKSPACES = "/v1/organizations/workspaces"
_ME = "/v1/organizations/me"

Paged = TypeVar("Paged", shapes.Page, shapes.Listed)


@dataclass(frozen=True, slots=True)
class DayRows:
    """All rows of one kind and UTC day, as in `snapshots`; `workspace` and `api_key` still null."""

    kind: Kind
    day: date
    rows: Sequence[Mapping[str, Any]]
    generation: Generation
    refreshed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called: id -> name."""

    workspaces: Mapping[str, str]
    api_keys: Mapping[str, str]
    default_workspace: str | None = None
    """The id of the default workspace, where the API tells it; the legacy reports say null."""


Progress = Callable[[int], None]
"""Called after each page with the number of rows so far, less those of pages that are asked for again."""


class Reports(Protocol):
    """What `sync` needs of Anthropic. Methods raise `api_errors.ReportError`."""

    def days(
        self, kind: Kind, since: date, until: date, generation: Generation, progress: Progress
    ) -> list[DayRows]:
        """Every day from `since` to `until` (both included), also without rows. All pages, or an error.

        Days that have not begun yet, and the one that runs while nothing is told of it, are left out.
        """

    def names(self) -> Names:
        """The names of workspaces and API keys, archived ones too."""

    def organization(self) -> str | None:
        """The organisation's name; None when it is not told."""


def in_analytics(day: date, now: datetime) -> bool:
    """Whether the newer reports still tell of a UTC day; of others only the older ones do."""
    began = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day >= BOOKS_BEGIN and began >= now - KEPT


class AnthropicReports:
    """`Reports` from Anthropic itself. Close it after use, or use it in a `with` statement.

    `base_url` is for tests and for proxies of the Admin API; it must be https, or this machine. Retries are
    told to `on_retry` in a sentence. Raises NoLibrary, UnsafeAddress and what `admin_key.check` does.
    """

    def __init__(
        self,
        key: str,
        *,
        base_url: str | None = None,
        now: Callable[[], datetime] | None = None,
        on_retry: OnRetry | None = None,
        timeout: float = 60.0,
        max_retries: int = 4,
        page_size: int = 1000,
    ) -> None:
        admin_key.check(key, "the Admin key", gateway=base_url is not None)
        self._page_size = page_size
        self._now = now or (lambda: datetime.now(UTC))
        self._client = _client(
            key,
            _safe(base_url or ADDRESS),
            user_agent=_user_agent(),
            timeout=timeout,
            max_retries=max_retries,
            on_retry=on_retry,
            now=self._now,
        )

    def __enter__(self) -> AnthropicReports:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def days(
        self, kind: Kind, since: date, until: date, generation: Generation, progress: Progress
    ) -> list[DayRows]:
        """See `Reports.days`. Raises BetaMissing where the organisation has no newer reports.

        Raises KeepsChanging where the numbers change each time while their pages are read.
        """
        newer = generation == "analytics"
        pages = self._analytics if newer else self._legacy
        where = self._client.place(_ANALYTICS + kind if newer else _LEGACY[kind][0])
        until = min(until, (self._theirs() or self._now()).astimezone(UTC).date())
        found: list[DayRows] = []
        rows = 0
        for span in _chunks(since, until):
            read = self._whole(partial(pages, kind, *span), where, partial(_told_on, progress, rows))
            rows += _count(read)
            theirs = self._theirs()
            known = shapes.whole_days(read, generation, span, theirs or self._now(), where)
            found += _days(kind, known, generation, read, theirs)
        return found

    def _whole(
        self, ask: Callable[[], Iterator[shapes.Page]], where: str, progress: Progress
    ) -> list[shapes.Page]:
        """All pages of a question, asked again while they do not fit together. Raises KeepsChanging."""
        before: list[shapes.Page] | None = None
        for _ in range(_MOST_READINGS):
            read = _pages(ask(), where, progress)
            if shapes.fit(read) and (_of_one_moment(read) or self._confirms(read, before)):
                return read
            before = read
        raise KeepsChanging(where, _MOST_READINGS)

    def _confirms(self, read: Sequence[shapes.Page], before: Sequence[shapes.Page] | None) -> bool:
        """Whether a reading tells of all days that are over what the one before it told."""
        if before is None:
            return False
        told = (page.refreshed_at for page in read if page.refreshed_at is not None)
        current = min([self._theirs() or self._now(), *told])
        return _over(read, current) == _over(before, current)

    def _theirs(self) -> datetime | None:
        """Anthropic's time, where this machine is ahead of it: what has not begun there has no bill."""
        theirs = self._client.told_at
        return theirs if theirs and self._now() - theirs > _AHEAD else None

    def names(self) -> Names:
        """See `Reports.names`."""
        named, default = self._workspaces()
        return Names(
            named, self._list(_KEYS, self._client.organization.api_keys.with_raw_response.list), default
        )

    def organization(self) -> str | None:
        """See `Reports.organization`."""
        try:
            body = self._client.read(_ME, self._client.organization.with_raw_response.retrieve)
        except Rejected:
            return None
        return shapes.name_of(body, self._client.place(_ME))

    def _analytics(self, kind: Kind, first: date, last: date) -> Iterator[shapes.Page]:
        report = self._client.beta.organization.analytics
        ask: Any = (report.usage if kind == "usage" else report.cost).with_raw_response.list
        query = {
            **_span(first, last),
            "time_bucket_width": "1d",
            "group_by": [*_GROUPS, *(_COST_FANS if kind == "cost" else ())],
            "limit": self._page_size,
            "order_by": "time",
            "order": "asc",
        }
        path = _ANALYTICS + kind
        with _beta(self._client.place(path)):
            shape = partial(shapes.report, kind=kind, generation="analytics", span=(first, last))
            yield from self._follow(path, partial(ask, **query), shape, "page", "next_page")

    def _legacy(self, kind: Kind, first: date, last: date) -> Iterator[shapes.Page]:
        path, groups = _LEGACY[kind]
        query = {
            **_span(first, last),
            "bucket_width": "1d",
            "group_by": groups,
            "limit": min(self._page_size, _CHUNK),
        }
        ask = partial(self._client.plain, path, **query)
        shape = partial(shapes.report, kind=kind, generation="legacy", span=(first, last))
        yield from self._follow(path, ask, shape, "page", "next_page")

    def _workspaces(self) -> tuple[dict[str, str], str | None]:
        """Names by id, and which is the default one: it alone is only listed when asked for."""
        ask = partial(self._client.organization.workspaces.with_raw_response.list, include_archived=True)
        usual = self._list(_WORKSPACES, ask)
        try:
            whole = self._list(_WORKSPACES, partial(ask, include_default=True))
        except Rejected:
            return usual, None
        more = whole.keys() - usual.keys()
        return whole, more.pop() if len(more) == 1 else None

    def _list(self, path: str, ask: Callable[..., Any]) -> dict[str, str]:
        """Names by id, of all pages."""
        pages = self._follow(path, partial(ask, limit=self._page_size), shapes.listed, "after_id", "last_id")
        return {id_: name for page in pages for id_, name in page.names.items()}

    def _follow(
        self, path: str, ask: Callable[..., Any], shape: Callable[..., Paged], name: str, field: str
    ) -> Iterator[Paged]:
        """All pages of one question: the cursor stands in `field` and goes into the parameter `name`."""
        where = self._client.place(path)
        seen: set[str] = set()
        cursor: dict[str, str] = {}
        while True:
            page = shape(self._client.read(path, partial(ask, **cursor)), where=where)
            yield page
            if page.after is None:
                return
            _go_on(page.after, seen, where, field)
            cursor = {name: page.after}


def _client(key: str, base_url: str, **options: Any) -> AdminClient:
    try:
        from .admin_client import AdminClient
    except ImportError:
        raise NoLibrary from None
    return AdminClient(key, base_url, **options)


def _user_agent() -> str:
    try:
        return f"callmeter/{metadata.version('callmeter')}"
    except metadata.PackageNotFoundError:
        return "callmeter"


def _safe(url: str) -> str:
    """The address, if the key may be sent there."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and _this_machine(parts.hostname or ""):
        return url
    raise UnsafeAddress(f"{parts.scheme}://{parts.hostname or ''}")


def _this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _chunks(since: date, until: date) -> Iterator[tuple[date, date]]:
    """First and last days of the questions that cover a span."""
    while since <= until:
        last = min(until, since + timedelta(days=_CHUNK - 1))
        yield since, last
        since = last + timedelta(days=1)


def _days(
    kind: Kind,
    days: Sequence[date],
    generation: Generation,
    pages: Sequence[shapes.Page],
    theirs: datetime | None,
) -> list[DayRows]:
    """The pages of one question, day by day. Numbers are as old as the oldest page says."""
    by_day: dict[date, list[shapes.Row]] = {day: [] for day in days}
    for page in pages:
        for day, row in page.rows:
            by_day[day].append(row)
    told = [one for one in (theirs, *(page.refreshed_at for page in pages)) if one is not None]
    refreshed = min(told, default=None)
    return [DayRows(kind, day, shapes.added(rows), generation, refreshed) for day, rows in by_day.items()]


def _pages(pages: Iterator[shapes.Page], where: str, progress: Progress) -> list[shapes.Page]:
    """The pages of one reading; what one page tells twice is no change of numbers. Raises ShapeChanged."""
    read: list[shapes.Page] = []
    for page in pages:
        shapes.once([page], where)
        read.append(page)
        progress(_count(read))
    return read


def _told_on(progress: Progress, before: int, rows: int) -> None:
    progress(before + rows)


def _count(pages: Sequence[shapes.Page]) -> int:
    return sum(len(page.rows) for page in pages)


def _of_one_moment(pages: Sequence[shapes.Page]) -> bool:
    return len({page.refreshed_at for page in pages}) == 1


def _over(pages: Sequence[shapes.Page], current: datetime) -> dict[date, list[shapes.Row]]:
    """The rows of each day that was over at a moment, in an order that only depends on them."""
    by_day: dict[date, list[shapes.Row]] = {}
    for day, row in (one for page in pages for one in page.rows):
        if end_of(day) <= current:
            by_day.setdefault(day, []).append(row)
    return {day: shapes.added(rows) for day, rows in by_day.items()}


def _go_on(cursor: str, seen: set[str], where: str, field: str) -> None:
    """Note a cursor; an error when it was there before, or there are far too many."""
    if cursor in seen:
        raise ShapeChanged(where, field, "came before: its pages go round in a circle")
    if len(seen) >= _MOST_PAGES:
        raise ShapeChanged(where, field, f"goes on after {_MOST_PAGES:,} pages")
    seen.add(cursor)


@contextmanager
def _beta(where: str) -> Iterator[None]:
    """What refuses the newer reports, though the older ones may be there."""
    try:
        yield
    except Forbidden:
        raise BetaMissing(where, 403) from None
    except Rejected as error:
        if error.status == 404 or (error.status == 400 and "beta" in error.said):
            raise BetaMissing(where, error.status) from None
        raise


def _span(first: date, last: date) -> dict[str, str]:
    """Whole UTC days, the last one included."""
    days = {"starting_at": first, "ending_at": last + timedelta(days=1)}
    return {name: f"{day:%Y-%m-%d}T00:00:00Z" for name, day in days.items()}
