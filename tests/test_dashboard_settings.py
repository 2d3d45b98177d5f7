"""Settings: defaults < file < environment < flags, and a sentence for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.errors import SettingError
from dashboard.settings import OPTIONS, Settings, is_loopback, load, local_zone

SECRET = "a-long-enough-secret"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".config" / "callmeter").mkdir(parents=True)
    return folder


def settings(cwd: Path, home: Path, environ: dict[str, str] | None = None, **flags: object) -> Settings:
    return load(flags, environ or {}, cwd, home)


def sentence(cwd: Path, home: Path, environ: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(SettingError) as error:
        settings(cwd, home, environ, **flags)
    return str(error.value)


def test_defaults(cwd: Path, home: Path) -> None:
    chosen = settings(cwd, home)
    assert (chosen.host, chosen.port, chosen.refresh_seconds, chosen.poll_seconds) == (
        "127.0.0.1",
        8050,
        30,
        2,
    )
    assert chosen.log_dir == cwd / "logs/api"
    assert chosen.cache_dir == home / ".cache/callmeter"
    assert chosen.token is None
    assert chosen.prices is None
    assert chosen.allowed_hosts == ()


def test_file_beats_defaults_environment_beats_file_flags_beat_all(cwd: Path, home: Path) -> None:
    assert settings(cwd, home).port == 8050
    (cwd / "callmeter.toml").write_text("port = 1111\n")
    assert settings(cwd, home).port == 1111
    environ = {"CALLMETER_PORT": "2222"}
    assert settings(cwd, home, environ).port == 2222
    assert settings(cwd, home, environ, port="3333").port == 3333


def test_a_flag_that_was_not_given_and_an_empty_variable_change_nothing(cwd: Path, home: Path) -> None:
    (cwd / "callmeter.toml").write_text("port = 1111\n")
    assert settings(cwd, home, {"CALLMETER_PORT": ""}, port=None).port == 1111


def test_the_file_here_beats_the_one_in_the_configuration_folder(cwd: Path, home: Path) -> None:
    users = home / ".config/callmeter/callmeter.toml"
    users.write_text("port = 1111\n")
    assert settings(cwd, home).port == 1111
    assert settings(cwd, home).file == users
    (cwd / "callmeter.toml").write_text("port = 2222\n")
    assert settings(cwd, home).port == 2222


def test_the_configuration_and_cache_folders_follow_xdg(cwd: Path, home: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    (config / "callmeter").mkdir(parents=True)
    (config / "callmeter/callmeter.toml").write_text("port = 1111\n")
    environ = {"XDG_CONFIG_HOME": str(config), "XDG_CACHE_HOME": "/var/cache"}
    assert settings(cwd, home, environ).port == 1111
    assert settings(cwd, home, environ).cache_dir == Path("/var/cache/callmeter")


def test_paths_are_relative_to_where_they_are_written(cwd: Path, home: Path) -> None:
    (home / ".config/callmeter/callmeter.toml").write_text('log_dir = "calls"\nprices = "~/prices.json"\n')
    assert settings(cwd, home).log_dir == home / ".config/callmeter/calls"
    assert settings(cwd, home).prices == home / "prices.json"
    assert settings(cwd, home, {"CALLMETER_LOG_DIR": "calls"}).log_dir == cwd / "calls"
    assert settings(cwd, home, log_dir=Path("/srv/calls")).log_dir == Path("/srv/calls")


def test_tables_of_the_file_belong_to_others(cwd: Path, home: Path) -> None:
    (cwd / "callmeter.toml").write_text(
        "port = 1111\n[budget]\nmonthly = 10\n[[credit]]\nusd = 5\n[[credit]]\nusd = 7\n"
    )
    assert settings(cwd, home).port == 1111


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1\n", "prot: no such setting; did you mean port?"),
        ("colour = 1\n", "colour: no such setting; there are log_dir, host, port"),
        ('port = "8050"\n', "port: must be a whole number from 0 to 65535"),
        ("port = true\n", "port: must be a whole number"),
        ("port = 80.5\n", "port: must be a whole number"),
        ("port = nan\n", "port: must be a whole number"),
        ("port = 65536\n", "port: must be a whole number"),
        ("[port]\n", "port: must be a whole number"),
        ('timezone = "Mars/Olympus"\n', "timezone: must be"),
        ('timezone = "../../etc/passwd"\n', "timezone: must be"),
        ("log_dir = 3\n", "log_dir: must be a path"),
        ('log_dir = ""\n', "log_dir: must be a path"),
        ('host = "http://pi"\n', "host: must be a host name or an IP address"),
        ("refresh_seconds = 0\n", "refresh_seconds: must be a number of seconds from 1 to"),
        ("poll_seconds = inf\n", "poll_seconds: must be a number of seconds from 0.1 to"),
        ('allowed_hosts = "pi"\n', "allowed_hosts: must be a list of host names"),
        ("port = \n", "not valid TOML: "),
    ],
)
def test_a_wrong_value_in_the_file_is_a_sentence(cwd: Path, home: Path, text: str, said: str) -> None:
    file = cwd / "callmeter.toml"
    file.write_text(text)
    problem = sentence(cwd, home)
    assert problem.startswith(f"{file}: ")
    assert said in problem


def test_a_file_that_cannot_be_read_is_a_sentence(cwd: Path, home: Path) -> None:
    (cwd / "callmeter.toml").mkdir()
    assert "callmeter.toml: cannot be read" in sentence(cwd, home)
    (cwd / "callmeter.toml").rmdir()
    (cwd / "callmeter.toml").write_bytes(b"\xff\xfe")
    assert "must be UTF-8 text" in sentence(cwd, home)


def test_a_wrong_value_names_its_variable_or_flag(cwd: Path, home: Path) -> None:
    assert sentence(cwd, home, {"CALLMETER_PORT": "x"}).startswith("environment: CALLMETER_PORT: must be")
    assert sentence(cwd, home, port="x").startswith("command line: --port: must be")
    assert sentence(cwd, home, log_dir="").startswith("command line: --log-dir: must be a path")


def test_the_token_is_never_shown(cwd: Path, home: Path) -> None:
    short = sentence(cwd, home, {"CALLMETER_TOKEN": "hunter2"})
    assert "at least 16" in short
    assert "hunter2" not in short
    assert SECRET not in repr(settings(cwd, home, {"CALLMETER_TOKEN": SECRET}))
    assert settings(cwd, home, {"CALLMETER_TOKEN": SECRET}).token == SECRET


def test_lists_in_the_environment_are_parted_by_commas_or_spaces(cwd: Path, home: Path) -> None:
    environ = {"CALLMETER_ALLOWED_HOSTS": "Pi.local, pi  home.example"}
    assert settings(cwd, home, environ).allowed_hosts == ("pi.local", "pi", "home.example")


def test_every_option_is_a_setting_and_can_be_set_by_a_variable(cwd: Path, home: Path) -> None:
    values = {
        "log_dir": "/l",
        "host": "::1",
        "port": "1",
        "timezone": "Asia/Kolkata",
        "refresh_seconds": "5",
        "poll_seconds": "0.5",
        "cache_dir": "/c",
        "token": SECRET,
        "allowed_hosts": "pi",
        "prices": "/p",
    }
    assert set(values) == {option.name for option in OPTIONS}
    default = settings(cwd, home)
    for option in OPTIONS:
        changed = settings(cwd, home, {option.env: values[option.name]})
        assert getattr(changed, option.name) != getattr(default, option.name), option.name


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("pi.local", False),
        ("localhost.evil.example", False),
    ],
)
def test_what_is_loopback(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here


def test_the_zone_is_the_one_that_was_set(cwd: Path, home: Path) -> None:
    assert settings(cwd, home, timezone="Europe/Berlin").zone.key == "Europe/Berlin"
    assert settings(cwd, home, {"TZ": "Asia/Kolkata"}).zone.key == "Asia/Kolkata"


def test_the_local_zone_comes_from_tz_then_localtime_then_timezone(tmp_path: Path) -> None:
    assert local_zone({}, tmp_path).key == "UTC"
    (tmp_path / "timezone").write_text("Europe/London\n")
    assert local_zone({}, tmp_path).key == "Europe/London"
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
    assert local_zone({}, tmp_path).key == "America/New_York"
    assert local_zone({"TZ": ":Asia/Tokyo"}, tmp_path).key == "Asia/Tokyo"
    assert local_zone({"TZ": "/usr/share/zoneinfo/Asia/Tokyo"}, tmp_path).key == "Asia/Tokyo"


def test_an_empty_tz_is_utc_and_one_without_a_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "timezone").write_text("Europe/London\n")
    assert local_zone({"TZ": ""}, tmp_path).key == "UTC"
    assert local_zone({"TZ": "<+03>-3"}, tmp_path).key == "Europe/London"


def test_a_timezone_file_of_nonsense_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "timezone").write_bytes(b"\xff\x00")
    (tmp_path / "localtime").write_bytes(b"TZif")
    assert local_zone({}, tmp_path).key == "UTC"


def test_an_address_among_the_settings_is_not_repeated(cwd: Path, home: Path) -> None:
    for line in ('"ntfy://x/HIDDEN" = 1', 'host = "ntfy://x/HIDDEN"'):
        (cwd / "callmeter.toml").write_text(f"{line}\n")
        assert "HIDDEN" not in sentence(cwd, home)


def test_a_number_too_long_for_a_float_is_a_sentence(cwd: Path, home: Path) -> None:
    (cwd / "callmeter.toml").write_text(f"port = {10**400}\n")
    assert "port: must be a whole number from 0 to 65535" in sentence(cwd, home)
