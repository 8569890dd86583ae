"""Grading a class: submissions a minute on this machine, and memory."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import onnx
import pandas as pd
import psutil

from grading.classroom.batch import kept_results
from grading.classroom.roster import handed_in
from grading.grade.artefacts.pictures import Pictures
from grading.grade.grader import PUBLIC_SEED
from grading.seed import VARIABLE
from labs.runtimes.progress import OnProgress, silent
from labs.workspace import PROJECT_DIR
from tests.grading.classroom.members import make_class
from tests.grading.recorded import MODEL, written

SIZES = (50, 200)

#: What the course's owner asks for, on two cores, of the command as it comes: submissions a minute where everybody
#: hands in the same files and where nobody does, and memory of all processes together, this one included.
BARS_A_MINUTE, BAR_BYTES = {"one for all": 100, "each its own": 25}, 2 << 30


def classes(report: OnProgress = silent, *, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Return two rows for each class size: wall time on all processors, rate, memory, and a second run's time."""
    rows = []
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = [(size, files) for size in sizes for files in BARS_A_MINUTE]
    for place, (size, files) in enumerate(asked):
        report(place / len(asked), f"a class of {size}: {size} submissions are made up")
        with tempfile.TemporaryDirectory(prefix="class-") as folder:
            home = Path(folder)
            members = make_class(home / "submissions", size, only="diligent")
            if files == "each its own":
                for number, member in enumerate(members):
                    _give_a_file_of_its_own(member, number)
            for number, member in enumerate(members):
                _give_functions(member, number if files == "each its own" else 0)
            Pictures.draw("a benchmark's seed").save(home / "secret" / "pictures.npz")
            options = ["--out", home / "out", "--pictures", home / "secret" / "pictures.npz", "--workers", workers]
            command = [sys.executable, "-m", "grading", "class", home / "submissions", *options]
            surroundings = {"cwd": PROJECT_DIR, "env": {**os.environ, VARIABLE: PUBLIC_SEED}}
            report((place + 0.3) / len(asked), f"a class of {size}: graded")
            seconds = []
            with _memory() as most:
                for _ in ("graded", "again"):
                    begin_s = time.perf_counter()
                    subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, check=True, **surroundings)
                    seconds.append(time.perf_counter() - begin_s)
            results = kept_results(handed_in(home / "submissions"), home / "out")
        earned = [{row.id for row in one.rows if row.points} for one in results]
        rate = 60 * size / seconds[0]
        rows.append(
            {
                "submissions": size,
                "files": files,
                "models measured again": sum(one.endswith(".submitted") for ids in earned for one in ids),
                "functions called again": sum(one.endswith(".computed") for ids in earned for one in ids),
                "grader's faults": sum(bool(one.fault) for one in results),
                "workers": workers,
                "seconds": f"{seconds[0]:.1f}",
                "a minute": f"{rate:.0f}",
                "at least": f"{BARS_A_MINUTE[files]}: {'yes' if rate >= BARS_A_MINUTE[files] else 'no'}",
                "memory at most": f"{most[0] / 2**20:.0f} MiB",
                f"at most {BAR_BYTES >> 30} GiB": "yes" if 0 < most[0] <= BAR_BYTES else "no",
                "run again, all kept": f"{seconds[1]:.1f} s",
            }
        )
    return pd.DataFrame(rows)


def _give_functions(member: Path, number: int) -> None:
    """Let each function's cell of a member's ledger end with a line that has this number."""
    path = member / "ledger.jsonl"
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for one in entries:
        if isinstance(one.get("value"), dict) and "source" in one["value"]:
            cell, _, _ = one["value"]["source"].rpartition("\n")  # the last line is nobody else's
            one["value"]["source"] = f"{cell}\nnumber = {number}"
    path.write_text(written(entries), encoding="utf-8")


def _give_a_file_of_its_own(member: Path, number: int) -> None:
    """Change one weight of a member's model by the smallest step, and the file's hash in the ledger."""
    path, ledger = member / MODEL.name, member / "ledger.jsonl"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    model = onnx.load(path)
    weights = max(
        (one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8),
        key=lambda one: len(one.raw_data),
    )
    changed = bytearray(weights.raw_data)
    changed[number] ^= 1
    weights.raw_data = bytes(changed)
    onnx.save(model, path)
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    ledger.write_text(ledger.read_text().replace(before, after))


@contextmanager
def _memory() -> Iterator[list[int]]:
    """Yield a list whose one number is the most memory that this process and all below it held at once, in bytes."""
    most, done, here = [0], threading.Event(), psutil.Process()

    def look() -> None:
        while not done.wait(0.25):
            held = 0
            for process in (here, *here.children(recursive=True)):
                with suppress(psutil.Error):
                    held += process.memory_full_info().pss
            most[0] = max(most[0], held)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield most
    finally:
        done.set()
        watch.join()
