"""What is fetched from a server on loopback: checked by its hash, made usable, kept; and refused in words."""

import dataclasses
import hashlib
import io
import os
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models import mobilenet_v2

from labs import assets
from labs.assets import AssetError, fetched
from labs.assets.places import URL_VARIABLE
from labs.data.dataset import SPLITS, iterate
from labs.data.labels import NUM_CLASSES
from labs.data.models import load_mobilenet_v2
from tests.labs.assets.conftest import Handler

# pooch leaves an answer that it could not use to the garbage collector.
pytestmark = [pytest.mark.usefixtures("collected"), pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

JPEG = b"\xff\xd8\xff"


def food11(leave_out: str = "none", **more: bytes) -> bytes:
    """Return a small Food-11: two splits flat, as it is published, one sorted; and what systems add to archives."""
    more |= {"Food-11/labels.csv": b"x", "__MACOSX/training/._3_17.jpg": b"x"}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for split in SPLITS:
            for label in range(NUM_CLASSES):
                name = (
                    f"Food-11/Validation/class_{label:02d}/0.PNG" if split == "validation" else f"{split}/{label}_0.jpg"
                )
                if leave_out not in name:
                    archive.writestr(name, JPEG + f"{split} {label}".encode())
        for name, data in more.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def zipped(published: Path) -> bytes:
    """Publish a small Food-11."""
    (published / "Food-11.zip").write_bytes(food11())
    return (published / "Food-11.zip").read_bytes()


def pin_model(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Take a test's own file for the course's published one."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(fetched.PUBLISHED, name, dataclasses.replace(fetched.PUBLISHED[name], git_blob=blob))


def test_food11_is_fetched_once_and_sorted(zipped: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """`labs.data.dataset` reads it; what was trusted is said with its hash, and no text holds the address's token."""
    folder = assets.dataset("food11")
    for split in SPLITS:
        assert [label for _, label in iterate(folder, split)] == [*range(NUM_CLASSES)]
    assert (folder / "validation/class_03/0.PNG").read_bytes() == JPEG + b"validation 3"
    assert (folder / "training/class_10/10_0.jpg").read_bytes() == JPEG + b"training 10"
    assert assets.dataset("food11") == folder
    assert Handler.asked == ("/Food-11.zip?token=s3cret",)
    assert hashlib.sha256(zipped).hexdigest() in caplog.text
    assert "s3cret" not in caplog.text


def test_a_configured_hash_decides(zipped: bytes, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Another file is refused and not kept; the right one is taken in silence."""
    right, url = hashlib.sha256(zipped).hexdigest(), os.environ[URL_VARIABLE]
    monkeypatch.setenv(URL_VARIABLE, f"{url}#sha256={'0' * 64}")
    with pytest.raises(AssetError, match="another hash"):
        assets.dataset("food11")
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    monkeypatch.setenv(URL_VARIABLE, f"{url}#sha256={right}")
    assert assets.dataset("food11").is_dir()


def test_a_broken_download_begins_again(zipped: bytes) -> None:
    """The first attempt says so in words, the second is whole, and nothing of the first is used."""
    Handler.broken = 1
    with pytest.raises(AssetError, match="could not be brought") as failure:
        assets.dataset("food11")
    assert "s3cret" not in str(failure.value)
    del failure
    assert assets.dataset("food11").is_dir()


@pytest.mark.parametrize(("url", "said"), [("", "answer 404"), ("http://127.0.0.1:9/?token=s3cret", "ConnectionError")])
def test_a_server_that_has_nothing_or_is_gone_is_said(published: Path, monkeypatch, url: str, said: str) -> None:
    """Without the address's token."""
    if url:
        monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(AssetError, match=said) as failure:
        assets.model("food11-mobilenetv2")
    assert "s3cret" not in str(failure.value)
    del failure


@pytest.mark.parametrize("whole", [True, False], ids=["whole module", "state dict"])
def test_the_published_model_becomes_the_courses_own(published: Path, monkeypatch, whole: bool) -> None:
    """The same logits, bit for bit, from a file that can run nothing."""
    model = mobilenet_v2(num_classes=NUM_CLASSES).eval()
    torch.save(model if whole else model.state_dict(), published / "food11.pth")
    pin_model(monkeypatch, "food11-mobilenetv2", (published / "food11.pth").read_bytes())
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(load_mobilenet_v2(assets.model("food11-mobilenetv2"))(image), model(image))


def test_published_models_are_known_by_their_hash(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes are never opened; the ONNX file is kept as it is."""
    (published / "food11.onnx").write_bytes(b"the model")
    with pytest.raises(AssetError, match="another hash"):
        assets.model("food11-mobilenetv2-onnx")
    pin_model(monkeypatch, "food11-mobilenetv2-onnx", b"the model")
    assert assets.model("food11-mobilenetv2-onnx").read_bytes() == b"the model"


@pytest.mark.parametrize("thing", [np.zeros(3), {"features": torch.zeros(3)}, torch.nn.GELU()], ids=type)
def test_a_pth_that_holds_something_else_is_refused(tmp_path: Path, thing: object) -> None:
    """Nothing of it is run."""
    torch.save(thing, tmp_path / "food11.pth")
    with pytest.raises(AssetError, match="holds no MobileNetV2 with 11 classes"):
        fetched.convert_weights(tmp_path / "food11.pth", tmp_path / "made")


@given(st.text(alphabet="training/evaluation_0123456789.jpg\\:\0 ~", max_size=60))
def test_no_path_leads_out_of_the_folder(name: str) -> None:
    """Whatever an archive calls its files, each lands in a class of a split, or is refused."""
    try:
        place = fetched.place_of(PurePosixPath(name))
    except AssetError:
        return
    assert place is None or (len(place.parts) == 3 and place.parts[0] in SPLITS and ".." not in place.parts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>Download</html>", "damaged or no zip.*share links"),
        (food11()[:-40], "damaged or no zip"),
        (food11("Validation/"), "validation split of .* has 0 of 11"),
        (food11("training/4_"), "training split of .* has 10 of 11"),
        (food11(**{"training/7.jpg": JPEG}), "another data set"),
        (food11(**{"test/1_7.jpg": JPEG}), "another data set"),
    ],
    ids="page cut split class unnamed folder".split(),
)
def test_an_archive_that_is_no_food11_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """Damaged, incomplete, or another thing."""
    (tmp_path / "Food-11.zip").write_bytes(content)
    with pytest.raises(AssetError, match=said):
        fetched.unpack_pictures(tmp_path / "Food-11.zip", tmp_path / "made")
