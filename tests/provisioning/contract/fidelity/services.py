"""One real OpenStack service on loopback: `python services.py keystone|blazar|glance FOLDER PORT`.

Runs in an environment that holds the services from PyPI; `record.py` makes it and writes the configuration. No broker
is needed: Blazar's API and its manager share this process and oslo.messaging's `fake://` transport.
"""

from __future__ import annotations

import os
import socketserver
import sys
import uuid
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class _Threads(socketserver.ThreadingMixIn, WSGIServer):
    """A server that answers while it waits for another service's answer: Blazar asks Keystone back."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """A handler that writes no access log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def keystone(folder: Path) -> Any:
    """Return Keystone's application."""
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(folder / "keystone.conf")
    from keystone.server import wsgi

    return wsgi.initialize_public_application()


def glance(folder: Path) -> Any:
    """Return Glance's application."""
    os.environ["OS_GLANCE_CONFIG_DIR"] = str(folder)
    from glance.common import wsgi_app

    return wsgi_app.init_app()


def blazar(folder: Path) -> Any:
    """Return Blazar's application, with its manager at work in this process and three nodes in its database."""
    import gettext

    gettext.install("blazar")
    from blazar.api import app as api
    from blazar.db import api as db
    from blazar.manager import service as manager
    from blazar.notification import notifier
    from blazar.utils import service as utils
    from oslo_config import cfg

    cfg.CONF.import_opt("host", "blazar.config")
    cfg.CONF(["--config-file", str(folder / "blazar.conf")], project="blazar", prog="blazar-manager")
    utils.prepare_service(["blazar", "--config-file", str(folder / "blazar.conf")])
    notifier.init()
    # `blazar-db-manage upgrade` fails on SQLite, whose tables cannot be altered as its migrations ask.
    db.setup_db()
    for number in range(3):
        _seed(db, f"liqid{number + 1:02d}")
    # Only the manager's RPC server is started: no lease of the recording reaches its start, so no timer is needed.
    manager.ManagerService()._server.start()
    return api.VersionSelectorApplication()


def _seed(db: Any, name: str) -> None:
    """Put a node into Blazar's database, as an operator's `host-create` would with a real Nova."""
    host = db.host_create(
        {
            "id": str(uuid.uuid4().int % 1000),
            "vcpus": 1,
            "cpu_info": "",
            "hypervisor_type": "ironic",
            "hypervisor_version": 1,
            "hypervisor_hostname": str(uuid.uuid4()),
            "service_name": "ironic",
            "memory_mb": 0,
            "local_gb": 0,
            "status": None,
            "availability_zone": "nova",
            "trust_id": uuid.uuid4().hex,
            "reservable": True,
        }
    )
    for key, value in {"node_type": "compute_liqid", "node_name": name, "uid": str(uuid.uuid4())}.items():
        db.host_extra_capability_create({"computehost_id": host["id"], "property_name": key, "capability_value": value})


if __name__ == "__main__":
    _name, _folder, _port = sys.argv[1:]
    # The services read the command line themselves.
    del sys.argv[1:]
    _application = {"keystone": keystone, "glance": glance, "blazar": blazar}[_name](Path(_folder))
    make_server("127.0.0.1", int(_port), _application, _Threads, _Quiet).serve_forever()
