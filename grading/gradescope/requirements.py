"""What the autograder installs: the packages that its modules import, with the pins of the course's own constraints.

Everything below them is pinned too, since the zip carries the constraints themselves.
"""

from __future__ import annotations

import re
from pathlib import Path

#: Imported by what runs inside Gradescope; no torch, whose wheels alone are larger than the rest.
PACKAGES = (
    "fastjsonschema",
    "ipykernel",
    "jsonschema",
    "jupyter_client",
    "nbval",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "pillow",
    "pytest",
    "safetensors",
    "scipy",
)


def requirements(constraints: Path) -> str:
    """Return the text of ``requirements.txt``: one pinned package a line.

    Args:
        constraints: The course's ``constraints.txt``.

    Raises:
        ValueError: A package has no exact pin there; add it, so that a grade does not depend on the day of the upload.
    """
    pins = {}
    for line in constraints.read_text(encoding="utf-8").splitlines():
        name, pinned, _ = line.partition("==")
        if pinned and not line.startswith("#"):
            pins[_plain(name)] = line.strip()
    missing = [name for name in PACKAGES if _plain(name) not in pins]
    if missing:
        raise ValueError(f"{constraints.name} has no exact pin of {', '.join(missing)}")
    return "".join(f"{pins[_plain(name)]}\n" for name in PACKAGES)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
