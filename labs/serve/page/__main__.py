"""``python -m labs.serve.page``: the page in this process, with settings from ``LABS_PAGE_…`` variables."""

from __future__ import annotations

import signal
import threading

import typer
from werkzeug.serving import make_server

from labs.serve.ending import stop_at_end_of_input
from labs.serve.page.app import create_page


def main(
    port: int = typer.Option(8090, help="Port to listen on; 0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 opens the page to the network."),
    fd: int = typer.Option(-1, help="A listening socket that was inherited, instead of host and port."),
    ends_with_input: bool = typer.Option(False, help="Stop when standard input ends: whoever started it is gone."),
) -> None:
    """Serve the page until told to stop."""
    server = make_server(host, port, create_page(), threaded=True, fd=fd if fd >= 0 else None)
    if ends_with_input:
        stop_at_end_of_input()
    # The server stops from another thread than the one that serves.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    typer.echo(f"GourmetGram: http://{host}:{server.port}")
    server.serve_forever()


if __name__ == "__main__":
    typer.run(main)
