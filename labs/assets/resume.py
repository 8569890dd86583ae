"""The unfinished half of a download: its bytes, and the note that says which file they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


class Partial:
    """A download that is not complete: `NAME.partial` and the note `NAME.partial.json`.

    Attributes:
        url: Address that the bytes come from.
        path: File that holds the bytes.
        target: Name of the file when it is complete.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.url = url
        self.target = target
        self.path = target.with_name(target.name + ".partial")
        self._note_path = target.with_name(target.name + ".partial.json")

    @property
    def _url_id(self) -> str:
        """A stand-in for the address, which may hold a token and so is not written to disk."""
        return hashlib.sha256(self.url.encode()).hexdigest()

    def _note(self) -> dict[str, object]:
        """Return what was noted about the bytes, or nothing when they belong to another address."""
        try:
            note = json.loads(self._note_path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) and note.get("url_id") == self._url_id else {}

    @property
    def size_bytes(self) -> int:
        """Bytes that can be built upon; 0 when there are none or when nobody knows where they are from."""
        return self.path.stat().st_size if self._note() and self.path.is_file() else 0

    @property
    def total_bytes(self) -> int | None:
        """Bytes of the complete file as the server stated them, or None."""
        total = self._note().get("total_bytes")
        return total if isinstance(total, int) else None

    @property
    def etag(self) -> str | None:
        """The strong entity tag of the file that the bytes belong to, or None."""
        etag = self._note().get("etag")
        return etag if isinstance(etag, str) else None

    def range_headers(self, pinned: bool) -> dict[str, str]:
        """Return the headers that ask for the rest, or none when the file has to be fetched from its start.

        Args:
            pinned: A hash of the file is known. Only then may bytes be joined without an entity tag, since a
                wrong join is found afterwards.

        Returns:
            `Range` and, with an entity tag, `If-Range`, which makes the server send the whole file when it has
            changed. Source: RFC 9110, sections 13.1.5 and 14.2.
        """
        have_bytes = self.size_bytes
        if not have_bytes or (self.etag is None and not pinned):
            return {}
        headers = {"Range": f"bytes={have_bytes}-"}
        if self.etag is not None:
            headers["If-Range"] = self.etag
        return headers

    def remember(self, headers: Mapping[str, str], total_bytes: int | None) -> None:
        """Note which file the bytes that follow belong to.

        Args:
            headers: The answer's headers.
            total_bytes: Bytes of the complete file, when the server stated them.
        """
        etag = headers.get("etag")
        if etag is not None and etag.startswith("W/"):  # a weak tag promises no equal bytes
            etag = None
        note = {"url_id": self._url_id, "etag": etag, "total_bytes": total_bytes}
        self._note_path.write_text(json.dumps(note), "utf-8")

    def finish(self) -> None:
        """Give the bytes their final name in one step."""
        self.path.replace(self.target)
        self._note_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)
