"""The data set is rebuilt byte for byte, and what is shipped is what the manifest says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets.recipes import dataset as recipe
from assets.recipes.compose import compose, restyle
from assets.recipes.dataset import dataset_entry, difference, read_manifest, versions, write_manifest
from assets.recipes.drawings import Source, SourceError, sources_of
from labs.dataset import SPLITS, iterate

ASSETS = Path(__file__).resolve().parents[3] / "assets"


@pytest.fixture
def tiny(tmp_path: Path, make_pack: Callable[..., Source], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the recipe see one tiny pack a split and ask for two pictures a class; return the packs' folder."""
    pytest.importorskip("resvg_py", reason="needs the `recipes` extra")
    packs = {split: (make_pack(split, split),) for split in SPLITS}
    monkeypatch.setattr(recipe, "sources_of", packs.get)
    monkeypatch.setattr(recipe, "PICTURES_PER_CLASS", dict.fromkeys(SPLITS, 2))
    return tmp_path


def test_two_builds_are_the_same_bytes(tiny: Path) -> None:
    """Nothing depends on time, order of files or memory."""
    first, second = recipe.build(tiny / "a", tiny), recipe.build(tiny / "b", tiny)
    assert first == second
    assert len(first) == 3 * 11 * 2
    for name, record in first.items():
        assert hashlib.sha256((tiny / "b" / name).read_bytes()).hexdigest() == record["sha256"]


@pytest.mark.slow
def test_a_class_is_rebuilt_from_the_real_packs_as_it_is_shipped(tmp_path: Path) -> None:
    """The pinned packages give the very bytes of the manifest; `make assets` does the same for all classes."""
    pytest.importorskip("resvg_py", reason="needs the `recipes` extra")
    entry = read_manifest()["datasets"]["food11-mini"]
    if versions() != entry["made_with"]:
        pytest.skip(f"other versions draw other bytes: {versions()} instead of {entry['made_with']}")
    soup = 9
    try:
        files = recipe.build(tmp_path / "built", tmp_path / "packs", labels=[soup])
    except SourceError as error:
        if not str(error).startswith("npm"):
            raise  # a package that is there and is not the pinned one
        pytest.skip(str(error))
    assert files == {name: record for name, record in entry["files"].items() if f"class_{soup:02d}/" in name}
    assert len(files) == sum(recipe.PICTURES_PER_CLASS.values())


def test_each_split_is_drawn_from_its_own_packs(tiny: Path) -> None:
    """A picture's pack is one of its split's packs, and its folder is its drawing's class."""
    files = recipe.build(tiny / "a", tiny)
    assert all(record["pack"] == name.split("/")[0] for name, record in files.items())
    assert [label for _, label in iterate(tiny / "a", "training")] == [i // 2 for i in range(22)]


def test_a_difference_is_put_into_words(tiny: Path) -> None:
    """Changed and missing pictures are counted, and the versions are there, since they are the likely reason."""
    files = recipe.build(tiny / "a", tiny)
    entry = dataset_entry(files)
    assert difference(entry, files) == ""
    name, *others = files
    entry["made_with"] = {"pillow": "9.9.9"}
    for changed in ({**files, name: {}}, {other: files[other] for other in others}):
        assert f"1 of 66 pictures differ, are missing or are new, such as {name}" in difference(entry, changed)
        assert "9.9.9" in difference(entry, changed)


def test_the_manifest_is_one_line_a_picture(tmp_path: Path) -> None:
    """Writing keeps the content, and a picture's record is one line of a diff."""
    records = {
        f"training/class_00/0_{i}.jpg": {"sha256": "ab", "size_bytes": 1, "pack": "p", "glyph": "g"} for i in range(3)
    }
    manifest = {"datasets": {"x": {"path": "x", "files": records}}, "models": {}}
    path = tmp_path / "manifest.json"
    write_manifest(manifest, path)
    assert read_manifest(path) == manifest
    assert sum(".jpg" in line and "glyph" in line for line in path.read_text().splitlines()) == 3


def test_a_seed_is_a_picture() -> None:
    """The same generator state composes the same picture, another state another one."""
    drawing = Image.new("RGBA", (90, 60), (200, 30, 20, 255))

    def picture(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.asarray(compose(restyle(drawing, rng), rng, 128))

    np.testing.assert_array_equal(picture(4), picture(4))
    assert picture(4).shape == (128, 128, 3)
    assert (picture(4) != picture(5)).mean() > 0.5


def test_shipped_evaluation_pictures_are_by_artists_never_trained_on() -> None:
    """The manifest's packs obey the split, and every class has the same number of pictures."""
    files = json.loads((ASSETS / "manifest.json").read_text("utf-8"))["datasets"]["food11-mini"]["files"]
    for split in SPLITS:
        allowed = {source.pack for source in sources_of(split)}
        used = {record["pack"] for name, record in files.items() if name.startswith(split)}
        assert used == allowed
        labels = [label for _, label in iterate(ASSETS / "food11-mini", split)]
        assert set(np.bincount(labels)) == {recipe.PICTURES_PER_CLASS[split]}
