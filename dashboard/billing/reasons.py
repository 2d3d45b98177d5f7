"""Why what was billed and what was logged can differ."""

REASONS = {
    "rounding": "within rounding",
    "not_logged": "billed, but not logged",
    "lower_bound": "lines whose counts are a lower bound",
    "no_counts": "logged without counts",
    "unpriced": "logged without a known price",
    "not_billed": "logged, but not billed",
    "failed": "calls that failed or were refused",
    "logged_twice": "logged twice",
    "day_edge": "the other side of midnight (UTC)",
    "not_reported_yet": "too young to be in Anthropic's report",
    "other_part": "perhaps of another workspace or key",
    "discount": "discount",
    "surcharge": "charged above the list price",
    "credit": "credit",
    "web_search": "web searches",
    "code_execution": "code execution",
    "session_time": "session time",
    "price": "another price than ours",
    "no_usage": "in Anthropic's costs, not in its usage",
    "several": "several causes, not told apart",
    "unexplained": "not explained",
}
"""Why numbers differ -> what people read."""
