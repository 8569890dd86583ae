"""Fetching one file over HTTP: resumed where it broke off, checked, and in place only when it is complete.

A download grows in `NAME.partial`, beside a small note of what the server said about it. A later call goes on from
there when the server still has the same file, and starts over when it has not.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import httpx

from labs.assets.addresses import shown_url
from labs.assets.errors import DownloadError, IntegrityError, UnsafeFileError
from labs.assets.hashes import Digest, digest
from labs.assets.responses import Position, Retry, position_of
from labs.assets.resume import Partial
from labs.assets.space import full_disk_in_words, require_room

logger = logging.getLogger(__name__)

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
    partial = Partial(target, url)
    timeout = httpx.Timeout(policy.read_timeout_s, connect=policy.connect_timeout_s)
    # Compressed transfer would make byte positions meaningless, so identity is asked for.
    headers = {"Accept-Encoding": "identity", "User-Agent": "model-serving-labs"}
    with httpx.Client(timeout=timeout, headers=headers, follow_redirects=True, max_redirects=5) as client:
        transfer = _Transfer(client, partial, expected.pinned, policy, progress)
        joined = transfer.until_complete()
        found = digest(partial.path)
        if expected.misfit(found) and joined:
            # The file may have changed on the server between the two halves: that is no attack, so begin anew.
            logger.warning("the resumed download of %s does not fit together; fetching it anew", shown_url(url))
            partial.discard()
            transfer.until_complete()
            found = digest(partial.path)
    if misfit := expected.misfit(found):
        partial.discard()
        raise IntegrityError(
            f"the file from {shown_url(url)} is not the promised one: {misfit} ({found.size_bytes} bytes). It was "
            "deleted. Check the address; if it is right, the file was replaced or damaged on its way"
        )
    partial.finish()
    return found


@dataclass(frozen=True)
class _Transfer:
    """The questions and answers that fill one partial file."""

    #: Connection to the server.
    client: httpx.Client
    #: The file that grows.
    partial: Partial
    #: A hash is known, so that a wrong or short file will be noticed.
    pinned: bool
    #: Limits, tries and waits.
    policy: Policy
    #: Told about the bytes so far and in all.
    progress: Progress | None

    def until_complete(self) -> bool:
        """Ask until the file is complete; return whether it was put together from several answers."""
        wait_s, reason = self.policy.first_wait_s, ""
        shown = shown_url(self.partial.url)
        for attempt in range(self.policy.tries):
            if attempt:
                time.sleep(min(wait_s, self.policy.max_wait_s))
                wait_s *= 2
            try:
                return self.exchange() > 0
            except Retry as fault:
                reason, wait_s = str(fault), max(wait_s, fault.wait_s)
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as fault:
                raise DownloadError(f"{shown} cannot be fetched: {fault}") from fault
            except httpx.TransportError as fault:
                reason = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
            logger.info("try %d of %d for %s: %s", attempt + 1, self.policy.tries, shown, reason)
        raise DownloadError(
            f"{shown} was not delivered in {self.policy.tries} tries ({reason}). {self.partial.size_bytes} bytes are "
            "kept; run the same command again to go on from there"
        )

    def exchange(self) -> int:
        """Ask once and write what comes; return the place in the file that the answer started from."""
        have_bytes = self.partial.size_bytes
        headers = self.partial.range_headers(self.pinned)
        with self.client.stream("GET", self.partial.url, headers=headers) as response:
            position = position_of(response, self.partial, have_bytes, self.pinned)
            if not position.complete:
                self.refuse_excess(position)
                with full_disk_in_words(self.partial.path.parent):
                    self.write(response, position)
        return position.start_bytes

    def write(self, response: httpx.Response, position: Position) -> None:
        """Write an answer's body behind what is there, or in its place."""
        done_bytes = position.start_bytes
        if not done_bytes:
            # The old bytes go before the new note comes: a crash in between must not marry the two.
            self.partial.discard()
            self.partial.remember(response.headers, position.total_bytes)
        with self.partial.path.open("ab") as file:
            for chunk in response.iter_raw():
                done_bytes += len(chunk)
                if done_bytes > self.policy.max_bytes:
                    self.partial.discard()
                    raise UnsafeFileError(self.too_large())
                file.write(chunk)
                if self.progress is not None:
                    self.progress(done_bytes, position.total_bytes)
            file.flush()
            os.fsync(file.fileno())
        if position.total_bytes is not None and done_bytes != position.total_bytes:
            raise Retry(f"{done_bytes} of {position.total_bytes} bytes arrived")

    def refuse_excess(self, position: Position) -> None:
        """Refuse a file that is larger than allowed, or than the disk has room for, before its body is read."""
        if position.total_bytes is None:
            return
        if position.total_bytes > self.policy.max_bytes:
            raise UnsafeFileError(self.too_large())
        unpacked_bytes = int(position.total_bytes * self.policy.unpacked_ratio)
        missing_bytes = position.total_bytes - position.start_bytes
        require_room(self.partial.path.parent, missing_bytes + unpacked_bytes + self.policy.reserve_bytes)

    def too_large(self) -> str:
        """Return the message for a file that is larger than allowed."""
        allowed_mb = self.policy.max_bytes / 1e6
        shown = shown_url(self.partial.url)
        return f"{shown} is larger than {allowed_mb:.0f} MB, which this file never is; check the address"
