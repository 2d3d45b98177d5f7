"""Take secrets out of what will be logged, and make one line of a message."""

from __future__ import annotations

import re
from typing import Any

from .record import as_text

MOST_CHARACTERS = 2000


def without_secrets(text: str) -> str:
    """A prompt, a response or a message without what looks like a secret.

    Takes time in proportion to the text: what a pattern has looked through it either takes or bounds.
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


_SCHEME = r"(?:(?:basic|bearer|token|digest|negotiate|ntlm|oauth|hawk|key|api-?key|aws4-hmac-sha256)[ \t]+)?"
_IS = (  # of `"password" = "x"` what stands between the name and the value, quotes perhaps escaped
    r"""[\w-]{0,60}\\{0,7}["']{0,3}[ \t]{0,40}(?:[:=]{1,3}>?|!=)"""
    r"""(?:\s{0,40}(?=[rbfu]{0,2}\\{0,7}["'])|[ \t]{0,40})"""
)
_VALUE = (
    r"""(?:\[\s{0,40}(?=[rbfu]{0,2}\\{0,7}["']))?(?:[|>][+-]?[ \t]{0,9}\n\s{0,40})?(?:[rbfu]{1,2}(?=["']))?"""
    r"""(?:(?P<three>\"{3}|'{3})(?:(?!(?P=three))(?s:.))*(?P=three)?"""
    r"""|(?P<escaped>\\{1,7}["'])(?:(?!(?<!\\)(?P=escaped))[^\n])*(?P=escaped)?"""
    r"""|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s"',;&)}\]]+)"""  # a text that is cut off has no end
)
_NOTHING = r"""(?!(?:null|none|nil|true|false|str|string)(?:[\s"',;&)}\]]|\Z))"""
_NUMBER = r"""(?!\d[\d.,_]*[km%]?(?:[\s"',;&)}\]]|\Z))"""

_SECRETS = (
    (
        # of a block that is cut off, as much as there is
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]|-(?!----END))*(?:-----END[A-Z ]*-----)?"
        ),
        "[private key]",
    ),
    (re.compile(r"\A[^-]*-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"), "[private key]"),
    (
        re.compile(  # Anthropic, OpenAI
            r"(?i)(?<![a-z0-9])sk-(?:(?:ant|proj|svcacct|admin|or)-[\w-]+|(?=[a-z_-]{0,40}\d)[\w-]{6,}|[\w-]{16,})"
        ),
        "sk-***",
    ),
    (re.compile(r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"), "***"),  # Stripe
    (re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"), "AKIA***"),  # AWS
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_)[A-Za-z0-9_-]{16,}"), "***"),
    (re.compile(r"\bdapi[0-9a-f]{32}"), "***"),  # Databricks
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"), "xox***"),  # Slack
    (re.compile(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]+"), r"\1***"),
    (
        re.compile(r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{10,}|\bGOCSPX-[A-Za-z0-9_-]{10,}"),
        "***",
    ),  # Google
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), "***"),  # JSON web token
    (
        # as in a header any word but those that speak of one
        re.compile(
            r"\b(Bearer|BEARER|bearer(?=\s+\S{8}))\s+"
            r"""(?!(?i:authenticat|authoriz|credential|tokens?\b|realm|scheme|header))[^\s"',;]{3,}"""
        ),
        r"\1 ***",
    ),
    # no word of a language has these within it
    (re.compile(r"\b([Bb]asic|BASIC)\s+(?=\S{0,200}(?:[\d=+/]|[a-z][A-Z]))[A-Za-z0-9+/=_-]{8,}"), r"\1 ***"),
    (re.compile(r"://[^/\s:@]{0,200}:[^/\s@]{1,500}@"), "://***@"),
    (re.compile(r"""://(?!git@)[^/\s:@"'<>]{1,500}@"""), "://***@"),
    (re.compile(r"""(?i)([?&;][\w-]{0,20}(?:sig|signature|key|auth)=)[^&\s"'<>]+"""), r"\1***"),
    (
        re.compile(
            r"""(?i)\b(cookie["']?\s{0,3}:\s{0,3}["']?)(?=[\w.-]{1,100}=)[^\s"';]+"""
            r"""(?:; ?[^\s"';=]{1,100}=[^\s"';]*)*"""
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)(<[\w:-]{0,30}(?:password|secret|token|api-?key)>)[^<]+"), r"\1***"),
    (re.compile(r"""((?:\s|\A)(?:-u|--user)[ =]["']?)(?!\d+:\d+\b)[^\s:"']{1,100}:[^\s"']+"""), r"\1***"),
    (
        re.compile(
            r"(?i)((?<![\w-])--[\w-]{0,30}(?:password|secret|token|api-?key)[ \t]+)"
            r"(?=[^\s\d]{0,200}\d)[^\s-]\S*"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)(password|passwd|passwort|passphrase|secret(?!ar)|credentials?|private[_-]?key)"
            rf"({_IS}){_NOTHING}{_VALUE}"
        ),
        r"\1\2***",
    ),
    (re.compile(rf"""(?i)((?<![a-z])pwd)({_IS})(?!["']?[/~.$]){_VALUE}"""), r"\1\2***"),  # PWD=/home/me
    (
        re.compile(
            r"(?i)(token(?!s|iz|[_-]?(?:type|count|limit|budget|usage|ur[il]))|api[_ -]?key|bearer"
            r"|(?:access|account|shared|master|signing|encryption|service)[_-]?key|authorization"
            rf"|(?-i:[A-Z0-9]_KEY))({_IS}{_SCHEME}){_NUMBER}{_NOTHING}{_VALUE}"
        ),
        r"\1\2***",
    ),
)


def sentence(message: Any) -> str:
    """A message as one line of at most 2000 characters without secrets."""
    return " ".join(without_secrets(as_text(message)).split())[:MOST_CHARACTERS]


def without_keys(line: bytes) -> bytes:
    """A line without Anthropic API keys, wherever the host put them."""
    return _KEYS.sub(b"sk-ant-***", line)


_KEYS = re.compile(rb"sk-ant-[A-Za-z0-9_-]+")
