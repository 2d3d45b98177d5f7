"""The observer of the anthropic SDK: one line for every call a client makes.

The SDK runs its middleware once per HTTP attempt. The attempts of a call share a key; the first begins the
call, and the one that is not followed by another ends it. A reply that is read later, a stream above all,
is followed while the program reads it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from anthropic import Middleware

from .context import current
from .sdk_attempt import Attempt, BatchAttempt, MessageAttempt, NewBatchAttempt
from .sdk_batch import Batches
from .sdk_call import SdkCall
from .sdk_log import SdkLog
from .sdk_request import batch_of, is_message, makes_batch, requests_of
from .sdk_retries import waiting_calls
from .sent_batches import sent_now
from .spend_guard import BudgetExceeded

if TYPE_CHECKING:
    from .guarding import Guarding

Client = TypeVar("Client")


def watch(log: SdkLog, client: Client) -> Client:
    """A copy of the client of which every call is written; the client itself when it is watched already.

    What is no client of the anthropic SDK, or of one before 0.108, is given back as it is, and said.
    """
    try:
        given: Any = client
        if not _of_the_sdk(given):
            raise TypeError("it is no client of the anthropic SDK")
        if any(isinstance(one, Observer) and one.log is log for one in given.middleware):
            return client
        watched: Client = given.with_middleware(log.middleware)
        _hand_on(given, watched)
        return watched
    except Exception as error:  # noqa: BLE001 - the host must not be broken
        told = f"callmeter: calls of this {type(client).__name__} are not written: {error!r}"
        log.problems.note("watch", told)
        return client


def _of_the_sdk(client: Any) -> bool:
    """By its class alone: a mock says yes to everything else."""
    return any(kind.__module__.partition(".")[0] == "anthropic" for kind in type(client).__mro__)


def _hand_on(client: Any, copy: Any) -> None:
    """Give the copy what a program has set on its client: the SDK copies what its own constructor takes.

    No object the copy has its own of, nor what its class has: resources and the like belong to the client
    that made them, and their calls would not be seen.
    """
    for name, value in vars(client).items():
        if name.startswith("_") or hasattr(type(client), name):
            continue
        if name not in vars(copy) or isinstance(value, (str, int, float)):
            vars(copy)[name] = value


class Observer(Middleware):
    """Middleware for the clients of the anthropic SDK, sync and async; the last one of the list.

    It changes nothing: neither what the client returns and raises, nor when something is read. Only a call,
    or a new batch, that the log's `SpendGuard` refuses is not sent: BudgetExceeded reaches the program.
    """

    def __init__(self, log: SdkLog) -> None:
        self.log = log
        self._batches = Batches(log)
        self._running: set[Any] = set()

    def handle(self, request: Any, call_next: Callable[[Any], Any]) -> Any:
        """Run one attempt of a sync client."""
        attempt = self._begin(request, call_next)
        if attempt is None:
            return call_next(request)
        try:
            response = call_next(request)
        except BaseException as error:
            attempt.failed(error)
            raise
        attempt.answered(response)
        return response

    async def handle_async(self, request: Any, call_next: Callable[[Any], Any]) -> Any:
        """Run one attempt of an async client. What the guard reads is read in a thread."""
        await self._look_ahead(request)
        attempt = self._begin(request, call_next)
        if attempt is None:
            return await call_next(request)
        try:
            response = await call_next(request)
        except BaseException as error:
            attempt.failed(error)
            raise
        attempt.answered(response)
        return response

    def _begin(self, request: Any, call_next: Callable[[Any], Any]) -> Attempt | None:
        """What to tell of this attempt; None when it makes no line, or when it cannot be followed."""
        try:
            options = request.options
            if is_message(options.method, options.url):
                return self._begin_message(request, call_next)
            if (found := batch_of(options.method, options.url)) is not None:
                return BatchAttempt(self._batches, *found)
            if self.log._guard is not None and makes_batch(options.method, options.url):
                return self._begin_batch(request, self.log._guard)
        except BudgetExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            with suppress(Exception):
                self.log.problems.note("sdk", f"callmeter: a call cannot be followed: {error!r}")
        return None

    def _begin_batch(self, request: Any, guarding: Guarding) -> Attempt:
        requests = requests_of(request.options.json_data)
        if not request.retries_taken:
            self.log.check_budget(calls=requests)
        batch = sent_now(requests, self.log._now(), {**self.log._shared, **current.get()})
        key = str(request.options.idempotency_key or f"{os.getpid()} {id(request.options)}")
        return NewBatchAttempt(self._batches, guarding.batches, key, batch)

    async def _look_ahead(self, request: Any) -> None:
        """Let a thread read what the guard will need, so that asyncio's event loop goes on."""
        with suppress(Exception):
            options = request.options
            if self.log._guard is None or request.retries_taken:
                return
            if is_message(options.method, options.url) or makes_batch(options.method, options.url):
                await asyncio.to_thread(self.log._guard.look_ahead, self.log._now, current.get())

    def _begin_message(self, request: Any, call_next: Callable[[Any], Any]) -> Attempt | None:
        waiting_calls.give_up(everything=False)
        key = (id(self), request.options.idempotency_key or id(request.options))
        if key in self._running:  # twice in the list of one client
            return None
        call = waiting_calls.take(key) or SdkCall(self.log, request.options.json_data)
        call.attempts += 1
        self._running.add(key)
        return MessageAttempt(call, request, call_next, key, self._running)
