"""Where the rehearsal keeps its files, and how to reach the one that runs."""

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import platformdirs

_HOME = "REHEARSAL_HOME"
_NOBODY = "no rehearsal answers: start it with `python -m provisioning rehearsal up`"


class RehearsalDownError(RuntimeError):
    """No rehearsal answers; the message says how to start one."""


def folder() -> Path:
    """Return the rehearsal's folder: `$REHEARSAL_HOME`, or one in the user's cache. It may not exist yet."""
    chosen = os.environ.get(_HOME)
    return Path(chosen) if chosen else platformdirs.user_cache_path("model-serving-labs") / "rehearsal"


def secret(home: Path) -> str:
    """Return the rehearsal's secret, made on first use and readable by its owner only."""
    path = home / "secret"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked into place: of two processes the slower one keeps the first one's secret, and nobody
        # reads half of it.
        descriptor, draft = tempfile.mkstemp(dir=home)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(16))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text(encoding="utf-8").strip()


def port(home: Path) -> int | None:
    """Return the port at which the last rehearsal of a folder listened, or None."""
    return _state(home).get("port")


def process(home: Path) -> int | None:
    """Return the process that last served a folder, or None."""
    return _state(home).get("pid")


def _state(home: Path) -> dict[str, int]:
    try:
        return json.loads((home / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def announce(home: Path, number: int) -> None:
    """Write down at which port this process serves a folder; whoever reads meanwhile finds the old port or the new."""
    draft = home / f"state.json.{os.getpid()}"
    draft.write_text(json.dumps({"port": number, "pid": os.getpid()}), encoding="utf-8")
    draft.replace(home / "state.json")


def is_alive(home: Path) -> bool:
    """Return whether the rehearsal of this folder answers; another one at its old port knows another secret."""
    try:
        return bool(ask(home, "GET", "/alive", patience_s=5.0)["rehearsal"])
    except (RehearsalDownError, ValueError, KeyError, TypeError):
        return False


def lock(home: Path, patience_s: float = 1.0) -> TextIO | None:
    """Return the folder's lock, held until it is closed, or None when a process that serves the folder holds it.

    Args:
        home: The rehearsal's folder.
        patience_s: How long to go on trying, in seconds: longer than `is_served` holds the lock to look at it.
    """
    deadline = time.monotonic() + patience_s
    while (file := _locked(home, fcntl.LOCK_EX)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return file


def is_served(home: Path) -> bool:
    """Return whether a process serves the folder, be it too busy to answer, or just starting or ending."""
    # A shared lock: two who look at the same time do not take each other for a server.
    looked = _locked(home, fcntl.LOCK_SH)
    if looked is not None:
        looked.close()
    return looked is None


@contextlib.contextmanager
def turn(home: Path) -> Iterator[None]:
    """Let one process at a time start the folder's rehearsal; the others wait for their turn."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "turn").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(home: Path, kind: int) -> TextIO | None:
    """Return the open lock file once locked, or None when somebody else's lock is in the way."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (home / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def ask(home: Path, method: str, path: str, body: dict[str, Any] | None = None, patience_s: float = 60.0) -> Any:
    """Send a request to the rehearsal's own service and return its JSON answer.

    Args:
        home: The rehearsal's folder.
        method: `GET`, `POST` or `DELETE`.
        path: The path below `/_rehearsal`.
        body: A JSON body, if any.
        patience_s: How long to wait for the answer, in seconds.

    Returns:
        The decoded answer; None when it is empty.

    Raises:
        RehearsalDownError: Nothing answers: start it with `python -m provisioning rehearsal up`.
        ValueError: The service refused; the message is its reason.
    """
    number = port(home)
    if number is None:
        raise RehearsalDownError(_NOBODY)
    request = urllib.request.Request(
        f"http://127.0.0.1:{number}/_rehearsal{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Rehearsal-Secret": secret(home), "Content-Type": "application/json"},
    )
    # No proxy stands between a computer and its own loopback, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patience_s) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(_reason(error.read())) from error
    except (OSError, http.client.HTTPException) as error:
        # The second: another kind of program has the port by now.
        raise RehearsalDownError(_NOBODY) from error
    return json.loads(text) if text else None


def _reason(text: bytes) -> str:
    """Return the message in a refusal's body."""
    try:
        body = json.loads(text)
        return body["error"]["message"] if "error" in body else body["error_message"]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")
