"""The pictures of the page, in the order they stand on it."""

from . import activity, cost, models, spenders, tasks, timeline
from .picture import Chart, Figure, Picture, Scene, Table

CHARTS: tuple[Chart, ...] = (
    timeline.CHART,
    cost.CHART,
    models.CHART,
    spenders.CHART,
    tasks.CHART,
    activity.CHART,
)

__all__ = ["CHARTS", "Chart", "Figure", "Picture", "Scene", "Table"]
