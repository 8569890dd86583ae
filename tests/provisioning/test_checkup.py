"""The check-up says what is missing and what to do about it, and never raises for a student who has not begun."""

from __future__ import annotations

from pathlib import Path

from provisioning.lab.checkup import checkup, checkup_text
from provisioning.testbed.errors import NotSignedInError


def look(memory, **environ: str) -> dict:
    """Return the findings by name."""
    return {one.name: one for one in checkup(open_site=lambda site: memory, environ=environ)}


def test_everything_in_order_is_said_line_by_line(memory, tmp_path: Path):
    """Signed in, project, a private key that only its owner reads, and the name that resources will carry."""
    key = tmp_path / "id_ed25519"
    key.write_text("x")
    key.chmod(0o600)
    found = checkup(
        open_site=lambda site: memory,
        environ={"OS_PROJECT_NAME": "CHI-1", "OS_KEYPAIR_PRIVATE_KEY": str(key), "LABS_OWNER": "Ada L"},
    )
    assert all(one.ok for one in found)
    text = checkup_text(found)
    assert text.count("yes  ") == 5
    assert "serve-…-ada-l" in text
    assert "Chameleon itself" in text


def test_what_is_missing_names_the_way_out(memory, tmp_path: Path):
    """No project, a key that is not there, one that others can read."""
    found = look(memory, OS_KEYPAIR_PRIVATE_KEY=str(tmp_path / "none"))
    assert not found["project"].ok
    assert "use_project" in found["project"].said
    assert "ssh-keygen" in found["key pair"].said
    open_key = tmp_path / "open"
    open_key.write_text("x")
    open_key.chmod(0o644)
    assert "chmod 600" in look(memory, OS_KEYPAIR_PRIVATE_KEY=str(open_key))["key pair"].said


def test_a_refused_sign_in_is_a_finding_and_no_traceback(memory):
    """The error's own words, with its way out."""

    def refuse(_request: str) -> None:
        raise NotSignedInError("the token was refused")

    memory.before = refuse
    finding = look(memory, OS_PROJECT_NAME="CHI-1")["signed in"]
    assert not finding.ok
    assert "the token was refused" in finding.said
    assert "restart" in finding.said
