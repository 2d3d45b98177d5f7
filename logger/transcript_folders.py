"""Where Claude Code keeps its transcripts, and which files are some."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROJECTS = "projects"
CONFIG_DIR = "CLAUDE_CONFIG_DIR"

_LOOKED_AT = (1 << 12, 1 << 16)
"""Bytes of a file's beginning that tell what it is, mostly; and when they do not."""

_MARK = re.compile(
    rb'(?P<transcript>"(?:sessionId|leafUuid|parentUuid|snapshot)":)|(?P<output>"session_id":)'
)


def default_folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    """The folders of transcripts there are: of `$CLAUDE_CONFIG_DIR` (one or several, with commas between),
    else ~/.config/claude and ~/.claude.
    """
    return [folder for folder in places(environ, home) if _is_folder(folder)]


def places(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Where transcripts are looked for."""
    named = [word.strip() for word in environ.get(CONFIG_DIR, "").split(",") if word.strip()]
    configs = [_expanded(word, home) for word in named] or [home / ".config/claude", home / ".claude"]
    found = [config if config.name == PROJECTS else config / PROJECTS for config in configs]
    return list({folder.resolve(): folder for folder in found}.values())


def _expanded(word: str, home: Path) -> Path:
    path = Path(word)
    return home.joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Sorted:
    """Files told apart: transcripts, and all others that were named or may be output of the CLI."""

    transcripts: tuple[Path, ...]
    others: tuple[Path, ...]


def told_apart(paths: Iterable[Path]) -> Sorted:
    """Which of these files, and of those in these folders, are transcripts.

    What lies beside transcripts in a folder (notes, pictures, results of tools) is left out.
    """
    transcripts: list[Path] = []
    others: list[Path] = []
    for path in paths:
        inside = sorted(_files(path)) if _is_folder(path) else [path]
        ours = [file for file in inside if is_transcript(file)]
        rest = [file for file in inside if file not in set(ours)] if len(ours) < len(inside) else []
        if ours and _is_folder(path):
            rest = [file for file in rest if _is_output(file)]
        transcripts += ours
        others += rest
    return Sorted(tuple(dict.fromkeys(transcripts)), tuple(dict.fromkeys(others)))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def is_transcript(path: Path) -> bool:
    """Whether a file's first rows are those of a transcript; one that cannot be read is told by its place."""
    if path.suffix != ".jsonl":
        return False
    try:
        return _first_mark(path) == "transcript"
    except OSError:
        return PROJECTS in path.parts


def _is_output(path: Path) -> bool:
    with suppress(OSError):
        return path.suffix in (".json", ".jsonl") and _first_mark(path) == "output"
    return False


def _first_mark(path: Path) -> str | None:
    """Whose fields come first in a file."""
    with path.open("rb") as file:
        start = b""
        for size in _LOOKED_AT:
            start += file.read(size - len(start))
            found = _MARK.search(start)
            if found:
                return found.lastgroup
    return None


def project_folder(path: Path) -> Path:
    """The folder in which copies of this transcript's rows may lie: that of one working folder."""
    parts = path.parts
    if PROJECTS in parts[:-1]:
        at = len(parts) - 2 - parts[:-1][::-1].index(PROJECTS)
        return Path(*parts[: at + 2])
    return path.parent


def session_of(path: Path) -> Path:
    """What the files of a session have in common: `<session>.jsonl` and all below `<session>/`."""
    folder = project_folder(path)
    inside = path.relative_to(folder).parts if path.is_relative_to(folder) else (path.name,)
    return folder / inside[0].removesuffix(".jsonl") if inside else path
