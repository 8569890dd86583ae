# ---
# jupyter:
#   lesson:
#     id: seeds
#     title: Three seeds, four bits
#     summary: whether a teacher helps or a seed was lucky, and a file with half a byte for a weight
#     part: 1
#     kind: deeper
#     where: [laptop]
#     needs: [train]
#     ports: []
#     takes: {compile: [models/food11.onnx], quantize: [models/int8-static-u8s8.onnx]}
# ---

# %% [markdown]
# # Three seeds, four bits
#
# In *Prune, distil, train for it* a teacher brought more back than the labels did, in one training of each. "One?" asks
# the manager, who once studied medicine. "Was that the teacher, or luck? And if two bits are only a promise, would half
# a byte do?" **What can be said after several trainings, and what do four bits bring in a file?** You need a laptop,
# and the files of *Compile the graph* and *Quantize*.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import torch
from onnxruntime.quantization import QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.nn.functional import cross_entropy, softmax

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
# Half of the tail's channels go again, and what is left is trained for one round: three times from the teacher's
# answers, three times from the labels. How many points more does the teacher bring, on average? (Fewer are a negative
# number.)

# %%
predict("seeds.teacher", gain=...)

# %% [markdown]
# ## Three seeds
#
# As before, the first fifteen stages stay as they are, and what they make of each photo is computed once. A *seed*
# decides in which order the photos come, and nothing else is random. So two trainings with one seed differ in what you
# changed, and trainings with several seeds show what chance does.

# %%
float_path, inside = models_dir() / "food11.onnx", "features.14.conv.2/Conv"
training_images, training_labels = load_split(assets.dataset(), "training")
images, labels = load_split(assets.dataset(), "evaluation")
seen = activations_of(float_path, training_images, [inside, "output"])
maps, teacher_logits = torch.from_numpy(seen[inside]), torch.from_numpy(seen["output"])
evaluation_maps = torch.from_numpy(activations_of(float_path, images, [inside])[inside])
trunk, tail = split(assets.model(), stages=15)
half = narrow(tail)


def from_teacher(logits, places, temperature=2.0):
    probabilities = softmax(teacher_logits[places] / temperature, dim=1)
    return temperature**2 * cross_entropy(logits / temperature, probabilities)


def from_labels(logits, places):
    return cross_entropy(logits, torch.from_numpy(training_labels[places]))


# %%
guesses = predicted("seeds.teacher")


def right_after(loss, seed):
    title = f"{loss.__name__}, seed {seed}"
    work = lambda report: fit(half, maps, loss, seed=seed, epochs=1, on_progress=report)  # noqa: E731
    return share_right(run_with_progress(work, title), evaluation_maps, labels)


shares = {loss.__name__: [right_after(loss, seed) for seed in range(3)] for loss in (from_teacher, from_labels)}
ledger().observe("seeds.teacher", shares)
pd.DataFrame(shares, index=["seed 0", "seed 1", "seed 2"]).style.format("{:.1%}")

# %% [markdown]
# ## What three seeds can show
#
# Each seed gives one difference. Three differences have a mean, and how far it may be off is a question for Student's
# t: from three values, the spread itself is hardly known, so the interval is more than twice as wide as a normal
# distribution would make it.


# %% question="seeds.gain"
def gain_over_seeds(with_it, without):
    """Return (mean, low, high): the gain in points (hundredths) with its 95 % interval.

    with_it and without hold shares of photos that are right, one for each seed, the same seed in the same place.
    Student's t on the differences, with their standard deviation from n - 1.
    """
    ### BEGIN SOLUTION
    from scipy.stats import t

    apart = 100 * (np.array(with_it) - np.array(without))
    mean, error = apart.mean(), apart.std(ddof=1) / np.sqrt(len(apart))
    reach = t.ppf(0.975, len(apart) - 1) * error
    return mean, mean - reach, mean + reach
    ### END SOLUTION


check("seeds.gain", gain_over_seeds)

# %%
mean, low, high = gain_over_seeds(shares["from_teacher"], shares["from_labels"])
figure, axis = plt.subplots(figsize=(9, 2.5), layout="constrained")
axis.plot(100 * (np.array(shares["from_teacher"]) - shares["from_labels"]), [1, 1, 1], "o", label="one seed each")
axis.errorbar(mean, 0.6, xerr=[[mean - low], [high - mean]], fmt="s", capsize=6, label="mean, 95 % interval")
axis.plot(guesses["gain"], 0.2, "*", label="you predicted")
axis.axvline(0, color="grey", ls=":")
axis.set(xlabel="what the teacher gains, in points", yticks=[], ylim=(0, 1.4))
axis.legend()
print(f"{mean:.1f} points, 95 % interval {low:.1f} to {high:.1f}")

# %% [markdown]
# Only an interval without 0 in it says that the teacher did it. On the machine used for this page, the gain was 7.3
# points, and the interval went from 3.2 to 11.5: that was not luck. The same spread around a gain of 3 points would
# have shown nothing. And the interval is about other seeds, judged by these photos, and not about other photos.
#
# ## Four bits
#
# Now all channels of the tail, in four bits, with one scale per layer. ONNX Runtime's ruler reaches to the
# farthest weight: the scale is that weight over 7.5. What if weights beyond some times the mean are *clipped* first, so
# that the gaps become finer? That takes no training. It is tried on validation photos, since those of the evaluation
# must stay unseen until the choice is made.


# %%
def in_four_bits(weight):
    scale = weight.detach().abs().max() / 7.5
    return torch.fake_quantize_per_tensor_affine(weight, scale, torch.tensor(0, dtype=torch.int32), -8, 7)


def clipped(times):
    """Return a copy of the tail in which no weight of a layer is farther from 0 than so many times their mean."""
    module = copy.deepcopy(tail)
    with torch.no_grad():
        for weight in [one for one in module.parameters() if one.dim() > 1]:
            reach = times * weight.abs().mean()
            weight.clamp_(-reach, reach)
    return module


validation_images, validation_labels = load_split(assets.dataset(), "validation")
validation_maps = torch.from_numpy(activations_of(float_path, validation_images, [inside])[inside])
tails = {"float32": tail, "four bits": reading_through(tail, in_four_bits)}
tails |= {f"clipped at {times} times": reading_through(clipped(times), in_four_bits) for times in (8, 5, 3)}
found = {name: share_right(module, validation_maps, validation_labels) for name, module in tails.items()}
pd.DataFrame({"right of validation photos": found}).style.format("{:.1%}")

# %% [markdown]
# It is the trade between rounding and clipping that you know from *Quantize*: with the ruler of ONNX Runtime, a single
# large weight makes the gaps of its whole layer wide. Five times the mean goes into the file.
#
# ## Four bits in a file
#
# If the weights are clipped before the file is made, ONNX Runtime's own ruler is the shorter one. Everything outside
# the tail becomes INT8. (It will warn: in operator set 18 only ONNX Runtime's own operators know four bits, so no other
# runtime reads this file.)

# %%
prepared_path, four_path = models_dir() / "four-prepared.onnx", models_dir() / "int4-clipped.onnx"
whole = torch.nn.Sequential(trunk, clipped(5)).eval()
quant_pre_process(export_onnx(whole, models_dir() / "four.onnx"), prepared_path)
nodes = [node for node in onnx.load(prepared_path).graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
tail_weights = [node.input[1] for node in nodes[-11:]]

# %% [markdown]
# Call `quantize_static` with `ImageReader(training_images[::8])` and the words of `quantization_format().settings()`.
# One thing is new: `extra_options` holds the key `"TensorQuantOverrides"`, whose value is a dictionary. For each name
# in `tail_weights` it says `[{"quant_type": QuantType.QInt4}]`.

# %% question="seeds.file"
### BEGIN SOLUTION
overrides = {name: [{"quant_type": QuantType.QInt4}] for name in tail_weights}
options = {"extra_options": {"TensorQuantOverrides": overrides}}
reader = ImageReader(training_images[::8])
quantize_static(prepared_path, four_path, reader, **options, **quantization_format().settings())
### END SOLUTION
check("seeds.file", four_path)

# %%
files = {name: models_dir() / f"{name}.onnx" for name in ("food11", "int8-static-u8s8", "int4-clipped")}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
compare(sessions, images, labels, baseline="food11").style.format(precision=2, na_rep="")

# %% [markdown]
# Four bits save bytes, and not milliseconds: ONNX Runtime's CPU provider has no convolution of four bits
# (`MatMulNBits` is for the matrix products of language models), so the weights are turned back into floats first.
#
# ## What you found
#
# Was it the teacher or luck? Your interval says what three seeds can show. Would half a byte do? On the machine used
# for this page the file had 1.72 MB, and its interval held 0, so no loss was found; but it took as long. Your table
# says whether its accuracy is 'kept'. Four bits pay if bytes are what counts, as in a download.
#
# - Train for three rounds instead of one. Is the teacher still better?
# - How many seeds would it take to call a gain of one point real?
# - One scale for each channel: `torch.fake_quantize_per_channel_affine`. What is left for clipping to win back?
