"""Writing results so that a reader never sees half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_json(values: dict, path: Path) -> None:
    """Put a JSON file in place in one step; whoever reads sees the old one or the new one, whole."""
    write_text(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Put a text file in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
