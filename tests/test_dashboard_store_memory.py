"""What a process that runs for long does not keep."""

from __future__ import annotations

import subprocess
import sys


def test_a_large_array_is_gone_from_the_process_once_it_is_freed() -> None:
    """Arrays of 8 MB, freed once, would be kept for the next ones; Arrow's too."""
    code = """
import numpy as np, pyarrow as pa, psutil
from dashboard.store.memory import thrifty
thrifty()
held = lambda: psutil.Process().memory_info().rss
for _ in range(3):  # glibc learns from what is freed
    np.ones(1 << 20)
few = held()
many = [np.ones(1 << 20) for _ in range(20)] + [pa.array(np.ones(1 << 20)) for _ in range(20)]
last = np.ones(100)
most = held()
del many
print(held() - few, most - few, pa.default_memory_pool().backend_name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    left, grown, pool = done.stdout.split()
    assert int(grown) > 150e6
    assert int(left) < 20e6
    assert pool == "system"
