"""The record that survives the kernel."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from provisioning.setup.record import Record, state_folder


def test_facts_are_on_disk_before_update_returns(tmp_path: Path):
    """A process killed right after `update` leaves the fact behind: this is what resuming stands on."""
    program = f"""
        import os, signal
        from pathlib import Path
        from provisioning.setup.record import Record
        state = Record(Path({str(tmp_path / "s.json")!r}))
        state.update("address", state="running", remember={{"address_id": "a-1"}})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=Path(__file__).parents[2], check=False, timeout=60
    )
    assert done.returncode == -9
    again = Record(tmp_path / "s.json")
    assert again.facts("address") == {"address_id": "a-1"}
    assert again.step("address").state == "running"


def test_only_the_owner_can_read_it(tmp_path: Path):
    """It holds a Jupyter token."""
    state = Record(tmp_path / "s.json")
    state.update("services", remember={"token": "secret"})
    assert state.path.stat().st_mode & 0o077 == 0


def test_an_unreadable_record_is_set_aside_and_work_goes_on(tmp_path: Path):
    """Half a file, or one of another version, never stops a student."""
    for text in ('{"format": 1, "steps"', '{"format": 99, "steps": {}, "about": {}}', "[]", '{"format": 1}'):
        path = tmp_path / "s.json"
        path.write_text(text)
        state = Record(path)
        assert state.step("lease").state == "waiting"
        assert not path.exists()
        (kept,) = tmp_path.glob("s.unreadable-*.json")
        assert kept.read_text() == text
        kept.unlink()


def test_another_machine_starts_a_new_record(tmp_path: Path):
    """Facts of a node at one site would mislead at another."""
    state = Record(tmp_path / "s.json")
    state.describe(part="model", site="CHI@TACC", type="compute_liqid")
    state.update("server", remember={"machine_id": "m-1"})
    state.describe(part="model", site="CHI@TACC", type="compute_liqid")
    assert state.facts("server") == {"machine_id": "m-1"}
    state.describe(part="model", site="CHI@UC", type="compute_gigaio")
    assert state.facts("server") == {}


def test_no_temporary_file_stays_after_a_failed_write(tmp_path: Path):
    """What cannot be written as JSON raises, and the old record stays whole."""
    state = Record(tmp_path / "s.json")
    state.update("lease", remember={"lease_id": "l-1"})
    try:
        state.update("lease", remember={"bad": object()})
    except TypeError:
        pass
    else:
        raise AssertionError("an object is not JSON")
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    assert json.loads(state.path.read_text())["steps"]["lease"]["facts"] == {"lease_id": "l-1"}


def test_on_chameleon_the_record_lies_where_it_lasts(tmp_path: Path, monkeypatch):
    """Chameleon keeps ~/work when the Jupyter server goes."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "work").mkdir()
    assert state_folder({"NB_USER": "ada"}) == tmp_path / "work" / ".serving-labs"
    assert state_folder({"LABS_STATE": "/x/y", "NB_USER": "ada"}) == Path("/x/y")
    assert tmp_path / "work" not in state_folder({}).parents
