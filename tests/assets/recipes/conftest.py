"""Tiny icon packs, made on the spot in the form that npm delivers."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assets.recipes.drawings import SOURCES, Source

#: A circle in a square of 64, and one food of each class.
_BODY = '<circle cx="32" cy="32" r="20" fill="#{colour}"/>'
FOODS = [
    "bread",
    "cheese-wedge",
    "cookie",
    "egg",
    "french-fries",
    "bacon",
    "spaghetti",
    "cooked-rice",
    "sushi",
    "pot-of-food",
    "lemon",
    "airplane",
]

MakePack = Callable[..., Source]


@pytest.fixture
def make_pack(tmp_path: Path) -> MakePack:
    """Return a function that writes a pack's tarball into `tmp_path` and returns its source."""

    def make(pack: str = "tiny", split: str = "training") -> Source:
        icons = {
            name: {"body": _BODY.format(colour=f"{index:x}{index:x}8")}
            for index, name in enumerate(FOODS)
        }
        content = json.dumps({"width": 64, "height": 64, "icons": icons}).encode()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            member = tarfile.TarInfo("package/icons.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        (tmp_path / f"iconify-json-{pack}-1.0.0.tgz").write_bytes(buffer.getvalue())
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        return replace(SOURCES[0], pack=pack, version="1.0.0", sha256=digest, split=split)

    return make
