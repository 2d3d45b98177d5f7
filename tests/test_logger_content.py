"""Prompt and response in the line: nothing of them unless asked for, and then readable, bounded, without secrets."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from logger_host import CLI_OUTPUTS, Clock, new_log, only, written

from logger import ClaudeAPILogger
from logger.content import MARGIN
from logger.redaction import without_secrets

pytest_plugins = ("logger_fixtures",)

CANARY = "canary-4711"
ASKED = [{"role": "user", "content": CANARY}]


def manual(log: ClaudeAPILogger) -> None:
    log.end_call(log.start_call("t", "w", "m", None, CANARY), CANARY, 1, 2)


def manual_with_more(log: ClaudeAPILogger) -> None:
    log.end_call(
        log.start_call("t", "w", "m", None, ASKED, project="p"), ASKED, 1, 2, usage={"input_tokens": 1}
    )


def manual_by_field_names(log: ClaudeAPILogger) -> None:
    log.end_call(
        log.start_call("t", None, "m", prompt=CANARY, response=CANARY), prompt=CANARY, response=CANARY
    )


def as_a_block(log: ClaudeAPILogger) -> None:
    with log.call(model="m", prompt_content=CANARY) as call:
        call.response(CANARY)
        call.note(prompt=CANARY)


def as_a_context(log: ClaudeAPILogger) -> None:
    with log.context(prompt=CANARY, response=CANARY), log.call(model="m", prompt=CANARY):
        pass


def as_a_run(log: ClaudeAPILogger) -> None:
    output = log.log_dir.parent / "output"
    stream = (CLI_OUTPUTS / "tools" / "stream.jsonl").read_bytes()
    output.write_bytes(re.sub(rb'"result":"[^"]+"', b'"result":"%s"' % CANARY.encode(), stream))
    log.end_run(log.start_call("t", None, "m", None, CANARY), output)


def abandoned(log: ClaudeAPILogger) -> None:
    log.start_call("t", None, "m", None, CANARY)


def failed(log: ClaudeAPILogger) -> None:
    class Odd:
        def __str__(self) -> str:
            return CANARY

    log.end_call(log.start_call(None, None, 5, None, Odd()), Odd(), usage=object())  # type: ignore[arg-type]


WAYS = (
    manual,
    manual_with_more,
    manual_by_field_names,
    as_a_block,
    as_a_context,
    as_a_run,
    abandoned,
    failed,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_of_it_is_in_any_file_unless_asked_for(tmp_path: Path, clock: Clock, way: Any) -> None:
    way(new_log(tmp_path / "off", clock))
    files = [path for path in (tmp_path / "off").rglob("*") if path.is_file()]
    assert files and not [path for path in files if CANARY.encode() in path.read_bytes()]


@pytest.mark.parametrize("way", WAYS[:6], ids=lambda way: way.__name__)
def test_it_is_in_the_line_when_asked_for(tmp_path: Path, clock: Clock, way: Any) -> None:
    log = new_log(tmp_path / "on", clock, content=True)
    way(log)
    line = written(log)[0]
    assert CANARY in line["response" if way is as_a_run else "prompt"]
    assert not [path for path in (tmp_path / "on").rglob("*") if path.stat().st_mode & 0o077]
    assert line["prompt_length"] in (None, len(CANARY), len("[user]\n" + CANARY))


def test_a_watched_client_obeys_as_well(tmp_path: Path, clock: Clock) -> None:
    httpx = pytest.importorskip("httpx2")
    anthropic = pytest.importorskip("anthropic")
    reply = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": [{"type": "text", "text": CANARY}],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    for content in (False, True):
        log = new_log(tmp_path / str(content), clock, content=content)
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=reply))
        client = anthropic.Anthropic(api_key="k", http_client=httpx.Client(transport=transport))
        log.watch(client).messages.create(model="claude-opus-5-5", max_tokens=5, messages=ASKED)
        seen = [
            path for path in log.log_dir.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
        ]
        assert bool(seen) is content and only(log)["response_length"] == len(CANARY)


def written_prompt(folder: Path, clock: Clock, prompt: Any, **options: Any) -> Any:
    log = new_log(folder, clock, content=True, **options)
    log.end_call(log.start_call("t", None, "m", None, prompt))
    return only(log).get("prompt")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Hi", "Hi"),
        (b"Hi", "Hi"),
        ([{"role": "user", "content": "Hi"}], "[user]\nHi"),
        (
            [
                {"role": "user", "content": [{"type": "image", "source": {"data": "AAAA"}}, {"type": "text", "text": "What?"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]},
                {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "a.py"}]}]},
            ],
            '[user]\n[image]\nWhat?\n\n[assistant]\n[tool use] Bash {"command": "ls"}\n\n[user]\n[tool result] a.py',
        ),
        ({"system": "Be kind.", "messages": [{"role": "user", "content": "Hi"}]}, "[system]\nBe kind.\n\n[user]\nHi"),
        (SimpleNamespace(role="assistant", content=[SimpleNamespace(type="text", text="Yes")]), "[assistant]\nYes"),
        ([{"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}]}], "[assistant]\n[thinking] Hm"),
        ({"a": 1}, "{'a': 1}"),
        ([], ""),
        (5, "5"),
    ],
)  # fmt: skip
def test_messages_become_text_that_can_be_read(tmp_path: Path, clock: Clock, prompt: Any, text: str) -> None:
    assert written_prompt(tmp_path, clock, prompt) == text


SECRETS = {
    "Anthropic": "sk-ant-api03-" + "Ab1_-" * 10,
    "OpenAI": "sk-proj-" + "Ab1" * 10,
    "short": "sk-Ab1def",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS secret": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub fine-grained": "github_pat_" + "a1B2" * 9,
    "Slack": "xoxb-" + "123456789012-abcdef",
    "Google": "AIza" + "Sy" * 18,
    "bearer": "Authorization: Bearer abc.def-123456",
    "URL": "postgres://me:hunter2pw@host/db",
    "password": "password=hunter2pw",
    "quoted password": 'DB_PASSWORD: "hunter2 pw"',
    "JSON token": '{"access_token": "abcdef-123456"}',
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----",
    "private key cut off": "-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEow\nIBAAKC",
    "rest of a private key": "MIIEow\nIBAAKC\n-----END PRIVATE KEY-----",
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-123",
    "short bearer": "Bearer Ab1",
    "basic": "Authorization: Basic aHVudGVyMg==",
    "basic alone": "header Basic aHVudGVyMjpo",
    "another scheme": "Authorization: Token hunter2",
    "bytes": 'headers = {"authorization": b"hunter2"}',
    "JSON": '{"password": "hunter2"}',
    "JSON in a string": r'{\"password\": \"hunter2 pw\", \"a\": 1}',
    "JSON in a string in a string": r'{\\\"password\\\": \\\"hunter2 pw\\\"}',
    "a quotation mark within": r'{"client_secret": "a\"hunter2"}',
    "an apostrophe within": r"password='it\'s hunter2'",
    "a quotation cut off": 'password = "correct hunter2',
    "on the next line": '"api_key":\n    "hunter2"',
    "YAML block": "secret: |\n  hunter2",
    "aligned": "password           = hunter2",
    "a long name": "password_for_the_very_important_production_database = hunter2",
    "three quotation marks": 'password = """correct "horse" hunter2"""',
    "list": '"password": ["hunter2"]',
    "arrow": "password => 'hunter2'",
    "comparison": 'if password == "hunter2":',
    "user of a URL": "https://hunter2@github.com/x.git",
    "no user in a URL": "redis://:hunter2@h",
    "parameter of a URL": "https://x/?sig=hunter2&b=1",
    "key of a URL": "https://x/?a=b&api_key=hunter2",
    "API key in words": "api key: hunter2",
    "bearer in words": "bearer: hunter2",
    "pwd": "Server=x;pwd=hunter2;",
    "Azure": "AccountName=x;AccountKey=hunter2==;EndpointSuffix=y",
    "environment": "export OPENAI_KEY=hunter2",
    "number first": "token: 123456789:hunter2",
    "cookie": "Cookie: a=b; session=hunter2; c=d",
    "XML": "<db:password>hunter2</db:password>",
    "curl": "curl -u me:hunter2 https://x",
    "option": "mysql --password hunter2",
}  # fmt: skip
NEVER = re.compile(r"Ab1|OSFODNN7|wJalr|a1B2|abcdef|SySy|abc\.def|hunter2|aHVudG|MIIEow|IBAAKC|eyJzdWI")


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_not_written(tmp_path: Path, clock: Clock, kind: str) -> None:
    text = SECRETS[kind] if kind.startswith("rest") else f"Use this: {SECRETS[kind]}"
    assert NEVER.search(text)
    assert not NEVER.search(written_prompt(tmp_path, clock, text))


@pytest.mark.parametrize("kind", [kind for kind in SECRETS if not kind.startswith("rest")])
def test_nor_are_they_in_an_error_message(tmp_path: Path, clock: Clock, kind: str) -> None:
    log = new_log(tmp_path, clock)
    log.end_call(log.start_call("t", None, "m"), success=False, error_message=f"It failed: {SECRETS[kind]}")
    message = only(log)["error_message"]
    assert message.startswith("It failed: ") and not NEVER.search(message)


@pytest.mark.parametrize(
    "piece",
    ['password=\\"', 'password = [b"', "token: |\n", "://a:", "--token", "-", "Basic a", "secret '\\"],
)
def test_no_text_takes_more_time_than_its_length(piece: str) -> None:
    """Looked through again from every name, these would take hours."""
    assert len(without_secrets(piece * (1_000_000 // len(piece)))) <= 1_500_000


@pytest.mark.parametrize(
    "text",
    [
        "the token count: 500",
        "tokens: about 500, max_tokens=4096, token_count: 12k, token: 1,024",
        "password reset was requested; the token expired.",
        "a basic understanding of Basic English, and basic-ish manners",
        "bearer authentication is required",
        "Bearer token expired, Bearer realm is missing, the bearer of bad news",
        "the secretary: Ms. Jones",
        "tokenizer: gpt2",
        "def sign(token: str, secret: str) -> None",
        "PWD=/home/me/project",
        "PRIMARY_KEY = 5, sort_key=len, foreign key: user_id",
        "run as -u 1000:1000",
        "pass --token to the program",
        "ssh://git@github.com/x.git and me@example.com",
        "import scikit, sk-learn",
        "invalid x-api-key",
        "cookie: a small cake",
        "task-management-system-of-the-future",
        "max_tokens: 4096",
        '{"tokens_input": 12, "token": null}',
        "https://host:8050/path@v2",
        "the password is not written here",
        "-- basic rules --",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_long_text_keeps_its_beginning_and_its_end(tmp_path: Path, clock: Clock) -> None:
    text = "begin " + "word " * 20_000 + " end"
    kept = written_prompt(tmp_path, clock, text, content_limit=1000)
    assert kept.startswith("begin word") and kept.endswith("word  end")
    mark = re.search(r"\n\[\.\.\. ([\d,]+) characters left out \.\.\.\]\n", kept)
    assert mark and len(kept) <= 1000 + len(mark[0])
    assert int(mark[1].replace(",", "")) == len(text) - (len(kept) - len(mark[0]))


@pytest.mark.parametrize("before", range(470, 520, 3))
@pytest.mark.parametrize("whole", [1500, 3 * MARGIN, 40 * MARGIN])
def test_a_secret_across_the_cut_is_not_written_in_half(
    tmp_path: Path, clock: Clock, before: int, whole: int
) -> None:
    """It begins or ends wherever the text is cut."""
    key = "sk-ant-api03-" + "Ab1_" * 20
    text = f"{'x' * before} {key} {'y ' * (whole // 2)} {key} {'z' * before}"
    assert "Ab1" not in written_prompt(tmp_path, clock, text, content_limit=1000)


def test_a_secret_longer_than_any_margin_is_not_written_in_part(tmp_path: Path, clock: Clock) -> None:
    text = "x " * 50_000 + "password=" + "Ab1" * 30_000
    kept = written_prompt(tmp_path, clock, text, content_limit=1000)
    assert "Ab1" not in kept
    assert "Ab1" not in written_prompt(tmp_path / "2", clock, "password=" + "Ab1" * 30_000 + " x" * 50_000)


def test_patterns_of_ones_own_are_redacted_too(tmp_path: Path, clock: Clock) -> None:
    patterns = [r"cust-\d+", re.compile("BERLIN", re.IGNORECASE), "z*"]
    assert written_prompt(tmp_path, clock, "cust-123 in Berlin", redact=patterns) == "*** in ***"


@pytest.mark.parametrize("bad", [5, ["("], [b"bytes"], [None], [re.compile(b"x")]])
def test_a_pattern_that_cannot_be_used_is_said_and_breaks_nothing(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, bad: Any
) -> None:
    assert written_prompt(tmp_path, clock, "Hi", redact=bad) == "Hi"
    assert "redact" in caplog.text


@pytest.mark.parametrize("limit", [None, "x", -1, 0, 10**9, True])
def test_a_limit_that_cannot_be_used_is_said(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, limit: Any
) -> None:
    assert written_prompt(tmp_path, clock, "Hi", content_limit=limit) == "Hi"
    assert "content_limit is a number from 200 to 1,000,000" in caplog.text
