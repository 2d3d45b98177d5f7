"""What is spent in a log folder, kept current: read on from where it was read to, each call counted once."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from .clock import LocalClock
from .logged_ids import near
from .record import day_file_name
from .spent_files import GrowingFile, PackedFile, ReplacedError
from .spent_lines import SpentLines
from .spent_portion import Portions
from .spent_sums import SpentSums

LOOK_BESIDE = 1.0
"""Seconds after which the files beside today's are looked at again: a call that began yesterday may still
end, a file may be gzipped, and a program in another time zone is in another day already.
"""


class Spending:
    """The sums over today, and the days beside it. No lock is held, nothing is written.

    folder: of the day files. limits: those whose sums are wanted. clock: of the local days.

    sums, open_usd, open_unpriced: see `SpentLines`. lost: what the sums were when a file of theirs was moved
    away, emptied or replaced: on the same day that is spent all the same. known: both, or only the first.
    """

    def __init__(self, folder: str, limits: Collection[str], clock: LocalClock) -> None:
        self._folder, self._limits = folder, tuple(limits)
        self._portions = Portions(clock)
        self._files: list[GrowingFile | PackedFile] = []
        self._begin("")

    def _begin(self, day: str) -> None:
        """Anew, with nothing read yet."""
        for file in self._files:
            file.close()
        self._day = day
        self.sums, self.lost = SpentSums(self._limits), SpentSums(self._limits)
        self.known: tuple[SpentSums, ...] = (self.sums,)
        self._lines = SpentLines(self.sums, self._portions)
        self._look_at = float("-inf")
        self._error: OSError | None = None
        paths = [os.path.join(self._folder, day_file_name(one)) for one in near(day)] if day else []  # noqa: PTH118
        self._files = [GrowingFile(path) for path in paths]
        self._files += [PackedFile(path + ".gz", path) for path in paths]

    def look(self, now: float, day: str) -> OSError | None:
        """Take in what is new at a moment (Unix seconds) of a local day; what cannot be read, or None.

        What can be read is taken in. Costs a `stat` when nothing is new.
        """
        if day != self._day:
            self._begin(day)
        try:
            return self._look(now)
        except ReplacedError:
            self._begin_again(day)
        try:
            return self._look(now)
        except ReplacedError as error:  # again, in the middle of reading
            self._begin_again(day)
            raise OSError(f"{self._folder}: the files of the day are replaced again and again") from error

    def _begin_again(self, day: str) -> None:
        """Anew on the same day: what was known is not forgotten."""
        with suppress(OSError):
            self._lines.settle()  # what is open is still there to be read
        lost, sums = self.lost, self.sums
        lost.raise_to(sums)
        self._begin(day)
        self.remember(lost)

    def remember(self, lost: SpentSums) -> None:
        """Take over what was known of files that are lost."""
        self.lost = lost
        self.known = self.sums, lost

    def _look(self, now: float) -> OSError | None:
        beside = not self._look_at - LOOK_BESIDE <= now < self._look_at  # the clock may go back
        if beside:
            self._look_at = now + LOOK_BESIDE
            self._error = self._read(self._files[1:])
        return self._read(self._files[:1]) or self._error

    def _read(self, files: list[GrowingFile | PackedFile]) -> OSError | None:
        failed: OSError | None = None
        for file in files:
            try:
                for place, line in file.new_lines():
                    self._lines.take(line, file, place)
            except OSError as error:
                error.filename = error.filename or file.path
                failed = failed or error
        return failed

    @property
    def open_usd(self) -> float:
        """The most by which a sum can be larger once it is settled."""
        return self._lines.open_usd

    @property
    def open_unpriced(self) -> int:
        """The same for lines of unknown cost."""
        return self._lines.open_unpriced

    def settle(self) -> OSError | None:
        """Make the sums exact; what cannot be read again, or None."""
        try:
            self._lines.settle()
        except OSError as error:
            return error
        return None

    def close(self) -> None:
        """Give the descriptors back."""
        self._begin("")


def bytes_beside(folder: str, day: str) -> int:
    """How much a first look would read; 0 where that cannot be told."""
    size = 0
    for one in near(day):
        for name in (day_file_name(one), day_file_name(one) + ".gz"):
            with suppress(OSError):
                size += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118
    return size
