"""Nova's key pairs: public keys only, by user and site."""

import base64
import binascii
import hashlib
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal import refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.clock import iso_stamp
from provisioning.rehearsal.store import Document

router = APIRouter(prefix="/{site}/compute/v2.1/os-keypairs", dependencies=[Depends(door("compute"))])


@router.get("")
async def list_keypairs(site: str, request: Request) -> dict[str, Any]:
    """List the caller's key pairs."""
    found = world_of(request).store.find("keypair", site=site, user_id=caller_of(request).user_id)
    return {"keypairs": [{"keypair": _body(pair)} for pair in found]}


@router.post("", status_code=201)
async def create_keypair(site: str, request: Request) -> dict[str, Any]:
    """Register a public key under a name. Nova no longer makes keys itself, and neither do we."""
    world, caller = world_of(request), caller_of(request)
    asked = (await request.json())["keypair"]
    if world.store.get("keypair", _id(site, caller.user_id, asked["name"])):
        raise refusals.nova(409, f"Key pair '{asked['name']}' already exists.")
    pair = {
        "id": _id(site, caller.user_id, asked["name"]),
        "site": site,
        "user_id": caller.user_id,
        "name": asked["name"],
        "public_key": asked.get("public_key") or "",
        "fingerprint": _fingerprint(asked.get("public_key") or ""),
        "created_s": world.now(),
    }
    return {"keypair": _body(world.store.put("keypair", pair))}


@router.get("/{name}")
async def show_keypair(site: str, name: str, request: Request) -> dict[str, Any]:
    """Show one of the caller's key pairs."""
    return {"keypair": _body(_own(request, site, name))}


@router.delete("/{name}", status_code=204)
async def delete_keypair(site: str, name: str, request: Request) -> None:
    """Forget one of the caller's key pairs. Servers keep the key that they were started with."""
    world_of(request).store.remove("keypair", _own(request, site, name)["id"])


def _own(request: Request, site: str, name: str) -> Document:
    """Return one of the caller's key pairs, or refuse with 404."""
    user_id = caller_of(request).user_id
    pair = world_of(request).store.get("keypair", _id(site, user_id, name))
    if pair is None:
        raise refusals.nova(404, f"Keypair {name} not found for user {user_id}")
    return pair


def _id(site: str, user_id: str, name: str) -> str:
    """Return the store's identifier of a key pair, whose name is unique for a user at a site."""
    return f"{site}/{user_id}/{name}"


def _fingerprint(public_key: str) -> str:
    """Return the MD5 fingerprint in pairs of digits, which python-chi compares with its own."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise refusals.nova(400, "Keypair data is invalid: failed to generate fingerprint") from error
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def _body(pair: Document) -> dict[str, Any]:
    """Return a key pair as Nova shows it."""
    return {
        "name": pair["name"],
        "public_key": pair["public_key"],
        "fingerprint": pair["fingerprint"],
        "type": "ssh",
        "user_id": pair["user_id"],
        "id": 1,
        "created_at": iso_stamp(pair["created_s"]).removesuffix("Z"),
        "deleted": False,
        "deleted_at": None,
        "updated_at": None,
    }
