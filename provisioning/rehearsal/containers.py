"""Zun's reasoning, apart from HTTP: a container's record, what it shows and what it logged."""

import hashlib
import hmac
import uuid
from typing import Any

from provisioning.rehearsal import refusals
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.clock import iso_stamp
from provisioning.rehearsal.lifecycle import CONTAINER_START_S, container_status, lease_status
from provisioning.rehearsal.scratch import Scratch
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

#: Marks of an image that says it is for another processor than a Raspberry Pi's.
_OTHER_PROCESSORS = ("amd64", "x86_64", "x86-64")

_TEXT = "Invalid input for field '{}'. Value: '{}' is not a string"


def create(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    """Make a container's record as `POST /containers` asks, and save it.

    Returns:
        The record. Whether there is a device for it shows later, in its status.

    Raises:
        RefusalError: 400 for what Zun's schema refuses, or at a site without containers.
    """
    if world.catalogue.sites[site].site_class != "edge":
        raise refusals.zun(404, "containers are an edge site's: use CHI@Edge")
    for field in ("name", "image"):
        if not isinstance(asked.get(field), str) or not asked[field]:
            raise refusals.zun(400, _TEXT.format(field, asked.get(field)))
    environment = asked.get("environment") or {}
    for value in environment.values():
        if not isinstance(value, str):
            raise refusals.zun(400, _TEXT.format("environment", value))
    now_s, identifier = world.now(), str(uuid.uuid4())
    reservation_id = (asked.get("hints") or {}).get("reservation")
    device = _device(world, caller, site, reservation_id)
    slow = world.faults.strike("slow-boot", caller.user)
    record: Document = {
        "id": identifier,
        "site": site,
        "name": asked["name"],
        "user": caller.user,
        "user_id": caller.user_id,
        "project": caller.project,
        "project_id": caller.project_id,
        "image": asked["image"],
        "command": asked.get("command"),
        "workdir": asked.get("workdir") or "",
        "environment": environment,
        "runtime": asked.get("runtime"),
        "device_profiles": asked.get("device_profiles") or [],
        "exposed_ports": sorted(asked.get("exposed_ports") or {}),
        "reservation_id": reservation_id,
        "host": device,
        "created_s": now_s,
        "settled_at_s": now_s + world.clock.shortened(slow["seconds"] if slow else CONTAINER_START_S),
        "fate": "Running",
        "why": "",
        "token": hmac.new(world.secret.encode(), identifier.encode(), hashlib.sha256).hexdigest()[:48],
    }
    if device is None:
        record |= {"fate": "Error", "why": "There are not enough hosts available."}
    elif any(mark in record["image"] for mark in _OTHER_PROCESSORS):
        record |= {"fate": "Error", "why": f"failed to start {record['image']}: exec format error"}
    elif world.faults.strike("container-error", caller.user):
        record |= {"fate": "Error", "why": f"failed to pull image {record['image']}: exec format error"}
    if device is not None:
        world.add_port(record, "compute:kuryr")
    return world.store.put("container", record)


def _device(world: World, caller: Caller, site: str, reservation_id: str | None) -> str | None:
    """Return the device that the caller's active reservation gives, or None."""
    held = world.lease_of(site, reservation_id)
    if held is None or held[0]["project_id"] != caller.project_id:
        return None
    lease, reservation = held
    if lease_status(lease, world.now()) != "ACTIVE" or reservation["resource_type"] != "device":
        return None
    return next(iter(reservation["resource_ids"]), None)


def body(world: World, record: Document) -> dict[str, Any]:
    """Return a container as Zun shows it."""
    status = container_status(record, world.now())
    device = world.resource(record["site"], "device", record["host"]) if record["host"] else None
    ports = world.store.find("port", device_id=record["id"])
    network_id = stable_id("network", record["site"], world.catalogue.sites[record["site"]].network)
    subnet_id = stable_id("subnet", record["site"])
    return {
        "uuid": record["id"],
        "name": record["name"],
        "project_id": record["project_id"],
        "user_id": record["user_id"],
        "image": record["image"],
        "image_driver": "docker",
        "image_pull_policy": "always",
        "command": record["command"],
        "workdir": record["workdir"],
        "environment": record["environment"],
        "labels": {},
        "status": status,
        "status_reason": record["why"] if status == "Error" else None,
        "status_detail": "Pulling image" if status == "Creating" else None,
        "task_state": "container_creating" if status == "Creating" else None,
        "addresses": {
            network_id: [
                {
                    "addr": port["fixed_ip"],
                    "version": 4,
                    "port": port["id"],
                    "subnet_id": subnet_id,
                    "preserve_on_delete": False,
                }
                for port in ports
            ]
        }
        if ports
        else {},
        "ports": [int(port.split("/")[0]) for port in record["exposed_ports"]],
        "host": device.name if device else None,
        "runtime": record["runtime"],
        "device_profiles": record["device_profiles"],
        "cpu": 1.0,
        "memory": "512",
        "disk": 0,
        "hostname": record["name"],
        "interactive": False,
        "tty": False,
        "auto_remove": False,
        "auto_heal": False,
        "privileged": False,
        "restart_policy": {},
        "security_groups": [],
        "mounts": [],
        "healthcheck": {},
        "registry_id": None,
        "entrypoint": None,
        "created_at": iso_stamp(record["created_s"]),
        "updated_at": iso_stamp(min(world.now(), record["settled_at_s"])),
        "links": [],
    }


def log(record: Document) -> str:
    """Return what a container wrote so far; a Jupyter image shows its address and token, as Jupyter does."""
    lines = [f"rehearsed, not run: image {record['image']}"]
    words = f"{record['image']} {record['command'] or ''}".lower()
    if "jupyter" in words or "notebook" in words:
        address = f"http://127.0.0.1:8888/lab?token={record['token']}"
        lines += [
            "[I ServerApp] Jupyter Server is running at:",
            f"[I ServerApp] http://{record['name']}:8888/lab?token={record['token']}",
            f"[I ServerApp]     {address}",
            "",
            "    Or copy and paste one of these URLs:",
            f"        {address}",
        ]
    return "\n".join(lines) + "\n"


def scratch_of(world: World, record: Document) -> Scratch:
    """Return the scratch folder of a container; its home is the working directory it was started in."""
    home = record["workdir"] or ("/home/jovyan/work" if "jupyter" in record["image"].lower() else "/root")
    scratch = Scratch(world.folder / "containers" / record["id"], home, record["name"], world.folder / "journal.jsonl")
    scratch.prepare()
    return scratch


def localise(scratch: Scratch, word: str) -> str:
    """Return an argument of a command, with a path that exists in the container made one of this computer."""
    if not word.startswith("/"):
        return scratch.localise(word)
    path = scratch.inside(word)
    return str(path) if path.exists() or (path.parent != scratch.root and path.parent.exists()) else word
