"""What a Claude CLI run used, against what the server that answered it says it served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logger.claude_cli import CliRun, read_run
from logger.cli_facts import shares_of
from logger.pricing import built_in, price_of
from logger.usage import COUNTS

DATA = Path(__file__).parent / "data" / "claude-cli"

OUTPUTS = sorted(
    (path for path in DATA.glob("*/*") if path.name.startswith(("stream", "result"))),
    key=lambda path: (path.parent.name, len(path.name), path.name),
)

BROKEN_OFF = "a reply broke off: the CLI books an estimate of it"
KILLED = "killed without a result: output counts are placeholders, the reply it was in is counted as begun"
RETRIED = "an old CLI fell back to a plain request: what was tried before may be missing"

CANNOT_TELL = {
    "cut_midstream_after_block/stream.jsonl": BROKEN_OFF,
    "cut_midstream_text/stream.jsonl": BROKEN_OFF,
    "cut_midstream_tool/stream.jsonl": BROKEN_OFF,
    "cut_nofallback/stream.jsonl": BROKEN_OFF,
    "otel__json_cut/stream.jsonl": BROKEN_OFF,
    "sigint/stream.jsonl": "interrupted in a reply: the CLI books an estimate of it",
    "helpers_on/stream.jsonl": "the prompt suggestion after the result is in no result: one call is missing",
    "killed/stream.jsonl": KILLED,
    "killed_in_tool/stream.jsonl": KILLED,
    "killed_partial/stream.jsonl": KILLED,
    "stalled_reader/stream.jsonl": "the last lines were never read: the last call and the result are missing",
    "v1.0.128__killed/stream.jsonl": KILLED + "; the haiku helper prints nothing and is missing",
    "v1.0.128__cut_midstream_text/stream.jsonl": BROKEN_OFF,
    "v2.0.76__cut_midstream_text/stream.jsonl": RETRIED,
    "v1.0.128__overloaded_529/stream.jsonl": RETRIED,
    "v2.0.76__overloaded_529/stream.jsonl": RETRIED,
}
"""Outputs that do not tell everything, and what is missing; their lines are marked tokens_final false."""

RIGHT_ALL_THE_SAME = {name for name, why in CANNOT_TELL.items() if why is RETRIED}
"""Marked because nothing in the output proves it, though every finished call is counted."""


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def truth_of(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "truth.json").read_text())[path.name]


def run_of(path: Path) -> CliRun:
    """The run of a file, counted on top of the processes before it in its folder."""
    before = [
        other
        for other in OUTPUTS
        if other.parent == path.parent and OUTPUTS.index(other) < OUTPUTS.index(path)
    ]
    sessions: dict[str, Any] = {}
    for other in before:
        sessions.update(read_run(other).sessions)
    return read_run(path, earlier=sessions)


def counted(run: CliRun) -> dict[str, dict[str, int]]:
    names = [name for name in COUNTS if name != "tokens_thinking"]
    return {use.model: {name: getattr(use.usage, name) or 0 for name in names} for use in run.models}


def served(truth: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {model: {k: v for k, v in used.items() if k != "calls"} for model, used in truth["models"].items()}


def test_the_three_versions_and_every_format_are_there() -> None:
    assert len(OUTPUTS) > 80
    assert {"v1.0.128", "v2.0.76"} <= {path.parent.name.partition("__")[0] for path in OUTPUTS}
    assert set(CANNOT_TELL) <= {name_of(path) for path in OUTPUTS}


@pytest.mark.parametrize("path", OUTPUTS, ids=name_of)
def test_tokens_by_kind_and_model_are_what_was_served_or_marked(path: Path) -> None:
    """Every finished call is counted exactly, or the line says that it is not final; no third way."""
    run, truth = run_of(path), truth_of(path)
    right = counted(run) == served(truth)
    if name_of(path) in CANNOT_TELL:
        assert run.models and not run.final, CANNOT_TELL[name_of(path)]
        assert right == (name_of(path) in RIGHT_ALL_THE_SAME)
    else:
        assert right and run.final


@pytest.mark.parametrize("path", [path for path in OUTPUTS if name_of(path) in CANNOT_TELL], ids=name_of)
def test_what_is_killed_is_a_lower_bound(path: Path) -> None:
    """Without a result nothing is counted twice: input is that of the calls seen, output never too much."""
    run, truth = run_of(path), truth_of(path)
    if run.finished:
        return
    output = sum(used["tokens_output"] for used in truth["models"].values()) + len(run.models)
    assert run.usage.tokens_output is not None and run.usage.tokens_output <= output
    assert run.success is False and run.error_type == "no_result"


@pytest.mark.parametrize("path", OUTPUTS, ids=name_of)
def test_calls_seen_are_a_lower_bound(path: Path) -> None:
    """Replies without a line of their own (helpers, subagents) cannot be counted; those broken off can."""
    truth = truth_of(path)
    for use in run_of(path).models:
        most = truth["models"].get(use.model, {"calls": 0})["calls"] + truth["broken_off"]
        assert 1 <= use.calls <= max(1, most)


def shares(path: Path) -> list[tuple[str, Any]]:
    """(model, share) of every result in a file."""
    found = []
    lines = path.read_text(errors="replace").splitlines()
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        for event in value if isinstance(value, list) else [value]:
            if event.get("type") == "result":
                found += shares_of(event.get("modelUsage")).items()
    return found


@pytest.mark.parametrize("path", OUTPUTS, ids=name_of)
def test_our_arithmetic_is_the_clis_to_a_millionth(path: Path) -> None:
    """For every model without a long-prompt tier the CLI's costUSD is our price of the same tokens."""
    for model, share in shares(path):
        price = built_in().find(model)
        assert price is not None
        if price.periods[0].standard.above is None:
            usage = share.usage
            ours = price_of(
                model,
                tokens_input=usage.tokens_input,
                tokens_output=usage.tokens_output,
                tokens_cache_read=usage.tokens_cache_read,
                tokens_cache_write_5m=usage.tokens_cache_write_5m,
                tokens_cache_write_1h=usage.tokens_cache_write_1h,
                web_searches=usage.web_searches,
            )
            assert ours == pytest.approx(share.cost_usd, abs=1e-6)


def test_the_same_run_has_the_same_identity_and_others_another() -> None:
    identities = [read_run(path).identity for path in OUTPUTS]
    assert len(set(identities)) == len(OUTPUTS) and all(identities)
