"""`python -m labs providers …` shows, refuses and removes in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.providers import environment_specs
from labs.providers.commands import app
from labs.providers.environments import folder_of


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own environments out of it."""
    monkeypatch.setenv("SERVING_LABS_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_every_environment() -> None:
    """Each environment of the table has its row, and none is installed in an empty cache."""
    shown = CliRunner().invoke(app, ["list"])
    assert shown.exit_code == 0
    for name in environment_specs():
        assert name in shown.output
    assert shown.output.count("not installed") == len(environment_specs())


def test_install_of_the_cpu_provider_needs_nothing() -> None:
    """The CPU provider is always there, by its long name and its short one."""
    for name in ("cpu", "CPUExecutionProvider"):
        assert "course's own environment" in CliRunner().invoke(app, ["install", name]).output


def test_install_of_nonsense_ends_in_words() -> None:
    """A name that nobody knows is answered with the names that exist, without a traceback."""
    refused = CliRunner().invoke(app, ["install", "nosuch"])
    assert refused.exit_code == 1
    assert "OpenVINOExecutionProvider" in refused.output


def test_remove_takes_a_half_made_environment_too() -> None:
    """What a cut-off installation left is gone afterwards; an unknown name is refused."""
    folder = folder_of(environment_specs()["onnxruntime-openvino"])
    folder.mkdir(parents=True)
    (folder / "rest").write_bytes(bytes(2_000_000))
    removed = CliRunner().invoke(app, ["remove", "onnxruntime-openvino"])
    assert removed.output.strip() == "freed 2.00 MB"
    assert not folder.exists()
    assert CliRunner().invoke(app, ["remove", "nosuch"]).exit_code == 1
