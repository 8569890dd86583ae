"""``make containers``: what runs in other people's containers, run here in fresh Debian systems.

Three checks, each of which prints a line; the exit code is that of the first that failed:

* **binder**: repo2docker reads the checkout as Binder does and writes its Dockerfile.
* **hub**: the Dockerfile's instructions, one by one; then a JupyterHub starts the image's server
  for a student, and the front page, the notebooks and a kernel answer.
* **gradescope**: ``setup.sh``, and ``run_autograder`` on honest work.

Needs Debian or Ubuntu, root, debootstrap and npm, and 15 GB below ``/var/tmp``. Not run here: a
container engine, Binder itself and Gradescope's own image. ``ARGS="hub binder"`` takes some.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from labs.workspace import PROJECT_DIR
from tests.emulation.dockerfile import Image, follow
from tests.emulation.system import System
from tests.grading.exported import exported
from tests.grading.recorded import MODEL
from tests.honest import honest

#: Names the folder of the systems, once this script's mounts are its own and end with it.
_FOLDER = "CONTAINERS_FOLDER"

_HUB = "http://127.0.0.1:18000"
_PROXY_API = "http://127.0.0.1:18001"
_HUB_PORT = 18081

_STUDENT = "student"


def checkout(folder: Path) -> Path:
    """Return a clone of this checkout's newest commit."""
    clone = folder / "checkout"
    if clone.exists():
        return clone
    subprocess.run(["git", "clone", "--quiet", str(PROJECT_DIR), str(clone)], check=True)
    return clone


def binder(folder: Path, _base: System) -> str:
    """repo2docker writes a Dockerfile from the clone."""
    python = _tools(folder)
    command = [python, "-m", "repo2docker", "--no-build", "--debug", str(checkout(folder))]
    written = subprocess.run(command, capture_output=True, text=True, check=True)
    dockerfile = written.stdout + written.stderr
    for expected in ("postBuild", "g++", "3.11"):
        assert expected in dockerfile, f"Binder's Dockerfile says nothing of {expected}"
    return f"{len(dockerfile.splitlines())} lines of Dockerfile, with .binder's three files"


def hub(folder: Path, base: System) -> str:
    """A JupyterHub starts the image's server, and it answers."""
    system = base.copy_to(folder / "hub")
    system.run("apt-get", "update")
    # Where the Dockerfile begins, there is a Python already.
    system.run("apt-get", "install", "--yes", "--no-install-recommends", "python3", "python3-venv")
    clone = checkout(folder)
    context = _docker_context(folder, clone)
    image = follow(clone / "Dockerfile", system, context)
    student = image.environment | {"HOME": f"/home/{_STUDENT}"}
    start = ["sh", "-c", image.command[-1].replace("exec jupyterhub-singleuser", "msl status")]
    system.run(*start, user=_STUDENT, cwd=image.workdir, environment=student)
    with _hub(folder, system, image) as client:
        return _ask(client)


def gradescope(folder: Path, base: System) -> str:
    """``setup.sh`` and ``run_autograder``, on an honest hand-in of part 1."""
    system = base.copy_to(folder / "gradescope")
    root = system.path("/autograder")
    package = folder / "autograder.zip"
    command = [sys.executable, "-m", "grading", "gradescope", "--out", str(package)]
    seed = {"GRADING_SEED": secrets.token_hex()}
    subprocess.run(command, check=True, env=os.environ | seed, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(package) as archive:
        archive.extractall(root / "source")
    submission = root / "submission"
    submission.mkdir()
    for model in (MODEL, exported()):
        shutil.copy(model, submission)
    (submission / "ledger.jsonl").write_text(honest(1).text)
    metadata = PROJECT_DIR / "tests" / "grading" / "gradescope" / "submission_metadata.json"
    shutil.copy(metadata, root)
    shutil.copy(root / "source" / "run_autograder", root)
    system.run("bash", "/autograder/source/setup.sh")
    printed = system.run("bash", "/autograder/run_autograder")
    results = json.loads((root / "results" / "results.json").read_text())
    assert printed.strip() == "result: whole", printed
    worth = sum(test["max_score"] for test in results["tests"])
    return f"result: whole; {len(results['tests'])} rows, {results['score']} of {worth:g} points"


def _tools(folder: Path) -> str:
    """Return the Python of an environment with repo2docker, which brings Docker's own client."""
    environment = folder / "tools"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "jupyter-repo2docker"]
        subprocess.run(install, check=True)
    return str(python)


def _docker_context(folder: Path, clone: Path) -> Path:
    """Return a copy of what ``docker build`` would send of a clone, by Docker's client itself."""
    code = (
        "import json, sys; from docker.utils.build import exclude_paths; "
        "patterns = open(sys.argv[1] + '/.dockerignore').read().splitlines(); "
        "print(json.dumps(sorted(exclude_paths(sys.argv[1], patterns))))"
    )
    printed = subprocess.run(
        [_tools(folder), "-c", code, str(clone)], capture_output=True, text=True, check=True
    )
    context = folder / "context"
    for name in json.loads(printed.stdout):
        source = clone / name
        if source.is_file():
            target = context / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return context


@contextlib.contextmanager
def _hub(folder: Path, system: System, image: Image) -> Iterator[httpx.Client]:
    """Run a Hub with its proxy, and give a client of its interface as an administrator."""
    npm = ["npm", "install", "--silent", "--prefix", str(folder), "configurable-http-proxy"]
    subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)
    token, proxy_token = secrets.token_hex(), secrets.token_hex()
    settings = {
        "JupyterHub.authenticator_class": "dummy",
        "JupyterHub.bind_url": _HUB,
        "JupyterHub.hub_port": _HUB_PORT,
        "JupyterHub.services": [{"name": "check", "api_token": token}],
        "JupyterHub.load_roles": [
            {
                "name": "check",
                "services": ["check"],
                "scopes": ["admin:users", "admin:servers", "access:servers", "tokens"],
            }
        ],
        "ConfigurableHTTPProxy.should_start": False,
        "ConfigurableHTTPProxy.api_url": _PROXY_API,
        "ConfigurableHTTPProxy.auth_token": proxy_token,
        "Authenticator.allow_all": True,
        "LocalProcessSpawner.start_timeout": 180,
        "Spawner.cmd": image.command,
        "Spawner.environment": image.environment,
    }
    lines = [f"c.{name} = {value!r}" for name, value in settings.items()]
    system.path("/srv").mkdir(exist_ok=True)
    system.path("/srv/jupyterhub_config.py").write_text("\n".join(lines))
    proxy = [
        str(folder / "node_modules" / ".bin" / "configurable-http-proxy"),
        f"--port={_HUB.rpartition(':')[2]}",
        "--ip=127.0.0.1",
        f"--api-port={_PROXY_API.rpartition(':')[2]}",
        f"--default-target=http://127.0.0.1:{_HUB_PORT}",
    ]
    started = system.command("jupyterhub", "--config=/srv/jupyterhub_config.py", cwd="/srv")
    log = (folder / "hub.log").open("w")
    processes = [
        subprocess.Popen(
            proxy, env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": proxy_token}, stdout=log, stderr=log
        ),
        subprocess.Popen(
            started, env=system.environment | image.environment, stdout=log, stderr=log
        ),
    ]
    client = httpx.Client(headers={"Authorization": f"token {token}"}, timeout=60)
    try:
        with client:
            _until(lambda: client.get(f"{_HUB}/hub/api/").is_success, "the Hub")
            yield client
    except Exception as error:
        error.add_note((folder / "hub.log").read_text()[-5000:])
        raise
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        log.close()


def _ask(client: httpx.Client) -> str:
    """Return what a student's server answers: the page, the course, a notebook, a kernel."""
    user = f"{_HUB}/hub/api/users/{_STUDENT}"
    client.post(user).raise_for_status()
    client.post(f"{user}/server").raise_for_status()
    _until(lambda: client.get(user).json()["servers"].get("", {}).get("ready"), "the server")
    server = f"{_HUB}/user/{_STUDENT}"
    client.get(f"{server}/lab").raise_for_status()
    course = client.get(f"{server}/msl/course").raise_for_status().json()
    folder = client.get(f"{server}/api/contents/notebooks/1_model").raise_for_status().json()
    notebooks = [entry for entry in folder["content"] if entry["type"] == "notebook"]
    assert course, "the front page has no course"
    assert notebooks, "the folder of part 1 has no notebooks"
    kernel = client.post(f"{server}/api/kernels").raise_for_status().json()
    seen = f"{len(notebooks)} notebooks of part 1, kernel {kernel['name']}"
    return f"JupyterLab, the front page's course, {seen}"


def _until(ready: Callable[[], object], what: str, timeout_s: float = 240) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if ready():
                return
        time.sleep(1)
    raise TimeoutError(f"{what} did not answer within {timeout_s:g} s")


CHECKS = {check.__name__: check for check in (binder, hub, gradescope)}


def main(names: list[str]) -> None:
    """Run the named checks, or all, where no mount of theirs outlives them."""
    for tool in ("debootstrap", "npm", "unshare"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed (Debian, Ubuntu: sudo apt install {tool})")
    if os.geteuid() != 0:
        raise SystemExit("Only root can make systems and enter them: sudo make containers")
    folder = tempfile.mkdtemp(prefix="containers-", dir="/var/tmp")
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*apart, sys.executable, "-m", "tests.emulation.containers", *names]
    try:
        raise SystemExit(subprocess.call(command, env=os.environ | {_FOLDER: folder}))
    finally:
        # Here, outside the mounts, the systems' /dev is an empty folder.
        shutil.rmtree(folder)


def check(names: list[str], folder: Path) -> None:
    """Run the named checks, or all, in a folder; each prints its line."""
    base = System.bootstrap(folder / "base")
    for name in names or CHECKS:
        begin = time.monotonic()
        seen = CHECKS[name](folder, base)
        print(f"{name:<11} {time.monotonic() - begin:4.0f} s  {seen}", flush=True)


if __name__ == "__main__":
    if _FOLDER in os.environ:
        check(sys.argv[1:], Path(os.environ[_FOLDER]))
    else:
        main(sys.argv[1:])
