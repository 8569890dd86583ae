"""Cold start: time to load, time to the first prediction and peak memory, each in a fresh process.

In the notebook's own process, libraries are imported, files are cached and memory has been used by everything before.
So ``python -m labs.bench.cold`` starts anew for each sample, reads a model's path and settings from standard
input and answers with one JSON line.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from labs.bench.targets import Description, describe
from labs.bench.timing import Stopwatch, record
from labs.records import Measurement, ModelFile, Threads
from labs.runtimes.calling import caller, input_size_px
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, silent


class ColdStartError(RuntimeError):
    """A fresh process could not load the model; the message ends with what it printed."""


def cold_start(
    path: str | Path,
    *,
    option: str,
    settings: Mapping | None = None,
    samples: int = 5,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return three records: ``load_time`` and ``first_prediction`` in seconds, ``peak_memory`` in bytes.

    The file's blocks are in the system's cache after the first process, so this is a cold process, not a cold disk.

    Args:
        settings: How it is opened, as for ``labs.runtimes.open_model``.
        samples: Fresh processes to start.

    Raises:
        ColdStartError: A process failed.
    """
    watch, answers = Stopwatch(), []
    for index in range(samples):
        on_progress(index / samples, f"{option}: cold start {index + 1} of {samples}")
        answers.append(_start_once({"path": str(path), "settings": dict(settings or {})}))
    on_progress(1.0, f"{option}: {samples} cold starts")
    said = answers[-1]["about"]
    about = Description(**{**said, "model": ModelFile(**said["model"]), "threads": Threads(**said["threads"])})
    return [
        record(kind, option, [answer[kind] for answer in answers], about, watch)
        for kind in ("load_time", "first_prediction", "peak_memory")
    ]


def _start_once(wanted: dict) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "labs.bench.cold"],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip()[-1500:]
        raise ColdStartError(f"a fresh process could not open {wanted['path']}:\n{said}")
    return json.loads(done.stdout.splitlines()[-1])


def _peak_memory_bytes() -> int:
    """Return the peak resident memory of this process.

    On Linux ``getrusage`` reports the parent's peak to a young child (the figure survives exec), so the kernel's own
    high-water mark of this address space is read instead.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


def _main() -> None:
    # The runtime is imported by opening, so importing it counts as loading.
    wanted = json.load(sys.stdin)
    begin_s = time.perf_counter()
    target = open_model(wanted["path"], settings=wanted["settings"])
    loaded_s = time.perf_counter()
    side_px = input_size_px(target)
    caller(target)(np.zeros((1, 3, side_px, side_px), np.float32))
    predicted_s = time.perf_counter()
    peak = _peak_memory_bytes()  # before describe(), which opens a second session
    answer = {
        "load_time": loaded_s - begin_s,
        "first_prediction": predicted_s - loaded_s,
        "peak_memory": peak,
        "about": asdict(describe(target, model_path=wanted["path"])),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    _main()
