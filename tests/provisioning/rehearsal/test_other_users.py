"""Other users of this computer, and pages in its browsers, get nothing out of a rehearsal that runs (F2, F3).

As root the attacker is really somebody else, user 65534; without root it is this user, and only what needs no other
user is asked.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.rehearsal import control, environment, place

#: Becomes another user once it has imported what that user may be unable to read.
SOMEBODY_ELSE = """
import encodings.idna, json, os, pathlib, sys, urllib.error, urllib.request
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
exec(sys.argv.pop(1))
"""
#: Reads whatever it can below a folder that somebody left open, and names it.
READ = """
found = []
for name in sys.argv[1:]:
    try:
        found.append(pathlib.Path(name).read_bytes()[:20].decode("latin-1"))
    except OSError:
        pass
print(json.dumps(found))
"""
#: Asks the rehearsal without its secret and with a token and a password that are guesses.
ASK = """
def status(path, headers=None, body=None):
    try:
        asked = urllib.request.Request(sys.argv[1] + path, body, headers or {})
        with urllib.request.urlopen(asked, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
guess = {"name": "mary", "domain": {"name": "chameleon"}, "password": "0" * 32}
auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": guess}}}}
print(json.dumps([
    status("/_rehearsal/status"),
    status("/_rehearsal/status", {"X-Rehearsal-Secret": "0" * 32}),
    status("/tacc/reservation/v1/leases", {"X-Auth-Token": "0" * 32}),
    status("/tacc:5000/v3/auth/tokens", {"Content-Type": "application/json"}, json.dumps(auth).encode()),
]))
"""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_somebody_else(code: str, *arguments: str) -> object:
    command = [sys.executable, "-I", "-c", SOMEBODY_ELSE, code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env={}, check=True, timeout=120)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A rehearsal in a folder that was there before, mode 755, below one that is open to all: pytest's own are not."""
    with tempfile.TemporaryDirectory() as room, pytest.MonkeyPatch.context() as patch:
        Path(room).chmod(0o755)
        made = Path(room) / "rehearsal"
        made.mkdir()
        made.chmod(0o755)
        patch.setenv("REHEARSAL_PORT22", "never")
        control.start(made, speed=1000.0)
        environment.variables(made, "mary")
        yield made
        control.stop(made)


def files_of(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_whatever_mode_the_folder_had_nothing_in_it_is_open(home) -> None:
    """F3: the folder is 0700 and every file below it 0600, also those that came after the start."""
    assert oct(home.stat().st_mode & 0o777) == "0o700"
    open_ = {path.name: oct(path.stat().st_mode) for path in files_of(home) if path.stat().st_mode & 0o077}
    # The public half of a key is public; the folder above it is not.
    assert {name for name in open_ if not name.endswith(".pub")} == set()
    assert {"secret", "world.sqlite3", "state.json"} <= {path.name for path in files_of(home)}


@only_root
def test_another_user_reads_no_file_of_it(home) -> None:
    """F3: neither the secret nor the database nor a key; an open file beside them shows that it can read at all."""
    control_file = home.parent / "open.txt"
    control_file.write_text("readable")
    control_file.chmod(0o644)
    names = [str(path) for path in files_of(home)]
    assert len(names) > 4
    assert as_somebody_else(READ, str(control_file), *names) == ["readable"]


@only_root
def test_another_user_reaches_the_port_and_gets_nothing(home) -> None:
    """F2: loopback is open to every user; without the secret, a token or the password the answer is no."""
    root = f"http://127.0.0.1:{place.port(home)}"
    assert as_somebody_else(ASK, root) == [401, 401, 401, 401]


def test_a_page_that_rebinds_its_name_gets_nothing(home) -> None:
    """With a foreign Host a request is not even looked at, secret or not; with its own it is answered."""
    secret = {"X-Rehearsal-Secret": place.secret(home)}
    seen = []
    for host in ("evil.example", f"evil.example:{place.port(home)}", f"127.0.0.1:{place.port(home)}"):
        connection = http.client.HTTPConnection("127.0.0.1", place.port(home), timeout=20)
        connection.request("GET", "/_rehearsal/status", headers={"Host": host, **secret})
        with connection.getresponse() as reply:
            seen.append(reply.status)
        connection.close()
    assert seen == [421, 421, 200]


def test_no_command_line_shows_a_secret(home) -> None:
    """Command lines are for every user to read."""
    words = [
        place.secret(home),
        environment.variables(home, "mary")["OS_PASSWORD"],
    ]
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline") if Path("/proc").exists() else ():
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    assert not any(word in line for word in words for line in lines)
