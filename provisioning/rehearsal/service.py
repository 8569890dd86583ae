"""The rehearsal's process: `python -m provisioning.rehearsal.service`, started by `control.start`."""

import json
import logging
import os
import sys
from pathlib import Path

import uvicorn

from provisioning.rehearsal import place
from provisioning.rehearsal.app import build
from provisioning.rehearsal.clock import Clock
from provisioning.rehearsal.world import World


def main(folder: str, port: str, speed: str, *faults: str) -> None:
    """Serve a folder's world on loopback until told to stop.

    Args:
        folder: The rehearsal's folder; it must hold the file `secret`.
        port: TCP port at 127.0.0.1.
        speed: How many times shorter waits are; see `Clock`.
        faults: Faults to arm at the start.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    path = Path(folder)
    # Held until the process ends: two processes that serve one world would undo each other's work.
    lock = place.lock(path)
    if lock is None:
        sys.exit(f"another process serves {folder}")
    secret = (path / "secret").read_text(encoding="utf-8").strip()
    world = World(path, secret, Clock(speed=float(speed)))
    for fault in faults:
        world.faults.arm(fault)

    def stop() -> None:
        server.should_exit = True

    app = build(world, stop)
    config = uvicorn.Config(app, host="127.0.0.1", port=int(port), log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    (path / "state.json").write_text(json.dumps({"port": int(port), "pid": os.getpid()}), encoding="utf-8")
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
