"""``python -m labs.serve``: one service in this process, with settings from ``LABS_…`` variables."""

from __future__ import annotations

import contextlib
import socket

import typer
import uvicorn

from labs.runtimes.loopback import listen
from labs.serve.limits import BoundedProtocol
from labs.serve.settings import Settings


def main(
    port: int = typer.Option(8080, help="Port to listen on; 0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 opens the service to the network."),
    app: str = typer.Option(Settings.APP, help="module:name of an app; a name that begins with 'create_' makes one."),
    fd: int = typer.Option(-1, help="A listening socket that was inherited, instead of host and port."),
    headers_within_s: float = typer.Option(10.0, help="Seconds that a client may take to send a request's headers."),
    stop_within_s: float = typer.Option(30.0, help="Seconds that running requests get when it is stopped."),
) -> None:
    """Serve until told to stop; requests that are being answered are finished first."""
    BoundedProtocol.headers_within_s = headers_within_s
    allow_open_files(2 * BoundedProtocol.most_connections)
    listening = socket.socket(fileno=fd) if fd >= 0 else listen(host, port)
    config = uvicorn.Config(
        app,
        factory=app.partition(":")[2].startswith("create_"),
        http=BoundedProtocol,
        access_log=False,  # a line for each of hundreds of requests a second; /metrics counts them
        server_header=False,
        timeout_graceful_shutdown=round(stop_within_s),
    )
    typer.echo(f"http://{host}:{listening.getsockname()[1]}")
    uvicorn.Server(config).run([listening])


def allow_open_files(count: int) -> None:
    """Raise the number of files and connections that this process may have open, as far as the system lets it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard > 0 else count, hard))


if __name__ == "__main__":
    typer.run(main)
