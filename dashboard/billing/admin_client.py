"""The anthropic library's client as we use it: one key to one address, retries told, errors in our words.

Imports the library, so it is itself imported late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import httpx2
from anthropic import (
    Anthropic,
    AnthropicError,
    APIConnectionError,
    APIRequest,
    APIResponse,
    APIStatusError,
    APITimeoutError,
    CallNext,
    DefaultHttpxClient,
    Middleware,
)

from . import api_errors
from .api_errors import ReportError

API_VERSION = "2023-06-01"
"""The shapes we read. The library would ask for newer ones with each of its own versions."""

LONGEST_WAIT = 60.0
"""Seconds we wait within a request when Anthropic says so; told to wait longer, we give up and say when."""

OnRetry = Callable[[str], None]
"""Told in a sentence what went wrong and that it is tried again."""

_AGAIN = {408, 409, 429}


class AdminClient(Anthropic):
    """A client that sends this key, these headers, and nothing from the environment.

    The library adds the headers of ANTHROPIC_CUSTOM_HEADERS, which are meant for a user's own proxy. A reply
    that sends us elsewhere is not followed.
    """

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        user_agent: str,
        timeout: float,
        max_retries: int,
        on_retry: OnRetry | None,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(
            api_key=key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            http_client=_connections(base_url),
            open_telemetry=False,
            middleware=[_Patience(base_url, max_retries, on_retry, now)],
        )
        self._custom_headers = {"anthropic-version": API_VERSION, "User-Agent": user_agent}
        self._now = now
        self.told_at: datetime | None = None
        """What time it was where the last reply was made, where it said so."""

    def read(self, path: str, ask: Callable[[], APIResponse[Any]]) -> Any:
        """The JSON that `ask` brings of an endpoint. Raises ReportError."""
        where = self.place(path)
        with _in_our_words(where, self._now, self.api_key or ""):
            response = ask().http_response
            content = response.content
        self.told_at = _moment(response.headers.get("date"))
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise api_errors.ShapeChanged(where, "it", "is no JSON (did a proxy answer?)") from None

    def place(self, path: str) -> str:
        """An endpoint in messages."""
        return _place(self.base_url, path)

    def plain(self, path: str, **query: Any) -> APIResponse[Any]:
        """GET of an endpoint for which the library has no method."""
        return self.get(path, cast_to=APIResponse[object], options={"params": query})


def _connections(base_url: str) -> httpx2.Client:
    """Connections as the library makes them. Raises ReportError when the environment's proxy or certificates
    cannot be used.
    """
    try:
        return DefaultHttpxClient(follow_redirects=False)
    except (ImportError, OSError, ValueError) as error:
        problem = f"no connection can be set up ({type(error).__name__}); see HTTPS_PROXY, ALL_PROXY and"
        raise ReportError(f"{_place(base_url, '')}: {problem} SSL_CERT_FILE in the environment") from None


def _place(base_url: Any, path: str) -> str:
    """An endpoint in messages: host and path."""
    url = httpx2.URL(str(base_url))
    port = f":{url.port}" if url.port else ""
    return f"{url.host}{port}{path}"


class _Patience(Middleware):
    """Sees every attempt: tells of those that are tried again, and ends those that would wait too long."""

    def __init__(
        self, base_url: str, most: int, on_retry: OnRetry | None, now: Callable[[], datetime]
    ) -> None:
        self._base_url, self._most, self._on_retry, self._now = base_url, most, on_retry, now

    def handle(self, request: APIRequest, call_next: CallNext) -> APIResponse[Any]:
        """One attempt."""
        try:
            response = call_next(request)
        except APIConnectionError as error:
            self._tell(request, str(_broken(_place(self._base_url, request.url), error)))
            raise
        if _tried_again(response):
            self._look(request, response)
        return response

    def _look(self, request: APIRequest, response: APIResponse[Any]) -> None:
        wait = retry_after(response.headers, self._now())
        error = _of_status(_place(self._base_url, request.url), response.status_code, "", wait)
        if wait is not None and wait > LONGEST_WAIT:
            raise error
        self._tell(request, str(error))

    def _tell(self, request: APIRequest, sentence: str) -> None:
        if self._on_retry is not None and request.retries_taken < self._most:
            what = sentence.partition(";")[0]
            self._on_retry(f"{what}: trying again ({request.retries_taken + 1} of {self._most})")


def _tried_again(response: APIResponse[Any]) -> bool:
    """Whether the library tries again after such a reply."""
    told = response.headers.get("x-should-retry")
    if response.status_code < 400 or told == "false":
        return False
    return told == "true" or response.status_code in _AGAIN or response.status_code >= 500


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait as the reply says: milliseconds, seconds, or a moment; None when it does not."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    at = _moment(headers.get("retry-after"))
    return None if at is None else max(0.0, (at - now).total_seconds())


def _moment(told: str | None) -> datetime | None:
    """The moment of a header; None where it is none, or without its zone."""
    try:
        found = parsedate_to_datetime(told or "")
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


@contextmanager
def _in_our_words(where: str, now: Callable[[], datetime], key: str) -> Iterator[None]:
    """The library's errors as `ReportError`. Theirs may quote headers: nothing of them is kept."""
    try:
        yield
    except ReportError:
        raise
    except APIStatusError as error:
        wait = retry_after(error.response.headers, now())
        said = _said(error).replace(key, "...") if key else _said(error)
        raise _of_status(where, error.status_code, said, wait) from None
    except APIConnectionError as error:
        raise _broken(where, error) from None
    except AnthropicError as error:
        raise ReportError(f"{where}: the anthropic library gave up ({type(error).__name__})") from None


def _said(error: APIStatusError) -> str:
    """What the API says is wrong."""
    told = error.body.get("error") if isinstance(error.body, dict) else None
    message = told.get("message") if isinstance(told, dict) else None
    return message if isinstance(message, str) else "without a reason"


def _of_status(where: str, status: int, said: str, wait: float | None) -> ReportError:
    after = wait if wait is not None and isfinite(wait) else None
    if status == 401:
        return api_errors.Refused(where)
    if status == 403:
        return api_errors.Forbidden(where)
    if status == 429:
        return api_errors.RateLimited(where, after)
    if status in _AGAIN or status >= 500:
        return api_errors.ServerTrouble(where, status, after)
    return api_errors.Rejected(where, status, said)


def _broken(where: str, error: APIConnectionError) -> ReportError:
    if isinstance(error, APITimeoutError):
        return api_errors.Unreachable(where, "no reply in time")
    if isinstance(error.__cause__, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.DecodingError):
        return api_errors.ConnectionCut(where)
    return api_errors.Unreachable(where, "no connection")
