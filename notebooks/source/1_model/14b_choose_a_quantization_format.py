# ---
# jupyter:
#   lesson:
#     title: Choose a quantization format
#     summary: QDQ and QOperator, U8S8 and its relatives; which is fast here, and one file on two processors
#     part: 1
#     number: "14b"
#     minutes: 35
#     kind: core
#     where: [laptop]
#     needs: ["14"]
#     ports: []
#     uses: ["fast INT8"]
#     takes: {"14": ["models/food11-prepared.onnx"]}
# ---

# %% [markdown]
# # Choose a quantization format
#
# "So it can be done," says the manager, "but the server's figures hardly move: 8.70 milliseconds in float32, 7.52 in
# INT8. On somebody else's machine it was twice as fast. Same model, same eight bits." What INT8 does to a model depends
# less on the bits than on how they are written down, and on whether the processor has an instruction for exactly that.
#
# ## You will do
#
# Write the model in five INT8 formats, race them here, and run one file on two processors.
#
# ## You will learn
#
# - what QDQ and QOperator are, and what the letters U8S8 mean;
# - why the fastest format depends on the machine;
# - how a file that is right here can be wrong there, without any message.
#
# ## You need
#
# A laptop, 35 minutes, and lesson 14. The machine works for about a minute and a half.

# %%
from collections import Counter
from importlib.util import find_spec

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench, stats
from labs.charts import side_by_side
from labs.data.dataset import load_split
from labs.machine import capability_text, for_lesson
from labs.machine.quantization_format import quantization_format
from labs.optimize.slim import slim_onnx
from labs.optimize.static_quantization import ImageReader  # the class that you wrote in lesson 14
from labs.records.ledger import ledger
from labs.records.reference import recorded_on_epyc_7763, reference_table, source_line
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir

print(capability_text(for_lesson("14b")))

# %%
onnx_path, prepared = models_dir() / "food11.onnx", models_dir() / "food11-prepared.onnx"

# %% [markdown]
# ## Predict
#
# *Dynamic* you know. *Static* can be written as `qdq` or `qoperator`, with unsigned or (`s8s8`) signed activations.
# Which will answer a single photo fastest on this machine?

# %% checkpoint="m.quantize.format_guess"
predict("m.quantize.format_guess", ...)

# %% [markdown]
# ## Act
#
# ### Five formats
#
# There are two **layouts**. **QOperator** stores integer operators (`QLinearConv`), finished for ONNX Runtime. **QDQ**
# keeps the float operators between `QuantizeLinear` and `DequantizeLinear`; each runtime fuses them in its own way, and
# OpenVINO and TensorRT read only this one.
#
# Then there are the **types**, activations first: U8S8 has unsigned activations and signed weights. And there are one
# scale a tensor or one a channel, and weights in all 8 bits or in 7 (`reduce_range`).
#
# Say each format in `quantize_static`'s words. What you leave out is the default: QDQ, signed, one scale a tensor, 8
# bits.

# %% checkpoint="m.quantize.formats"
formats = {
    # U8S8, one scale a channel, as in lesson 14.
    "int8-static-qdq": {
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QInt8,
        "per_channel": True,
    },
    # The same in the other layout.
    "int8-static-qoperator": {...: ...},
    # Signed activations and weights, one scale a channel.
    "int8-static-s8s8": {...: ...},
    # Unsigned activations and weights, one scale a tensor.
    "int8-static-u8u8": {...: ...},
    # U8S8, one scale a channel, and weights in seven bits.
    "int8-static-7bit": {...: ...},
}

# %% [markdown]
# One calibration serves all: `calibration_cache_path` keeps the ranges in a file, and from the second call on reads
# them.

# %%
if any(... in settings for settings in formats.values()):
    raise LookupError("A format still holds the dots: say all five above first.")
training_images, _ = load_split(assets.dataset(), "training", limit=128)
ranges_path = models_dir() / "ranges.json"
ranges_path.unlink(missing_ok=True)
made = {name: models_dir() / f"{name}.onnx" for name in formats}
for name, settings in formats.items():
    quantize_static(prepared, made[name], ImageReader(training_images), calibration_cache_path=ranges_path, **settings)

# %%
check("m.quantize.formats", made)

# %%
operators = {name: Counter(node.op_type for node in onnx.load(path).graph.node) for name, path in made.items()}
pd.DataFrame(operators).fillna(0).astype(int)

# %% [markdown]
# ## Measure
#
# ### Which format is fast here?
#
# ONNX Runtime's documentation says which format suits which processor. This is what it comes to on yours:

# %%
fits = quantization_format()
print(f"{fits.name}{' with seven-bit weights' if fits.reduce_range else ''}: {fits.reason}")

# %% [markdown]
# Do not believe it yet. All of them in turns, beside the float32 model with every graph optimization:

# %%
predicted("m.quantize.format_guess")
for path in made.values():
    slim_onnx(path)
images, labels = load_split(assets.dataset(), "evaluation")
files = {"onnx-all": onnx_path, "int8-dynamic": models_dir() / "int8-dynamic.onnx", **made}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], rounds=12, on_progress=report), "The formats side by side"
)
for record in comparison.records:
    ledger().append(record)
side_by_side(comparison, "onnx-all")

# %%
reconcile("m.quantize.format_guess")

# %% [markdown]
# Which of them may be called slower than float32? Those whose *whole* interval lies above 1.


# %% checkpoint="m.quantize.slower"
def slower_than_float(intervals):
    """Return the sorted names of the formats that are slower than float32 beyond doubt.

    intervals maps a name to (low, high), the 95 % interval of its time over float32's time.
    """
    ...


# %%
check("m.quantize.slower", slower_than_float)

# %%
ratios = {name: comparison.ratio(name, "onnx-all").interval for name in files if name != "onnx-all"}
slower_than_float({name: (one.low, one.high) for name, one in ratios.items()})

# %% [markdown]
# Same bits, same network. Where the processor has an instruction for *unsigned times signed* bytes and the file asks
# for *signed times signed*, there is no fast kernel for it. On an ARM processor it is the other way round. This is
# why a quantized file is measured where it will run.
#
# ### What does it cost?
#
# Size, accuracy, latency and throughput of each, and the QDQ file once more in another runtime, which reads it and
# fuses it in its own way:

# %%
for name in made:
    measure(sessions[name], images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
if find_spec("openvino"):
    import openvino as ov

    model = ov.Core().compile_model(made["int8-static-qdq"], "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    settings = {"option": "openvino-int8", "model_path": made["int8-static-qdq"], "batch_sizes": (32,)}
    display(measure(model, images, labels, ledger=ledger(), **settings))
else:
    print("OpenVINO is not installed here: this option stays empty, and nothing below needs it.")

# %%
options = (*files, "openvino-int8")
comparison_table([record for record in ledger().measurements() if record.option in options])

# %% [markdown]
# The formats with one scale for a whole tensor stand out. For the others, do not subtract two percentages: all saw the
# same images, so count. How many did the first get right that the second gets wrong, and how many the other way round?
# `record.samples` of an accuracy record has a 1 for each image that was right and a 0 for each that was wrong.


# %% checkpoint="m.quantize.flips"
def lost_and_gained(before, after):
    """Return (lost, gained): images right before and wrong after, and images wrong before and right after.

    before and after are lists of 1 (right) and 0 (wrong), for the same images in the same order.
    """
    ...


# %%
check("m.quantize.flips", lost_and_gained)

# %%
right = {name: ledger().latest(kind="accuracy", option=name).samples for name in ("onnx-all", *made)}
{name: lost_and_gained(right["onnx-all"], right[name]) for name in made}

# %% [markdown]
# ### One file on two processors
#
# Where will the file run? GourmetGram's server has an EPYC 7763. It multiplies bytes with AVX2's VPMADDUBSW: two
# neighbouring products, of an unsigned activation with a signed weight, are added into **16 bits**, from -32,768 to
# 32,767, and what does not fit is cut off there. (*VNNI*, which newer processors have, sums in 32 bits at once.)


# %% checkpoint="m.quantize.saturates"
def pair_sum(activations, weights):
    """Return what VPMADDUBSW makes of two activations (0 to 255) and two weights (-128 to 127): one 16-bit integer."""
    ...


# %%
check("m.quantize.saturates", pair_sum)

# %%
pair_sum([255, 255], [127, 127]), pair_sum([255, 255], [64, 64]), 255 * 127 * 2, 255 * 64 * 2

# %% [markdown]
# 7-bit weights, from -64 to 64, can never get there. How often does it happen in a real network, and what does it do?
# QEMU runs a program as if it were on another processor: `qemu-x86_64 -cpu EPYC-Milan python your_script.py`. (Only the
# numbers count; the time that it takes here says nothing about that machine.) There is no error, no warning, and there
# are other logits. A whole run takes minutes in QEMU, so here is one that was recorded: 220 evaluation images and the
# files of this lesson, on a processor with VNNI and on the emulated EPYC 7763.

# %%
recorded, rows = recorded_on_epyc_7763(), []
for name, one in recorded["formats"].items():
    paired = stats.paired_proportions(one["epyc_7763"], one["vnni"])
    rows.append((name, sum(one["vnni"]), sum(one["epyc_7763"]), paired.only_second, paired.only_first, paired.p_value))
columns = ["file", "right with VNNI", "right on the EPYC 7763", "lost there", "gained there", "p"]
pd.DataFrame(rows, columns=columns).round(3)

# %% [markdown]
# ## Checkpoint
#
# Which of these files would you send to the EPYC 7763, and why not the one that is fastest here? (Its published times,
# from real hardware, stand in the table below.)

# %% checkpoint="m.quantize.other_machine"
answer("m.quantize.other_machine", {"format": ..., "reason": ...})

# %%
check("m.quantize.other_machine")

# %%
print(source_line())
reference_table("onnx-extended", "int8-dynamic", "int8-budget-05", "int8-budget-01")

# %%
check("m.quantize.format_guess")

# %% [markdown]
# ## On your own
#
# - `qemu-x86_64 -cpu help` lists the processors that QEMU knows. Is an older or a newer one than Milan different?
# - Calibrate with `calibrate_method=CalibrationMethod.Entropy` and compare accuracies. Which ranges become narrower?
# - Which combination of letters, scales and layout has not been measured, and what do you expect of it here?
