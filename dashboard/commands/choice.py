"""The flags that narrow a command to some calls, and the view they lead to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..filters import Filter
    from ..store.base import Store


class Outcome(StrEnum):
    """How a call ended."""

    ok = "ok"
    failed = "failed"


def _flag(noun: str, more: str = "") -> Any:
    help = f'Only calls of this {noun}; * stands for anything, "" for none. Repeatable.{more}'
    return typer.Option(f"--{noun}", metavar="NAME", help=help)


Model = Annotated[list[str] | None, _flag("model", " A model is meant under any of its names.")]
Project = Annotated[list[str] | None, _flag("project")]
Task = Annotated[list[str] | None, _flag("task")]
Worker = Annotated[list[str] | None, _flag("worker")]
Source = Annotated[list[str] | None, _flag("source")]
OnlyOutcome = Annotated[
    Outcome | None, typer.Option("--outcome", metavar="OUTCOME", help="Only calls that are ok, or failed.")
]

_FIELDS = {
    "model": ("models", "model"),
    "project": ("projects", "project"),
    "task": ("tasks", "task_id"),
    "worker": ("workers", "worker_id"),
    "source": ("sources", "source"),
}
"""Flag -> field of the filter, column of the frames."""

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """What the flags say: names or patterns of each facet; empty means all calls."""

    model: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    worker: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    outcome: str | None = None

    @property
    def patterns(self) -> dict[str, tuple[str, ...]]:
        """Flag -> its patterns, for those that were given."""
        return {flag: given for flag in _FIELDS if (given := getattr(self, flag))}

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.patterns and self.outcome is None

    @property
    def beyond_bill(self) -> tuple[str, ...]:
        """The flags that were given and are about what Anthropic's bill does not know: all but models."""
        others = tuple(flag for flag in self.patterns if flag != "model")
        return (*others, "outcome") if self.outcome else others

    @property
    def words(self) -> str:
        """What it leaves: `model a or b; project website; outcome failed`; "" where that is everything."""
        outcome = {"outcome": (self.outcome,)} if self.outcome else {}
        every = {**self.patterns, **outcome}
        return "; ".join(
            f"{flag} {' or '.join(one or '(none)' for one in given)}" for flag, given in every.items()
        )


def chosen(
    *,
    model: Sequence[str] | None = None,
    project: Sequence[str] | None = None,
    task: Sequence[str] | None = None,
    worker: Sequence[str] | None = None,
    source: Sequence[str] | None = None,
    outcome: Outcome | None = None,
) -> Choice:
    """The flags as they were given."""
    return Choice(
        model=tuple(model or ()),
        project=tuple(project or ()),
        task=tuple(task or ()),
        worker=tuple(worker or ()),
        source=tuple(source or ()),
        outcome=outcome.value if outcome else None,
    )


def narrowed(store: Store, view: Filter, choice: Choice) -> tuple[Filter, list[str]]:
    """The view with the names that the patterns mean among those the store has in it.

    A pattern that means no name is kept as it is, so that nothing is found, and told of in a remark.
    """
    change: dict[str, Any] = {"outcome": choice.outcome} if choice.outcome else {}
    remarks: list[str] = []
    for flag, patterns in choice.patterns.items():
        field, column = _FIELDS[flag]
        names = _names(store, view, column)
        change[field] = _meant(flag, patterns, names)
        remarks += [nobody(flag, one, names) for one in patterns if not fitting(flag, (one,), names)]
    return replace(view, **change), remarks


def _names(store: Store, view: Filter, column: str) -> list[str]:
    """The values of a column in the view, most used first."""
    from .. import metrics

    tasks = column == "task_id"
    frame = store.rows(view, columns=("task_id", "calls")) if tasks else store.sums(view)
    return [name for name, _ in metrics.values(frame, column, most=len(frame))]


def _meant(flag: str, patterns: Collection[str], names: Iterable[str]) -> frozenset[str]:
    found = fitting(flag, patterns, names)
    return found or frozenset(patterns)


def fitting(flag: str, patterns: Collection[str], names: Iterable[str]) -> frozenset[str]:
    """The names that any pattern means. flag: whose they are, of `Choice`."""
    fits = _fits(flag, tuple(patterns))
    return frozenset(name for name in names if fits(name))


def _fits(flag: str, patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """As in a budget's scope; and "" means calls without one."""
    from ..money.scope import Scope

    key = "project" if flag == "source" else flag
    scope = Scope(**{key: patterns})
    return lambda name: name in patterns or scope.holds(key, name)


def nobody(flag: str, pattern: str, names: Sequence[str]) -> str:
    """That a pattern means nobody, and whom it might have meant."""
    if not pattern:
        return f"Every call of this period has a {flag}." if names else "There is no call in this period."
    known = [name for name in names if name]
    near = get_close_matches(pattern, known, _NAMED, 0.6)
    shown = near or known[:_NAMED]
    more = "" if near or len(shown) == len(known) else ", …"
    others = f" {'Close to it' if near else 'There are'}: {', '.join(shown)}{more}." if shown else ""
    return f"No call of this period has the {flag} {pattern}.{others}"
