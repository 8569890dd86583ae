"""What comes with the checkout is handed over by name, and only while it is what the manifest says."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from labs import assets
from labs.assets import AssetError, places
from labs.assets.manifest import carried
from labs.assets.places import URL_VARIABLE, Address, address
from labs.data.dataset import iterate

#: Files of a small checkout, by their path under assets.
FILES = {f"food11-mini/evaluation/class_00/0_{index}.jpg": b"picture %d" % index for index in range(4)}
MODEL = {"models/food11-mini-mobilenetv2.safetensors": b"weights"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an assets folder with a small data set, a model, and their manifest."""
    root = tmp_path / "assets"
    # What a file manager leaves is no picture, and does not matter.
    for name, content in {**FILES, **MODEL, "food11-mini/._0_1.jpg": b"", "food11-mini/notes.md": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in {**FILES, **MODEL}.items()}
    pictures = {name.removeprefix("food11-mini/"): {"sha256": sha256[name]} for name in FILES}
    (weights,) = MODEL
    manifest = {
        "datasets": {"food11-mini": {"path": "food11-mini", "files": pictures}},
        "models": {"food11-mini-mobilenetv2": {"path": weights, "sha256": sha256[weights]}},
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(places, "ASSETS_DIR", root)
    return root


def test_without_a_name_one_gets_the_courses_pair(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small ones, and both real ones where an address is set: a model knows only images of its own kind."""
    assert assets.dataset() == checkout / "food11-mini"
    assert assets.model() == checkout / "models/food11-mini-mobilenetv2.safetensors"
    monkeypatch.setenv(URL_VARIABLE, "https://files.example.org/course/")
    assert (assets.default("dataset"), assets.default("model")) == ("food11", "food11-mobilenetv2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "0_0.jpg").unlink(), "1 files: evaluation/class_00/0_0.jpg"),
        (lambda folder: (folder / "0_1.jpg").write_bytes(b"Picture 1"), "0_1.jpg"),
        (lambda folder: (folder / "0_9.JPG").touch(), "0_9.JPG"),
        (lambda folder: shutil.rmtree(folder), "4 files: .*0_2.jpg …"),
    ],
)
def test_a_changed_data_set_is_not_handed_over(checkout: Path, change, said: str) -> None:
    """Missing, changed and additional pictures are named, with the way out."""
    change(checkout / "food11-mini/evaluation/class_00")
    with pytest.raises(AssetError, match=f"{said}.*git checkout"):
        assets.dataset()
    assert assets.model().is_file()


def test_a_checkout_without_its_manifest_says_so(checkout: Path) -> None:
    """As an installed package is, which carries no data."""
    (checkout / "manifest.json").unlink()
    with pytest.raises(AssetError, match="missing or damaged"):
        assets.dataset()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: assets.dataset("zzz"), "there are food11-mini, food11-mini-mobilenetv2, food11"),
        (lambda: assets.model("food11-mini"), r"is a dataset: ask labs.assets.dataset\('food11-mini'\)"),
        (lambda: assets.dataset("food11"), "no address is set.*comes? with the checkout"),
    ],
)
def test_a_name_that_gives_nothing_says_what_would(checkout: Path, ask, said: str) -> None:
    """Misspelt, unknown, of the other kind, and not yet to be fetched."""
    with pytest.raises(AssetError, match=said):
        ask()


@pytest.mark.parametrize(
    "setting",
    [
        *("Food-11.zip", "ftp://files.example.org/", "https://", "m5kvcl25"),
        *("https://files.example.org/#md5=" + "a" * 32, "https://files.example.org/#sha256=abc"),
    ],
)
def test_a_setting_that_is_no_address_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's name, a share page's code, a hash of another kind or cut short."""
    monkeypatch.setenv(URL_VARIABLE, setting)
    with pytest.raises(AssetError, match=URL_VARIABLE):
        address()


def test_an_address_hides_what_is_secret_and_says_where_a_file_is() -> None:
    """Password, query and hash are in no text that is shown; the query stays behind each file's address."""
    where = Address(f"https://ada:pass@files.example.org/course/?token=s3cret#sha256={'AB' * 32}")
    assert where.shown == "https://files.example.org/course/"
    assert where.of("food11.pth") == "https://ada:pass@files.example.org/course/food11.pth?token=s3cret"
    assert where.sha256 == "ab" * 32
    assert Address("https://files.example.org").of("food11.pth") == "https://files.example.org/food11.pth"


def test_pictures_of_one_drawing_are_known() -> None:
    """The evaluation split shows 182 drawings, in the order in which its pictures are read."""
    shown = assets.drawings("evaluation")
    names = [path.relative_to(path.parents[2]) for path, _ in iterate(assets.dataset("food11-mini"), "evaluation")]
    known = carried()["food11-mini"].drawings
    assert (len(shown), len(set(shown))) == (660, 182)
    assert len({(known[name.as_posix()], place) for name, place in zip(names, shown, strict=True)}) == 182
