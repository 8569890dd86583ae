"""Files are known by their bytes: on the way, in the ledger, and where one is missing."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from labs.edge import making
from labs.edge.bringing import comparison_of_hashes, fingerprints_of, measured_before
from labs.edge.making import PART_1_FILES, part_1_files
from labs.records import ModelFile


@dataclass
class Over:
    """What a device says about a file."""

    name: str
    sha256: str
    size_bytes: int


def test_hashes_from_both_sides_stand_beside_each_other(tmp_path: Path) -> None:
    """Computed from the bytes here, and as the device has said."""
    (tmp_path / "a.onnx").write_bytes(b"bytes")
    made = fingerprints_of([tmp_path / "a.onnx"])
    here = hashlib.sha256(b"bytes").hexdigest()
    assert made == {"a.onnx": {"sha256": here, "size_bytes": 5}}
    both = comparison_of_hashes(made, [Over("a.onnx", "f" * 64, 5)])
    assert both == {"a.onnx": {"here": here, "there": "f" * 64, "size_bytes": 5}}


def test_the_ledger_knows_a_file_by_its_bytes_and_not_by_its_name(make_measurement) -> None:
    """The same bytes under two options of part 1; another file of the same name; and the device's own record."""
    made = {"int8.onnx": {"sha256": "aa", "size_bytes": 1}, "new.onnx": {"sha256": "bb", "size_bytes": 1}}

    def record(option: str, sha256: str):
        return make_measurement(option=option, model=ModelFile("int8.onnx", sha256, 1))

    records = [record("int8-qdq", "aa"), record("openvino-int8", "aa"), record("old", "cc"), record("edge-int8", "aa")]
    assert measured_before(records, made) == {"int8.onnx": ["int8-qdq", "openvino-int8"], "new.onnx": []}


def test_files_that_are_there_are_taken_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made, so a machine without torch brings what a laptop has made; the pruned file is optional."""
    monkeypatch.setitem(sys.modules, "torch", None)
    names = [name for option, name in PART_1_FILES.items() if option != "edge-int8-pruned"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    assert [path.name for path in part_1_files(tmp_path).values()] == names
    (tmp_path / PART_1_FILES["edge-int8-pruned"]).write_bytes(b"pruned")
    assert set(part_1_files(tmp_path)) == set(PART_1_FILES)


def test_without_torch_the_missing_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chameleon's Jupyter has none: the message says which files to copy and where to."""

    def make(folder: Path) -> list[Path]:
        raise ImportError("No module named 'torch'", name="torch")

    monkeypatch.setattr(making, "make_part_1_files", make)
    with pytest.raises(FileNotFoundError, match=r"no torch to make them with\. Copy food11\.onnx, .*into this folder"):
        part_1_files(tmp_path)
