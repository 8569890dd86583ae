"""Cold start: time to load, time to the first prediction and peak memory, each in a fresh process.

In the notebook's own process, libraries are imported, files are cached and memory has been used by everything before.
So ``python -m labs.bench.cold`` starts anew for each sample, reads a backend's description from standard input and
answers with one JSON line.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from labs.backends import BackendInfo, BackendSpec
from labs.bench.recording import Stopwatch, record
from labs.preprocess import INPUT_SIZE_PX
from labs.progress import OnProgress, silent
from labs.records import Measurement


class ColdStartError(RuntimeError):
    """A fresh process could not load the model; the message ends with what it printed."""


def cold_start(
    spec: BackendSpec, *, option: str, samples: int = 5, on_progress: OnProgress = silent
) -> list[Measurement]:
    """Return three records: ``load_time`` and ``first_prediction`` in seconds, ``peak_memory`` in bytes.

    The file's blocks are in the system's cache after the first process, so this is a cold process, not a cold disk.

    Args:
        spec: Backend to start.
        option: Name under which the records are kept.
        samples: Fresh processes to start.
        on_progress: Told how far it is; may raise ``Cancelled``.

    Raises:
        ColdStartError: A process failed.
    """
    watch, answers = Stopwatch(), []
    for index in range(samples):
        on_progress(index / samples, f"{option}: cold start {index + 1} of {samples}")
        answers.append(_start_once(spec))
    on_progress(1.0, f"{option}: {samples} cold starts")
    backend = _Described(spec, answers[-1]["info"])
    return [
        record(kind, option, [answer[kind] for answer in answers], backend, watch)
        for kind in ("load_time", "first_prediction", "peak_memory")
    ]


def _start_once(spec: BackendSpec) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "labs.bench.cold"],
        input=json.dumps(spec.to_json()),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise ColdStartError(f"a fresh process could not run {spec.kind}:\n{done.stderr.strip()[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


class _Described:
    """What ``record`` asks of a backend, answered from what the other process said."""

    def __init__(self, spec: BackendSpec, info: dict) -> None:
        self.model_path = spec.model_path
        self._info = BackendInfo.from_json(info)

    def describe(self) -> BackendInfo:
        return self._info


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
    # Everything heavy is imported by build() and load(), so importing the runtime counts as loading.
    begin_s = time.perf_counter()
    backend = BackendSpec.from_json(json.load(sys.stdin)).build()
    backend.load()
    loaded_s = time.perf_counter()
    side_px = getattr(backend, "input_size_px", INPUT_SIZE_PX)
    backend.predict(np.zeros((1, 3, side_px, side_px), np.float32))
    predicted_s = time.perf_counter()
    peak = _peak_memory_bytes()  # before describe(), which opens a second session
    answer = {
        "load_time": loaded_s - begin_s,
        "first_prediction": predicted_s - loaded_s,
        "peak_memory": peak,
        "info": backend.describe().to_json(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    _main()
