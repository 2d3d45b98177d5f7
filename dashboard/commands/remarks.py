"""What a command says on stderr beside what it prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def tell(remarks: Iterable[str]) -> None:
    """Print sentences on stderr: wrapped at words on a terminal, where no name of a log gives it orders; in a
    pipe or a file each is a line, as it is.
    """
    if not sys.stderr.isatty():
        for remark in remarks:
            print(remark, file=sys.stderr)
        return
    from ..printout import Terminal
    from ..sheets.text import say

    terminal = Terminal(stderr=True, highlight=False, emoji=False)
    for remark in remarks:
        say(remark, terminal)
