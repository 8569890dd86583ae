# ---
# jupyter:
#   lesson:
#     id: quantize
#     title: Quantize
#     summary: real numbers as bytes, dynamic and static, and one file on two processors
#     part: 1
#     kind: core
#     where: [laptop, node]
#     needs: [compile]
#     ports: []
#     takes: {compile: [models/food11.onnx]}
# ---

# %% [markdown]
# # Quantize
#
# "INT8," says the manager, who has read something. "A quarter of the size, four times as fast, and nobody notices. Why
# don't we have that yet?" Those are three promises. **Which of them hold for our model, and on which machine?** To find
# out you need a laptop, and `food11.onnx` from *Compile the graph*.

# %%
import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import pandas as pd
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from labs import assets, bench
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.machine import fingerprint
from labs.optimize.static_quantization import conv_weights, integers_into
from labs.records.ledger import ledger
from labs.records.reference import recorded_on_epyc_7763
from labs.widgets import compare, scoreboard
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# This lesson quantizes a network that is trained already: **post-training quantization**. There are two ways. A
# **dynamic** file stores the weights as bytes, and finds the range of every layer's input anew for each photo. A
# **static** file has all of these ranges written into it beforehand. How many times as fast as float32 will each of
# them answer one photo on your machine? 2 means half the time, 0.5 means twice the time.

# %%
predict("quantize.faster", dynamic=..., static=...)

# %% [markdown]
# ## A ruler with 256 marks
#
# A byte has 256 values, and a weight is a real number. To quantize, lay a ruler along the real numbers, with one mark
# for each integer from `qmin` to `qmax`, and replace each number by the integer at its nearest mark. Two numbers
# describe the ruler: the **scale** is the distance between two marks, and the **zero point** is the integer at 0.
#
# $$\text{integer} = \text{round}(\text{real} / \text{scale}) + \text{zero point} \qquad
#   \text{real} \approx \text{scale} \times (\text{integer} - \text{zero point})$$
#
# 0 must have a mark of its own, because a network is full of zeros: convolutions pad with them, and ReLU6 turns every
# negative number into one. So a range that does not contain 0 is widened until it does.


# %% question="quantize.affine"
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    """Return (scale, zero_point), a float and an int. A range that is nothing but 0 gets (1.0, qmin)."""
    ### BEGIN SOLUTION
    xmin, xmax = min(xmin, 0.0), max(xmax, 0.0)
    scale = (xmax - xmin) / (qmax - qmin) or 1.0
    return scale, qmin + round(-xmin / scale)
    ### END SOLUTION


check("quantize.affine", scale_and_zero_point)

# %% [markdown]
# The ways there and back are one line each.


# %%
def quantize(real, scale, zero_point, qmin, qmax):
    return np.clip(np.rint(real / scale) + zero_point, qmin, qmax)


def dequantize(integer, scale, zero_point):
    return scale * (integer - zero_point)


# %% [markdown]
# The next cell draws two rulers of yours: with four bits instead of eight, so that you can see the marks (below), and
# with six numbers (above), one of them larger than the rest.


# %% folded=true
def draw_ruler(axis, reals, scale, zero_point):
    integers = np.arange(16)
    marks = dequantize(integers, scale, zero_point)
    axis.vlines(
        marks, 0, 0.2, color=np.where(integers == zero_point, "black", "silver"), lw=2
    )
    for real in reals:
        mark = dequantize(quantize(real, scale, zero_point, 0, 15), scale, zero_point)
        colour = "tab:blue" if abs(real - mark) <= scale / 2 else "tab:red"
        axis.annotate(
            "",
            (mark, 0.2),
            (real, 1),
            arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.5},
        )
    axis.set(
        xlim=(-0.6, 2.1),
        ylim=(0, 1),
        yticks=[],
        xlabel=f"scale {scale:.2f}, zero point {zero_point}",
    )
    axis.set_xticks(marks, integers)
    axis.secondary_xaxis("top").set_xticks(reals)
    axis.spines[["left", "right"]].set_visible(False)


reals = np.array([-0.47, -0.16, 0.0, 0.33, 0.78, 1.7])
rulers = [scale_and_zero_point(-0.5, xmax, 0, 15) for xmax in (1.0, 2.0)]
figure, axes = plt.subplots(2, 1, figsize=(9, 4.5), layout="constrained")
for axis, ruler in zip(axes, rulers):
    draw_ruler(axis, reals, *ruler)

# %% [markdown]
# Along a blue arrow, a number moves to the nearest mark, by half a gap at most: that is *rounding*. The red arrow
# starts beyond the last mark and leads all the way back to it: that is *clipping*. The lower ruler reaches all six
# numbers, but its gaps are wider. Every quantizer makes this trade.
#
# ## One ruler per layer, or one per channel?
#
# A convolution's weight has the shape (output channels, input channels, height, width). Its numbers lie on both sides
# of 0, so its ruler goes from -127 to 127. The next cell says which share of each layer's weights is lost with one
# ruler per layer, and with one per channel, for the five layers that lose most.


# %% folded=true
def lost(weight):
    reach = np.abs(weight).max()
    ruler = scale_and_zero_point(-reach, reach, -127, 127)
    return weight - dequantize(quantize(weight, *ruler, -127, 127), *ruler)


float_path, prepared_path = (
    models_dir() / "food11.onnx",
    models_dir() / "food11-prepared.onnx",
)
quant_pre_process(float_path, prepared_path)
rows, size = {}, np.linalg.norm
for layer, weight in conv_weights(prepared_path).items():
    each_channel = np.stack([lost(channel) for channel in weight])
    rows[layer] = {
        "one per layer": size(lost(weight)) / size(weight),
        "one per channel": size(each_channel) / size(weight),
    }
pd.DataFrame(rows).T.sort_values("one per layer", ascending=False).head().style.format(
    "{:.1%}"
)

# %% [markdown]
# With one ruler, the largest weight of the layer decides how wide the gaps are, for every channel. The table shows what
# one scale per channel saves. ONNX Runtime calls it `per_channel`, and it is off unless you turn it on.
#
# ## Dynamic: the simplest way

# %%
dynamic_path = models_dir() / "int8-dynamic.onnx"
quantize_dynamic(prepared_path, dynamic_path, weight_type=QuantType.QUInt8)
print(f"{dynamic_path.stat().st_size / float_path.stat().st_size:.0%} of the size")
pd.Series(
    [node.op_type for node in onnx.load(dynamic_path).graph.node]
).value_counts().head(6)

# %% [markdown]
# The first promise nearly holds. But look at the operators: `DynamicQuantizeLinear` searches the input of every layer
# for its smallest and largest number, for each photo. `Cast` and `Mul` turn the results into float32 again.
#
# ## Static
#
# What if the ranges were known before the first photo came? Run some photos through the float model, note the range of
# every layer, and write it into the file. This is **calibration**. It needs photos but no labels, and never the
# evaluation photos, or the file looks better than it is. ONNX Runtime asks a reader for photos, one after another:


# %%
class ImageReader(CalibrationDataReader):
    def __init__(self, images):
        self.feeds = iter([{"input": image[None]} for image in images])

    def get_next(self):
        return next(self.feeds, None)  # None says that there are no more


# %% [markdown]
# Now call `quantize_static` (`help(quantize_static)` lists its parameters) with `prepared_path`, `static_path` and an
# `ImageReader` of the training images. Ask for the layout `QuantFormat.QDQ`, which OpenVINO and TensorRT read too; for
# unsigned activations and signed weights (both a `QuantType`), of eight bits, and one scale per channel.

# %% question="quantize.static"
training_images, _ = load_split(assets.dataset(), "training", limit=128)
static_path = models_dir() / "int8-static-u8s8.onnx"
### BEGIN SOLUTION
types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
reader = ImageReader(training_images)
quantize_static(
    prepared_path,
    static_path,
    reader,
    quant_format=QuantFormat.QDQ,
    per_channel=True,
    **types,
)
### END SOLUTION
check("quantize.static", static_path)

# %% [markdown]
# ## Which format fits your machine?
#
# Your file is **U8S8**: unsigned activations, signed weights. Here are two relatives, one with signed activations
# (S8S8), one with weights of seven bits, from -64 to 64. What fits depends on how a processor multiplies bytes:
#
# | the processor has | it multiplies | and adds | what fits |
# |---|---|---|---|
# | VNNI (`avx512_vnni`, `avx_vnni`) | unsigned × signed | in 32 bits | U8S8 |
# | only AVX2, as our server's EPYC 7763 | unsigned × signed | two products in 16 bits | U8S8-7bit |
# | ARM's dot product (`asimddp`: Raspberry Pi 5, Apple) | signed × signed | in 32 bits | S8S8 |

# %%
print(
    "This processor has",
    [
        flag
        for flag in fingerprint().cpu_flags
        if "vnni" in flag or flag in ("avx2", "asimddp")
    ],
)
relatives = {
    "s8s8": {},
    "u8s8-7bit": {"activation_type": QuantType.QUInt8, "reduce_range": True},
}
paths = [float_path, dynamic_path, static_path]
for (
    name,
    settings,
) in relatives.items():  # the defaults of quantize_static are S8S8 and QDQ
    paths.append(models_dir() / f"int8-static-{name}.onnx")
    quantize_static(
        prepared_path,
        paths[-1],
        ImageReader(training_images),
        per_channel=True,
        **settings,
    )

# %% [markdown]
# ## Measure
#
# All five files take turns, with one photo and with 32, and then answer all evaluation photos. So does OpenVINO with
# *your* file: QDQ leaves it to each runtime which kernels to use, and its runtime graph says which those are. It takes
# about two minutes.

# %%
guesses = predicted("quantize.faster")
images, labels = load_split(assets.dataset(), "evaluation")
sessions = {
    path.stem: ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for path in paths
}
sessions["openvino-int8"] = compiled = ov.Core().compile_model(
    static_path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
)
print(
    "OpenVINO computes most of your file in",
    bench.describe(compiled, model_path=static_path).precision,
)
table = compare(sessions, images, labels, baseline="food11")
table["you predicted"] = pd.Series(
    {"int8-dynamic": guesses["dynamic"], static_path.stem: guesses["static"]}
)
table.style.format(precision=2, na_rep="")

# %% [markdown]
# *At least* and *at most* are the ends of a 95 % interval: a file is faster than float32 if both lie above 1, slower if
# both lie below, and otherwise this run cannot tell. Its accuracy is *kept* if the interval of the difference, over the
# 182 drawings, stays above −3 points. On the machine used for this page, an AMD EPYC with VNNI, *dynamic* took about
# three times as long as float32, U8S8 less than half as long, and S8S8 could not be told from it; *dynamic* lost 40 of
# 660 answers, and U8S8 lost 6.
#
# An earlier lab searched for static files within a bound, on the EPYC 7763: within 5 points it published {{
# static_epyc.p50_ms }} ms, {{ static_epyc.photos_per_s }} photos a second and {{ static_epyc.mb }} MB; within 1 point
# fewer layers could be quantized: {{ static_tight_epyc.p50_ms }} ms, {{ static_tight_epyc.photos_per_s }} and {{
# static_tight_epyc.mb }} MB. *An accuracy budget* does that search.

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## One file on two processors
#
# The EPYC 7763 has no VNNI. Its VPMADDUBSW multiplies activations (0 to 255) by weights (-128 to 127), and adds two
# *neighbouring* products in 16 bits. These sums **saturate**: what is below -32,768 or above 32,767 is cut to that
# number. All pairs are then added in 32 bits. Here it is in numpy:


# %%
def dot_without_vnni(activations, weights):
    """Return the dot product of two integer arrays of the same even length as a processor without VNNI computes it."""
    pairs = (activations * weights).reshape(-1, 2).sum(axis=1)
    return np.clip(pairs, -32768, 32767).sum()


# %% [markdown]
# Does that happen in a real network? `integers_into` takes a 1 × 1 convolution out of a file: the bytes that a photo
# sends into it, pixel by pixel, and its weights, channel by channel. The next cell counts how often the sum is cut. And
# the answers? QEMU emulates other processors: the table has 220 photos with VNNI, and on an emulated EPYC 7763.

# %% folded=true
for name in ("int8-static-u8s8", "int8-static-u8s8-7bit"):
    path = models_dir() / f"{name}.onnx"
    pixels, channels = integers_into("features.10.conv.0.0/Conv", path, images[:1])
    cut = [
        dot_without_vnni(pixel, channel) != pixel @ channel
        for pixel in pixels[::8]
        for channel in channels
    ]
    print(
        f"{name}: without VNNI, {np.mean(cut):.1%} of {len(cut):,} dot products are wrong"
    )
recorded_on_epyc_7763().style.format(precision=1)

# %% [markdown]
# The same bytes answer worse on the EPYC 7763 if their weights have eight bits: the intervals of both files lie below
# 0, and no error or warning says so. With seven bits 255 × 64 + 255 × 64 = 32,640 just fits, and the logits are the
# same. So measure a file where it will run.
#
# ## What you found
#
# A quarter of the size? Nearly, and on every machine. Four times as fast? Look at your table, and mind the format.
# "Nobody notices"? That holds with one scale per channel and on the right processor. Tell the manager, with your
# figures.
#
# - Calibrate with a single photo. How many answers change? Were 128 necessary?
# - *Dynamic* is praised for language models. What is large there, and what is small?
#
