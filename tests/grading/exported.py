"""The file that *Compile the graph*'s solved cell exports, made once on each computer."""

import contextlib
import functools
import hashlib
import importlib.metadata
import io
import os
import warnings
from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.assets.manifest import sha256_of
from labs.workspace import PROJECT_DIR

#: Its name, in a workspace and in a hand-in.
NAME = "food11.onnx"

#: Ignored by git; a key in a folder's name says what the file was made from.
_CACHE = PROJECT_DIR / ".cache" / "tests"


def exporting_source() -> str:
    """Return the solved cell that exports the network."""
    (compile_source,) = [source for source in sources() if source.id == "compile"]
    cells = build(compile_source, solved=True).cells
    return next(cell.source for cell in cells if cell.metadata.get("question") == "compile.export")


def run_export(source: str, folder: Path) -> Path:
    """Run a cell that exports the network into a folder, and return the file."""
    import onnxruntime
    from numpy import zeros

    from labs import assets
    from labs.data.models import load_mobilenet_v2
    from labs.optimize.export import tidy_file

    scope = {
        "torch": pytest.importorskip("torch"),
        "ort": onnxruntime,
        "warnings": warnings,
        "assets": assets,
        "load_split": lambda *_: (zeros(1), zeros(1)),
        "load_mobilenet_v2": load_mobilenet_v2,
        "models_dir": lambda: folder,
        "tidy_file": tidy_file,
        "check": lambda *_: None,
    }
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        exec(source, scope)
    return folder / NAME


@functools.cache
def exported() -> Path:
    """Return the file, made if this computer has none of this source and this version of torch."""
    pytest.importorskip("torch")
    source = exporting_source()
    tidied_by = sha256_of(PROJECT_DIR / "labs" / "optimize" / "export.py")
    torch_version = importlib.metadata.version("torch")
    made_from = f"{source} {torch_version} {tidied_by}"
    key = hashlib.sha256(made_from.encode()).hexdigest()[:12]
    folder = _CACHE / key
    path = folder / NAME
    if not path.is_file():
        partial = _CACHE / f"{key}.{os.getpid()}"
        partial.mkdir(parents=True, exist_ok=True)
        run_export(source, partial)
        folder.mkdir(exist_ok=True)
        (partial / NAME).replace(path)
        partial.rmdir()
    return path
