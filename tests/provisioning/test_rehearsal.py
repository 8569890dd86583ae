"""The course's side of the rehearsal: software, leases of a part, and the site's clock."""

import contextlib
import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import chameleon_rehearsal
from labs.sites import images
from provisioning.__main__ import app
from provisioning.lab import rehearsal
from provisioning.testbed.surroundings import CALENDAR_NAME, WallClock, site_clock


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A new folder; all processes started there are stopped afterwards."""
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REHEARSAL_USER", raising=False)
    yield tmp_path / "home"
    chameleon_rehearsal.stop(tmp_path / "home")


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["rehearsal", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_starts_it_with_the_courses_software_and_makes_a_parts_lease(home) -> None:
    """By part, at the site where that runs first; or by type."""
    assert "rehearsal up" in run("status", code=1)
    assert "export OS_USERNAME=mary" in run("up", "--speed", "1", "--user", "mary")
    assert json.loads((home / "software.json").read_text())["variables"] == ["REHEARSAL_PINNED"]
    line = run("lease", "mine", "--part", "model", "--user", "mary")
    assert "mine is active at CHI@TACC, with one compute_liqid, until " in line
    assert "with one gpu_p100" in run("lease", "more", "--type", "gpu_p100", "--user", "mary")
    assert "say what the lease is to hold" in run("lease", "another", code=1)
    assert "leases: mine ACTIVE at CHI@TACC, more ACTIVE" in run("status")
    assert run("down") == "stopped\n"


@pytest.mark.parametrize("image", images.names())
def test_a_machine_has_the_commands_that_the_course_knows_of_its_image(image: str) -> None:
    """The table of `sites/images.toml`, less what a proof has missed."""
    assert rehearsal.software().commands(image) == images.commands(image)
    assert rehearsal.software().commands(f"quay.io/somebody/{image}:v1") == images.commands(image)


@pytest.mark.parametrize("image", images.names())
def test_the_rehearsals_own_table_agrees_with_the_courses(image: str) -> None:
    """The package has its own table, so that it needs no course; the common facts are the same."""
    shipped = chameleon_rehearsal.Software.read()
    assert shipped.commands(image) == images.commands(image)


def test_on_chameleon_the_first_cell_says_what_is_wrong_with_the_site(monkeypatch) -> None:
    """The lesson's own calls would show this as a traceback."""
    monkeypatch.delenv("REHEARSAL_PORTS", raising=False)
    monkeypatch.setenv("OS_ACCESS_TOKEN", "real")
    monkeypatch.setenv("OS_REGION_NAME", "CHI@UC")
    monkeypatch.setattr(rehearsal, "_trouble", lambda: " It is in maintenance.")
    sentence = "This is Chameleon (CHI@UC): nothing is rehearsed. It is in maintenance."
    assert rehearsal.use() == sentence


@pytest.mark.parametrize(
    ("at_chameleon", "rehearses", "stops"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_a_rehearsed_lease_at_chameleon_is_stopped_and_none_anywhere_else(
    monkeypatch, at_chameleon, rehearses, stops
) -> None:
    """Whoever runs all cells there must not take it for a real one."""
    for name in ("REHEARSAL_PORTS", "OS_ACCESS_TOKEN", "OS_IDENTITY_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    if at_chameleon:
        monkeypatch.setenv("OS_ACCESS_TOKEN", "real")
    if rehearses:
        monkeypatch.setenv("REHEARSAL_PORTS", "/rehearsal/ports.json")
    expected = pytest.raises(rehearsal.NotRealError) if stops else contextlib.nullcontext()
    with expected:
        rehearsal.require_real_at_chameleon()


@pytest.mark.parametrize(
    ("text", "ahead_s"),
    [(None, 0), ('{"ahead_s": 7200}', 7200), ("[", 0), ('{"ahead_s": "x"}', 0), ("[]", 0)],
)
def test_the_sites_clock_runs_ahead_as_the_rehearsal_wrote_down(
    monkeypatch, tmp_path, text, ahead_s
) -> None:
    """Without asking it, so that a countdown goes on while the rehearsal is down."""
    monkeypatch.setenv("REHEARSAL_PORTS", str(tmp_path / "ports.json"))
    if text is not None:
        (tmp_path / CALENDAR_NAME).write_text(text)
    ahead = site_clock().now() - WallClock().now()
    assert abs(ahead - timedelta(seconds=ahead_s)) < timedelta(seconds=60)
