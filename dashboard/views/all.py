"""Every view of `callmeter report`."""

from __future__ import annotations

from . import View, alerts, cache, daily, failures, latency, models, projects, sessions, summary

VIEWS: tuple[View, ...] = (
    summary.VIEW,
    daily.VIEW,
    models.VIEW,
    projects.VIEW,
    sessions.VIEW,
    cache.VIEW,
    alerts.VIEW,
    latency.VIEW,
    failures.VIEW,
)
"""In the order of the help."""


def view(name: str) -> View:
    """The view of that name. Raises KeyError."""
    return {one.name: one for one in VIEWS}[name]
