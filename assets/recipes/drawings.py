"""Where the drawings come from, which food each shows, and how a vector drawing becomes pixels."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labs.data.labels import CLASS_NAMES


@dataclass(frozen=True)
class Source:
    """One npm package of drawings, pinned to one version and one content hash."""

    #: Short name of the pack, used in file names and in the manifest.
    pack: str
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

    @property
    def package(self) -> str:
        """The npm package's name."""
        return f"@iconify-json/{self.pack}"


#: All packs. Splits follow the publisher, not the pack: nothing by Google or Microsoft is ever trained on, in any
#: stage. `fluent-emoji-flat` is left out because half of its drawings are those of `fluent-emoji` without the
#: shading: in training they would give the evaluation away, in evaluation they would count pictures twice.
SOURCES: tuple[Source, ...] = (
    Source(
        "twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "Twitter and contributors",
        "CC-BY-4.0",
        "https://github.com/jdecked/twemoji",
        "training",
    ),
    Source(
        "emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "EmojiOne, continued as EmojiTwo",
        "CC-BY-4.0",
        "https://github.com/EmojiTwo/emojitwo",
        "training",
    ),
    Source(
        "fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Mozilla",
        "Apache-2.0",
        "https://github.com/mozilla/fxemoji",
        "training",
    ),
    Source(
        "streamline-emojis",
        "1.2.4",
        "5dac87c876b322500989828c5823143e0100d78881627a2e4081a4b897cbfdbc",
        "Streamline",
        "CC-BY-4.0",
        "https://github.com/webalys-hq/streamline-vectors",
        "training",
    ),
    Source(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Google (first generation)",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
        "validation",
    ),
    Source(
        "noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Google (present generation)",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
        "evaluation",
    ),
    Source(
        "fluent-emoji",
        "1.2.7",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "Microsoft",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
        "evaluation",
    ),
)


def sources_of(split: str) -> tuple[Source, ...]:
    """Return the packs whose drawings may enter a split.

    Args:
        split: `training`, `validation` or `evaluation`.

    Returns:
        The packs, in the table's order.
    """
    return tuple(source for source in SOURCES if source.split == split)


#: Glyph names of each class, as most packs spell them. The assignment follows Food-11's own examples: burgers
#: and pizza count as bread, ice cream as dessert, whole fish and shellfish as seafood. Two rules leave names out, in
#: all packs alike: a drawing must show the food itself (no empty bowl, no baby bottle), and its class must not be a
#: coin toss (no taco, bento box, dumpling or honey pot).
FOODS: dict[str, str] = {
    "Bread": "bread baguette-bread croissant bagel flatbread pretzel sandwich hamburger pizza pancakes hot-dog "
    "stuffed-flatbread waffle",
    "Dairy product": "cheese-wedge butter glass-of-milk fondue",
    "Dessert": "birthday-cake shortcake cupcake pie doughnut cookie custard ice-cream shaved-ice soft-ice-cream "
    "chocolate-bar candy lollipop moon-cake dango fortune-cookie",
    "Egg": "egg cooking nest-with-eggs",
    "Fried food": "french-fries fried-shrimp falafel",
    "Meat": "meat-on-bone poultry-leg cut-of-meat bacon",
    "Noodles/Pasta": "spaghetti steaming-bowl",
    "Rice": "cooked-rice rice-ball curry-rice rice-cracker",
    "Seafood": "sushi fish-cake-with-swirl shrimp crab lobster oyster squid octopus fish tropical-fish blowfish",
    "Soup": "pot-of-food",
    "Vegetable/Fruit": "avocado banana beans bell-pepper blueberries broccoli carrot cherries chestnut coconut "
    "cucumber ear-of-corn eggplant garlic ginger-root grapes green-apple green-salad hot-pepper kiwi-fruit "
    "leafy-green lemon lime mango melon mushroom brown-mushroom olive onion pea-pod peach peanuts pear pineapple "
    "potato red-apple roasted-sweet-potato strawberry tangerine tomato watermelon",
}

#: Names that a pack spells in its own way.
SPELLINGS: dict[str, str] = {
    "aubergine": "eggplant",
    "birthdaycake": "birthday-cake",
    "chilipepper": "hot-pepper",
    "chocolatebar": "chocolate-bar",
    "cookedrice": "cooked-rice",
    "curryandrice": "curry-rice",
    "earofmaize": "ear-of-corn",
    "fishcakeswirl": "fish-cake-with-swirl",
    "frenchfries": "french-fries",
    "friedshrimp": "fried-shrimp",
    "greenapple": "green-apple",
    "icecream": "ice-cream",
    "meatonbone": "meat-on-bone",
    "potoffood": "pot-of-food",
    "poultryleg": "poultry-leg",
    "redapple": "red-apple",
    "riceball": "rice-ball",
    "ricecracker": "rice-cracker",
    "roastedsweetpotato": "roasted-sweet-potato",
    "shavedice": "shaved-ice",
    "sliceofpizza": "pizza",
    "softicecream": "soft-ice-cream",
    "steamingbowl": "steaming-bowl",
    "tropicalfish": "tropical-fish",
}

_LABEL_OF: dict[str, int] = {
    name: CLASS_NAMES.index(class_name) for class_name, names in FOODS.items() for name in names.split()
}


def label_of_glyph(glyph: str) -> int | None:
    """Return the class index of a glyph, 0 to 10, or None when it is not one of the foods.

    Args:
        glyph: A pack's own name: `sliceofpizza` and `pizza-2` are both pizza.
    """
    # One pack draws some foods twice or three times and numbers them.
    return _LABEL_OF.get(SPELLINGS.get(glyph, re.sub(r"-\d$", "", glyph)))


class SourceError(RuntimeError):
    """A pack could not be fetched, or is not the one that was pinned."""


@dataclass(frozen=True)
class Drawing:
    """One vector drawing of a pack."""

    #: Short name of the pack.
    pack: str
    #: The pack's own name for the drawing.
    glyph: str
    #: Class index 0 to 10, or None when it is not one of the foods.
    label: int | None
    #: A complete SVG document.
    svg: str


def fetch(source: Source, cache: Path) -> Path:
    """Return the tarball of a pack, downloaded by npm on first use and checked every time.

    Args:
        source: The pack.
        cache: Folder that keeps tarballs.

    Returns:
        Path of the tarball.

    Raises:
        SourceError: npm is missing or failed, or the tarball is not the pinned one.
    """
    tarball = cache / f"iconify-json-{source.pack}-{source.version}.tgz"
    if not tarball.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("npm is missing; rebuilding the data set needs it (Debian: apt install npm)")
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", "--silent", f"{source.package}@{source.version}"]
        result = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not tarball.is_file():
            raise SourceError(f"npm could not fetch {source.package}@{source.version}: {result.stderr.strip()}")
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if found != source.sha256:
        raise SourceError(
            f"{tarball} has sha256 {found}, but {source.sha256} is pinned; delete the file and try again, "
            "and if it differs again, the package was changed after it was reviewed"
        )
    return tarball


def drawings_of(source: Source, cache: Path) -> list[Drawing]:
    """Return every drawing of a pack, foods and others, ordered by name.

    Args:
        source: The pack.
        cache: Folder that keeps tarballs.

    Returns:
        Drawings with complete SVG documents.

    Raises:
        SourceError: As for `fetch`.
    """
    with tarfile.open(fetch(source, cache)) as archive:
        member = archive.extractfile("package/icons.json")
        assert member is not None
        pack = json.load(member)
    drawings = []
    for glyph, icon in sorted(pack["icons"].items()):
        # Every value has a default on the pack's level; 16 is the format's own default for a side.
        width, height = (icon.get(side, pack.get(side, 16)) for side in ("width", "height"))
        left, top = (icon.get(edge, pack.get(edge, 0)) for edge in ("left", "top"))
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
        )
        drawings.append(Drawing(source.pack, glyph, label_of_glyph(glyph), svg))
    return drawings


def render(drawing: Drawing, size_px: int) -> Image.Image:
    """Return a drawing as pixels with transparency, cropped to what is drawn.

    Args:
        drawing: What to render.
        size_px: Longer side of the drawing's own canvas after rendering, in pixels.

    Returns:
        An RGBA picture, at most `size_px` on either side.
    """
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=drawing.svg, width=size_px, skip_system_fonts=True)
    with Image.open(io.BytesIO(png)) as image:
        rgba = image.convert("RGBA")
    return rgba.crop(rgba.getchannel("A").getbbox() or (0, 0, 1, 1))
