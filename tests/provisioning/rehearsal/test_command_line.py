"""`python -m provisioning rehearsal`: one rehearsal from up to down, with a real process."""

import http.client
import http.server
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from provisioning.__main__ import app
from provisioning.rehearsal import control, place, service


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a sub-command in a folder of its own; whatever was started is stopped afterwards."""
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REHEARSAL_USER", raising=False)

    def call(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["rehearsal", *words])
        assert result.exit_code == code, result.output
        return result.output

    yield call
    control.stop(tmp_path / "home")


def test_a_rehearsal_from_up_to_down(run, tmp_path) -> None:
    """State survives a restart, faults are armed by the command line, and reset empties the world."""
    lines = run("up", "--speed", "500", "--fault", "no-hosts:2@john", "--user", "mary")
    assert "export OS_USERNAME=mary" in lines
    assert run("up", "--user", "mary") == lines
    said = run("lease", "model-mary", "--part", "model", "--user", "mary")
    assert said.startswith("model-mary is ACTIVE at CHI@TACC until ")
    assert "CHI@Edge" in run("lease", "edge-mary", "--part", "edge", "--user", "mary")
    assert "CHI@TACC" in run("lease", "system-mary", "--part", "system", "--user", "mary")
    assert "Not enough hosts" in run("lease", "x", "--part", "model", "--user", "john", code=1)

    before = json.loads(run("status", "--json"))
    assert (before["speed"], before["faults"][0]["times"]) == (500.0, 1)
    assert run("down") == "stopped\n"
    assert "rehearsal up" in run("status", code=1)
    assert run("up", "--user", "mary") == lines
    after = json.loads(run("status", "--json"))
    assert [lease["name"] for lease in after["leases"]] == ["model-mary", "edge-mary", "system-mary"]
    assert after["faults"] == before["faults"]

    run("advance", "4")
    ended = json.loads(run("status", "--json"))
    assert {lease["status"] for lease in ended["leases"]} == {"TERMINATED"}
    assert "model-mary" in run("status")

    run("fault", "ssh-late")
    assert "ssh-late" in run("status")
    run("fault", "--clear")
    assert "no such" not in run("fault")
    assert "NAME one of" in run("fault", "ssh-latte", code=1)
    run("reset")
    empty = json.loads(run("status", "--json"))
    assert (empty["leases"], empty["faults"], empty["advanced_s"]) == ([], [], 0.0)
    assert run("journal") == ""


def test_a_port_that_is_taken_is_said(run, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("up", "--port", str(taken.getsockname()[1]), code=1)
    assert "taken by another program?" in said


def test_a_stranger_on_this_computer_is_kept_out(run, tmp_path) -> None:
    run("up", "--user", "mary")
    port = place.port(tmp_path / "home")
    import urllib.error
    import urllib.request

    for path in ("status", "journal", "faults"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_rehearsal/{path}")
        assert refused.value.code == 401
        refused.value.close()


def test_another_rehearsal_at_the_old_port_is_not_taken_for_ones_own(run, tmp_path) -> None:
    """Two folders whose last port was the same do not meet each other's worlds."""
    run("up", "--user", "mary")
    port = place.port(tmp_path / "home")
    other = tmp_path / "other"
    place.secret(other)
    (other / "state.json").write_text(json.dumps({"port": port, "pid": 1}))
    assert not place.is_alive(other)
    control.start(other)
    try:
        assert place.is_alive(other)
        assert place.port(other) != port
        assert place.is_alive(tmp_path / "home")
    finally:
        control.stop(other)


def test_one_folder_is_served_by_one_process(run, tmp_path) -> None:
    """A process that is too busy to answer is not joined by a second one on the same world."""
    run("up", "--user", "mary")
    second = [sys.executable, "-m", "provisioning.rehearsal.service", str(tmp_path / "home"), "1", "1"]
    done = subprocess.run(second, capture_output=True, text=True)
    assert done.returncode == 1
    assert "another process serves" in done.stderr
    assert place.is_alive(tmp_path / "home")


def test_two_notebooks_that_start_it_in_the_same_second_share_one(run, tmp_path) -> None:
    home = tmp_path / "home"
    code = "from provisioning.rehearsal import control; control.start()"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert place.is_alive(home)
    run("down")
    assert not place.is_served(home)


def test_two_rehearsals_that_start_in_the_same_second_get_a_port_each() -> None:
    """The first one listens before it serves: binding alone does not keep a second one from the same port."""
    with service._listen([0]) as first, service._listen([first.getsockname()[1], 0]) as second:
        assert first.getsockname() != second.getsockname()


def test_a_connection_outlives_the_pause_between_two_polls(run, tmp_path) -> None:
    """python-chi looks every 5 s: closing after 5 s, as web servers do, would meet its next request on the way."""
    run("up", "--user", "mary")
    connection = http.client.HTTPConnection("127.0.0.1", place.port(tmp_path / "home"), timeout=60)
    for pause_s in (0.0, 6.0):
        time.sleep(pause_s)
        # Without `connect()`, a connection that the other side has closed is an error here.
        connection.request("GET", "/sites.json")
        assert connection.getresponse().read()
        connection.auto_open = 0
    connection.close()


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.6\r\n", b""], ids=["another protocol", "nothing"])
def test_another_program_at_the_old_port_is_not_taken_for_the_rehearsal(tmp_path, said) -> None:
    """Whatever it answers, nobody is there: the next `up` takes another port."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            guest, _ = other.accept()
            with guest:
                guest.recv(4096)
                guest.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        place.announce(tmp_path, other.getsockname()[1])
        assert not place.is_alive(tmp_path)
        thread.join()


def test_a_listener_at_the_old_port_is_told_no_secret(tmp_path) -> None:
    """F2: another user at yesterday's port answers whatever is asked: it learns nothing, nor is it believed."""
    heard = []

    class Squatter(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            heard.append(f"{self.requestline}\n{self.headers}")
            body = json.dumps({"rehearsal": True, "proof": "0" * 64, "pid": 1}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that the library calls

        def log_message(self, *_: object) -> None:
            pass

    secret = place.secret(tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Squatter) as squatter:
        threading.Thread(target=squatter.serve_forever, daemon=True).start()
        place.announce(tmp_path, squatter.server_port)
        assert not place.is_alive(tmp_path)
        with pytest.raises(place.RehearsalDownError):
            place.ask(tmp_path, "GET", "/status")
        squatter.shutdown()
    assert len(heard) == 2
    assert secret not in "".join(heard)


def test_a_folder_that_was_open_to_all_is_closed(run, tmp_path) -> None:
    """F3: whatever modes stood there before, nothing of the rehearsal can be read by other users."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    (home / "old.sqlite3").write_text("tokens")
    (home / "old.sqlite3").chmod(0o644)
    run("up", "--user", "mary")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir() if path.is_file()}
    assert "world.sqlite3" in modes
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_a_draft_that_the_service_renames_meanwhile_is_no_fault(tmp_path) -> None:
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            draft = tmp_path / "ports.json.new"
            draft.write_text("{}", encoding="utf-8")
            draft.replace(tmp_path / "ports.json")

    service_thread = threading.Thread(target=serve)
    service_thread.start()
    try:
        for _ in range(2000):
            place.prepare(tmp_path)
    finally:
        ended.set()
        service_thread.join()
    assert (tmp_path / "ports.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a folder to another user")
def test_another_users_folder_is_refused(tmp_path) -> None:
    """Its owner could read, and change, everything in it."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to another user"):
        place.secret(home)


def test_one_that_is_busy_for_a_while_is_stopped_all_the_same(run, tmp_path, monkeypatch) -> None:
    """It would go on for ever otherwise, with nobody to stop it."""
    home = tmp_path / "home"
    run("up", "--user", "mary")
    alive, busy = place.is_alive, iter([False, False])
    monkeypatch.setattr(place, "is_alive", lambda home: next(busy, None) is None and alive(home))
    assert control.stop(home)
    assert not place.is_served(home)
