"""Writing results so that a reader never sees half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_json(values: dict, path: Path, *, indent: int | None = 1) -> None:
    """Put a JSON file in place in one step; whoever reads sees the old one or the new one, whole.

    Args:
        values: Plain JSON values.
        path: The file.
        indent: Spaces a level, for people; None is one long line, which Python writes many times faster.
    """
    write_text(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=indent) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Put a text file in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
