"""Settings: one table of options, read from defaults < file < environment < flags.

The file is `callmeter.toml` in the working directory, else the one in the user's configuration folder
(`$XDG_CONFIG_HOME/callmeter` or `~/.config/callmeter`). Settings are its top-level keys; its tables
(`TABLES`) belong to the rooms that define them and are not looked at here, also when they are none.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import SettingError

LOCAL = "local"
"""The time zone setting that means: the machine's own."""

TABLES = ("budget", "watch", "credit", "alerts", "billing")
"""Names in the file that stand for tables; `money.rules` and `billing.rules` read them, and say what is
wrong there.
"""

_TOKEN_LENGTH = 16
_MOST = 1e15
"""No number among the settings comes near it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every option's value, paths absolute. Made by `load`; the token is kept out of its repr."""

    log_dir: Path
    host: str
    port: int
    timezone: str
    refresh_seconds: float
    poll_seconds: float
    cache_dir: Path
    token: str | None = field(repr=False)
    allowed_hosts: tuple[str, ...]
    prices: Path | None
    zone: ZoneInfo
    """`timezone` resolved: what days, hours and "today" follow."""
    file: Path | None = None
    """The settings file that was read, for the rooms that own its tables."""

    @property
    def loopback(self) -> bool:
        """Whether `host` can only be reached from this machine."""
        return is_loopback(self.host)

    @property
    def credit_dir(self) -> Path:
        """Where the credit ledger is kept."""
        return self._beside("credit")

    @property
    def alerts_dir(self) -> Path:
        """Where alerts are kept."""
        return self._beside("alerts")

    @property
    def billing_dir(self) -> Path:
        """Where Anthropic's own usage and cost reports are kept."""
        return self._beside("billing")

    def _beside(self, name: str) -> Path:
        """`logs/credit` for calls in `logs/api`; inside any other log folder, so that each has its own."""
        return (self.log_dir.parent if self.log_dir.name == "api" else self.log_dir) / name


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value was written and what its words are relative to."""

    name: str
    folder: Path
    home: Path
    text: bool
    """Whether values are text to be read, rather than typed already."""

    def key(self, option: Option) -> str:
        return {"environment": option.env, "command line": option.flag}.get(self.name, option.name)


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `check` gives the value to keep, or raises ValueError saying what is accepted."""

    name: str
    type: str
    default: str
    """As the README shows it; `_defaults` holds the value."""
    help: str
    check: Callable[[Any, _Place], Any]

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return f"CALLMETER_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """How a command spells it, where a command takes it."""
        return "--" + self.name.replace("_", "-")


def _path(value: object, place: _Place) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("must be a path")
    path = Path(value)
    if path.parts and path.parts[0] == "~":
        path = place.home.joinpath(*path.parts[1:])
    return place.folder / path


def _word(value: object, place: _Place) -> str:
    if not isinstance(value, str) or not value.strip() or re.search(r"\s|/", value.strip()):
        raise ValueError("must be a host name or an IP address, such as 127.0.0.1")
    return value.strip()


def _port(value: object, place: _Place) -> int:
    problem = "must be a whole number from 0 to 65535 (0: any free port)"
    number = _number(value, place, problem)
    if not (0 <= number <= 65535 and number.is_integer()):
        raise ValueError(problem)
    return int(number)


def _refresh(value: object, place: _Place) -> float:
    return _seconds(value, place, 1)


def _poll(value: object, place: _Place) -> float:
    return _seconds(value, place, 0.1)


def _seconds(value: object, place: _Place, least: float) -> float:
    problem = f"must be a number of seconds from {least:g} to 86400"
    number = _number(value, place, problem)
    if not least <= number <= 86400:
        raise ValueError(problem)
    return number


def _number(value: object, place: _Place, problem: str) -> float:
    if place.text and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError(problem) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        raise ValueError(problem)
    return float(value)


def _timezone(value: object, place: _Place) -> str:
    if value == LOCAL:
        return LOCAL
    if not isinstance(value, str) or _zone_named(value) is None:
        raise ValueError(f'must be "{LOCAL}" or a time zone name such as Europe/Berlin')
    return value


def _token(value: object, place: _Place) -> str:
    if not isinstance(value, str) or not re.fullmatch(rf"[!-~]{{{_TOKEN_LENGTH},}}", value):
        raise ValueError(f"must be at least {_TOKEN_LENGTH} letters, digits or signs without spaces")
    return value


def _hosts(value: object, place: _Place) -> tuple[str, ...]:
    if place.text and isinstance(value, str):
        value = [name for name in re.split(r"[,\s]+", value) if name]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('must be a list of host names such as ["pi.local"]')
    return tuple(name.lower() for name in value)


OPTIONS = (
    Option("log_dir", "path", "logs/api", "Folder with the call logs, one file per day.", _path),
    Option("host", "text", "127.0.0.1", "Address to listen on; any but a loopback one needs a token.", _word),
    Option("port", "whole number", "8050", "Port to listen on; 0 takes any free one.", _port),
    Option(
        "timezone",
        "text",
        LOCAL,
        "Zone of days and hours, as Europe/Berlin; local: this machine's.",
        _timezone,
    ),
    Option("refresh_seconds", "seconds", "30", "How often the page asks for news by itself.", _refresh),
    Option(
        "poll_seconds", "seconds", "2", "How often files are looked at if the system tells nothing.", _poll
    ),
    Option("cache_dir", "path", "~/.cache/callmeter", "Disposable data; heeds XDG_CACHE_HOME.", _path),
    Option("token", "secret", "none", "What visitors must show if host is not a loopback address.", _token),
    Option("allowed_hosts", "list", "none", "More names the page answers to, such as pi.local.", _hosts),
    Option(
        "prices",
        "path",
        "none",
        "Your own price file, put over the built-in one to price and estimate.",
        _path,
    ),
)
"""Every setting there is. The README's table shows these rows."""

_NAMES = {option.name: option for option in OPTIONS}


def load(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, home: Path) -> Settings:
    """The settings of one start. `flags` maps option names to values; None means not given.

    Relative paths are of `cwd`, in a file of the file's folder. Raises SettingError.
    """
    file = find_file(environ, cwd, home)
    values = _defaults(environ, cwd, home)
    if file:
        values |= _checked(_read(file), _Place(str(file), file.parent, home, text=False))
    set_ = {option.name: environ[option.env] for option in OPTIONS if environ.get(option.env)}
    values |= _checked(set_, _Place("environment", cwd, home, text=True))
    given = {name: value for name, value in flags.items() if value is not None}
    values |= _checked(given, _Place("command line", cwd, home, text=True))
    name = values["timezone"]
    zone = local_zone(environ) if name == LOCAL else ZoneInfo(name)
    return Settings(**values, zone=zone, file=file)


def _defaults(environ: Mapping[str, str], cwd: Path, home: Path) -> dict[str, Any]:
    place = _Place("defaults", cwd, home, text=True)
    values = {o.name: None if o.default == "none" else o.check(o.default, place) for o in OPTIONS}
    cache = environ.get("XDG_CACHE_HOME", "")
    if Path(cache).is_absolute():
        values["cache_dir"] = Path(cache) / "callmeter"
    return values | {"allowed_hosts": ()}


def find_file(environ: Mapping[str, str], cwd: Path, home: Path) -> Path | None:
    """The settings file: in the working directory, else in the user's configuration folder; None: neither."""
    return next((path for path in places(environ, cwd, home) if _exists(path)), None)


def places(environ: Mapping[str, str], cwd: Path, home: Path) -> tuple[Path, Path]:
    """Where the settings file may be: in the working directory, in the user's configuration folder."""
    config = environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if Path(config).is_absolute() else home / ".config"
    return cwd / "callmeter.toml", base / "callmeter" / "callmeter.toml"


def stamp(file: Path | None) -> tuple[int, int] | None:
    """Another value when the file has changed; None when it is not there."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder on the way may not be entered
        return False


def _read(file: Path) -> dict[str, Any]:
    """The file's top-level keys, without the tables that belong to others."""
    try:
        everything = tomllib.loads(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise SettingError(str(file), "not valid TOML", "must be UTF-8 text") from error
    except ValueError as error:  # also for a number without end
        raise SettingError(str(file), "not valid TOML", str(error)) from error
    except OSError as error:
        raise SettingError(str(file), "cannot be read", error.strerror or str(error)) from error
    return {name: value for name, value in everything.items() if not _belongs_to_others(name, value)}


def _belongs_to_others(name: str, value: object) -> bool:
    return name in TABLES or (name not in _NAMES and _is_table(value))


def _is_table(value: object) -> bool:
    tables = value if isinstance(value, list) and value else [value]
    return all(isinstance(table, dict) for table in tables)


def _checked(values: Mapping[str, Any], place: _Place) -> dict[str, Any]:
    return {name: _check(name, value, place) for name, value in values.items()}


def _check(name: str, value: object, place: _Place) -> object:
    option = _NAMES.get(name)
    if option is None:
        raise SettingError(place.name, repeated(name), _unknown(name))
    try:
        return option.check(value, place)
    except ValueError as error:
        shown = "" if option.type == "secret" else f", not {repeated(repr(value))}"
        raise SettingError(place.name, place.key(option), f"{error}{shown}") from error


def repeated(words: str) -> str:
    """What was given as an error may repeat it: an address, which may be a secret, is `…://…`."""
    return "…://…" if "://" in words else words


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _NAMES, n=1)
    if near:
        return f"no such setting; did you mean {near[0]}?"
    return "no such setting; there are " + ", ".join(_NAMES)


def is_loopback(host: str) -> bool:
    """Whether an address or name is reached from this machine only; an unknown name counts as not."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def local_zone(environ: Mapping[str, str], etc: Path = Path("/etc")) -> ZoneInfo:
    """The machine's time zone by name: `TZ`, /etc/localtime, /etc/timezone, else UTC.

    An empty `TZ` is UTC, as in the C library, so that we agree with the times programs write.
    """
    if environ.get("TZ") == "":
        return ZoneInfo("UTC")
    for name in (
        environ.get("TZ", "").removeprefix(":"),
        _linked(etc / "localtime"),
        _first(etc / "timezone"),
    ):
        zone = _zone_named(name.rpartition("zoneinfo/")[2])
        if zone is not None:
            return zone
    return ZoneInfo("UTC")


def _linked(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _first(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _zone_named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
