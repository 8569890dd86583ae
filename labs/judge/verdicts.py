"""Shared parts of all judges: the judged file, and facts that survive a lost program."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from labs.judge.copied import copied_function
from labs.judge.program import Lost
from labs.records.strict import StrictJsonError, loads
from labs.workspace import STUB

#: A program as it is handed over: its file, a folder that holds it, or texts by name.
Handed = Path | Mapping[str, str]


def content_of(handed: Handed, name: str) -> bytes:
    """Return the bytes of the one file that is judged, by its name; files next to it are ignored.

    Raises:
        NotImplementedError: The stub is still in it.
        Lost: It is not among them, or it holds a function of the course.
    """
    if isinstance(handed, Mapping):
        text = next(iter(handed.values())) if len(handed) == 1 else handed.get(name)
        content = None if text is None else text.encode(errors="replace")
    else:
        path = handed / name if handed.is_dir() else handed
        content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise Lost(f"The file `{name}` is missing.")
    if STUB.encode() in content:
        raise NotImplementedError(STUB)
    if function := copied_function(content):
        raise Lost(
            f"It holds a copy of the course's own `{function}`. Write that part yourself, "
            "because the question asks for it."
        )
    return content


@contextlib.contextmanager
def noting(facts: dict) -> Iterator[dict]:
    """Note in ``facts["lost"]`` why a program could not be asked to the end; earlier facts
    remain.
    """
    facts["lost"] = ""
    try:
        yield facts
    except Lost as lost:
        facts["lost"] = str(lost)


def as_json(text: str) -> object:
    """Return the value of a text that a program wrote; None if it is not JSON."""
    try:
        return loads(text)
    except StrictJsonError:
        return None
