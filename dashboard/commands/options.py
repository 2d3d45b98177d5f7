"""Flags that several commands share, and the settings they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings import OPTIONS, Settings, load

_OPTION = {option.name: option for option in OPTIONS}


def _flag(name: str, metavar: str) -> Any:
    option = _OPTION[name]
    return typer.Option(option.flag, metavar=metavar, help=f"{option.help} [default: {option.default}]")


LogDir = Annotated[Path | None, _flag("log_dir", "FOLDER")]
Host = Annotated[str | None, _flag("host", "ADDRESS")]
Port = Annotated[str | None, _flag("port", "NUMBER")]
TimeZone = Annotated[str | None, _flag("timezone", "NAME")]
CacheDir = Annotated[Path | None, _flag("cache_dir", "FOLDER")]
Prices = Annotated[Path | None, _flag("prices", "FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings(**flags: object) -> Settings:
    """The settings of this process, with these flags on top (None: not given). Raises SettingError."""
    return load(flags, os.environ, Path.cwd(), Path.home())
