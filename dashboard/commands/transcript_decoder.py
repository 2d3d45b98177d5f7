"""A fast decoder for rows of transcripts: typed, so that text is skipped and not built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from logger.transcript_rows import ROW_NAMES, plain_row


class Parts(msgspec.Struct, gc=False):
    """The counts the API keeps one level below the usage."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None
    thinking_tokens: int | None = None
    web_search_requests: int | None = None


class Usage(msgspec.Struct, gc=False):
    """As `logger.transcript_rows.Usage`."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: Parts | None = None
    output_tokens_details: Parts | None = None
    server_tool_use: Parts | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[Any] | None = None


class Message(msgspec.Struct, gc=False):
    """As `logger.transcript_rows.Message`."""

    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None


class Row(msgspec.Struct, gc=False, rename=ROW_NAMES):
    """As `logger.transcript_rows.Row`."""

    type: str | None = None
    timestamp: str | None = None
    session: str | None = None
    from_session: str | None = None
    request_id: str | None = None
    request_ref: str | None = None
    requested_model: str | None = None
    version: str | None = None
    cwd: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    agent_type: str | None = None
    sidechain: bool | None = None
    aborted: bool | None = None
    message: Message | None = None


def row_decoder() -> Callable[[bytes | bytearray], Any]:
    """A decoder as `logger.transcript_rows.Decode` asks for.

    What does not fit the types is left to `plain_row`: it knows what to make of it, and what to say.
    """
    decode = msgspec.json.Decoder(Row).decode

    def decoded(line: bytes | bytearray) -> Any:
        try:
            return decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return plain_row(line)

    return decoded
