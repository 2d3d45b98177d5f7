"""A real `callmeter serve`, and a client that asks it for what the page asks."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.web import overview

from .ground import Ground

DRAW, LOOK = f"..{'.'.join(overview.PARTS[0])}...", "..tick.data..."
_PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: how long that took, its bytes over the wire, its content."""

    seconds: float
    size: int
    parts: dict[str, Any]


@dataclass(slots=True)
class Server:
    """A running server; `began` is the monotonic time of its start."""

    process: int
    began: float
    port: int
    callbacks: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}/"

    def draw(self, search: str) -> Answer:
        """The whole overview of an address, as for a page that has nothing yet."""
        return self._ask(DRAW, {"tick.data": "bench", "url.search": search})

    def look(self) -> dict[str, Any]:
        """What the page's regular question answers: `tick` and how the reading goes."""
        parts = self._ask(LOOK, {"interval.n_intervals": 1}).parts
        return {"tick": parts["tick"]["data"], **parts["answer"]["data"]}

    def until_loaded(self, days: int) -> None:
        """Wait until the newest `days` days are read."""
        self._until(lambda: self.look()["loaded"] >= days)

    def until_new(self, tick: str) -> None:
        """Wait until there is something new."""
        self._until(lambda: self.look()["tick"] != tick)

    def _until(self, holds: Any) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError("the server did not come so far")
            time.sleep(0.005)

    def _ask(self, output: str, values: dict[str, Any]) -> Answer:
        if not self.callbacks:
            _, found = self._send("GET", "/_dash-dependencies")
            self.callbacks = {each["output"]: each for each in json.loads(found)}
        callback = next(each for name, each in self.callbacks.items() if name.startswith(output))
        began = time.perf_counter()
        packed, body = self._send("POST", "/_dash-update-component", json.dumps(question(callback, values)))
        taken = time.perf_counter() - began
        return Answer(taken, packed, json.loads(body)["response"])

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        """(bytes over the wire, the answer unpacked)"""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        headers = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            data = answer.read()
        finally:
            line.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:200]!r}")
        zipped = answer.headers.get("Content-Encoding") == "gzip"
        return len(data), gzip.decompress(data) if zipped else data


def question(callback: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The request in which a page asks for a callback; inputs and state that are not given are null."""

    def told(given: dict[str, Any]) -> dict[str, Any]:
        name = f"{given['id']}.{given['property']}"
        return {"id": given["id"], "property": given["property"], "value": values.get(name)}

    outputs = [part.rpartition(".") for part in callback["output"].strip(".").split("...")]
    return {
        "output": callback["output"],
        "outputs": [{"id": name, "property": prop} for name, _, prop in outputs],
        "inputs": [told(given) for given in callback["inputs"]],
        "state": [told(given) for given in callback["state"]],
        "changedPropIds": [next(iter(values))],
    }


@contextmanager
def serving(ground: Ground, folder: Path, cache: Path) -> Iterator[Server]:
    """A server over a folder, from its start until it was told to stop."""
    words = [sys.executable, "-m", "dashboard.commands", "serve", "--port", "0"]
    words += ["--log-dir", str(folder), "--cache-dir", str(cache)]
    began = time.monotonic()
    with subprocess.Popen(
        words, cwd=ground.folder, env=ground.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            found = re.search(r"at http://127\.0\.0\.1:(\d+)", process.stdout.readline())
            if found is None:
                raise RuntimeError("callmeter serve does not say where its page is")
            yield Server(process.pid, began, int(found[1]))
        finally:
            process.send_signal(signal.SIGTERM)
