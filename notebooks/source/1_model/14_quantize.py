# ---
# jupyter:
#   lesson:
#     title: Quantize
#     summary: scale and zero point as functions, one scale for each channel, the dynamic way and the static one
#     part: 1
#     number: "14"
#     minutes: 40
#     kind: core
#     where: [laptop, node]
#     needs: ["12"]
#     ports: []
#     uses: ["memory", "disk", "fast INT8"]
#     takes: {"12": ["models/food11.onnx"]}
# ---

# %% [markdown]
# # Quantize
#
# "Two megabytes," says the manager, who has read something. "INT8. Four times smaller and four times faster, with no
# loss. Why do we not have that yet?"
#
# The first of the three promises is arithmetic, and it holds. The other two depend on the processor, on how the bytes
# are written down, and on a choice that is easy to get wrong.
#
# ## You will do
#
# Write the arithmetic of quantization, look at the model's own numbers, and quantize the model in the two ways that
# ONNX Runtime offers: *dynamic* and *static*.
#
# ## You will learn
#
# - what scale and zero point do, and what rounding and clipping cost;
# - why one scale for each channel matters so much here;
# - why dynamic quantization is slow for convolutions, and what calibration gives instead.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 12. The machine works for about a minute.

# %%
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import channel_ranges, operator_profile, side_by_side
from labs.data.dataset import load_split
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.slim import slim_onnx
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.widgets import comparison_table, measure, quantization_explorer, run_with_progress
from labs.workspace import models_dir

# %%
onnx_path = models_dir() / "food11.onnx"

# %% [markdown]
# ## Predict
#
# *Dynamic* quantization stores the weights as bytes, and works out the range of each layer's input anew for every
# image. No images have to be shown to it beforehand. How many times as fast as float32 will it answer one photo? 2
# means in half the time, 0.5 in twice the time.

# %% checkpoint="m.quantize.dynamic_guess"
predict("m.quantize.dynamic_guess", ...)

# %% [markdown]
# ## Act
#
# ### The arithmetic
#
# A byte has 256 values; a tensor holds reals. *Quantizing* lays evenly spaced marks over a range of reals, one for each
# integer from `qmin` to `qmax`. The **scale** is the distance between two marks, and the **zero point** is the integer
# that stands for exactly 0:
#
# $$\text{real} \approx \text{scale} \times (\text{integer} - \text{zero point})$$
#
# 0 must have a mark of its own, because it is everywhere: convolutions pad with it, and ReLU6 turns every negative
# number into it. So the range is first widened until it holds 0.


# %% checkpoint="m.quantize.affine"
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    """Return (scale, zero_point) that let the integers qmin to qmax cover the reals xmin to xmax.

    The range is widened to hold 0 first. The zero point is a whole number from qmin to qmax. A range of nothing but 0
    gets scale 1.0, so that nobody divides by 0.
    """
    ...


# %%
check("m.quantize.affine", scale_and_zero_point)

# %% [markdown]
# With these two numbers, a tensor goes to integers and back. On the way there it loses something twice: by *rounding*
# to the nearest mark, and by *clipping* what lies beyond the last one.


# %% checkpoint="m.quantize.roundtrip"
def quantize(x, scale, zero_point, qmin, qmax):
    """Return the integers, from qmin to qmax, that stand for the reals in the array x: the nearest mark of each."""
    ...


# %%
check("m.quantize.roundtrip", quantize)


# %%
def dequantize(q, scale, zero_point):
    return scale * (q - zero_point)


# %% [markdown]
# Five numbers, and a sixth that nobody had seen when the range was chosen:

# %%
values = np.array([-0.5, -0.02, 0.0, 0.33, 1.0, 1.4])
parameters = scale_and_zero_point(-0.5, 1.0, 0, 255)
integers = quantize(values, *parameters, 0, 255) if parameters else None
if integers is not None:
    back = dequantize(integers, *parameters)
    display(pd.DataFrame({"value": values, "integer": integers, "comes back as": back, "lost": np.abs(values - back)}))

# %% [markdown]
# Rounding costs half a step at most; clipping costs whatever sticks out. A wider range clips less and rounds more
# coarsely. That is the whole trade.
#
# ### The model's own numbers
#
# Quantizers want a tidied model: shapes known, constants folded. `quant_pre_process` writes one. Its weights are stored
# in it by name:

# %%
prepared = models_dir() / "food11-prepared.onnx"
quant_pre_process(onnx_path, prepared)
graph = onnx.load(prepared).graph
stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
weights = {node.name: stored[node.input[1]] for node in graph.node if node.op_type in ("Conv", "Gemm")}
{name: weights[name].shape for name in list(weights)[:3]}

# %% [markdown]
# A convolution's weight has the shape (output channels, input channels, height, width). Here is the first layer's: each
# bar is one output channel, from its smallest to its largest weight.

# %%
channel_ranges(weights["features.0.0/Conv"])

# %% [markdown]
# With one scale for the whole tensor, the widest channel sets the step, and the narrow ones get a handful of integers
# each. How bad is it in the other layers? Write it as one number: how many times as far the widest channel reaches as
# the typical one. Training has switched some channels off, and their weights are as good as zero. They need no
# precision, so they must not count.


# %% checkpoint="m.quantize.channels"
def channel_spread(weights):
    """Return the reach of the widest output channel over the median reach of all channels in use.

    weights has the shape (output channels, …). A channel's reach is its largest absolute weight. A channel is in use
    unless its reach is below a ten-thousandth of the widest one's.
    """
    ...


# %%
check("m.quantize.channels", channel_spread)

# %% [markdown]
# Weights are quantized *symmetrically*: the same reach on both sides, -127 to 127, so that the zero point is 0. Here is
# what one scale and many scales cost each layer. Signal to noise is in decibels, where 6 dB are about one bit.


# %%
tried = scale_and_zero_point(-1.0, 1.0, -127, 127), quantize(values, 0.01, 0, -127, 127), channel_spread(values[None])
if any(found is None for found in tried):
    raise LookupError("This cell uses your functions: write them above first, all three.")


def round_trip(values):
    reach = np.abs(values).max()
    scale, zero_point = scale_and_zero_point(-reach, reach, -127, 127)
    return dequantize(quantize(values, scale, zero_point, -127, 127), scale, zero_point)


def losses(values):
    one_scale, many_scales = round_trip(values), np.stack([round_trip(channel) for channel in values])
    return signal_to_noise_db(values, one_scale), signal_to_noise_db(values, many_scales)


rows = [(name, len(values), channel_spread(values), *losses(values)) for name, values in weights.items()]
table = pd.DataFrame(rows, columns=["layer", "channels", "spread", "one scale, dB", "one a channel, dB"])
table.sort_values("spread", ascending=False).head(6).round(1)

# %% [markdown]
# One number more a channel is worth two to three bits in these layers. Turn the knobs yourself: fewer bits, a scale for
# each channel, a range that holds only 99 % of the values. The activations are what leaves three layers for eight
# training images; after ReLU6 nothing is negative, so half of a symmetric range would lie idle.

# %% shows="labs.optimize.static_quantization:activations_of"
...

# %%
training_images, _ = load_split(assets.dataset(), "training", limit=128)
shown = ["features.0.0/Conv", "features.17.conv.1.0/Conv", "classifier.1/Gemm"]
clips = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Clip"}
outputs = [clips.get(node.output[0], node.output[0]) for node in graph.node if node.name in shown]
seen = activations_of(prepared, training_images[:8], outputs)
quantization_explorer({f"{name} weights": weights[name] for name in shown}, seen)

# %% [markdown]
# ### Dynamic
#
# The simplest way: weights become bytes once, and the rest happens while the model runs. (`QUInt8`, because older
# releases of ONNX Runtime have no `ConvInteger` for signed weights on the CPU, and the file should open there too.)

# %%
dynamic_path = models_dir() / "int8-dynamic.onnx"
quantize_dynamic(prepared, dynamic_path, weight_type=QuantType.QUInt8)
dynamic_path.stat().st_size / onnx_path.stat().st_size

# %% [markdown]
# A quarter of the size, as promised. Now ask both models where their time goes: ONNX Runtime writes a profile when it
# is told to, as in lesson 13.


# %%
def profile(path, calls=5):
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(tempfile.mkdtemp()) / path.stem)
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for _ in range(calls):
        session.run(None, {"input": training_images[:1]})
    return session.end_profiling()


predicted("m.quantize.dynamic_guess")
operator_profile({"float32": profile(onnx_path), "dynamic INT8": profile(dynamic_path)})

# %% [markdown]
# `DynamicQuantizeLinear` goes through a layer's input twice: once for the smallest and the largest value, once to
# quantize. It does so before every layer, for every photo. `ConvInteger` has no fast kernel, and what it returns goes
# back to float32 (`Cast`, `Mul`, `Add`) before the next layer searches it again. In a language model the matrices are
# large and the activations small, and that is a bargain. In a convolutional network it is the other way round.
#
# ### Static
#
# What if the ranges were known before the first photo comes? Run some images through the float model *beforehand*,
# note the range of every activation, and write it into the file: this is **calibration**. It needs images, and no
# labels. ONNX Runtime asks for them one by one, until it gets `None`:


# %% checkpoint="m.quantize.reader"
class ImageReader(CalibrationDataReader):
    """Hands the quantizer one image after another, as {"input": array of shape (1, 3, 224, 224)}, and then None."""

    def __init__(self, images): ...

    def get_next(self): ...


# %%
check("m.quantize.reader", ImageReader)

# %% [markdown]
# Which images? Some of each class, as customers send them: `training_images`, and never those of `evaluation`. Ranges
# that were fitted to them make the accuracy on them look better than a customer will ever see, and you would have
# nothing left to notice it with.
#
# Now write the file: layout `QDQ`, unsigned activations, signed weights, one scale a channel. `QuantFormat` and
# `QuantType` hold the words for it, and `calibrate_method` stays as it is (`MinMax`: the range covers every value
# seen).

# %% checkpoint="m.quantize.static"
static_path = models_dir() / "int8-static-qdq.onnx"
quantize_static(prepared, static_path, ...)

# %%
check("m.quantize.static", static_path)

# %% [markdown]
# Long names, notes and constants that are stored twice take room as well. They go without changing one result; here are
# the bytes that each step saves:

# %%
slim_onnx(static_path)

# %% [markdown]
# ## Measure
#
# All three in turns, each on the runtime's own number of threads:

# %%
images, labels = load_split(assets.dataset(), "evaluation")
files = {"onnx-all": onnx_path, "int8-dynamic": dynamic_path, "int8-static-qdq": static_path}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], rounds=15, on_progress=report), "Three files side by side"
)
for record in comparison.records:
    ledger().append(record)
side_by_side(comparison, "onnx-all")

# %%
reconcile("m.quantize.dynamic_guess")

# %% [markdown]
# The rest, as for every option so far. (`onnx-all` only if lesson 13 has not done it. The dynamic file gets one batch
# size and few batches; you have seen enough.)

# %%
if ledger().latest(kind="accuracy", option="onnx-all") is None:
    measure(sessions["onnx-all"], images, labels, option="onnx-all", ledger=ledger(), batch_sizes=(32,))
measure(sessions["int8-static-qdq"], images, labels, option="int8-static-qdq", ledger=ledger(), batch_sizes=(32,))

# %%
measure(sessions["int8-dynamic"], images, labels, option="int8-dynamic", ledger=ledger(), batch_sizes=())
few = {"batch_sizes": (32,), "min_batches": 5, "limit_s": 4}
for record in bench.throughput(sessions["int8-dynamic"], images, option="int8-dynamic", **few):
    ledger().append(record)

# %% [markdown]
# ## Checkpoint
#
# The rows below yours were published for the same architecture on real Food-11 photos. On the manager's EPYC 7763,
# static INT8 took 7.52 ms where float32 took 8.70: smaller by far, and hardly faster. Why that is so is the next
# lesson.

# %%
print(source_line())
comparison_table(
    [record for record in ledger().measurements() if record.option in files],
    reference=reference_table("onnx-extended", "int8-dynamic", "int8-budget-05"),
)

# %%
check("m.quantize.dynamic_guess")

# %% [markdown]
# The dynamic file is small, but neither fast nor as good: it has one scale for each whole weight.
#
# ## On your own
#
# - Quantize your five numbers to 4 bits. By how much do the steps grow, and by how many dB the noise?
# - Calibrate with eight images of one single class. What happens, and to which classes?
# - Published tables praise dynamic quantization. Look for one. Which kind of network was it measured on?
