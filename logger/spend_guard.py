"""A hard stop: what may be spent before no more calls are begun, and the exception that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

UNREADABLE = ("allow", "refuse")
"""What may happen when it cannot be read what was spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendGuard:
    """Limits in USD for `ClaudeAPILogger(..., guard=SpendGuard(per_day=10, per_task=2))`.

    A limit is reached when what is logged in the folder, by all processes, is as much as it or more; then
    `start_call` raises `BudgetExceeded`, and the call is not begun. None is no limit, 0 stops every call.
    Days and hours are those of the logger's time zone; a call counts to the moment it began.

    per_hour: all calls of this clock hour (14:00 to 15:00).
    per_day: all calls since midnight.
    per_task: the calls of one `task_id`, today and yesterday, so that midnight does not begin it anew.
    per_worker: the calls of one `worker_id` since midnight.
    per_project: the calls of one `project` since midnight.
    reserve: USD set aside for each call in flight, of all processes, and for the one that is to begin: what
        a call costs is known only at its end. With 0, calls that are in flight when a limit is reached may
        go beyond it by what they cost. Of a message batch it is set aside for each request, from before it
        is sent until a watched client has fetched all its results, in the periods in which it was sent; with
        0, and of batches that no guarded log sent, nothing of a batch counts before its results are logged.
    unpriced: USD counted for each line of unknown cost: of a model without a price, a call that failed or
        died. With 0 they never reach a limit, and a refusal says "at least".
    on_unreadable: "allow" begins the call, by what is known, and says so once through `logging`; "refuse"
        raises `BudgetExceeded`. A folder or a file that is not there yet is no error: nothing was spent. What
        was logged today counts until midnight, also when its file is moved away or emptied, for as long as
        this logger is not closed. A long day is read in a thread from the making of the logger on; a call
        waits for it at most 15 seconds, then it is as if it could not be read.

    Raises TypeError for what is no number, ValueError for one that is negative or not finite.
    """

    per_hour: float | None = None
    per_day: float | None = None
    per_task: float | None = None
    per_worker: float | None = None
    per_project: float | None = None
    reserve: float = 0.0
    unpriced: float = 0.0
    on_unreadable: str = "allow"

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.name != "on_unreadable":
                _check(one.name, getattr(self, one.name), optional=one.name in LIMITS)
        if self.on_unreadable not in UNREADABLE:
            raise ValueError(f"SpendGuard: on_unreadable is 'allow' or 'refuse', not {self.on_unreadable!r}")
        if not self.limits:
            known = ", ".join(f"{name}=" for name in LIMITS)
            raise ValueError(f"SpendGuard without a limit stops nothing: give it one of {known}")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        given = {name: getattr(self, name) for name in LIMITS}
        return {name: float(limit) for name, limit in given.items() if limit is not None}


LIMITS = ("per_hour", "per_day", "per_task", "per_worker", "per_project")
"""The names of the limits, in the order in which they are looked at."""


def _check(name: str, value: object, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"SpendGuard: {name} is an amount in USD, such as 10 or 0.5, not {value!r}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"SpendGuard: {name} is 0 or more USD, not {value!r}")


class BudgetExceeded(Exception):  # noqa: N818 - the name programs were promised
    """A call was not begun because of a `SpendGuard`; nothing was sent, nothing is written of it.

    limit_name: `per_day`, `per_task`, ...; `on_unreadable` when it cannot be read what was spent.
    limit, spent: USD; None for `on_unreadable`. In `spent` is what is assumed for calls of unknown cost;
        where nothing is, and there are some, it is `at_least`.
    reserved: USD set aside for calls in flight and for this one.
    scope: whose limit it is: `all calls`, `task gh-456`, ...
    period: what it holds for: `2026-11-22`, `2026-11-22T14:00+00:00`, `2026-11-21/2026-11-22`.
    """

    def __init__(
        self,
        sentence: str,
        limit_name: str = "",
        limit: float | None = None,
        spent: float | None = None,
        reserved: float = 0.0,
        at_least: bool = False,
        scope: str = "",
        period: str = "",
    ) -> None:
        super().__init__(sentence, limit_name, limit, spent, reserved, at_least, scope, period)
        self.limit_name, self.limit, self.spent = limit_name, limit, spent
        self.reserved, self.at_least = reserved, at_least
        self.scope, self.period = scope, period

    def __str__(self) -> str:
        return str(self.args[0])
