"""The numbers as files for other programs: each call, days added up, or Anthropic's bill.

A table is made part by part, of a day or a month of calls, so that a long history needs no more memory than
a short one. Names are those of the line and of `callmeter report`; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from ..errors import CallmeterError


class ExportError(CallmeterError):
    """A file cannot be written as it was asked for."""


@dataclass(frozen=True, slots=True)
class Extract:
    """One table to be written. What is not known is null, texts too."""

    name: str
    """What a sheet of it is called."""
    schema: pa.Schema
    """Of text, int64, float64, bool, date32, timestamp[us] with a zone; of a cover also a union, whose fields
    are named as the formats of `cells`.
    """
    parts: Iterable[pa.Table]
    """Its rows in order, all with this schema; may be gone through once."""
    cover: bool = False
    """Whether a workbook begins with it."""
    total: pa.Table | None = None
    """One row that a workbook has below the others: what they add up to."""
