# ---
# jupyter:
#   lesson:
#     title: Choose an architecture
#     summary: several networks on one frontier; operations, memory traffic and milliseconds; a paired test
#     part: 1
#     number: "10b"
#     minutes: 40
#     kind: extra
#     where: [laptop]
#     needs: ["10"]
#     ports: []
#     uses: ["memory", "disk"]
# ---

# %% [markdown]
# # Choose an architecture
#
# "Before you polish the MobileNetV2," says the manager, "is it the right network at all?" A fair question. Graph
# optimizations win tens of per cent, quantization a factor of two to four; between two architectures of equal accuracy
# there can be more than either, and all of it comes before the first optimization.
#
# ## You will do
#
# Build networks from two libraries, export each to ONNX, count what they compute and what they move, measure all of
# them side by side, and choose one for each target.
#
# ## You will learn
#
# - what an architecture's *multiply-adds* and its *memory traffic* are, and how to count them;
# - why half of the operations is not half of the milliseconds;
# - which differences in accuracy 660 images can show, and which they cannot.
#
# ## You need
#
# Lesson 10, and 40 minutes; the machine works for about one of them.

# %%
import math
import warnings

import numpy as np
import onnxruntime as ort
import pandas as pd
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import accuracy_latency, side_by_side
from labs.data.dataset import load_split
from labs.data.labels import NUM_CLASSES
from labs.data.models import ARCHITECTURES
from labs.records.ledger import ledger
from labs.widgets import run_with_progress
from labs.workspace import workspace_dir

# %% [markdown]
# ## Predict
#
# `mobilenetv2-050` is the MobileNetV2 with half of the channels in each layer, and about a third of its multiply-adds.
# How long does it take for one image, as a percentage of the full one's time?

# %% checkpoint="m.arch.half_guess"
predict("m.arch.half_guess", ...)

# %% [markdown]
# MobileNetV2 is from 2018, EfficientNet-Lite from 2020, LCNet, made for Intel's CPUs, from 2021, MobileNetV4 from 2024.
# Which answers a single image fastest on this machine?

# %% checkpoint="m.arch.fastest_guess"
predict("m.arch.fastest_guess", ...)

# %% [markdown]
# ## Act
#
# ### The networks
#
# `torchvision` defines the MobileNetV2, `timm` the others. Their weights come with the course, in half precision, and
# become float32 as they are loaded. All learned the same drawings; the [model cards](../../assets/models/README.md)
# say from which start, by which teacher, with how many steps. A network that starts from ImageNet has seen a million
# photographs more than one that starts from noise: what you compare is an architecture *with its start*.

# %%
nets = {}
for name, (library, theirs, options) in ARCHITECTURES.items():
    create = timm.create_model if library == "timm" else torchvision.models.get_model
    nets[name] = create(theirs, num_classes=NUM_CLASSES, **options)
    nets[name].load_state_dict(load_file(assets.model(f"food11-mini-{name}")))
    nets[name].eval()
pd.Series({name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}, name="weights")

# %% [markdown]
# ### To ONNX
#
# Lesson 12 takes its time for the export. Here write one call that serves for every network: `torch.onnx.export` of
# `net`, with an example of two images, to `path`, with `dynamo=True`, the batch axis left free
# (`dynamic_shapes=({0: torch.export.Dim("batch")},)`), `external_data=False` and `opset_version=18`.


# %% checkpoint="m.arch.files"
def export(net, path):
    """Write a network to an ONNX file with a free batch axis."""
    ...


# %%
# Not among the models of the other lessons: these stay on this machine.
folder = workspace_dir() / "architectures"
folder.mkdir(parents=True, exist_ok=True)
made = {name: folder / f"{name}.onnx" for name in nets}
with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch's exporter about torch's own insides
    for name, net in nets.items():
        export(net, made[name])
check("m.arch.files", made)

# %% [markdown]
# ### What they compute, and what they move
#
# A hook on each convolution notes its size while one image passes. Lists of such notes are all that you need now.


# %%
def convolutions(net):
    """Return the sizes of a network's convolutions for one image of 224 × 224."""
    found = []

    def note(layer, inputs, output):
        sizes = {"in_channels": layer.in_channels, "out_channels": layer.out_channels, "groups": layer.groups}
        sizes |= {"kernel_px": layer.kernel_size[0], "in_px": inputs[0].shape[-1], "out_px": output.shape[-1]}
        found.append(sizes)

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        net(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    return found


layers = {name: convolutions(net) for name, net in nets.items()}
pd.DataFrame(layers["mobilenetv2"]).head(4)

# %% [markdown]
# Each output value of a convolution is a sum over a window of `kernel_px` × `kernel_px` and over the input channels of
# its *group*: all of them where `groups` is 1, a single one in a depthwise layer. How many **multiply-adds** is the
# layer? And how many **bytes** have to be moved at least, in float32: input read, weights read, output written?


# %% checkpoint="m.arch.work"
def work_of(layer):
    """Return (multiply_adds, bytes_moved) of one convolution, for one square image in float32."""
    ...


# %%
check("m.arch.work", work_of)

# %%
unknown = (np.nan, np.nan)  # as long as the function is not written
work = {name: np.array([work_of(one) or unknown for one in found]).sum(0) for name, found in layers.items()}
rows = {name: (adds / 1e6, moved / 1e6, adds / moved) for name, (adds, moved) in work.items()}
counted = pd.DataFrame(rows, index=["million multiply-adds", "MB moved", "multiply-adds a byte"]).T
counted.round(1)

# %% [markdown]
# ## Measure
#
# ### Side by side
#
# All of them in turns in one run, a single image each:

# %%
predicted("m.arch.half_guess")
predicted("m.arch.fastest_guess")
images, labels = load_split(assets.dataset(), "evaluation")
sessions = {
    f"arch-{name}": ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in made.items()
}
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], rounds=12, on_progress=report), "Networks side by side"
)
for record in comparison.records:
    ledger().append(record)
side_by_side(comparison, "arch-mobilenetv2")

# %%
reconcile("m.arch.half_guess")

# %%
reconcile("m.arch.fastest_guess")

# %% [markdown]
# ### Why fewer operations are not fewer milliseconds
#
# If only operations counted, each network would take the same time for a million of them.

# %%
counted["ms"] = {record.option.removeprefix("arch-"): record.percentile(50) * 1e3 for record in comparison.records}
counted["µs a million"] = 1e3 * counted["ms"] / counted["million multiply-adds"]
counted.sort_values("ms").round(2)

# %% [markdown]
# Read the last column against the one of multiply-adds a byte. A depthwise layer does nine operations for each value
# that it fetches, a pointwise one as many as it has channels: the first waits for memory, the second for arithmetic.
# And each operator costs a few microseconds before it computes anything, however small it is. Half of the channels
# halve the traffic, but quarter the operations of a pointwise layer; the number of operators stays.
#
# ### Accuracy and size

# %%
for option, session in sessions.items():
    record = run_with_progress(
        lambda report, session=session, option=option: bench.accuracy(
            session, images, labels, option=option, on_progress=report
        ),
        f"Accuracy of {option}",
    )
    ledger().append(record)
    ledger().append(bench.size(session, option=option))

# %%
records = [record for record in ledger().measurements() if record.option in sessions]
accuracy_latency(records, title="Networks by accuracy and latency")

# %%
newest = {kind: [ledger().latest(kind=kind, option=f"arch-{name}") for name in nets] for kind in ("size", "accuracy")}
counted["MB of the file"] = [record.samples[-1] / 1e6 for record in newest["size"]]
counted["accuracy"] = [np.mean(record.samples) for record in newest["accuracy"]]
counted.sort_values("ms").round(3)

# %% [markdown]
# ### Which differences are real?
#
# All of them saw the same 660 images, so count only those on which two networks disagree. If both were equally good,
# each of these would fall to either side like a coin. That of `n` coins at most `k` show heads has the probability
# `sum(math.comb(n, i) for i in range(k + 1)) / 2**n`. With `k` the smaller side, twice that is the *p value*: either
# network might have been the better one. Below 0.05 you may claim a difference.


# %% checkpoint="m.arch.differs"
def differs(right_a, right_b):
    """Return whether two networks differ in accuracy by the paired (McNemar) test at 0.05.

    right_a and right_b are lists of 1 (right) and 0 (wrong), for the same images in the same order.
    """
    ...


# %%
check("m.arch.differs", differs)

# %%
right = {name: ledger().latest(kind="accuracy", option=f"arch-{name}").samples for name in nets}
said = {True: "differs", False: "cannot tell"}
pd.DataFrame({a: {b: said[bool(differs(right[a], right[b]))] for b in nets if b != a} for a in nets}).fillna("")

# %% [markdown]
# That says something about these *files* on these 660 images. It does not say that one architecture is better than
# another: for that, each would have to be trained several times, and shown other artists. Two of them began with random
# weights and have seen nothing but this course's drawings, and it shows. With ImageNet's million photographs behind
# them, MobileNetV4-Conv-S and LCNet are published 0.9 points above and 0.8 below the MobileNetV2 (timm's table of
# results). So the column of accuracies compares starts as much as networks.
#
# The column of milliseconds does not: a network is as fast with random weights as with good ones. That is why one times
# candidates first, and trains only what is fast enough.
#
# ## Checkpoint
#
# Choose a network for the manager's server (a single image at a time, CPU): none that your test calls *worse* than the
# MobileNetV2. And one for the device, whose file has to be smaller than 5 MB *as it is now*, in float32. Neither choice
# may be beaten: a network that is at least as accurate and as fast, and better in one, would have been the one to take.
# Say in a sentence or two which difference you relied on, and by which test.

# %% checkpoint="m.arch.choice"
answer("m.arch.choice", {"server": ..., "device": ..., "reason": ...})

# %%
check("m.arch.choice")

# %%
check("m.arch.half_guess")

# %%
check("m.arch.fastest_guess")

# %% [markdown]
# ## On your own
#
# - Give each session one thread (`SessionOptions().intra_op_num_threads = 1`). Does the order stay?
# - `timm.list_models("*mobile*")` names many more. Time one with random weights: speed needs no training.
# - Quantization (lesson 14) changes the frontier. Which of them would you expect to lose most, and why?
