"""The README's tables as the code has them: `python -m tests.docs_tables` prints them with their markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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


TABLES = {"settings": settings_table, "fields": fields_table}


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
