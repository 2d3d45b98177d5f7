"""Why the REST addresses do not do what they were asked: one shape for all of it, with a sentence."""

from __future__ import annotations

import difflib
import errno
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

SHOWN = 3
"""How many wrong fields a sentence names."""

LISTED = 20
"""How many are listed beside it."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LENGTH = 60


def refusal(
    status: int,
    sentence: str,
    fields: Iterable[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer. fields: name and what is wrong with it."""
    listed = [{"field": name, "problem": problem} for name, problem in fields]
    return JSONResponse({"detail": sentence, "fields": listed}, status, headers)


def as_json(answer: Response) -> JSONResponse:
    """A refusal in plain text as one of ours, with its own headers."""
    own = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    return refusal(answer.status_code, bytes(answer.body).decode().strip(), headers=own)


def invalid(errors: Sequence[Mapping[str, Any]], known: Collection[str]) -> JSONResponse:
    """422 for what pydantic says is wrong. known: the fields there are."""
    found = [_told(error, known) for error in errors[:LISTED]]
    sentences = [_sentence(name, problem) for name, problem in found[:SHOWN]]
    more = len(errors) - SHOWN
    if more > 0:
        sentences.append(f"{more} more {'field is' if more == 1 else 'fields are'} wrong.")
    return refusal(422, " ".join(sentences), [(name, problem) for name, problem in found if name])


def _sentence(name: str, problem: str) -> str:
    end = "" if problem.endswith("?") else "."
    return f"{name} {problem}{end}" if name else f"The body {problem}{end}"


def _told(error: Mapping[str, Any], known: Collection[str]) -> tuple[str, str]:
    """(the field, "" for the body itself; what is wrong with it)"""
    name = _shown(".".join(str(part) for part in error["loc"][1:]))
    if error["type"] == "extra_forbidden":
        return name, _unknown(name, known)
    if error["type"] == "missing":
        return name, "must be given" if name else f"must be a JSON object; its fields are {_listed(known)}"
    if not name:
        return name, "must be a JSON object"
    words = str(error["msg"]).removeprefix("Value error, ")
    return name, f"{words}, not {_value(error['input'])}"


def _value(given: Any) -> str:
    """A value as it was written, text in single quotes."""
    return _shown(
        repr(given) if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    )


def _unknown(name: str, known: Collection[str]) -> str:
    words = sorted(name.split("_"))
    near = [one for one in known if sorted(one.split("_")) == words]
    near = near or difflib.get_close_matches(name, known, n=1)
    return "is no field here; " + (f"did you mean {near[0]}?" if near else f"there are {_listed(known)}")


def _listed(known: Collection[str]) -> str:
    return ", ".join(known) if known else "none"


def _shown(text: str) -> str:
    short = text if len(text) <= _LENGTH else text[:_LENGTH] + "…"
    return "".join(sign if sign.isprintable() else "?" for sign in short)


def unwritten(what: str, error: BaseException) -> JSONResponse:
    """507 when there is no room, else 503. error: an OSError, or what was raised from one."""
    cause = error if isinstance(error, OSError) else error.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    why = f"{cause.strerror or cause}" if isinstance(cause, OSError) else f"{error}"
    status = 507 if number in _NO_ROOM else 503
    advice = "make room and send it again" if status == 507 else "send it again when it can be written"
    return refusal(status, f"{what}: {why}; {advice}.", headers={"Retry-After": "30"})
