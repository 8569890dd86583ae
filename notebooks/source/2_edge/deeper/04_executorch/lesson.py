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
# Arm published {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{ xnnpack_int8_pi.p50_ms }} ms in INT8 for a MobileNetV2
# on a Raspberry Pi 5, without ONNX Runtime. The file was a `.pte`: PyTorch's own format for small machines. The work is
# done by XNNPACK, a library of kernels that is used on many phones. **Is another runtime worth another toolchain?** To
# find out you need a laptop; the cells install the rest.

# %%
import json

import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.edge.files import part_1_files
from labs.machine import capability_text
from labs.records.ledger import ledger
from labs.runtimes import providers
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir

gate = {one.name: one for one in for_lesson("executorch")}
print(capability_text(gate.values()))
(folder := programs_dir() / "executorch").mkdir(exist_ok=True)
files, quiet = part_1_files(models_dir()), {"PYTHONWARNINGS": "ignore"}
executorch = None
if gate["ExecuTorch"].available:
    executorch = run_with_progress(
        lambda report: providers.install("executorch", report), "ExecuTorch"
    )

# %% [markdown]
# ## Predict
#
# On *this* machine, one photo: how many times as fast will ExecuTorch answer in INT8 as in float32? And how many times
# as fast as ONNX Runtime's U8S8 file will its INT8 file be?

# %%
predict("executorch.faster", int8=..., against=...)

# %% [markdown]
# ## Export, partition, write
#
# Three steps lead from PyTorch to a file. `torch.export.export` captures the graph. A *partitioner* marks the operators
# that XNNPACK can compute, and each marked part becomes one call of the *delegate*, with the weights packed into it.
# The result is written as bytes. The script runs in an environment of its own, since ExecuTorch pins its tools.

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
fp32_path, int8_path = models_dir() / "food11-fp32.pte", models_dir() / "food11-int8.pte"
if executorch:
    executorch.run(folder / "to_fp32.py", fp32_path, variables=quiet)
    print(f"{fp32_path.name}: {fp32_path.stat().st_size / 1e6:.2f} MB")

# %% [markdown]
# All operators are in one subgraph: none runs in ExecuTorch's own portable kernels, which are correct and slow.
#
# ## INT8: your script
#
# PT2E ("PyTorch 2 export") quantizes the exported graph. A *quantizer* knows what its backend can compute, and
# annotates the graph. `prepare_pt2e` puts observers there, you show it photos, and `convert_pt2e` writes scales and
# zero points:
#
# | step | call |
# |---|---|
# | quantizer | `XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))` |
# | observers in | `prepared = prepare_pt2e(exported.module(), quantizer)` |
# | calibrate | `prepared(image)` for *training* images of shape (1, 3, 224, 224), in `torch.inference_mode()` |
# | integers out | `converted = convert_pt2e(prepared)` |
#
# `converted` is then exported, lowered and written to `sys.argv[1]` like any module. Fill in what is missing.

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
quantizer = XNNPACKQuantizer().set_global(
    get_symmetric_quantization_config(is_per_channel=True)
)
prepared = prepare_pt2e(exported.module(), quantizer)
with torch.inference_mode():
    for image in torch.from_numpy(images).split(1):
        prepared(image)
converted = convert_pt2e(prepared)
edge = to_edge_transform_and_lower(
    torch.export.export(converted, example), partitioner=[XnnpackPartitioner()]
)
Path(sys.argv[1]).write_bytes(edge.to_executorch().buffer)
### END SOLUTION

# %%
if executorch:
    executorch.run(folder / "to_int8.py", int8_path, variables=quiet)
check("executorch.int8", int8_path)

# %% [markdown]
# The check loaded the file in ExecuTorch's runtime and asked it for the classes of 44 validation photos.
#
# ## Two runtimes in one process
#
# `Runtime` loads the file, `load_method` allocates what it needs once, `execute` runs it. There is no batch axis: it
# was exported for one photo. ONNX Runtime gets as many threads as XNNPACK takes, and all four files take turns.

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
targets = {}
for option, path in json.loads(Path(sys.argv[1]).read_text()).items():
    if path.endswith(".pte"):
        method = Runtime.get().load_program(path).load_method("forward")

        def run(batch, method=method):
            return np.concatenate(
                [
                    method.execute([torch.from_numpy(one[np.newaxis])])[0].numpy()
                    for one in batch
                ]
            )

        precision = option.rpartition("-")[2]
        bench.describe(
            run,
            model_path=path,
            backend="executorch",
            precision=precision,
            provider="XnnpackBackend",
        )
        ledger().append(bench.accuracy(run, images, labels, option=option))
        targets[option] = run
    else:
        options = ort.SessionOptions()
        options.intra_op_num_threads = physical_core_count()
        targets[option] = ort.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
for record in bench.compare(targets, images[:1], rounds=20):
    ledger().append(record)

# %%
raced = {"ort-fp32": files["edge-fp32"], "ort-int8": files["edge-int8-u8s8"]}
raced |= {"xnnpack-fp32": fp32_path, "xnnpack-int8": int8_path}
if executorch:
    guesses = predicted("executorch.faster")
    (folder / "race.json").write_text(
        json.dumps({option: str(path) for option, path in raced.items()})
    )
    executorch.run(folder / "race.py", folder / "race.json", variables=quiet)
    run = ledger().comparison(*raced)
    table = run.table("xnnpack-fp32")
    table["you predicted"] = pd.Series({"xnnpack-int8": guesses["int8"]})
    table["MB"] = [path.stat().st_size / 1e6 for path in raced.values()]
    display(
        table.round(2),
        run.table("ort-int8").loc[["xnnpack-int8"]].round(2),
        guesses["against"],
    )
else:
    print("Not run here: there is no ExecuTorch for this machine.")

# %% [markdown]
# ## The same answers?
#
# Two files may be right equally often, and not about the same photos. What a customer notices is neither of these: a
# customer notices photos that *changed* their class.


# %% question="executorch.changed"
def changed(before, after, labels):
    """Return (changed, lost): how many photos have another class than before, and how many that were right are wrong.
    All three are lists of classes, photo by photo."""
    ### BEGIN SOLUTION
    differ = sum(one != other for one, other in zip(before, after))
    return differ, sum(
        one == label != other for one, other, label in zip(before, after, labels)
    )
    ### END SOLUTION


check("executorch.changed", changed)

# %%
if executorch:
    one, other = (
        ledger().latest(kind="accuracy", option=f"xnnpack-{kind}").details
        for kind in ("fp32", "int8")
    )
    print(changed(one["predicted"], other["predicted"], one["labels"]))

# %% [markdown]
# ## What you found
#
# Another runtime brings other kernels, another quantizer and an environment of its own. Your tables say what that is
# worth here, and Arm's {{ xnnpack_int8_pi.p50_ms }} ms what it may be worth on a Pi: your board can confirm that in
# *Run on the Pi*. The labels of a `.pte` on an emulated Cortex-A76 were not compared: ExecuTorch's Python bindings want
# a torch for ARM that is a CUDA build of 427 MB. Not run here.
#
# - Leave the partitioner out (`partitioner=[]`), and time the file: what do portable kernels cost?
# - `is_per_channel=False`: how many classes change?
