"""Zun over HTTP: containers on edge devices, with execute, logs and archives."""

import base64
import binascii
import io
import shlex
import tarfile
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from provisioning.archive import unpack
from provisioning.rehearsal import containers, refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.lifecycle import container_status
from provisioning.rehearsal.processes import Processes
from provisioning.rehearsal.store import Document

# The service endpoint ends in /v1; zunclient asks for `/v1/containers` below the part before it.
router = APIRouter(prefix="/{site}/container")
_guarded = APIRouter(prefix="/v1", dependencies=[Depends(door("container"))])

#: The largest upload, in bytes of the decoded archive. Chameleon's Zun limits the body of a request likewise.
UPLOAD_LIMIT_BYTES = 10 * 2**20
_EXECUTE_LIMIT_S = 300.0
_ARCHIVE_TOO_LARGE = "Request is too large."


@router.get("")
@router.get("/")
async def versions(site: str, request: Request) -> dict[str, Any]:
    """List the API's versions."""
    here = f"{str(request.base_url).rstrip('/')}/{site}/container/v1"
    version = {"id": "v1", "status": "CURRENT", "max_version": "1.44", "min_version": "1.1"}
    return {"versions": [version | {"links": [{"rel": "self", "href": here}]}], "default_version": version}


@_guarded.get("/containers")
@_guarded.get("/containers/")
async def list_containers(site: str, request: Request) -> dict[str, Any]:
    """List the project's containers."""
    world, project_id = world_of(request), caller_of(request).project_id
    found = world.store.find("container", site=site, project_id=project_id)
    return {"containers": [containers.body(world, c) for c in found], "next": None}


@_guarded.post("/containers", status_code=202)
@_guarded.post("/containers/", status_code=202)
async def create_container(site: str, request: Request) -> dict[str, Any]:
    """Create a container on a device of the caller's reservation."""
    world, caller = world_of(request), caller_of(request)
    record = containers.create(world, caller, site, await request.json())
    world.note("container created", name=record["name"], project=caller.project, image=record["image"])
    return containers.body(world, record)


@_guarded.get("/containers/{ref}")
async def show_container(site: str, ref: str, request: Request) -> dict[str, Any]:
    """Show a container by id or name."""
    return containers.body(world_of(request), _own(request, site, ref))


@_guarded.delete("/containers/{ref}", status_code=204)
async def delete_container(site: str, ref: str, request: Request) -> None:
    """Delete a container; one that runs must be stopped or forced in the same request."""
    record = _own(request, site, ref)
    asked = [request.query_params.get(name, "") for name in ("stop", "force")]
    running = container_status(record, world_of(request).now()) == "Running"
    if running and not any(value.lower() in ("true", "1", "yes") for value in asked):
        raise refusals.zun(409, f"Cannot delete container {record['id']} in Running state")
    world_of(request).remove_machine("container", record)


@_guarded.get("/containers/{ref}/logs")
async def logs(site: str, ref: str, request: Request) -> JSONResponse:
    """Return what the container wrote, with Jupyter's line of address and token."""
    record = _settled(request, site, ref, "show logs of")
    return JSONResponse(containers.log(record))


@_guarded.post("/containers/{ref}/execute")
async def execute(site: str, ref: str, request: Request) -> dict[str, Any]:
    """Run a command in a running container. No shell reads it, as with the real Zun: pipes need `sh -c`."""
    record = _running(request, site, ref, "execute")
    world = world_of(request)
    try:
        command = shlex.split(request.query_params.get("command", ""))
    except ValueError as error:
        raise refusals.zun(400, f"Invalid command: {error}") from error
    if not command:
        raise refusals.zun(400, "Invalid input for query parameter command: ''")
    world.note("command", machine=record["name"], project=record["project"], command=shlex.join(command))
    scratch = containers.scratch_of(world, record)
    processes: Processes = request.app.state.processes
    outcome = await processes.run(
        record["id"],
        scratch,
        [containers.localise(scratch, word) for word in command],
        scratch.environment("root", **record["environment"]),
        _EXECUTE_LIMIT_S,
    )
    return {"output": outcome.output, "exit_code": outcome.exit_code, "exec_id": None, "proxy_url": None}


@_guarded.post("/containers/{ref}/commit", status_code=202)
async def commit(site: str, ref: str, request: Request) -> dict[str, Any]:
    """Keep a running container as an image of the project; what stands in its folder is not copied into it."""
    record, world, query = _running(request, site, ref, "commit"), world_of(request), request.query_params
    if not query.get("repository"):
        raise refusals.zun(400, "Invalid input for query parameter repository: ''")
    snapshot = {
        "id": str(uuid.uuid4()),
        "site": site,
        "project_id": record["project_id"],
        "name": f"{query['repository']}:{query.get('tag') or 'latest'}",
        "container": record["id"],
        "created_s": world.now(),
    }
    world.store.put("snapshot", snapshot)
    world.note("container snapshot", machine=record["name"], project=record["project"], image=snapshot["name"])
    return {"uuid": snapshot["id"]}


@_guarded.post("/containers/{ref}/put_archive")
async def put_archive(site: str, ref: str, request: Request) -> dict[str, Any]:
    """Unpack an uploaded tar archive into a folder of a running container."""
    record = _running(request, site, ref, "put_archive")
    world = world_of(request)
    try:
        data = base64.b64decode((await request.json())["data"], validate=True)
    except (KeyError, binascii.Error) as error:
        raise refusals.zun(400, "Invalid input for field 'data': not base64") from error
    if len(data) > UPLOAD_LIMIT_BYTES or world.faults.strike("upload-cut", record["user"]):
        raise refusals.zun(413, _ARCHIVE_TOO_LARGE)
    folder = containers.scratch_of(world, record).inside(request.query_params.get("path", ""))
    if not folder.is_dir():
        raise refusals.zun(404, f"Could not find the file {request.query_params.get('path')} in container")
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            # Nothing may land outside the container's folder: that would be this computer's own disk.
            unpack(archive, folder)
    except tarfile.TarError as error:
        raise refusals.zun(400, f"Invalid archive: {error}") from error
    return {}


@_guarded.get("/containers/{ref}/get_archive")
async def get_archive(site: str, ref: str, request: Request) -> dict[str, Any]:
    """Return a file or folder of a running container as a tar archive, in base64."""
    record = _running(request, site, ref, "get_archive")
    path = containers.scratch_of(world_of(request), record).inside(request.query_params.get("path", ""))
    if not path.exists():
        raise refusals.zun(404, f"Could not find the file {request.query_params.get('path')} in container")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(path, arcname=path.name)
    data = packed.getvalue()
    stat = {"name": path.name, "size": len(data), "mode": path.stat().st_mode, "mtime": ""}
    return {"data": base64.b64encode(data).decode(), "stat": stat}


@_guarded.post("/containers/{ref}/{action}", status_code=202)
async def act(site: str, ref: str, action: str, request: Request) -> None:
    """Start, stop, kill or reboot a container."""
    record = _own(request, site, ref)
    if action not in ("start", "stop", "kill", "reboot"):
        raise refusals.zun(404, f"no action {action!r}")
    world_of(request).store.put("container", record | {"stopped": action in ("stop", "kill")})


def _own(request: Request, site: str, ref: str) -> Document:
    """Return a container of the caller's project by id or by name, or refuse.

    Raises:
        RefusalError: 404 when there is none; 409 when the name belongs to several.
    """
    found = [
        c
        for c in world_of(request).store.find("container", site=site, project_id=caller_of(request).project_id)
        if ref in (c["id"], c["name"])
    ]
    if not found:
        raise refusals.zun(404, f"Container {ref} could not be found.")
    if len(found) > 1:
        message = f"Multiple containers exist with same name {ref}. Please use the container uuid instead."
        raise refusals.zun(409, message)
    return found[0]


def _settled(request: Request, site: str, ref: str, verb: str) -> Document:
    """Return a container that is past creating, or refuse with 409."""
    record = _own(request, site, ref)
    status = container_status(record, world_of(request).now())
    if status not in ("Running", "Stopped"):
        raise refusals.zun(409, f"Cannot {verb} container {record['id']} in {status} state")
    return record


def _running(request: Request, site: str, ref: str, verb: str) -> Document:
    """Return a container that runs, or refuse with 409 as Zun does."""
    record = _own(request, site, ref)
    status = container_status(record, world_of(request).now())
    if status != "Running":
        raise refusals.zun(409, f"Cannot {verb} container {record['id']} in {status} state")
    return record


router.include_router(_guarded)
