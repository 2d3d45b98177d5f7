"""One measured row, the growth table's rows, and how numbers are written in them."""

from __future__ import annotations

from dataclasses import dataclass

SKIPPED = "SKIPPED"
"""How the measured column begins where nothing could be measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement beside its baseline of the same run."""

    name: str
    measured: str
    baseline: str = ""
    ratio: float | None = None
    """Measured / baseline."""
    bar: str = ""
    met: bool | None = None
    """None: there is no bar, or it could not be measured."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a history of so many lines costs, at the same number of lines a day."""

    lines: int
    days: int
    start: float
    """Seconds from the start of the process until the 24-hour view is answered."""
    refresh: float
    """Seconds of a refresh of the 7-day view, request to answer."""
    arrival: float
    """Seconds from the write of a line until it is in the store."""
    rss: int
    """Bytes of the server that did this."""
    original: float
    """Seconds in which the original's way has these lines in a frame."""
    extrapolated: bool
    """Whether `original` was measured on fewer lines."""


def seconds(value: float) -> str:
    """A duration in the unit that reads best."""
    if value < 0.001:
        return f"{value * 1e6:.1f} µs"
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.2f} s"


def size(value: float) -> str:
    """Bytes in kB, MB or GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e3:.3g} kB"


def median(values: list[float]) -> float:
    """The middle value; of an even number the lower of the two."""
    return sorted(values)[(len(values) - 1) // 2]


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def limited(name: str, value: float, most: float, *, told: str = "", baseline: float | None = None) -> Row:
    """A duration that must not exceed `most` seconds; `told` says what the baseline is."""
    ratio = value / baseline if baseline else None
    beside = f"{told} {seconds(baseline)}" if baseline else told
    return Row(name, seconds(value), beside, ratio, f"≤ {seconds(most)}", value <= most)


def light(name: str, value: float, most: float, *, told: str = "", baseline: float | None = None) -> Row:
    """A size that must not exceed `most` bytes."""
    ratio = value / baseline if baseline else None
    beside = f"{told} {size(baseline)}" if baseline else told
    return Row(name, size(value), beside, ratio, f"≤ {size(most)}", value <= most)


def relative(name: str, value: float, told: str, baseline: float, most: float | None = None) -> Row:
    """A duration that must not exceed `most` times its baseline."""
    ratio = value / baseline
    bar = "" if most is None else f"≤ {most:.3g} ×"
    return Row(
        name,
        seconds(value),
        f"{told} {seconds(baseline)}",
        ratio,
        bar,
        None if most is None else ratio <= most,
    )
