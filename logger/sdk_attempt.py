"""One attempt of a call, as the middleware sees it: it fails, or it is answered. Nothing here raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .context import current
from .sdk_batch import Batches, ResultsReader
from .sdk_body import follow
from .sdk_call import Failure, SdkCall, failure_of, refusal
from .sdk_reply import BodyReader, EventReader, RefusalReader
from .sdk_retries import (
    LONGEST_PAUSE,
    SLACK,
    client_behind,
    options_behind,
    pause_after,
    retried_error,
    retried_status,
    retries_left,
    waiting_calls,
)
from .sent_batches import SentBatch, SentBatches

_AWS_STREAM = "application/vnd.amazon.eventstream"
_STREAMS = ("text/event-stream", _AWS_STREAM)


class Attempt(Protocol):
    """What the observer tells of an attempt, once."""

    def failed(self, error: BaseException) -> None:
        """There is no response."""

    def answered(self, response: Any) -> None:
        """There is a response of any status, of which the body may not be read yet."""


class MessageAttempt:
    """An attempt to make a message."""

    def __init__(
        self, call: SdkCall, request: Any, call_next: Callable[[Any], Any], key: Any, running: set[Any]
    ) -> None:
        self._call, self._request, self._call_next = call, request, call_next
        self._key, self._running = key, running

    def failed(self, error: BaseException) -> None:
        """Wait for the next attempt, or write the call."""
        self._running.discard(self._key)
        try:
            again = retried_error(error) and retries_left(self._request, client_behind(self._call_next))
            self._end(failure_of(error), LONGEST_PAUSE if again else None)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._broken(problem, failure_of(error))

    def answered(self, response: Any) -> None:
        """Write the call, or follow the body that is still to be read."""
        self._running.discard(self._key)
        try:
            if response.http_response.is_success:
                self._replied(response.http_response)
            else:
                self._refused(response)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._broken(problem, None)

    def _replied(self, http: Any) -> None:
        self._call.answered(http.headers.get("request-id"))
        if http.is_closed:
            self._call.replied(http.content)
            return
        kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
        stream = kind in _STREAMS
        follow(http, EventReader(self._call, kind == _AWS_STREAM) if stream else BodyReader(self._call))

    def _refused(self, response: Any) -> None:
        http = response.http_response
        status, request_id = http.status_code, http.headers.get("request-id")
        left = retries_left(self._request, getattr(response, "_client", None))
        pause = pause_after(http.headers) if left and retried_status(status, http.headers) else None
        if pause is not None or http.is_closed:
            self._end(refusal(status, http.content if http.is_closed else b"", request_id), pause)
        else:
            follow(http, RefusalReader(self._call, status, request_id))

    def _end(self, failure: Failure, pause: float | None) -> None:
        if pause is None:
            self._call.failed(failure)
        else:
            self._call.wait(failure, pause + SLACK)
            waiting_calls.put(self._key, self._call, options_behind(self._request))

    def _broken(self, problem: Exception, failure: Failure | None) -> None:
        """Something here went wrong: at least that there was a call shall stand in the log."""
        self._call.note(problem)
        self._call.cut(b"", failure)


class BatchAttempt:
    """An attempt to fetch the state of a batch, or its results."""

    def __init__(self, batches: Batches, batch: str, results: bool) -> None:
        self._batches, self._batch, self._results = batches, batch, results
        self._names = current.get()

    def failed(self, error: BaseException) -> None:
        """Nothing was fetched."""

    def answered(self, response: Any) -> None:
        """Note when the batch was made, or follow its results."""
        try:
            http = response.http_response
            if http.is_success and self._results:
                self._follow(http)
            elif http.is_success and http.is_closed:
                self._batches.note(http.content)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._batches.failed(problem)

    def _follow(self, http: Any) -> None:
        reader = ResultsReader(self._batches, self._batch, self._names)
        if http.is_closed:
            reader.take(http.content)
            reader.end(True)
        else:
            follow(http, reader)


class NewBatchAttempt:
    """An attempt to make a batch of a guarded log: kept beside the log from before it is sent.

    Where it is not certain that there is no such batch, a timeout above all, it stays kept.
    """

    def __init__(self, batches: Batches, sent: SentBatches, key: str, batch: SentBatch) -> None:
        self._batches, self._sent = batches, sent
        try:
            self._name = sent.begin(key, batch)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._name = ""
            batches.failed(problem)

    def failed(self, error: BaseException) -> None:
        """Without a connection nothing was sent."""
        if {type(error).__name__, type(error.__cause__).__name__} & _NOT_SENT:
            self._told(self._sent.done, self._name)

    def answered(self, response: Any) -> None:
        """A batch has an id by now; a refused one is none."""
        http = response.http_response
        if not http.is_success:
            self._told(self._sent.done, self._name)
        elif http.is_closed:
            self._told(self._take_in, http.content)

    def _take_in(self, body: bytes) -> None:
        self._sent.made(self._name, self._batches.note(body))

    def _told(self, tell: Callable[[Any], None], what: Any) -> None:
        try:
            if self._name:
                tell(what)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._batches.failed(problem)


_NOT_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
