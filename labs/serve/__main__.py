"""``python -m labs.serve``: one service in this process, with settings from ``LABS_…`` variables."""

from __future__ import annotations

import os
import socket

import typer
import uvicorn

from labs.serve.ending import stop_at_end_of_input
from labs.serve.patience import ImpatientProtocol

#: The app that is served unless another one is named.
APP = "labs.serve.app:create_app"


def main(
    port: int = typer.Option(8080, help="Port to listen on; 0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 opens the service to the network."),
    app: str = typer.Option(APP, help="module:name of an app, or of a function that makes one."),
    fd: int = typer.Option(-1, help="A listening socket that was inherited, instead of host and port."),
    ends_with_input: bool = typer.Option(False, help="Stop when standard input ends: whoever started it is gone."),
    headers_within_s: float = typer.Option(10.0, help="Seconds that a client may take to send a request's headers."),
    cpus: str = typer.Option("", help="Processors that it may use, such as 0,1; all when empty (Linux)."),
    stop_within_s: float = typer.Option(30.0, help="Seconds that running requests get when it is stopped."),
) -> None:
    """Serve until told to stop; requests that are being answered are finished first."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(one) for one in cpus.split(",")})
    ImpatientProtocol.headers_within_s = headers_within_s
    config = uvicorn.Config(
        app,
        factory=app == APP,
        host=host,
        port=port,
        http=ImpatientProtocol,
        access_log=False,  # a line for each of hundreds of requests a second; /metrics counts them
        server_header=False,
        timeout_graceful_shutdown=round(stop_within_s),
    )
    if ends_with_input:
        stop_at_end_of_input()
    sockets = [socket.socket(fileno=fd)] if fd >= 0 else None
    uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    typer.run(main)
