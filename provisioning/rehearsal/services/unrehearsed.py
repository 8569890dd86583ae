"""What Chameleon has and the rehearsal does not: each is answered in one sentence, in the form of its client."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from provisioning.rehearsal.services import refusals

router = APIRouter()

#: Services of the bare-metal sites that are in the service catalogue and say that they are not rehearsed: type and path
#: of their address. Volumes are not among them: a bare-metal site has no such service, on Chameleon neither.
SERVICES = {"object-store": "object-store/v1", "sharev2": "share/v2"}

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]


@router.api_route("/{site}/object-store/{rest:path}", methods=_METHODS)
async def object_store(site: str, rest: str) -> Response:
    """Refuse a request to Swift. Its client shows 60 characters of a refusal, and tries on for 30 s after a 5xx."""
    return PlainTextResponse("Not rehearsed: the object store. Keep files on the node.", 405)


@router.get("/{site}/share/v2")
@router.get("/{site}/share/v2/")
async def share_versions(site: str, request: Request) -> dict[str, Any]:
    """Describe Manila's version, which its client asks for before anything else."""
    here = f"{str(request.base_url).rstrip('/')}/{site}/share/v2/"
    version = {
        "id": "v2.0",
        "status": "CURRENT",
        "version": "2.75",
        "min_version": "2.0",
        "updated": "2024-01-01T00:00:00Z",
    }
    return {"versions": [version | {"links": [{"rel": "self", "href": here}], "media-types": []}]}


@router.api_route("/{site}/share/v2/{rest:path}", methods=_METHODS)
async def shares(site: str, rest: str) -> Response:
    """Refuse any other request to Manila."""
    message = "Shared file systems are not rehearsed: keep files on the node, and use a share on Chameleon itself."
    return JSONResponse({"notImplemented": {"code": 501, "message": message}}, 501)


def unknown(request: Request, status: int) -> refusals.RefusalError:
    """Return the refusal of a request that no service of the rehearsal takes, in the form of the service it went to.

    Args:
        request: The request.
        status: 404 where there is no such path, 405 where the path takes other methods.
    """
    message = f"{request.method} {request.url.path} is not rehearsed (provisioning/rehearsal/README.md lists what is)."
    return refusals.of_service(request.url.path, status, message, "NotRehearsed")
