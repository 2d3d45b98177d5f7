"""Texts as numbers of 64 bits, the same in every process and version: for finding equal ids in millions."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LONGEST = 64
"""Bytes of a text that are taken in whole arrays; longer ones are rare and taken one by one."""

_ODD = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_MASK = 2**64 - 1


def digests(values: Sequence[str | None], kind: str) -> Array:
    """An int64 for each text, 0 for None and "". Texts of another `kind` have other numbers."""
    found = np.zeros(len(values), dtype=np.int64)
    if values.count(None) == len(values):
        return found
    texts = [value.encode("utf-8", "replace") if value else b"" for value in values]
    if max(map(len, texts)) > _LONGEST:
        texts = [_shortened(text) if len(text) > _LONGEST else text for text in texts]
    packed = np.array(texts, dtype=f"S{-(-max(1, *map(len, texts)) // 8) * 8}")
    words = packed.view("<u8").reshape(len(texts), -1)
    return mixed(words.T, kind) * (words.any(axis=1))


def mixed(columns: Sequence[Array] | Array, kind: str) -> Array:
    """One int64 for each row of some columns of whole numbers; a column of zeros changes nothing."""
    total = np.uint64(0)
    for place, column in enumerate(columns):
        word = column.astype(np.uint64) * np.uint64((_ODD * (2 * place + 1)) & _MASK)
        word ^= word >> _HALF
        word *= _MIX
        word ^= word >> _HALF
        total = total + word * np.uint64(2 * place + 1)
    salt = int.from_bytes(blake2b(kind.encode(), digest_size=8).digest(), "little")
    found: Array = (np.asarray(total) ^ np.uint64(salt)).view(np.int64)
    return found


def _shortened(text: bytes) -> bytes:
    return blake2b(text, digest_size=32).hexdigest().encode()
