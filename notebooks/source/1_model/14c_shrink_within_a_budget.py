# ---
# jupyter:
#   lesson:
#     title: Shrink within a budget
#     summary: the layer that loses most, a search within an accuracy budget, channels taken out
#     part: 1
#     number: "14c"
#     minutes: 40
#     kind: core
#     where: [laptop]
#     needs: ["14b"]
#     ports: []
#     uses: ["memory", "fast INT8"]
#     takes: {"14": ["models/food11-prepared.onnx", "accuracy onnx-all"]}
# ---

# %% [markdown]
# # Shrink within a budget
#
# "I can give you five points of accuracy," says the manager after lunch. "Or rather one. And two megabytes; that has
# been promised." A budget is a good thing: now you know when to stop. This lesson spends it on purpose, by giving back
# what hurts most, and by taking out what nobody needs.
#
# ## You will do
#
# Find the layers that suffer most, write a search that quantizes within an accuracy budget, and then go where eight
# bits alone cannot.
#
# ## You will learn
#
# - how to find out *where* a model loses, and what a tighter budget costs;
# - why a budget kept on some images is an estimate on others;
# - how to take channels out of a network without training it again, and what may be claimed about the result.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 14b. The machine works for about two minutes.

# %%
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
from onnxruntime.quantization import CalibrationMethod, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench, stats
from labs.charts import side_by_side
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.prune import prune_channels
from labs.optimize.slim import slim_onnx
from labs.optimize.static_quantization import ImageReader, keep_float, layers_of
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.runtimes.progress import silent
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir

# %%
onnx_path, prepared = models_dir() / "food11.onnx", models_dir() / "food11-prepared.onnx"
training_images, _ = load_split(assets.dataset(), "training", limit=128)
validation_images, validation_labels = load_split(assets.dataset(), "validation")

# %% [markdown]
# ## Predict
#
# At the end, a quarter of all weights will be taken out, nothing will be trained again, and the rest will be quantized.
# Look up what share of the evaluation images the float model gets right. How many of 100 will the small one get right?

# %% checkpoint="m.prune.accuracy_guess"
predict("m.prune.accuracy_guess", ...)

# %% [markdown]
# ## Act
#
# ### The layers that lose most
#
# Suppose that the target can do one scale a tensor only, as some accelerators can: the types of the format that fits
# this machine, without the scales for each channel. There is something to repair then.
#
# Before anything is repaired, find out what is broken. Each layer is quantized *alone*, all others stay float32, and
# the logits are compared with the float model's; no labels are needed. Fewer decibels mean more damage.

# %% shows="labs.optimize.static_quantization:layer_sensitivity"
...

# %%
start, ranges_path = quantization_format().settings(per_channel=False), models_dir() / "ranges.json"
calibrated = {"calibration_data_reader": ImageReader(training_images), "calibration_cache_path": ranges_path}
quantize_static(prepared, models_dir() / "int8-trial.onnx", **calibrated, **start)
sensitivity = run_with_progress(
    lambda report: layer_sensitivity(prepared, training_images[::16], ranges_path, start, on_progress=report),
    "Quantize each layer alone",
)
sensitivity.head(8).round(1)

# %% [markdown]
# ### A search within a budget
#
# Begin with everything quantized. While the loss exceeds the budget, give the next layer of that ranking back to
# float32, and keep the change if it helped. `loss_with` makes and judges one file. Its judge is the *validation*
# split; evaluation must stay unseen. (`keep_float`: ONNX Runtime would quantize an excluded layer again when it opens
# the file, in silence. This rewrites the file so that the layer stays float32.)


# %%
def quantized_with(kept, path):
    """Write the model with all layers in INT8 but the kept ones, and return the file's path."""
    quantize_static(prepared, path, calibration_cache_path=ranges_path, nodes_to_exclude=list(kept), **start)
    return keep_float(path, kept)


def share_right(path):
    return float(np.mean(logits_of(path, validation_images).argmax(axis=1) == validation_labels))


float_right = share_right(onnx_path)


def loss_with(kept):
    """Return how much accuracy the file loses against float32 on the validation images, 0 to 1."""
    return float_right - share_right(quantized_with(kept, models_dir() / "int8-trial.onnx"))


# %% [markdown]
# What is missing is the mind of the search: what to try next, given what was tried so far.


# %% checkpoint="m.quantize.tuner"
def next_trial(tried, order, budget):
    """Return the list of layers to keep in float32 in the next trial, or None when the search is over.

    tried: what was tried so far, in order: [{"kept": [layer, …], "loss": 0.03}, …]. The first trial keeps no layer.
    order: names of layers, the most sensitive first; each is tried once at most.
    budget: the loss that is allowed. The search is over when the smallest loss so far is within it, or when the layers
    are used up. Each further trial adds the next layer of the order to the best trial so far (smallest loss; of equal
    ones the earliest).
    """
    ...


# %%
check("m.quantize.tuner", next_trial)

# %% [markdown]
# Five points, then one. Both searches share what was tried, so the tighter one goes on where the looser one stopped.

# %% checkpoint="m.quantize.budget"
tried, order, budget_files = [], sensitivity["layer"].tolist()[:12], {}
# For each name and budget of {"int8-budget-05": 0.05, "int8-budget-01": 0.01}: ask `next_trial`, measure with
# `loss_with` and append to `tried`, until it returns None. Then write the best trial:
# budget_files[name] = quantized_with(kept, models_dir() / f"{name}.onnx")
...

# %%
check("m.quantize.budget", budget_files)

# %%
for path in budget_files.values():
    slim_onnx(path)
pd.DataFrame([{"in float32": ", ".join(one["kept"]) or "no layer", "loss": one["loss"]} for one in tried]).round(3)

# %% [markdown]
# What do the two budgets cost, in bytes and in time? Beside them, the float model and the file of lesson 14b with a
# scale for each channel:

# %%
fitting = "int8-static-7bit" if start["reduce_range"] else "int8-static-qdq"
files = {"onnx-all": onnx_path, fitting: models_dir() / f"{fitting}.onnx", **budget_files}
sessions = {name: ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for name, path in files.items()}
images, labels = load_split(assets.dataset(), "evaluation")
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], rounds=12, on_progress=report), "Two budgets side by side"
)
for record in comparison.records:
    ledger().append(record)
side_by_side(comparison, "onnx-all")

# %%
for name in budget_files:
    measure(sessions[name], images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %% [markdown]
# And did the promise made on validation images hold on images that the search never saw? The difference against float32
# is in points (hundredths), with its interval.

# %%
rows = []
for name in (*budget_files, fitting):
    paired = ledger().paired_accuracy(name, "onnx-all")
    points = [100 * value for value in (paired.interval.value, paired.interval.low, paired.interval.high)]
    size_mb = files[name].stat().st_size / 1e6
    rows.append((name, size_mb, *points, paired.only_second, paired.only_first))
pd.DataFrame(rows, columns=["file", "MB", "points", "low", "high", "lost", "gained"]).round(2)

# %% [markdown]
# A budget kept on a few hundred images is an estimate on others, and the interval says how rough a one: does it stay
# within five points, and within one? The tighter budget costs bytes and time. And the format with a scale for each
# channel comes to about the same accuracy with no search and no layer in float32: choose well first, repair afterwards.
# The older lab's tuner paid more for its tighter budget, on real Food-11:

# %%
print(source_line())
reference_table("int8-budget-05", "int8-budget-01")

# %% [markdown]
# ### Below one byte
#
# The manager asked for two megabytes. The float file has four bytes for each parameter, so one byte for each makes a
# quarter of it, and that is still too much. Below that, it takes fewer bits, or fewer parameters. Which channels can
# go? A first idea: those whose weights are smallest.


# %% checkpoint="m.prune.weakest"
def weakest_channels(weights, count):
    """Return the sorted indices of the count channels whose weights have the smallest Euclidean norm.

    weights has the shape (channels, …).
    """
    ...


# %%
check("m.prune.weakest", weakest_channels)

# %% [markdown]
# A second idea: those that the *others* can make up for. Where a channel can nearly be written as a sum of the
# others, it can go, and the next layer's weights are fitted anew by *least squares*. No training, no labels.
# `prune_channels` does this in each block, one channel at a time, the cheapest first, until the block's output would
# change by more than a tolerance.

# %%
net = load_mobilenet_v2(assets.model())
narrow = run_with_progress(
    lambda report: prune_channels(net, training_images, tolerance=0.001, on_progress=report), "Take channels out"
)
print(f"{1 - narrow.weights_after / narrow.weights_before:.1%} of the weights are gone")
narrow.table()

# %% [markdown]
# The last wide layer gave up most. Switch off as many of its channels by the first idea, those of which the classifier
# makes least. The third figure is the second idea, in the whole network.

# %%
head = narrow.layers[-1]
with torch.inference_mode():
    batches = torch.from_numpy(validation_images).split(32)
    features = torch.cat([net.features(batch).mean(dim=(2, 3)) for batch in batches])
    small = torch.cat([narrow.module(batch) for batch in batches])
    classifier = net.classifier[1]
    cut = features.clone()
    cut[:, weakest_channels(classifier.weight.T.numpy(), head.before - head.after)] = 0
    logits = {"all channels": classifier(features), "weakest off": classifier(cut), "fitted anew": small}
{name: f"{np.mean(values.argmax(1).numpy() == validation_labels):.1%}" for name, values in logits.items()}

# %% [markdown]
# Then the way that you know: export, prepare, calibrate, quantize, in the format that fits *this* machine
# (`quantization_format().settings()` holds its types and scales as `quantize_static`'s words). One thing is new. So far
# each range reached to the farthest value that any image had caused. `CalibrationMethod.Percentile` leaves out the
# rarest: some more clipping, finer steps. (Tolerance and percentile were chosen on the validation images.)

# %%
pruned_prepared = models_dir() / "food11-pruned-prepared.onnx"
quant_pre_process(export_onnx(narrow.module, models_dir() / "food11-pruned.onnx"), pruned_prepared)
percentile = {"CalibPercentile": 99.9, "CalibTensorRangeSymmetric": False}

# %% checkpoint="m.prune.file"
pruned_path = models_dir() / "int8-pruned.onnx"
# Calibrate with `training_images[::4]`: the percentile keeps all activations in memory.
quantize_static(pruned_prepared, pruned_path, ..., extra_options=percentile)

# %%
slim_onnx(pruned_path)
check("m.prune.file", pruned_path)

# %% [markdown]
# ## Measure

# %%
predicted("m.prune.accuracy_guess")
session = ort.InferenceSession(pruned_path, providers=["CPUExecutionProvider"])
measure(session, images, labels, option="int8-pruned", ledger=ledger(), batch_sizes=(32,))

# %%
if find_spec("openvino"):
    import openvino as ov

    model = ov.Core().compile_model(pruned_path, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    settings = {"option": "openvino-int8-pruned", "model_path": pruned_path, "batch_sizes": (32,)}
    display(measure(model, images, labels, ledger=ledger(), **settings))

# %%
reconcile("m.prune.accuracy_guess")

# %% [markdown]
# ## Checkpoint

# %%
wanted = ("onnx-all", fitting, "int8-budget", "int8-pruned", "openvino-int8")
comparison_table([record for record in ledger().measurements() if record.option.startswith(wanted)])

# %% [markdown]
# Is the small model as good as the float one, or better, or worse? Both saw the same images, and only those on which
# they differ say anything. If the two were equally good, each of those would be the toss of a coin. So ask how likely a
# split is that is at least as uneven: a binomial test. Below 0.05, do not believe in the coin any more.


# %% checkpoint="m.prune.claim"
def claim(lost, gained):
    """Return what may be said of a model that lost and gained so many images: "better", "worse" or "cannot tell".

    Two-sided binomial test of lost out of lost + gained with probability one half, at the level 0.05. No image on which
    they differ: "cannot tell".
    """
    ...


# %%
check("m.prune.claim", claim)

# %%
paired = ledger().paired_accuracy("int8-pruned", "onnx-all")
paired.only_second, paired.only_first, claim(paired.only_second, paired.only_first)

# %%
check("m.prune.accuracy_guess")

# %% [markdown]
# ## On your own
#
# - Prune with ten times the tolerance. Where does the accuracy go, and would the validation images have warned you?
# - Give the search a budget of 0. Does it find a layer that is worth its bytes and its time?
# - Order the layers by how much each *adds to the file*, and search again. What do you pay for what?
