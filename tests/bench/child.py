"""A fresh process: `python -m tests.bench.child MODULE FUNCTION JSON` prints what the function answers."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    """Call a function of this package with the arguments in JSON."""
    module, function, given = sys.argv[1:]
    answer = getattr(importlib.import_module(f"tests.bench.{module}"), function)(**json.loads(given))
    if answer is not None:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
