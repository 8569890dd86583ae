"""Where the drawings come from, which food each shows, and how a vector drawing becomes pixels."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from assets.recipes.manifest import DATASET_NAME, read_manifest
from labs.data.labels import CLASS_NAMES


@dataclass(frozen=True)
class Source:
    """One npm package of drawings, pinned to one version and one content hash."""

    #: Short name of the pack, used in file names and in the manifest.
    pack: str
    package: str
    #: Exact version.
    version: str
    #: SHA-256 of the tarball that `npm pack` downloads.
    sha256: str
    #: Who drew or published the pack.
    artist: str
    #: SPDX identifier of the licence of the drawings.
    licence: str
    #: Where the drawings were first published.
    homepage: str
    #: `training`, `validation` or `evaluation`.
    split: str


_RECORDS = read_manifest()["datasets"][DATASET_NAME]["sources"]

#: All packs, as the manifest pins them. Splits follow the publisher, not the pack: nothing by
#: Google or Microsoft is ever trained on, in any stage. `fluent-emoji-flat` is left out because
#: half of its drawings are those of `fluent-emoji` without the shading: in training they would give
#: the evaluation away, in evaluation they would count pictures twice.
SOURCES: tuple[Source, ...] = tuple(Source(**record) for record in _RECORDS)


def sources_of(split: str) -> tuple[Source, ...]:
    """Return the packs whose drawings may enter a split, in the manifest's order."""
    return tuple(source for source in SOURCES if source.split == split)


_TABLE = tomllib.loads(Path(__file__).with_name("foods.toml").read_text("utf-8"))

#: Glyph names of each class, as most packs spell them.
FOODS: dict[str, list[str]] = {
    class_name: names.split() for class_name, names in _TABLE["foods"].items()
}

#: Names that a pack spells in its own way.
SPELLINGS: dict[str, str] = _TABLE["spellings"]

_LABEL_OF: dict[str, int] = {}
for _class_name, _glyphs in FOODS.items():
    _LABEL_OF |= dict.fromkeys(_glyphs, CLASS_NAMES.index(_class_name))


def label_of_glyph(glyph: str) -> int | None:
    """Return the class of a pack's own name (`sliceofpizza`, `pizza-2`), 0 to 10, or None if it is
    no food of ours.
    """
    # One pack draws some foods twice or three times and numbers them.
    unnumbered = re.sub(r"-\d$", "", glyph)
    name = SPELLINGS.get(glyph, unnumbered)
    return _LABEL_OF.get(name)


class SourceError(RuntimeError):
    """A pack could not be fetched, or is not the pinned one."""


@dataclass(frozen=True)
class Drawing:
    """One vector drawing of a pack."""

    #: Short name of the pack.
    pack: str
    #: The pack's own name for the drawing.
    glyph: str
    #: Class index 0 to 10, or None when it is not one of the foods.
    label: int | None
    svg: str


def fetch(source: Source, cache: Path) -> Path:
    """Return the tarball of a pack, downloaded by npm on first use and checked every time.

    Raises:
        SourceError: npm is missing or failed, or the tarball is not the pinned one.
    """
    tarball = cache / f"iconify-json-{source.pack}-{source.version}.tgz"
    if not tarball.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError(
                "npm is missing; rebuilding the data set needs it (Debian: apt install npm)"
            )
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", "--silent", f"{source.package}@{source.version}"]
        result = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not tarball.is_file():
            raise SourceError(
                f"npm could not fetch {source.package}@{source.version}: {result.stderr.strip()}"
            )
    sha256 = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if sha256 != source.sha256:
        raise SourceError(
            f"{tarball} has sha256 {sha256}, but {source.sha256} is pinned; delete the file and "
            "try again, and if it differs again, the package was changed after it was reviewed"
        )
    return tarball


_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawings_of(source: Source, cache: Path) -> list[Drawing]:
    """Return every drawing of a pack, foods and others, ordered by name.

    Raises:
        SourceError: npm is missing or failed, or the tarball is not the pinned one.
    """
    with tarfile.open(fetch(source, cache)) as archive:
        member = archive.extractfile("package/icons.json")
        assert member is not None
        pack = json.load(member)
    drawings = []
    for glyph, icon in sorted(pack["icons"].items()):
        # Every value has a default on the pack's level; 16 is the format's own default for a side.
        width = icon.get("width", pack.get("width", 16))
        height = icon.get("height", pack.get("height", 16))
        left = icon.get("left", pack.get("left", 0))
        top = icon.get("top", pack.get("top", 0))
        size = f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}"'
        svg = f"<svg {_NAMESPACES} {size}>{icon['body']}</svg>"
        drawings.append(Drawing(source.pack, glyph, label_of_glyph(glyph), svg))
    return drawings


def render(drawing: Drawing, size_px: int) -> Image.Image:
    """Return a drawing as RGBA, cropped to its content; the longer side of its canvas has
    ``size_px``.
    """
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=drawing.svg, width=size_px, skip_system_fonts=True)
    with Image.open(io.BytesIO(png)) as image:
        rgba = image.convert("RGBA")
    drawn_box = rgba.getchannel("A").getbbox()
    return rgba.crop(drawn_box or (0, 0, 1, 1))
