"""`callmeter serve`: what it checks before it listens, how it greets, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from dashboard.commands.folder import usable
from dashboard.commands.port import holder, listen
from dashboard.commands.serve import guarded, welcome
from dashboard.errors import FolderError, PortError, SettingError
from dashboard.settings import Settings, load

ROOT = Path(__file__).parent.parent


def settings(**flags: object) -> Settings:
    return load(flags, {}, Path("/cwd"), Path("/home/pi"))


# The port


def test_port_0_takes_a_free_one() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as other:
        assert one.getsockname()[1] != other.getsockname()[1]


def test_a_port_in_use_says_who_has_it_and_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError) as error:
            listen("127.0.0.1", port)
    said = str(error.value)
    assert said.startswith(f"127.0.0.1:{port}: the port is in use by ")
    assert f"(process {os.getpid()})" in said
    assert said.endswith(f"--port {port + 1} takes another one")


def test_a_port_just_given_back_can_be_taken_again() -> None:
    with listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    listen("127.0.0.1", port).close()


def test_an_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(PortError, match=r"203\.0\.113\.7:8050: this machine does not have that address"):
        listen("203.0.113.7", 8050)


def test_a_name_nobody_knows_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(PortError, match=r"pi\.local:8050: this address is not known"):
        listen("pi.local", 8050)


def test_the_holder_is_found_in_the_kernels_tables(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    head = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    )
    listens = (
        "   0: 0100007F:1F72 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
    )
    talks = (
        "   1: 0100007F:1F73 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1\n"
    )
    (tmp_path / "net/tcp").write_text(head + listens + talks)
    (tmp_path / "42/fd").mkdir(parents=True)
    (tmp_path / "42/comm").write_text("nginx\n")
    (tmp_path / "42/fd/3").symlink_to("socket:[4711]")
    (tmp_path / "42/fd/4").symlink_to("socket:[4712]")
    assert holder(8050, tmp_path) == "nginx (process 42)"
    assert holder(8051, tmp_path) is None
    assert holder(8052, tmp_path) is None


def test_where_the_system_does_not_tell_nobody_holds_the_port(tmp_path: Path) -> None:
    assert holder(8050, tmp_path) is None


# The folder


def test_a_missing_folder_is_fine_only_where_it_is_said_so(tmp_path: Path) -> None:
    assert usable(tmp_path / "logs", may_be_missing=True) == tmp_path / "logs"
    with pytest.raises(FolderError, match="no such folder"):
        usable(tmp_path / "logs")


def test_a_folder_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FolderError, match="may not be read by this user"):
        usable(tmp_path, may_be_missing=True)


# The guard and the greeting


def test_another_address_needs_a_token() -> None:
    guarded(settings())
    guarded(settings(host="0.0.0.0", token="a-long-enough-secret"))
    with pytest.raises(SettingError, match="set CALLMETER_TOKEN"):
        guarded(settings(host="0.0.0.0"))


def test_the_greeting_says_where_the_page_is_and_how_to_tunnel() -> None:
    assert welcome(settings(log_dir="/srv/logs", port=8051), "pi", "rpi").splitlines() == [
        "callmeter shows /srv/logs at http://127.0.0.1:8051  (Ctrl-C stops it)",
        "From another machine: ssh -L 8051:localhost:8051 pi@rpi, then open http://localhost:8051 there.",
    ]


def test_the_greeting_of_another_address_needs_no_tunnel() -> None:
    greeting = welcome(settings(host="::"), "pi", "raspberrypi")
    assert "http://[::]:8050" in greeting
    assert "ssh" not in greeting


# The whole way


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_serves_a_missing_folder_until_it_is_told_to_stop(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    words = [
        sys.executable,
        "-m",
        "dashboard.commands",
        "serve",
        "--port",
        "0",
        "--log-dir",
        tmp_path / "none",
    ]
    environ = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with subprocess.Popen(
        words, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stderr
            greeting = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", greeting)
            assert found, greeting + process.stderr.read()
            with urllib.request.urlopen(found[0], timeout=30) as answer:
                assert answer.status == 200
            process.send_signal(number)
            assert process.wait(30) == code
            assert process.stderr.read() == ""
        finally:
            process.kill()
