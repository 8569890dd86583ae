"""Facts about a measuring script that was written for a machine with little more than Python and ONNX Runtime."""

from __future__ import annotations

import json
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


def measuring_script(path: Path) -> dict:
    """Return how ``python measure.py MODEL THREADS CALLS`` ends here, with a tiny model, and what it prints last.

    Args:
        path: The script.

    Raises:
        NotImplementedError: The line that is to be replaced is still in it.
    """
    source = Path(path).read_text(encoding="utf-8")
    if "raise NotImplementedError" in source:
        raise NotImplementedError
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.onnx"
        onnx.save(_tiny(), model)
        command = [sys.executable, str(Path(path).resolve()), str(model), "1", str(CALLS)]
        begin_s = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)
        wall_s = time.perf_counter() - begin_s
    facts = {
        "ended": done.returncode,
        "said": (done.stderr.strip().splitlines() or [""])[-1][:200],
        "printed": (done.stdout.strip().splitlines() or ["nothing"])[-1][:80],
        "is_json": False,
        "samples": 0,
        "moments": False,
        "in_seconds": False,
        "threads": "intra_op_num_threads" in source,
    }
    try:
        samples_s = [float(one) for one in json.loads(done.stdout.strip().splitlines()[-1])["samples_s"]]
    except (ValueError, KeyError, IndexError, TypeError):
        return facts
    return facts | {
        "is_json": True,
        "samples": len(samples_s),
        "moments": len(samples_s) > 2 and all(one < after for one, after in pairwise(samples_s)),
        "in_seconds": 0 < sum(samples_s) < wall_s,
    }


def _tiny() -> onnx.ModelProto:
    """Return a model of one convolution that takes the course's images."""
    weights = numpy_helper.from_array(np.full((8, 3, 3, 3), 0.1, np.float32), "w")
    ends = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    made = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Conv", ["image", "w"], ["logits"])], "tiny", ends, made, [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
