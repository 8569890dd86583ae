"""The rehearsal's process: `python -m provisioning.rehearsal.serve`, started by `control.start`."""

import contextlib
import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from labs.loopback import listen
from provisioning.rehearsal import place
from provisioning.rehearsal.services.app import build
from provisioning.rehearsal.world.clock import Clock
from provisioning.rehearsal.world.world import World

#: The port to listen at when it is free: a fixed one keeps printed environments valid from day to day.
USUAL_PORT = 35077
_KEEP_ALIVE_S = 600


def main(folder: str, speed: str) -> None:
    """Serve a folder's world on loopback until told to stop.

    Args:
        folder: The rehearsal's folder; it must hold the file `secret`.
        speed: How many times shorter waits are; see `Clock`.
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
    world = World(path, place.secret(path), Clock(speed=float(speed)))

    def stop() -> None:
        server.should_exit = True

    listener = _listen(path)
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


def _listen(home: Path) -> socket.socket:
    """Return a socket that listens at the last port used here when it is free, else at the usual one, else at any."""
    for port in (place.port(home), USUAL_PORT):
        with contextlib.suppress(OSError):
            if port is not None:
                return listen(ports=port)
    return listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
