"""The rehearsal's process: `python -m provisioning.rehearsal.service`, started by `control.start`."""

import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from provisioning.rehearsal import control, place
from provisioning.rehearsal.app import build
from provisioning.rehearsal.clock import Clock
from provisioning.rehearsal.world import World

#: The port to listen at when it is free: a fixed one keeps printed environments valid from day to day.
USUAL_PORT = 35077
_KEEP_ALIVE_S = 600
_BACKLOG = 2048


def main(folder: str, port: str, speed: str, *faults: str) -> None:
    """Serve a folder's world on loopback until told to stop.

    Args:
        folder: The rehearsal's folder; it must hold the file `secret`.
        port: TCP port at 127.0.0.1; `any`: the last one used here when it is free, else the usual one, else any.
        speed: How many times shorter waits are; see `Clock`.
        faults: Faults to arm at the start.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    # Before the first file is made: nothing of the rehearsal is for another user's eyes.
    os.umask(0o077)
    path = Path(folder)
    # Held until the process ends: two processes that serve one world would undo each other's work.
    lock = place.lock(path)
    if lock is None:
        sys.exit(f"another process serves {folder}")
    secret = (path / "secret").read_text(encoding="utf-8").strip()
    own = control.own_catalogue(path)
    world = World(path, secret, Clock(speed=float(speed)), own if own.exists() else None)
    for fault in faults:
        world.faults.arm(fault)

    def stop() -> None:
        server.should_exit = True

    listener = _listen([int(port)] if port != "any" else [place.port(path), USUAL_PORT, 0])
    # A connection that is closed at the very moment at which a client asks again looks like a broken service.
    # python-chi asks every few seconds; uvicorn's own patience of 5 s meets that.
    # Python's own event loop: with uvloop, which uvicorn takes where it is installed, a command that leaves a program
    # running in a machine's background never ends.
    config = uvicorn.Config(
        build(world, stop),
        loop="asyncio",
        log_level="warning",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    server = uvicorn.Server(config)
    place.announce(path, listener.getsockname()[1])
    server.run(sockets=[listener])


def _listen(ports: list[int | None]) -> socket.socket:
    """Return a socket that listens at the first of some ports that is free; 0 stands for any."""
    for port in ports:
        listener = socket.socket()
        # Else a port stays taken for a minute after its last connection.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if port is not None:
                listener.bind(("127.0.0.1", port))
                # At once: with that option two rehearsals can bind one port; only the second one's listening fails.
                listener.listen(_BACKLOG)
                return listener
        except OSError:
            pass
        listener.close()
    sys.exit(f"port {ports[0]} cannot be had (taken by another program?)")


if __name__ == "__main__":
    main(*sys.argv[1:])
