"""Which names a pattern means."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def meant(names: Iterable[str], pattern: str) -> list[str]:
    """The names that are just the pattern, else those that match it; `*` stands for anything.

    Upper and lower case are the same. A name may hold what a pattern means otherwise: `Team [EU]`.
    """
    known, wanted = list(names), pattern.casefold()
    same = [name for name in known if name.casefold() == wanted]
    return same or [name for name in known if fnmatchcase(name.casefold(), wanted)]
