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
# **Prerequisites:** *Compile the graph*, which writes `food11.onnx`. **Runs on:** a
# laptop.
#
# "INT8," says the manager, who has read something. "A quarter of the size, four times as
# fast, and nobody notices the difference. Why don't we have that yet?" Those are three
# promises. **Which of them hold for our model, and on which machine?** Size matters most
# in the app: its users mind how much storage an app takes, so the file must stay below 5
# MB. Ours has 8.9 MB.

# %%
import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import pandas as pd
from ipywidgets import FloatSlider, IntSlider
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
from labs.display.theme import BLUE, GREY, ORANGE
from labs.machine import fingerprint
from labs.optimize.static_quantization import conv_weights, integers_into
from labs.records.ledger import ledger
from labs.records.reference import recorded_on_epyc_7763
from labs.widgets import compare, explore, scoreboard
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# **Post-training quantization** stores the numbers of a trained network in fewer bits,
# without training it again. There are two kinds:
#
# - **Dynamic quantization** stores the weights as bytes, and computes the range of each
#   layer's input for every photo.
# - **Static quantization** stores the ranges of all layers' inputs in the file in advance.
#
# How many times as fast as float32 will each file answer one photo on your machine? 2
# means half the time, 0.5 means twice the time.

# %%
predict("quantize.faster", dynamic=..., static=...)

# %% [markdown]
# ## A ruler with 256 marks
#
# A byte has 256 values, but a weight is a real number. Picture a ruler along the real
# numbers, with one mark for each integer from `qmin` to `qmax`. To quantize a number,
# replace it by the integer at its nearest mark. Two numbers describe the ruler: the
# **scale** is the distance between two neighbouring marks, and the **zero point** is the
# integer that represents the real number 0.
#
# $$\text{integer} = \text{round}(\text{real} / \text{scale}) + \text{zero point} \qquad
#   \text{real} \approx \text{scale} \times (\text{integer} - \text{zero point})$$
#
# The number 0 needs an exact mark, because a network is full of zeros: convolutions pad
# with 0, and ReLU6 turns every negative number into 0. So if a range does not contain 0,
# widen it until it does.


# %% question="quantize.affine"
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    """Return (scale, zero_point) for the range xmin to xmax: a float and an int.

    If the range does not contain 0, widen it first. The mark qmin then represents the
    lower end, and qmax the upper end. Round the zero point to the nearest integer. A
    range that contains only 0 gets (1.0, qmin).

    scale_and_zero_point(0.0, 255.0, 0, 255) is (1.0, 0).
    """
    ### BEGIN SOLUTION
    xmin, xmax = min(xmin, 0.0), max(xmax, 0.0)
    scale = (xmax - xmin) / (qmax - qmin) or 1.0
    return scale, qmin + round(-xmin / scale)
    ### END SOLUTION


check("quantize.affine", scale_and_zero_point)

# %% [markdown]
# Quantizing and going back take one line each.


# %%
def quantize(real, scale, zero_point, qmin, qmax):
    return np.clip(np.rint(real / scale) + zero_point, qmin, qmax)


def dequantize(integer, scale, zero_point):
    return scale * (integer - zero_point)


# %% [markdown]
# The next cell puts a layer's weights (upper edge) on your ruler (lower edge). Weights are
# positive and negative, so `reach` bounds the ruler on both sides, and with 8 bits it has
# the integers from -127 to 127. **Rounding** moves a number to the nearest mark, by at most
# half a gap (blue). **Clipping** moves a number beyond the last mark back to it (orange).
# Move the sliders: which reach gives the smallest error with 4 bits, and which with 8?

# %% folded=true
# Draw a layer's weights on your ruler, and compute how much they lose.
float_path = models_dir() / "food11.onnx"
prepared_path = models_dir() / "food11-prepared.onnx"
quant_pre_process(float_path, prepared_path)
norm = np.linalg.norm
weights = np.sort(conv_weights(prepared_path)["features.5.conv.1.0/Conv"], axis=None)
shown = np.linspace(0, len(weights) - 1, 60).astype(int)


def draw_ruler(axis, reach, bits):
    last = 2 ** (bits - 1) - 1
    scale, zero_point = scale_and_zero_point(-reach, reach, -last, last)
    integers = quantize(weights, scale, zero_point, -last, last)
    errors = weights - dequantize(integers, scale, zero_point)
    is_clipped = np.abs(weights) > reach
    marks = dequantize(np.arange(-last, last + 1), scale, zero_point)
    axis.vlines(marks, -0.2, 0, color=GREY, lw=1)
    for place in shown:
        colour = ORANGE if is_clipped[place] else BLUE
        weight = weights[place]
        axis.plot([weight, weight - errors[place]], [1, 0], color=colour, lw=1)
    axis.set(xlim=(1.05 * weights[0], 1.05 * weights[-1]), yticks=[])
    axis.set_title(f"{len(marks)} marks, {scale:.3f} apart")
    axis.set_xlabel("weight")
    axis.spines["left"].set_visible(False)
    error = norm(errors) / norm(weights)
    rounding = norm(errors[~is_clipped]) / norm(weights)
    clipping = norm(errors[is_clipped]) / norm(weights)
    return (
        f"With {bits} bits and a reach of {reach:.1f}, {is_clipped.sum()} of "
        f"{len(weights):,} weights are clipped. The error is {error:.1%} of the weights' "
        f"norm: {rounding:.1%} from rounding, {clipping:.1%} from clipping."
    )


farthest = np.abs(weights).max()
bounds = {"min": 0.2, "max": farthest, "step": 0.1}
sliders = {
    "reach": FloatSlider(value=farthest, description="reach", **bounds),
    "bits": IntSlider(value=4, min=2, max=8, description="bits"),
}
explore("A layer's weights on a ruler", draw_ruler, **sliders)

# %% [markdown]
# A shorter ruler has narrower gaps, so it rounds better and clips more. Every quantizer
# makes this trade-off.
#
# ## One ruler per layer, or one per channel?
#
# The weights of a convolution have the shape (output channels, input channels, height,
# width). The next cell computes each layer's relative error with 8 bits: the norm of the
# error divided by the norm of the weights. The table shows the five layers with the
# largest error, with one ruler per layer and with one per channel.


# %% folded=true
# Compare the relative error of each layer's weights: one ruler, or one per channel.
def lost(weight):
    reach = np.abs(weight).max()
    scale, zero_point = scale_and_zero_point(-reach, reach, -127, 127)
    integers = quantize(weight, scale, zero_point, -127, 127)
    return weight - dequantize(integers, scale, zero_point)


rows = {}
for layer, weight in conv_weights(prepared_path).items():
    layer_loss = lost(weight)
    channel_losses = np.stack([lost(channel) for channel in weight])
    rows[layer] = {
        "one per layer": norm(layer_loss) / norm(weight),
        "one per channel": norm(channel_losses) / norm(weight),
    }
table = pd.DataFrame(rows).T.sort_values("one per layer", ascending=False)
table.head().style.format("{:.1%}")

# %% [markdown]
# With one ruler per layer, the largest weight determines the gaps for all channels. The
# table shows how much smaller the error is with one scale per channel. ONNX Runtime calls
# this option `per_channel`. It is off by default.
#
# ## Dynamic quantization

# %%
dynamic_path = models_dir() / "int8-dynamic.onnx"
quantize_dynamic(prepared_path, dynamic_path, weight_type=QuantType.QUInt8)
share = dynamic_path.stat().st_size / float_path.stat().st_size
print(f"{share:.0%} of the size")
operators = [node.op_type for node in onnx.load(dynamic_path).graph.node]
pd.Series(operators).value_counts().head(6)

# %% [markdown]
# The first promise nearly holds. But look at the operators: for each photo,
# `DynamicQuantizeLinear` finds the smallest and the largest number in each layer's input,
# and `Cast` and `Mul` convert the results back to float32.
#
# ## Static quantization
#
# What if the ranges were known before the first photo arrives? **Activations** are the
# numbers that one layer passes to the next. **Calibration** runs some photos through the
# float32 model, records the range of each layer's activations, and stores it in the file.
# It needs photos, but no labels. Never calibrate with the evaluation photos: the measured
# accuracy would be too good. ONNX Runtime asks a reader for one photo at a time:


# %%
class ImageReader(CalibrationDataReader):
    def __init__(self, images):
        self.feeds = iter([{"input": image[None]} for image in images])

    def get_next(self):
        return next(self.feeds, None)  # None: there are no more photos


# %% [markdown]
# Now call `quantize_static`. (`help(quantize_static)` lists its parameters.) Use
#
# - `prepared_path` as the input, `static_path` as the output, and an `ImageReader` of the
#   training images;
# - the layout `QuantFormat.QDQ`, which OpenVINO and TensorRT can read too;
# - unsigned 8-bit activations and signed 8-bit weights (both from `QuantType`);
# - one scale per channel.

# %% question="quantize.static"
training_images, _ = load_split(assets.dataset(), "training", limit=128)
static_path = models_dir() / "int8-static-u8s8.onnx"
### BEGIN SOLUTION
quantize_static(
    prepared_path,
    static_path,
    ImageReader(training_images),
    quant_format=QuantFormat.QDQ,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
    per_channel=True,
)
### END SOLUTION
check("quantize.static", static_path)

# %% [markdown]
# ## Which format fits your machine?
#
# Your file has the format **U8S8**: unsigned activations and signed weights. The next
# cell makes two variants. S8S8 has signed activations. U8S8-7bit has 7-bit weights, from
# -64 to 64. Which one fits depends on how a processor multiplies bytes:
#
# | processor | multiplies | adds | use |
# |---|---|---|---|
# | with VNNI (`avx512_vnni`, `avx_vnni`) | unsigned × signed | in 32 bits | U8S8 |
# | with AVX2 only, such as our server's EPYC 7763 | unsigned × signed | two products in 16 bits | U8S8-7bit |
# | Arm with dot product (`asimddp`: Raspberry Pi 5, Apple) | signed × signed | in 32 bits | S8S8 |

# %%
multipliers = {"avx512_vnni", "avx_vnni", "avx2", "asimddp"}
print("This processor has", sorted(multipliers & set(fingerprint().cpu_flags)))
relatives = {
    "s8s8": {},  # the defaults of quantize_static are S8S8 and QDQ
    "u8s8-7bit": {"activation_type": QuantType.QUInt8, "reduce_range": True},
}
paths = [float_path, dynamic_path, static_path]
for name, settings in relatives.items():
    path = models_dir() / f"int8-static-{name}.onnx"
    reader = ImageReader(training_images)
    quantize_static(prepared_path, path, reader, per_channel=True, **settings)
    paths.append(path)

# %% [markdown]
# ## Measure
#
# The next cell measures all five files in turns, with one photo and with 32, and then
# counts their right answers to the evaluation photos. It also measures *your* file in
# OpenVINO: a QDQ file leaves the choice of kernels to the runtime, and OpenVINO's
# runtime graph names those that it chose. This takes a minute or two, and longer on a
# busy machine.

# %%
guesses = predicted("quantize.faster")
images, labels = load_split(assets.dataset(), "evaluation")
sessions = {}
for path in paths:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    sessions[path.stem] = session
float32 = {"INFERENCE_PRECISION_HINT": "f32"}
compiled = ov.Core().compile_model(static_path, "CPU", float32)
sessions["openvino-int8"] = compiled
precision = bench.describe(compiled, model_path=static_path).precision
print("OpenVINO computes most of your file in", precision)
table = compare(sessions, images, labels, baseline="food11")
table.loc["int8-dynamic", "you predicted"] = guesses["dynamic"]
table.loc[static_path.stem, "you predicted"] = guesses["static"]
table.style.format(precision=2, na_rep="")

# %% [markdown]
# *At least* and *at most* are the ends of a 95 % interval. If both are above 1, the file
# is faster than float32. If both are below 1, it is slower. Otherwise this run cannot
# tell. A file's accuracy is *kept* if the interval of the difference, over the 182
# drawings, stays above −3 points.
#
# On the machine used for this page, an AMD EPYC with VNNI, *dynamic* took about three
# times as long as float32 and lost 40 of 660 answers. U8S8 took less than half as long
# and lost 6. S8S8 could not be distinguished from float32 in speed.
#
# On an EPYC 7763, [Fund's lab](https://teaching-on-testbeds.github.io/serve-model-chi/)
# searched for static files within a limit on the lost accuracy. With the stricter limit,
# fewer layers could be quantized. *An accuracy budget* repeats this search.
#
# | limit | one photo | many photos | size |
# |---|---|---|---|
# | 5 points | {{ static_epyc.p50_ms }} ms | {{ static_epyc.photos_per_s }} photos/s | {{ static_epyc.mb }} MB |
# | 1 point | {{ static_tight_epyc.p50_ms }} ms | {{ static_tight_epyc.photos_per_s }} photos/s | {{ static_tight_epyc.mb }} MB |

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## One file on two processors
#
# The EPYC 7763 has no VNNI. Its instruction VPMADDUBSW multiplies activations (0 to 255)
# by weights (-128 to 127), and adds two *neighbouring* products in 16 bits. A sum
# **saturates** if it is too large or too small for its bits, and is replaced by the
# limit: here, -32,768 or 32,767. All pairs are then added in 32 bits. In numpy:


# %%
def dot_without_vnni(activations, weights):
    """Return the dot product of two integer arrays as a processor without VNNI computes
    it. Both arrays have the same even length.
    """
    pairs = (activations * weights).reshape(-1, 2).sum(axis=1)
    return np.clip(pairs, -32768, 32767).sum()


# %% [markdown]
# Does this happen in a real network? `integers_into` extracts a 1 × 1 convolution from a
# file: its input bytes for one photo, pixel by pixel, and its weights, channel by
# channel. The next cell counts the dot products that saturate. And the answers? The table
# shows those to 220 photos, with VNNI and on an EPYC 7763 that QEMU emulated.


# %% folded=true
# Count the dot products that saturate, and show the answers with and without VNNI.
def is_wrong(pixel, channel):
    return dot_without_vnni(pixel, channel) != pixel @ channel


for name in ("int8-static-u8s8", "int8-static-u8s8-7bit"):
    path = models_dir() / f"{name}.onnx"
    pixels, channels = integers_into("features.10.conv.0.0/Conv", path, images[:1])
    wrong = [is_wrong(pixel, channel) for pixel in pixels[::8] for channel in channels]
    share = f"{np.mean(wrong):.1%} of {len(wrong):,}"
    print(f"{name}: without VNNI, {share} dot products are wrong")
recorded_on_epyc_7763().style.format(precision=1)

# %% [markdown]
# In that table, the same bytes give worse answers on the EPYC 7763 if the weights have
# 8 bits: the intervals of both 8-bit files end below 0, one of them just below. You get
# no error and no warning. With 7-bit weights, 255 × 64 + 255 × 64 = 32,640 just fits,
# and the logits are the same. So measure a file on the processor that will run it.
#
# ## What you found
#
# - **A quarter of the size?** Nearly, and on every machine.
# - **Four times as fast?** That depends on the processor and the format: see your table.
# - **Nobody notices?** That holds with one scale per channel, on the right processor.
#
# Tell the manager, with your own figures.
#
# **Try it yourself**
#
# - Calibrate with a single photo. How many answers change? Were 128 photos necessary?
# - *Dynamic* is popular for language models. What is large there, and what is small?

# %% [markdown]
# ## Read more
#
# - [Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
#   Inference](https://arxiv.org/abs/1712.05877) (B. Jacob et al., CVPR 2018): the source
#   of scale and zero point as we use them.
# - [Quantizing deep convolutional networks for efficient inference: A
#   whitepaper](https://arxiv.org/abs/1806.08342) (R. Krishnamoorthi, 2018): why
#   MobileNets need one scale per channel.
# - [A White Paper on Neural Network Quantization](https://arxiv.org/abs/2106.08295) (M.
#   Nagel et al., 2021): the best next step, with recipes for both kinds.
# - [Quantize ONNX
#   Models](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)
#   (ONNX Runtime, 2025): includes its advice on S8S8, U8S8 and `reduce_range`.
# - [Model optimizations for serving machine learning
#   models](https://teaching-on-testbeds.github.io/serve-model-chi/) (F. Fund, 2025):
#   quantizes the same network with Intel Neural Compressor.
