"""`python -m labs providers …` shows, refuses and removes in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.providers import environment, environments
from labs.providers.commands import app


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own environments out of it."""
    monkeypatch.setenv("SERVING_LABS_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_every_environment() -> None:
    """Each environment of the table has its row, and none is installed in an empty cache."""
    shown = CliRunner().invoke(app, ["list"])
    assert shown.exit_code == 0
    for name in environments():
        assert name in shown.output
    assert shown.output.count("not installed") == len(environments())


def test_install_of_nonsense_makes_nothing_and_ends_in_words(tmp_path: Path) -> None:
    """One name that nobody knows is answered with the names that exist, before any other is made."""
    refused = CliRunner().invoke(app, ["install", "openvino", "nosuch"])
    assert refused.exit_code == 1
    assert "migraphx" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_remove_takes_a_half_made_environment_too() -> None:
    """What a cut-off installation left is gone afterwards; an unknown name is refused."""
    folder = environment("openvino").folder
    folder.mkdir(parents=True)
    (folder / "rest").write_bytes(bytes(2_000_000))
    removed = CliRunner().invoke(app, ["remove", "openvino"])
    assert removed.output.strip() == "freed 2.00 MB"
    assert not folder.exists()
    assert CliRunner().invoke(app, ["remove", "nosuch"]).exit_code == 1
