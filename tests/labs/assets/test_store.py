"""From a name to a usable file over a real server: once, by one process, and never from a file that is not right."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torchvision.models import mobilenet_v2

import labs.assets
from labs.assets import AssetError, IntegrityError, NotConfiguredError, SpaceError, UnsafeFileError, catalog, store
from labs.assets.archives import Limits
from labs.assets.fetch import Policy
from labs.dataset import iterate
from labs.models import load_mobilenet_v2

FOOD11 = catalog.REMOTE["food11"]
QUICK = Policy(first_wait_s=0.0, max_wait_s=0.0, reserve_bytes=0)


def git_blob(content: bytes) -> str:
    """Return the id that git gives to this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def publish(server, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a file on the server and configures its address."""

    def put(name: str, content: bytes, *, pinned: bool = True) -> None:
        remote = catalog.REMOTE[name]
        server.files[f"/{name}"] = content
        variable = name.upper().replace("-", "_")
        monkeypatch.setenv(f"SERVING_LABS_URL_{variable}", server.url(f"/{name}"))
        if pinned:
            monkeypatch.setenv(f"SERVING_LABS_SHA256_{variable}", hashlib.sha256(content).hexdigest())
        if remote.git_blob:  # the published files are not here; stand-ins have ids of their own
            monkeypatch.setitem(catalog.REMOTE, name, dataclasses.replace(remote, git_blob=git_blob(content)))

    return put


def cached(cache: Path) -> list[str]:
    """Return what lies in the cache besides locks and memories of checks."""
    folders = [cache / "downloads", cache / "assets"]
    return sorted(
        path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.suffix != ".lock"
    )


def test_the_data_set_is_fetched_once(server, publish, food11_zip, cache: Path) -> None:
    """The first call fetches and unpacks; the second asks nobody, not even for an address."""
    publish("food11", food11_zip())
    steps: list[int] = []
    root = labs.assets.dataset("food11", lambda done, total: steps.append(done))
    assert [label for _, label in iterate(root, "evaluation")] == list(range(11))
    assert root.is_relative_to(cache)
    assert steps
    server.files.clear()
    os.environ.pop("SERVING_LABS_URL_FOOD11")
    assert labs.assets.dataset("food11") == root
    assert len(server.seen) == 1
    assert cached(cache) == ["food11"]


def test_the_published_model_becomes_safetensors(server, publish, tmp_path: Path, cache: Path) -> None:
    """The pickled file does not stay, and a truncated first answer does not show in the result."""
    torch.manual_seed(0)
    torch.save(mobilenet_v2(num_classes=11), tmp_path / "food11.pth")
    publish("food11-mobilenetv2", (tmp_path / "food11.pth").read_bytes(), pinned=False)
    server.faults = [("drop", 1_000_000)]
    path = labs.assets.model("food11-mobilenetv2")
    assert path.name == "food11-mobilenetv2.safetensors"
    model = load_mobilenet_v2(path)
    torch.manual_seed(0)
    assert torch.equal(model.classifier[1].weight, mobilenet_v2(num_classes=11).classifier[1].weight)
    assert cached(cache) == ["food11-mobilenetv2"]
    assert server.ranges[1] is not None


def test_the_published_onnx_is_checked_and_handed_over(publish, cache: Path) -> None:
    """A valid model passes unchanged."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    publish("food11-mobilenetv2-onnx", model.SerializeToString())
    path = labs.assets.model("food11-mobilenetv2-onnx")
    assert onnx.load(path) == model
    assert cached(cache) == ["food11-mobilenetv2-onnx"]


def test_the_real_files_are_pinned_by_their_git_ids(server, publish, cache: Path) -> None:
    """Another file under the published name is refused before anything opens it, and without any setting."""
    expected = catalog.REMOTE["food11-mobilenetv2"]
    publish("food11-mobilenetv2", b"something else", pinned=False)
    catalog.REMOTE["food11-mobilenetv2"] = expected
    with pytest.raises(IntegrityError, match="b550214474f469ca65c2eb6c30f383ef4e7e8c7a"):
        labs.assets.model("food11-mobilenetv2")
    assert cached(cache) == []


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("food11", b"PK\x03\x04 no zip", IntegrityError),
        ("food11-mobilenetv2", b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", UnsafeFileError),
        ("food11-mobilenetv2-onnx", b"no model", IntegrityError),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing(publish, cache: Path, name, content, error) -> None:
    """Even when its hash is the configured one; the next try starts clean."""
    publish(name, content)
    with pytest.raises(error):
        store.obtain(catalog.REMOTE[name], policy=QUICK)
    assert cached(cache) == []


def test_a_disk_that_is_full_while_unpacking_keeps_the_download(
    server, publish, food11_zip, cache, monkeypatch
) -> None:
    """With room made, the next call unpacks what was fetched before."""
    publish("food11", food11_zip())
    with monkeypatch.context() as patch:
        patch.setattr("labs.assets.food11.Limits", lambda: Limits(reserve_bytes=1 << 60))
        with pytest.raises(SpaceError):
            labs.assets.dataset("food11")
    assert cached(cache) == ["Food-11.archive"]
    labs.assets.dataset("food11")
    assert len(server.seen) == 1
    assert cached(cache) == ["food11"]


def test_trust_at_first_fetch_is_said_and_recorded(publish, food11_zip, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the hash and the variable that pins it; the receipt tells pinned from trusted."""
    content = food11_zip()
    publish("food11", content, pinned=False)
    with caplog.at_level(logging.WARNING):
        labs.assets.dataset("food11")
    sha256 = hashlib.sha256(content).hexdigest()
    assert sha256 in caplog.text
    assert "SERVING_LABS_SHA256_FOOD11" in caplog.text
    receipt = store.receipt_of(FOOD11)
    assert (receipt.sha256, receipt.pinned) == (sha256, False)
    assert receipt.size_bytes == len(content)


def test_another_configured_hash_fetches_again(server, publish, food11_zip) -> None:
    """A new edition is configured by its hash, and replaces the old one."""
    publish("food11", food11_zip())
    first = sorted(path.read_bytes() for path, _ in iterate(labs.assets.dataset("food11"), "training"))
    publish("food11", food11_zip())
    second = sorted(path.read_bytes() for path, _ in iterate(labs.assets.dataset("food11"), "training"))
    assert first != second
    assert len(server.seen) == 2


def test_a_failing_new_edition_leaves_the_old_one(server, publish, food11_zip) -> None:
    """What works is replaced only by something that works."""
    publish("food11", food11_zip())
    labs.assets.dataset("food11")
    before = store.receipt_of(FOOD11)
    server.files["/food11"] = b"broken"
    with pytest.raises(IntegrityError):
        store.obtain(FOOD11, policy=QUICK, anew=True)
    assert store.receipt_of(FOOD11) == before
    assert store.installed(FOOD11, thorough=True)


def test_a_changed_picture_in_the_cache_is_found_and_repaired(publish, food11_zip) -> None:
    """The error names the command that fetches again, and that works."""
    publish("food11", food11_zip())
    root = labs.assets.dataset("food11")
    next(iter(iterate(root, "training")))[0].write_bytes(b"changed")
    with pytest.raises(IntegrityError, match="assets fetch food11 --anew"):
        labs.assets.dataset("food11")
    store.obtain(FOOD11, policy=QUICK, anew=True)
    assert catalog.verify("food11") == root


def test_a_damaged_receipt_means_fetching_again(server, publish, food11_zip, cache: Path) -> None:
    """Without it nobody knows what the files should be."""
    publish("food11", food11_zip())
    labs.assets.dataset("food11")
    (cache / "assets/food11/receipt.json").write_text(json.dumps({"sha256": 5}))
    labs.assets.dataset("food11")
    assert len(server.seen) == 2


def test_leftovers_of_a_killed_process_do_not_matter(publish, food11_zip, cache: Path) -> None:
    """Half-made folders are cleared away."""
    for name in (".food11.new", ".food11.old"):
        (cache / "assets" / name / "content").mkdir(parents=True)
        (cache / "assets" / name / "content" / "stray.jpg").write_bytes(b"")
    publish("food11", food11_zip())
    labs.assets.dataset("food11")
    assert cached(cache) == ["food11"]


def test_no_address_tells_how_to_set_one(tmp_path: Path) -> None:
    """Variable, file, section and what works without internet are all in the message."""
    with pytest.raises(NotConfiguredError) as failure:
        labs.assets.dataset("food11")
    for word in ("SERVING_LABS_URL_FOOD11", str(tmp_path / "assets.toml"), "[food11]", "food11-mini"):
        assert word in str(failure.value)


def test_two_processes_fetch_once(server, publish, food11_zip, tmp_path: Path) -> None:
    """While one process is in the middle of the body, the other waits for it and uses what it made."""
    publish("food11", food11_zip(20_000))
    server.faults = [("stall", 400_000)]
    code = "import logging, labs.assets; logging.basicConfig(level='INFO'); print(labs.assets.dataset('food11'))"
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    processes = []
    for log in logs:
        with log.open("w") as stderr:
            command = [sys.executable, "-c", code]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True))
    while not any("waiting for it" in log.read_text() for log in logs):  # pytest's time limit ends this if need be
        assert all(process.poll() is None for process in processes), [log.read_text() for log in logs]
        time.sleep(0.02)
    server.released.set()
    roots = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert roots[0] == roots[1]
    assert [asked is None for asked in server.ranges] == [True, False]  # the start, and the rest after the break


def test_every_error_is_an_asset_error() -> None:
    """A notebook can catch all of them by one name."""
    assert issubclass(AssetError, RuntimeError)
    assert all(
        issubclass(kind, AssetError) for kind in (IntegrityError, NotConfiguredError, SpaceError, UnsafeFileError)
    )
