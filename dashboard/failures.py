"""Why calls failed: error types in classes that people know, by anything, over time. Pure.

A failed call is one whose last attempt failed. Attempts that were tried again are `retries`: their cause is
not logged. The same failure has several names (the API's, the SDK's exceptions, the Claude CLI's, or only a
message): `class_of` knows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from . import buckets

Array = np.ndarray[Any, np.dtype[Any]]

CLASSES = {
    "rate_limit": "Rate limit (429)",
    "overloaded": "Overloaded (529)",
    "timeout": "Timeout",
    "server": "Server error (5xx)",
    "connection": "No connection",
    "request": "Request refused (4xx)",
    "cut": "Cut off or stopped",
    "other": "Other",
}
"""Classes of failures -> what people call them, in the order in which they are shown."""

_TYPES = {
    "rate_limit": "rate_limit_error ratelimiterror rate_limit rate_limited",
    "overloaded": "overloaded_error overloadederror overloaded",
    "timeout": "timeout_error timeout timeouterror gateway_timeout_error gatewaytimeouterror apitimeouterror "
    "requesttimeouterror deadlineexceedederror connecttimeout readtimeout writetimeout pooltimeout "
    "timeoutexpired",
    "server": "api_error server_error internalservererror internal_server_error serviceunavailableerror "
    "service_unavailable httpnotimplementederror",
    "connection": "apiconnectionerror connection_error connectionerror connecterror readerror writeerror "
    "remoteprotocolerror connectionreseterror connectionrefusederror brokenpipeerror gaierror",
    "request": "invalid_request_error invalid_request badrequesterror authentication_error "
    "authentication_failed authenticationerror billing_error paymentrequirederror permission_error "
    "permissiondeniederror not_found_error notfounderror conflict_error conflicterror request_too_large "
    "contenttoolargeerror requesttoolargeerror unprocessableentityerror preconditionfailederror "
    "requestheaderfieldstoolargeerror prompt_too_long",
    "cut": "killed abandoned stream_interrupted no_result no_output aborted_streaming cancellederror "
    "keyboardinterrupt generatorexit systemexit canceled clientclosedrequesterror error_during_execution "
    "apiresponsevalidationerror",
}
_CLASS = {name: kind for kind, names in _TYPES.items() for name in names.split()}

_SAID = (
    ("rate_limit", re.compile(r"\b429\b|rate.?limit|too many requests")),
    ("overloaded", re.compile(r"\b529\b|overloaded")),
    ("timeout", re.compile(r"\b(408|504)\b|timed? ?out")),
    ("connection", re.compile(r"\bconnection|connect(ion)? (refused|reset)|name resolution|unreachable")),
    ("server", re.compile(r"\b50[0-35-9]\b|internal server error|service unavailable|bad gateway")),
    ("request", re.compile(r"\b4(0[0-79]|1\d|22)\b|invalid.{0,20}(key|request)|too long|unauthori[sz]ed")),
    ("cut", re.compile(r"\bkilled\b|cancell?ed|interrupted|broke off|aborted|sig(kill|term|int)")),
)
"""How a message tells its class, for lines that have no type; the first that fits."""

_WORDS = {
    "rate_limit_error": "rate limit reached",
    "overloaded_error": "the API was overloaded",
    "api_error": "the API failed",
    "timeout_error": "the API took too long",
    "APITimeoutError": "no answer in time",
    "APIConnectionError": "no connection to the API",
    "invalid_request_error": "the request was not valid",
    "authentication_error": "the API key was refused",
    "permission_error": "not allowed with this API key",
    "billing_error": "the account could not be billed",
    "not_found_error": "no such model or resource",
    "request_too_large": "the request was too large",
    "http_error": "an error of something between",
    "killed": "the worker was killed",
    "abandoned": "its program ended before it did",
    "stream_interrupted": "the reply broke off",
    "no_result": "the run ended without a result",
    "no_output": "the run said nothing",
    "error_max_turns": "the most turns were reached",
    "error_max_budget_usd": "the run's budget was reached",
    "error_during_execution": "the run was stopped",
    "already_counted": "counted in an earlier line",
    "prompt_too_long": "the prompt was too long",
}

COLUMNS = {"outcome", "error", "calls", "retries"}
"""What is read of the rows, besides `time` and what they are grouped by."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What failed of some calls. `by_class` has the classes that occur, most calls first."""

    calls: int = 0
    failed: int = 0
    retries: int = 0
    by_class: Mapping[str, int] = field(default_factory=dict)


def class_of(error: str) -> str:
    """The class of an error type, or of a message where there is no type."""
    said = error.strip().lower()
    known = _CLASS.get(said)
    if known is not None:
        return known
    return next((kind for kind, words in _SAID if words.search(said)), "other")


def words(error: str) -> str:
    """What an error type means; a type that is not known, or a message, says it itself."""
    return _WORDS.get(error, "" if error else "no reason given")


def total(rows: pd.DataFrame) -> Failed:
    """What failed of all the lines."""
    lost = _lost(rows)
    counts = np.bincount(_classes(rows), weights=lost, minlength=len(CLASSES))
    order = np.argsort(-counts, kind="stable")
    names = list(CLASSES)
    return Failed(
        calls=int(rows["calls"].sum()),
        failed=int(lost.sum()),
        retries=int(rows["retries"].sum()),
        by_class={names[at]: int(counts[at]) for at in order if counts[at]},
    )


def _lost(rows: pd.DataFrame) -> Array:
    """Failed calls of each line."""
    failed = (rows["outcome"] == "failed").to_numpy()
    return np.asarray(np.where(failed, rows["calls"].to_numpy(), 0))


def _classes(rows: pd.DataFrame) -> Array:
    """The place of each line's class in `CLASSES`; of no meaning where the line did not fail."""
    places = {name: place for place, name in enumerate(CLASSES)}
    known = [places[class_of(str(error))] for error in rows["error"].cat.categories]
    of_type = np.array([*known, places["other"]], dtype=np.int64)
    return np.asarray(of_type[rows["error"].cat.codes.to_numpy()])


def by(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row per `key` (`day`, `hour` or a facet column): calls, failed, retries and one column per class.

    Days and hours are in order, facets by failed calls, most first, then by calls.
    """
    codes, names = buckets.groups(rows, key)
    inside = codes >= 0
    codes, lost = codes[inside].astype(np.int64), _lost(rows)[inside]
    kinds = list(CLASSES)
    cells = codes * len(kinds) + _classes(rows)[inside]
    by_class = np.bincount(cells, weights=lost, minlength=len(names) * len(kinds)).reshape(-1, len(kinds))
    added = {
        "calls": _added(codes, rows["calls"].to_numpy()[inside], len(names)),
        "failed": _added(codes, lost, len(names)),
        "retries": _added(codes, rows["retries"].to_numpy()[inside], len(names)),
        **{kind: by_class[:, place] for place, kind in enumerate(kinds)},
    }
    table = pd.DataFrame(added, index=names)
    small = table[table["calls"] > 0].astype("int64")
    if key in ("day", "hour"):
        return small
    return small.sort_values(["failed", "calls"], ascending=False, kind="stable")


def _added(codes: Array, amounts: Array, groups: int) -> Array:
    return np.asarray(np.bincount(codes, weights=amounts, minlength=groups))


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """The error types that occur, most calls first. Index: the type. Columns: kind (its class), calls,
    last (when a call that ended so began).
    """
    bad = rows[(rows["outcome"] == "failed").to_numpy()]
    names = bad["error"].cat.categories
    codes = bad["error"].cat.codes.to_numpy().astype(np.int64)
    calls = np.bincount(codes, weights=bad["calls"].to_numpy(), minlength=len(names)).astype(np.int64)
    newest = np.zeros(len(names), dtype=np.int64)
    newest[codes] = np.arange(len(bad))  # the lines are in order: the last one stays
    order = [at for at in np.argsort(-calls, kind="stable") if calls[at]]
    table = pd.DataFrame({"kind": [class_of(str(names[at])) for at in order], "calls": calls[order]})
    table["last"] = list(bad["time"].iloc[newest[order]])
    table.index = pd.Index([str(names[at]) for at in order], name="error")
    return table


def course(rows: pd.DataFrame, grid: pd.DatetimeIndex, edges: Array) -> pd.DataFrame:
    """Failed calls per bucket (`buckets.grid`) and class that occurs, and all `calls`."""
    place, lost = buckets.place(rows["time"], edges), _lost(rows)
    inside = place >= 0
    bad = np.flatnonzero(inside & (lost > 0))
    cell, size = place[bad] * len(CLASSES) + _classes(rows)[bad], len(grid) * len(CLASSES)
    counts = np.bincount(cell, weights=lost[bad], minlength=size).astype(np.int64)
    table = pd.DataFrame(counts.reshape(len(grid), len(CLASSES)), index=grid, columns=list(CLASSES))
    calls = _added(place[inside], rows["calls"].to_numpy()[inside], len(grid))
    return table.loc[:, table.any()].assign(calls=calls.astype(np.int64))
