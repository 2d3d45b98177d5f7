"""Where the Admin key is found, and that it is shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.billing.admin_key import find
from dashboard.billing.api_errors import (
    CallingToken,
    NoAdminKey,
    NormalKey,
    NotAnthropics,
    UnusableKey,
    clean,
)

KEY = "sk-ant-admin01-abcdefghijklmnop"


def dotenv(folder: Path, text: str, mode: int = 0o600) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / ".env"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_environment_comes_first(tmp_path: Path) -> None:
    dotenv(tmp_path, "ANTHROPIC_ADMIN_API_KEY=sk-ant-admin01-other\n")
    found = find({"ANTHROPIC_ADMIN_API_KEY": KEY}, tmp_path, None)
    assert (found.key, found.found, found.remarks) == (KEY, "ANTHROPIC_ADMIN_API_KEY", ())


def test_the_name_of_the_documentation_counts_too(tmp_path: Path) -> None:
    assert find({"ANTHROPIC_ADMIN_KEY": KEY}, tmp_path, None).key == KEY


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    assert find({"ANTHROPIC_ADMIN_API_KEY": " ", "ANTHROPIC_ADMIN_KEY": KEY}, tmp_path, None).key == KEY


@pytest.mark.parametrize("written", [KEY, f" {KEY}\n", f'"{KEY}"', f"' {KEY} '"])
def test_blanks_and_quotes_are_no_part_of_a_key(written: str, tmp_path: Path) -> None:
    assert find({"ANTHROPIC_ADMIN_API_KEY": written}, tmp_path, None).key == KEY


def test_the_working_directory_comes_before_the_settings_folder(tmp_path: Path) -> None:
    here = dotenv(tmp_path / "here", f"# mine\nexport ANTHROPIC_ADMIN_API_KEY='{KEY}'  # of the night\n")
    dotenv(tmp_path / "config", "ANTHROPIC_ADMIN_API_KEY=sk-ant-admin01-other\n")
    found = find({}, here.parent, tmp_path / "config" / "callmeter.toml")
    assert (found.key, found.found) == (KEY, f"{here}: ANTHROPIC_ADMIN_API_KEY")


def test_the_file_beside_the_settings_is_read(tmp_path: Path) -> None:
    dotenv(tmp_path / "config", f"ANTHROPIC_ADMIN_API_KEY={KEY}\n")
    assert find({}, tmp_path, tmp_path / "config" / "callmeter.toml").key == KEY


def test_nothing_is_filled_in_and_the_environment_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "leaked")
    before = dict(os.environ)
    dotenv(tmp_path, "ANTHROPIC_ADMIN_API_KEY=sk-ant-admin01-${SECRET}\nOTHER=1\n")
    assert find({}, tmp_path, None).key == "sk-ant-admin01-${SECRET}"
    assert dict(os.environ) == before


def test_without_a_key_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoAdminKey) as told:
        find({}, tmp_path, tmp_path / "callmeter.toml")
    sentence = str(told.value)
    assert "ANTHROPIC_ADMIN_API_KEY" in sentence and ".env" in sentence
    assert "https://platform.claude.com/settings/admin-keys" in sentence
    assert told.value.exit_code == 1


@pytest.mark.parametrize("key", ["sk-ant-api03-abcdefgh", "sk-ant-api02-abcdefgh", "sk-ant-api-abcdefgh"])
def test_a_key_for_calls_is_told_apart_before_anything_is_sent(key: str, tmp_path: Path) -> None:
    with pytest.raises(NormalKey) as told:
        find({"ANTHROPIC_ADMIN_API_KEY": key}, tmp_path, None)
    assert "ANTHROPIC_ADMIN_API_KEY" in str(told.value) and "abcdefgh" not in str(told.value)


def test_the_token_of_a_login_is_not_sent_for_it_may_be_claude_codes(tmp_path: Path) -> None:
    with pytest.raises(CallingToken) as told:
        find({"ANTHROPIC_ADMIN_API_KEY": "sk-ant-oat01-abcdefgh"}, tmp_path, None)
    assert str(told.value).startswith("ANTHROPIC_ADMIN_API_KEY: this is the token of a login (sk-ant-oat...)")
    assert "sk-ant-admin01-..." in str(told.value) and "abcdefgh" not in str(told.value)


@pytest.mark.parametrize("key", ["hello", "sk-proj-abcdefgh", "a b", "SK-ANT-admin01-x", "ä"])
def test_what_is_no_key_of_anthropics_is_refused_and_told_how_one_begins(key: str, tmp_path: Path) -> None:
    file = dotenv(tmp_path, f"ANTHROPIC_ADMIN_API_KEY={key}\n")
    with pytest.raises(NotAnthropics) as told:
        find({}, tmp_path, None)
    assert str(told.value) == (
        f"{file}: ANTHROPIC_ADMIN_API_KEY: this is no key of Anthropic's, and is not sent: set an Admin key "
        "(sk-ant-admin01-...); an admin of the organisation makes one at "
        "https://platform.claude.com/settings/admin-keys (individual accounts have none)"
    )


@pytest.mark.parametrize("key", ["sk-ant-api01-enterprise", "sk-ant-whatever-comes-next"])
def test_other_keys_are_let_through(key: str, tmp_path: Path) -> None:
    assert find({"ANTHROPIC_ADMIN_API_KEY": key}, tmp_path, None).key == key


@pytest.mark.parametrize("key", ["sk-ant-admin01-a b", "sk-ant-admin01-ä", "sk-ant-admin01-a\nHost: x"])
def test_what_cannot_be_sent_is_no_key(key: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableKey) as told:
        find({"ANTHROPIC_ADMIN_API_KEY": key}, tmp_path, None)
    assert "admin01" not in str(told.value)


def test_the_key_stands_in_no_repr(tmp_path: Path) -> None:
    assert KEY not in repr(find({"ANTHROPIC_ADMIN_API_KEY": KEY}, tmp_path, None))


def test_a_file_that_others_may_read_is_remarked(tmp_path: Path) -> None:
    file = dotenv(tmp_path, f"ANTHROPIC_ADMIN_API_KEY={KEY}\n", mode=0o644)
    assert find({}, tmp_path, None).remarks == (
        f"{file}: others on this machine may read the Admin key (mode 0644): chmod 600 {file}",
    )


def test_a_file_that_cannot_be_read_is_told_with_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"ANTHROPIC_ADMIN_API_KEY=\xff\xfe\n")
    with pytest.raises(NoAdminKey, match=r"\.env cannot be read"):
        find({}, tmp_path, None)


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(NoAdminKey):
        find({}, tmp_path, None)


def test_what_the_api_says_is_one_line_without_keys() -> None:
    said = f"the key {KEY}\r\nis\x1b[31m wrong " + "x" * 300
    assert clean(said).startswith("the key sk-ant-... is [31m wrong xxx") and len(clean(said)) == 203
