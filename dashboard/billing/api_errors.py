"""What can go wrong on the way to Anthropic's reports, each in a sentence: what, where, what to do.

No sentence holds a key or part of one; what the API itself says is cleaned of them.
"""

# ruff: noqa: N818 - each is named after what happened

from __future__ import annotations

import re
from typing import ClassVar

from ..errors import CallmeterError

VARIABLE = "ANTHROPIC_ADMIN_API_KEY"
CONSOLE = "https://platform.claude.com/settings/admin-keys"

_AN_ADMIN_KEY = (
    f"an Admin key (sk-ant-admin01-...); an admin of the organisation makes one at {CONSOLE} "
    "(individual accounts have none)"
)

_SECRET = re.compile(r"sk-ant-[^\s\"',;]*", re.IGNORECASE)
_LONGEST = 200


class ReportError(CallmeterError):
    """Anthropic's reports could not be read."""

    retryable: ClassVar[bool] = False
    """Whether the same question may well be answered later."""

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        """Seconds after which to ask again, where Anthropic told."""


class NoAdminKey(ReportError):
    """No key is set anywhere."""

    def __init__(self, remarks: tuple[str, ...] = ()) -> None:
        seen = "".join(f" ({remark})" for remark in remarks)
        super().__init__(
            f"no Admin API key: set {VARIABLE}, or write {VARIABLE}=... into the file .env in this folder or "
            f"beside callmeter.toml{seen}; an admin of the organisation makes one at {CONSOLE} "
            "(individual accounts have none)"
        )


class NormalKey(ReportError):
    """A key for calling Claude stands where an Admin key should."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}: this key is for calling Claude (sk-ant-api...) and may not read the bill; "
            f"an Admin key begins with sk-ant-admin, an admin of the organisation makes one at {CONSOLE}"
        )


class CallingToken(ReportError):
    """A token of a login, such as Claude Code's, stands where an Admin key should."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}: this is the token of a login (sk-ant-oat...), as Claude Code has for its calls, and "
            f"is not sent: set {_AN_ADMIN_KEY}"
        )


class NotAnthropics(ReportError):
    """What stands where the key should be is no key of Anthropic's."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}: this is no key of Anthropic's, and is not sent: set {_AN_ADMIN_KEY}")


class UnusableKey(ReportError):
    """What stands where the key should be cannot be sent."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}: this is no key: it holds spaces or other signs a key cannot have")


class NoLibrary(ReportError):
    """The anthropic library is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Anthropic's reports are read with the anthropic library, which is not installed: "
            "pip install 'callmeter[anthropic]'"
        )


class UnsafeAddress(ReportError):
    """The key would be sent in the clear, or nowhere."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url}: the Admin key is only sent to an https:// address, or to this machine itself"
        )


class Refused(ReportError):
    """401: the key is not valid."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where}: Anthropic does not know the Admin key (401); it may be deleted, or of another kind: "
            f"see {CONSOLE} and set {VARIABLE}"
        )


class Forbidden(ReportError):
    """403: the key is valid and may not read this."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where}: the key may not read this (403); it takes an Admin key (sk-ant-admin...) of the "
            f"organisation: {CONSOLE}"
        )


class BetaMissing(ReportError):
    """The organisation does not have the newer reports, or the key may not read them."""

    def __init__(self, where: str, status: int) -> None:
        super().__init__(
            f"{where}: the newer reports are not there for this organisation or key ({status}); "
            "the older ones may be"
        )


class Rejected(ReportError):
    """Another 4xx: Anthropic does not take the question."""

    def __init__(self, where: str, status: int, said: str) -> None:
        super().__init__(
            f"{where}: Anthropic does not take this request ({status}): {clean(said)}; "
            "its API may have changed, and a newer callmeter may know it"
        )
        self.status = status
        self.said = said


class RateLimited(ReportError):
    """429: too many requests."""

    retryable = True

    def __init__(self, where: str, retry_after: float | None) -> None:
        when = f"in {_spoken(retry_after)}" if retry_after is not None else "in a few minutes"
        super().__init__(
            f"{where}: too many requests for now (429); try again {when}", retry_after=retry_after
        )


class ServerTrouble(ReportError):
    """5xx: Anthropic's own trouble."""

    retryable = True

    def __init__(self, where: str, status: int, retry_after: float | None = None) -> None:
        what = "is overloaded" if status == 529 else "has trouble of its own"
        when = f"in {_spoken(retry_after)}" if retry_after is not None else "later"
        super().__init__(
            f"{where}: Anthropic {what} ({status}); try again {when} (https://status.claude.com)",
            retry_after=retry_after,
        )


class ConnectionCut(ReportError):
    """The connection broke before the reply was complete."""

    retryable = True

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where}: the connection broke in the middle of the reply; nothing of it was kept: try again"
        )


class Unreachable(ReportError):
    """No connection, or no reply in time."""

    retryable = True

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}; check the network and try again")


class KeepsChanging(ReportError):
    """The pages of a reply never fitted together: the numbers changed while they were read."""

    retryable = True

    def __init__(self, where: str, readings: int) -> None:
        super().__init__(
            f"{where}: the numbers changed while their pages were read, each of {readings} times; "
            "nothing of them was kept: try again in a few minutes"
        )


class ShapeChanged(ReportError):
    """A reply is not what the documentation says. Nothing of it is kept: a guess would be a wrong bill."""

    def __init__(self, where: str, field: str, problem: str) -> None:
        super().__init__(
            f"{where}: the reply is not as documented: {field} {problem}; nothing of it was kept; "
            "a newer callmeter may know this shape"
        )
        self.field = field


def clean(text: str) -> str:
    """One line, of bearable length, without keys."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    line = _SECRET.sub("sk-ant-...", line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _spoken(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 7200 else f"{whole / 3600:.1f} h"
