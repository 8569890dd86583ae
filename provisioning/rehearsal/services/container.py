"""Zun: containers on edge devices, with execute, logs and archives."""

import base64
import io
import secrets
import shlex
import tarfile
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from provisioning.node.archive import unpack
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.machines.scratch import Processes, Scratch
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, caller_of, check, world_of
from provisioning.rehearsal.world.clock import CONTAINER_START_S, machine_status, stamp
from provisioning.rehearsal.world.world import Caller, Document, World

# The service endpoint ends in /v1; zunclient asks for `/v1/containers` below the part before it.
router = APIRouter(prefix="/{site}/container/v1", dependencies=[Depends(check("container"))])

#: The largest upload, in bytes of the decoded archive. Chameleon's Zun limits the body of a request likewise.
UPLOAD_LIMIT_BYTES = 10 * 2**20
_EXECUTE_LIMIT_S = 300.0


@router.get("/containers")
@router.get("/containers/")
async def list_containers(request: Request) -> dict[str, Any]:
    world = world_of(request)
    return {
        "containers": [_body(world, record) for record in all_own(request, "container")],
        "next": None,
    }


@router.post("/containers", status_code=202)
@router.post("/containers/", status_code=202)
async def create_container(site: str, request: Request) -> dict[str, Any]:
    """Create a container; whether the caller's reservation has a device for it shows later, in its status."""
    world, caller = world_of(request), caller_of(request)
    record = world.store.put("container", _place(world, caller, site, await request.json()))
    if record["host"] is not None:
        world.add_port(record)
    return _body(world, record)


@router.get("/containers/{ref}")
async def show_container(ref: str, request: Request) -> dict[str, Any]:
    """Show a container by id or name."""
    return _body(world_of(request), _own(request, ref))


@router.delete("/containers/{ref}", status_code=204)
async def delete_container(ref: str, request: Request) -> None:
    """Delete a container; one that runs must be stopped or forced in the same request."""
    record = _own(request, ref)
    asked = [request.query_params.get(name, "") for name in ("stop", "force")]
    running = machine_status(record, world_of(request).clock.now()) == "Running"
    if running and not any(value.lower() in ("true", "1", "yes") for value in asked):
        raise refusals.zun(409, f"Cannot delete container {record['id']} in Running state")
    world_of(request).remove_machine("container", record)


@router.get("/containers/{ref}/logs")
async def logs(ref: str, request: Request) -> JSONResponse:
    """Return what the container wrote; a Jupyter image shows its address and token, as Jupyter does."""
    record = _running(request, ref, "show logs of")
    text = f"rehearsed, not run: image {record['image']}\n"
    if "jupyter" in record["image"].lower():
        address = f"http://127.0.0.1:8888/lab?token={record['token']}"
        text += f"[I ServerApp] Jupyter Server is running at:\n[I ServerApp]     {address}\n"
    return JSONResponse(text)


@router.post("/containers/{ref}/execute")
async def execute(ref: str, request: Request) -> dict[str, Any]:
    """Run a command in a running container. No shell reads it, as with the real Zun: pipes need `sh -c`."""
    record, world = _running(request, ref, "execute"), world_of(request)
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
        _EXECUTE_LIMIT_S,
    )
    return {"output": output, "exit_code": exit_code, "exec_id": None, "proxy_url": None}


@router.post("/containers/{ref}/put_archive")
async def put_archive(ref: str, request: Request) -> dict[str, Any]:
    """Unpack an uploaded tar archive into a folder of a running container."""
    record, world = _running(request, ref, "put_archive"), world_of(request)
    data = base64.b64decode((await request.json())["data"])
    if len(data) > UPLOAD_LIMIT_BYTES or world.faults.strike("upload-cut", record["user"]):
        raise refusals.zun(413, "Request is too large.")
    folder = _scratch(world, record).inside(request.query_params.get("path", ""))
    if not folder.is_dir():
        raise refusals.zun(
            404, f"Could not find the file {request.query_params.get('path')} in container"
        )
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            # Nothing may land outside the container's folder: that would be this computer's own disk.
            unpack(archive, folder)
    except tarfile.TarError as error:
        raise refusals.zun(400, f"Invalid archive: {error}") from error
    return {}


@router.get("/containers/{ref}/get_archive")
async def get_archive(ref: str, request: Request) -> dict[str, Any]:
    """Return a file or folder of a running container as a tar archive, in base64."""
    record = _running(request, ref, "get_archive")
    path = _scratch(world_of(request), record).inside(request.query_params.get("path", ""))
    if not path.exists():
        raise refusals.zun(
            404, f"Could not find the file {request.query_params.get('path')} in container"
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(path, arcname=path.name)
    return {"data": base64.b64encode(packed.getvalue()).decode(), "stat": {}}


def _place(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    if world.catalogue.sites[site].site_class != "edge":
        raise refusals.zun(404, "containers are an edge site's: use CHI@Edge")
    environment = asked.get("environment") or {}
    for value in environment.values():
        if not isinstance(value, str):
            raise refusals.zun(
                400, f"Invalid input for field 'environment'. Value: '{value}' is not a string"
            )
    now_s = world.clock.now()
    reservation_id = (asked.get("hints") or {}).get("reservation")
    slow = world.faults.strike("slow-boot", caller.user)
    record: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        **vars(caller),
        "why": "",
    }
    record |= {
        "image": asked["image"],
        "workdir": asked.get("workdir") or "",
        "environment": environment,
    }
    record |= {
        "exposed_ports": sorted(asked.get("exposed_ports") or {}),
        "token": secrets.token_hex(24),
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
    found = [
        record for record in all_own(request, "container") if ref in (record["id"], record["name"])
    ]
    if not found:
        raise refusals.zun(404, f"Container {ref} could not be found.")
    if len(found) > 1:
        message = f"Multiple containers exist with same name {ref}. Please use the container uuid instead."
        raise refusals.zun(409, message)
    return found[0]


def _running(request: Request, ref: str, verb: str) -> Document:
    record = _own(request, ref)
    status = machine_status(record, world_of(request).clock.now())
    if status != "Running":
        raise refusals.zun(409, f"Cannot {verb} container {record['id']} in {status} state")
    return record


def _scratch(world: World, record: Document) -> Scratch:
    home = record["workdir"] or (
        "/home/jovyan/work" if "jupyter" in record["image"].lower() else "/root"
    )
    folder = world.folder / "containers" / record["id"]
    scratch = Scratch(folder, home, record["name"], world.journal, record["image"])
    scratch.prepare()
    return scratch


def _localised(scratch: Scratch, word: str) -> str:
    """Return an argument of a command, with a path that exists in the container made one of this computer."""
    if not word.startswith("/"):
        return scratch.localise(word)
    path = scratch.inside(word)
    return (
        str(path)
        if path.exists() or (path.parent != scratch.root and path.parent.exists())
        else word
    )


def _body(world: World, record: Document) -> dict[str, Any]:
    status = machine_status(record, world.clock.now())
    network_id = stable_id("network", record["site"], world.catalogue.sites[record["site"]].network)
    ports = world.store.find("port", device_id=record["id"])
    addresses = [
        {"addr": one["fixed_ips"][0]["ip_address"], "version": 4, "port": one["id"]}
        for one in ports
    ]
    shown = {
        "uuid": record["id"],
        "name": record["name"],
        "image": record["image"],
        "status": status,
    }
    shown |= {
        "status_reason": record["why"] if status == "Error" else None,
        "created_at": stamp(record["created_s"]),
    }
    shown |= {"status_detail": "Pulling image" if status == "Creating" else None}
    opened = [int(port.split("/")[0]) for port in record["exposed_ports"]]
    return shown | {"addresses": {network_id: addresses} if addresses else {}, "ports": opened}
