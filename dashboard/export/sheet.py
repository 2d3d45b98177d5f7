"""A sheet of a workbook that takes whole rows of XML. Imported only where a workbook is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xlsxwriter.worksheet import Worksheet


def style(format: Any) -> int:
    """The number of a format in its workbook."""
    return int(format._get_xf_index())


class RowSheet(Worksheet):  # type: ignore[misc]
    """Below the first row, rows come ready: the library's own way, cell by cell, takes four times as long."""

    def add(self, rows: Iterable[str], last: int) -> None:
        """Write rows up to that of the number `last`, the first of the sheet being 0."""
        self._write_single_row(last)  # what the library holds of the first one
        self.fh.writelines(rows)
        self.dim_rowmax = last
