"""The data set is rebuilt byte for byte, and the shipped files match the manifest."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets.recipes import dataset as recipe
from assets.recipes import sent
from assets.recipes.dataset import versions
from assets.recipes.drawings import Source, SourceError, sources_of
from assets.recipes.manifest import read_manifest, write_manifest
from labs import assets
from labs.assets.manifest import carried
from labs.data.dataset import SPLITS, iterate
from labs.data.intake import open_photo
from tests.tools import tool

#: The command that rebuilds the drawings and the manifest from their sources.
REBUILD = "make assets"

ASSETS = Path(__file__).resolve().parents[3] / "assets"


def test_two_builds_are_the_same_bytes(
    tmp_path: Path, make_pack: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing depends on time, order of files or memory; each split is drawn from its own packs."""
    pytest.importorskip("resvg_py", reason="needs the `recipes` extra")
    packs = {split: (make_pack(split, split),) for split in SPLITS}
    monkeypatch.setattr(recipe, "sources_of", packs.get)
    monkeypatch.setattr(recipe, "PICTURES_PER_CLASS", dict.fromkeys(SPLITS, 2))
    first, second = (recipe.build(tmp_path / name, tmp_path) for name in "ab")
    assert first == second
    assert len(first) == 3 * 11 * 2
    for name, record in first.items():
        assert hashlib.sha256((tmp_path / "b" / name).read_bytes()).hexdigest() == record["sha256"]
        assert record["pack"] == name.split("/")[0]
    assert [label for _, label in iterate(tmp_path / "a", "training")] == [
        i // 2 for i in range(22)
    ]


@pytest.mark.slow
def test_a_class_is_rebuilt_from_the_real_packs_as_it_is_shipped(tmp_path: Path) -> None:
    """The pinned packages give exactly the bytes of the manifest; `make assets` compares all
    classes.
    """
    pytest.importorskip("resvg_py", reason="needs the `recipes` extra")
    entry = read_manifest()["datasets"]["food11-mini"]
    if versions() != entry["made_with"]:
        pytest.skip(
            f"other versions draw other bytes: {versions()} instead of {entry['made_with']}"
        )
    soup = 9
    tool("npm")
    try:
        files = recipe.build(tmp_path / "built", tmp_path / "packs", labels=[soup])
    except SourceError as error:
        if not str(error).startswith("npm"):
            raise  # a package that is there and is not the pinned one
        pytest.skip(str(error))
    shipped = {
        name: record for name, record in entry["files"].items() if f"class_{soup:02d}/" in name
    }
    assert files == shipped, REBUILD
    assert len(files) == sum(recipe.PICTURES_PER_CLASS.values())


def test_the_manifest_is_one_line_a_picture(tmp_path: Path) -> None:
    """Read and written again, it is the same to the byte, so that a change shows as its own line in
    a diff.
    """
    write_manifest(read_manifest(), tmp_path / "manifest.json")
    written = (tmp_path / "manifest.json").read_bytes()
    assert written == (ASSETS / "manifest.json").read_bytes(), REBUILD


def test_shipped_pictures_are_the_recorded_ones_by_artists_of_their_split() -> None:
    """Nothing is missing, changed or extra; classes are alike; evaluation's artists are never
    trained on; 25 MB.
    """
    entry, root = read_manifest()["datasets"]["food11-mini"], assets.dataset("food11-mini")
    for split in SPLITS:
        used = {record["pack"] for name, record in entry["files"].items() if name.startswith(split)}
        assert used == {source.pack for source in sources_of(split)}, REBUILD
        labels = [label for _, label in iterate(root, split)]
        assert set(np.bincount(labels)) == {recipe.PICTURES_PER_CLASS[split]}, REBUILD
    size_bytes = sum(path.stat().st_size for path in root.rglob("*.jpg"))
    assert size_bytes == entry["size_bytes"] <= 25e6, REBUILD


@pytest.mark.slow
def test_sent_photos_are_rebuilt_as_they_are_shipped(tmp_path: Path) -> None:
    """The first of them, from the pinned packages: exactly the bytes of the manifest."""
    pytest.importorskip("resvg_py", reason="needs the `recipes` extra")
    entry = read_manifest()["datasets"]["sent-photos"]
    if versions() != entry["made_with"]:
        pytest.skip(
            f"other versions draw other bytes: {versions()} instead of {entry['made_with']}"
        )
    tool("npm")
    try:
        files = sent.build(tmp_path / "built", tmp_path / "packs", count=3)
    except SourceError as error:
        if not str(error).startswith("npm"):
            raise
        pytest.skip(str(error))
    assert len(files) == 3
    for name, record in files.items():
        assert record == entry["files"][name], REBUILD


def test_sent_photos_are_of_each_shape_and_stay_small() -> None:
    """Evaluation drawings only, each once; 4:3 and 3:4, 1,000 to 3,000 pixels wide; 15 MB."""
    entry = read_manifest()["datasets"]["sent-photos"]
    root = assets.dataset("sent-photos")
    files = entry["files"]
    drawings = carried()["food11-mini"].drawings
    evaluation = {drawing for name, drawing in drawings.items() if name.startswith("evaluation/")}
    shown = {f"{record['pack']}:{record['glyph']}" for record in files.values()}
    assert shown <= evaluation
    assert len(shown) == len(files) == sent.PHOTOS
    assert len({label for _, label in iterate(root, "evaluation")}) == 11
    shapes = set()
    for name, record in files.items():
        content = (root / name).read_bytes()
        width, height = record["width_px"], record["height_px"]
        assert sent.NARROWEST_PX <= width <= sent.WIDEST_PX >= height
        assert abs(3 * max(width, height) - 4 * min(width, height)) <= 4
        shapes.add((width > height, record["orientation"]))
        with Image.open(root / name) as stored:
            is_lying = record["orientation"] in (6, 8)
            assert stored.size == ((height, width) if is_lying else (width, height))
        assert open_photo(content, least_px=width * height).size == (width, height)
    assert shapes == {(True, 1), (True, 3), (False, 1), (False, 6), (False, 8)}
    sizes_bytes = [record["size_bytes"] for record in files.values()]
    assert sum(sizes_bytes) == entry["size_bytes"] <= 15e6, REBUILD
