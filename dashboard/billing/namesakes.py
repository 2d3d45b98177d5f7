"""Workspaces and API keys that share a name, told apart: one key `prod` per workspace is usual. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

_LEAST = 4
"""Signs of an id, from its end."""

Shared = Mapping[tuple[str, str], str]
"""(`workspace` or `api_key`, name as it is shown) -> the name that it shares with others."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Frames in which every id has a name of its own."""

    frames: Sequence[pd.DataFrame]
    shared: Shared


def apart(frames: Sequence[pd.DataFrame]) -> Apart:
    """Names of several ids become `prod (Research)`, by workspace, or `prod (…3fA9)`, by the end of the id.

    Each frame has the columns workspace, workspace_id, api_key and api_key_id.
    """
    shared: dict[tuple[str, str], str] = {}
    for facet in ("workspace", "api_key"):
        shown = dict(_shown(frames, facet))
        if shown:
            known = _names(frames, facet)
            shared |= {(facet, name): known[id_] for id_, name in shown.items()}
            frames = [_renamed(frame, facet, shown) for frame in frames]
    return Apart(frames, shared)


def _shown(frames: Sequence[pd.DataFrame], facet: str) -> Iterator[tuple[str, str]]:
    """Id and name of those that share theirs."""
    known = _names(frames, facet)
    ids: dict[str, list[str]] = defaultdict(list)
    for id_, name in known.items():
        ids[name].append(id_)
    places = _places(frames) if facet == "api_key" else {}
    for name, group in ids.items():
        if len(group) > 1:
            yield from _told_apart(name, group, places, ids).items()


def _names(frames: Sequence[pd.DataFrame], facet: str) -> dict[str, str]:
    """Id -> name, of those that have both."""
    pairs = pd.concat([frame[[f"{facet}_id", facet]].drop_duplicates() for frame in frames])
    return {id_: name for id_, name in pairs.itertuples(index=False) if id_ and name}


def _places(frames: Sequence[pd.DataFrame]) -> dict[str, set[str]]:
    """Id of a key -> the workspaces it was used in."""
    found: dict[str, set[str]] = defaultdict(set)
    columns = ["api_key_id", "workspace", "workspace_id"]
    for frame in frames:
        for key, name, id_ in frame[columns].drop_duplicates().itertuples(index=False):
            found[key].add(name or id_)
    return found


def _told_apart(
    name: str, ids: Sequence[str], places: Mapping[str, set[str]], taken: Mapping[str, object]
) -> dict[str, str]:
    """Id -> name of its own: with the workspace where that tells, else with the end of the id."""
    words = [" and ".join(sorted(places.get(id_, ()))) for id_ in ids]
    ends = [f"…{end}" for end in _ends(ids)]
    for marks in (words, ends):
        made = [f"{name} ({mark})" for mark in marks]
        if all(marks) and len(set(made)) == len(ids) and not taken.keys() & set(made):
            return dict(zip(ids, made, strict=True))
    return {id_: f"{name} ({id_})" for id_ in ids}


def _ends(ids: Sequence[str]) -> list[str]:
    """The shortest ends of different ids that differ."""
    longest = max(map(len, ids))
    sizes = (size for size in range(_LEAST, longest) if len({id_[-size:] for id_ in ids}) == len(ids))
    size = next(sizes, longest)
    return [id_[-size:] for id_ in ids]


def _renamed(frame: pd.DataFrame, facet: str, shown: Mapping[str, str]) -> pd.DataFrame:
    pairs = zip(frame[f"{facet}_id"], frame[facet], strict=True)
    return frame.assign(**{facet: pd.Series([shown.get(*pair) for pair in pairs], frame.index, object)})
