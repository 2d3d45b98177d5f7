"""What is set about money in callmeter.toml: read with its defaults, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import frames
import pytest

from dashboard.errors import SettingError
from dashboard.filters import NONE
from dashboard.keys import REQUIRED, Key, amount, one_of, percents, read_table, text, texts
from dashboard.money import rules
from dashboard.money.budgets import Budget
from dashboard.money.scope import Scope, scope_of
from dashboard.settings import load

DAILY = '[[budget]]\nname = "Daily"\nperiod = "day"\nlimit = 10\n'


def read(folder: Path, toml: str) -> rules.Rules:
    file = folder / "callmeter.toml"
    file.write_text(toml, "utf-8")
    return rules.read(file, {})


def said(folder: Path, toml: str) -> str:
    """The sentence these rules are refused with, without the file's name before it."""
    with pytest.raises(SettingError) as refused:
        read(folder, toml)
    return str(refused.value).removeprefix(f"{folder / 'callmeter.toml'}: ")


# What is read


def test_without_a_file_the_defaults_stand() -> None:
    known = rules.read(None, {})
    assert (known.budgets, known.file) == ((), None)


def test_a_budget_with_what_must_be_given(tmp_path: Path) -> None:
    known = read(tmp_path, DAILY)
    assert known.budgets == (Budget("Daily", "day", 10.0, "cost", (50.0, 80.0, 90.0), Scope()),)
    assert known.file == tmp_path / "callmeter.toml"


def test_a_budget_with_everything(tmp_path: Path) -> None:
    toml = """
        [[budget]]
        name = " Opus on the web site "
        period = "month"
        measure = "tokens"
        limit = 5_000_000
        warn = [90, 60.0, 90]
        project = "web*"
        task = ["gh-*", "jira-1"]
        worker = "w-?"
        model = "claude-opus-*"
    """
    scope = Scope(("web*",), ("gh-*", "jira-1"), ("w-?",), ("claude-opus-*",))
    expected = Budget("Opus on the web site", "month", 5e6, "tokens", (60.0, 90.0), scope)
    assert read(tmp_path, toml).budgets == (expected,)


def test_settings_beside_the_tables_are_left_to_the_settings(tmp_path: Path) -> None:
    assert read(tmp_path, 'port = 8051\nallowed_hosts = ["pi.local"]\n' + DAILY).budgets


# What is refused


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('limit = "10"', "[[budget]] 1: limit: must be a number above 0, not '10'"),
        ("limit = 0", "[[budget]] 1: limit: must be a number above 0, not 0"),
        ("limit = true", "[[budget]] 1: limit: must be a number above 0, not True"),
        ("limit = inf", "[[budget]] 1: limit: must be a number above 0, not inf"),
        ("limit = 1e300", "[[budget]] 1: limit: must be from 0.0001 to 1e15, not 1e+300"),
        ("limit = 1e-300", "[[budget]] 1: limit: must be from 0.0001 to 1e15, not 1e-300"),
        (
            f"limit = {10**400}",
            "[[budget]] 1: limit: must be from 0.0001 to 1e15, not 100000000000000000...0000000000000000000",
        ),
        (
            "warn = [150]",
            "[[budget]] 1: warn: must be a list of percentages, whole numbers from 1 to 100, such as [50, 80, 90], "
            "not [150]",
        ),
        (
            "warn = [0.5, 0.8]",
            "[[budget]] 1: warn: must be a list of percentages, whole numbers from 1 to 100, such as [50, 80, 90], "
            "not [0.5, 0.8]",
        ),
        (
            "warn = [99.5]",
            "[[budget]] 1: warn: must be a list of percentages, whole numbers from 1 to 100, such as [50, 80, 90], "
            "not [99.5]",
        ),
        (
            'period = "daily"',
            "[[budget]] 1: period: must be one of hour, day, week, month, not 'daily'; did you mean day?",
        ),
        ('period = "year"', "[[budget]] 1: period: must be one of hour, day, week, month, not 'year'"),
        (
            'measure = "token"',
            "[[budget]] 1: measure: must be one of cost, tokens, calls, not 'token'; did you mean tokens?",
        ),
        ('name = "  "', "[[budget]] 1: name: must be a text of one line, not '  '"),
        ('name = "a\\u001b[31mb"', "[[budget]] 1: name: must be a text of one line, not 'a\\x1b[31mb'"),
        (
            "model = 4",
            '[[budget]] 1: model: must be a text or a list of texts such as ["claude-opus-*"], not 4',
        ),
        ("limitt = 5", "[[budget]] 1: limitt: no such key; did you mean limit?"),
        (
            "colour = 5",
            "[[budget]] 1: colour: no such key; there are name, period, measure, limit, warn, "
            "project, task, worker, model",
        ),
    ],
)
def test_a_wrong_key_is_a_sentence_with_its_place(tmp_path: Path, line: str, sentence: str) -> None:
    key = line.split(" ")[0]
    kept = [one for one in DAILY.splitlines() if not one.startswith(f"{key} ")]
    assert said(tmp_path, "\n".join([*kept, line])) == sentence


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ('[[budget]]\nname = "Daily"\nlimit = 10\n', "[[budget]] 1: period: must be given: "),
        (DAILY + DAILY.replace("Daily", "daily"), "[[budget]] 2: name: there is another budget 'daily'"),
        (DAILY.replace("[[", "[").replace("]]", "]"), "budget: must be tables: [[budget]] on a line of its"),
        ("[budget.daily]\nlimit = 10\n", "budget: must be tables: [[budget]] on a line of its own"),
        ("budget = 10\n", "budget: must be tables"),
        (DAILY.replace("budget", "budgets"), "[budgets]: no such table; did you mean budget?"),
        ("[colours]\nred = 1\n", "[colours]: no such table; there are budget, watch, credit, alerts"),
        ("[[watch]]\nfailures = 3\n", "watch: must be a table: [watch] on a line of its own"),
        ("[[budget]\n", "not valid TOML: "),
    ],
)
def test_wrong_tables_are_a_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    assert said(tmp_path, toml).startswith(sentence)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ('"ntfy://x/HIDDEN" = 1', "[alerts]: …://…: no such key; there are to, from_severity"),
        ("['alerts'.'ntfy://x/HIDDEN']", "[alerts]: …://…: no such key; there are to, from_severity"),
        ('["ntfy://x/HIDDEN"]', "[…://…]: no such table; there are budget, watch, credit, alerts"),
        (
            'from_severity = "ntfy://x/HIDDEN"',
            "[alerts]: from_severity: must be one of info, warning, critical",
        ),
    ],
)
def test_an_address_in_a_wrong_place_is_not_repeated(tmp_path: Path, toml: str, sentence: str) -> None:
    assert said(tmp_path, toml if toml.startswith("[") else f"[alerts]\n{toml}").startswith(sentence)
    assert "HIDDEN" not in said(tmp_path, toml if toml.startswith("[") else f"[alerts]\n{toml}")


def test_a_wrong_address_is_not_told_of_models(tmp_path: Path) -> None:
    assert said(tmp_path, "[alerts]\nto = 4\n") == "[alerts]: to: must be a text or a list of texts"


def test_a_number_without_end_is_no_toml_for_us(tmp_path: Path) -> None:
    assert said(tmp_path, f"[[budget]]\nlimit = {'9' * 5000}\n").startswith("not valid TOML: ")
    with pytest.raises(SettingError, match="not valid TOML: "):
        load({}, {}, tmp_path, tmp_path)


def test_a_long_value_is_not_repeated_in_full(tmp_path: Path) -> None:
    assert len(said(tmp_path, DAILY.replace("10", f'"{"9" * 5000}"'))) < 200


@pytest.mark.parametrize("toml", [DAILY.replace("10", '"10"'), "[budgets]\n", "[colours]\nred = 1\n"])
def test_wrong_tables_do_not_stop_who_reads_only_the_settings(tmp_path: Path, toml: str) -> None:
    (tmp_path / "callmeter.toml").write_text(toml)
    assert load({}, {}, tmp_path, tmp_path).file == tmp_path / "callmeter.toml"


@pytest.mark.parametrize("toml", ["budget = 3\n", "budget = [3]\n", "watch = true\n"])
def test_what_should_be_a_table_is_no_wrong_setting(tmp_path: Path, toml: str) -> None:
    assert said(tmp_path, toml).startswith(
        ("budget: must be tables: [[budget]]", "watch: must be a table: [watch]")
    )
    assert load({}, {}, tmp_path, tmp_path).file == tmp_path / "callmeter.toml"


def test_no_budgets_in_a_list_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, "budget = []\n").budgets == ()
    assert load({}, {}, tmp_path, tmp_path).file == tmp_path / "callmeter.toml"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"gone\.toml: cannot be read: "):
        rules.read(tmp_path / "gone.toml", {})


# Keys


KEYS = (
    Key("size", "number", REQUIRED, "How much.", amount),
    Key("names", "list", (), "Whose.", texts),
    Key("to", "secret", (), "Where to.", texts),
)


def test_a_table_is_read_with_its_defaults() -> None:
    assert read_table(KEYS, {"size": 3}, "f", "[x]") == {"size": 3.0, "names": (), "to": ()}


def test_a_secret_is_never_repeated() -> None:
    with pytest.raises(SettingError) as refused:
        read_table(KEYS, {"size": 3, "to": {"url": "ntfy://hidden"}}, "f", "[x]")
    assert "hidden" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        (REQUIRED, "must be given"),
        ((), "none"),
        (None, "none"),
        ((50.0, 80.5), "[50, 80.5]"),
        (20e6, "20_000_000"),
        (0.5, "0.5"),
        (False, "false"),
        ("cost", "cost"),
    ],
)
def test_a_default_as_it_would_be_written(default: object, shown: str) -> None:
    assert Key("x", "any", default, "", text).shown == shown


def test_checks_keep_what_is_meant() -> None:
    assert amount(3) == 3.0
    assert percents([90, 50, 50]) == (50.0, 90.0)
    assert percents([]) == ()
    assert texts(" a ") == ("a",)
    assert one_of("day", "week")("week") == "week"


# Whose calls


CALLS = frames.rows(
    [
        {"time": frames.datetime(2026, 11, 22, tzinfo=frames.UTC), "offset": place, **names}
        for place, names in enumerate(
            [
                {"project": "web", "task_id": "gh-1", "worker_id": "w-1", "model": "claude-opus-5-5"},
                {"project": "website", "task_id": "gh-22", "worker_id": "w-2", "model": "claude-haiku-5-5"},
                {"project": "Web", "task_id": "", "worker_id": "", "model": "claude-opus-4-1"},
                {"project": NONE, "task_id": "gh-1", "worker_id": "w-1", "model": "gpt"},
            ]
        )
    ]
)


@pytest.mark.parametrize(
    ("scope", "chosen"),
    [
        (Scope(), [0, 1, 2, 3]),
        (Scope(project=("web",)), [0]),
        (Scope(project=("web*",)), [0, 1]),
        (Scope(project=("*",)), [0, 1, 2, 3]),
        (Scope(project=("?*",)), [0, 1, 2]),
        (Scope(model=("claude-opus-*", "gpt")), [0, 2, 3]),
        (Scope(task=("gh-1",), model=("claude-*",)), [0]),
        (Scope(worker=("nobody",)), []),
    ],
)
def test_patterns_choose_calls(scope: Scope, chosen: list[int]) -> None:
    assert list(scope.chosen(CALLS)["offset"]) == chosen


@pytest.mark.parametrize(
    ("pattern", "model", "meant"),
    [
        ("claude-opus-5-5", "claude-opus-5-5-20260922", True),
        ("claude-opus-5-5", "claude-opus-5-5[1m]", True),
        ("claude-opus-5-5", "anthropic/claude-opus-5.5", True),
        ("claude-opus-5-5", "us.anthropic.claude-opus-5-5-20260922-v1:0", True),
        ("claude-opus-5-5[1m]", "claude-opus-5-5[1m]", True),
        ("claude-opus-5-5[1m]", "claude-opus-5-5", False),
        ("claude-opus-5-5-20260922", "claude-opus-5-5", False),
        ("claude-opus-5", "claude-opus-5-5-20260922", False),
        ("*Opus*", "claude-opus-5-5", True),
        ("claude-*", "Claude-Opus-5-5", True),
        ("*-20260922", "claude-opus-5-5-20260922", True),
        ("*", NONE, True),
        ("claude-*", NONE, False),
    ],
)
def test_a_model_is_meant_under_any_of_its_names(pattern: str, model: str, meant: bool) -> None:
    scope = Scope(model=(pattern,))
    assert scope.holds("model", model) is meant
    call = {"time": frames.datetime(2026, 11, 22, tzinfo=frames.UTC), "model": model}
    assert len(scope.chosen(frames.rows([call]))) == meant


def test_other_names_are_as_they_are_written() -> None:
    assert not Scope(project=("Web",)).holds("project", "web")
    assert not Scope(task=("run",)).holds("task", "run-20260922")


def test_a_choice_says_whose_it_is() -> None:
    scope = scope_of({"project": ("web",), "task": (), "worker": (), "model": ("a", "b")})
    assert scope.words == "project web, model a or b"
    assert not scope.by_task
    assert not scope.everything
    assert (Scope().words, Scope().everything, Scope(task=("x",)).by_task) == ("", True, True)


def test_a_choice_holds_a_value() -> None:
    scope = Scope(model=("claude-*",))
    assert scope.holds("model", "claude-opus-5-5")
    assert not scope.holds("model", "gpt")
    assert scope.holds("project", NONE)
