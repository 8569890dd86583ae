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
# do to one network later will make it a few times as fast. Between two networks lies far more, and nobody has to train
# either of them to see it: **a network takes the same time with random weights as with good ones.** How accurate it can
# become, others have published. **Which network would you train for the server, and which for the phone?**

# %%
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

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_model
from labs.records.ledger import ledger
from labs.records.reference import published_imagenet
from labs.widgets import compare, evaluate
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
# channels that its output channel looks at. Those are all of them where `groups` is 1. With more groups, inputs and
# outputs are shared out evenly among them, and an output looks at the inputs of its own group only. Each term of each
# sum is one **multiply-add**.


# %% question="architecture.adds"
def multiply_adds(height, width, channels_in, channels_out, kernel, groups):
    """Return how many multiply-adds a convolution takes; height and width are its output's."""
    ### BEGIN SOLUTION
    return height * width * channels_out * (channels_in // groups) * kernel**2
    ### END SOLUTION


check("architecture.adds", multiply_adds)

# %% [markdown]
# MobileNets replace one ordinary convolution by two cheap ones. Each small square below is a weight: row and column say
# which output channel looks at which input channel, and with which part of its window.

# %%
everyone, itself, window, point = np.ones((6, 6)), np.eye(6), np.ones((3, 3)), np.pad([[1]], 1)
kinds = {
    "ordinary 3 × 3": (everyone, window, 3, 1),
    "depthwise 3 × 3": (itself, window, 3, 6),
    "pointwise 1 × 1": (everyone, point, 1, 1),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
for axis, (kind, (joined, shape, kernel, groups)) in zip(axes, kinds.items()):
    axis.pcolormesh(np.kron(joined, shape), cmap="Blues", vmin=0, vmax=1.5, edgecolors="white", linewidth=0.5)
    axis.set_title(f"{kind}\n{multiply_adds(56, 56, 6, 6, kernel, groups):,} multiply-adds")
    axis.set(xlabel="input channel", ylabel="output channel", aspect="equal")
    axis.set(xticks=range(0, 19, 3), yticks=range(0, 19, 3), xticklabels=[], yticklabels=[])
    axis.grid(color="black")

# %% [markdown]
# A depthwise layer sees shapes and mixes no channels; a pointwise layer mixes channels and sees no shapes. Together
# they do both, and with 60 channels instead of 6 the two take an eighth of the ordinary one's arithmetic.
#
# ## Twelve networks that nobody trained
#
# `timm` builds them with random weights. The accuracies are from [its table of
# results](https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv) (Apache-2.0,
# October 2025): how many per cent of ImageNet's 50,000 validation photos, 224 pixels wide, were named right. All
# learned from ImageNet-1k alone, each by a recipe of its own, and the recipe counts too: this ResNet-50 has 80.4 %, and
# with its first recipe 76.2 %. Count, and write each network to an ONNX file: ONNX Runtime needs no Python between two
# layers.


# %%
def count(net, image):
    """Return the million multiply-adds of a network's convolutions and linear layers."""
    found = []

    def note(layer, inputs, output):
        if isinstance(layer, nn.Linear):  # a pointwise convolution
            sizes = (output[..., 0].numel(), 1, layer.in_features, layer.out_features, 1, 1)
        else:
            sizes = (*output.shape[2:], layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.groups)
        found.append(multiply_adds(*sizes))

    hooks = [one.register_forward_hook(note) for one in net.modules() if isinstance(one, (nn.Conv2d, nn.Linear))]
    with torch.inference_mode():
        net(image)
    for hook in hooks:
        hook.remove()
    return sum(found) / 1e6


def session_of(net, path):
    """Return an ONNX Runtime session of a network, by way of a file."""
    given = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
    with warnings.catch_warnings(action="ignore"):  # torch's older exporter: quicker, and on its way out
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
# In turns, as in *Measure the model*, 15 calls each. That is few, and enough for networks that lie so far apart.

# %%
guesses = predicted("architecture.times")
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
calls = {name: [] for name in sessions}
for _ in range(5):
    for name, session in sessions.items():
        time.sleep(0.05)  # until the threads of the network before have gone to sleep
        for call in range(4):
            begin = time.perf_counter()
            session.run(None, {"input": images[:1]})
            if call > 0:  # the first one warms up
                calls[name].append(1000 * (time.perf_counter() - begin))
table["ms"] = pd.Series(calls).map(np.median)
table["times as long"] = table["ms"] / table.loc["mobilenetv2_100", "ms"]
table.loc[["mobilenetv2_050", "deit3_base_patch16_224"], "you predicted"] = guesses["half"], guesses["transformer"]
table["multiply-adds a nanosecond"] = table["million multiply-adds"] / table["ms"]
ledger().observe("architecture.networks", table[["ms", "top-1 %", "million weights"]].T.to_dict())
table.sort_values("ms").style.format(precision=2, na_rep="")

# %% [markdown]
# If arithmetic alone took time, the last column would be one number. It is not. A depthwise layer does nine
# multiply-adds for each number that it fetches, and then waits for memory; large dense layers keep the arithmetic units
# busy. And each operator costs some microseconds before it computes anything. On one thread of an AMD EPYC, the half
# MobileNetV2 took 0.54 times as long, with 0.32 times the arithmetic; ResNet-18 took 4.5 times as long, with 6 times
# the arithmetic. So count multiply-adds to know what is worth measuring, and then measure.
#
# ## The frontier
#
# One option *beats* another if it is at least as fast and at least as accurate, and better in one of them. Whoever is
# beaten by nobody is on the frontier, and only those are worth a thought.


# %% question="architecture.frontier"
def fastest_options(latencies_ms, accuracies):
    """Return the places of the options that no other option beats, ascending: no other is at least as fast and at
    least as accurate, and better in one of them."""
    ### BEGIN SOLUTION
    options = list(zip(latencies_ms, accuracies))
    return [
        place
        for place, (ms, accuracy) in enumerate(options)
        if not any(a <= ms and b >= accuracy and (a, b) != (ms, accuracy) for a, b in options)
    ]
    ### END SOLUTION


check("architecture.frontier", fastest_options)

# %%
frontier = table.iloc[fastest_options(table["ms"].tolist(), table["top-1 %"].tolist())].sort_values("ms")
figure, axis = plt.subplots(figsize=(10, 4.5), layout="constrained")
axis.semilogx(table["ms"], table["top-1 %"], "o", color="silver")
axis.step(frontier["ms"], frontier["top-1 %"], "o-", where="post", color="tab:blue")
for name, row in table.iterrows():
    side, shift = ("right", (-4, 6)) if name in frontier.index else ("left", (4, -12))
    axis.annotate(name, (row["ms"], row["top-1 %"]), shift, textcoords="offset points", fontsize=8, ha=side)
axis.set(xlabel="milliseconds for one photo", ylabel="top-1 accuracy in %", xmargin=0.15)
print("On the frontier:", ", ".join(frontier.index))

# %% [markdown]
# ## Choose
#
# MobileNetV2 is from 2018, and on that EPYC two younger networks beat it. Which would you train? *Server*: as accurate
# as possible, but it may take 20 times as long as the MobileNetV2 at most. *Device*: as accurate as possible in 5 MB at
# one byte a weight, so with 5 million weights at most, and it may not take longer than the MobileNetV2.

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
# ImageNet's accuracies are a promise and not yet yours. So the course has trained the MobileNetV2 in three widths on
# its own photos; the number behind the name is the share of its channels in hundredths.

# %%
names = [name for name in ARCHITECTURES if name.startswith("mobilenetv2")]
nets = {name: load_model(name, assets.model(f"food11-mini-{name}")) for name in names}
widths = {name: session_of(net, models_dir() / f"{name}.onnx") for name, net in nets.items()}
compare(widths, images[:1], baseline="mobilenetv2").join(evaluate(widths, images, labels)).style.format(precision=2)

# %% [markdown]
# A narrower one is faster and smaller. Is it also worse, or was that chance? The photos are no help as they are: 660 of
# them show 182 drawings, and whoever fails at one photo of a drawing often fails at the others. So judge by *drawing*.
# If two networks were equally good, each drawing's difference might as well have had the other sign; *p* is the share
# of all such swaps that look as uneven as this. Holm's correction raises it where several pairs are judged: the
# smallest one times their number, the next one times one less, and none below the one before it.

# %%
pairs = {name: ledger().paired_accuracy(name, "mobilenetv2") for name in names[1:]}
rows = [(100 * one.difference, 100 * one.interval.low, 100 * one.interval.high) for one in pairs.values()]
against_the_full = pd.DataFrame(rows, pairs, ["points", "at least", "at most"])
p = pd.Series({name: one.p_value for name, one in pairs.items()}).sort_values()
against_the_full["p"] = (p * np.arange(len(p), 0, -1)).cummax().clip(upper=1)
against_the_full.round(3)

# %% [markdown]
# A loss may be claimed where both ends lie below 0, of a network *with its training*: another recipe may do better, as
# ResNet-50 has shown, and the one with 75 hundredths was trained for a third of the steps.
#
# ## What you found
#
# The right network for one place is the wrong one for another, and a minute of measuring leaves out most of them before
# anybody trains. Then train what is fast enough, and judge it on photos like your customers'. This course goes on with
# the MobileNetV2, which is trained already; all that you will do to it works for the others too.
#
# - `timm.list_models("*mobile*")` names many more. Put one on the frontier.
#
