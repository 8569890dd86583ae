"""Fetching one file over HTTP: resumed where it broke off, checked, and in place only when it is complete.

A download grows in `NAME.partial`, and a later call goes on from there. Old and new bytes are joined only where a hash
is known, which tells whether they fit.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx

from labs.assets.addresses import shown_url
from labs.assets.errors import DownloadError, IntegrityError, UnsafeFileError
from labs.assets.hashes import Digest, digest
from labs.assets.space import full_disk_in_words, require_room

logger = logging.getLogger(__name__)

#: Answers that are worth another try: the server is busy or restarting, not wrong.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_MEANING = {
    401: "it asks for a login; use an address that is open, or one with an access token in it",
    403: "access is refused; a share link may have expired",
    404: "nothing is there; check the address for a typing mistake",
    410: "the file was removed",
}

#: Called with the bytes on disk so far and the bytes in all (None while unknown).
Progress = Callable[[int, int | None], None]


class Expected(NamedTuple):
    """What is known about a file before it is fetched."""

    #: SHA-256 in lower case, or None when it is not known.
    sha256: str | None = None
    #: Git blob id in lower case, or None when it is not known.
    git_blob: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether a hash is known, so that any change of a single byte is found."""
        return bool(self.sha256 or self.git_blob)

    def misfit(self, found: Digest) -> str | None:
        """Return how a file differs from what was expected, or None when it is the right one."""
        if self.sha256 and found.sha256 != self.sha256:
            return f"its sha256 is {found.sha256}, not {self.sha256}"
        if self.git_blob and found.git_blob != self.git_blob:
            return f"its git blob id is {found.git_blob}, not {self.git_blob}"
        return None


@dataclass(frozen=True)
class Policy:
    """How patient and how careful a download is."""

    #: Largest file that is accepted, in bytes.
    max_bytes: int = 4 << 30
    #: Room that must stay free on the disk, in bytes.
    reserve_bytes: int = 256 << 20
    #: Room that unpacking will need, as a multiple of the file's size.
    unpacked_ratio: float = 0.0
    #: How often the server is asked before giving up; each time the download goes on where it broke off.
    tries: int = 5
    #: Wait before the second try, in seconds; it doubles with each further one.
    first_wait_s: float = 0.5
    #: Longest wait between tries, also when the server asks for more, in seconds.
    max_wait_s: float = 30.0
    #: How long to wait for a connection, in seconds.
    connect_timeout_s: float = 10.0
    #: How long the server may send nothing, in seconds.
    read_timeout_s: float = 30.0

    def for_file(self, max_bytes: int, unpacked_ratio: float) -> Policy:
        """Return the same patience with the size limits of one file."""
        return replace(self, max_bytes=max_bytes, unpacked_ratio=unpacked_ratio)


def download(
    url: str, target: Path, expected: Expected, policy: Policy = Policy(), progress: Progress | None = None
) -> Digest:
    """Fetch a file and return its hashes; the target appears only when it is complete and right.

    Args:
        url: http or https address of the file itself.
        target: Where the file goes; its folder is created, an existing file is replaced in one step.
        expected: Hashes that are known in advance.
        policy: Limits, tries and waits.
        progress: Told about the bytes so far and in all.

    Returns:
        Size and hashes of the file.

    Raises:
        DownloadError: The server cannot be reached, answers with an error or a web page, or breaks off every time.
        IntegrityError: A complete file arrived, but not the one that was expected.
        SpaceError: The disk is too full.
        UnsafeFileError: The file is larger than allowed, or the way to it leads from https to http.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(url, target.with_name(f"{target.name}.partial"), expected.pinned, policy, progress)
    partial = transfer.partial
    joined = transfer.until_complete()
    found = digest(partial)
    if expected.misfit(found) and joined:
        # The file may have changed on the server between the two halves: that is no attack, so begin anew.
        logger.warning("the resumed download of %s does not fit together; fetching it anew", shown_url(url))
        partial.unlink()
        transfer.until_complete()
        found = digest(partial)
    if misfit := expected.misfit(found):
        partial.unlink()
        raise IntegrityError(
            f"the file from {shown_url(url)} is not the promised one: {misfit} ({found.size_bytes} bytes). It was "
            "deleted. Check the address; if it is right, the file was replaced or damaged on its way"
        )
    partial.replace(target)
    return found


class _Retry(Exception):  # noqa: N818  a request to the loop, not an error for the caller
    """The same question may be answered better in a moment."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        #: Seconds that the server asks to wait.
        self.wait_s = wait_s


@dataclass(frozen=True)
class _Transfer:
    """The questions and answers that fill one partial file."""

    #: Address of the file.
    url: str
    #: The file that grows.
    partial: Path
    #: A hash is known, so that a wrong or short file will be noticed.
    pinned: bool
    #: Limits, tries and waits.
    policy: Policy
    #: Told about the bytes so far and in all.
    progress: Progress | None

    @property
    def kept_bytes(self) -> int:
        """Bytes that can be built upon."""
        return self.partial.stat().st_size if self.pinned and self.partial.is_file() else 0

    def until_complete(self) -> bool:
        """Ask until the file is complete; return whether it was put together from several answers."""
        wait_s, reason, shown, tries = self.policy.first_wait_s, "", shown_url(self.url), self.policy.tries
        timeout = httpx.Timeout(self.policy.read_timeout_s, connect=self.policy.connect_timeout_s)
        # Compressed transfer would make byte positions meaningless, so identity is asked for.
        headers = {"Accept-Encoding": "identity", "User-Agent": "model-serving-labs"}
        with httpx.Client(timeout=timeout, headers=headers, follow_redirects=True, max_redirects=5) as client:
            for attempt in range(tries):
                if attempt:
                    time.sleep(min(wait_s, self.policy.max_wait_s))
                    wait_s *= 2
                try:
                    return self.ask(client)
                except _Retry as fault:
                    reason, wait_s = str(fault), max(wait_s, fault.wait_s)
                except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as fault:
                    raise DownloadError(f"{shown} cannot be fetched: {fault}") from fault
                except httpx.TransportError as fault:
                    reason = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
                logger.info("try %d of %d for %s: %s", attempt + 1, tries, shown, reason)
        way_out = f"{self.kept_bytes} bytes are kept; run the same command again to go on from there"
        if not self.pinned:
            way_out = "Run the same command again; with its SHA-256 configured, it would go on where it broke off"
        raise DownloadError(f"{shown} was not delivered in {tries} tries ({reason}). {way_out}")

    def ask(self, client: httpx.Client) -> bool:
        """Ask once, for the rest where a part is here, and write what comes; return whether something was here."""
        start_bytes = self.kept_bytes
        headers = {"Range": f"bytes={start_bytes}-"} if start_bytes else {}
        with client.stream("GET", self.url, headers=headers) as response:
            refuse_downgrade(response)
            if start_bytes and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return True  # all of it is here, or too much: the hash will tell
            _refuse_other_than_a_file(response, shown_url(self.url))
            total = response.headers.get("content-length", "")
            if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
                if told is None or int(told[1]) != start_bytes:
                    self.partial.unlink(missing_ok=True)  # a part nobody asked for has nothing to join
                    raise _Retry("the server offers the rest from another place")
                total = told[2]
            else:
                start_bytes = 0
            if not total.isdecimal() and not self.pinned:
                raise DownloadError(
                    f"{shown_url(self.url)} states no length, and no SHA-256 is configured, so a complete file looks "
                    "like one that broke off; configure its SHA-256"
                )
            with full_disk_in_words(self.partial.parent):
                self.write(response, start_bytes, int(total) if total.isdecimal() else None)
        return start_bytes > 0

    def write(self, response: httpx.Response, start_bytes: int, total_bytes: int | None) -> None:
        """Write an answer's body behind what is there, or in its place, where it is allowed and there is room."""
        limit_bytes = self.policy.max_bytes
        if total_bytes is not None and total_bytes <= limit_bytes:
            unpacked_bytes = int(total_bytes * self.policy.unpacked_ratio)
            needed_bytes = total_bytes - start_bytes + unpacked_bytes + self.policy.reserve_bytes
            require_room(self.partial.parent, needed_bytes)
        done_bytes = start_bytes
        with self.partial.open("ab" if start_bytes else "wb") as file:
            for chunk in response.iter_raw():
                done_bytes += len(chunk)
                if max(done_bytes, total_bytes or 0) > limit_bytes:
                    self.partial.unlink()
                    raise UnsafeFileError(
                        f"{shown_url(self.url)} is larger than {limit_bytes / 1e6:.0f} MB, which this file never is; "
                        "check the address"
                    )
                file.write(chunk)
                if self.progress is not None:
                    self.progress(done_bytes, total_bytes)
            file.flush()
            os.fsync(file.fileno())
        if total_bytes not in (None, done_bytes):
            raise _Retry(f"{done_bytes} of {total_bytes} bytes arrived")


def refuse_downgrade(response: httpx.Response) -> None:
    """Refuse a redirect from https to http, which lets anybody on the way replace the file.

    Raises:
        UnsafeFileError: One of the steps to this answer was such a redirect.
    """
    schemes = [step.url.scheme for step in (*response.history, response)]
    if "https" in schemes and "http" in schemes[schemes.index("https") :]:
        raise UnsafeFileError(f"{shown_url(str(response.history[0].url))} leads from https to http; not followed")


def _refuse_other_than_a_file(response: httpx.Response, shown: str) -> None:
    """Refuse an error, a page where a file should be (the usual sign of a share link), and a compressed transfer."""
    status = response.status_code
    says = f"{status} {response.reason_phrase}".strip()
    if status in _PASSING:
        asked = response.headers.get("retry-after", "")  # seconds, or a date, which is not worth reading
        raise _Retry(f"the server answers {says}", float(asked) if asked.isdecimal() else 0.0)
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise DownloadError(f"{shown} answers {says}: {_MEANING.get(status, 'only 200 and 206 carry a file')}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError(
            f"{shown} answers with a web page, not with a file; share links often do. Use the address that the page's "
            "download button leads to"
        )
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise DownloadError(
            f"{shown} is sent with content-encoding {encoding} although none was asked for; its bytes could not be "
            "checked. Serve the file as it is"
        )
