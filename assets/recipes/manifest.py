"""The manifest of `assets/`: what each file is, where it came from, and whether a rebuild gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assets.recipes.dataset import PICTURES_PER_CLASS, SIZE_PX
from assets.recipes.sources import SOURCES
from labs.assets.places import ASSETS_DIR
from labs.dataset import SPLITS
from labs.labels import CLASS_NAMES

MANIFEST_PATH = ASSETS_DIR / "manifest.json"
DATASET_NAME = "food11-mini"

#: Packages whose versions decide the bytes of a picture: the renderer, the JPEG encoder, the random numbers.
MADE_WITH: tuple[str, ...] = ("resvg-py", "pillow", "numpy")


def read_manifest(path: Path = MANIFEST_PATH) -> dict[str, Any]:
    """Return the manifest, or an empty one when there is none yet."""
    if not path.is_file():
        return {"datasets": {}, "models": {}}
    return json.loads(path.read_text("utf-8"))


def write_manifest(manifest: dict[str, Any], path: Path = MANIFEST_PATH) -> None:
    """Write the manifest, one file entry a line, so that a change shows as its own line in a diff."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    # Collapse the innermost objects: a picture's record fits on one line.
    lines: list[str] = []
    for line in text.splitlines():
        if lines and lines[-1].endswith("{") and lines[-1].strip().endswith('.jpg": {'):
            lines[-1] += line.strip()
        elif lines and '.jpg": {' in lines[-1] and not lines[-1].rstrip(",").endswith("}"):
            lines[-1] += (" " if not line.strip().startswith("}") else "") + line.strip()
        else:
            lines.append(line)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that decide a picture's bytes."""
    return {package: version(package) for package in MADE_WITH}


def dataset_entry(files: dict[str, dict[str, object]]) -> dict[str, Any]:
    """Return the data set's part of the manifest.

    Args:
        files: What `assets.recipes.dataset.build` returned.

    Returns:
        A JSON object: how it is made, its sources with licences, and every file.
    """
    return {
        "path": DATASET_NAME,
        "recipe": "python -m assets.recipes dataset",
        "made_with": versions(),
        "size_px": SIZE_PX,
        "class_names": list(CLASS_NAMES),
        "pictures": {split: PICTURES_PER_CLASS[split] * len(CLASS_NAMES) for split in SPLITS},
        "size_bytes": sum(int(str(entry["size_bytes"])) for entry in files.values()),
        "sources": [asdict(source) for source in SOURCES],
        "files": files,
    }


def model_entry(path: Path, **facts: object) -> dict[str, Any]:
    """Return the model's part of the manifest.

    Args:
        path: The weights, under `assets/`.
        facts: More about it, such as its accuracy.
    """
    content = path.read_bytes()
    return {
        "path": path.relative_to(ASSETS_DIR).as_posix(),
        "recipe": f"python -m assets.recipes train --model {path.stem.removeprefix(f'{DATASET_NAME}-')}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        **facts,
    }


def differences(entry: dict[str, Any], files: dict[str, dict[str, object]]) -> list[str]:
    """Return, in words, how a rebuilt data set differs from the manifest; nothing when it does not.

    Args:
        entry: The data set's part of the manifest.
        files: What `assets.recipes.dataset.build` returned.
    """
    recorded: dict[str, dict[str, object]] = entry["files"]
    changed = [name for name in recorded if name in files and recorded[name] != files[name]]
    found = []
    if missing := sorted(recorded.keys() - files.keys()):
        found.append(f"{len(missing)} pictures are in the manifest only, such as {missing[0]}")
    if added := sorted(files.keys() - recorded.keys()):
        found.append(f"{len(added)} pictures are new, such as {added[0]}")
    if changed:
        found.append(f"{len(changed)} of {len(recorded)} pictures differ, such as {changed[0]}")
    other = [
        f"{package} {installed} instead of {entry['made_with'][package]}"
        for package, installed in versions().items()
        if installed != entry["made_with"][package]
    ]
    if found and other:
        found.append(
            f"this environment has {', '.join(other)}: renderers and encoders change their bytes between versions, so "
            "rebuild with the recorded versions before looking for another reason"
        )
    return found
