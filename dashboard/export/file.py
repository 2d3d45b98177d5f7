"""A file that is there whole or not at all: made in a hidden folder beside it, then moved into place."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from ..filters import Filter
from . import ExportError, scratch
from .forms import FORMS, NAMES, Form, named

PACKED = ".gz"
_PACKABLE = tuple(form.name + PACKED for form in FORMS if form.streams)
_LISTED = ", ".join(f".{name}" for name in (*NAMES, *_PACKABLE))


def form_of(path: Path, format: str | None = None) -> Form:
    """The format of the file's name without `.gz`, or what is asked for where the name says none.

    Raises ExportError, also for a name that says another.
    """
    stated = named(path.name.lower().removesuffix(PACKED).rpartition(".")[2])
    found = stated if format is None else named(format)
    if found is None:
        raise ExportError(_unknown(path, format))
    if stated not in (None, found):
        raise ExportError(f"{path}: its name says {stated.name}, --format says {found.name}; give one alone.")
    if _is_packed(path) and not found.streams:
        raise ExportError(f"{path}: .{found.name} is not packed as .gz; there are {_LISTED}.")
    return found


def _unknown(path: Path, format: str | None) -> str:
    if format is None:
        return f"{path}: its name does not say the format; there are {_LISTED}."
    return f"--format {format}: no such format; there are {', '.join(NAMES)}; .gz stands in the file's name."


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(PACKED)


def name(rows: str, view: Filter, form: Form) -> str:
    """What a file is called that has no name: `callmeter-calls-2026-11-16--2026-11-22.csv`, or by its month.

    rows: of what they are; `accounting` is of a month.
    """
    first, last = view.since.date(), (view.until - timedelta(microseconds=1)).date()
    if rows == "accounting":
        return f"callmeter-{first:%Y-%m}.{form.name}"
    span = str(first) if first == last else f"{first}--{last}"
    return f"callmeter-{rows}-{span}.{form.name}"


def check(path: Path, *, force: bool) -> None:
    """Raise ExportError when nothing can be written there, or something would be lost."""
    if path.is_dir():
        raise ExportError(f"{path}: is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        raise ExportError(f"{path}: is no plain file; --output - writes to stdout.")
    if path.exists() and not force:
        raise ExportError(f"{path}: is there already; --force writes over it.")
    if not path.parent.is_dir():
        raise ExportError(f"{path.parent}: no such folder; make it first.")


def save(path: Path, fill: Callable[[BinaryIO, Path], None], *, force: bool) -> None:
    """Write what `fill` gives, packed where the name ends in `.gz`. Nothing is left of a failure; what a
    killed process left is removed by the next export into its folder.

    fill: takes the open file and a folder for what it needs meanwhile. Raises ExportError.
    """
    path = path.resolve()
    check(path, force=force)
    with sentences(path), scratch.beside(path) as folder:
        fresh = folder / "fresh"
        with fresh.open("wb") as out:
            _fill(out, fill, folder, packed=_is_packed(path))
            out.flush()
            os.fsync(out.fileno())
        check(path, force=force)
        fresh.replace(path)


def _fill(out: BinaryIO, fill: Callable[[BinaryIO, Path], None], folder: Path, *, packed: bool) -> None:
    if not packed:
        fill(out, folder)
        return
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as inner:
        fill(inner, folder)  # type: ignore[arg-type]


def pour(out: BinaryIO, fill: Callable[[BinaryIO, Path], None]) -> None:
    """Make a whole file elsewhere and copy it to a stream, which may be one that cannot be gone back in."""
    with tempfile.TemporaryDirectory(prefix="callmeter-") as folder:
        fresh = Path(folder) / "fresh"
        with sentences(fresh), fresh.open("w+b") as made:
            fill(made, Path(folder))
            made.seek(0)
            shutil.copyfileobj(made, out)


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """A failure to write becomes an ExportError; a reader that left stays what it is."""
    from xlsxwriter.exceptions import XlsxWriterException

    try:
        yield
    except BrokenPipeError:
        raise
    except PermissionError as error:
        raise ExportError(f"{path.parent}: may not be written to by this user.") from error
    except (OSError, XlsxWriterException) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ExportError(f"{path}: could not be written: {why}. Nothing of it was kept.") from error
