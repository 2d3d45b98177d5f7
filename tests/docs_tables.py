"""The README's tables as the code has them: `python -m tests.docs_tables` prints them with their markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from dashboard.billing import rules as billing_rules
from dashboard.keys import REQUIRED, Key
from dashboard.money import budgets, credit, notify, watches
from dashboard.settings import OPTIONS
from logger.record import FIELDS


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def settings_table() -> str:
    """Every setting: name in the file, type, default, environment variable, meaning."""
    rows = [[f"`{o.name}`", o.type, f"`{o.default}`", f"`{o.env}`", o.help] for o in OPTIONS]
    return table(["setting", "type", "default", "environment", "meaning"], rows)


def fields_table() -> str:
    """Every field of a line: name, JSON type, unit, meaning."""
    rows = [[f"`{f.name}`", f.type, f.unit, f.meaning] for f in FIELDS]
    return table(["field", "type", "unit", "meaning"], rows)


def keys_table(keys: Sequence[Key]) -> Callable[[], str]:
    """Every key of a table in callmeter.toml: name, type, default, meaning."""
    rows = [[f"`{key.name}`", key.type, _default(key), key.help] for key in keys]
    return lambda: table(["key", "type", "default", "meaning"], rows)


def _default(key: Key) -> str:
    return key.shown if key.default is REQUIRED else f"`{key.shown}`"


TABLES = {
    "settings": settings_table,
    "fields": fields_table,
    "budget": keys_table(budgets.KEYS),
    "watch": keys_table(watches.KEYS),
    "credit": keys_table(credit.KEYS),
    "alerts": keys_table(notify.KEYS),
    "billing": keys_table(billing_rules.KEYS),
}


def between(text: str, marker: str) -> str | None:
    """What stands between `<!-- marker -->` and `<!-- /marker -->`; None without them."""
    found = re.search(rf"<!-- {marker} -->\n(.*?)\n?<!-- /{marker} -->", text, re.DOTALL)
    return found[1] if found else None


def shell_blocks(text: str) -> list[str]:
    """The code of every ```sh, ```bash or ```console block."""
    return re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    for name, made in TABLES.items():
        print(f"<!-- {name} -->\n{made()}\n<!-- /{name} -->\n")
