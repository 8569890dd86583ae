"""A file against the budget, from the file itself: its bytes, its hash, and the classes that it names."""

from __future__ import annotations

from pathlib import Path

from labs import assets, bench
from labs.dataset import load_split
from labs.progress import OnProgress, silent
from labs.records import Measurement
from labs.runtimes import open_model

#: Bars of the course for the shipped INT8 file: bytes, bytes aimed at, and accuracy that it may lose (0 to 1).
MOST_BYTES, AIM_BYTES, MOST_LOSS = 2_500_000, 2_000_000, 0.01


def examine(
    path: str | Path, *, option: str, input_px: int = 224, on_progress: OnProgress = silent
) -> list[Measurement]:
    """Return size and accuracy of a file as this machine finds them, whatever anybody has said about it.

    Both records carry the hash of the bytes that were looked at, and the second one the class of every picture.

    Args:
        path: The ``.onnx`` file.
        option: Name under which the records are kept.
        input_px: Side of the pictures that it takes.
        on_progress: Told how far it is.
    """
    from labs.edge.pictures import load_split_at

    root, size = assets.dataset("food11-mini"), {"size_px": input_px}
    images, labels = load_split(root, "evaluation") if input_px == 224 else load_split_at(root, "evaluation", **size)
    session = open_model(path)
    about = bench.describe(session)
    found = bench.size(path, option=option, backend=about.backend, precision=about.precision)
    name = "food11-mini/evaluation" + ("" if input_px == 224 else f" at {input_px} px")
    return [found, bench.accuracy(session, images, labels, option=option, dataset=name, on_progress=on_progress)]
