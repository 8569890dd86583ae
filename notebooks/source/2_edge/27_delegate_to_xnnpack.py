# ---
# jupyter:
#   lesson:
#     title: Delegate to XNNPACK with ExecuTorch
#     summary: "a second runtime: torch.export, PT2E, a .pte file, and its race against ONNX Runtime"
#     part: 2
#     number: "27"
#     minutes: 20
#     kind: core
#     where: [laptop]
#     needs: ["23"]
#     ports: []
#     uses: ["ExecuTorch", "an ARM processor"]
# ---

# %% [markdown]
# # Delegate to XNNPACK with ExecuTorch
#
# "ONNX Runtime is not the only thing that runs on a till," writes the canteens' technician, and sends a link: Arm's own
# course runs a MobileNetV2 on a Raspberry Pi 5 in **4.0 ms**, with *ExecuTorch*. GourmetGram's figures come from
# another runtime. Before anybody buys boxes, make the second file too.
#
# ExecuTorch is PyTorch's runtime for devices. No interpreter of Python stays in its file: the model is *exported* to a
# graph, parts of the graph are handed (*delegated*) to a library of kernels, and the rest is written down as a short
# list of instructions. On a processor that library is *XNNPACK*, whose kernels for ARM are the ones to beat.
#
# ## You will do
#
# Export the model to ExecuTorch in float32, write the INT8 export yourself, and race both files against ONNX Runtime's.
#
# ## You will learn
#
# - `torch.export`, `prepare_pt2e` and `convert_pt2e`, a partitioner and its delegate;
# - what is inside a `.pte`, and what must not be left outside of a delegate;
# - to say of a published figure what it allows, and what it does not.
#
# ## You need
#
# Lesson 23, an x86-64 Linux machine and 20 minutes; it works for about three of them.

# %%
import onnxruntime as ort
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import side_by_side
from labs.edge.estimate import LANDMARKS, PI_5, count_work, estimate
from labs.edge.files import part_1_files
from labs.machine import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.runtimes import providers
from labs.widgets import comparison_table, run_with_progress
from labs.workspace import models_dir, programs_dir

# %%
gate = {one.name: one for one in for_lesson("27")}
print(capability_text(gate.values()))
folder = programs_dir() / "executorch"
folder.mkdir(exist_ok=True)
files = part_1_files(models_dir())

# %% [markdown]
# ExecuTorch pins a release of `torchao` and of its tools, so it gets an environment of its own (25 MB to download); it
# takes `torch` from this one. (Its libraries say which extensions for other processors they do not find: no error.)

# %%
executorch, quiet = None, {"PYTHONWARNINGS": "ignore"}
if gate["ExecuTorch"].available:
    executorch = run_with_progress(lambda report: providers.install("executorch", report), "ExecuTorch")
    print(executorch.commands)

# %% [markdown]
# ## Predict
#
# On *this* machine, one image: how many times as fast will ExecuTorch answer in INT8 as in float32? (ONNX Runtime's
# gain stands in your ledger. The kernels here are others.)

# %% checkpoint="e.xnnpack.gain_guess"
predict("e.xnnpack.gain_guess", ...)

# %% [markdown]
# ## Act
#
# ### Float32: export, partition, write
#
# Three steps, and each leaves less of PyTorch behind. The *partitioner* marks what XNNPACK can do; what it marks
# becomes one call of the delegate, with the weights packed into it.

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
# Everything is in one subgraph: nothing runs in ExecuTorch's own portable kernels, which are correct and slow. The file
# is too large for the box, of course.
#
# ### INT8: your script
#
# PT2E ("PyTorch 2 export") quantizes the exported graph. A *quantizer* knows what its backend can compute, and
# annotates the graph; `prepare_pt2e` puts observers there; you show it images; `convert_pt2e` writes scales and zero
# points:
#
# | step | call |
# |---|---|
# | quantizer | `XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))` |
# | observers in | `prepared = prepare_pt2e(exported.module(), quantizer)` |
# | calibrate | `prepared(image)` for *training* images, each of shape (1, 3, 224, 224), in `torch.inference_mode()` |
# | integers out | `converted = convert_pt2e(prepared)` |
#
# and `converted` is exported and lowered like any module. The quantizer and its configuration come from
# `executorch.backends.xnnpack.quantizer.xnnpack_quantizer`, the two functions from
# `torchao.quantization.pt2e.quantize_pt2e`, and `labs.data.dataset.load_split(assets.dataset(), "training", limit=64)`
# returns images (a numpy array) and labels.
#
# Write the whole script, beginning with the one above. It gets the path of the file to write as `sys.argv[1]`.

# %% checkpoint="e.xnnpack.file"
to_int8 = ...  # the script, as a text

# %%
if executorch and to_int8 is not ...:
    (folder / "to_int8.py").write_text(to_int8)
    executorch.run(folder / "to_int8.py", int8_path, variables=quiet)

# %% [markdown]
# The check loads the file in ExecuTorch's runtime, here, and asks it for the classes of 44 validation images.

# %%
check("e.xnnpack.file", int8_path)

# %% [markdown]
# ## Measure
#
# ### Two runtimes, one process
#
# `Runtime` loads the file, `load_method` allocates what it needs once, `execute` runs it. There is no batch axis: it
# was exported for one image. ONNX Runtime gets as many threads as XNNPACK takes.

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
threads = physical_core_count()
targets = {}
for option, path in json.loads(Path(sys.argv[1]).read_text()).items():
    if path.endswith(".pte"):
        method = Runtime.get().load_program(path).load_method("forward")

        def run(batch, method=method):
            return np.concatenate([method.execute([torch.from_numpy(one[np.newaxis])])[0].numpy() for one in batch])

        precision = option.rpartition("-")[2]
        bench.describe(run, model_path=path, backend="executorch", precision=precision, provider="XnnpackBackend")
        for record in bench.measure_option(run, images, labels, option=option, batch_sizes=()):
            ledger().append(record)
        targets[option] = run
    else:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        targets[option] = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
for record in bench.compare(targets, images[:1], rounds=15):
    ledger().append(record)

# %%
raced = {
    "ort-fp32": files["edge-fp32"],
    "ort-int8": files["edge-int8-qdq"],
    "xnnpack-fp32": fp32_path,
    "xnnpack-int8": int8_path,
}
raced = {option: str(path) for option, path in raced.items() if path.is_file()}
race = None
if executorch and len(raced) == 4:
    predicted("e.xnnpack.gain_guess")
    (folder / "race.json").write_text(pd.Series(raced).to_json())
    executorch.run(folder / "race.py", folder / "race.json", variables=quiet)
    race = ledger().comparison(*raced)
    display(side_by_side(race, "ort-fp32"))
else:
    print("Not run here: ExecuTorch, or one of its two files, is not there.")

# %%
reconcile("e.xnnpack.gain_guess")

# %%
comparison_table([record for record in ledger().measurements() if record.option in raced])

# %% [markdown]
# Which INT8 file answers faster *here*, by the interval of the ratio of both, and how many of the evaluation images
# does the `.pte` name otherwise than its float32 twin?

# %%
if race:
    print(race.ratio("xnnpack-int8", "ort-int8").interval)
    print(ledger().latest(kind="accuracy", option="xnnpack-int8").details["predicted"][:11])

# %% checkpoint="e.xnnpack.claim"
# "ExecuTorch is faster", "ONNX Runtime is faster" or "cannot tell"; and a number of images.
answer("e.xnnpack.claim", {"claim": ..., "changed": ...})

# %%
check("e.xnnpack.claim")

# %% [markdown]
# ## Checkpoint
#
# ### What was published, and what to expect
#
# Arm's course measured its MobileNetV2 with ExecuTorch and XNNPACK on a Raspberry Pi 5: **10.9 ms** in float32, **4.0
# ms** (median 3.98) in INT8. Neither is a figure of this course, and your model has 11 classes instead of 1000. What
# does the estimate of lesson 23 say, which knows nothing of either?

# %%
work = count_work(files["edge-fp32"])
rows = []
for one in LANDMARKS:
    if one.board == PI_5.name:
        bar = estimate(work, precision=one.precision).latency_s
        rows.append((one.precision, 1e3 * bar.low, 1e3 * bar.high, 1e3 * one.p50_s))
pd.DataFrame(rows, columns=["precision", "estimate from, ms", "to, ms", "published, ms"]).round(2)

# %% [markdown]
# So 4.0 ms is the bar that a real board is held to, in lesson 27b, and until then it is somebody else's figure.
#
# (The ONNX files' labels were compared on an emulated Cortex-A76; those of a `.pte` were not. ExecuTorch's Python
# bindings link against torch, whose fitting ARM wheel is a CUDA build of 427 MB; beside the last small one, torch 2.10,
# they load and then refuse every tensor.)

# %%
check("e.xnnpack.gain_guess")

# %% [markdown]
# ## On your own
#
# - Leave the partitioner out (`partitioner=[]`), and time the file: what do portable kernels cost?
# - `is_per_channel=False`: how many classes change? Compare with the older files of lesson 23.
# - `strings food11-int8.pte | head` shows what the file knows about itself.
