"""Addresses come from variables or one file, and a wrong setting is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.assets import NotConfiguredError
from labs.assets.addresses import CONFIG_VARIABLE, address_of, config_file

SHA = "ab" * 32


def test_nothing_is_built_in() -> None:
    """Without a setting there is no address."""
    assert address_of("food11") is None


def test_a_variable_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash may stand in a second one, in any case of letters."""
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11_MOBILENETV2", "https://example.org/food11.pth")
    found = address_of("food11-mobilenetv2")
    assert (found.url, found.sha256) == ("https://example.org/food11.pth", None)
    monkeypatch.setenv("SERVING_LABS_SHA256_FOOD11_MOBILENETV2", SHA.upper())
    assert address_of("food11-mobilenetv2").sha256 == SHA


def test_the_file_is_read_and_variables_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A student's own variable overrides what an instructor's image configures."""
    (tmp_path / "assets.toml").write_text(f'[food11]\nurl = "https://example.org/a.zip"\nsha256 = "{SHA}"\n')
    assert address_of("food11").url == "https://example.org/a.zip"
    assert address_of("food11").sha256 == SHA
    assert address_of("food11-mobilenetv2") is None
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11", "https://example.org/b.zip")
    assert address_of("food11").url == "https://example.org/b.zip"
    assert address_of("food11").sha256 is None


def test_the_file_has_a_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in the platform's configuration folder."""
    monkeypatch.delenv(CONFIG_VARIABLE)
    assert config_file().parts[-2:] == ("model-serving-labs", "assets.toml")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[food11]\nurl = "food11.zip"', "not an http"),
        ('[food11]\nurl = "file:///etc/passwd"', "not an http"),
        ('[food11]\nurl = "https:///food11.zip"', "not an http"),
        ("[food11]\nurl = 5", "not an http"),
        ('[food11]\nadress = "https://example.org/a"', "without a line url"),
        ('food11 = "https://example.org/a"', "without a line url"),
        ('[food11]\nurl = "https://example.org/a"\nsha256 = "abc"', "64 hexadecimal digits"),
        ('[food11\nurl = "https://example.org/a"', "cannot be read as TOML"),
    ],
)
def test_a_wrong_setting_is_explained(tmp_path: Path, settings: str, words: str) -> None:
    """The message says where the setting stands and what is wrong with it."""
    (tmp_path / "assets.toml").write_text(settings)
    with pytest.raises(NotConfiguredError, match=words) as failure:
        address_of("food11")
    assert "assets.toml" in str(failure.value)


def test_what_is_shown_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """User name, password, query and fragment are left out."""
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11", "https://me:pass@example.org:8443/a.zip?token=x#y")
    assert address_of("food11").shown == "https://example.org:8443/a.zip"
