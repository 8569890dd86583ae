"""Gradescope's folders, and who may read them while a student's code runs.

Source: Gradescope's autograder specification,
https://gradescope-autograders.readthedocs.io/en/latest/specs/ (the tree below /autograder).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Environment variable that moves the tree, for a rehearsal outside Gradescope.
ROOT_VARIABLE = "GRADESCOPE_ROOT"

#: Folder of the zip with secrets: the seed, the hidden pictures, the fall-back.
SECRET = "secret"


@dataclass(frozen=True)
class Places:
    """The tree that the contract lays out."""

    #: The unpacked zip.
    source: Path
    #: The zip's folder that only the grader reads.
    secret: Path
    #: The student's hand-in.
    submission: Path
    #: Who did, when, and when it was due.
    metadata: Path
    #: What Gradescope reads.
    results: Path

    @classmethod
    def here(cls) -> Places:
        """Return the places of this machine: below ``$GRADESCOPE_ROOT``, or ``/autograder``."""
        root = Path(os.environ.get(ROOT_VARIABLE) or "/autograder")
        return cls(
            source=root / "source",
            secret=root / "source" / SECRET,
            submission=root / "submission",
            metadata=root / "submission_metadata.json",
            results=root / "results" / "results.json",
        )

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Give only the grader's user access to other files, as long as student code may run.

        The results' folder gets its former mode back; only the grader reads the others.
        """
        folder = self.results.parent
        folder.mkdir(parents=True, exist_ok=True)
        before = folder.stat().st_mode & 0o7777
        for path in (folder, self.secret, self.submission, self.source / "grading/grade/hidden.py"):
            _allow(path, 0o700)
        _allow(self.metadata, 0o600)
        try:
            yield
        finally:
            _allow(folder, before)


def _allow(path: Path, mode: int) -> None:
    # A mode cannot guard files that are missing or mounted read-only.
    with contextlib.suppress(OSError):
        path.chmod(mode)
