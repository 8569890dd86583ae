"""Grading a class: submissions a minute on this machine, and memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import onnx
import pandas as pd
import psutil

from grading.classroom.batch import grade_class
from grading.classroom.engines import processes
from grading.classroom.roster import handed_in
from grading.grade.artefacts.pictures import Pictures
from grading.grade.grader import Setup
from labs.runtimes.progress import OnProgress, silent
from tests.grading.classroom.members import make_class
from tests.grading.recorded import MODEL

SIZES = (50, 200)

#: What the course's owner asks for, on two cores: evidence checked, and one model measured again, for each; and memory
#: of all processes together, this one included.
BAR_A_MINUTE, BAR_BYTES = 200, 2 << 30


def classes(report: OnProgress = silent, *, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Return two rows for each class size: wall time on all processors, rate, memory, and a second run's time.

    Every member did everything, so every ledger is whole and every model is looked at again. In one class all hand in
    the same file, as those do who quantize alike on one kind of machine; it is measured once a worker. In the other,
    each file is one of its own. Answer cells are not run again here.

    Args:
        report: Told what is under way.
        sizes: Members of each class.
    """
    rows = []
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = [(size, alike) for size in sizes for alike in (True, False)]
    for place, (size, alike) in enumerate(asked):
        report(place / len(asked), f"a class of {size}: {size} submissions are made up")
        with tempfile.TemporaryDirectory(prefix="class-") as folder:
            home = Path(folder)
            members = make_class(home / "submissions", size, only="diligent")
            if not alike:
                # Of another class's files this process would know some already.
                for number, member in enumerate(members, start=1_000 * place):
                    _give_a_file_of_its_own(member, number)
            Pictures.draw("a benchmark's seed").save(home / "secret" / "pictures.npz")
            setup = Setup(pictures=home / "secret" / "pictures.npz", rerun=False)
            found, run = handed_in(home / "submissions"), {"part": 1, "setup": setup}
            report((place + 0.3) / len(asked), f"a class of {size}: graded")
            begin_s = time.perf_counter()
            with _memory() as most:
                results = grade_class(found, home / "out", engine=processes(workers), **run)
            graded_s = time.perf_counter() - begin_s
            begin_s = time.perf_counter()
            grade_class(found, home / "out", engine=processes(workers), **run)
            again_s = time.perf_counter() - begin_s
        measured = sum(any(r.id == "m.artefact.submitted" and r.points for r in one.rows) for one in results)
        rows.append(
            {
                "submissions": size,
                "files": "one for all" if alike else "each its own",
                "models measured again": measured,
                "grader's faults": sum(bool(one.fault) for one in results),
                "workers": workers,
                "seconds": f"{graded_s:.1f}",
                "a minute": f"{60 * size / graded_s:.0f}",
                f"at least {BAR_A_MINUTE}": "yes" if 60 * size / graded_s >= BAR_A_MINUTE else "no",
                "memory at most": f"{most[0] / 2**20:.0f} MiB",
                f"at most {BAR_BYTES >> 30} GiB": "yes" if 0 < most[0] <= BAR_BYTES else "no",
                "run again, all kept": f"{again_s:.1f} s",
            }
        )
    return pd.DataFrame(rows)


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
    """Yield a list whose one number is the most memory that this process and all below it held at once, in bytes.

    Pages that several share are counted once (PSS). Looked at four times a second: a shorter peak is missed.
    """
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
