"""Readers of replies that the program reads after it got the response; see `sdk_body.Reader`."""

from __future__ import annotations

from .sdk_call import MOST_BODY, Failure, SdkCall, failure_of, refusal
from .sdk_stream import StreamReader


class EventReader:
    """A streamed reply."""

    def __init__(self, call: SdkCall, aws: bool) -> None:
        self.inside = False
        self._call = call
        self._stream = StreamReader(aws)
        self._over = False

    def take(self, chunk: bytes) -> None:
        """Look at the next chunk."""
        try:
            if self._stream.feed(chunk):
                self._call.first_token()
                self.take = self._stream.collect  # type: ignore[method-assign]
        except Exception as error:  # noqa: BLE001 - the program must not be broken
            self._call.note(error)

    def end(self, whole: bool, error: BaseException | None = None) -> None:
        """Write the call."""
        if self._over:
            return
        self._over = True
        try:
            self._stream.finish()
            self._call.streamed(self._stream, _failure(self._stream, whole, error))
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._call.note(problem)
            self._call.cut(b"", failure_of(error) if error is not None else None)


def _failure(stream: StreamReader, whole: bool, error: BaseException | None) -> Failure | None:
    """Why a stream is no whole message, where the program did not leave it of itself."""
    if stream.error is not None:
        kind, message = stream.error
        return Failure(kind or "api_error", message or "error in the stream", 200)
    if stream.final:
        return None
    if error is not None:
        return failure_of(error)
    return Failure("truncated", "the stream ended before the message was complete") if whole else None


class BodyReader:
    """Keeps a body that is not streamed, up to `MOST_BODY`."""

    def __init__(self, call: SdkCall) -> None:
        self.inside = False
        self._call = call
        self._chunks: list[bytes] = []
        self._size = 0
        self._over = False

    def take(self, chunk: bytes) -> None:
        """Keep the chunk."""
        self._size += len(chunk)
        if self._size <= MOST_BODY or not self._chunks:
            self._chunks.append(chunk[:MOST_BODY])

    def end(self, whole: bool, error: BaseException | None = None) -> None:
        """Write the call."""
        if self._over:
            return
        self._over = True
        body, self._chunks = b"".join(self._chunks), []
        try:
            self._finish(body, whole and len(body) == self._size, error)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self._call.note(problem)
            self._call.cut(b"", None)

    def _finish(self, body: bytes, whole: bool, error: BaseException | None) -> None:
        if whole:
            self._call.replied(body)
        else:
            self._call.cut(body, failure_of(error) if error is not None else None)


class RefusalReader(BodyReader):
    """The body of an answer with an error status."""

    def __init__(self, call: SdkCall, status: int, request_id: str | None) -> None:
        super().__init__(call)
        self._told = status, request_id

    def _finish(self, body: bytes, whole: bool, error: BaseException | None) -> None:
        status, request_id = self._told
        self._call.failed(refusal(status, body, request_id))
