"""The names of the page's components, written once."""

URL = "url"
TICK = "tick"
"""What the pictures were last told to show: `version@hour`. A change redraws."""
PULSE = "pulse"
"""What the status line is made of, as the server told it by itself; see `live.pulse`."""
ANSWER = "answer"
"""The same as the answer to the page's own asking."""
BEAT = "beat"
"""A second's clock in the browser; it never asks the server."""
INTERVAL = "interval"
DRAWN = "drawn"
"""Digest of each part as it stands in the browser, so that only what changed is sent."""

BODY = "body"
STATUS = "status"
REFRESH = "refresh"
VIEWS = "views"
RANGE = "range"
DAYS = "days"
CHIPS = "chips"
CLEAR = "clear"

FILTERS = "filters"
MODELS, PROJECTS, TASKS, WORKERS, SOURCES = "models", "projects", "tasks", "workers", "sources"
OUTCOME = "outcome"
CHOICES = (MODELS, PROJECTS, TASKS, WORKERS, SOURCES)

TROUBLE = "trouble"
"""A sentence when the server could not do what the page asked."""

RUNNING = "running"
"""The calls in flight, as the server told them; see `running.told`."""
RUNNING_CARD = "running-card"
RUNNING_BODY = "running-body"
RUNNING_OPEN = "running-open"
RUNNING_DRAWER = "running-drawer"
RUNNING_LIST = "running-list"

CACHE = "cache"
MODELS_BY = "models-by"
WHO = "who"

GRID = "grid"
GRID_NOTE = "grid-note"
GRID_VIEW = "grid-view"
DETAIL = "detail"
DETAIL_BODY = "detail-body"
HEALTH = "health"
MEASURE = "measure"
"""What latency is told of."""
SPEED_DRAWN = "speed-drawn"
"""As `DRAWN`, of the pictures of the health view."""

ALERTS = "alerts"
"""The open alerts, as the server told them; see `banner.told`."""
BANNER = "banner"
BANNER_LINK = "banner-link"
BANNER_CLOSE = "banner-close"
BANNER_ALOUD = "banner-aloud"
"""What a screen reader says of the banner."""

MONEY_TICK = "money-tick"
"""What the money view was last told to show; as `TICK`, and changes with rules, ledger and alerts too."""
MONEY_DRAWN = "money-drawn"
"""As `DRAWN`, of the money view."""
MONEY_TROUBLE = "money-trouble"
BALANCE = "balance"
BUDGETS = "budgets"
PACE = "pace"
WHAT_IF = "what-if"
WHAT_IF_SAID = "what-if-said"
LOST = "lost"
ALERT_LIST = "alert-list"

BILL_TICK = "bill-tick"
"""What the bill view was last told to show; as `TICK`, and changes with Anthropic's numbers too."""
BILL_DRAWN = "bill-drawn"
"""As `DRAWN`, of the bill view."""
BILL_TROUBLE = "bill-trouble"
BILL_VERDICT = "bill-verdict"
BILL_FINDINGS = "bill-findings"
BILL_MODELS = "bill-models"
BILL_SUMMARY = "bill-summary"
BILL_COLD = "bill-cold"
BILL_PROJECTS = "bill-projects"
BILL_UNCACHED = "bill-uncached"
BILL_SESSIONS = "bill-sessions"

EXPORT = "export"
EXPORT_SAID = "export-said"
"""What the files of the export menu hold."""

TABLE = "table"
TABLE_BODY = "table-body"


def card(name: str) -> str:
    """What stands in a summary card."""
    return f"card-{name}"


def badge(name: str) -> str:
    """The badge of a summary card, which opens its explanation."""
    return f"badge-{name}"


def explanation(name: str) -> str:
    """How complete the number of a summary card is."""
    return f"explanation-{name}"


def more(name: str) -> str:
    """The link below that, which leads to the health view."""
    return f"more-{name}"


def figure(chart: str) -> str:
    """The graph of a chart."""
    return f"figure-{chart}"


def fresh(chart: str) -> str:
    """The figure of a chart as the server last drew it, before the reader's zoom is put on it."""
    return f"fresh-{chart}"


def sentence(chart: str) -> str:
    """The sentence of a chart."""
    return f"sentence-{chart}"


def as_table(chart: str) -> dict[str, str]:
    """The button that shows a chart as a table."""
    return {"type": "as-table", "chart": chart}


def export_link(form: str) -> str:
    """The link to what is on screen in a format."""
    return f"export-{form}"


def chip(facet: str, value: str) -> dict[str, str]:
    """The button that takes one choice of a filter away."""
    return {"type": "chip", "facet": facet, "value": value}
