# ---
# jupyter:
#   lesson:
#     id: executorch
#     title: ExecuTorch and XNNPACK
#     summary: the same network without ONNX, quantized after export, and two runtimes in one process
#     part: 2
#     kind: deeper
#     where: [laptop]
#     needs: [files]
#     ports: []
#     uses: [ExecuTorch]
#     takes: {compile: [models/food11.onnx], quantize: [models/int8-static-u8s8.onnx]}
# ---

# %% [markdown]
# # ExecuTorch and XNNPACK
#
# **Prerequisites:** *Quantize*. **Runs on:** your laptop; the cells install everything
# else.
#
# [Arm's course on
# ExecuTorch](https://learn.arm.com/courses/executorch-on-arm/optimize-image-classification/evaluate-int8-mobilenetv2/bring-the-runtime-paths-into-one-view/)
# reports {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{ xnnpack_int8_pi.p50_ms }} ms
# in INT8 for a MobileNetV2 on a Raspberry Pi 5, without ONNX Runtime. The file was a
# `.pte`, PyTorch's format for small machines. **ExecuTorch** is the runtime that executes
# it. **XNNPACK**, a library of kernels that many phones use, does the computation. **Is
# another runtime worth another toolchain?**

# %%
import json

import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.edge.files import part_1_files
from labs.machine import capability_text
from labs.records.ledger import ledger
from labs.runtimes import providers
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir

gate = {capability.name: capability for capability in for_lesson("executorch")}
print(capability_text(gate.values()))
folder = programs_dir() / "executorch"
folder.mkdir(exist_ok=True)
files = part_1_files(models_dir())
quiet = {"PYTHONWARNINGS": "ignore"}


def install(report):
    return providers.install("executorch", report)


executorch = None
if gate["ExecuTorch"].available:
    executorch = run_with_progress(install, "ExecuTorch")

# %% [markdown]
# ## Predict
#
# Measure one photo on *this* machine. By what factor will ExecuTorch answer faster in
# INT8 than in float32? And by what factor will its INT8 file be faster than ONNX
# Runtime's U8S8 file?

# %%
predict("executorch.faster", int8=..., against=...)

# %% [markdown]
# ## Export, partition, write
#
# Three steps lead from PyTorch to a file. `torch.export.export` captures the graph. A
# *partitioner* marks the operators that XNNPACK can compute; each marked part becomes one
# call of the *delegate*, with its weights inside. Then the result is written as bytes.
# The script runs in its own environment, because ExecuTorch pins the versions of its
# tools.

# %%
# %%writefile {folder}/to_fp32.py
import sys
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.devtools.backend_debug import get_delegation_info
from executorch.exir import to_edge_transform_and_lower

from labs import assets
from labs.data.models import load_mobilenet_v2

net = load_mobilenet_v2(assets.model()).eval()
example = (torch.zeros(1, 3, 224, 224),)

exported = torch.export.export(net, example)
edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
print(get_delegation_info(edge.exported_program().graph_module).get_summary())
Path(sys.argv[1]).write_bytes(edge.to_executorch().buffer)

# %%
fp32_path = models_dir() / "food11-fp32.pte"
int8_path = models_dir() / "food11-int8.pte"
if executorch:
    executorch.run(folder / "to_fp32.py", fp32_path, variables=quiet)
    megabytes = fp32_path.stat().st_size / 1e6
    print(f"{fp32_path.name}: {megabytes:.2f} MB")

# %% [markdown]
# All operators are in one subgraph: none runs in ExecuTorch's portable kernels, which are
# correct but slow.
#
# ## INT8: your script
#
# PT2E ("PyTorch 2 export") quantizes the exported graph. A *quantizer* knows which
# operators its backend can compute in integers, and marks them in the graph.
# `prepare_pt2e` inserts observers, you run some photos through it, and `convert_pt2e`
# writes scales and zero points:
#
# | step | call |
# |---|---|
# | quantizer | `XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))` |
# | observers in | `prepared = prepare_pt2e(exported.module(), quantizer)` |
# | calibrate | `prepared(image)` for *training* images of shape (1, 3, 224, 224), in `torch.inference_mode()` |
# | integers out | `converted = convert_pt2e(prepared)` |
#
# `converted` is then exported, lowered and written to `sys.argv[1]` like any module.
# Write the missing lines.

# %% question="executorch.int8"
# %%writefile {folder}/to_int8.py
import sys
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from labs import assets
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2

net = load_mobilenet_v2(assets.model()).eval()
example = (torch.zeros(1, 3, 224, 224),)
images, _ = load_split(assets.dataset(), "training", limit=64)
exported = torch.export.export(net, example)
### BEGIN SOLUTION
config = get_symmetric_quantization_config(is_per_channel=True)
quantizer = XNNPACKQuantizer().set_global(config)
prepared = prepare_pt2e(exported.module(), quantizer)
with torch.inference_mode():
    for image in torch.from_numpy(images).split(1):
        prepared(image)
converted = convert_pt2e(prepared)
exported = torch.export.export(converted, example)
edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
Path(sys.argv[1]).write_bytes(edge.to_executorch().buffer)
### END SOLUTION

# %%
if executorch:
    executorch.run(folder / "to_int8.py", int8_path, variables=quiet)
check("executorch.int8", int8_path)

# %% [markdown]
# The check loaded the file in ExecuTorch's runtime and asked it for the classes of 44
# validation photos.
#
# ## Two runtimes in one process
#
# `Runtime` loads the file, `load_method` allocates its memory once, and `execute` runs
# it. There is no batch axis: the file was exported for one photo. ONNX Runtime gets the
# same number of threads as XNNPACK, and all four files take turns.

# %%
# %%writefile {folder}/race.py
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from executorch.runtime import Runtime

from labs import assets, bench
from labs.data.dataset import load_split
from labs.machine.fingerprint import physical_core_count
from labs.records.ledger import ledger

images, labels = load_split(assets.dataset(), "evaluation")


def xnnpack(path):
    """Return a function that answers a batch with a `.pte` file, photo by photo."""
    method = Runtime.get().load_program(path).load_method("forward")

    def run(batch):
        logits = []
        for image in batch:
            (output,) = method.execute([torch.from_numpy(image[np.newaxis])])
            logits.append(output.numpy())
        return np.concatenate(logits)

    return run


def onnx_runtime(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = physical_core_count()
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


computed = {"backend": "executorch", "provider": "XnnpackBackend"}
targets = {}
for option, path in json.loads(Path(sys.argv[1]).read_text()).items():
    if path.endswith(".pte"):
        run = xnnpack(path)
        _, precision = option.split("-")
        bench.describe(run, model_path=path, precision=precision, **computed)
        ledger().append(bench.accuracy(run, images, labels, option=option))
        targets[option] = run
    else:
        targets[option] = onnx_runtime(path)
for record in bench.compare(targets, images[:1], rounds=20):
    ledger().append(record)

# %%
paths = {
    "ort-fp32": files["edge-fp32"],
    "ort-int8": files["edge-int8-u8s8"],
    "xnnpack-fp32": fp32_path,
    "xnnpack-int8": int8_path,
}
if executorch:
    guesses = predicted("executorch.faster")
    names = {option: str(path) for option, path in paths.items()}
    (folder / "race.json").write_text(json.dumps(names))
    executorch.run(folder / "race.py", folder / "race.json", variables=quiet)
    race = ledger().comparison(*paths)
    table = race.table("xnnpack-fp32")
    table["you predicted"] = pd.Series({"xnnpack-int8": guesses["int8"]})
    sizes_bytes = [path.stat().st_size for path in paths.values()]
    table["MB"] = np.array(sizes_bytes) / 1e6
    against = race.table("ort-int8").loc[["xnnpack-int8"]]
    display(table.round(2), against.round(2), guesses["against"])
else:
    print("Not run here: there is no ExecuTorch for this machine.")

# %% [markdown]
# ## The same answers?
#
# Two files with the same accuracy may be right about different photos. Customers do not
# notice accuracy: they notice photos that *changed* their class.


# %% question="executorch.changed"
def changed(before, after, labels):
    """Return (changed, lost): the number of photos whose class differs from before, and
    the number that were right before and are wrong after.

    All three arguments are lists of classes, photo by photo.
    Example: ([1, 2], [1, 3], [1, 2]) gives (1, 1).
    """
    ### BEGIN SOLUTION
    before, after, labels = np.array(before), np.array(after), np.array(labels)
    differs = before != after
    was_right = before == labels
    return int(differs.sum()), int((differs & was_right).sum())
    ### END SOLUTION


check("executorch.changed", changed)

# %%
if executorch:
    fp32 = ledger().latest(kind="accuracy", option="xnnpack-fp32").details
    int8 = ledger().latest(kind="accuracy", option="xnnpack-int8").details
    print(changed(fp32["predicted"], int8["predicted"], fp32["labels"]))

# %% [markdown]
# ## What you found
#
# Another runtime brings other kernels and another quantizer, and needs another
# environment. Your tables show the gain on this machine.
# [Arm's](https://learn.arm.com/courses/executorch-on-arm/optimize-image-classification/evaluate-int8-mobilenetv2/bring-the-runtime-paths-into-one-view/)
# {{ xnnpack_int8_pi.p50_ms }} ms show a possible gain on a Pi: confirm it with your board
# in *Run on the Pi*. **Not run here:** the labels of a `.pte` on an emulated Cortex-A76,
# because ExecuTorch's Python bindings for ARM need a CUDA build of torch (427 MB).
#
# **Try it yourself**
#
# - Leave out the partitioner (`partitioner=[]`), and time the file: how much slower are
#   the portable kernels?
# - Set `is_per_channel=False`: how many classes change?
