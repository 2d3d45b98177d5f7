"""Colours that mean something: token kinds, models, outcomes. Readable on light and dark ground alike.

Token kinds and outcomes are from the Okabe-Ito set, which colour-blind readers can tell apart; its dark
blue is lightened, to stand out on a dark ground too. A model's
colour is made from its name alone (family by hue, version by lightness), so it is the same everywhere and
for ever.
"""

from __future__ import annotations

import colorsys
import re
import zlib

KIND_COLOURS = {
    "tokens_input": "#2b7fd0",
    "tokens_output": "#E69F00",
    "tokens_cache_read": "#56B4E9",
    "tokens_cache_write": "#CC79A7",
}
KIND_NAMES = {
    "tokens_input": "Input",
    "tokens_output": "Output",
    "tokens_cache_read": "Cache read",
    "tokens_cache_write": "Cache write",
}
OK = "#2b7fd0"
FAILED = "#D55E00"
ACCENT = "#4c6ef5"
NEUTRAL = "#868e96"

_FAMILY_HUES = {"opus": 262, "sonnet": 205, "haiku": 158, "fable": 325, "mythos": 38}
_VERSION = re.compile(r"(\d+)(?:-(\d))?(?!\d)")
_OLDEST, _NEWEST = 3.0, 6.0


def model_colour(model: str) -> str:
    """The colour of a model, `#rrggbb`. Unknown families get a muted hue of their own."""
    family = next((name for name in _FAMILY_HUES if name in model), None)
    if family is None:
        return _hex(zlib.crc32(model.encode("utf-8", "surrogatepass")) % 360, 0.5, 0.18)
    return _hex(_FAMILY_HUES[family], _lightness(model), 0.62)


def _lightness(model: str) -> float:
    """Older versions are lighter: 0.74 for version 3 and before, 0.50 for 6 and after."""
    version = min(max(_version(model), _OLDEST), _NEWEST)
    return 0.74 - 0.24 * (version - _OLDEST) / (_NEWEST - _OLDEST)


def _version(model: str) -> float:
    """`claude-opus-4-8` -> 4.8, `claude-3-5-haiku-20241022` -> 3.5, no number -> newest."""
    found = _VERSION.search(re.sub(r"-\d{6,}", "", model))
    return float(f"{found[1]}.{found[2] or 0}") if found else _NEWEST


def _hex(hue: float, lightness: float, saturation: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def faded(colour: str, alpha: float) -> str:
    """`#rrggbb` with an alpha: `rgba(r,g,b,a)`."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"
