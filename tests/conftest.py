"""What tests share: a machine of their own, and no clock that a busy one could lose against."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("callmeter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("callmeter")


@pytest.fixture
def own_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a working directory of its own, without settings, in UTC; the working directory."""
    for name in [name for name in os.environ if name.startswith(("CALLMETER_", "XDG_"))]:
        monkeypatch.delenv(name)
    machine = tmp_path_factory.mktemp("machine")
    monkeypatch.setenv("HOME", str(machine))
    monkeypatch.setenv("TZ", "UTC")
    (machine / "here").mkdir()
    monkeypatch.chdir(machine / "here")
    return machine / "here"
