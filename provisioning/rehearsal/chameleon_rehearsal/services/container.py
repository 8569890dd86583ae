"""Zun: containers on edge devices, with execute, logs and archives."""

import base64
import contextlib
import io
import json
import secrets
import shlex
import tarfile
import uuid
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from chameleon_rehearsal.catalogue import stable_id
from chameleon_rehearsal.machines.scratch import Processes, Scratch, unpack
from chameleon_rehearsal.services import paging, refusals
from chameleon_rehearsal.services.access import all_own, caller_of, check, world_of
from chameleon_rehearsal.services.door import body_of, checked, refuse_unless_valid
from chameleon_rehearsal.world.clock import CONTAINER_START_S, machine_status
from chameleon_rehearsal.world.world import Caller, Document, World

# The service endpoint ends in /v1; zunclient asks for `/v1/containers` below the part before it.
router = APIRouter(prefix="/{site}/container/v1", dependencies=[Depends(check("container"))])

#: The largest upload, in bytes of the decoded archive. Chameleon's Zun limits the body of a request
#: likewise.
UPLOAD_LIMIT_BYTES = 10 * 2**20

#: Default limit of a proxy before the service (nginx, ``client_max_body_size``), in bytes: smaller
#: uploads never get a 413.
PROXY_LIMIT_BYTES = 2**20


@router.get("/containers")
@router.get("/containers/")
async def list_containers(request: Request) -> dict[str, Any]:
    """List the project's containers, by name or status for example."""
    bodies = [_body(request, record) for record in all_own(request, "container")]
    for name in ("name", "image", "status"):
        wanted = request.query_params.get(name)
        bodies = [body for body in bodies if wanted in (None, body[name])]
    shown, following = paging.page(request, bodies, "uuid")
    return {"containers": shown, "next": following}


@router.post("/containers", status_code=202)
@router.post("/containers/", status_code=202)
async def create_container(site: str, request: Request) -> dict[str, Any]:
    """Create a container; whether the caller's reservation has a device for it shows later, in its
    status.
    """
    world, caller = world_of(request), caller_of(request)
    asked = await checked(request, "zun POST containers")
    _check_ports(asked.get("exposed_ports") or {})
    record = world.store.put("container", _place(world, caller, site, asked))
    if record["host"] is not None:
        world.add_port(record)
    return _body(request, record) | {"addresses": {}, "host": None}


@router.get("/containers/{ref}")
async def show_container(ref: str, request: Request) -> dict[str, Any]:
    """Show a container by id or name."""
    return _body(request, _own(request, ref))


@router.post("/containers/{ref}/rename")
async def rename_container(ref: str, request: Request) -> dict[str, Any]:
    """Give a container another name."""
    record, asked = _own(request, ref), dict(request.query_params)
    refuse_unless_valid(request, "zun query rename", asked)
    if record["name"] == asked["name"]:
        raise refusals.zun(409, "The new name for the container is the same as the old name.")
    return _body(request, world_of(request).store.put("container", record | asked))


#: Zun's name of a deletion, by what the request has: `stop` counts before `force`.
_DELETIONS = {"stop": "delete_after_stop", "force": "delete_force"}
#: States in which each is possible, among those that occur here. Source: Zun's `VALID_STATES`.
_DELETABLE = {
    "delete": ("Error",),
    "delete_after_stop": ("Running", "Error"),
    "delete_force": ("Creating", "Running", "Error"),
}


@router.delete("/containers/{ref}", status_code=204)
async def delete_container(ref: str, request: Request) -> None:
    """Delete a container; one that runs must be stopped or forced in the same request, and one that
    is created can only be forced.
    """
    record = _own(request, ref)
    refuse_unless_valid(request, "zun query DELETE containers", dict(request.query_params))
    asked = [
        name
        for name in ("stop", "force")
        if request.query_params.get(name, "").lower() in ("true", "1", "yes")
    ]
    action = _DELETIONS[asked[0]] if asked else "delete"
    status = machine_status(record, world_of(request).clock.now())
    if status not in _DELETABLE[action]:
        raise refusals.zun(409, f"Cannot {action} container {record['id']} in {status} state")
    world_of(request).remove_machine("container", record)


@router.get("/containers/{ref}/logs")
async def logs(ref: str, request: Request) -> JSONResponse:
    """Return what the container wrote; a Jupyter image shows its address and token, as Jupyter
    does.
    """
    record = _running(request, ref, "show logs of")
    refuse_unless_valid(request, "zun query logs", dict(request.query_params))
    text = f"rehearsed, not run: image {record['image']}\n"
    if "jupyter" in record["image"].lower():
        address = f"http://127.0.0.1:8888/lab?token={record['token']}"
        text += f"[I ServerApp] Jupyter Server is running at:\n[I ServerApp]     {address}\n"
    return JSONResponse(text)


@router.post("/containers/{ref}/execute")
async def execute(ref: str, request: Request) -> dict[str, Any]:
    """Run a command in a running container. No shell reads it, as with the real Zun: pipes need
    `sh -c`.

    A command that outlasts the site's limit continues, and its exit code is null. A program that is
    missing has the exit code -1. Source: ChameleonCloud/zun, `K8sDriver.execute_create`.
    """
    record, world = _running(request, ref, "execute"), world_of(request)
    refuse_unless_valid(request, "zun query execute", dict(request.query_params))
    try:
        command = shlex.split(request.query_params.get("command", ""))
    except ValueError as error:
        raise refusals.zun(400, f"Invalid command: {error}") from error
    if not command:
        raise refusals.zun(400, "Invalid input for query parameter command: ''")
    world.note(record["name"], shlex.join(command))
    scratch = _scratch(world, record)
    processes: Processes = request.app.state.processes
    output, exit_code = await processes.run(
        scratch,
        [_localised(scratch, word) for word in command],
        scratch.environment("root", **record["environment"]),
        world.limits.execute_s,
    )
    return {"output": output, "exit_code": exit_code, "exec_id": None, "proxy_url": None}


@router.get("/containers/{ref}/stats")
async def show_stats(ref: str, request: Request) -> dict[str, str]:
    """Show what a running container uses, as Kubernetes' metrics do: nanocores, and KiB of memory.

    Source: ChameleonCloud/zun, `K8sDriver.stats`; the published sample is Docker's.
    """
    record, world = _running(request, ref, "stats"), world_of(request)
    processes: Processes = request.app.state.processes
    nanocores, memory_kib = processes.usage(_scratch(world, record).root)
    return {"cpu": f"{nanocores}n", "memory": f"{memory_kib}Ki"}


@router.post("/containers/{ref}/put_archive")
async def put_archive(ref: str, request: Request) -> dict[str, Any]:
    """Unpack an uploaded tar archive into a folder of a running container.

    Chameleon's driver runs `tar xmf - -C PATH` there and ignores how tar ends: where the folder is
    missing, the answer is 200 and nothing arrives. Source: `K8sDriver.put_archive`.
    """
    record, world = _running(request, ref, "put_archive"), world_of(request)
    data = _decoded(await body_of(request))
    is_large = len(data) > PROXY_LIMIT_BYTES
    is_cut = is_large and world.faults.strike("upload-cut", record["user"])
    if is_cut or len(data) > UPLOAD_LIMIT_BYTES:
        raise refusals.zun(413, "Request is too large.")
    folder = _scratch(world, record).inside(_path(request))
    if not folder.is_dir():
        return {}
    # Nothing may arrive outside the container's folder: that is this computer's own disk. What tar
    # cannot read does not arrive either.
    with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(data)) as archive:
        unpack(archive, folder)
    return {}


@router.get("/containers/{ref}/get_archive")
async def get_archive(ref: str, request: Request) -> dict[str, Any]:
    """Return a file or folder of a running container as a tar archive, in base64.

    Chameleon's driver runs `tar cf - -C PATH .` for a folder. For a file it runs `tar cf - NAME` in
    the working folder, whatever folder the path names, and ignores how tar ends: a file that is not
    there makes an empty archive. Source: `K8sDriver.get_archive`.
    """
    record, path = _running(request, ref, "get_archive"), _path(request)
    scratch = _scratch(world_of(request), record)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = scratch.inside(path)
        file = scratch.home / PurePosixPath(path).name
        if folder.is_dir():
            archive.add(folder, arcname=".")
        elif file.exists():
            archive.add(file, arcname=file.name)
    data = packed.getvalue()
    stat = {"name": f"{path}.tar", "size": len(data)}
    return {"data": base64.b64encode(data).decode(), "stat": json.dumps(stat)}


def _path(request: Request) -> str:
    path = request.query_params.get("path", "")
    if not path:
        raise refusals.zun(400, "Invalid input for query parameter path: it is missing")
    return path


def _decoded(body: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(body["data"])
    except (KeyError, TypeError, ValueError) as error:
        raise refusals.zun(400, "Invalid input for field 'data': it is no base64") from error


def _check_ports(ports: dict[str, Any]) -> None:
    """Refuse a port that is no number, with or without a protocol, as in `8888/tcp`."""
    for port in ports:
        number, _, protocol = port.partition("/")
        if not (number.isdecimal() and int(number) <= 65_535 and protocol in ("", "tcp", "udp")):
            raise refusals.zun(400, f"Invalid input for field 'exposed_ports'. Value: '{port}'")


def _place(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    if world.catalogue.sites[site].site_class != "edge":
        raise refusals.zun(404, "containers are an edge site's: use CHI@Edge")
    environment = asked.get("environment") or {}
    now_s = world.clock.now()
    reservation_id = (asked.get("hints") or {}).get("reservation")
    slow = world.faults.strike("slow-boot", caller.user)
    record: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked.get("name") or _drawn_name(),
        **vars(caller),
        "why": "",
        "asked": {name: asked[name] for name in _SHOWN if name in asked},
    }
    record |= {
        "image": asked["image"],
        "workdir": asked.get("workdir") or "",
        "environment": environment,
    }
    record |= {
        "exposed_ports": sorted(asked.get("exposed_ports") or {}),
        "token": secrets.token_hex(24),
        "conditions": world.faults.conditions(caller.user),
    }
    host = next(iter(world.reserved(caller, site, reservation_id, "device")), None)
    settled_at_s = now_s + world.clock.shortened(slow["seconds"] if slow else CONTAINER_START_S)
    record |= {
        "reservation_id": reservation_id,
        "host": host,
        "created_s": now_s,
        "settled_at_s": settled_at_s,
    }
    record |= {"starting": "Creating", "fate": "Running"}
    if record["host"] is None:
        record |= {"fate": "Error", "why": "There are not enough hosts available."}
    elif world.faults.strike("container-error", caller.user):
        record |= {
            "fate": "Error",
            "why": f"failed to pull image {record['image']}: exec format error",
        }
    return record


def _own(request: Request, ref: str) -> Document:
    records = [
        record for record in all_own(request, "container") if ref in (record["id"], record["name"])
    ]
    if not records:
        raise refusals.zun(404, f"Container {ref} could not be found.")
    if len(records) > 1:
        message = (
            f"Multiple containers exist with same name {ref}. Please use the container uuid "
            "instead."
        )
        raise refusals.zun(409, message)
    return records[0]


def _running(request: Request, ref: str, verb: str) -> Document:
    record = _own(request, ref)
    status = machine_status(record, world_of(request).clock.now())
    if status != "Running":
        raise refusals.zun(409, f"Cannot {verb} container {record['id']} in {status} state")
    return record


def _scratch(world: World, record: Document) -> Scratch:
    is_jupyter = "jupyter" in record["image"].lower()
    home = record["workdir"] or ("/home/jovyan" if is_jupyter else "/root")
    folder = world.folder / "containers" / record["id"]
    scratch = Scratch(
        world, folder, home, record["name"], record["image"], record.get("conditions", {})
    )
    scratch.prepare()
    if is_jupyter:
        # Jupyter's images bring it; commands begin in the folder above it.
        scratch.inside("/home/jovyan/work").mkdir(parents=True, exist_ok=True)
    return scratch


def _localised(scratch: Scratch, word: str) -> str:
    """Return an argument of a command, with a path that exists in the container made one of this
    computer.
    """
    if not word.startswith("/"):
        return scratch.localise(word)
    path = scratch.inside(word)
    return (
        str(path)
        if path.exists() or (path.parent != scratch.root and path.parent.exists())
        else word
    )


def _drawn_name() -> str:
    """Return a name for a container that was given none: a Greek letter and a number, as Zun's."""
    letters = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
    return f"{secrets.choice(letters)}-{secrets.randbelow(90) + 10}-container"


#: Fields of a container that the request sets, with their defaults.
_SHOWN: dict[str, Any] = {
    "command": [],
    "labels": {},
    "hostname": None,
    "restart_policy": {},
    "interactive": False,
    "tty": False,
    "image_driver": "docker",
    "image_pull_policy": None,
    "auto_remove": False,
    "auto_heal": False,
    "privileged": False,
    "runtime": None,
    "healthcheck": {},
    "cpu_policy": "shared",
    "entrypoint": [],
}
#: Chameleon asks for no share of a device: cpu, memory and disk are 0 unless the request has some.
_SIZES = {"cpu": 0.0, "memory": "0", "disk": 0}


def _body(request: Request, record: Document) -> dict[str, Any]:
    """Return a container as Zun shows it."""
    world = world_of(request)
    status = machine_status(record, world.clock.now())
    network_id = stable_id("network", record["site"], world.catalogue.sites[record["site"]].network)
    ports = world.store.find("port", device_id=record["id"])
    addresses = []
    for port in ports:
        fixed = port["fixed_ips"][0]
        address = {"addr": fixed["ip_address"], "subnet_id": fixed["subnet_id"]}
        plugged = {"version": 4, "port": port["id"], "preserve_on_delete": False}
        addresses.append(address | plugged)
    shown = {
        "uuid": record["id"],
        "name": record["name"],
        "image": record["image"],
        "status": status,
    }
    shown |= _SHOWN | record["asked"] | _SIZES
    check = dict(shown["healthcheck"] or {})
    if "cmd" in check:
        # Zun shows the command of a health check under another name than it takes it.
        check["test"] = check.pop("cmd")
    shown |= {"status_reason": None, "status_detail": None, "task_state": None}
    if status == "Error":
        shown["status_reason"] = record["why"]
    if status == "Creating":
        shown |= {"status_detail": "Pulling image", "task_state": "image_pulling"}
    shown |= {
        "user_id": record["user_id"],
        "project_id": record["project_id"],
        "environment": record["environment"],
        "workdir": record["workdir"] or None,
        "security_groups": [],
        "registry_id": None,
        "healthcheck": check,
        "host": None,
        "links": _links(request, record["id"]),
    }
    opened = [int(port.split("/")[0]) for port in record["exposed_ports"]]
    addresses_by_network = {network_id: addresses} if addresses else {}
    return shown | {"addresses": addresses_by_network, "ports": opened}


def _links(request: Request, identifier: str) -> list[dict[str, str]]:
    root = f"{str(request.base_url).rstrip('/')}/{request.path_params['site']}/container"
    own_address = f"{root}/v1/containers/{identifier}"
    bookmark = f"{root}/containers/{identifier}"
    return [{"rel": "self", "href": own_address}, {"rel": "bookmark", "href": bookmark}]
