"""Other users of this computer, and pages in its browsers, get nothing out of a server that the
course starts.

Each server runs with its folders below one that is open to all. Then user 65534 walks through that
folder, reads the command lines of all processes and asks the port. Only root may become another
user; without it nothing is asked here.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labs.runtimes.loopback import listen
from labs.runtimes.opening import RuntimeUnavailableError
from labs.workspace import CACHE_VARIABLE, PROJECT_DIR, WORKSPACE_VARIABLE, cache_dir

only_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
pytestmark = only_root

#: Becomes another user once it has imported what that user may be unable to read. `codecs` of
#: addresses are among it.
SOMEBODY_ELSE = """
import encodings.idna, http.client, json, os, pathlib, stat, sys, urllib.error, urllib.request
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
exec(sys.argv.pop(1))
"""

#: What may be written below some folders, and the beginnings of what may be read there.
WALK = """
writable, readable = [], {}
for top in sys.argv[1:]:
    for folder, folders, files in os.walk(top):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            if not os.path.islink(path) and os.access(path, os.W_OK):
                writable.append(path)
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    readable[path] = pathlib.Path(path).read_bytes()[:10_000_000].decode("latin-1")
            except OSError:
                pass
lines = []
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        lines.append(path.read_bytes().decode(errors="replace"))
    except OSError:
        pass
print(json.dumps([writable, readable, lines]))
"""

#: Statuses of requests: method, path, headers and body of each.
ASK = """
def status(method, path, headers=None, body=None):
    try:
        address, data = sys.argv[1] + path, body and body.encode()
        asked = urllib.request.Request(address, data, headers or {}, method=method)
        with urllib.request.urlopen(asked, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps([status(*one) for one in json.loads(sys.argv[2])]))
"""


@dataclass
class Server:
    """A running server of the course, and the secrets that another user must not get."""

    url: str
    #: Secrets that only the owner may read.
    secrets: list[str] = field(default_factory=list)
    #: Folders outside the open one.
    folders: list[Path] = field(default_factory=list)
    #: Requests without a secret, or with a guess, and the status that each must get.
    refused: list[tuple[tuple, int]] = field(default_factory=list)
    #: Files and folders below which others may read: what the notebook itself writes, and holds no
    #: secret.
    readable: list[str] = field(default_factory=list)


Start = Callable[[Path], AbstractContextManager[Server]]


@contextmanager
def run_testbed(room: Path) -> Iterator[Server]:
    """The rehearsal's, in a folder that was there before with mode 755."""
    import chameleon_rehearsal
    from chameleon_rehearsal.testing import secret

    home = room / "rehearsal"
    home.mkdir(mode=0o755)
    chameleon_rehearsal.start(home, speed=1000.0)
    variables = chameleon_rehearsal.variables(home, "mary")
    url = variables["CHI_RESOURCE_API_URL"]
    port = url.rpartition(":")[2]
    user = {"name": "mary", "domain": {"name": "chameleon"}, "password": "0" * 32}
    login = json.dumps(
        {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    )
    refused = [
        (("GET", "/_rehearsal/status"), 401),
        (("GET", "/_rehearsal/status", {"X-Rehearsal-Secret": "0" * 32}), 401),
        (("GET", "/tacc/reservation/v1/leases", {"X-Auth-Token": "0" * 32}), 401),
        (("POST", "/tacc:5000/v3/auth/tokens", {"Content-Type": "application/json"}, login), 401),
    ]
    # A page that rebinds its name comes with a foreign Host: not even looked at, secret or not;
    # with its own, answered.
    with_secret = {"X-Rehearsal-Secret": secret(home)}
    foreign = [with_secret | {"Host": host} for host in ("evil.example", f"evil.example:{port}")]
    refused += [(("GET", "/_rehearsal/status", headers), 421) for headers in foreign]
    refused.append((("GET", "/_rehearsal/status", with_secret), 200))
    try:
        yield Server(url, [secret(home), variables["OS_PASSWORD"]], [], refused)
    finally:
        chameleon_rehearsal.stop(home)


@contextmanager
def run_service(_: Path) -> Iterator[Server]:
    """The FastAPI service: predictions are for everybody here, and nothing else."""
    from labs.serve.models import fp32_model
    from labs.serve.running import start, wait_until_ready

    with start(MODEL=fp32_model()) as service:
        wait_until_ready(service)
        yield Server(service.url, readable=["workspace/models"])


@contextmanager
def run_triton(_: Path) -> Iterator[Server]:
    """Triton: a user who may load a model can run code as the server's owner, so loading requires a
    key.
    """
    from labs.serve.triton import catalogue
    from labs.serve.triton.control import KEY_HEADER
    from labs.serve.triton.server import start

    try:
        server = start([catalogue.food_palette()], within_s=180)
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    code = json.dumps(
        {"parameters": {"config": '{"backend": "python"}', "file:1/model.py": "cHJpbnQoMSk="}}
    )
    paths = ["models/evil/load", "models/food_palette/unload", "index"]
    refused = [(("POST", f"/v2/repository/{path}", None, code), 403) for path in paths]
    refused += [
        (("POST", "/v2/systemsharedmemory/region/x/register", {KEY_HEADER: "0" * 32}, "{}"), 403)
    ]
    with server:
        key = server.headers[KEY_HEADER]
        yield Server(server.url, [key], [], refused, ["workspace/triton/models"])
        assert server.loaded() == {"food_palette": "READY"}


@contextmanager
def run_jupyter(room: Path) -> Iterator[Server]:
    """JupyterLab as `msl lab` starts it: a terminal for every user with its token."""
    with listen() as free:
        port = free.getsockname()[1]
    line = [Path(sys.executable).parent / "msl", "lab", "--no-browser", f"--port={port}"]
    with (room / "jupyter.log").open("wb") as log:
        (room / "jupyter.log").chmod(0o600)
        process = subprocess.Popen(
            line, stdout=log, stderr=log, start_new_session=True, cwd=PROJECT_DIR
        )
    try:
        deadline_s = time.monotonic() + 120
        while not (servers := list(room.rglob("jpserver-*.json"))) or not servers[0].read_text():
            ended = process.poll() is not None or time.monotonic() > deadline_s
            assert not ended, (room / "jupyter.log").read_text()
            time.sleep(0.2)
        token = json.loads(servers[0].read_text())["token"]
        refused = [
            (("POST", "/api/terminals"), 403),
            (("GET", "/api/contents", {"Authorization": "token 0"}), 403),
        ]
        yield Server(f"http://127.0.0.1:{port}", [token], [], refused, ["home"])
    finally:
        process.terminate()
        process.wait(30)


SERVERS = [
    run_testbed,
    run_service,
    pytest.param(run_triton, marks=[pytest.mark.triton, pytest.mark.xdist_group("triton")]),
    run_jupyter,
]


def as_somebody_else(code: str, *arguments: str) -> list:
    """Return what a Python of another user prints as JSON."""
    command = [sys.executable, "-I", "-c", SOMEBODY_ELSE, code, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", env={}, check=True, timeout=120
    )
    return json.loads(done.stdout)


@pytest.fixture
def room() -> Iterator[Path]:
    """Return an open folder for the home, the workspace and the temporary files of a server."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        room = Path(name)
        patch.setenv(CACHE_VARIABLE, str(cache_dir()))
        # uv's too, whose lock files are open to all: an environment may be made here.
        patch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR") or f"{Path.home()}/.cache/uv")
        for folder in (room, *(room / name for name in ("home", "tmp", "workspace"))):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        patch.setenv("HOME", str(room / "home"))
        patch.setenv("TMPDIR", str(room / "tmp"))
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv(WORKSPACE_VARIABLE, str(room / "workspace"))
        yield room
    tempfile.tempdir = None


def assert_closed_to_others(server: Server, room: Path) -> None:
    """Check that another user can write no file below a room, can read only public ones, and that
    the port refuses.
    """
    open_file = room / "open.txt"
    open_file.write_text("readable")
    open_file.chmod(0o666)
    requests = [request for request, _ in server.refused]
    answers = as_somebody_else(ASK, server.url, json.dumps(requests))
    assert answers == [status for _, status in server.refused]
    writable, readable, lines = as_somebody_else(WALK, str(room), *map(str, server.folders))
    # One file that is open to all shows that another user really looks.
    assert writable == [str(open_file)]
    assert readable.pop(str(open_file)) == "readable"
    allowed = [room / name for name in server.readable]
    for path in readable:
        assert any(Path(path).is_relative_to(folder) for folder in allowed), path
    assert not [
        path for path, text in readable.items() if any(secret in text for secret in server.secrets)
    ]
    assert not [line for line in lines if any(secret in line for secret in server.secrets)]


@pytest.mark.parametrize("start", SERVERS)
def test_another_user_gets_nothing_of_a_server(start: Start, room: Path) -> None:
    """Another user cannot write its files or read its secrets, and its port refuses users without a
    secret.
    """
    with start(room) as server:
        assert_closed_to_others(server, room)
