"""Reading a server's answer: where its bytes belong, whether to ask again, and what the answer really means."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

import httpx

from labs.assets.addresses import shown_url
from labs.assets.errors import DownloadError, UnsafeFileError
from labs.assets.resume import Partial

#: Answers that are worth another try: the server is busy or restarting, not wrong.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_MEANING = {
    401: "it asks for a login; use an address that is open, or one with an access token in it",
    403: "access is refused; a share link may have expired",
    404: "nothing is there; check the address for a typing mistake",
    410: "the file was removed",
}


class Retry(Exception):  # noqa: N818  a request to the loop, not an error for the caller
    """The same question may be answered better in a moment."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        #: Seconds that the server asks to wait.
        self.wait_s = wait_s


class Position(NamedTuple):
    """Where an answer's body belongs in the file."""

    #: Bytes of the file that come before the body.
    start_bytes: int
    #: Bytes of the complete file, or None when the server does not say.
    total_bytes: int | None
    #: The file was complete before this answer; there is no body to read.
    complete: bool = False


def position_of(response: httpx.Response, partial: Partial, have_bytes: int, pinned: bool) -> Position:
    """Return where an answer's body belongs.

    Args:
        response: Answer whose body has not been read.
        partial: The unfinished download.
        have_bytes: Bytes of it that were there when the question was asked.
        pinned: A hash of the file is known, so that a file that ends early is noticed.

    Returns:
        Start and total, in bytes.

    Raises:
        Retry: The server is busy, or the rest it offers does not fit to what is there.
        DownloadError: The answer will not get better by asking again.
        UnsafeFileError: A redirect left https.
    """
    _refuse_downgrade(response)
    status = response.status_code
    if status in PASSING:
        raise Retry(f"the server answers {_phrase(status)}", _retry_after_s(response))
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have_bytes:
        return _position_after_416(response, partial, have_bytes, pinned)
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        meaning = _MEANING.get(status, "only 200 and 206 carry a file")
        raise DownloadError(f"{shown_url(partial.url)} answers {_phrase(status)}: {meaning}")
    _refuse_web_page(response, partial)
    if status == HTTPStatus.PARTIAL_CONTENT:
        return _position_of_part(response, partial, have_bytes)
    length = response.headers.get("content-length", "")
    total_bytes = int(length) if length.isdecimal() else None
    if total_bytes is None and not pinned:
        raise DownloadError(
            f"{shown_url(partial.url)} states no length, and no SHA-256 is configured, so a complete file looks like "
            "one that broke off; configure its SHA-256"
        )
    return Position(0, total_bytes)


def _position_of_part(response: httpx.Response, partial: Partial, have_bytes: int) -> Position:
    """Return where a 206's body belongs; anything but the asked-for rest of the same file starts over."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", ""))
    etag = response.headers.get("etag")
    changed = partial.etag is not None and etag is not None and etag != partial.etag
    if match is None or int(match[1]) != have_bytes or changed:
        partial.discard()
        raise Retry("the server offers the rest of another file or from another place")
    total_bytes = partial.total_bytes if match[3] == "*" else int(match[3])
    if (before_bytes := partial.total_bytes) not in (None, total_bytes):
        partial.discard()
        raise Retry(f"the file has {total_bytes} bytes now and had {before_bytes} before")
    return Position(have_bytes, total_bytes)


def _position_after_416(response: httpx.Response, partial: Partial, have_bytes: int, pinned: bool) -> Position:
    """Return 'complete' when everything is here already; otherwise the file became shorter: start over."""
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("content-range", ""))
    if match is not None and int(match[1]) == have_bytes and (pinned or partial.total_bytes == have_bytes):
        return Position(have_bytes, have_bytes, complete=True)
    partial.discard()
    raise Retry(f"the server has no bytes after the {have_bytes} that were kept")


def _refuse_downgrade(response: httpx.Response) -> None:
    """Refuse a redirect from https to http, which lets anybody on the way replace the file."""
    schemes = [step.url.scheme for step in (*response.history, response)]
    if "https" in schemes and "http" in schemes[schemes.index("https") :]:
        raise UnsafeFileError(f"{shown_url(str(response.history[0].url))} leads from https to http; not followed")


def _refuse_web_page(response: httpx.Response, partial: Partial) -> None:
    """Refuse a page where a file should be, the usual sign of a share link."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            f"{shown_url(partial.url)} answers with a web page, not with a file; share links often do. Use the "
            "address that the page's download button leads to"
        )
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise DownloadError(
            f"{shown_url(partial.url)} is sent with content-encoding {encoding} although none was asked for; its bytes "
            "could not be checked. Serve the file as it is"
        )


def _retry_after_s(response: httpx.Response) -> float:
    """Return how many seconds the server asks to wait, 0 when it does not say or names a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def _phrase(status: int) -> str:
    """Return a status with its name, such as '404 Not Found'."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
