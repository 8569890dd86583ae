"""Writing the zip: the same bytes for the same files, with a manifest of sha256s.

The manifest guards against damage and accidents on the way. It proves nothing about who measured what: whoever can
write the zip can write the manifest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from grading.grade.intake.allowed import MANIFEST_NAME
from grading.submission.collect import Collection
from labs.version import code_version

#: A zip's own zero hour: a time of today would change the bytes of an unchanged submission.
_ZERO_HOUR = (1980, 1, 1, 0, 0, 0)


def pack(collection: Collection, part: int, target: Path) -> str:
    """Write a submission and return its sha256.

    Args:
        collection: What was collected.
        part: Part of the course.
        target: The zip; an earlier one is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    listed = {}
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in sorted(collection.files.items()):
            content = path.read_bytes()
            listed[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
            archive.writestr(_member(name), content)
        manifest = {"version": 1, "part": part, "code_version": code_version(), "files": listed}
        archive.writestr(_member(MANIFEST_NAME), json.dumps(manifest, indent=1) + "\n")
    partial.replace(target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ZERO_HOUR)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    return info
