"""What a process holds and uses, as the system says."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]


def rss(process: int) -> int:
    """Bytes of memory a process and its children hold now."""
    one = psutil.Process(process)
    return sum(int(each.memory_info().rss) for each in [one, *one.children(recursive=True)])


def cpu(process: int) -> float:
    """Seconds of processor time a process has used."""
    used = psutil.Process(process).cpu_times()
    return float(used.user + used.system)


def peak(process: int) -> int | None:
    """The most bytes a process has held at once; None where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), None
    )


def own_peak() -> int:
    """The most bytes this process has held at once.

    What getrusage says comes second: on Linux it includes what the parent held when it started us.
    """
    found = peak(os.getpid())
    if found is not None:
        return found
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
