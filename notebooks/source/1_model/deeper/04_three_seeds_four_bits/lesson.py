# ---
# jupyter:
#   lesson:
#     id: seeds
#     title: Three seeds, four bits
#     summary: whether a trick works or a seed was lucky, and a file that stores half a byte for a weight
#     part: 1
#     minutes: 30
#     kind: deeper
#     where: [laptop]
#     needs: [train]
#     ports: []
#     uses: [memory]
#     takes: {compile: [models/food11.onnx]}
# ---

# %% [markdown]
# # Three seeds, four bits
#
# In *Prune, distil, train for it*, one training with fake quantization brought a network in four bits back. "One?" asks
# the manager, who once studied medicine. "Was that the trick, or a lucky day? And where is the file?" **What do several
# trainings allow to say, and what does half a byte for a weight bring in a file?** You need a laptop.

# %%
import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import torch
from onnxruntime.quantization import QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.nn.functional import cross_entropy

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.slim import slim_onnx
from labs.optimize.static_quantization import ImageReader, activations_of
from labs.optimize.train import behind, fit, reading_through, share_right, split
from labs.records.ledger import ledger
from labs.runtimes.progress import part
from labs.widgets import compare, evaluate, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# The tail of the network, two thirds of its weights, goes to four bits, with one scale for each layer. It is trained
# for one round, three times with fake quantization and three times without. In the second case it is rounded when it is
# done. How many of 100 evaluation photos will be right, on average over the three?

# %%
predict("seeds.four_bits", aware=..., blind=...)

# %% [markdown]
# ## The same tail
#
# As before, the first fifteen stages stay as they are, and what they make of each photo is worked out once.

# %%
float_path, inside = models_dir() / "food11.onnx", "features.14.conv.2/Conv"
training_images, training_labels = load_split(assets.dataset(), "training")
images, labels = load_split(assets.dataset(), "evaluation")
maps, evaluation_maps = (
    torch.from_numpy(activations_of(float_path, photos, [inside])[inside]) for photos in (training_images, images)
)
trunk, tail = split(assets.model(), stages=15)

# %% [markdown]
# You have written fake quantization and its gradient yourself; torch has both in one call. The scale is the one that
# ONNX Runtime will choose: the farthest weight, over 7.5.


# %%
def in_four_bits(weight):
    scale = weight.detach().abs().max() / 7.5
    return torch.fake_quantize_per_tensor_affine(weight, scale, torch.tensor(0, dtype=torch.int32), -8, 7)


rounded = reading_through(tail, in_four_bits)
{name: share_right(one, evaluation_maps, labels) for name, one in {"float32": tail, "four bits": rounded}.items()}

# %% [markdown]
# ## Three seeds
#
# A *seed* decides in which order the photos come, and nothing else is random. Two trainings with one seed differ in
# what you changed. Trainings with several seeds show what chance does. Here are three with each.


# %%
def from_labels(logits, places):
    return cross_entropy(logits, torch.from_numpy(training_labels[places]), label_smoothing=0.1)


def trained(module, title):
    """Return one trained copy for each of three seeds."""

    def work(report):
        made = []
        for seed in range(3):
            span = part(report, seed / 3, (seed + 1) / 3)
            made.append(fit(module, maps, from_labels, seed=seed, epochs=1, on_progress=span))
        return made

    return run_with_progress(work, title)


guesses = predicted("seeds.four_bits")
aware = trained(rounded, "Trained with fake quantization")
blind = trained(tail, "Trained in float32")
tails = {"aware": aware, "blind": [reading_through(one, in_four_bits) for one in blind]}
shares = {name: [share_right(one, evaluation_maps, labels) for one in found] for name, found in tails.items()}
ledger().observe("seeds.four_bits", shares)
table = 100 * pd.DataFrame(shares, index=["seed 0", "seed 1", "seed 2"]).T
table["mean"] = table.mean(axis=1)
table["you predicted"] = pd.Series(guesses)
table.style.format(precision=1)

# %% [markdown]
# ## What the seeds allow to say
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
mean, low, high = gain_over_seeds(shares["aware"], shares["blind"])
figure, axis = plt.subplots(figsize=(9, 2.5), layout="constrained")
axis.plot(100 * (np.array(shares["aware"]) - shares["blind"]), [1, 1, 1], "o", label="one seed each")
axis.errorbar(mean, 0.5, xerr=[[mean - low], [high - mean]], fmt="s", capsize=6, label="mean, 95 % interval")
axis.axvline(0, color="grey", ls=":")
axis.set(xlabel="gain in points", yticks=[], ylim=(0, 1.5))
axis.legend()
print(f"{mean:.1f} points, 95 % interval {low:.1f} to {high:.1f}")

# %% [markdown]
# TEXT1
#
# ## Four bits in a file
#
# Does a file keep the promise? It gets the weights *behind* the rounding, since the quantizer rounds them in the same
# way, and everything else in INT8. (It will warn: in operator set 18 only ONNX Runtime's own operators know four
# bits, so no other runtime reads this file.)

# %%
prepared_path, four_path = models_dir() / "four-prepared.onnx", models_dir() / "int4-trained.onnx"
whole = torch.nn.Sequential(trunk, behind(aware[0])).eval()
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
slim_onnx(four_path)  # the same file without names and notes that nobody reads
int8_path = models_dir() / "int8-trained.onnx"
quantize_static(prepared_path, int8_path, ImageReader(training_images[::8]), **quantization_format().settings())
slim_onnx(int8_path)
files = {"food11": float_path, "int8-trained": int8_path, "int4-trained": four_path}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
table = compare(sessions, images[:1], baseline="food11").join(evaluate(sessions, images, labels))
pairs = {name: ledger().paired_accuracy(name, "food11") for name in list(files)[1:]}
table["answers"] = pd.Series({name: f"{pair.verdict}, p = {pair.p_value:.2g}" for name, pair in pairs.items()})
table.style.format(precision=2, na_rep="")

# %% [markdown]
# TEXT2
