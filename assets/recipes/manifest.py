"""The manifest: a description of each shipped file, and the packs of the drawings."""

import json
import re
from pathlib import Path
from typing import Any

from labs.assets.manifest import ASSETS_DIR

MANIFEST_PATH = ASSETS_DIR / "manifest.json"
DATASET_NAME = "food11-mini"
#: The photos as people send them, of the same drawings.
SENT_NAME = "sent-photos"


def read_manifest() -> dict[str, Any]:
    """Return the manifest."""
    return json.loads(MANIFEST_PATH.read_text("utf-8"))


def write_manifest(manifest: dict[str, Any], path: Path = MANIFEST_PATH) -> None:
    """Write the manifest, one picture's record a line, so that a change shows as its own line in a
    diff.
    """
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    records = re.compile(r'(\.jpg": )\{([^{}]*)\}')

    def on_one_line(match: re.Match[str]) -> str:
        name, fields = match.groups()
        joined = " ".join(fields.split())
        return f"{name}{{{joined}}}"

    text = records.sub(on_one_line, text)
    path.write_text(text + "\n", "utf-8")
