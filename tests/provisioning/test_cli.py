"""Commands of somebody who has just begun, or on a bad day: a sentence, exit code 1, and nobody else's words."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from provisioning import lab
from provisioning.__main__ import app as provisioning
from provisioning.front.command import app as msl
from provisioning.testbed.errors import NotSignedInError, ServiceBusyError

COMMANDS = (
    *("plan 1", "reserve 1", "reserve model --number 2", "up 1", "up 1", "forward 2", "push 3"),
    *("pull 3", "release 1", "sweep", "sweep --mine --delete"),
)


def said_by(program, words: list[str]) -> str:
    """Return what a command says when it ends with exit code 1 and no traceback."""
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    return done.output.strip()


@pytest.mark.parametrize(("program", "prefix"), [(msl, ["lease"]), (provisioning, [])], ids=["msl", "python -m"])
@pytest.mark.parametrize("command", COMMANDS)
def test_without_credentials_every_command_says_so_in_one_sentence(monkeypatch, program, prefix, command):
    """A laptop on the first day: rehearse, download the openrc, or open Chameleon's Jupyter."""
    for name in ("OS_AUTH_TYPE", "OS_AUTH_URL", "OS_ACCESS_TOKEN", "REHEARSAL_PORTS"):
        monkeypatch.delenv(name, raising=False)
    said = said_by(program, [*prefix, *command.split()])
    assert said.startswith("There are no Chameleon credentials on this computer:")
    assert all(way in said for way in ("rehearsal up", "openrc", "Chameleon's Jupyter"))
    assert "\n" not in said


@pytest.mark.parametrize("command", ["plan 1", "reserve 1", "up 1"])
@pytest.mark.parametrize(
    ("error", "way_out"),
    [(NotSignedInError("401"), "restart your Jupyter server"), (ServiceBusyError("503"), "again in")],
)
def test_an_expired_token_and_an_outage_are_neither_a_missing_lease_nor_a_full_calendar(
    monkeypatch, command, error, way_out
):
    """Whoever read that would reserve a second machine."""

    def open_site(_site: str):
        raise error

    monkeypatch.setattr(lab, "open_testbed", open_site)
    said = said_by(provisioning, command.split())
    assert way_out in said
    assert "taken" not in said
    assert "no usable lease" not in said
