"""Files of the checkout and fetched files: checked by their hash, made usable, kept; refusals have
a sentence.
"""

import dataclasses
import functools
import gc
import hashlib
import http.server
import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs import assets
from labs.assets import AssetError, published
from labs.assets.manifest import carried
from labs.assets.published import PUBLISHED, URL_VARIABLE, address
from labs.data.dataset import SPLITS, iterate
from labs.data.labels import NUM_CLASSES
from labs.data.models import load_mobilenet_v2
from labs.workspace import CACHE_VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache, no address, and no proxy between it and loopback."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what a test has left, while its own filters of warnings hold."""
    yield
    gc.collect()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; breaks off a given number of answers."""

    #: Answers that end after half of the file, from now on.
    broken = 0
    #: Paths that were asked for, with their queries.
    asked: tuple[str, ...] = ()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        """Answer, and note what for."""
        Handler.asked += (self.path,)
        super().do_GET()

    def copyfile(self, source, outputfile) -> None:
        """Send a file, or half of it."""
        content = source.read()
        half, Handler.broken = Handler.broken > 0, max(0, Handler.broken - 1)
        outputfile.write(content[: len(content) // 2] if half else content)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder that a server publishes, with its address set as an instructor does."""
    folder = tmp_path / "published"
    folder.mkdir()
    Handler.broken, Handler.asked = 0, ()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv(URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/?token=s3cret")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


# pooch leaves an answer that it could not use to the garbage collector.
pytestmark = [
    pytest.mark.usefixtures("collected"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

JPEG = b"\xff\xd8\xff"


def food11(leave_out: str = "none", **more: bytes) -> bytes:
    """Return a small Food-11: two splits flat, as it is published, one sorted, and files that
    systems add to archives.
    """
    more |= {"Food-11/labels.csv": b"x", "__MACOSX/training/._3_17.jpg": b"x"}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for split in SPLITS:
            for label in range(NUM_CLASSES):
                name = (
                    f"validation/class_{label:02d}/0.PNG"
                    if split == "validation"
                    else f"{split}/{label}_0.jpg"
                )
                name = f"Food-11/{name}"
                if leave_out not in name:
                    archive.writestr(name, JPEG + f"{split} {label}".encode())
        for name, data in more.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def zipped(shared: Path) -> bytes:
    """Publish a small Food-11."""
    (shared / "Food-11.zip").write_bytes(food11())
    return (shared / "Food-11.zip").read_bytes()


def pin_model(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Take a test's own file for the course's published one."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(PUBLISHED, name, dataclasses.replace(PUBLISHED[name], git_blob=blob))


def test_food11_is_fetched_once_and_sorted(zipped: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """`labs.data.dataset` reads it; a message names the trusted file with its hash, and texts leave
    out the address's token.
    """
    folder = assets.dataset("food11")
    for split in SPLITS:
        assert [label for _, label in iterate(folder, split)] == [*range(NUM_CLASSES)]
    assert (folder / "validation/class_03/0.PNG").read_bytes() == JPEG + b"validation 3"
    assert (folder / "training/10_0.jpg").read_bytes() == JPEG + b"training 10"
    assert assets.dataset("food11") == folder
    assert Handler.asked == ("/Food-11.zip?token=s3cret",)
    assert hashlib.sha256(zipped).hexdigest() in caplog.text
    assert "s3cret" not in caplog.text


def test_a_configured_hash_decides(
    zipped: bytes, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
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


@pytest.mark.parametrize(
    ("url", "message"),
    [("", "answer 404"), ("http://127.0.0.1:9/?token=s3cret", "ConnectionError")],
)
def test_a_server_that_has_nothing_or_is_gone_is_said(
    shared: Path, monkeypatch, url: str, message: str
) -> None:
    """Without the address's token."""
    if url:
        monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(AssetError, match=message) as failure:
        assets.model("food11-mobilenetv2")
    assert "s3cret" not in str(failure.value)
    del failure


@pytest.mark.parametrize("whole", [True, False], ids=["whole module", "state dict"])
def test_the_published_model_becomes_the_courses_own(
    shared: Path, monkeypatch, whole: bool
) -> None:
    """The same logits, bit for bit, from a file that can run nothing."""
    import torch
    from torchvision.models import mobilenet_v2

    model = mobilenet_v2(num_classes=NUM_CLASSES).eval()
    torch.save(model if whole else model.state_dict(), shared / "food11.pth")
    pin_model(monkeypatch, "food11-mobilenetv2", (shared / "food11.pth").read_bytes())
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(
            load_mobilenet_v2(assets.model("food11-mobilenetv2"))(image), model(image)
        )


def test_published_models_are_known_by_their_hash(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other bytes are never opened; the ONNX file is kept as it is."""
    (shared / "food11.onnx").write_bytes(b"the model")
    with pytest.raises(AssetError, match="another hash"):
        assets.model("food11-mobilenetv2-onnx")
    pin_model(monkeypatch, "food11-mobilenetv2-onnx", b"the model")
    assert assets.model("food11-mobilenetv2-onnx").read_bytes() == b"the model"


def test_a_pth_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing of it is run."""
    import numpy as np
    import torch

    for other in (np.zeros(3), {"features": torch.zeros(3)}, torch.nn.GELU()):
        torch.save(other, tmp_path / "food11.pth")
        with pytest.raises(AssetError, match="holds no MobileNetV2 with 11 classes"):
            published.converted(tmp_path / "food11.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Download</html>", "damaged or no zip.*share links"),
        (food11()[:-40], "damaged or no zip"),
        (food11("validation/"), "validation is missing"),
        (food11("training/4_"), "training split of .* has 10 of 11"),
        (food11(**{"Food-11/training/7.jpg": JPEG}), "another data set"),
    ],
    ids=["page", "cut", "split", "class", "unnamed"],
)
def test_an_archive_that_is_no_food11_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """Damaged, incomplete, or another thing."""
    (tmp_path / "Food-11.zip").write_bytes(content)
    with pytest.raises(AssetError, match=message):
        published.unpacked(tmp_path / "Food-11.zip")


#: Files of a small checkout, by their path under assets.
FILES = {
    f"food11-mini/evaluation/class_00/0_{index}.jpg": b"picture %d" % index for index in range(4)
}
MODEL = {"models/food11-mini-mobilenetv2.safetensors": b"weights"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an assets folder with a small data set, a model, and their manifest."""
    root = tmp_path / "assets"
    # A file manager's own files are not pictures, and are ignored.
    for name, content in {
        **FILES,
        **MODEL,
        "food11-mini/._0_1.jpg": b"",
        "food11-mini/notes.md": b"",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    sha256 = {
        name: hashlib.sha256(content).hexdigest() for name, content in {**FILES, **MODEL}.items()
    }
    pictures = {name.removeprefix("food11-mini/"): {"sha256": sha256[name]} for name in FILES}
    (weights,) = MODEL
    manifest = {
        "datasets": {"food11-mini": {"path": "food11-mini", "files": pictures}},
        "models": {"food11-mini-mobilenetv2": {"path": weights, "sha256": sha256[weights]}},
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr("labs.assets.manifest.ASSETS_DIR", root)
    return root


def test_without_a_name_one_gets_the_courses_pair(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small pair, and the real pair if an address is set, because a model fits only its own
    kind of images.
    """
    assert assets.dataset() == checkout / "food11-mini"
    assert assets.model() == checkout / "models/food11-mini-mobilenetv2.safetensors"
    monkeypatch.setenv(URL_VARIABLE, "https://files.example.org/course/")
    assert (assets.default("dataset"), assets.default("model")) == ("food11", "food11-mobilenetv2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "0_0.jpg").unlink(), "1 files: evaluation/class_00/0_0.jpg"),
        (lambda folder: (folder / "0_1.jpg").write_bytes(b"Picture 1"), "0_1.jpg"),
        (lambda folder: (folder / "0_9.JPG").touch(), "0_9.JPG"),
        (lambda folder: shutil.rmtree(folder), "4 files: .*0_2.jpg …"),
    ],
)
def test_a_changed_data_set_is_not_handed_over(checkout: Path, change, message: str) -> None:
    """Missing, changed and additional pictures are named, with the way out."""
    change(checkout / "food11-mini/evaluation/class_00")
    with pytest.raises(AssetError, match=f"{message}.*git checkout"):
        assets.dataset()
    assert assets.model().is_file()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda _: assets.dataset("zzz"), "there are food11, .*food11-mini-mobilenetv2"),
        (
            lambda _: assets.model("food11-mini"),
            r"is a dataset: ask labs.assets.dataset\('food11-mini'\)",
        ),
        (lambda _: assets.dataset("food11"), "no address is set.*comes? with the checkout"),
        # As an installed package is, which carries no data.
        (
            lambda checkout: ((checkout / "manifest.json").unlink(), assets.dataset()),
            "missing or damaged",
        ),
    ],
)
def test_a_name_that_gives_nothing_says_what_would(checkout: Path, ask, message: str) -> None:
    """A name that is misspelt, unknown, of the other kind, or without an address."""
    with pytest.raises(AssetError, match=message):
        ask(checkout)


@pytest.mark.parametrize(
    "setting",
    [
        "Food-11.zip",
        "ftp://files.example.org/",
        "https://",
        "m5kvcl25",
        "https://files.example.org/#md5=" + "a" * 32,
        "https://files.example.org/#sha256=abc",
    ],
)
def test_a_setting_that_is_no_address_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's name, a share page's code, a hash of another kind or cut short."""
    monkeypatch.setenv(URL_VARIABLE, setting)
    with pytest.raises(AssetError, match=URL_VARIABLE):
        address()


def test_pictures_of_one_drawing_are_known() -> None:
    """The evaluation split shows 182 drawings, in the order in which its pictures are read."""
    shown = assets.drawings("evaluation")
    names = [
        path.relative_to(path.parents[2])
        for path, _ in iterate(assets.dataset("food11-mini"), "evaluation")
    ]
    known = carried()["food11-mini"].drawings
    assert (len(shown), len(set(shown))) == (660, 182)
    assert (
        len({(known[name.as_posix()], place) for name, place in zip(names, shown, strict=True)})
        == 182
    )
