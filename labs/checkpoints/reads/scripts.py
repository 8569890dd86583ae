"""Facts about a measuring script that was written for a machine with little more than Python and ONNX Runtime."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Calls that a script is asked for; it makes 20 more before it begins to count.
CALLS = 30

#: Convolutions of a model whose time is held against that of a model with one.
_MANY = 12


def measuring_script(path: Path, calls: int = CALLS) -> dict:
    """Return how ``python measure.py MODEL THREADS CALLS`` ends here, with tiny models, and what it prints last.

    Args:
        path: The script.
        calls: Calls that it is asked for.

    Raises:
        NotImplementedError: The line that is to be replaced is still in it.
    """
    source = Path(path).read_text(encoding="utf-8")
    if "raise NotImplementedError" in source:
        raise NotImplementedError
    done, samples_s, wall_s = _ran(path, 1, calls)
    facts = {
        "ended": done.returncode,
        "said": (done.stderr.strip().splitlines() or [""])[-1][:200],
        "printed": (done.stdout.strip().splitlines() or ["nothing"])[-1][:80],
        "is_json": samples_s is not None,
        "asked": calls,
        "samples": len(samples_s or ()),
        "moments": False,
        "in_seconds": False,
        "times": 0.0,
        "threads": "intra_op_num_threads" in source,
    }
    if not samples_s:
        return facts
    _, longer_s, _ = _ran(path, _MANY, calls)
    times = float(np.median(longer_s) / np.median(samples_s)) if longer_s and np.median(samples_s) > 0 else 0.0
    return facts | {
        "moments": len(samples_s) > 2 and all(one < after for one, after in pairwise(samples_s)),
        "in_seconds": 0 < sum(samples_s) < wall_s,
        "times": times if math.isfinite(times) else 0.0,
    }


def _ran(path: Path, layers: int, calls: int) -> tuple[subprocess.CompletedProcess[str], list[float] | None, float]:
    """Run a script with a model of some layers; return how it ended, its samples (None for none), and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.onnx"
        onnx.save(_model(layers), model)
        command = [sys.executable, str(Path(path).resolve()), str(model), "1", str(calls)]
        begin_s = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)
        wall_s = time.perf_counter() - begin_s
    try:
        return done, [float(one) for one in json.loads(done.stdout.strip().splitlines()[-1])["samples_s"]], wall_s
    except (ValueError, KeyError, IndexError, TypeError):
        return done, None, wall_s


def _model(layers: int) -> onnx.ModelProto:
    """Return a model of some convolutions, one behind the other, that takes the course's images."""
    weights = [
        numpy_helper.from_array(np.full((8, 3 if place == 0 else 8, 3, 3), 0.1, np.float32), f"w{place}")
        for place in range(layers)
    ]
    names = ["image", *(f"x{place}" for place in range(1, layers)), "logits"]
    nodes = [helper.make_node("Conv", [names[at], f"w{at}"], [names[at + 1]]) for at in range(layers)]
    ends = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    made = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "tiny", ends, made, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
