"""The flags that narrow a command: names, patterns, and what is said of those that mean nobody."""

from __future__ import annotations

from datetime import date

import frames
import pytest

from dashboard.commands.choice import Choice, Outcome, chosen, narrowed
from dashboard.filters import Filter, days

DAY = date(2026, 11, 22)
VIEW = days(DAY, DAY, frames.UTC)
NOON = frames.at("2026-11-22 12:00")
STORE = frames.FrameStore(
    [
        {"time": NOON, "model": "claude-opus-5-5-20260901", "project": "website", "task_id": "gh-1"},
        {"time": NOON, "model": "claude-opus-5-5", "project": "web", "task_id": "gh-2", "worker_id": "w-1"},
        {"time": NOON, "model": "claude-haiku-5-5", "project": "", "task_id": "gh-12", "source": "cli"},
        {"time": NOON, "model": "claude-haiku-5-5", "outcome": "failed", "project": "docs", "task_id": ""},
    ]
)


def found(choice: Choice) -> Filter:
    return narrowed(STORE, VIEW, choice)[0]


@pytest.mark.parametrize(
    ("choice", "field", "names"),
    [
        (Choice(project=("web",)), "projects", {"web"}),
        (Choice(project=("web*",)), "projects", {"web", "website"}),
        (Choice(project=("docs", "web")), "projects", {"docs", "web"}),
        (Choice(project=("",)), "projects", {""}),
        (Choice(project=("", "d*")), "projects", {"", "docs"}),
        (Choice(task=("gh-1*",)), "tasks", {"gh-1", "gh-12"}),
        (Choice(worker=("w-1",)), "workers", {"w-1"}),
        (Choice(source=("c*",)), "sources", {"cli"}),
        (Choice(model=("claude-opus-5-5",)), "models", {"claude-opus-5-5", "claude-opus-5-5-20260901"}),
        (Choice(model=("CLAUDE-haiku*",)), "models", {"claude-haiku-5-5"}),
    ],
)
def test_a_pattern_means_the_names_of_the_period(choice: Choice, field: str, names: set[str]) -> None:
    view, remarks = narrowed(STORE, VIEW, choice)
    assert getattr(view, field) == names
    assert remarks == []


def test_what_is_not_narrowed_stays_free() -> None:
    assert found(Choice()) == VIEW
    assert Choice().everything
    assert not chosen(outcome=Outcome.failed).everything
    assert found(chosen(outcome=Outcome.failed)).choices == {"outcome": frozenset({"failed"})}


def test_a_name_that_nobody_has_finds_nothing_and_says_who_there_is() -> None:
    view, remarks = narrowed(STORE, VIEW, chosen(project=["webs"]))
    assert len(STORE.rows(view)) == 0
    assert remarks == ["No call of this period has the project webs. Close to it: web, website."]


def test_of_several_names_those_that_are_there_are_found() -> None:
    view, remarks = narrowed(STORE, VIEW, chosen(project=["web", "nosuch*"]))
    assert view.projects == {"web"}
    assert remarks == ["No call of this period has the project nosuch*. There are: docs, web, website."]


def test_where_every_call_has_a_name_none_is_said() -> None:
    _, remarks = narrowed(STORE, VIEW, chosen(model=[""]))
    assert remarks == ["Every call of this period has a model."]


def test_an_empty_period_has_nobody() -> None:
    view, remarks = narrowed(frames.FrameStore(), VIEW, chosen(project=["web"]))
    assert view.projects == {"web"}
    assert remarks == ["No call of this period has the project web."]


def test_a_choice_is_said_in_words() -> None:
    assert Choice().words == ""
    said = chosen(model=["a", "b*"], project=[""], outcome=Outcome.failed)
    assert said.words == "model a or b*; project (none); outcome failed"
    assert said.beyond_bill == ("project", "outcome")
    assert chosen(model=["a"]).beyond_bill == ()
