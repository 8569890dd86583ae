"""`chameleon-rehearsal`: real processes, from up to down, beside each other and others."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from chameleon_rehearsal import RehearsalDownError, control, place

CATALOGUE = Path(control.__file__).with_name("catalogue.toml").read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A new folder; all processes started there are stopped afterwards."""
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REHEARSAL_USER", raising=False)
    yield tmp_path / "home"
    control.stop(tmp_path / "home")


def run(*words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "chameleon_rehearsal.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_a_rehearsal_from_up_to_down(home) -> None:
    """State survives a restart, faults are armed by the command line, and reset empties the
    world.
    """
    lines = run("up", "--speed", "500", "--user", "mary")
    assert "export OS_USERNAME=mary" in lines
    assert run("up", "--user", "mary") == lines
    run("fault", "slow-boot/uc=7200:2@john")
    run("advance", "4")
    before = json.loads(run("status", "--json"))
    assert (before["speed"], before["advanced_s"]) == (500.0, 4 * 3600)
    fault = {"name": "slow-boot", "site": "uc", "seconds": 7200.0, "times": 2, "user": "john"}
    assert before["faults"] == [{"id": "slow-boot/uc@john", **fault}]
    assert run("down") == "stopped\n"
    assert "chameleon-rehearsal up" in run("status", code=1)
    run("up", "--speed", "500")
    after = json.loads(run("status", "--json"))
    assert (after["faults"], after["advanced_s"]) == (before["faults"], before["advanced_s"])
    assert "slow-boot/uc@john (2 times)" in run("status")
    run("fault", "--clear")
    assert "faults: none" in run("status")
    assert all(name in run("fault") for name in ("no-hosts", "upload-cut"))
    assert "NAME one of" in run("fault", "ssh-latte", code=1)
    run("reset")
    assert json.loads(run("status", "--json"))["advanced_s"] == 0.0


def test_an_own_catalogue_in_the_folder_is_served_from_the_next_start(home) -> None:
    """A message names the file and field of a mistake in it."""
    own = place.prepare(home) / "catalogue.toml"

    own.write_text(CATALOGUE.replace("count = 10", "count = 0"))
    assert re.search(r"catalogue\.toml: .*nodes\.0\.count", run("up", code=1), re.DOTALL)
    own.write_text(CATALOGUE.replace('"CHI@UC"', '"CHI@MyCampus"'))
    run("up")
    assert (
        "CHI@MyCampus"
        in httpx.get(f"http://127.0.0.1:{place.port(home)}/sites.json", trust_env=False).text
    )


def test_a_lease_is_there_beforehand_as_if_it_had_been_made_in_horizon(home) -> None:
    """Active at once, at the site that has the type; a refusal is told."""
    run("up", "--speed", "1")
    for type_name, site in (("gpu_p100", "CHI@TACC"), ("g1.h100.pci.1", "KVM@TACC")):
        line = run("lease", f"of_{type_name}", "--type", type_name, "--user", "mary")
        assert f"of_{type_name} is active at {site}" in line
    leases = json.loads(run("status", "--json"))["leases"]
    assert {(lease["user"], lease["status"]) for lease in leases} == {("mary", "ACTIVE")}
    run("fault", "no-hosts")
    refusal = run("lease", "another", "--type", "compute_liqid", code=1)
    assert "Not enough hosts available" in refusal
    assert "no 'h100' is rehearsed at any site: compute_cascadelake_r, " in run(
        "lease", "another", "--type", "h100", code=1
    )


def test_two_notebooks_that_start_it_in_the_same_second_share_one(home) -> None:
    """The folder's lock is held while its one process runs, and free when that is gone."""
    code = "from chameleon_rehearsal import control; control.start()"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert place.is_alive(home)
    assert place.lock(home) is None
    run("down")
    with place.lock(home) as lock:
        assert lock is not None


@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"proof": "00", "pid": 12}',
    ],
    ids=["another protocol", "nothing", "a wrong proof"],
)
def test_another_program_at_the_old_port_is_neither_believed_nor_told_the_secret(
    tmp_path, greeting
) -> None:
    """It may be another user's program, which answers any request; the next `up` takes another
    port.
    """
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            for _ in range(2):
                guest, _ = other.accept()
                with guest:
                    heard.append(guest.recv(65536).decode())
                    guest.sendall(greeting)

        thread = threading.Thread(target=answer)
        thread.start()
        secret = place.secret(tmp_path)
        place.replace(tmp_path / "port", str(other.getsockname()[1]))
        assert not place.is_alive(tmp_path)
        with pytest.raises(RehearsalDownError):
            place.ask(tmp_path, "GET", "/status")
        thread.join()
    assert len(heard) == 2
    assert secret not in "".join(heard)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a folder to another user")
def test_another_users_folder_is_refused(tmp_path) -> None:
    """Its owner could read, and change, everything in it."""
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to another user"):
        place.secret(tmp_path)
