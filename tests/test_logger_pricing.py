"""Prices: what a call cost when it was made, or None; compared with genai-prices."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from logger.price_file import BUILT_IN, PriceError, catalog_table, read_prices, table_of
from logger.price_table import spellings
from logger.pricing import built_in, price_of

MILLION = 1_000_000


def usd(model: str, plain: int = 0, output: int = 0, **more: Any) -> float | None:
    return price_of(model, tokens_input=plain, tokens_output=output, **more)


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("model", "rates"),
    [("claude-sonnet-4-5", (3.0, 15.0)), ("claude-opus-4", (15.0, 75.0)), ("claude-haiku-4", (0.25, 1.25))],
)
def test_the_names_of_the_original_table_are_priced_as_it_said(
    model: str, rates: tuple[float, float]
) -> None:
    assert (usd(model, MILLION), usd(model, 0, MILLION)) == rates


def test_the_example_of_the_original_notes() -> None:
    """12,500 tokens in and 3,200 out of Sonnet 4.5 cost $0.0855."""
    assert usd("claude-sonnet-4-5", 12_500, 3_200) == 0.0855


def test_a_call_of_the_cli_to_the_last_digit() -> None:
    """Seen in a real run: 4 in, 174 out, 4208 written for an hour, 4105 read, $0.037981."""
    got = usd("claude-opus-5-5", 4, 174, tokens_cache_write_1h=4208, tokens_cache_read=4105)
    assert got == pytest.approx(0.037981, abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "rate"),
    [("tokens_cache_read", 0.2), ("tokens_cache_write_5m", 5.0), ("tokens_cache_write_1h", 8.0)],
)
def test_cache_tokens_have_their_own_rates(kind: str, rate: float) -> None:
    assert usd("claude-opus-5-5", **{kind: MILLION}) == rate


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5[1m]",
        "Claude-Sonnet-4-5",
        "anthropic/claude-sonnet-4.5",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5@20250929",
        "claude-sonnet-4-5-latest",
        "arn:aws:bedrock:eu-west-1::inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_a_model_is_found_under_every_spelling(model: str) -> None:
    assert usd(model, MILLION) == 3.0


@pytest.mark.parametrize(
    "model", ["gpt-5", "", "claude", "claude-opus-6", "claude-haiku-4-6", "opus", "x" * 10_000]
)
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert usd(model, 1, 1) is None and usd(model) is None


def test_messages_the_cli_made_itself_cost_nothing() -> None:
    assert usd("<synthetic>") == 0.0


@pytest.mark.parametrize(("day", "rate"), [("2026-10-06", 0.2), ("2026-10-07", 0.1), ("2026-11-22", 0.1)])
def test_a_call_costs_what_it_cost_on_its_day(day: str, rate: float) -> None:
    """Sonnet 5.5's cache reads were halved on 2026-10-07."""
    assert usd("claude-sonnet-5-5", tokens_cache_read=MILLION, at=on(day)) == rate
    assert usd("claude-sonnet-5-5", tokens_cache_read=MILLION, at=on(day).timestamp()) == rate


def test_without_a_moment_the_newest_price_holds() -> None:
    assert usd("claude-sonnet-5-5", tokens_cache_read=MILLION) == 0.1


@pytest.mark.parametrize(("prompt", "rate"), [(100_000, 0.10), (100_001, 0.50)])
def test_a_long_prompt_raises_the_rates_of_all_its_tokens(prompt: int, rate: float) -> None:
    """Haiku 5.5: up to 100,000 tokens base, one more and everything costs five times as much."""
    assert usd("claude-haiku-5-5", prompt) == pytest.approx(prompt * rate / MILLION)
    assert usd("claude-haiku-5-5", 0, MILLION, tokens_cache_read=prompt) == pytest.approx(
        rate * 5 + prompt * rate / 10 / MILLION
    )


def test_the_long_prompt_counts_cache_reads_and_writes() -> None:
    parts = {"tokens_cache_read": 50_000, "tokens_cache_write_5m": 25_000, "tokens_cache_write_1h": 25_000}
    base, long = usd("claude-haiku-5-5", 0, **parts), usd("claude-haiku-5-5", 1, **parts)
    assert base is not None and long is not None and long > 4.9 * base


@pytest.mark.parametrize(
    ("day", "rate"), [("2025-08-01", 3.0), ("2025-09-01", 6.0), ("2026-04-29", 6.0), ("2026-04-30", 3.0)]
)
def test_long_prompts_of_sonnet_4_cost_more_only_while_its_beta_ran(day: str, rate: float) -> None:
    assert usd("claude-sonnet-4", MILLION, at=on(day)) == rate


def test_batches_cost_half_but_not_their_searches() -> None:
    assert usd("claude-opus-5", MILLION, service_tier="batch") == 2.5
    assert usd("claude-opus-5", MILLION, web_searches=3, service_tier="batch") == pytest.approx(2.53)


def test_a_model_bound_to_the_us_costs_a_tenth_more_but_not_its_searches() -> None:
    assert usd("claude-opus-5", MILLION, inference_geo="us") == pytest.approx(5.5)
    assert usd("claude-opus-5", web_searches=1, inference_geo="us") == 0.01


@pytest.mark.parametrize("geo", [None, "", "global", "not_available"])
def test_a_model_bound_to_nothing_costs_the_list_price(geo: str | None) -> None:
    assert usd("claude-opus-5", MILLION, inference_geo=geo) == 5.0


@pytest.mark.parametrize(
    ("model", "day", "rate"),
    [
        ("claude-opus-5-5", "2026-11-01", 8.0),
        ("claude-opus-4-8", "2026-11-29", 10.0),
        ("claude-opus-4-8", "2026-11-30", None),
        ("claude-opus-4-7", "2026-05-11", None),
        ("claude-opus-4-7", "2026-05-12", 30.0),
        ("claude-opus-4-7", "2026-07-24", None),
        ("claude-opus-4-6", "2026-02-06", None),
        ("claude-opus-4-6", "2026-02-07", 60.0),  # a million tokens: a long prompt then
        ("claude-opus-4-6", "2026-03-13", 30.0),
        ("claude-opus-4-6", "2026-06-29", 5.0),  # asked for fast, served as standard
        ("claude-sonnet-5", "2026-11-01", None),
    ],
)  # fmt: skip
def test_fast_mode_has_its_own_rates_while_there_was_one(model: str, day: str, rate: float | None) -> None:
    assert usd(model, MILLION, speed="fast", at=on(day)) == rate


@pytest.mark.parametrize(
    "kind",
    [
        {"service_tier": "flex"},
        {"speed": "warp"},
        {"inference_geo": "eu"},
        {"service_tier": "batch", "speed": "fast"},
    ],
)
def test_a_kind_of_call_nobody_priced_has_no_price(kind: dict[str, str]) -> None:
    assert usd("claude-opus-5", 1, **kind) is None


def test_a_missing_rate_matters_only_when_it_is_needed() -> None:
    """Claude 2 had no cache."""
    assert usd("claude-2.1", MILLION) == 8.0
    assert usd("claude-2.1", MILLION, tokens_cache_read=1) is None


def test_nothing_costs_nothing() -> None:
    assert usd("claude-opus-5") == 0.0


# -- against genai-prices ------------------------------------------------------------------------------

FACTS_BEYOND = {
    "claude-fable-5-1": "not in genai-prices",
    "claude-mythos-5": "not in genai-prices",
    "claude-mythos-5-1": "not in genai-prices",
    "claude-mythos-preview": "not in genai-prices",
    "claude-haiku-4": "never released; a name of the original table",
}
"""Models genai-prices does not know or prices under another name."""


def theirs(model: str, usage: dict[str, int], at: datetime, **context: str) -> float:
    """genai-prices counts cached tokens as part of the input."""
    read, short, long = usage["read"], usage["short"], usage["long"]
    price = calc_price(
        Usage(
            input_tokens=usage["plain"] + read + short + long,
            output_tokens=usage["output"],
            cache_read_tokens=read,
            cache_write_tokens=short + long,
            cache_write_5m_tokens=short,
            cache_write_1h_tokens=long,
        ),
        model,
        provider_id="anthropic",
        genai_request_timestamp=at,
        price_context=context or None,
    )
    return float(price.total_price)


def ours(model: str, usage: dict[str, int], at: datetime, **kind: str) -> float | None:
    return usd(
        model,
        usage["plain"],
        usage["output"],
        tokens_cache_read=usage["read"],
        tokens_cache_write_5m=usage["short"],
        tokens_cache_write_1h=usage["long"],
        at=at,
        **kind,
    )


def names() -> list[str]:
    return sorted(json.loads(BUILT_IN.read_text())["models"])


def difference(model: str, usage: dict[str, int], at: datetime) -> str | None:
    """Why ours is meant to differ from genai-prices, if it is."""
    prompt = usage["plain"] + usage["read"] + usage["short"] + usage["long"]
    if model == "claude-sonnet-4-0" and prompt > 200_000 and on("2025-08-12") <= at < on("2026-04-30"):
        return "Sonnet 4 had the long-prompt rates of its beta too"
    if model == "claude-sonnet-4-5" and prompt > 200_000 and at >= on("2026-04-30"):
        return "the long-prompt beta ended; so many tokens on one line are a sum over calls"
    if model == "claude-sonnet-5-5" and usage["read"] and at < on("2026-10-07"):
        return "cache reads cost twice as much until 2026-10-07"
    if model == "claude-2" and (usage["read"] or usage["short"] or usage["long"]):
        return "no cache, so no price for cached tokens"
    return None


def test_the_table_agrees_with_genai_prices_but_where_it_is_meant_to_differ() -> None:
    """Random usages of every model on random days since 2025-09: equal, or a named difference."""
    chance = random.Random(7)
    met = set()
    for model in names():
        if model in FACTS_BEYOND or model.startswith("claude-mythos-5-2"):
            continue
        for _ in range(60):
            kinds = ("plain", "output", "read", "short", "long")
            usage = {kind: chance.choice([0, 7, 20_000, 90_000]) for kind in kinds}
            at = datetime.fromtimestamp(chance.uniform(1756684800, 1795000000), UTC)
            reason = difference(model, usage, at)
            got, expected = ours(model, usage, at), theirs(model, usage, at)
            if reason is None:
                assert got == pytest.approx(expected, abs=1e-9), (model, usage, at)
            elif got != pytest.approx(expected, abs=1e-9):
                met.add(reason)
    assert len(met) == 4


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-fable-5-2"])
def test_fast_rates_agree_with_genai_prices(model: str) -> None:
    usage = {"plain": 1000, "output": 500, "read": 300, "short": 200, "long": 100}
    at = on("2026-11-20")
    assert ours(model, usage, at, speed="fast") == pytest.approx(theirs(model, usage, at, speed="fast"))


def test_batch_rates_agree_with_genai_prices_since_it_has_them() -> None:
    """genai-prices prices batches before 2026-10-14, and batches of retired models, in full; ours never."""
    usage = {"plain": 1000, "output": 500, "read": 300, "short": 200, "long": 100}
    at = on("2026-11-20")
    for model in ("claude-opus-5", "claude-haiku-5-5", "claude-sonnet-4-5"):
        assert ours(model, usage, at, service_tier="batch") == pytest.approx(
            theirs(model, usage, at, processing="batch")
        )


def test_genai_prices_knows_no_current_model_that_is_missing_here() -> None:
    from genai_prices.data import providers

    anthropic = next(provider for provider in providers if provider.id == "anthropic")
    known = {model.id for model in anthropic.models}
    missing = {name for name in known if built_in().find(name) is None}
    assert missing <= {"claude-instant", "claude-instant-1", "claude-v1"} - set(built_in().models)


# -- the user's prices ---------------------------------------------------------------------------------


def test_a_price_file_goes_over_the_built_in_prices(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"models": {"my-model": {"names": ["mine"], "input": 1, "output": 2}, "claude-opus-5": {"input": 9, "output": 9}}}')  # fmt: skip
    table = read_prices(path, built_in())
    assert usd("MINE", MILLION, prices=table) == 1.0
    assert usd("claude-opus-5", MILLION, prices=table) == 9.0
    assert usd("claude-opus-5-5", MILLION, prices=table) == 4.0
    assert usd("claude-opus-5", MILLION) == 5.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", 'expected an object with "models"'),
        ('{"models": []}', 'expected an object with "models"'),
        ('{"format": 2, "models": {}}', "format 2 is not known"),
        ('{"models": {"m": 3}}', "m: expected an object"),
        ('{"models": {"m": {"input": 1}}}', 'm: "output" is missing'),
        ('{"models": {"m": {"input": -1, "output": 1}}}', 'm: "input" must be a number of 0 or more, not -1'),
        ('{"models": {"m": {"input": true, "output": 1}}}', '"input" must be a number'),
        ('{"models": {"m": {"input": NaN, "output": 1}}}', '"input" must be a number'),
        ('{"models": {"m": {"periods": []}}}', '"periods" must be a list'),
        ('{"models": {"m": {"periods": [3]}}}', "a period must be an object"),
        ('{"models": {"m": {"since": "soon", "input": 1, "output": 1}}}', '"since" must be a date'),
        ('{"models": {"m": {"input": 1, "output": 1, "above": {}}}}', None),
        ('{"models": {"m": {"input": 1, "output": 1, "above": {"input": 1}}}}', '"prompt_tokens"'),
        ('{"models": {"m": {"input": 1, "output": 1, "regions": 1}}}', '"regions" must be an object'),
        ('{"models": {"m": {"input": 1, "output": 1, "names": "x"}}}', '"names" must be a list'),
        ('{"models": {}, "batch": "half"}', '"batch" must be a number'),
    ],
)
def test_a_price_file_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, text: str, said: str | None
) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    if said is None:
        read_prices(path)
        return
    with pytest.raises(PriceError) as error:
        read_prices(path)
    assert said in str(error.value) and str(path) in str(error.value)


def test_a_missing_price_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="cannot be read: No such file"):
        read_prices(tmp_path / "none.json")


class Model:
    """What a program may keep as a catalog entry."""

    name = "my-model"
    cost_per_million_input = 2.0
    cost_per_million_output = 4.0


@pytest.mark.parametrize(
    "catalog",
    [
        {"my-model": {"input": 2.0, "output": 4.0}},
        [{"name": "my-model", "cost_per_million_input": 2.0, "cost_per_million_output": 4.0}],
        [Model()],
        {"my-model": Model()},
    ],
)
def test_a_catalog_may_be_a_dict_a_list_or_objects(catalog: Any) -> None:
    table, problems = catalog_table(catalog, built_in())
    assert problems == []
    assert (usd("my-model", MILLION, prices=table), usd("my-model", 0, MILLION, prices=table)) == (2.0, 4.0)


def test_cache_rates_a_catalog_does_not_name_keep_their_ratio_to_the_input() -> None:
    """Opus 5.5 reads its cache at 0.05 of the input price; a model nobody knows at 0.1."""
    catalog = {"claude-opus-5-5": {"input": 8, "output": 40}, "my-model": {"input": 2.0, "output": 4.0}}
    table, _ = catalog_table(catalog, built_in())
    assert usd("claude-opus-5-5", tokens_cache_read=MILLION, prices=table) == pytest.approx(0.4)
    assert usd("my-model", tokens_cache_read=MILLION, prices=table) == pytest.approx(0.2)
    assert usd("my-model", tokens_cache_write_5m=MILLION, prices=table) == pytest.approx(2.5)
    assert usd("my-model", tokens_cache_write_1h=MILLION, prices=table) == pytest.approx(4.0)


def test_a_free_model_of_a_catalog_costs_nothing_and_one_without_price_has_none() -> None:
    table, problems = catalog_table({"local": {"input": 0, "output": 0}, "odd": {"input": "?"}, "half": {"input": 1}}, built_in())  # fmt: skip
    assert usd("local", MILLION, MILLION, tokens_cache_read=5, prices=table) == 0.0
    assert usd("odd", 1, prices=table) is None and usd("half", 1, prices=table) is None
    assert len(problems) == 2


def test_every_name_in_the_table_is_a_spelling_of_one_model_only() -> None:
    document = json.loads(BUILT_IN.read_text())
    every = [name for model, entry in document["models"].items() for name in (model, *entry["names"])]
    assert len(every) == len(set(every)) and all(name == name.lower() for name in every)
    assert table_of(document, "here").models.keys() == set(every)


def test_spellings_of_one_name_never_end() -> None:
    """The most exact comes first: a table may tell dated models apart."""
    assert next(spellings("claude-opus-4-20250514")) == "claude-opus-4-20250514"


def test_names_without_end_do_not_fill_the_memory() -> None:
    table = table_of({"models": {}}, "here")
    for number in range(25_000):
        table.tariff(f"model-{number}", None, None, None, None)
    assert len(table._dated) <= 10_001
