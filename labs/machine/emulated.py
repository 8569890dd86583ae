"""Another processor, imitated by QEMU: this computer's own Python and one ONNX file, with the instructions of a machine
that is not here. It computes what that machine would compute. How long it takes says nothing about that machine, so no
time of it enters the ledger.

``qemu-x86_64`` runs one program, needs no root and no second operating system: Debian's package ``qemu-user``.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from labs.progress import OnProgress, silent

#: QEMU's name of the processor of `compute_liqid` and `compute_gigaio`, an EPYC 7763: AVX2, and no VNNI.
EPYC_7763 = "EPYC-Milan"

#: What runs there: as little as possible, since every import is imitated too.
_SCRIPT = """
import sys
import numpy as np
import onnxruntime as ort
path, images_path, logits_path = sys.argv[1:]
session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
images, logits = np.load(images_path), []
for image in images:
    logits += [session.run(None, {session.get_inputs()[0].name: image[None]})[0]]
    print(len(logits), flush=True)
np.save(logits_path, np.concatenate(logits))
"""


def emulator() -> str | None:
    """Return QEMU's program for x86-64, or None where there is none or this Python is made for another processor."""
    if platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux":
        return None
    return shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")


def logits_on(
    cpu: str, path: str | Path, images: np.ndarray, *, timeout_s: float = 300, on_progress: OnProgress = silent
) -> np.ndarray:
    """Return the logits that a file gives on another processor; about a second an image.

    Args:
        cpu: QEMU's name of the processor; ``qemu-x86_64 -cpu help`` lists them.
        path: The ``.onnx`` file.
        images: float32 (N, 3, H, W).
        timeout_s: Seconds after which it is ended.
        on_progress: Told after each image; may raise ``Cancelled``.

    Raises:
        RuntimeError: There is no QEMU, or the run ended badly; the message ends with what it printed.
    """
    if (qemu := emulator()) is None:
        raise RuntimeError("there is no qemu-x86_64 here: 'apt install qemu-user' on x86-64 Debian or Ubuntu")
    with tempfile.TemporaryDirectory() as folder:
        given, made, said = (Path(folder) / name for name in ("images.npy", "logits.npy", "errors.txt"))
        np.save(given, images)
        command = ["timeout", str(timeout_s), qemu, "-cpu", cpu, sys.executable, "-c", _SCRIPT, path, given, made]
        with said.open("w") as errors:
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            for line in process.stdout:
                on_progress(int(line) / len(images), f"{Path(path).name} as {cpu}: {int(line)} of {len(images)} images")
            process.wait()
        finally:
            process.kill()
            process.stdout.close()
        if not made.is_file():
            raise RuntimeError(f"the emulated run ended with {process.returncode}: {said.read_text()[-2000:]}")
        return np.load(made)


def recorded_on_epyc_7763() -> dict:
    """Return what the course's files did on this processor when they were run through QEMU, from ``assets/reference``.

    ``images`` of the evaluation split, every third; for each file of ``formats`` the decibels of its logits against the
    float model's and a 1 or 0 for each image that was right, with VNNI and on the emulated EPYC 7763.
    """
    # Here, since whoever asks what a machine can do, a grader too, needs no catalogue of models and data sets.
    from labs.assets.places import ASSETS_DIR

    return json.loads((ASSETS_DIR / "reference" / "epyc-7763-emulated.json").read_text(encoding="utf-8"))
