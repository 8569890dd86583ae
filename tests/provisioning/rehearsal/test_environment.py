"""The environment that kernels take on: complete, private to a student, and absent on the real Chameleon."""

import json
import os
import stat
import subprocess
import sys

import pytest

from provisioning import rehearsal
from provisioning.rehearsal import environment, place
from provisioning.rehearsal.world import World


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder as a started rehearsal leaves it, with nothing running."""
    for name in ("OS_ACCESS_TOKEN", "OS_IDENTITY_PROVIDER", "REHEARSAL_PORTS", "REHEARSAL_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path / "home"))
    place.secret(tmp_path / "home")
    (tmp_path / "home" / "state.json").write_text('{"port": 35077, "pid": 1}')
    return tmp_path / "home"


def test_the_lines_can_be_evaluated_by_a_shell_and_give_the_variables(home, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/a folder/with 'quotes'")
    show = f"{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'"
    script = rehearsal.export_lines(user="mary o'neil") + "\n" + show
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=bare)
    seen = json.loads(done.stdout)
    wanted = environment.variables(user="mary o'neil")
    assert {name: seen[name] for name in wanted} == wanted
    assert seen["PYTHONPATH"].endswith(":/a folder/with 'quotes'")


def test_each_student_has_a_password_that_the_service_knows_and_others_cannot_guess(home) -> None:
    mary, john = (environment.variables(user=name) for name in ("mary", "john"))
    assert mary["OS_PASSWORD"] != john["OS_PASSWORD"]
    world = World(home, place.secret(home))
    assert world.password("mary") == mary["OS_PASSWORD"]
    world.store.close()
    assert mary["OS_KEYPAIR_PRIVATE_KEY"] != john["OS_KEYPAIR_PRIVATE_KEY"]


def test_the_secret_and_the_private_key_are_readable_by_their_owner_only(home) -> None:
    key = environment.variables(user="mary")["OS_KEYPAIR_PRIVATE_KEY"]
    for path in (home / "secret", key):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116
    again = environment.variables(user="mary")["OS_KEYPAIR_PRIVATE_KEY"]
    assert again == key


def test_chameleons_own_jupyter_is_left_alone(home, monkeypatch) -> None:
    monkeypatch.setenv("OS_ACCESS_TOKEN", "real")
    monkeypatch.setenv("OS_REGION_NAME", "CHI@UC")
    before = dict(os.environ)
    assert rehearsal.on_chameleon()
    assert rehearsal.use() == "This is Chameleon (CHI@UC): nothing is rehearsed."
    assert dict(os.environ) == before


def test_a_rehearsed_kernel_is_not_taken_for_chameleon(home, monkeypatch) -> None:
    monkeypatch.setenv("OS_IDENTITY_PROVIDER", "left over")
    monkeypatch.setenv("REHEARSAL_PORTS", str(home / "ports.json"))
    assert not rehearsal.on_chameleon()


def test_activating_sets_the_variables_and_the_hook_in_this_process(home) -> None:
    code = (
        "import os, socket\n"
        "from provisioning import rehearsal\n"
        "rehearsal.activate()\n"
        "print(os.environ['OS_AUTH_URL'], hasattr(socket.socket, 'rehearsal'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "http://127.0.0.1:35077/tacc:5000/v3 True\n"


def test_activating_after_chi_was_imported_says_to_restart_the_kernel(home, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "chi", sys)
    with pytest.raises(RuntimeError, match="restart the kernel"):
        rehearsal.activate()


def test_without_a_rehearsal_the_error_says_how_to_start_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path))
    with pytest.raises(place.RehearsalDownError, match="rehearsal up"):
        rehearsal.export_lines()
    assert not place.is_alive(tmp_path)
