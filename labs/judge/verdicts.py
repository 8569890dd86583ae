"""What the judges of all kinds share: the one file that is judged, and facts that survive a program that is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from labs.judge.program import Lost
from labs.workspace import STUB


def content_of(path: Path, name: str) -> bytes:
    """Return the bytes of the one file that is judged; whatever lies beside it is nobody's.

    Args:
        path: The file, or a folder that holds it.
        name: What it is called in a folder.

    Raises:
        NotImplementedError: The stub is still in it.
    """
    path = Path(path)
    content = (path / name if path.is_dir() else path).read_bytes()
    if STUB.encode() in content:
        raise NotImplementedError(STUB)
    return content


@contextlib.contextmanager
def noting(facts: dict) -> Iterator[dict]:
    """Note in ``facts["lost"]`` why a program could not be asked to the end; what was seen before stays."""
    facts["lost"] = ""
    try:
        yield facts
    except Lost as lost:
        facts["lost"] = str(lost)
