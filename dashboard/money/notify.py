"""Where alerts are delivered: what is set, and what may be shown of it. URLs are secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import SettingError
from ..keys import Key, one_of, read_table, texts
from .alerts import SEVERITIES

if TYPE_CHECKING:
    from .alerts import Alert

ENVIRONMENT = "CALLMETER_ALERTS_TO"

SEVERITY = one_of(*SEVERITIES)

KEYS = (
    Key("to", "secret", (), "Where to send: apprise URLs, such as ntfy://ntfy.sh/my-topic.", texts),
    Key("from_severity", "text", "info", "Send from info, warning or critical on.", SEVERITY),
)
"""The keys of the `[alerts]` table in callmeter.toml; CALLMETER_ALERTS_TO goes before `to`."""

_WITH_HOST = re.compile(r"mailtos?|jsons?|xmls?|forms?|ntfys?|gotifys?|https?")
"""Services whose URL begins with the name of a machine. Of the others it begins with a secret."""

_SCHEME = re.compile(r"([a-z][a-z0-9+]{0,15})://(.*)", re.IGNORECASE | re.DOTALL)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(
    rf"(?!\d+\.\d+\.\d+\.)(?:{_LABEL}\.)*(?=[a-z]){_LABEL}|(?:\d{{1,3}}\.){{3}}\d{{1,3}}|\[[0-9a-f:]+\]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """One entry of `to`. `number` counts from 1; `name` is what may be shown, each address its own."""

    number: int
    name: str
    url: str = field(repr=False)
    from_severity: str = "info"

    def wants(self, alert: Alert) -> bool:
        """Whether an alert is severe enough to be sent here."""
        return SEVERITIES.index(alert.condition.severity) >= SEVERITIES.index(self.from_severity)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where alerts go. URLs are kept out of its repr."""

    to: tuple[str, ...] = field(default=(), repr=False)
    from_severity: str = "info"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Each entry with a name of its own."""
        seen: Counter[str] = Counter()
        found = []
        for number, url in enumerate(dict.fromkeys(self.to), 1):
            name = shown(url)
            seen[name] += 1
            again = f" ({seen[name]})" if seen[name] > 1 else ""
            found.append(Address(number, name + again, url, self.from_severity))
        return tuple(found)


NOWHERE = Delivery()
"""Nothing is delivered."""


def delivery_of(table: Mapping[str, Any], file: str, environ: Mapping[str, str]) -> Delivery:
    """The `[alerts]` table. Raises SettingError, never with a URL in it."""
    values = read_table(KEYS, table, file, "[alerts]")
    set_ = environ.get(ENVIRONMENT, "").split()
    where, name = ("environment", ENVIRONMENT) if set_ else (file, "[alerts]: to")
    to = tuple(set_) or values["to"]
    for number, url in enumerate(to, 1):
        if not _SCHEME.fullmatch(url.strip()) or len(url.split()) != 1:
            raise SettingError(
                where, name, f"entry {number} is no URL such as mailto://… or ntfy://…; it is not shown here"
            )
    return Delivery(to, values["from_severity"])


def shown(url: str) -> str:
    """Service and, where it is no secret, host: `mailto://…@example.org`, `ntfy://ntfy.sh/…`, `slack://…`."""
    found = _SCHEME.fullmatch(url)
    if found is None:
        return "…"
    scheme, rest = found[1].lower(), found[2]
    host = _host(rest) if _WITH_HOST.fullmatch(scheme) else None
    if host is None or (scheme.startswith(("ntfy", "gotify")) and _is_topic(rest)):
        return f"{scheme}://…"
    return f"{scheme}://…@{host}" if scheme.startswith("mailto") else f"{scheme}://{host}/…"


def _is_topic(rest: str) -> bool:
    """Whether what stands where a host would may be a topic of ntfy.sh or a token, which are secrets."""
    place, _, query = rest.partition("?")
    path = place.partition("#")[0].partition("/")[2]
    return not re.fullmatch(r"/*[\w.-][\w./-]*", path) or "mode=" in query.lower() or "%" in query


def _host(rest: str) -> str | None:
    """The host where there is no doubt about it: a password may hold any sign."""
    before, _, after = rest.partition("?")
    if "@" in after or before.count("@") > 1:
        return None
    one = re.split("[/#]", before, maxsplit=1)[0].rpartition("@")[2]
    other = re.split("[/#]", before.rpartition("@")[2], maxsplit=1)[0]
    name = re.sub(r":\d+$", "", one)
    return name.lower() if one == other and _HOST.fullmatch(name) else None
