"""The environment that kernels take on: complete, private to a student, and absent on the real
Chameleon.
"""

import json
import os
import subprocess
import sys

import pytest

import chameleon_rehearsal as rehearsal
from chameleon_rehearsal import environment, place


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder as a started rehearsal leaves it, with nothing running."""
    for name in ("OS_ACCESS_TOKEN", "OS_IDENTITY_PROVIDER", "REHEARSAL_PORTS", "REHEARSAL_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path / "home"))
    place.secret(tmp_path / "home")
    place.replace(tmp_path / "home" / "port", "35077")
    return tmp_path / "home"


def test_the_lines_can_be_evaluated_by_a_shell_and_give_the_variables(home, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/a folder/with 'quotes'")
    show = f"{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'"
    script = rehearsal.export_lines(user="mary o'neil") + "\n" + show
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env=bare
    )
    seen = json.loads(done.stdout)
    wanted = environment.variables(user="mary o'neil")
    assert {name: seen[name] for name in wanted} == wanted
    assert seen["PYTHONPATH"].endswith(":/a folder/with 'quotes'")


def test_each_student_has_a_password_and_a_key(home) -> None:
    """The folder is closed to other users, so they can read neither."""
    mary, john = (environment.variables(user=name) for name in ("mary", "john"))
    for name in ("OS_PASSWORD", "OS_KEYPAIR_PRIVATE_KEY"):
        assert mary[name] != john[name]
        assert environment.variables(user="mary")[name] == mary[name]


def test_chameleons_own_jupyter_is_left_alone_and_a_rehearsed_kernel_is_not_taken_for_it(
    home, monkeypatch
) -> None:
    monkeypatch.setenv("OS_ACCESS_TOKEN", "real")
    monkeypatch.setenv("OS_REGION_NAME", "CHI@UC")
    before = dict(os.environ)
    assert rehearsal.on_chameleon()
    assert rehearsal.use() == "This is Chameleon (CHI@UC): nothing is rehearsed."
    assert dict(os.environ) == before
    monkeypatch.setenv("REHEARSAL_PORTS", str(home / "ports.json"))
    assert not rehearsal.on_chameleon()


def test_activating_sets_the_variables_and_the_hook_and_needs_nothing_of_the_testbeds_own_extra(
    home,
) -> None:
    """The Hub's environment has no FastAPI, and python-chi must not be imported before."""
    code = (
        "import os, socket, sys\n"
        "import chameleon_rehearsal\n"
        "from chameleon_rehearsal import cli, drills\n"
        "chameleon_rehearsal.activate()\n"
        "print(os.environ['OS_AUTH_URL'], hasattr(socket.socket, 'rehearsal'))\n"
        "print({'fastapi', 'chi'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "http://127.0.0.1:35077/tacc:5000/v3 True\nset()\n"


def test_activating_after_chi_was_imported_says_to_restart_the_kernel(home, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "chi", sys)
    with pytest.raises(RuntimeError, match="restart the kernel"):
        rehearsal.activate()
