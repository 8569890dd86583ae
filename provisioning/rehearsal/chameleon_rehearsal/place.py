"""Where the rehearsal keeps its files, and how to reach the one that runs.

Other users of this computer reach its loopback ports too, and a port that the rehearsal had
yesterday may be another program's today. So a listening program must first prove that it knows the
folder's secret; only then do clients send the secret.
"""

import contextlib
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import platformdirs

from chameleon_rehearsal.errors import RehearsalDownError

_HOME = "REHEARSAL_HOME"
#: File in the folder: the certificate with which a site answers that python-chi knows by name.
CERTIFICATE = "certificate.pem"
#: File in the folder: how far the calendar was moved ahead of this computer's.
CALENDAR = "calendar.json"


def folder() -> Path:
    """Return the rehearsal's folder, which may not exist: `$REHEARSAL_HOME`, or a cached one."""
    chosen = os.environ.get(_HOME)
    return Path(chosen) if chosen else platformdirs.user_cache_path("chameleon-rehearsal")


def prepare(home: Path) -> Path:
    """Return the rehearsal's folder, made if necessary, and closed to every other user.

    Raises:
        PermissionError: The folder belongs to another user, who could read and change everything in
            it.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if home.stat().st_uid != os.geteuid():
        raise PermissionError(
            f"{home} belongs to another user: let ${_HOME} name a folder of your own"
        )
    # A folder that was made by hand, or unpacked, is often open to all.
    home.chmod(0o700)
    return home


def secret(home: Path) -> str:
    """Return the rehearsal's secret, made on first use and readable by its owner only."""
    path = home / "secret"
    if not path.exists():
        prepare(home)
        # Only the holder of the folder's lock comes here; two processes would make two secrets.
        replace(path, secrets.token_hex(16))
    return path.read_text(encoding="utf-8").strip()


def password(known: str, user: str) -> str:
    """Return a student's password; only programs that know the secret can compute it."""
    return hmac.new(known.encode(), user.encode(), hashlib.sha256).hexdigest()[:32]


def proof(known: str, challenge: str) -> str:
    """Return what only a process that knows the secret can answer to a challenge."""
    return hmac.new(known.encode(), f"rehearsal:{challenge}".encode(), hashlib.sha256).hexdigest()


def port(home: Path) -> int | None:
    """Return the port at which the last rehearsal of a folder listened, or None."""
    try:
        return int((home / "port").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never half of it."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.touch(0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def ahead_of(home: Path) -> timedelta:
    """Return how far a rehearsal's calendar is ahead of this computer's; nothing if unmoved."""
    try:
        calendar = json.loads((home / CALENDAR).read_text(encoding="utf-8"))
        return timedelta(seconds=float(calendar["ahead_s"]))
    except (OSError, ValueError, LookupError, TypeError):
        return timedelta()


def set_ahead(home: Path, ahead: timedelta) -> None:
    """Let the calendar run so far ahead of this computer's, for every process that rehearses."""
    replace(home / CALENDAR, json.dumps({"ahead_s": ahead.total_seconds()}))


def is_alive(home: Path) -> bool:
    """Return whether the rehearsal of this folder answers; another one at its old port knows
    another secret.
    """
    try:
        with _proven(home, patience_s=5.0):
            return True
    except RehearsalDownError:
        return False


def lock(home: Path) -> TextIO | None:
    """Return the folder's lock, held until it is closed, or None while another process starts,
    serves or ends it.

    Whoever starts the rehearsal's process hands the lock on to it, so that it is free again when
    that process is gone.
    """
    file = (prepare(home) / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def ask(home: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request to the rehearsal's own service and return its JSON answer.

    Returns:
        The decoded answer; None when it is empty.

    Raises:
        RehearsalDownError: Nothing answers.
        ValueError: The service refused; the message is its reason.
    """
    content = None if body is None else json.dumps(body)
    headers = {"X-Rehearsal-Secret": secret(home), "Content-Type": "application/json"}
    with _proven(home, patience_s=60.0) as connection:
        status, text = _exchange(connection, method, path, content, headers)
    if status >= http.HTTPStatus.BAD_REQUEST:
        raise ValueError(json.loads(text)["error"]["message"])
    return json.loads(text) if text else None


@contextlib.contextmanager
def _proven(home: Path, patience_s: float) -> Iterator[http.client.HTTPConnection]:
    # The secret itself travels on the proven connection, so that no other program can take the port
    # in between.
    number = port(home)
    if number is None:
        raise RehearsalDownError
    challenge = secrets.token_hex(16)
    # No proxy stands between a computer and its own loopback, whatever the environment says:
    # http.client knows none.
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", number, timeout=patience_s)
    ) as connection:
        try:
            _, text = _exchange(connection, "GET", f"/alive?challenge={challenge}")
            answer = str(json.loads(text)["proof"])
            expected = proof(secret(home), challenge)
            if not hmac.compare_digest(answer.encode(), expected.encode()):
                raise RehearsalDownError
            yield connection
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise RehearsalDownError from error


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    connection.request(method, f"/_rehearsal{path}", body, headers or {})
    with connection.getresponse() as answer:
        return answer.status, answer.read()
