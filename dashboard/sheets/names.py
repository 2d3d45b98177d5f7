"""Names as they stand where there is little room: in pictures, on the page, on a narrow terminal."""

from __future__ import annotations


def model_label(model: str) -> str:
    """A model's name without the maker's name in front; `no model` for none."""
    return model.removeprefix("claude-") or "no model"
