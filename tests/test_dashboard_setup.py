"""Set-up: make does it all, once, again only when pyproject.toml changed, and says what it lacks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PYTHON = """#!/bin/sh
# Stands in for python3: checks answer as told, `-m venv` makes an environment of stand-ins.
case "$*" in
*version_info*) exit ${OLD:-0} ;;
*ensurepip*) exit ${BARE:-0} ;;
"-m venv"*)
    echo venv >> "$DONE"
    mkdir -p .venv/bin
    for tool in python callmeter ruff mypy; do
        printf '#!/bin/sh\\necho "%s $*" >> "$DONE"\\nexit ${FAIL:-0}\\n' $tool > .venv/bin/$tool
        chmod +x .venv/bin/$tool
    done ;;
esac
"""


class Checkout:
    """The Makefile on its own, with a stand-in for Python that notes down what it was asked to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "pyproject.toml").write_text("")
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)
        for tool in ("make", "sh", "mkdir", "chmod", "touch", "rm", "sed", "expand", "printf", "echo", "env"):
            found = shutil.which(tool)
            if found:
                (self.bin / tool).symlink_to(found)

    def make(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": str(self.bin), "DONE": str(self.folder / "done"), "PYTHON": "./python"}
        return subprocess.run(
            ["make", *words], cwd=self.folder, env=own | environ, capture_output=True, text=True
        )

    def done(self) -> list[str]:
        """What was done since this was last asked."""
        file = self.folder / "done"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [
            re.sub(r"^python -m pip install --quiet --disable-pip-version-check", "pip", line)
            for line in lines
        ]

    def browser(self) -> None:
        for tool in ("chromium", "chromedriver"):
            (self.bin / tool).write_text("#!/bin/sh\n")
            (self.bin / tool).chmod(0o755)

    def older(self, *names: str) -> None:
        """Let what there is be old, so that what is touched now is newer."""
        for file in [self.folder / name for name in names]:
            os.utime(file, (0, 0))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_make_run_sets_up_once_and_serves(checkout: Checkout) -> None:
    first = checkout.make("run")
    assert first.returncode == 0, first.stderr
    assert checkout.done() == ["venv", "pip --editable .[anthropic,notify]", "callmeter serve"]
    again = checkout.make("run")
    assert checkout.done() == ["callmeter serve"]
    assert again.stdout == ""


def test_make_run_takes_port_folder_and_host(checkout: Checkout) -> None:
    checkout.make("run", "PORT=8051", "LOG_DIR=/srv/my logs", "HOST=::1")
    assert checkout.done()[-1] == "callmeter serve --port 8051 --log-dir /srv/my logs --host ::1"
    checkout.make("run", PORT="8052", LOG_DIR="/srv/logs")
    assert checkout.done()[-1] == "callmeter serve --port 8052 --log-dir /srv/logs"


def test_the_machines_name_in_the_environment_is_not_an_address_to_listen_on(checkout: Checkout) -> None:
    checkout.make("run", HOST="raspberrypi")
    assert checkout.done()[-1] == "callmeter serve"


def test_a_changed_pyproject_is_installed_again(checkout: Checkout) -> None:
    checkout.make("run")
    checkout.older("pyproject.toml", ".venv/made", ".venv/installed")
    (checkout.folder / "pyproject.toml").touch()
    checkout.done()
    checkout.make("run")
    assert checkout.done() == ["pip --editable .[anthropic,notify]", "callmeter serve"]


def test_an_interrupted_installation_is_done_again(checkout: Checkout) -> None:
    assert checkout.make("run", FAIL="1").returncode != 0
    assert checkout.done() == ["venv", "pip --editable .[anthropic,notify]"]
    assert checkout.make("run").returncode == 0
    assert checkout.done() == ["pip --editable .[anthropic,notify]", "callmeter serve"]


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.make("run")
    checkout.done()
    (checkout.folder / ".venv/bin/python").unlink()
    checkout.make("run")
    assert checkout.done() == ["venv", "pip --editable .[anthropic,notify]", "callmeter serve"]


def test_an_old_python_is_a_sentence(checkout: Checkout) -> None:
    done = checkout.make("run", OLD="1")
    assert done.returncode != 0
    assert "callmeter needs Python 3.11 or newer" in done.stderr
    assert checkout.done() == []


def test_a_python_without_venv_is_told_the_apt_line(checkout: Checkout) -> None:
    done = checkout.make("test", BARE="1")
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert checkout.done() == []


def test_make_test_installs_what_tests_need_and_runs_them_all(checkout: Checkout) -> None:
    checkout.browser()
    done = checkout.make("test", "ARGS=-k report")
    assert done.returncode == 0, done.stderr
    assert checkout.done() == [
        "venv",
        "pip --editable .[anthropic,notify]",
        "pip --editable .[dev]",
        "python -m pytest -n auto --dist loadfile --no-loadscope-reorder -k report",
    ]
    assert "SKIPPED" not in done.stdout


def test_without_a_browser_its_tests_are_skipped_aloud_but_not_in_ci(checkout: Checkout) -> None:
    done = checkout.make("test")
    assert done.returncode == 0
    assert (
        checkout.done()[-1]
        == "python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m not browser"
    )
    assert "BROWSER TESTS SKIPPED" in done.stdout
    assert "sudo apt install chromium chromium-driver" in done.stdout
    assert checkout.make("test", CI="true").returncode != 0
    assert checkout.done() == []


def test_failing_tests_fail_make(checkout: Checkout) -> None:
    checkout.make("test")
    assert checkout.make("test", FAIL="1").returncode != 0


def test_make_check_runs_every_check(checkout: Checkout) -> None:
    checkout.make("check")
    assert [line.split(" tests/")[0] for line in checkout.done()[-4:]] == [
        "ruff check",
        "ruff format --check",
        "mypy ",
        "python -m pytest",
    ]


def test_make_alone_lists_what_there_is(checkout: Checkout) -> None:
    shown = checkout.make().stdout
    assert all(f"make {target} " in shown for target in ("run", "test", "check", "bench", "demo"))
    assert checkout.done() == []


def test_the_ci_script_is_a_shell_script_that_parses() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", script], check=True)
