"""One channel of delivery, by apprise. Nothing that leaves this module holds a URL or a part of one."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..errors import CallmeterError
from .message import Message
from .notify import Address

SECONDS = 45.0
"""After so long a delivery counts as failed, whatever still goes on."""

_CONNECT, _ANSWER = 10.0, 30.0
"""Seconds for a server to be reached, and for it to answer then; an address may set its own (cto, rto)."""

NO_ANSWER = "it gave no answer in time; what was sent may have arrived"
"""Why a delivery failed of which it is not known that it did."""

_SMALL = 500
"""Where less fits into a message, only the short form is sent."""

_TALKATIVE = ("apprise", "urllib3", "requests", "slixmpp", "paho")
"""Loggers that write addresses."""


class ChannelError(CallmeterError):
    """An address that cannot be used, or nothing there to use it with."""


class Channel(Protocol):
    """Where messages can be sent."""

    name: str

    def send(self, message: Message) -> str:
        """Deliver it; "" when that worked, else why not, as the end of a sentence. Raises nothing."""


Open = Callable[[Address], Channel]
"""Opens an address. Raises ChannelError."""


def open_channel(address: Address) -> Channel:
    """The channel of an address. Raises ChannelError, which names the entry by number and service."""
    where = f"Alerts: entry {address.number} of the addresses ({address.name})"
    _silence()
    try:
        import apprise
    except ImportError:
        raise ChannelError(f"{where} needs apprise: pip install 'callmeter[notify]'") from None
    asset = apprise.AppriseAsset(
        async_mode=False, service_timeout=0, storage_mode="memory", app_id="callmeter", app_desc="callmeter"
    )
    try:
        service = apprise.Apprise.instantiate(address.url, asset=asset)
    except Exception:  # noqa: BLE001 - whatever it is, its text may hold the URL
        service = None
    if service is None:
        raise ChannelError(
            f"{where} is nothing apprise can send to. How its addresses are written:"
            " https://appriseit.com/services/; callmeter alerts --test tries them"
        )
    _be_patient(service)
    return AppriseChannel(address.name, service, apprise)


def _be_patient(service: Any) -> None:
    """A receiver that works for some seconds before it answers must not be told twice."""
    own = vars(service)
    if "socket_connect_timeout" not in own:
        service.socket_connect_timeout = max(_CONNECT, service.socket_connect_timeout)
    if "socket_read_timeout" not in own:
        service.socket_read_timeout = max(_ANSWER, service.socket_read_timeout)


def _silence() -> None:
    """Let the libraries not write addresses into anybody's log. What apprise says is heard by us alone."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.DEBUG if name == "apprise" else logging.WARNING)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


class AppriseChannel:
    """A service of apprise. Sends one message at a time."""

    def __init__(self, name: str, service: Any, apprise: Any) -> None:
        self.name = name
        self._service = service
        self._apprise = apprise
        self._busy: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"

    def send(self, message: Message) -> str:
        """See `Channel`. Gives up waiting after `SECONDS`; the next one waits until it has really ended."""
        if self._busy is not None and self._busy.is_alive():
            return "the delivery before has still not ended"
        said: list[str] = []
        self._busy = threading.Thread(
            target=lambda: said.append(self._sent(message)), name="callmeter delivery", daemon=True
        )
        self._busy.start()
        self._busy.join(SECONDS)
        return said[0] if said else NO_ANSWER

    def _sent(self, message: Message) -> str:
        small = self._service.body_maxlen < _SMALL
        title, body = ("", message.short) if small else (message.title, message.body)
        sender = self._apprise.Apprise(asset=self._service.asset)
        sender.add(self._service)
        try:
            result = sender.notify(
                title=title,
                body=_cut(body, self._service.body_maxlen),
                notify_type=_KINDS.get(message.severity, "failure"),
                body_format="text",
                log_level=logging.DEBUG,
            )
            return "" if result else reason(entry.message for entry in result.logs())
        except Exception as error:  # noqa: BLE001 - of a library's failure only its kind is told
            return f"it failed with {type(error).__name__}"


_KINDS = {"info": "info", "warning": "warning"}


def reason(messages: Iterable[str]) -> str:
    """Why a delivery failed, by what apprise said of it; none of its words are repeated."""
    said = " ".join(messages)
    if status := re.search(r"\berror=(\d{3})\b", said):
        return f"the server answered with {status[1]}"
    if re.search(r"read timed out|unexpectedly closed: timed out", said, re.IGNORECASE):
        return NO_ANSWER
    if re.search(r"connection error|socket|timed? ?out", said, re.IGNORECASE):
        return "the server cannot be reached"
    return "it was not taken"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
