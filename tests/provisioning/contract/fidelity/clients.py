"""What python-chi's own clients make of a cloud's answers: prints what each call returned or raised, as JSON.

`python clients.py` runs in the course's environment; `OS_*` variables say who asks. The same calls are made to the
real services and to the testbed: an answer that one client reads and another cannot shows here, not in the raw form.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from blazarclient.client import Client as Blazar
from exchanges import shape
from glanceclient.client import Client as Glance
from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3
from keystoneclient.v3.client import Client as Keystone
from openstack.config import cloud_region
from openstack.connection import Connection


def _session(password: str = "", project: str = "") -> adapter.Adapter:
    """Return an authenticated session, as `chi.context` makes one."""
    auth = v3.Password(
        auth_url=os.environ["OS_AUTH_URL"],
        username=os.environ["OS_USERNAME"],
        password=password or os.environ["OS_PASSWORD"],
        user_domain_name=os.environ["OS_USER_DOMAIN_NAME"],
        project_name=project or os.environ["OS_PROJECT_NAME"],
        project_domain_name=os.environ["OS_PROJECT_DOMAIN_NAME"],
    )
    return adapter.Adapter(session.Session(auth), region_name="CHI@TACC", interface="public")


def _lease(start_h: float, node_type: str = "compute_liqid") -> dict[str, Any]:
    """Return the arguments with which python-chi asks for a node."""
    start = datetime.now(UTC) + timedelta(hours=start_h)
    wish = {
        "resource_type": "physical:host",
        "resource_properties": json.dumps(["==", "$node_type", node_type]),
        "hypervisor_properties": "",
        "min": 1,
        "max": 1,
    }
    dates = {"start": f"{start:%Y-%m-%d %H:%M}", "end": f"{start + timedelta(hours=3):%Y-%m-%d %H:%M}"}
    return {"name": "by-client", "reservations": [wish], "events": [], **dates}


def calls() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the calls by name, in order; later ones use what earlier ones made."""
    here = _session()
    keystone = Keystone(session=here, interface="public", region_name="CHI@TACC")
    blazar = Blazar("1", service_type="reservation", session=here)
    glance = Glance("2", session=here)
    sdk = Connection(config=cloud_region.from_session(here.session), region_name="CHI@TACC")
    made: dict[str, Any] = {}
    yield "keystone: projects", lambda: [p.name for p in keystone.projects.list(user=here.get_user_id())]
    yield "keystone: somebody else's project", lambda: keystone.projects.get("0" * 32)
    yield "keystone: wrong password", lambda: _session(password="wrong").get_token()
    yield "keystone: unknown project", lambda: _session(project="nobody's").get_token()
    yield "openstacksdk: project", lambda: sdk.current_project_id == here.get_project_id()
    yield "openstacksdk: images", lambda: [i.name for i in sdk.image.images()]
    yield "glance: by name", lambda: [i.name for i in glance.images.list(filters={"name": "CC-Ubuntu24.04"})]
    yield "glance: by unknown name", lambda: list(glance.images.list(filters={"name": "none"}))
    yield "glance: missing", lambda: glance.images.get("00000000-0000-4000-8000-000000000000")
    yield "blazar: no leases", blazar.lease.list
    yield "blazar: create", lambda: made.setdefault("lease", blazar.lease.create(**_lease(1)))
    yield "blazar: list", blazar.lease.list
    yield "blazar: get", lambda: blazar.lease.get(made["lease"]["id"])
    yield "blazar: get by name", lambda: blazar.lease.get("by-client")
    yield "blazar: in the past", lambda: blazar.lease.create(**_lease(-2))
    yield "blazar: no such node", lambda: blazar.lease.create(**_lease(1, node_type="none"))
    yield "blazar: rename", lambda: blazar.lease.update(made["lease"]["id"], name="renamed")["name"]
    yield "blazar: delete", lambda: blazar.lease.delete(made["lease"]["id"])
    yield "blazar: delete again", lambda: blazar.lease.delete(made["lease"]["id"])


def main() -> int:
    """Make every call and print the outcomes."""
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    for name, call in calls():
        try:
            found[name] = {"returned": shape(call())}
        except Exception as error:
            code = getattr(error, "code", None) or getattr(error, "http_status", None)
            found[name] = {"raised": type(error).__name__, "code": code}
    print("RESULT", json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
