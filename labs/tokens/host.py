"""``python -m labs.tokens.host APP.PY FD``: serves the ``app`` in a file on a socket that was inherited."""

import importlib.util
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.responses import PlainTextResponse

from labs.runtimes.loopback import OwnHosts


def main(path: str, fd: int) -> None:
    """Serve until told to stop."""
    sys.path.insert(0, str(Path(path).parent))  # a file may add routes to its neighbour's
    found = importlib.util.spec_from_file_location("served", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    app = OwnHosts(module.app, PlainTextResponse("this machine's own addresses only", status_code=421))
    config = uvicorn.Config(app, access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run([socket.socket(fileno=fd)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
