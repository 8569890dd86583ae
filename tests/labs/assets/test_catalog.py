"""Names lead to checked files of the checkout, and wrong names lead to right ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import labs.assets
from labs.assets import IntegrityError, UnknownAssetError, catalog, manifest


def entry(path: Path) -> dict[str, object]:
    """Return what the manifest says about a file."""
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content), "pack": "noto"}


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout's assets folder with one data set of two pictures and two models."""
    root = tmp_path / "assets"
    for name in ("food11-mini/evaluation/class_00/0_0.jpg", "food11-mini/training/class_01/1_0.jpg"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(name.encode())
    (root / "models").mkdir()
    (root / "models/food11-mini-mobilenetv2.safetensors").write_bytes(b"weights")
    (root / "models/small.safetensors").write_bytes(b"fewer")
    pictures = sorted((root / "food11-mini").rglob("*.jpg"))
    content = {
        "datasets": {
            "food11-mini": {
                "files": {path.relative_to(root / "food11-mini").as_posix(): entry(path) for path in pictures}
            }
        },
        "models": {
            path.stem: {"path": path.relative_to(root).as_posix(), **entry(path)}
            for path in (root / "models").iterdir()
        },
    }
    (root / "manifest.json").write_text(json.dumps(content))
    monkeypatch.setattr(manifest, "ASSETS_DIR", root)
    return root


def test_defaults_are_what_comes_with_the_checkout(assets: Path) -> None:
    """No name, no internet, no setting."""
    assert labs.assets.dataset() == assets / "food11-mini"
    assert labs.assets.model() == assets / "models/food11-mini-mobilenetv2.safetensors"


def test_the_real_pair_is_used_where_both_have_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set without its model, or the other way round, changes nothing."""
    assert (catalog.default_dataset(), catalog.default_model()) == ("food11-mini", "food11-mini-mobilenetv2")
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11", "https://example.org/Food-11.zip")
    assert (catalog.default_dataset(), catalog.default_model()) == ("food11-mini", "food11-mini-mobilenetv2")
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11_MOBILENETV2", "https://example.org/food11.pth")
    assert (catalog.default_dataset(), catalog.default_model()) == ("food11", "food11-mobilenetv2")


def test_what_the_checkout_carries_is_as_recorded() -> None:
    """Every shipped file has its recorded hash, nothing is extra, and the defaults are among them."""
    carried = manifest.embedded()
    assert {catalog.default_dataset(), catalog.default_model()} <= carried.keys()
    for name in carried:
        assert catalog.verify(name) == carried[name].path


def test_a_model_is_checked_and_not_its_neighbours(assets: Path) -> None:
    """Changed weights are refused; a student's own file beside them does not matter."""
    (assets / "models/own.safetensors").write_bytes(b"own")
    (assets / "models/small.safetensors").write_bytes(b"other")
    labs.assets.model()
    with pytest.raises(IntegrityError, match=r"small\.safetensors has other content.*git checkout"):
        labs.assets.model("small")


def test_a_data_set_is_checked_as_a_whole(assets: Path) -> None:
    """One picture more is an error like one changed."""
    labs.assets.dataset()
    (assets / "food11-mini/evaluation/class_00/0_1.jpg").write_bytes(b"more")
    with pytest.raises(IntegrityError, match=r"0_1\.jpg does not belong there"):
        labs.assets.dataset()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("food11-mobilenet2", "did you mean 'food11-mobilenetv2'"),
        ("food-11", "did you mean 'food11'"),
        ("food11.pth", "did you mean 'food11-mobilenetv2'"),
        ("food11.onnx", "did you mean 'food11-mobilenetv2-onnx'"),
        ("???", "there are food11-mini, food11-mini-mobilenetv2, .*food11-mobilenetv2-onnx"),
    ],
)
def test_a_wrong_name_leads_to_the_right_one(assets: Path, name: str, words: str) -> None:
    """Typing mistakes and the published file names are understood."""
    with pytest.raises(UnknownAssetError, match=words):
        labs.assets.model(name)


@pytest.mark.parametrize("name", ["food11", "food11-mini"])
def test_a_data_set_is_no_model(assets: Path, name: str) -> None:
    """The error says which function gives it."""
    with pytest.raises(UnknownAssetError, match=rf"labs\.assets\.dataset\('{name}'\)"):
        labs.assets.model(name)


def test_a_missing_manifest_means_an_incomplete_checkout(assets: Path) -> None:
    """The likely reason is an installation that is not from a clone."""
    (assets / "manifest.json").unlink()
    with pytest.raises(IntegrityError, match="clone the repository"):
        labs.assets.model()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"datasets": {"a": {}}}',
        '{"models": {"a": {"path": "m"}}}',
        '{"models": {"a": {"path": "../m", "sha256": "0", "size_bytes": 1}}}',
        '{"datasets": {"a": {"files": {"/etc/passwd": {"sha256": "0", "size_bytes": 1}}}}}',
    ],
)
def test_a_damaged_manifest_is_said(assets: Path, content: str) -> None:
    """Wrong form, missing parts, and paths out of the folder."""
    (assets / "manifest.json").write_text(content)
    with pytest.raises(IntegrityError, match="is damaged"):
        labs.assets.model()


def test_a_fetched_asset_needs_no_manifest(assets: Path) -> None:
    """What is fetched is found without reading what the checkout carries."""
    (assets / "manifest.json").unlink()
    with pytest.raises(labs.assets.NotConfiguredError):
        labs.assets.dataset("food11")


def test_names_are_unique_and_fit_variables(assets: Path) -> None:
    """A name leads to one asset, and its setting to one variable."""
    names = [*manifest.embedded(), *catalog.REMOTE]
    assert len({name.upper().replace("-", "_") for name in names}) == len(names)
