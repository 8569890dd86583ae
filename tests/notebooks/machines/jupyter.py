"""A notebook run in a machine's own Jupyter, by the interface that JupyterLab uses: sessions, kernels, channels."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlsplit

import requests
import websocket
from jupyter_client.session import Session

#: A cell that is silent for longer hangs.
SILENCE_S = 600

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class CellFailedError(AssertionError):
    """A cell raised, or its kernel ended; the message shows it."""


class Jupyter:
    """A Jupyter server, by the link that provisioning shows.

    Args:
        link: Such as ``http://127.0.0.1:8888/lab?token=…``.
    """

    def __init__(self, link: str):
        parts = urlsplit(link)
        self._host = parts.netloc
        self._token = parts.query.partition("token=")[2]
        self._web = requests.Session()
        self._web.headers["Authorization"] = f"token {self._token}"

    def ask(self, method: str, resource: str, **body) -> dict:
        """Return the reply to a request to ``/api/…``; an empty one for 204."""
        reply = self._web.request(method, f"http://{self._host}/api/{resource}", json=body or None, timeout=60)
        reply.raise_for_status()
        return reply.json() if reply.content else {}

    def run(self, path: str) -> list[str]:
        """Run a notebook that lies on the machine from top to bottom; return what its cells printed, cell by cell.

        Args:
            path: Of the notebook, from the server's root.

        Raises:
            CellFailedError: A cell raised.
        """
        notebook = self.ask("GET", f"contents/{quote(path)}?content=1")["content"]
        kernel = {"name": "python3"}
        session = self.ask("POST", "sessions", path=path, type="notebook", name=path, kernel=kernel)
        channels = websocket.create_connection(
            f"ws://{self._host}/api/kernels/{session['kernel']['id']}/channels",
            header=[f"Authorization: token {self._token}"],
            timeout=SILENCE_S,
        )
        try:
            cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
            return [_execute(channels, cell, f"{path}, cell {cell['id']}") for cell in cells]
        finally:
            channels.close()
            self.ask("DELETE", f"sessions/{session['id']}")


def _execute(channels: websocket.WebSocket, cell: dict, where: str) -> str:
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    message = Session().msg("execute_request", content) | {"channel": "shell"}
    channels.send(json.dumps(message, default=str))
    printed, error, open_ends = "", None, {"reply", "idle"}
    while open_ends:
        said = json.loads(channels.recv())
        kind, what = said["header"]["msg_type"], said["content"]
        if kind == "status" and what["execution_state"] in ("dead", "restarting"):
            raise CellFailedError(f"{where}: the kernel ended; memory may have run out\n{source}")
        if said["parent_header"].get("msg_id") != message["msg_id"]:
            continue
        if kind == "stream":
            printed += what["text"]
        elif kind in ("execute_result", "display_data"):
            printed += what["data"].get("text/plain", "") + "\n"
        elif kind == "error":
            error = _ANSI.sub("", "\n".join(what["traceback"]))
        elif kind == "execute_reply":
            open_ends.discard("reply")
        elif kind == "status" and what["execution_state"] == "idle":
            open_ends.discard("idle")
    if error:
        raise CellFailedError(f"{where}:\n{source}\n\n{printed[-1500:]}\n{error[-3000:]}")
    return printed
