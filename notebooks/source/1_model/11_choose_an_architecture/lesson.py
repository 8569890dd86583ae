# ---
# jupyter:
#   lesson:
#     id: architecture
#     title: Choose an architecture
#     summary: twelve networks from MobileNetV3 to ViT-B on one frontier, and three widths of one on your own photos
#     part: 1
#     kind: core
#     where: [laptop]
#     needs: [measure]
#     ports: []
# ---

# %% [markdown]
# # Choose an architecture
#
# **Prerequisites:** *Measure the model*. **Runs on:** a laptop.
#
# "Before you polish the MobileNetV2," says the manager, "is it the right network at all?"
# This is a fair question. All later lessons make one network a few times as fast. Two
# networks can differ far more, and you can see it before you train either: **a network
# takes the same time with random weights as with trained ones.** Others have published
# how accurate each network can become. The server only has to be fast enough. The phone
# also limits the size, because the network is part of an app and people mind how much
# storage it takes. **Which network would you train for the server, and which for the
# phone?** The next cell imports the libraries for this lesson.

# %% folded=true
# Import the libraries.
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
import timm
import torch
from torch import nn

from labs import assets, stats
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_model
from labs.display.theme import BLUE, GREY
from labs.records.ledger import ledger
from labs.records.reference import published_imagenet
from labs.widgets import compare
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# `mobilenetv2_100` is the MobileNetV2. `mobilenetv2_050` has half as many channels in
# each layer, and a third of the arithmetic. `deit3_base_patch16_224` is a **vision
# transformer** (ViT-B), a network that cuts the photo into patches and compares all of
# them, with 56 times the arithmetic. Relative to the MobileNetV2, how long will each of
# them take for one photo on your machine? 0.5 means half the time, 2 twice the time.

# %%
predict("architecture.times", half=..., transformer=...)

# %% [markdown]
# ## What a convolution costs
#
# Each output number of a convolution is a sum over a window of `kernel` × `kernel` pixels
# and over the input channels that belong to its output channel. With `groups=1`, an
# output channel uses all input channels. With more groups, inputs and outputs are divided
# evenly among them, and an output channel uses only the inputs of its group. Each
# term of each sum is one **multiply-add**: a multiplication whose product is added to the
# sum.


# %%
def multiply_adds(height, width, channels_in, channels_out, kernel, groups):
    """Return the number of multiply-adds of a convolution whose output has this height
    and width.
    """
    return height * width * channels_out * (channels_in // groups) * kernel**2


# %% [markdown]
# MobileNets replace one ordinary convolution by two cheap ones. The next cell draws all
# three. Each small square is a weight: its row and column show which output channel uses
# which input channel, and with which part of the window.

# %% folded=true
# Draw the weights of three kinds of convolution, and count their multiply-adds.
every_input = np.ones((6, 6))
own_input = np.eye(6)
whole_window = np.ones((3, 3))
middle = np.pad([[1]], 1)
kinds = {
    "ordinary 3 × 3": (every_input, whole_window, 3, 1),
    "depthwise 3 × 3": (own_input, whole_window, 3, 6),
    "pointwise 1 × 1": (every_input, middle, 1, 1),
}
squares = {"cmap": "Blues", "vmin": 0, "vmax": 1.5, "edgecolors": "white", "lw": 0.5}
ticks = range(0, 19, 3)
figure, axes = plt.subplots(1, 3, figsize=(10, 3.7))
for axis, (kind, parts) in zip(axes, kinds.items()):
    channels, window, kernel, groups = parts
    axis.pcolormesh(np.kron(channels, window), **squares)
    count = multiply_adds(56, 56, 6, 6, kernel, groups)
    axis.set_title(f"{kind}\n{count:,} multiply-adds")
    axis.set(xlabel="input channel", ylabel="output channel", aspect="equal")
    axis.set(xticks=ticks, yticks=ticks, xticklabels=[], yticklabels=[])
    axis.grid(color="black")

# %% [markdown]
# A **depthwise** convolution filters each channel by itself. A **pointwise** convolution
# mixes the channels of one pixel. One after the other they do both. With 60 channels
# instead of 6, the two take an eighth of the arithmetic of the ordinary convolution.
#
# ## Twelve untrained networks
#
# `timm` builds twelve networks with random weights. The accuracies are from [its table of
# results](https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv)
# (Apache-2.0, October 2025): the share of right answers to ImageNet's 50,000 validation
# photos, which are 224 pixels wide. All networks were trained on ImageNet-1k alone, but
# by different recipes, and the recipe matters too: in the same table, the ResNet-50 has
# 80.4 % with this recipe and about 76 % with torchvision's first one. The next cell
# counts each network's multiply-adds with `multiply_adds`, and opens the network in ONNX
# Runtime, which needs no Python between two layers.


# %% folded=true
# Build twelve networks, count their multiply-adds, and open them in ONNX Runtime.
def count(net, image):
    """Return a network's multiply-adds in millions, in convolutions and linear layers."""
    counts = []

    def count_convolution(layer, inputs, output):
        height, width = output.shape[2:]
        channels = layer.in_channels, layer.out_channels
        kernel, _ = layer.kernel_size
        counts.append(multiply_adds(height, width, *channels, kernel, layer.groups))

    def count_linear(layer, inputs, output):  # a pointwise convolution
        positions = output[..., 0].numel()
        features = layer.in_features, layer.out_features
        counts.append(multiply_adds(positions, 1, *features, kernel=1, groups=1))

    hooks = []
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            hooks.append(layer.register_forward_hook(count_convolution))
        elif isinstance(layer, nn.Linear):
            hooks.append(layer.register_forward_hook(count_linear))
    with torch.inference_mode():
        net(image)
    for hook in hooks:
        hook.remove()
    return sum(counts) / 1e6


def session_of(net, path):
    """Export a network to a file and return an ONNX Runtime session of it."""
    names = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
    # torch's older exporter (dynamo=False) is quicker. It warns that it will be removed.
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(net, (image,), path, dynamo=False, **names)
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


table = published_imagenet()
sessions = {}
image = torch.zeros(1, 3, 224, 224)
with tempfile.TemporaryDirectory() as folder:
    for name in table.index:
        net = timm.create_model(name).eval()
        table.loc[name, "million multiply-adds"] = count(net, image)
        sessions[name] = session_of(net, Path(folder) / f"{name}.onnx")

# %% [markdown]
# ## Measure
#
# The networks take turns, as in *Measure the model*: in each of 20 rounds, each network
# gets three calls. The next cell does this and records how many milliseconds each call
# took.

# %% folded=true
# Let the networks take turns, and record the milliseconds of each call.
guesses = predicted("architecture.times")
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
rounds = {name: [] for name in sessions}
for _ in range(20):
    for name, session in sessions.items():
        time.sleep(0.05)  # let the previous network's threads go to sleep
        ends_s = [time.perf_counter()]
        for _ in range(4):
            session.run(None, {"input": images[:1]})
            ends_s.append(time.perf_counter())
        calls_ms = 1000 * np.diff(ends_s)
        rounds[name].append(calls_ms[1:])  # the first call warms up

# %%
table["ms"] = pd.Series({name: np.median(blocks) for name, blocks in rounds.items()})
for name, blocks in rounds.items():
    ratio = stats.ratio_of_medians(blocks, rounds["mobilenetv2_100"]).interval
    ends = ["times as long", "at least", "at most"]
    table.loc[name, ends] = ratio.value, ratio.low, ratio.high
table.loc["mobilenetv2_050", "you predicted"] = guesses["half"]
table.loc["deit3_base_patch16_224", "you predicted"] = guesses["transformer"]
table["multiply-adds per ns"] = table["million multiply-adds"] / table["ms"]
table = table.round(2)  # your choice is judged by the figures that you see
judged = table[["times as long", "top-1 %", "million weights"]]
ledger().observe("architecture.networks", judged.T.to_dict())
table.sort_values("ms").style.format(precision=2, na_rep="")

# %% [markdown]
# *Times as long* is the ratio to `mobilenetv2_100`, round by round, with the ends of
# its 95 % interval. If time depended on arithmetic alone, the last column would contain
# the same number in every row. It does not. A depthwise layer does nine multiply-adds
# for each number that it fetches, and may then wait for memory; large dense layers can
# keep the arithmetic units busy. And each operator takes some microseconds before it
# computes anything. On one thread of an AMD EPYC, the half MobileNetV2 took 0.54 times
# as long as the full one, with 0.32 times the arithmetic. ResNet-18 took 4.5 times as
# long, with 6 times the arithmetic. So use multiply-adds to decide which networks to
# measure, and then measure.
#
# ## The frontier
#
# One option **beats** another if it is at least as fast and at least as accurate, and
# better in one of the two. The **frontier** is the set of options that no other option
# beats. Whatever time you can afford, the most accurate choice is on the frontier.


# %% question="architecture.frontier"
def fastest_options(latencies_ms, accuracies):
    """Return the places of the options that no other option beats, in ascending order.

    latencies_ms and accuracies are lists, and a place counts from 0. Option a beats
    option b if a is at least as fast and at least as accurate, and better in one of the
    two. Two equal options do not beat each other. Without options, return [].

    fastest_options([1.0, 2.0, 3.0], [70.0, 80.0, 60.0]) is [0, 1].
    """
    ### BEGIN SOLUTION
    all_ms, all_accuracies = np.array(latencies_ms), np.array(accuracies)
    frontier = []
    for place, (ms, accuracy) in enumerate(zip(latencies_ms, accuracies)):
        as_good = (all_ms <= ms) & (all_accuracies >= accuracy)
        better = (all_ms < ms) | (all_accuracies > accuracy)
        if not any(as_good & better):
            frontier.append(place)
    return frontier
    ### END SOLUTION


check("architecture.frontier", fastest_options)

# %% [markdown]
# The next cell draws all networks, with the frontier as a line. The grey bars show the
# intervals.

# %% folded=true
# Draw accuracy against time, with the frontier as a line.
places = fastest_options(table["ms"].tolist(), table["top-1 %"].tolist())
frontier = table.iloc[places].sort_values("ms")
figure, axis = plt.subplots(figsize=(10, 4.5))
axis.set_title(f"{len(frontier)} of {len(table)} networks are on the frontier")
ms = table[["at least", "at most"]] * table.loc["mobilenetv2_100", "ms"]
axis.semilogx(table["ms"], table["top-1 %"], "o", color=GREY)
axis.hlines(table["top-1 %"], ms["at least"], ms["at most"], color=GREY, lw=3)
axis.step(frontier["ms"], frontier["top-1 %"], "o-", where="post", color=BLUE)
above_left = {"xytext": (-4, 6), "ha": "right"}
below_right = {"xytext": (4, -12), "ha": "left"}
for name, row in table.iterrows():
    side = above_left if name in frontier.index else below_right
    point = row["ms"], row["top-1 %"]
    axis.annotate(name, point, **side, textcoords="offset points", fontsize=8)
axis.set(xlabel="milliseconds for one photo", ylabel="top-1 accuracy in %", xmargin=0.15)
print("On the frontier:", ", ".join(frontier.index))

# %% [markdown]
# If the intervals of two neighbours overlap, this run cannot tell which network is
# faster. The slower one may leave the frontier, or return to it, when you measure again.
#
# ## Choose
#
# MobileNetV2 is from 2018, and on that EPYC two younger networks beat it. Which network
# would you train for each place?
#
# - *Server*: the most accurate network that takes at most 20 times the MobileNetV2's
#   time.
# - *Device*: the most accurate network with at most 5 million weights that is no slower
#   than the MobileNetV2. At one byte per weight, it fits into the app's 5 MB.

# %% question="architecture.choice"
### BEGIN SOLUTION
in_time = table[table["times as long"] <= 20]
small = table[table["million weights"] <= 5]
quick = small[small["times as long"] <= 1]
choice = {"server": in_time["top-1 %"].idxmax(), "device": quick["top-1 %"].idxmax()}
### STUB
choice = {"server": ..., "device": ...}
### END SOLUTION
check("architecture.choice", choice)

# %% [markdown]
# ## On your own photos
#
# A network's accuracy on ImageNet does not tell you its accuracy on your photos. So the
# course has trained the MobileNetV2 in three widths on its own photos. The number in the
# name is the remaining percentage of the channels.

# %%
names = [name for name in ARCHITECTURES if name.startswith("mobilenetv2")]
widths = {}
for name in names:
    net = load_model(name, assets.model(f"food11-mini-{name}"))
    widths[name] = session_of(net, models_dir() / f"{name}.onnx")
compare(widths, images, labels, baseline="mobilenetv2").style.format(precision=2)

# %% [markdown]
# A narrower network has less arithmetic and fewer weights. Is it also less accurate, or
# was the difference chance? The 660 photos show 182 drawings, and a network that gets one
# photo of a drawing wrong often gets the others wrong as well. So we judge losses by
# *drawing*. The next table shows the points that each width gains or loses, with a 95 %
# interval. Its accuracy is *kept* if the lower end stays above -3 points, about the
# smallest loss that 182 drawings can show. Otherwise it is *not shown*.

# %%
rows = {}
for name in names[1:]:
    pair = ledger().paired_accuracy(name, "mobilenetv2")
    rows[name] = (pair.difference, pair.interval.low, pair.interval.high)
points = 100 * pd.DataFrame(rows, ["points", "at least", "at most"]).T
points.round(1)

# %% [markdown]
# On the machine used for this page, neither width was shown to keep its accuracy, and
# only the half width was certainly worse: its whole interval is below 0. *What
# measurements can say* explains how such an interval is computed. All this holds for a
# network *with its training*. The width of 75 % was trained for a third of the steps, and
# another recipe may do better, as for ResNet-50.
#
# ## What you found
#
# - The right network for one place is the wrong one for another. A minute of measuring
#   shows which networks are fast enough, before you train any.
# - Train a network that is fast enough, and judge it on photos like your customers'.
#
# This course continues with the MobileNetV2, which is already trained. Everything that
# you will do to it works for the other networks too.
#
# **Try it yourself**
#
# - `timm.list_models("*mobile*")` lists many more networks. Can you find one that is on
#   the frontier?

# %% [markdown]
# ## Read more
#
# - [MobileNetV2: Inverted Residuals and Linear
#   Bottlenecks](https://arxiv.org/abs/1801.04381) (M. Sandler et al., CVPR 2018): the
#   network of this course.
# - [MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
#   Applications](https://arxiv.org/abs/1704.04861) (A. Howard et al., 2017): depthwise
#   and pointwise convolutions, and networks in several widths.
# - [MobileNetV4: Universal Models for the Mobile
#   Ecosystem](https://arxiv.org/abs/2404.10518) (D. Qin et al., ECCV 2024): frontiers on
#   phones' CPUs, GPUs and accelerators.
# - [ResNet strikes back: An improved training procedure in
#   timm](https://arxiv.org/abs/2110.00476) (R. Wightman, H. Touvron and H. Jégou, 2021):
#   the recipe behind the 80.4 %.
# - [Results on
#   ImageNet](https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv)
#   (timm, 2025): the source of all accuracies in this lesson.
