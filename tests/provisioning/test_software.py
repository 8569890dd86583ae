"""What the set-up puts on a machine that is nobody else's business, and what it only begins. Commands run for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BOOT = ("lease", "server", "address", "ssh", "materials")
SHA256 = "ab" * 32
URL = f"https://ada:pass@files.example.org/course/?token=s3cret#sha256={SHA256}"


@pytest.fixture
def configured(monkeypatch):
    """The student has said at home where the real Food-11 is; the address holds a password and a token."""
    monkeypatch.setenv("SERVING_LABS_ASSETS_URL", URL)


def said_by(run) -> str:
    """Return everything that a run says, and see that it ends well."""
    said = "\n".join(event.text for event in run.events())
    assert run.failures == {}
    return said


def address_there(home: Path) -> str:
    """Return what the course itself makes of the files below a home, in a process of its own."""
    program = "from labs.assets.places import address; print(address().url)"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.usefixtures("configured")
def test_a_machine_learns_where_the_real_food11_is(memory, make_run):
    """Jupyter, terminals and commands there find it by themselves; no command, log or record shows it (A14)."""
    memory.give_lease("serve-model-ada")
    run = make_run(only=(*BOOT, "data"))
    said = said_by(run)
    home = memory.folder_shell.home
    assert address_there(home) == URL
    (file,) = home.rglob("assets-url.txt")
    assert file.stat().st_mode & 0o077 == 0
    assert "https://files.example.org/course/" in said
    for place in (said, "\n".join(memory.folder_shell.commands), run.state.path.read_text()):
        assert "s3cret" not in place
        assert "pass@" not in place


@pytest.mark.usefixtures("configured")
def test_a_device_learns_it_too(memory, make_run):
    """Part 2's container gets the same file, by the container service's own way (A14)."""
    memory.give_lease("serve-edge-ada", kind="device")
    memory.fate = ["CREATING", "RUNNING"]
    said_by(make_run("edge", only=("lease", "container", "materials", "data")))
    assert address_there(memory.folder_shell.home) == URL


@pytest.mark.usefixtures("configured")
def test_what_a_student_wrote_on_the_machine_stays(memory, make_run, monkeypatch):
    """An address of the set-up's own is written anew; somebody's file is not (A14)."""
    memory.give_lease("serve-model-ada")
    said_by(make_run(only=(*BOOT, "data")))
    monkeypatch.setenv("SERVING_LABS_ASSETS_URL", "https://files.example.org/other/")
    said_by(make_run(only=(*BOOT, "data")))
    assert address_there(memory.folder_shell.home) == "https://files.example.org/other/"
    (file,) = memory.folder_shell.home.rglob("assets-url.txt")
    file.write_text("https://mine.example.org/\n")
    assert "stays as it is" in said_by(make_run(only=(*BOOT, "data")))
    assert address_there(memory.folder_shell.home) == "https://mine.example.org/"


def test_without_an_address_nothing_is_written(memory, make_run, monkeypatch, tmp_path):
    """Nor does a mistyped one stop the set-up: the small data set is there (A14)."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    memory.give_lease("serve-model-ada")
    said_by(make_run(only=(*BOOT, "data")))
    monkeypatch.setenv("SERVING_LABS_ASSETS_URL", "Food-11.zip")
    assert "no address is handed to the machine" in said_by(make_run(only=(*BOOT, "data")))
    assert not list(memory.folder_shell.home.rglob("assets-url.txt"))


def test_jupyters_token_is_in_no_command_and_no_log(memory, make_run, course):
    """It travels as a file that its owner alone can read: `ps` and a journal of commands show none (F25)."""
    memory.give_lease("serve-model-ada")
    home = memory.folder_shell.home
    (home / "bin").mkdir()
    (home / "bin/nvidia-smi").symlink_to(shutil.which("true"))
    # What the scripts themselves do with it is asked in node/test_services.py, where Jupyter starts.
    scripts = course / "provisioning/node/bin"
    (scripts / "services.sh").write_text("echo report jupyter_port=8888\n")
    (scripts / "health.sh").write_text('echo \'check {"name": "Jupyter", "outcome": "ok", "detail": "there"}\'\n')
    run = make_run()
    said = said_by(run)
    token = (home / ".serving-labs/jupyter-token").read_text()
    assert token == run.state.facts("services")["token"]
    assert token in run.state.facts("links")["jupyter"]
    assert (home / ".serving-labs/jupyter-token").stat().st_mode & 0o077 == 0
    assert token not in "\n".join(memory.folder_shell.commands)
    assert token not in said


def test_what_is_fetched_in_the_background_holds_up_nothing(memory, make_run, course):
    """The step ends at once; the job goes on over there, is not doubled, and begins again after a failure (A11)."""
    memory.give_lease("serve-model-ada")
    home = memory.folder_shell.home
    script = course / "provisioning/node/bin/providers.sh"
    script.write_text(f"cd {home}\necho run >> runs\nwhile [ ! -f go ]; do sleep 0.05; done\ntest -f good\n")
    steps = (*BOOT, "environment", "providers")
    assert "on its way while you go on" in said_by(make_run(only=steps))
    said_by(make_run(only=steps))
    assert _wait(lambda: (home / "runs").exists())
    assert (home / "runs").read_text().split() == ["run"]
    (home / "go").touch()
    result = home / ".serving-labs/jobs/providers/rc"
    assert _wait(result.exists)
    assert result.read_text().strip() == "1"
    (home / "good").touch()
    said_by(make_run(only=steps))
    assert _wait(lambda: result.exists() and result.read_text().strip() == "0")
    assert "the execution providers of lesson 15: there" in said_by(make_run(only=steps))
    assert (home / "runs").read_text().split() == ["run", "run"]


def _wait(look, for_s: float = 30.0) -> bool:
    end_s = time.monotonic() + for_s
    while time.monotonic() < end_s:
        if look():
            return True
        time.sleep(0.05)
    return False
