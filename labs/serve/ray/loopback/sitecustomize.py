"""Keeps every port of Ray on loopback.

Python runs this at its start where this folder is on ``PYTHONPATH``.

Ray uses a machine's outward address for its node, even if 127.0.0.1 was requested, and then binds
its ports to all interfaces. (Its own switch for loopback, meant for macOS and Windows, forbids a
second node.) Each replica of Ray Serve opens one more port, always on all interfaces. One function
causes each; this file changes it as soon as Ray has defined it. `tests/labs/serve/ray/test_ray.py`
checks the listening ports.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

ADDRESS = "127.0.0.1"


def _node_address(module: ModuleType) -> None:
    """A node has one address: this one."""
    vars(module)["get_node_ip_address"] = lambda address=None: ADDRESS


def _grpc_ports(module: ModuleType) -> None:
    """A request for all interfaces gets loopback."""
    original = module.add_port_to_grpc_server

    def add_port(server: object, address: str) -> int:
        return original(server, address.replace("[::]", ADDRESS))

    vars(module)["add_port_to_grpc_server"] = add_port


_CHANGES = {"ray._private.services": _node_address, "ray._common.tls_utils": _grpc_ports}


class _Loopback:
    """Finds Ray's two modules as Python would, and changes them once they have run."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec with a step added."""
        spec = PathFinder.find_spec(name, path, target) if name in _CHANGES else None
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_change(module: ModuleType) -> None:
                run(module)
                _CHANGES[name](module)

            vars(spec.loader)["exec_module"] = run_and_change
        return spec


sys.meta_path.insert(0, _Loopback)
