"""The delivery: what is compressed, what the browser may keep, and what is left alone."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.types import Message, Scope
from starlette.websockets import WebSocket

from dashboard.web import delivery
from dashboard.web.delivery import Shelf, deliver

SCRIPT = "function f(x) { return x + 1 }\n" * 400
FINGERPRINTED = "/_dash-component-suites/dash/dcc/graph.v4_4_1m1795358201.min.js"
FOREVER = "public, max-age=31536000, immutable"
GZIP = {"Accept-Encoding": "gzip"}


async def _suite(request: Request) -> Response:
    """As Dash does it: JavaScript whole, with a tag without quotes where there is no fingerprint."""
    if "missing" in request.url.path:
        return Response('{"error": "' + "x" * 600 + '"}', 500, media_type="application/json")
    if request.headers.get("if-none-match") == "dash":
        return Response(status_code=304)
    return Response(SCRIPT, media_type="text/javascript", headers={"ETag": "dash"})


async def _json(request: Request) -> Response:
    size = int(request.query_params.get("size", 4000))
    return Response("9" * size, media_type="application/json")


async def _kept(request: Request) -> Response:
    return PlainTextResponse("x" * 600, headers={"Cache-Control": "max-age=60", "Vary": "Cookie"})


async def _packed(request: Request) -> Response:
    return Response(
        gzip.compress(SCRIPT.encode()), headers={"Content-Encoding": "gzip"}, media_type="text/plain"
    )


async def _events(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for number in range(100):
            yield f"data: {number} {'x' * 20}\n\n"

    return StreamingResponse(parts(), media_type=request.query_params.get("kind", "text/event-stream"))


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(SCRIPT)
    await socket.close()


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "style.css").write_text("p { margin: 0 }\n" * 100)
    (folder / "small.css").write_text("p { margin: 0 }\n")
    (folder / "picture.png").write_bytes(os.urandom(2000))
    (folder / "large.svg").write_text("<svg>" + "<path/>" * 40_000 + "</svg>")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _client(assets: Path, cache: Path | None = None, *, private: bool = False) -> TestClient:
    app = Starlette(
        routes=[
            Route("/_dash-component-suites/{path:path}", _suite),
            Route("/_favicon.ico", _suite),
            Mount("/assets", StaticFiles(directory=assets)),
            Route("/json", _json, methods=["GET", "HEAD", "POST"]),
            Route("/kept", _kept),
            Route("/packed", _packed),
            Route("/events", _events),
            WebSocketRoute("/live", _talk),
        ]
    )
    app.add_middleware(deliver, cache_dir=cache, private=private)
    client = TestClient(app)
    client.headers.pop("Accept-Encoding")
    return client


@pytest.mark.parametrize(
    ("path", "lifetime"),
    [
        (FINGERPRINTED, FOREVER),
        ("/_dash-component-suites/dash/deps/react@18.v4_4_1m1795358201.3.1.min.js", FOREVER),
        ("/_dash-component-suites/dash/dcc/async-graph.js", "public, no-cache"),
        ("/assets/style.css?m=1795358868.34", FOREVER),
        ("/assets/style.css", "public, no-cache"),
        ("/_favicon.ico?v=4.4.1", FOREVER),
        ("/json", "private, no-cache"),
        ("/kept", "max-age=60"),
        ("/assets/absent.css?m=1", "private, no-cache"),
        ("/_dash-component-suites/missing.v1m1.js", "private, no-cache"),
    ],
)
def test_only_what_has_its_version_in_its_address_is_kept_for_ever(
    assets: Path, path: str, lifetime: str
) -> None:
    assert _client(assets).get(path, headers=GZIP).headers["Cache-Control"] == lifetime


def test_behind_a_token_nothing_is_for_shared_caches(assets: Path) -> None:
    client = _client(assets, private=True)
    assert client.get(FINGERPRINTED).headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert client.get("/assets/style.css").headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("br, *", "gzip"),
        ("gzip;q=0, *", None),
        ("gzip; q=0.0", None),
        ("br", None),
        ("identity", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("path", [FINGERPRINTED, "/json"])
def test_gzip_goes_to_those_who_take_it(assets: Path, path: str, accepted: str, coding: str | None) -> None:
    client = _client(assets)
    plain = client.get(path).content
    answer = client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.content == plain
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (int(answer.headers["Content-Length"]) < len(plain)) == (coding == "gzip")


def test_what_is_small_or_packed_or_no_text_is_left_as_it_is(assets: Path) -> None:
    client = _client(assets)
    for path in ("/assets/small.css", "/assets/picture.png?m=1", "/json?size=499"):
        answer = client.get(path, headers=GZIP)
        assert "Content-Encoding" not in answer.headers, path
        assert len(answer.content) == int(answer.headers["Content-Length"])
    packed = client.get("/packed", headers=GZIP)
    assert packed.text == SCRIPT  # packed once: the client unpacked it once


def test_a_large_picture_of_text_is_compressed(assets: Path) -> None:
    answer = _client(assets).get("/assets/large.svg", headers=GZIP)
    assert int(answer.headers["Content-Length"]) < 2000
    assert answer.text == (assets / "large.svg").read_text()


@pytest.mark.parametrize("path", [FINGERPRINTED, "/assets/style.css", "/assets/picture.png"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_a_file_the_browser_has_is_not_sent_again(assets: Path, path: str, accepted: str) -> None:
    client = _client(assets)
    sent = {"Accept-Encoding": accepted}
    tag = client.get(path, headers=sent).headers["ETag"]
    assert tag.startswith('"')
    for held in (tag, f'"other", W/{tag}', "*"):
        again = client.get(path, headers=sent | {"If-None-Match": held})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert "Content-Encoding" not in again.headers
    assert client.get(path, headers=sent | {"If-None-Match": '"other"'}).status_code == 200


def test_each_form_of_a_file_has_its_own_tag_and_a_changed_file_another(assets: Path) -> None:
    client = _client(assets)
    tags = {
        client.get("/assets/style.css", headers={"Accept-Encoding": a}).headers["ETag"]
        for a in ("gzip", "br")
    }
    assert len(tags) == 2
    style = assets / "style.css"
    kept = style.stat()
    style.write_text("q { margin: 0 }\n" * 100)
    os.utime(style, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # same size, same time
    assert client.get("/assets/style.css", headers=GZIP).headers["ETag"] not in tags
    assert client.get("/assets/style.css", headers=GZIP).text.startswith("q ")


def test_tags_and_dates_of_the_app_behind_never_answer_for_us(assets: Path) -> None:
    client = _client(assets)
    assert client.get("/_dash-component-suites/a.js", headers={"If-None-Match": "dash"}).status_code == 200
    later = {"If-Modified-Since": "Wed, 01 Jan 2098 00:00:00 GMT"}
    assert client.get("/assets/style.css", headers=later).status_code == 200
    assert "Last-Modified" not in client.get("/assets/style.css").headers


@pytest.mark.parametrize("path", [FINGERPRINTED, "/assets/style.css"])
def test_head_has_the_headers_of_get_and_no_body(assets: Path, path: str) -> None:
    client = _client(assets)
    get, head = client.get(path, headers=GZIP), client.head(path, headers=GZIP)
    assert head.headers == get.headers
    assert head.content == b""


def test_a_file_is_sent_as_bytes_for_get_and_not_at_all_for_head(assets: Path) -> None:
    app = _client(assets).app
    assert gzip.decompress(b"".join(_parts(app, b"", "/assets/style.css"))).startswith(b"p {")
    assert _parts(app, b"", "/assets/style.css", "HEAD") == []


def test_a_range_of_a_file_is_answered_with_the_whole_file(assets: Path) -> None:
    answer = _client(assets).get("/assets/style.css", headers=GZIP | {"Range": "bytes=0-9"})
    assert answer.status_code == 200
    assert answer.text == (assets / "style.css").read_text()
    assert "Accept-Ranges" not in answer.headers


def test_the_page_that_dash_sends_for_unknown_addresses_is_not_kept() -> None:
    async def app(scope: Scope, receive: object, send: object) -> None:
        await Response("<!DOCTYPE html>", media_type="text/html")(scope, receive, send)  # type: ignore[arg-type]

    answer = TestClient(deliver(app, cache_dir=None, private=False)).get("/assets/x.css?m=1")
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_events_are_passed_on_one_by_one_and_other_streams_in_flushed_parts(assets: Path) -> None:
    app = _client(assets).app
    assert len(_parts(app, b"kind=text/event-stream")) >= 100
    packed = _parts(app, b"kind=application/x-ndjson")
    assert len(packed) >= 100
    first = zlib.decompressobj(31).decompress(packed[0])
    assert first.startswith(b"data: 0 ")  # readable before the next part is there
    assert gzip.decompress(b"".join(packed)).count(b"data: ") == 100


def _parts(app: object, query: bytes, path: str = "/events", method: str = "GET") -> list[bytes]:
    """The parts of a body as a server would get them that can also send files by their path."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "root_path": ""}
    scope |= {"headers": [(b"accept-encoding", b"gzip")], "extensions": {"http.response.pathsend": {}}}
    asyncio.run(app(scope, receive, send))  # type: ignore[operator]
    return [message["body"] for message in sent if message.get("body")]


def test_writes_are_answered_compressed_and_websockets_left_alone(assets: Path) -> None:
    client = _client(assets)
    answer = client.post("/json?size=300000", headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.content) == 300_000
    with client.websocket_connect("/live") as live:
        assert live.receive_text() == SCRIPT


def test_what_others_vary_by_stays(assets: Path) -> None:
    assert _client(assets).get("/kept", headers=GZIP).headers["Vary"] == "Cookie, Accept-Encoding"


class Presses:
    """Counts how often something is really compressed."""

    def __init__(self) -> None:
        self.count = 0

    def compress(self, body: bytes, level: int, mtime: int) -> bytes:
        self.count += 1
        return gzip.compress(body, level, mtime=mtime)


@pytest.fixture
def presses(monkeypatch: pytest.MonkeyPatch) -> Presses:
    counting = Presses()
    monkeypatch.setattr(delivery, "gzip", counting)
    return counting


def test_a_file_is_compressed_once_also_across_restarts(assets: Path, cache: Path, presses: Presses) -> None:
    for _ in range(2):
        client = _client(assets, cache)
        for _ in range(2):
            assert client.get(FINGERPRINTED, headers=GZIP).text == SCRIPT
    assert presses.count == 1


def test_many_who_ask_at_once_wait_for_one(presses: Presses) -> None:
    shelf = Shelf(None)
    with ThreadPoolExecutor(8) as pool:
        packed = set(pool.map(lambda _: shelf.packed("name", b"x" * 2_000_000), range(8)))
    assert len(packed) == 1
    assert presses.count == 1


def _kept_file(cache: Path) -> Path:
    (file,) = (cache / "gzip").iterdir()
    return file


@pytest.mark.parametrize("damage", [0, 20, 60, -1])
def test_a_damaged_copy_is_made_again(assets: Path, cache: Path, presses: Presses, damage: int) -> None:
    _client(assets, cache).get(FINGERPRINTED, headers=GZIP)
    file = _kept_file(cache)
    whole = file.read_bytes()
    bad = bytearray(whole)
    bad[damage] ^= 1
    file.write_bytes(bad)
    assert _client(assets, cache).get(FINGERPRINTED, headers=GZIP).text == SCRIPT
    assert presses.count == 2
    assert file.read_bytes() == whole


@pytest.mark.parametrize("length", [0, 10, 40, 70, -1])
def test_a_cut_copy_is_made_again(cache: Path, presses: Presses, length: int) -> None:
    Shelf(cache).packed("name", SCRIPT.encode())
    (cache / "name").write_bytes((cache / "name").read_bytes()[:length])
    assert gzip.decompress(Shelf(cache).packed("name", SCRIPT.encode())) == SCRIPT.encode()
    assert presses.count == 2


def test_a_copy_under_another_files_name_is_not_taken(cache: Path) -> None:
    Shelf(cache).packed("one", b"1" * 600)
    (cache / "one").rename(cache / "two")
    assert gzip.decompress(Shelf(cache).packed("two", b"2" * 600)) == b"2" * 600


def test_copies_are_private_and_a_folder_that_cannot_be_used_does_no_harm(
    tmp_path: Path, assets: Path
) -> None:
    cache = tmp_path / "cache"
    _client(assets, cache).get(FINGERPRINTED, headers=GZIP)
    assert (cache / "gzip").stat().st_mode & 0o777 == 0o700
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert _client(assets, blocked).get(FINGERPRINTED, headers=GZIP).text == SCRIPT


def test_copies_that_nobody_asked_for_in_two_months_are_removed(cache: Path) -> None:
    now = 1_800_000_000.0
    shelf = Shelf(cache, clock=lambda: now)
    shelf.packed("old", b"1" * 600)
    shelf.packed("used", b"2" * 600)
    for name, days in (("old", 61), ("used", 59)):
        os.utime(cache / name, (now - days * 86400, now - days * 86400))
    shelf.packed("new", b"3" * 600)
    assert not (cache / "old").exists()
    assert (cache / "used").exists()


def test_reading_a_copy_counts_as_asking_for_it(cache: Path) -> None:
    Shelf(cache).packed("name", b"1" * 600)
    os.utime(cache / "name", (0, 0))
    Shelf(cache).packed("name", b"1" * 600)
    assert (cache / "name").stat().st_mtime > 0
