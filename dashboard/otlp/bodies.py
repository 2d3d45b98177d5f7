"""The body of an OTLP request -> messages, and messages -> the body of an answer.

OTLP says JSON bodies are protobuf's own JSON, but for trace ids in hex, which nobody reads here.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from .bounds import MOST_BYTES, TooManyError, weigh_json, weigh_packed

JSON, PROTOBUF = "application/json", "application/x-protobuf"
KINDS = (JSON, PROTOBUF)

_MOST_DEPTH = 50
_ITEMS = ("logRecords", "metrics")

_Message = TypeVar("_Message", bound=Message)


class BodyError(Exception):
    """A body that cannot be taken; `status` is the HTTP status that says so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came: its bytes, its content type (one of `KINDS`), its content encoding."""

    data: bytes
    kind: str
    encoding: str = ""


def kind_of(content_type: str | None) -> str:
    """The media type without its parameters. Raises BodyError for one that is not taken."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise BodyError(415, f"callmeter takes {JSON} and {PROTOBUF}, not {kind or 'a body without a type'}")
    return kind


def message_of(body: Body, message: _Message) -> tuple[_Message, int]:
    """(the message filled from the body, how many items of it were of no use). Raises BodyError."""
    data = _unpacked(body)
    try:
        if body.kind == JSON:
            return _from_json(data, message)
        weigh_packed(data, message.DESCRIPTOR)
        message.ParseFromString(data)
    except TooManyError as error:
        raise BodyError(413, str(error)) from error
    except DecodeError as error:
        raise BodyError(400, "the body is not the protobuf message that belongs here") from error
    return message, 0


def _unpacked(body: Body) -> bytes:
    encoding = body.encoding.strip().lower()
    if encoding in ("", "identity"):
        return body.data
    if encoding != "gzip":
        raise BodyError(415, f"callmeter takes gzip or plain bodies, not {encoding[:40]}")
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body.data, MOST_BYTES + 1)
    except zlib.error as error:
        raise BodyError(400, "the body is not gzip, though it says so") from error
    if len(data) > MOST_BYTES:
        raise too_large()
    if not stream.eof or stream.unused_data:
        raise BodyError(400, "the gzip body is cut off or is followed by something else")
    return data


def too_large() -> BodyError:
    """What is said of a body beyond the bound."""
    return BodyError(413, f"a body may have {MOST_BYTES // 1024 // 1024} MiB, packed and unpacked")


def _from_json(data: bytes, message: _Message) -> tuple[_Message, int]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BodyError(400, "the body is not JSON") from error
    if not isinstance(told, dict):  # the parser reads a list as an object without fields
        raise BodyError(400, "the body is not a JSON object")
    weigh_json(told)
    try:
        return _parsed(told, message), 0
    except ParseError:
        message.Clear()
    told, lost = _usable(told, type(message))
    try:
        return _parsed(told, message), lost
    except ParseError as error:
        raise BodyError(400, f"the body is not the message that belongs here: {error}"[:500]) from error


def _parsed(told: Any, message: _Message) -> _Message:
    """Raises ParseError, also for what protobuf's parser itself trips over."""
    try:
        ParseDict(told, message, ignore_unknown_fields=True, max_recursion_depth=_MOST_DEPTH)
    except ParseError:
        raise
    except Exception as error:
        raise ParseError(type(error).__name__) from error
    return message


def _usable(told: Any, kind: type[Message]) -> tuple[Any, int]:
    """(the request without the items that cannot be parsed, their number).

    JavaScript writes a text that was cut within a character, and whole numbers beyond 64 bits: one such
    event must not cost the others of its delivery.
    """
    lost = 0

    def kept(value: Any, above: str = "") -> Any:
        nonlocal lost
        if isinstance(value, dict):
            return {name: kept(item, name) for name, item in value.items()}
        if not isinstance(value, list):
            return value
        if above not in _ITEMS:
            return [kept(item, above) for item in value]
        good = [item for item in map(_mended, value) if _fits(item, above, kind)]
        lost += len(value) - len(good)
        return good

    try:
        return kept(told), lost
    except RecursionError as error:
        raise BodyError(400, "the body is nested too deep") from error


def _mended(value: Any) -> Any:
    """The value with whole characters only."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list) else value


def _fits(item: Any, above: str, kind: type[Message]) -> bool:
    """Whether a request with this item alone can be parsed."""
    group = "Logs" if above == "logRecords" else "Metrics"
    request = {f"resource{group}": [{f"scope{group}": [{above: [item]}]}]}
    try:
        _parsed(request, kind())
    except ParseError:
        return False
    return True


def answer(message: Message, kind: str) -> bytes:
    """A message as the body of an answer of this kind."""
    if kind == PROTOBUF:
        packed: bytes = message.SerializeToString()
        return packed
    return str(MessageToJson(message, indent=None)).encode()


def said(sentence: str, kind: str) -> bytes:
    """A sentence as the body of an answer that refuses: OTLP wants a google.rpc.Status.

    The status of a span has its text in the same place, and OTLP leaves out the code.
    """
    return answer(Status(message=sentence), kind)
