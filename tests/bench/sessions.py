"""Believable transcripts of Claude Code, many and fast; the same arguments give the same bytes.

Rows look as version 2.1 writes them: a request row before each reply, one row per content block, results of
tools with long texts (twice, as Claude Code keeps them), subagents in files of their own, forks that copy
what was before. Most bytes lie in rows nobody counts; a row has about 2.5 kB.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

_WORDS = (
    "the",
    "store",
    "returns",
    'a \\"row\\"',
    "of",
    "usage",
    "def read(self):\\n    ",
    "tokens",
    "\\tif line:\\n",
    "where",
    "é",
    "line 42",
)

_ENVELOPE = (
    '"uuid":"%(uuid)s","timestamp":"%(at)s","effort":"medium","userType":"external","entrypoint":"cli",'
    '"cwd":"/home/pi/code/%(project)s","sessionId":"%(session)s","version":"2.1.330","gitBranch":"main"}\n'
)
_REPLY = (
    '{"parentUuid":"%(parent)s","isSidechain":%(side)s,%(agent)s"message":{"model":"claude-opus-5-5",'
    '"id":"%(id)s","type":"message","role":"assistant","content":[%(content)s],"stop_reason":"%(stop)s",'
    '"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":%(sent)d,'
    '"cache_creation_input_tokens":%(wrote)d,"cache_read_input_tokens":%(read)d,"output_tokens":%(got)d,'
    '"output_tokens_details":{"thinking_tokens":%(thought)d},"server_tool_use":{"web_search_requests":0,'
    '"web_fetch_requests":0},"service_tier":"standard","cache_creation":{"ephemeral_1h_input_tokens":0,'
    '"ephemeral_5m_input_tokens":%(wrote)d},"inference_geo":"not_available","iterations":[],'
    '"speed":"standard","fallback_credit":null}},"apiBlockIndex":%(block)d,"requestId":"%(request)s",'
    '"requestRef":"%(ref)s","requestedModel":"claude-opus-5-5","type":"assistant",' + _ENVELOPE
)
_RESULT = (
    '{"parentUuid":"%(parent)s","isSidechain":%(side)s,"type":"user","message":{"role":"user","content":'
    '[{"tool_use_id":"toolu_%(ref)s","type":"tool_result","content":"%(text)s"}]},'
    '"toolUseResult":{"stdout":"%(text)s","stderr":"","interrupted":false},' + _ENVELOPE
)
_ASKED = (
    '{"type":"api-request","sessionId":"%(session)s","id":"%(ref)s","timestamp":"%(at)s","version":"2.1.330",'
    '"querySource":"sdk","params":{"model":"claude-opus-5-5","betas":["claude-code-20250219"],'
    '"max_tokens":128000},"keep":4,"tail":["484e784391a8d2a7d2453135ae5d4cb3029f222c1ca9e17951c200677b08f2e8"]}\n'
)


@dataclass(slots=True)
class _Session:
    """Where the rows of a file come from."""

    rng: random.Random
    text: str
    project: str
    name: str
    at: datetime
    agent: str = ""
    written: int = 0
    tokens: int = 0
    rows: list[str] = field(default_factory=list)

    def words(self, mean: float) -> str:
        size = min(int(self.rng.expovariate(1 / mean)), 60_000)
        start = self.rng.randrange(len(self.text) - size)
        return self.text[start : start + size].partition(" ")[2].rpartition(" ")[0]  # no escape is cut

    def later(self, seconds: float) -> str:
        self.at += timedelta(seconds=seconds)
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.at.microsecond // 1000:03d}Z"

    def add(self, row: str) -> None:
        self.rows.append(row)
        self.written += len(row)


def write(folder: Path, size: int, seed: int = 1) -> int:
    """Write transcripts of about `size` bytes below a folder; the API calls they hold."""
    rng = random.Random(seed)
    text = " ".join(rng.choice(_WORDS) for _ in range(60_000))
    done = calls = number = 0
    while done < size:
        project = f"project-{number % 12}"
        begun = datetime(2026, 8, 24, tzinfo=UTC) + timedelta(hours=2.1 * (number % 1000))
        session = _Session(rng, text, project, _uuid(rng), begun)
        most = min(int(rng.lognormvariate(12.9, 1.2)), 12_000_000, max(50_000, size - done))
        for path, rows, made in _files(folder / f"-home-pi-code-{project}", session, most):
            path.parent.mkdir(parents=True, exist_ok=True)
            done += path.write_bytes("".join(rows).encode())
            calls += made
        number += 1
    return calls


def _files(place: Path, session: _Session, most: int) -> Iterator[tuple[Path, list[str], int]]:
    """(file, rows, calls that stand in no file before)"""
    calls = _talk(session, most)
    yield place / f"{session.name}.jsonl", session.rows, calls
    if session.rng.random() < 0.2:
        agent = _Session(session.rng, session.text, session.project, session.name, session.at, "Explore")
        made = _talk(agent, most // 4)
        yield place / session.name / "subagents" / f"agent-{_hex(agent.rng, 17)}.jsonl", agent.rows, made
    if session.rng.random() < 0.1:
        old, session.name = session.name, _uuid(session.rng)
        copied = f'"requestSessionId":"{old}","sessionId":"{session.name}"'
        session.rows = [row.replace(f'"sessionId":"{old}"', copied) for row in session.rows]
        yield place / f"{session.name}.jsonl", session.rows, 0


def _talk(session: _Session, most: int) -> int:
    calls = 0
    while session.written < most:
        _call(session)
        calls += 1
    return calls


def _call(session: _Session) -> None:
    rng = session.rng
    ref, blocks = _uuid(rng), rng.choice((1, 2, 2, 3))
    shared = {
        "side": "true" if session.agent else "false",
        "agent": f'"agentId":"a1","attributionAgent":"{session.agent}",' if session.agent else "",
        "project": session.project,
        "session": session.name,
        "parent": _uuid(rng),
        "ref": ref,
        "id": f"msg_{_hex(rng, 24)}",
        "request": f"req_{_hex(rng, 24)}",
        "stop": "tool_use",
        "sent": rng.randint(3, 4_000),
        "wrote": rng.randint(200, 9_000),
        "read": rng.randint(5_000, 90_000),
        "got": rng.randint(20, 6_000),
        "thought": rng.randint(0, 20),
    }
    session.add(_ASKED % {**shared, "at": session.later(rng.random() * 20)})
    for block in range(blocks):
        content = f'{{"type":"text","text":"{session.words(700)}"}}'
        own = {"content": content, "block": block, "uuid": _uuid(rng), "at": session.later(2)}
        session.add(_REPLY % {**shared, **own})
    result = {"text": session.words(2_600), "uuid": _uuid(rng), "at": session.later(1)}
    session.add(_RESULT % {**shared, **result})


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _uuid(rng: random.Random) -> str:
    one = _hex(rng, 32)
    return f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
