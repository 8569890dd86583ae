"""Start the real Keystone, Blazar and Glance on loopback, ask them the exchanges, and write `golden.json`.

`make fidelity` runs it; it takes some minutes the first time, because the services come from PyPI. Nova is a stand-in
that keeps host aggregates, all that Blazar asks of it while it books a node in the future.
"""

from __future__ import annotations

import getpass
import grp
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import venv
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import aggregates
import configuration
import platformdirs
from exchanges import Answer, Cloud, exchange, send, shape

HERE = Path(__file__).parent
PACKAGES = ["keystone>=30,<31", "blazar>=18,<19", "glance>=33,<34", "setuptools<81"]
_USER, _PROJECT, _DOMAIN = "mary", "CHI-contract", "chameleon"


def environment() -> Path:
    """Return the environment with the services, made on first use and kept in the user's cache."""
    home = platformdirs.user_cache_path("model-serving-labs") / "environments" / "openstack-services"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (home / "complete").touch()
    return home


def record(home: Path, folder: Path) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Start the services in a folder, fill them, and return the answers and what python-chi's clients made of them."""
    ports = {name: _free_port() for name in ("keystone", "blazar", "glance")}
    password = secrets.token_hex(8)
    identity = f"http://127.0.0.1:{ports['keystone']}/v3"
    compute = aggregates.serve()
    configuration.write(folder, home, ports["keystone"], compute, password)
    _prepare_keystone(home, folder, identity, password)
    running = []
    try:
        running.append(_start(home, folder, "keystone", ports["keystone"]))
        urls = {
            "reservation": f"http://127.0.0.1:{ports['blazar']}/v1",
            "image": f"http://127.0.0.1:{ports['glance']}",
            "compute": compute,
        }
        admin = _fill_keystone(identity, urls, password)
        running.append(_start(home, folder, "blazar", ports["blazar"]))
        _run(home, "glance-manage", "--config-file", str(folder / "glance-api.conf"), "db_sync")
        running.append(_start(home, folder, "glance", ports["glance"]))
        _fill_glance(urls["image"], admin)
        cloud = Cloud({"identity": identity} | urls, _USER, password, _PROJECT, _DOMAIN, admin)
        by_clients = _ask_by_clients(cloud)
        return exchange(cloud), by_clients
    finally:
        for process in running:
            process.terminate()
            process.wait(20)


def _ask_by_clients(cloud: Cloud) -> dict[str, Any]:
    """Return what `clients.py` reports of a cloud, run by this Python, which holds the clients."""
    variables = {
        "OS_AUTH_URL": cloud.urls["identity"],
        "OS_USERNAME": cloud.user,
        "OS_PASSWORD": cloud.password,
        "OS_PROJECT_NAME": cloud.project,
        "OS_USER_DOMAIN_NAME": cloud.domain,
        "OS_PROJECT_DOMAIN_NAME": cloud.domain,
    }
    command = [sys.executable, str(HERE / "clients.py")]
    done = subprocess.run(command, env=dict(os.environ) | variables, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.rsplit("RESULT ", 1)[1])


def _prepare_keystone(home: Path, folder: Path, identity: str, password: str) -> None:
    """Make Keystone's database, its keys, its administrator and its own endpoint."""
    manage = ("keystone-manage", "--config-file", str(folder / "keystone.conf"))
    _run(home, *manage, "db_sync")
    owner = ("--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getgid()).gr_name)
    _run(home, *manage, "fernet_setup", *owner)
    _run(home, *manage, "credential_setup", *owner)
    urls = [f"--bootstrap-{kind}-url={identity}" for kind in ("public", "internal", "admin")]
    who = [f"--bootstrap-password={password}", f"--bootstrap-region-id={configuration.REGION}"]
    _run(home, *manage, "bootstrap", *who, *urls)


def _fill_keystone(identity: str, urls: dict[str, str], password: str) -> str:
    """Make domain, projects, users and endpoints, and return the administrator's token."""
    domain = {"id": "default"}
    user = {"name": "admin", "domain": domain, "password": password}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    scope = {"project": {"name": "admin", "domain": domain}}
    token = send("POST", f"{identity}/auth/tokens", {"auth": auth | {"scope": scope}}).headers["x-subject-token"]

    def make(path: str, kind: str, **fields: Any) -> str:
        answer = send("POST", f"{identity}/{path}", {kind: fields}, token)
        if answer.status != 201:
            raise RuntimeError(f"keystone did not make {kind} {fields}: {answer.status} {answer.body}")
        return answer.body[kind]["id"]

    roles = {r["name"]: r["id"] for r in send("GET", f"{identity}/roles", token=token).body["roles"]}
    own = make("domains", "domain", name=_DOMAIN)
    for name, where, project, role in (("service", "default", "service", "admin"), (_USER, own, _PROJECT, "member")):
        project_id = make("projects", "project", name=project, domain_id=where)
        user_id = make("users", "user", name=name, password=password, domain_id=where)
        send("PUT", f"{identity}/projects/{project_id}/users/{user_id}/roles/{roles[role]}", token=token)
    for kind, url in urls.items():
        service = make("services", "service", type=kind, name=kind)
        for interface in ("public", "internal", "admin"):
            make(
                "endpoints",
                "endpoint",
                service_id=service,
                interface=interface,
                url=url,
                region_id=configuration.REGION,
            )
    return token


def _fill_glance(image: str, token: str) -> None:
    """Register two images, as Chameleon's operators name them."""
    for name in ("CC-Ubuntu24.04", "CC-Ubuntu24.04-CUDA"):
        fields = {"name": name, "visibility": "public", "disk_format": "qcow2", "container_format": "bare"}
        repository = {"build-repo": "https://github.com/ChameleonCloud/cc-images"}
        answer = send("POST", f"{image}/v2/images", fields | repository, token)
        if answer.status != 201:
            raise RuntimeError(f"glance did not register {name}: {answer.status} {answer.body}")


def _start(home: Path, folder: Path, name: str, port: int) -> subprocess.Popen[bytes]:
    """Start a service and return once its port answers."""
    log = (folder / f"{name}.out").open("wb")
    command = [str(home / "bin" / "python"), str(HERE / "services.py"), name, str(folder), str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    until = time.monotonic() + 180
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.2)
    process.kill()
    raise RuntimeError(f"{name} did not start:\n" + (folder / f"{name}.out").read_text()[-3000:])


def _run(home: Path, program: str, *arguments: str) -> None:
    """Run one of the services' own commands, and show what it said when it fails."""
    done = subprocess.run([str(home / "bin" / program), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{program} {arguments}: {done.stderr[-3000:]}")


def _free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> int:
    """Record, write `golden.json`, and say how many exchanges it holds."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else environment()
    with tempfile.TemporaryDirectory() as folder:
        answers, by_clients = record(home, Path(folder))
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    versions = {
        d.name: d.version for d in distributions(path=[str(site)]) if d.name in ("keystone", "blazar", "glance")
    }
    golden = {
        "services": versions,
        "exchanges": {name: {"status": a.status, "body": shape(a.body)} for name, a in answers.items()},
        "clients": by_clients,
    }
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    print(f"recorded {len(answers)} exchanges and {len(by_clients)} calls of clients with {versions}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
