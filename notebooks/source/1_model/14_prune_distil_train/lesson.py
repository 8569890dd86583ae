# ---
# jupyter:
#   lesson:
#     id: train
#     title: Prune, distil, train for it
#     summary: channels out, a teacher's answers, and two bits that the network is trained for
#     part: 1
#     kind: core
#     where: [laptop]
#     needs: [quantize]
#     ports: []
#     takes: {compile: [models/food11.onnx]}
# ---

# %% [markdown]
# # Prune, distil, train for it
#
# "INT8 keeps the device's limit of < 5 MB," says the manager. "So there is room. Could a network of twice the size get
# below it as well? I would like a wider choice." INT8 takes one byte per weight. To go below that, a network needs
# fewer weights, or weights of fewer bits, and both cost accuracy. So far you have *converted* a finished network. This
# time it may learn. **How much of what shrinking breaks can a few seconds of training mend?** You need a laptop, and
# `food11.onnx` from *Compile the graph*. The next cell imports what the lesson uses.

# %% folded=true
import copy

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.nn.functional import cross_entropy, softmax
from torch.nn.utils import prune

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.prune import narrow
from labs.optimize.static_quantization import ImageReader, activations_of
from labs.optimize.train import fit, reading_through, share_right, split
from labs.records.ledger import ledger
from labs.widgets import compare, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# The last stages of the network hold two thirds of its weights. You will take half of their channels out, and then
# train what is left, one round over the training photos. How many of 100 photos does it get right, before and after?

# %%
predict("train.mended", cut=..., taught=...)

# %% [markdown]
# ## Train the end, remember the rest
#
# Training a whole network takes a laptop too long. So the first fifteen stages, the **trunk**, stay as they are, and
# what they make of each photo is computed once: ONNX Runtime returns any value inside a graph that is named as an
# output. What learns is the **tail**: three blocks, one more convolution, and the classifier.

# %%
float_path, inside = models_dir() / "food11.onnx", "features.14.conv.2/Conv"
training_images, training_labels = load_split(assets.dataset(), "training")
images, labels = load_split(assets.dataset(), "evaluation")
seen = activations_of(float_path, training_images, [inside, "output"])
maps, teacher_logits = torch.from_numpy(seen[inside]), torch.from_numpy(seen["output"])
evaluation_maps = torch.from_numpy(activations_of(float_path, images, [inside])[inside])
trunk, tail = split(assets.model(), stages=15)

# %% [markdown]
# ## Channels out
#
# In a block, a 1 × 1 convolution makes 960 channels of 160, a depthwise one filters each of them, and another 1 × 1
# convolution makes 160 of them again. Taking out one of the 960 saves a filter of the first convolution, one of the
# second, and a column of weights of the third. Outside the block, nothing changes. This is **structured pruning**.
# Which channels can go? The oldest idea is still a good one: those with the smallest weights.


# %%
def weakest_channels(weight, count):
    """Return the places of the `count` output channels whose absolute weights sum to least, the smallest place first.
    The weight has the shape (output channels, input channels, height, width).
    """
    strength = np.abs(weight).sum(axis=(1, 2, 3))
    return np.sort(np.argsort(strength)[:count])


half = narrow(
    tail, weakest_channels
)  # half of each wide layer, out of all layers that make or read it

# %% [markdown]
# **Unstructured pruning** sets the smallest weights to 0, wherever they are. The next cell makes such a tail as well,
# `zeros`, with half of its weights, and counts. Zeros stay in the file: what will they save?

# %% folded=true
zeros = copy.deepcopy(tail)
layers = [(layer, "weight") for layer in zeros.modules() if hasattr(layer, "weight")]
prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.5)
for layer, name in layers:
    prune.remove(layer, name)  # what was a mask over the weights becomes the weights
parts = {
    "trunk": trunk,
    "tail": tail,
    "half of the tail": half,
    "half of its weights zero": zeros,
}
{
    name: f"{sum(weight.numel() for weight in part.parameters()):,} weights"
    for name, part in parts.items()
}

# %% [markdown]
# ## A teacher
#
# What is left has to learn again: from the labels, or from the whole network, the **teacher**. A label says "soup" and
# no more. The teacher's logits say that this soup looks a little like a dessert, and not at all like bread. If all
# logits are divided by a **temperature** above 1, softmax makes such small probabilities larger. The loss on a photo is
# the **cross-entropy**: the sum of -p log q over all classes, with the teacher's probability p and the student's q. A
# temperature makes gradients smaller by its square, so multiply the loss by that. This is **distillation**.


# %% question="train.soft_targets"
def soft_targets_loss(student_logits, teacher_logits, temperature):
    """Return the mean cross-entropy between the teacher's and the student's probabilities, both at this temperature,
    times the temperature squared; logits are arrays with one row per photo."""
    ### BEGIN SOLUTION
    p, q = (np.exp(logits / temperature) for logits in (teacher_logits, student_logits))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return temperature**2 * -(p * np.log(q)).sum(axis=1).mean()
    ### END SOLUTION


check("train.soft_targets", soft_targets_loss)

# %% [markdown]
# torch's `cross_entropy` takes probabilities as well as labels, and finds gradients too. The next cell makes a loss
# of it `from_teacher` and one `from_labels`. Does torch agree with you?


# %% folded=true
def from_teacher(logits, places, temperature=2.0):
    probabilities = softmax(teacher_logits[places] / temperature, dim=1)
    return temperature**2 * cross_entropy(logits / temperature, probabilities)


def from_labels(logits, places):
    return cross_entropy(logits, torch.from_numpy(training_labels[places]))


logits = half(maps[:32]).detach()
yours = soft_targets_loss(logits.numpy(), teacher_logits[:32].numpy(), 2.0)
print(
    f"The loss before training: {yours:.4f} by your function, {from_teacher(logits, range(32)):.4f} by torch"
)

# %% [markdown]
# ## From eight bits to two
#
# The other way below a byte is fewer bits. **Fake quantization** goes to the integers of *Quantize* and straight back:
# the network computes in float32, but only with numbers that the format can hold. So any number of bits can be tried.


# %%
def fake_quantize(x, scale, zero_point, qmin, qmax):
    """Return real numbers after a trip to integers and back."""
    integers = np.clip(np.rint(x / scale) + zero_point, qmin, qmax)
    return scale * (integers - zero_point)


# %% [markdown]
# The next cell does that to the tail's weights, with a ruler for each output channel, and draws the share of right
# answers for each number of bits. Nothing is trained yet: this is **post-training quantization**, as in *Quantize*.


# %% folded=true
def in_bits(bits):
    """Return a function of a weight that gives each output channel a ruler of so many bits."""
    last = 2 ** (bits - 1) - 1  # 127 for eight bits, 1 for two

    def rounded(weight):
        numbers = weight.detach().numpy()
        reach = np.abs(numbers).max(axis=tuple(range(1, numbers.ndim)), keepdims=True)
        return torch.from_numpy(fake_quantize(numbers, reach / last, 0, -last, last))

    return rounded


rounded = {bits: reading_through(tail, in_bits(bits)) for bits in range(8, 1, -1)}
right = {
    bits: 100 * share_right(module, evaluation_maps, labels)
    for bits, module in rounded.items()
}
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
axis.plot(list(right), list(right.values()), "o-")
for bits, share in right.items():
    axis.annotate(
        f"{share:.0f}", (bits, share), (0, 6), textcoords="offset points", ha="center"
    )
axis.invert_xaxis()
axis.set(
    xlabel="bits per weight of the tail", ylabel="right of 100 photos", ylim=(0, 100)
)

# %% [markdown]
# On the machine used for this page the line was flat down to five bits, at 80 to 82; four left 77 of 100 right, three
# 70, and two 14.
#
# To make up for its rounding, a network is trained *with* it: **quantization-aware training**. How can it learn through
# a staircase? Between two marks, nothing changes when x moves a little, so the gradient is 0. The **straight-through
# estimator** ignores the rounding on the way back, and keeps only the clipping.


# %% question="train.straight"
def straight_through(gradient, x, scale, zero_point, qmin, qmax):
    """Return the gradient for x: as it came if x lies on the ruler, 0 if it was clipped."""
    ### BEGIN SOLUTION
    integers = np.rint(x / scale) + zero_point
    return gradient * ((integers >= qmin) & (integers <= qmax))
    ### END SOLUTION


check("train.straight", straight_through)

# %% [markdown]
# The next cell draws both directions. On the left, the staircase follows x from mark to mark and ends at the outermost
# ones. On the right are its true gradient, 0 on every step, and yours: the slope of the dotted line, as far as the
# ruler reaches.

# %% folded=true
x, ruler = np.linspace(-2.2, 2.2, 2201), (0.25, 0, -7, 7)
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
axes[0].plot(x, x, ":", label="x")
axes[0].plot(x, fake_quantize(x, *ruler), label="fake_quantize(x)")
axes[1].plot(x, 0 * x, ":", label="true gradient")
axes[1].plot(
    x, straight_through(np.ones_like(x), x, *ruler), label="straight_through(1, x)"
)
for axis in axes:
    axis.legend()

# %% [markdown]
# torch wants both directions in one class, which the next cell makes of your function and `fake_quantize`. A layer's
# ruler has a gap of 1.5 times its mean absolute weight, and two bits hold three marks on it: -1, 0 and 1. Training
# changes the float weights that are rounded.


# %% folded=true
class FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *ruler):
        ctx.x, ctx.ruler = x.detach().numpy(), ruler
        return torch.as_tensor(fake_quantize(ctx.x, *ruler), dtype=x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        passed = straight_through(gradient.numpy(), ctx.x, *ctx.ruler)
        return torch.as_tensor(passed, dtype=gradient.dtype), None, None, None, None


# %%
def in_two_bits(weight):
    return FakeQuantize.apply(weight, 1.5 * weight.detach().abs().mean().item(), 0, -1, 1)


# %% [markdown]
# ## Measure
#
# `fit` is a plain loop over torch's AdamW, and shows each photo once. There are three trainings: half of the channels
# from labels, the same from the teacher, and two bits from the teacher.

# %%
guesses = predicted("train.mended")


def trained(module, loss):
    return run_with_progress(
        lambda report: fit(module, maps, loss, seed=0, epochs=1, on_progress=report),
        "Train",
    )


tails = {"whole": tail, "half of its weights zero": zeros, "half": half}
tails["two bits"] = reading_through(tail, in_two_bits)
tails["half, from labels"] = trained(half, from_labels)
tails["half, from the teacher"] = trained(half, from_teacher)
tails["two bits, from the teacher"] = trained(tails["two bits"], from_teacher)

rows = {
    name: 100 * share_right(module, evaluation_maps, labels)
    for name, module in tails.items()
}
ledger().observe("train.mended", rows)
yours = {"half": guesses["cut"], "half, from the teacher": guesses["taught"]}
pd.DataFrame({"right of 100": rows, "you predicted": yours}).loc[list(rows)].style.format(
    precision=1, na_rep=""
)

# %% [markdown]
# On the machine used for this page, half of the channels left 13 of 81 right, and two bits 16. One round brought back
# 74 with labels and 79 with the teacher, and 74 in two bits. Is the teacher better, or was this order of photos lucky?
# One training cannot tell. With three orders of photos, the teacher gained 7.3 points on average there, and the 95 %
# interval of that mean goes from 3.2 to 11.5. It does not hold 0, so that was not luck.
#
# ## The file
#
# The next cell writes trunk and tail into one file, and quantizes it as you did, in the format that fits your processor
# (`quantization_format`), with one scale per channel.

# %% folded=true
paths = {
    name: models_dir() / f"{name}.onnx"
    for name in ("food11", "zeros", "pruned", "int8-pruned")
}
prepared_path, reader = (
    models_dir() / "pruned-prepared.onnx",
    ImageReader(training_images[::8]),
)
export_onnx(torch.nn.Sequential(trunk, zeros).eval(), paths["zeros"])
export_onnx(
    torch.nn.Sequential(trunk, tails["half, from the teacher"]).eval(), paths["pruned"]
)
quant_pre_process(paths["pruned"], prepared_path)
quantize_static(
    prepared_path, paths["int8-pruned"], reader, **quantization_format().settings()
)

sessions = {
    name: ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for name, path in paths.items()
}

# %%
compare(sessions, images, labels, baseline="food11").style.format(precision=2, na_rep="")

# %% [markdown]
# Zeros take as many bytes as other numbers and are multiplied like them, so `zeros` is as large as float32, and your
# table shows that it is hardly faster. `int8-pruned` is far below 5 MB. *accuracy* is 'kept' only if the interval over
# the 182 drawings stays above -3 points.
#
# ## What you found
#
# How much can a few seconds of training mend? Most of it, if the network is trained *with* what was done to it: it
# finds other weights that do nearly as well. Channels that are gone are gone for every runtime. Two bits are a promise:
# no runtime of this course has a convolution for them. Tell the manager what was lost, with your figures.
#
# Others make such files with torchao, NNCF, Intel's Neural Compressor, NVIDIA's TensorRT Model Optimizer or Olive.
#
# - In four bits, from -7 to 7, let the gap be 0.7 times the mean weight. What is left to train?
# - Take out the *strongest* half. How much does the teacher bring back now?
