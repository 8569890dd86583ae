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
# **Prerequisites:** *Quantize*, and *Compile the graph*, which writes `food11.onnx`.
# **Runs on:** a laptop.
#
# "With INT8, the file is below the app's 5 MB," says the manager, "so users will not mind
# its storage. That leaves room. Could a network of twice the size get below 5 MB as well?
# I would like a wider choice." INT8 needs one byte per weight. To need less, a network
# must have fewer weights, or weights of fewer bits, and both cost accuracy. So far you
# have *converted* a finished network. This time it can learn. **How much of the lost
# accuracy can a few seconds of training recover?** The next cell imports the libraries
# for this lesson.

# %% folded=true
# Import the libraries.
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
from labs.display.figures import label_lines
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
# The last stages of the network contain two thirds of its weights. You will remove half
# of their channels, and then train the rest, one round over the training photos. How many
# of 100 photos does the network get right, before and after the training?

# %%
predict("train.mended", cut=..., taught=...)

# %% [markdown]
# ## Train the end, remember the rest
#
# Training the complete network takes too long on a laptop. So the first fifteen stages,
# the *trunk*, stay as they are, and their output for each photo is computed only once.
# To get such an intermediate tensor, declare it as an output of the graph; ONNX Runtime
# then returns it. The rest, the *tail*, learns: three blocks, one more convolution, and
# the classifier.

# %%
float_path = models_dir() / "food11.onnx"
inside = "features.14.conv.2/Conv"
training_images, training_labels = load_split(assets.dataset(), "training")
images, labels = load_split(assets.dataset(), "evaluation")
activations = activations_of(float_path, training_images, [inside, "output"])
maps = torch.from_numpy(activations[inside])
teacher_logits = torch.from_numpy(activations["output"])
activations = activations_of(float_path, images, [inside])
evaluation_maps = torch.from_numpy(activations[inside])
trunk, tail = split(assets.model(), stages=15)

# %% [markdown]
# ## Channels out
#
# In a block, a 1 × 1 convolution turns 160 channels into 960. A depthwise convolution
# filters each of them, and another 1 × 1 convolution turns them into 160 again.
# **Structured pruning** removes complete channels. Removing one of the 960 saves a filter
# of the first convolution, a filter of the second, and a column of weights of the third.
# Outside the block, nothing changes. Which channels can go? The oldest idea is still a
# good one: those with the smallest weights.


# %%
def weakest_channels(weight, count):
    """Return the places of the `count` output channels with the smallest sums of absolute
    weights, in ascending order. The weight has the shape (output channels, input
    channels, height, width).
    """
    strength = np.abs(weight).sum(axis=(1, 2, 3))
    return np.sort(np.argsort(strength)[:count])


# Remove half of each wide layer's channels, from all layers that write or read them.
half = narrow(tail, weakest_channels)

# %% [markdown]
# **Unstructured pruning** sets the smallest weights to 0, wherever they are. The next
# cell also makes such a tail, `zeros`, with half of its weights, and counts the weights.
# Zeros stay in the file. What will they save?

# %% folded=true
# Set half of the tail's weights to zero, and count the weights of all variants.
zeros = copy.deepcopy(tail)
layers = [(layer, "weight") for layer in zeros.modules() if hasattr(layer, "weight")]
prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.5)
for layer, name in layers:
    prune.remove(layer, name)  # replace weights and mask by the masked weights
parts = {
    "trunk": trunk,
    "tail": tail,
    "half of the tail": half,
    "half of its weights zero": zeros,
}
for name, part in parts.items():
    weight_count = sum(weight.numel() for weight in part.parameters())
    print(f"{name}: {weight_count:,} weights")

# %% [markdown]
# ## A teacher
#
# The pruned network has to learn again: from the labels, or from a **teacher**, the
# complete network with its logits. **Distillation** trains a small network, the
# *student*, to imitate the answers of a large one. A label says "soup" and no more. The
# teacher's logits say that this soup looks a little like a dessert, and not at all like
# bread. Dividing all logits by a **temperature**, a number above 1, makes such small
# probabilities larger after the softmax. The loss on a photo is the **cross-entropy**:
# the sum of $-p \log q$ over all classes, with the teacher's probability $p$ and the
# student's $q$. A temperature $T$ divides the gradients by about $T^2$, so multiply the
# loss by $T^2$.


# %% question="train.soft_targets"
def soft_targets_loss(student_logits, teacher_logits, temperature):
    """Return the loss of learning from a teacher, averaged over the photos: a float.

    Both logits are arrays of the shape (photos, classes). Divide both by the temperature
    before the softmax. A photo's loss is the sum of -p log q over the classes, with the
    teacher's p and the student's q. Multiply the mean by the temperature squared. Use
    NumPy, not torch.

    If teacher and student give each of three classes the same logit, at a temperature of
    1, the loss is log 3, about 1.0986.
    """

    ### BEGIN SOLUTION
    def probabilities(logits):
        powers = np.exp(logits / temperature)
        return powers / powers.sum(axis=1, keepdims=True)

    p, q = probabilities(teacher_logits), probabilities(student_logits)
    return temperature**2 * -(p * np.log(q)).sum(axis=1).mean()
    ### END SOLUTION


check("train.soft_targets", soft_targets_loss)

# %% [markdown]
# torch's `cross_entropy` accepts probabilities as well as labels, and computes gradients
# too. The next cell defines two losses with it: `from_teacher` and `from_labels`. Does
# torch agree with you?


# %% folded=true
# Define both losses with torch, and compare one of them with yours.
def from_teacher(logits, places, temperature=2.0):
    probabilities = softmax(teacher_logits[places] / temperature, dim=1)
    return temperature**2 * cross_entropy(logits / temperature, probabilities)


def from_labels(logits, places):
    return cross_entropy(logits, torch.from_numpy(training_labels[places]))


logits = half(maps[:32]).detach()
yours = soft_targets_loss(logits.numpy(), teacher_logits[:32].numpy(), 2.0)
torchs = from_teacher(logits, range(32))
print(f"The loss before training: {yours:.4f} by your function, {torchs:.4f} by torch")

# %% [markdown]
# ## From eight bits to two
#
# The other way to need less than a byte per weight is fewer bits. **Fake quantization**
# rounds each number to the integers of *Quantize* and converts it straight back: the
# network computes in float32, but only with numbers that the format can represent. So you
# can try any number of bits.


# %%
def fake_quantize(x, scale, zero_point, qmin, qmax):
    """Return real numbers, converted to integers and back."""
    integers = np.clip(np.rint(x / scale) + zero_point, qmin, qmax)
    return scale * (integers - zero_point)


# %% [markdown]
# The next cell does this to the tail's weights, with one ruler per output channel, and
# draws the share of right answers for each number of bits. There is no training yet: this
# is post-training quantization, as in *Quantize*.


# %% folded=true
# Round the tail's weights to 8, 7, … 2 bits, and draw the share of right answers.
def in_bits(bits):
    """Return a function that rounds a weight to this number of bits, with one ruler per
    output channel.
    """
    last = 2 ** (bits - 1) - 1  # 127 for eight bits, 1 for two

    def rounded(weight):
        numbers = weight.detach().numpy()
        axes = tuple(range(1, numbers.ndim))  # all axes except the output channels
        scale = np.abs(numbers).max(axis=axes, keepdims=True) / last
        return torch.from_numpy(fake_quantize(numbers, scale, 0, -last, last))

    return rounded


right = {}
for bits in range(8, 1, -1):
    rounded_tail = reading_through(tail, in_bits(bits))
    right[bits] = 100 * share_right(rounded_tail, evaluation_maps, labels)
figure, axis = plt.subplots(figsize=(7, 3))
axis.set_title(f"{right[8]:.0f} of 100 are right with 8 bits, {right[2]:.0f} with 2")
axis.plot(list(right), list(right.values()), "o-")
above = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
for bits, share in right.items():
    axis.annotate(f"{share:.0f}", (bits, share), **above)
axis.invert_xaxis()
axis.set(xlabel="bits per weight of the tail", ylabel="right of 100 photos")
axis.set_ylim(0, 100)

# %% [markdown]
# On the machine used for this page, the line was flat down to five bits, with 80 to 82 of
# 100 photos right. Four bits had 77, three had 70, and two had 14.
#
# **Quantization-aware training** trains a network *with* its rounding, so that it can
# make up for it. How can a network learn through a staircase? Between two marks, the
# result does not change when x moves a little, so the gradient is 0. The
# **straight-through estimator** is a replacement for this gradient: it ignores the
# rounding on the way back, and keeps only the clipping.


# %% question="train.straight"
def straight_through(gradient, x, scale, zero_point, qmin, qmax):
    """Return the gradient for x: unchanged where x is on the ruler, 0 where x is clipped.

    gradient and x are arrays of the same shape. An x is clipped if its nearest mark would
    be below qmin or above qmax. Use NumPy, not torch.

    On the ruler (0.25, 0, -7, 7), the gradient of x = 1.7 stays as it is, and the
    gradient of x = 2.1 becomes 0.
    """
    ### BEGIN SOLUTION
    integers = np.rint(x / scale) + zero_point
    return gradient * ((integers >= qmin) & (integers <= qmax))
    ### END SOLUTION


check("train.straight", straight_through)

# %% [markdown]
# The next cell draws both directions. On the left, the staircase follows x from mark to
# mark and ends at the outermost marks. On the right are its true gradient, 0 on every
# step, and yours: 1 between the outermost marks, and 0 beyond them.

# %% folded=true
# Draw the staircase with its true gradient and with yours.
x = np.linspace(-2.2, 2.2, 2201)
ruler = (0.25, 0, -7, 7)  # scale, zero point, qmin, qmax
gradient = straight_through(np.ones_like(x), x, *ruler)
figure, axes = plt.subplots(1, 2)
left, right = axes
left.set_title("Forwards: a staircase")
right.set_title("Backwards: 1 on the ruler, 0 beyond")
left.plot(x, x, ":", label="x")
left.plot(x, fake_quantize(x, *ruler), label="fake_quantize(x)")
right.plot(x, 0 * x, ":", label="true gradient")
right.plot(x, gradient, label="straight_through(1, x)")
for axis in axes:
    label_lines(axis)

# %% [markdown]
# torch needs both directions in one class. The next cell makes one from your function and
# `fake_quantize`. The scale of a layer's ruler is 1.5 times its mean absolute weight. Two
# bits could represent four integers. We use three of them, -1, 0 and 1, so that the ruler
# is symmetric. Training changes the float weights that are then rounded.


# %% folded=true
# Make both directions one operation of torch.
class FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *ruler):
        ctx.x = x.detach().numpy()
        ctx.ruler = ruler
        return torch.as_tensor(fake_quantize(ctx.x, *ruler), dtype=x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        passed = straight_through(gradient.numpy(), ctx.x, *ctx.ruler)
        return torch.as_tensor(passed, dtype=gradient.dtype), None, None, None, None


# %%
def in_two_bits(weight):
    scale = 1.5 * weight.detach().abs().mean().item()
    return FakeQuantize.apply(weight, scale, 0, -1, 1)


# %% [markdown]
# ## Measure
#
# `fit` is a plain loop over torch's AdamW, and shows the network each photo once. The
# next cell trains three networks: half of the channels from the labels, half of the
# channels from the teacher, and two bits from the teacher.

# %%
guesses = predicted("train.mended")


def trained(module, loss):
    def train(report):
        return fit(module, maps, loss, seed=0, epochs=1, on_progress=report)

    return run_with_progress(train, "Train")


tails = {"whole": tail, "half of its weights zero": zeros, "half": half}
tails["two bits"] = reading_through(tail, in_two_bits)
tails["half, from labels"] = trained(half, from_labels)
tails["half, from the teacher"] = trained(half, from_teacher)
tails["two bits, from the teacher"] = trained(tails["two bits"], from_teacher)

right = {}
for name, module in tails.items():
    right[name] = 100 * share_right(module, evaluation_maps, labels)
ledger().observe("train.mended", right)
table = pd.Series(right, name="right of 100").to_frame()
table.loc["half", "you predicted"] = guesses["cut"]
table.loc["half, from the teacher", "you predicted"] = guesses["taught"]
table.style.format(precision=1, na_rep="")

# %% [markdown]
# On the machine used for this page, the network got 81 of 100 photos right. With half of
# the channels it got 13, and with two bits 16. One round of training brought this to 74
# with labels, to 79 with the teacher, and to 74 with two bits. Is the teacher better, or
# was this order of photos lucky? One training cannot tell. With three orders of photos,
# the teacher gained 7.3 points on average there, and the 95 % interval of that mean is
# 3.2 to 11.5. It does not contain 0, so luck does not explain the gain.
#
# ## The file
#
# The next cell writes trunk and tail into one file. It then quantizes the file as you
# did, in the format that fits your processor (`quantization_format`), with one scale per
# channel.

# %% folded=true
# Write the pruned networks as ONNX files, quantize one, and open all of them.
zeros_path = models_dir() / "zeros.onnx"
pruned_path = models_dir() / "pruned.onnx"
prepared_path = models_dir() / "pruned-prepared.onnx"
int8_path = models_dir() / "int8-pruned.onnx"
pruned = tails["half, from the teacher"]
export_onnx(torch.nn.Sequential(trunk, zeros).eval(), zeros_path)
export_onnx(torch.nn.Sequential(trunk, pruned).eval(), pruned_path)
quant_pre_process(pruned_path, prepared_path)
reader = ImageReader(training_images[::8])
settings = quantization_format().settings()
quantize_static(prepared_path, int8_path, reader, **settings)

sessions = {}
for path in (float_path, zeros_path, pruned_path, int8_path):
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    sessions[path.stem] = session

# %%
compare(sessions, images, labels, baseline="food11").style.format(precision=2, na_rep="")

# %% [markdown]
# Zeros take as many bytes as other numbers, so `zeros` is as large as float32. ONNX
# Runtime also multiplies them like other numbers, so there is no reason for `zeros` to be
# faster: look at *at least* and *at most*. `int8-pruned` is far below 5 MB. *accuracy* is
# 'kept' only if the interval over the 182 drawings stays above -3 points.
#
# ## What you found
#
# - **How much of the lost accuracy can a few seconds of training recover?** Most of it,
#   if you train the network *with* the change: it finds other weights that do nearly as
#   well.
# - Removed channels make the network smaller in every runtime.
# - Two bits do not pay off yet: no runtime of this course has a convolution for them.
#
# Tell the manager how much accuracy was lost, with your figures.
#
# Tools such as torchao, NNCF, Intel's Neural Compressor, NVIDIA's TensorRT Model
# Optimizer and Olive make such files too.
#
# **Try it yourself**
#
# - In four bits, from -7 to 7, set the scale to 0.7 times the mean absolute weight. How
#   much accuracy is left for the training to recover?
# - Remove the *strongest* half of the channels. How much does the teacher recover now?

# %% [markdown]
# ## Read more
#
# - [Distilling the Knowledge in a Neural Network](https://arxiv.org/abs/1503.02531) (G.
#   Hinton, O. Vinyals and J. Dean, 2015): teacher, student and temperature.
# - [Pruning Filters for Efficient ConvNets](https://arxiv.org/abs/1608.08710) (H. Li et
#   al., ICLR 2017): removing the channels with the smallest weights.
# - [Deep Compression](https://arxiv.org/abs/1510.00149) (S. Han, H. Mao and W. Dally,
#   ICLR 2016): pruning, few bits and coding, one after another.
# - [Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
#   Computation](https://arxiv.org/abs/1308.3432) (Y. Bengio, N. Léonard and A. Courville,
#   2013): the straight-through estimator.
# - [A White Paper on Neural Network Quantization](https://arxiv.org/abs/2106.08295) (M.
#   Nagel et al., 2021): when to train with quantization, and how.
