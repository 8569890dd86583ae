# ---
# jupyter:
#   lesson:
#     title: Train for the target
#     summary: fake quantization, a teacher's answers, zeros against channels, and what three seeds allow to say
#     part: 1
#     number: "14d"
#     minutes: 45
#     kind: extra
#     where: [laptop]
#     needs: ["14c"]
#     ports: []
#     uses: ["memory"]
#     takes: {"12": ["models/food11.onnx"], "14": ["accuracy onnx-all"]}
# ---

# %% [markdown]
# # Train for the target
#
# "1.7 megabytes," says the manager, who has talked to the people with the watches. "You have a byte for each
# weight now. Could half a byte do?" Rounded to four bits, the model loses more than half of its accuracy. So far you
# have only ever *converted* a finished model. This time it learns what will be done to it.
#
# ## You will do
#
# Train the last layers again: for four bits, with a teacher, and with half of their weights gone. Each beside the same
# training without the trick.
#
# ## You will learn
#
# - what fake quantization is, and how anything can be learnt through rounding;
# - what a student learns from a teacher's answers that the labels do not say;
# - which zeros are fast, and how to tell a trick from a lucky seed.
#
# ## You need
#
# A laptop, 45 minutes, and lesson 14c. The machine works for about three minutes.

# %%
import copy

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import torch
from onnxruntime.quantization import QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn import functional
from torch.nn.utils import parametrize, prune

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench, stats
from labs.charts import side_by_side
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.prune import narrow
from labs.optimize.slim import slim_onnx
from labs.optimize.static_quantization import ImageReader
from labs.records.ledger import ledger
from labs.runtimes.progress import part, silent
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir, workspace_dir

# %%
net = load_mobilenet_v2(assets.model())
training_images, training_labels = load_split(assets.dataset(), "training")
images, labels = load_split(assets.dataset(), "evaluation")

# %% [markdown]
# ## Predict
#
# The last four stages and the classifier hold two thirds of all weights. In four bits, with one scale for each layer,
# and after one round of training, how many of 100 evaluation images will the model get right?

# %% checkpoint="m.train.bits_guess"
predict("m.train.bits_guess", ...)

# %% [markdown]
# Later you take half of those layers' weights away, in two ways: half of the *channels*, or just as many *single*
# weights, which become zeros. How many times as long as the float model will the one with the zeros take? (1 means
# just as long.)

# %% checkpoint="m.train.zeros_guess"
predict("m.train.zeros_guess", ...)

# %% [markdown]
# ## Act
#
# ### Train the end, remember the rest
#
# Training everything takes an hour. So the first fifteen stages stay as they are, and what they say about each image is
# worked out *once*, by ONNX Runtime, which remembers no gradients. `fuse` merges each batch normalization into its
# convolution, as the exporter does: what is trained now are the very weights that will be stored.

# %%
trunk = net.features[:15].eval()
tail = fuse(nn.Sequential(*net.features[15:], nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.classifier[1]).eval())
frozen = ort.InferenceSession(export_onnx(trunk, workspace_dir() / "trunk.onnx"), providers=["CPUExecutionProvider"])


def maps_of(images):
    """Return what the frozen stages make of a tensor of images."""
    return torch.from_numpy(frozen.run(None, {"input": images.numpy()})[0])


def through(layers, images, report=silent):
    """Return what layers make of images or maps, in small batches: large ones wait for memory."""
    made, batches = [], torch.as_tensor(images).split(8)
    with torch.no_grad():
        for batch in batches:
            made.append(layers(batch))
            report(len(made) / len(batches), f"{len(made)} of {len(batches)} batches")
    return torch.cat(made)


maps = run_with_progress(lambda report: through(maps_of, training_images, report), "Training images")
eval_maps = run_with_progress(lambda report: through(maps_of, images, report), "Evaluation images")
targets = torch.from_numpy(training_labels)
counts = [sum(weight.numel() for weight in part.parameters()) for part in (trunk, tail)]
print(f"{tuple(maps.shape)} of maps; {counts[1] / sum(counts):.0%} of all weights are trained")

# %% [markdown]
# Then training is this loop, and takes seconds. A *seed* decides in which order the images come. Nothing else is
# random, so two runs with one seed differ in what you change, and runs with several seeds show what chance does.

# %% shows="labs.optimize.train:fit"
...

# %% [markdown]
# ### Four bits
#
# Lesson 14 went from real numbers to integers. **Fake quantization** goes there and straight back: the layer computes
# in float32, with only those numbers that the format can hold.


# %% checkpoint="m.train.fake"
def fake_quantize(x, scale, zero_point, qmin, qmax):
    """Return the real numbers that are left of the array x: scaled, rounded, shifted, clamped, and all the way back."""
    ...


# %%
check("m.train.fake", fake_quantize)

# %% [markdown]
# Nothing can be learnt through that: rounding is flat between its steps, so its derivative is 0. The way out is a
# lie that works, the **straight-through estimator**: in the gradient, pretend that rounding was not there. The clamp
# stays: a value that it holds does not move when the weight moves a little.


# %% checkpoint="m.train.straight"
def straight_through(x, upstream, scale, zero_point, qmin, qmax):
    """Return the gradient for the array x.

    upstream: the gradient for `fake_quantize(x, scale, zero_point, qmin, qmax)`, of the same shape.
    """
    ...


# %%
check("m.train.straight", straight_through)

# %% [markdown]
# torch has both in one call, `torch.fake_quantize_per_tensor_affine`. Is it yours?

# %%
x = torch.linspace(-1.2, 1.2, 9, requires_grad=True)
theirs = torch.fake_quantize_per_tensor_affine(x, 0.12, 0, -8, 7)
theirs.sum().backward()
values, grid = x.detach().numpy(), (0.12, 0, -8, 7)
yours = {"yours": fake_quantize(values, *grid), "gradient, yours": straight_through(values, np.ones(9), *grid)}
pd.DataFrame({"x": values, "torch": theirs.detach(), "gradient, torch": x.grad, **yours}).round(2)

# %% [markdown]
# `parametrize` puts a function before a weight: the layer sees what the function returns, and training moves what
# lies behind it. The scale is the one that ONNX Runtime will choose: the farthest weight over 7.5.


# %%
class FourBits(nn.Module):
    """A weight as it is read: sixteen values, one scale."""

    def forward(self, weight):
        return torch.fake_quantize_per_tensor_affine(weight, weight.detach().abs().max() / 7.5, ZERO, -8, 7)


ZERO = torch.zeros((), dtype=torch.int32)


def in_four_bits(module):
    """Return a copy of which each layer reads its weight through `FourBits`."""
    module = copy.deepcopy(module)
    for layer in [one for one in module.modules() if isinstance(one, nn.Conv2d | nn.Linear)]:
        parametrize.register_parametrization(layer, "weight", FourBits())
    return module


def rights(module):
    """Return 1 for each evaluation image that is right, and 0 for the others."""
    return (through(module, eval_maps).argmax(1).numpy() == labels).astype(int)


print(f"{rights(tail).mean():.1%} right in float32, {rights(in_four_bits(tail)).mean():.1%} in four bits")

# %% [markdown]
# That is what converting costs. Now one round of training, from the labels, with fake quantization and without; the
# other one is rounded when it is done. Three seeds each.

# %%
SEEDS, EPOCHS = (0, 1, 2), 1


def from_labels(outputs, rows):
    return functional.cross_entropy(outputs, targets[rows], label_smoothing=0.1)


def trained(make, loss, title):
    """Return one trained module for each seed; `make` makes a fresh one."""

    def work(report):
        spans = [part(report, place / len(SEEDS), (place + 1) / len(SEEDS)) for place in range(len(SEEDS))]
        how = {"epochs": EPOCHS, "learning_rate": 5e-4}
        return [
            fit(make(), maps, loss, seed=seed, on_progress=span, **how) for seed, span in zip(SEEDS, spans, strict=True)
        ]

    return run_with_progress(work, title)


predicted("m.train.bits_guess")
aware = trained(lambda: in_four_bits(tail), from_labels, "Four bits, trained with fake quantization")
blind = trained(lambda: copy.deepcopy(tail), from_labels, "Float32, rounded afterwards")
bits = {"with": [rights(one) for one in aware], "without": [rights(in_four_bits(one)) for one in blind]}


# %%
def noted(subject, sides):
    """Write down the shares that are right, by side and seed, and show the paired test of each seed."""
    shares = {side: [float(np.mean(one)) for one in found] for side, found in sides.items()}
    ledger().observe(subject, {"seeds": list(SEEDS), **shares})
    rows = []
    for place, seed in enumerate(SEEDS):
        paired = stats.paired_proportions(sides["with"][place], sides["without"][place])
        rows.append(
            (
                seed,
                *(side[place] for side in shares.values()),
                paired.only_first,
                paired.only_second,
                f"{paired.p_value:.2g}",
            )
        )
    return pd.DataFrame(rows, columns=["seed", "with", "without", "gained", "lost", "p"]).round(4)


noted("model.train.bits", bits)

# %%
reconcile("m.train.bits_guess")

# %% [markdown]
# Each line is a paired test over images, as in lesson 14c: *these two* models differ, or may not. Would another
# training come out the same? That is asked of the seeds: one difference for each, their mean, and how far it may be
# off.


# %% checkpoint="m.train.seeds"
def gain_over_seeds(with_it, without):
    """Return [mean, low, high]: the gain in points (hundredths) with its 95 % interval.

    with_it and without are shares of images that are right, one for each seed, the same seed in the same place.
    Student's t on the differences, from their standard deviation with n - 1.
    """
    ...


# %%
check("m.train.seeds", gain_over_seeds)

# %%
shares = ledger().seen("model.train.bits")
np.round(gain_over_seeds(shares["with"], shares["without"]), 1)

# %% [markdown]
# Does the file keep the promise? It gets the weights *behind* the rounding, since the quantizer rounds them the same
# way, and everything else in the format that fits this machine. (It will warn: in operator set 18 only ONNX Runtime's
# own operators know four bits, so no other runtime reads this file.)


# %%
def behind(module):
    """Return a copy whose layers hold their own weights again."""
    module = copy.deepcopy(module)
    for layer in [one for one in module.modules() if parametrize.is_parametrized(one)]:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    return module


four_prepared = models_dir() / "food11-four-prepared.onnx"
whole = nn.Sequential(trunk, behind(aware[0])).eval()
quant_pre_process(export_onnx(whole, models_dir() / "food11-four.onnx"), four_prepared)
nodes = [node for node in onnx.load(four_prepared).graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
tail_weights = [node.input[1] for node in nodes[-11:]]

# %% checkpoint="m.train.bits_file"
four_path = models_dir() / "int4-trained.onnx"
# `quantize_static` as in lesson 14c, with `training_images[::8]`. One thing is new: `extra_options` holds the key
# "TensorQuantOverrides". Its value says for each name in `tail_weights`: [{"quant_type": QuantType.QInt4}]
quantize_static(four_prepared, four_path, ...)

# %%
slim_onnx(four_path)
check("m.train.bits_file", four_path)

# %% [markdown]
# ### A smaller student
#
# Four bits keep all weights. Now half of the channels go: `narrow` keeps the strongest of each wide layer and fits
# nothing. What is left has to learn again, from 1,100 labels; or from the large model, the **teacher**. It was asked
# about each training image once: its logits are cached. They say more than a label, such as that this soup looks a
# little like a dessert. A *temperature* above 1 brings that out.


# %% checkpoint="m.train.distil"
def distillation_loss(student, teacher, temperature):
    """Return how far the student's answers are from the teacher's, averaged over the images; 0 when they agree.

    student, teacher: logits, arrays of shape (images, classes). Both are divided by the temperature and go through
    softmax. Then the Kullback-Leibler divergence, sum of p log(p / q) with p the teacher's shares and q the student's.
    The whole is multiplied by the temperature squared, so that gradients stay as large as without it.
    """
    ...


# %%
check("m.train.distil", distillation_loss)

# %%
teacher_logits = through(tail, maps)


def from_teacher(outputs, rows, temperature=2.0):
    student, teacher = (functional.log_softmax(one / temperature, dim=1) for one in (outputs, teacher_logits[rows]))
    return temperature**2 * functional.kl_div(student, teacher, log_target=True, reduction="batchmean")


student = narrow(tail, 0.5)
half = student(maps[:8]).detach()
yours = distillation_loss(half.numpy(), teacher_logits[:8].numpy(), 2.0)
print(f"yours {yours:.4f}, torch {from_teacher(half, slice(8)):.4f}")
weights = {}
for name, module in {"all": tail, "half": student}.items():
    weights[name] = sum(weight.numel() for weight in module.parameters())
print(f"{weights}; right without training: {rights(student).mean():.1%}")

# %%
taught = trained(lambda: copy.deepcopy(student), from_teacher, "From the teacher's answers")
alone = trained(lambda: copy.deepcopy(student), from_labels, "From the labels")
noted("model.train.teacher", {"with": [rights(one) for one in taught], "without": [rights(one) for one in alone]})

# %%
shares = ledger().seen("model.train.teacher")
np.round(gain_over_seeds(shares["with"], shares["without"]), 1)

# %% [markdown]
# An interval that holds 0 says that three seeds cannot tell. Then so should you.
#
# ### Zeros
#
# The other way to lose as many weights: single ones, the smallest of all layers together. `torch.nn.utils.prune` holds
# them at zero while the rest is trained, from the same teacher for as long.

# %%
sparse = copy.deepcopy(tail)
layers = [(layer, "weight") for layer in sparse.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
prune.global_unstructured(layers, prune.L1Unstructured, amount=1 - weights["half"] / weights["all"])
print(f"right without training: {rights(sparse).mean():.1%}")
run_with_progress(
    lambda report: fit(sparse, maps, from_teacher, seed=SEEDS[0], epochs=EPOCHS, on_progress=report), "With zeros"
)
for layer, name in layers:
    prune.remove(layer, name)
zeros_path = export_onnx(nn.Sequential(trunk, sparse).eval(), models_dir() / "zeros.onnx")
print(f"right: {rights(sparse).mean():.1%} with zeros, {rights(taught[0]).mean():.1%} with half of the channels")

# %% [markdown]
# And the narrow one: write the whole network, with its end trained by the teacher, to a file.

# %% checkpoint="m.train.narrow_file"
narrow_path = models_dir() / "narrow.onnx"
...

# %%
check("m.train.narrow_file", narrow_path)

# %% [markdown]
# ## Measure

# %%
predicted("m.train.zeros_guess")
files = {
    "onnx-all": models_dir() / "food11.onnx",
    "zeros": zeros_path,
    "narrow": narrow_path,
    "int4-trained": four_path,
}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], rounds=20, on_progress=report), "Zeros, channels, four bits"
)
for record in comparison.records:
    ledger().append(record)
side_by_side(comparison, "onnx-all")

# %%
reconcile("m.train.zeros_guess")

# %% [markdown]
# Does the interval of the zeros hold 1? A processor multiplies by zero as patiently as by any other number, and a zero
# takes four bytes in the file. (Some hardware skips zeros when they come two in four, and there are kernels for
# very sparse matrices; neither is at work here.) Channels that are gone are gone, for any runtime. But count before you
# hope: these layers do a quarter of the model's multiplications, so half of their channels are an eighth of the work,
# and a busy machine hides that. And four bits? ONNX Runtime's CPU provider has no convolution of four bits
# (`MatMulNBits` is for the matrix products of language models), so they are turned back into floats first: fewer bytes
# are not fewer milliseconds.

# %%
for name in ("narrow", "int4-trained"):
    measure(sessions[name], images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
rows = []
for name in ("narrow", "int4-trained"):
    paired = ledger().paired_accuracy(name, "onnx-all")
    points = [100 * value for value in (paired.interval.value, paired.interval.low, paired.interval.high)]
    rows.append(
        (
            name,
            files[name].stat().st_size / 1e6,
            *points,
            paired.only_second,
            paired.only_first,
            f"{paired.p_value:.2g}",
        )
    )
pd.DataFrame(rows, columns=["file", "MB", "points", "low", "high", "lost", "gained", "p"]).round(2)

# %% [markdown]
# ## Checkpoint

# %%
wanted = ("onnx-all", "int8-pruned", "narrow", "int4-trained")
comparison_table([record for record in ledger().measurements() if record.option in wanted])

# %%
check("m.train.bits_guess")

# %%
check("m.train.zeros_guess")

# %% [markdown]
# What you put before each weight by hand, torchao's `prepare_qat_pt2e` puts into an exported graph, before activations
# too, and `convert_pt2e` replaces it by quantize and dequantize nodes with the scales found. Lesson 27 does it without
# training, with `prepare_pt2e`.
#
# ## On your own
#
# - Three bits: in `FourBits`, 7.5, -8 and 7 become 3.5, -4 and 3. Does training still win back what is lost? (ONNX has
#   no type of three bits, so there is no file of it.)
# - One scale for each channel: `torch.fake_quantize_per_channel_affine`. How much is left for training to win back?
# - Train the four-bit model with the teacher's answers. What does the paired test say about the two tricks together?
# - How many seeds would it take to call a gain of half a point real?
