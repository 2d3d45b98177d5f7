"""A stream tells the same however the API spells its events and the network cuts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sdk_server import events

from logger.sdk_stream import StreamReader

Event = dict[str, Any]

FURTHER = [{}, {"citations": None}, {"hint": 0}, {"note": '"}\n\ndata: {"type":"message_stop"}'}]
BITS = [
    '"',
    "\\",
    '"}',
    '\\"}',
    "\n",
    "\ndata: ",
    "event: x\n\n",
    "é",
    "🍬",
    "\u2028",
    "{",
    "}",
    " ",
    "a" * 50,
]
BITS += ['"delta":{"type":"text_delta","text":"', '{"type":"message_delta","usage":{"output_tokens":9}}']
TEXTS = st.lists(st.lists(st.sampled_from(BITS), max_size=5).map("".join), max_size=6)
SPACED = st.sampled_from([(",", ":"), (", ", ": ")])


def shuffled(data: st.DataObject, fields: Event) -> Event:
    return dict(data.draw(st.permutations(list(fields.items())))) if data.draw(st.booleans()) else fields


def altered(data: st.DataObject, event: Event) -> Event:
    """A piece of text in any order of its fields, perhaps with some that are new."""
    if event["type"] != "content_block_delta":
        return event
    further = st.sampled_from(FURTHER)
    delta = shuffled(data, {**event["delta"], **data.draw(further)})
    return shuffled(data, {**event, "delta": delta, **data.draw(further)})


def read(raw: bytes, cuts: list[int]) -> StreamReader:
    reader, at = StreamReader(), 0
    for cut in [*sorted(cuts), len(raw)]:
        reader.feed(raw[at:cut])
        at = cut
    reader.finish()
    return reader


@settings(max_examples=300, deadline=None)
@given(st.data(), TEXTS, SPACED, st.booleans())
def test_a_stream_says_what_its_events_say(
    data: st.DataObject, texts: list[str], spaced: tuple[str, str], plain: bool
) -> None:
    """What its events say is what `json` makes of each."""
    told = [altered(data, event) for event in events(7, texts)]
    spell: Callable[[Event], str] = lambda e: json.dumps(e, separators=spaced, ensure_ascii=plain)  # noqa: E731
    raw = "".join(f"event: {event['type']}\ndata: {spell(event)}\n\n" for event in told).encode()
    reader = read(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
    assert reader.text == "".join(delta["text"] for delta in deltas)
    assert (reader.message.usage.tokens_output, reader.message.stop_reason) == (340, "end_turn")
    assert reader.final and reader.stopped and reader.error is None


@pytest.mark.parametrize("further", FURTHER[1:])
def test_a_field_after_the_text_hides_no_later_event(further: Event) -> None:
    told = events(1, ["Hello"])
    told[3]["delta"].update(further)
    raw = "".join(f"data: {json.dumps(event, separators=(',', ':'))}\n\n" for event in told).encode()
    reader = read(raw, [])
    assert (reader.text, reader.message.usage.tokens_output, reader.stopped) == ("Hello", 340, True)
