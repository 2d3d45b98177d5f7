"""A `claude` for tests: prints a captured stream and ends with the exit code that was recorded for it.

The prompt, on stdin, names the scenario; of `killed` it prints the beginning and waits for its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

DATA = Path(__file__).parent / "data" / "claude-cli"


def main() -> None:
    scenario = sys.stdin.read().strip()
    assert sys.argv[1] == "-p" and os.environ["CLAUDE_CODE_ENABLE_TELEMETRY"] == "1"
    if note := os.environ.get("STAND_IN_NOTES"):
        with open(note, "a") as file:
            file.write(os.environ["OTEL_RESOURCE_ATTRIBUTES"] + "\n")
    sys.stdout.write((DATA / scenario / "stream.jsonl").read_text())
    sys.stdout.flush()
    if scenario == "killed":
        signal.pause()
    truth = json.loads((DATA / scenario / "truth.json").read_text())
    sys.exit(truth["stream.jsonl"]["exit_code"])


if __name__ == "__main__":
    main()
