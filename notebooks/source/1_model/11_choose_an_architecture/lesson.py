# ---
# jupyter:
#   lesson:
#     id: architecture
#     title: Choose an architecture
#     summary: twelve networks from MobileNetV3 to ViT-B on one frontier, and one in three widths on your own photos
#     part: 1
#     kind: core
#     where: [laptop]
#     needs: [measure]
#     ports: []
# ---

# %% [markdown]
# # Choose an architecture
#
# "Before you polish the MobileNetV2," says the manager, "is it the right network at all?" A fair question. Whatever you
# do to one network later makes it a few times as fast. Two networks can differ far more, and you can see it before you
# train either: **a network takes the same time with random weights as with good ones.** How accurate it can become,
# others have published. **Which network would you train for the server, and which for the phone?** The next cell
# imports what the lesson uses.

# %% folded=true
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
from labs.records.ledger import ledger
from labs.records.reference import published_imagenet
from labs.widgets import compare
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# `mobilenetv2_100` is the MobileNetV2. `mobilenetv2_050` has half as many channels in each layer, and a third of the
# arithmetic. `deit3_base_patch16_224` is a vision transformer (ViT-B), with 56 times the arithmetic. How many times as
# long as the MobileNetV2 will each of them take for one photo on your machine? 0.5 means half the time.

# %%
predict("architecture.times", half=..., transformer=...)

# %% [markdown]
# ## What a convolution costs
#
# Each number that a convolution puts out is a sum: over a window of `kernel` × `kernel` pixels, and over the input
# channels that its output channel looks at. If `groups` is 1, these are all of them. With more groups, inputs and
# outputs are divided evenly among them, and an output looks at the inputs of its own group only. Each term of each sum
# is one **multiply-add**:


# %%
def multiply_adds(height, width, channels_in, channels_out, kernel, groups):
    """Return how many multiply-adds a convolution takes; height and width are its output's."""
    return height * width * channels_out * (channels_in // groups) * kernel**2


# %% [markdown]
# MobileNets replace one ordinary convolution by two cheap ones. The next cell draws all three. Each small square is a
# weight: row and column say which output channel looks at which input channel, and with which part of its window.

# %% folded=true
full, itself, window, point = (
    np.ones((6, 6)),
    np.eye(6),
    np.ones((3, 3)),
    np.pad([[1]], 1),
)
kinds = {
    "ordinary 3 × 3": (full, window, 3, 1),
    "depthwise 3 × 3": (itself, window, 3, 6),
    "pointwise 1 × 1": (full, point, 1, 1),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
for axis, (kind, (joined, shape, kernel, groups)) in zip(axes, kinds.items()):
    axis.pcolormesh(
        np.kron(joined, shape),
        cmap="Blues",
        vmin=0,
        vmax=1.5,
        edgecolors="white",
        linewidth=0.5,
    )
    axis.set_title(
        f"{kind}\n{multiply_adds(56, 56, 6, 6, kernel, groups):,} multiply-adds"
    )
    axis.set(xlabel="input channel", ylabel="output channel", aspect="equal")
    axis.set(
        xticks=range(0, 19, 3), yticks=range(0, 19, 3), xticklabels=[], yticklabels=[]
    )
    axis.grid(color="black")

# %% [markdown]
# A depthwise layer filters each channel by itself; a pointwise layer mixes the channels of one pixel. One after the
# other they do both, and with 60 channels instead of 6 the two take an eighth of the ordinary one's arithmetic.
#
# ## Twelve networks that nobody trained
#
# `timm` builds them with random weights. The accuracies are from [its table of
# results](https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv) (Apache-2.0,
# October 2025): the share of ImageNet's 50,000 validation photos, 224 pixels wide, that was named right. All were
# trained on ImageNet-1k alone, each by a recipe of its own, and the recipe counts too: this ResNet-50 has 80.4 %, and
# with its first recipe 76.2 %. The next cell counts the multiply-adds of each network with `multiply_adds`, and
# opens it in ONNX Runtime, which needs no Python between two layers.


# %% folded=true
def count(net, image):
    """Return the million multiply-adds of a network's convolutions and linear layers."""
    found = []

    def note(layer, inputs, output):
        if isinstance(layer, nn.Linear):  # a pointwise convolution
            sizes = (
                output[..., 0].numel(),
                1,
                layer.in_features,
                layer.out_features,
                1,
                1,
            )
        else:
            sizes = (
                *output.shape[2:],
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size[0],
                layer.groups,
            )
        found.append(multiply_adds(*sizes))

    hooks = [
        one.register_forward_hook(note)
        for one in net.modules()
        if isinstance(one, (nn.Conv2d, nn.Linear))
    ]
    with torch.inference_mode():
        net(image)
    for hook in hooks:
        hook.remove()
    return sum(found) / 1e6


def session_of(net, path):
    """Return an ONNX Runtime session of a network, by way of a file."""
    given = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
    with warnings.catch_warnings(
        action="ignore"
    ):  # torch's older exporter: quicker, and on its way out
        torch.onnx.export(net, (image,), path, dynamo=False, **given)
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


table, sessions, image = published_imagenet(), {}, torch.zeros(1, 3, 224, 224)
with tempfile.TemporaryDirectory() as folder:
    for name in table.index:
        net = timm.create_model(name).eval()
        table.loc[name, "million multiply-adds"] = count(net, image)
        sessions[name] = session_of(net, Path(folder) / f"{name}.onnx")

# %% [markdown]
# ## Measure
#
# The networks take turns, as in *Measure the model*: 20 rounds, three calls of each network per round. The next cell
# does that, and writes down how long each call took, in milliseconds.

# %% folded=true
guesses = predicted("architecture.times")
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
rounds = {name: [] for name in sessions}
for _ in range(20):
    for name, session in sessions.items():
        time.sleep(0.05)  # until the threads of the network before have gone to sleep
        times = [time.perf_counter()]
        for _ in range(4):
            session.run(None, {"input": images[:1]})
            times.append(time.perf_counter())
        rounds[name].append(1000 * np.diff(times)[1:])  # the first call warms up

# %%
table["ms"] = pd.Series({name: np.median(blocks) for name, blocks in rounds.items()})
for name, blocks in rounds.items():
    ratio = stats.ratio_of_medians(blocks, rounds["mobilenetv2_100"]).interval
    table.loc[name, ["times as long", "at least", "at most"]] = (
        ratio.value,
        ratio.low,
        ratio.high,
    )
table.loc[["mobilenetv2_050", "deit3_base_patch16_224"], "you predicted"] = (
    guesses["half"],
    guesses["transformer"],
)
table["multiply-adds per ns"] = table["million multiply-adds"] / table["ms"]
table = table.round(2)  # your choice is judged by the figures that you see
ledger().observe(
    "architecture.networks",
    table[["times as long", "top-1 %", "million weights"]].T.to_dict(),
)
table.sort_values("ms").style.format(precision=2, na_rep="")

# %% [markdown]
# *Times as long* is the ratio to `mobilenetv2_100`, round by round, with the ends of its 95 % interval. If arithmetic
# alone took time, the last column would be one number. It is not. A depthwise layer does nine multiply-adds for each
# number that it fetches, and then waits for memory; large dense layers keep the arithmetic units busy. And each
# operator costs some microseconds before it computes anything. On one thread of an AMD EPYC, the half MobileNetV2 took
# 0.54 times as long, with 0.32 times the arithmetic; ResNet-18 took 4.5 times as long, with 6 times the arithmetic. So
# count multiply-adds to know what is worth measuring, and then measure.
#
# ## The frontier
#
# One option *beats* another if it is at least as fast and at least as accurate, and better in one of the two. The
# options that no other beats form the *frontier*. For whatever time you may spend, the most accurate choice is on it.


# %% question="architecture.frontier"
def fastest_options(latencies_ms, accuracies):
    """Return the places of the options that no other option beats, ascending: no other is at least as fast and at
    least as accurate, and better in one of them."""
    ### BEGIN SOLUTION
    options = list(zip(latencies_ms, accuracies))
    return [
        place
        for place, (ms, accuracy) in enumerate(options)
        if not any(
            a <= ms and b >= accuracy and (a, b) != (ms, accuracy) for a, b in options
        )
    ]
    ### END SOLUTION


check("architecture.frontier", fastest_options)

# %% [markdown]
# The next cell draws all networks, and the frontier as a line. The bars are the intervals.

# %% folded=true
frontier = table.iloc[
    fastest_options(table["ms"].tolist(), table["top-1 %"].tolist())
].sort_values("ms")
figure, axis = plt.subplots(figsize=(10, 4.5), layout="constrained")
ms = table[["at least", "at most"]] * table.loc["mobilenetv2_100", "ms"]
axis.semilogx(table["ms"], table["top-1 %"], "o", color="silver")
axis.hlines(table["top-1 %"], ms["at least"], ms["at most"], color="silver", lw=3)
axis.step(frontier["ms"], frontier["top-1 %"], "o-", where="post", color="tab:blue")
for name, row in table.iterrows():
    side, shift = ("right", (-4, 6)) if name in frontier.index else ("left", (4, -12))
    axis.annotate(
        name,
        (row["ms"], row["top-1 %"]),
        shift,
        textcoords="offset points",
        fontsize=8,
        ha=side,
    )
axis.set(xlabel="milliseconds for one photo", ylabel="top-1 accuracy in %", xmargin=0.15)
print("On the frontier:", ", ".join(frontier.index))

# %% [markdown]
# If the intervals of two neighbours overlap, this run cannot tell which is faster, and the slower one of them may drop
# out of the frontier, or come back, when you measure again.
#
# ## Choose
#
# MobileNetV2 is from 2018, and on that EPYC two younger networks beat it. Which would you train? *Server*: as accurate
# as possible, in at most 20 times the MobileNetV2's time. *Device*: as accurate as possible within the manager's 5 MB,
# so with at most 5 million weights at one byte per weight, and no slower than the MobileNetV2.

# %% question="architecture.choice"
### BEGIN SOLUTION
in_time = table[table["times as long"] <= 20]
small = table[(table["million weights"] <= 5) & (table["times as long"] <= 1)]
choice = {"server": in_time["top-1 %"].idxmax(), "device": small["top-1 %"].idxmax()}
### STUB
choice = {"server": ..., "device": ...}
### END SOLUTION
check("architecture.choice", choice)

# %% [markdown]
# ## On your own photos
#
# ImageNet's accuracies are a promise: your photos are others. So the course has trained the MobileNetV2 in three widths
# on its own photos; the number in the name is the percentage of channels that is left.

# %%
names = [name for name in ARCHITECTURES if name.startswith("mobilenetv2")]
nets = {name: load_model(name, assets.model(f"food11-mini-{name}")) for name in names}
widths = {
    name: session_of(net, models_dir() / f"{name}.onnx") for name, net in nets.items()
}
compare(widths, images, labels, baseline="mobilenetv2").style.format(precision=2)

# %% [markdown]
# A narrower network is faster and smaller. Is it also worse, or was that chance? The 660 photos show 182 drawings, and
# a network that gets one photo of a drawing wrong often gets the others wrong as well. So losses are judged by
# *drawing*: the next table has the points that each width gains or loses, with a 95 % interval. Its accuracy is
# **kept** if the lower end stays above -3 points, which is about what 182 drawings can resolve. Otherwise it is **not
# shown**.

# %%
pairs = {name: ledger().paired_accuracy(name, "mobilenetv2") for name in names[1:]}
rows = [
    (100 * one.difference, 100 * one.interval.low, 100 * one.interval.high)
    for one in pairs.values()
]
pd.DataFrame(rows, pairs, ["points", "at least", "at most"]).round(1)

# %% [markdown]
# On the machine used for this page neither width was shown to keep its accuracy, and only the half one was surely
# worse: its whole interval lies below 0. *What measurements can say* tells how such an interval is made. All this holds
# for a network *with its training*: the one with 75 hundredths was trained for a third of the steps, and another recipe
# may do better, as with ResNet-50.
#
# ## What you found
#
# The right network for one place is the wrong one for another, and a minute of measuring rules out most of them before
# you train any. Then train what is fast enough, and judge it on photos like your customers'. This course goes on with
# the MobileNetV2, which is trained already; everything that you will do to it works for the others too.
#
# - `timm.list_models("*mobile*")` names many more. Put one on the frontier.
#
