"""The state of a lease, a server or a container: pure functions of what was recorded and of the time."""

from typing import Any

#: Seconds on Chameleon, from typical reports of its users; the clock's speed shortens them.
LEASE_START_S = 30.0
SERVER_BOOT_S = 600.0
SSH_AFTER_ACTIVE_S = 60.0
CONTAINER_START_S = 90.0


def lease_status(lease: dict[str, Any], now_s: float) -> str:
    """Return Blazar's status of a lease.

    Args:
        lease: A recorded lease with `active_at_s`, `end_s` and `fate` (`ACTIVE` or `ERROR`).
        now_s: The rehearsal's time, seconds since 1970.

    Returns:
        `PENDING`, `ACTIVE`, `TERMINATED` or `ERROR`.
    """
    if now_s < lease["active_at_s"]:
        return "PENDING"
    if lease["fate"] == "ERROR":
        return "ERROR"
    return "ACTIVE" if now_s < lease["end_s"] else "TERMINATED"


def reservation_status(lease: dict[str, Any], now_s: float) -> str:
    """Return Blazar's status of a reservation in a lease: `pending`, `active`, `deleted` or `error`."""
    return {"PENDING": "pending", "ACTIVE": "active", "TERMINATED": "deleted", "ERROR": "error"}[
        lease_status(lease, now_s)
    ]


def server_status(server: dict[str, Any], now_s: float) -> str:
    """Return Nova's status of a server: `BUILD`, then its fate, which is `ACTIVE` or `ERROR`.

    Args:
        server: A recorded server with `settled_at_s` and `fate`.
        now_s: The rehearsal's time, seconds since 1970.

    Returns:
        `BUILD`, `ACTIVE`, `ERROR`, or `SHUTOFF` for one that was stopped.
    """
    if now_s < server["settled_at_s"]:
        return "BUILD"
    return "SHUTOFF" if server.get("stopped") and server["fate"] == "ACTIVE" else server["fate"]


def server_answers_ssh(server: dict[str, Any], now_s: float) -> bool:
    """Return whether the server's SSH daemon is up: a while after `ACTIVE`, as on bare metal."""
    return server_status(server, now_s) == "ACTIVE" and now_s >= server["ssh_at_s"]


def container_status(container: dict[str, Any], now_s: float) -> str:
    """Return Zun's status of a container.

    Args:
        container: A recorded container with `settled_at_s`, `fate` (`Running` or `Error`) and maybe `stopped`.
        now_s: The rehearsal's time, seconds since 1970.

    Returns:
        `Creating`, `Running`, `Stopped` or `Error`.
    """
    if now_s < container["settled_at_s"]:
        return "Creating"
    return "Stopped" if container.get("stopped") and container["fate"] == "Running" else container["fate"]
