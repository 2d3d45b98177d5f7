"""What the Claude CLI says one of its processes cost, beside our price of its tokens. Pure.

`total_cost_usd` is a total: of all results of a process, and since version 2.1 of all processes of a session.
`CliCost.own_usd` is a run's own part of it. Where the CLI's figure is wrong or missing by its own design, the
difference has a reason and is no disagreement about prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

REASONS = {
    "total": "the CLI's total is not the sum of what it says of its models",
    "equal": "",
    "within": "the CLI does not tell which cache writes last an hour: within what our prices allow",
    "estimate": "both hold the CLI's estimate of a reply that broke off",
    "suggested": "a call after the result is in neither",
    "no_result": "ended without a result, so the CLI tells no cost; ours is a lower bound",
    "resumed": "the CLI's total is the session's; the runs before this one are not among the files",
    "unpriced": "no price here",
    "guessed": "no price in the CLI: it takes another model's",
    "forgotten": "the CLI forgot replies it got by a plain request, after their stream failed",
    "after": "replies after the last result",
    "price": "other prices than ours, or fast mode or a region that the CLI does not tell",
}
"""Why the two differ, or how far they can be compared -> what people read."""

UNCOMPARED = ("no_result", "resumed", "unpriced")
"""Reasons for which there is nothing to compare."""

BY_DESIGN = ("guessed", "forgotten", "after")
"""Reasons for which the CLI's figure is known to be another one."""

SAME = 1e-6
"""USD up to which two figures are the same: the CLI adds up floats."""


@dataclass(frozen=True, slots=True)
class CliCost:
    """One process of the CLI. USD; None is not known."""

    file: str
    session_id: str | None = None
    """The last one, where it went on in another."""
    sessions: int = 1
    version: str | None = None
    started: datetime | None = None
    """When it ran, as its output tells; `json` output and old versions tell no time."""
    ended: datetime | None = None
    total_usd: float | None = None
    """`total_cost_usd` of its last result."""
    own_usd: float | None = None
    """What of it is this run's."""
    astray_usd: float = 0.0
    """What `total_usd` has beyond the sum of the models in the same result; in `own_usd` too."""
    least_usd: float | None = None
    """What the counted tokens cost by our prices, at the least and at the most: a sum of calls does not
    tell everything that prices go by. None without a price for one of the models.
    """
    most_usd: float | None = None
    finished: bool = True
    """Whether there was a result."""
    final: bool = True
    """Whether every count is exact."""
    cut: bool = False
    """Whether a reply broke off, of which the CLI can only estimate what it cost."""
    suggested: bool = False
    """Whether a call came after the last result, which is in no figure of the CLI."""
    forgotten: bool = False
    after: bool = False
    guessed: tuple[str, ...] = ()
    """Models whose price the CLI does not know."""
    unpriced: tuple[str, ...] = ()
    """Models without a price here."""
    call_ids: frozenset[str] = frozenset()
    """Ids that its lines have in a log."""
    copies: tuple[str, ...] = ()
    """Other files that hold the same run."""

    @property
    def ours_usd(self) -> float | None:
        """Our price: of those the counts allow the one nearest to the CLI's figure."""
        if self.least_usd is None or self.most_usd is None:
            return None
        return (
            self.least_usd if self.own_usd is None else min(max(self.own_usd, self.least_usd), self.most_usd)
        )

    @property
    def difference_usd(self) -> float | None:
        """Ours less the CLI's; None when there is nothing to compare."""
        if self.own_usd is None or self.ours_usd is None or self.reason in UNCOMPARED:
            return None
        difference = self.ours_usd - self.own_usd
        return 0.0 if abs(difference) <= SAME else difference

    @property
    def disputed_usd(self) -> float:
        """How far the figures are apart, whatever the sign, where nothing but prices explains it."""
        if self.reason in BY_DESIGN:
            return 0.0
        return max(abs(self.difference_usd or 0.0), abs(self.astray_usd))

    @property
    def reason(self) -> str:
        """Of `REASONS`."""
        if not self.finished:
            return "no_result"
        if self.astray_usd:
            return "total"
        if self.own_usd is None:
            return "resumed"
        if self.unpriced or self.ours_usd is None:
            return "unpriced"
        if abs(self.ours_usd - self.own_usd) <= SAME:
            return self._same()
        reasons = {"guessed": bool(self.guessed), "forgotten": self.forgotten, "after": self.after}
        return next((reason for reason, so in reasons.items() if so), "price")

    def _same(self) -> str:
        if (self.most_usd or 0) - (self.least_usd or 0) > SAME:
            return "within"
        if self.suggested:
            return "suggested"
        return "equal" if self.final else "estimate"

    @property
    def why(self) -> str:
        """The reason in words, with the models it is about."""
        models = {"guessed": self.guessed, "unpriced": self.unpriced}.get(self.reason, ())
        said = REASONS[self.reason]
        return f"{said} ({', '.join(models)})" if models else said
