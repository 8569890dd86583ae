# ---
# jupyter:
#   lesson:
#     id: budget
#     title: An accuracy budget
#     summary: the layers that lose most, and a search that quantizes within five points and within one
#     part: 1
#     kind: deeper
#     where: [laptop]
#     needs: [quantize]
#     ports: []
#     takes: {compile: [models/food11.onnx], quantize: [models/food11-prepared.onnx]}
# ---

# %% [markdown]
# # An accuracy budget
#
# "I can give you five points of accuracy," says the manager after lunch. "Or rather one." A budget tells you when to
# stop. **What does each point cost in bytes and in time, and does a promise made on some photos hold on others?** You
# need a laptop, and the files of *Quantize*.

# %%
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
from onnxruntime.quantization import quantize_static

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.machine.quantization_format import quantization_format
from labs.optimize.predict import answers
from labs.optimize.static_quantization import (
    ImageReader,
    keep_float,
    layer_sensitivity,
    layers_of,
)
from labs.records.ledger import ledger
from labs.widgets import compare, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# A search will quantize the model twice: it may lose five points of accuracy, then one. It keeps to its budget by
# leaving layers in float32. How many times as fast as float32 will each file be?

# %%
predict("budget.faster", loose=..., tight=...)

# %% [markdown]
# ## The layers that lose most
#
# Suppose that the target allows only one scale per tensor, as some accelerators do: the types that fit your processor,
# but not `per_channel`. You have seen how much that loses, so there is something to repair.
#
# Before anything is repaired, find out what is broken. Quantize each layer *alone*, leave all others in float32, and
# compare the logits with those of the float model. That takes a few photos and no labels.

# %%
float_path, prepared_path = (
    models_dir() / "food11.onnx",
    models_dir() / "food11-prepared.onnx",
)
trial_path, ranges_path = models_dir() / "int8-trial.onnx", models_dir() / "ranges.json"
training_images, _ = load_split(assets.dataset(), "training", limit=64)
settings = quantization_format().settings(per_channel=False)
ranges_path.unlink(missing_ok=True)
# The ranges are the same whatever is left out, so they are found once and kept in a file.
quantize_static(
    prepared_path,
    trial_path,
    ImageReader(training_images),
    calibration_cache_path=ranges_path,
    **settings,
)


def quantize_alone(report):
    return layer_sensitivity(
        prepared_path, training_images[::8], ranges_path, settings, on_progress=report
    )


sensitivity = run_with_progress(quantize_alone, "Each layer alone")
in_network = sensitivity.set_index("layer").loc[
    list(layers_of(prepared_path)), "alone_db"
]
worst = sensitivity["layer"].head(8).tolist()
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
colours = ["tab:red" if name in worst else "silver" for name in in_network.index]
axis.bar(range(len(in_network)), in_network, color=colours)
axis.set(
    xlabel="layer, from the photo to the logits", ylabel="logits over their error (dB)"
)
sensitivity.head(8).style.format(precision=1)

# %% [markdown]
# Fewer decibels mean more damage: at 20 dB the error is a tenth of the logits, at 40 dB a hundredth. The eight worst
# layers are red. A few layers do most of the harm, often the first ones, and that is why a search pays.
#
# ## A search within a budget
#
# Begin with everything quantized. While the loss exceeds the budget, give the next layer of that ranking back to
# float32, and keep the change if it helped. `loss_with` makes one file and judges it on the *validation* photos;
# those of the evaluation must stay unseen. (ONNX Runtime silently quantizes an excluded layer again when it opens the
# file. `keep_float` rewrites the file so that the layer stays float32.)

# %%
validation_images, validation_labels = load_split(assets.dataset(), "validation")


def quantized_with(kept, path):
    """Write the model with all layers in INT8 but the kept ones, and return the file's path."""
    quantize_static(
        prepared_path,
        path,
        calibration_cache_path=ranges_path,
        nodes_to_exclude=list(kept),
        **settings,
    )
    return keep_float(path, kept)


def share_right(path):
    return float(np.mean(answers(path, validation_images) == validation_labels))


float_right = share_right(float_path)


def loss_with(kept):
    """Return how much accuracy the file loses against float32 on the validation photos, 0 to 1."""
    return float_right - share_right(quantized_with(kept, trial_path))


# %% [markdown]
# What is missing is the search's own step: what to try next, given what was tried so far. Each trial is a dictionary
# such as `{"kept": ["features.1.conv.0.0/Conv"], "loss": 0.03}`.


# %% question="budget.next_trial"
def next_trial(tried, order, budget):
    """Return the list of layers to keep in float32 in the next trial, or None when the search is over.

    The first trial keeps no layer. The search is over when the smallest loss so far is within the budget, or when each
    layer of the order (the most sensitive first) was tried. Each further trial adds the next layer of the order to the
    best trial so far: the one with the smallest loss, of equal ones the earliest.
    """
    ### BEGIN SOLUTION
    if not tried:
        return []
    best = min(tried, key=lambda trial: trial["loss"])
    done = {trial["kept"][-1] for trial in tried if trial["kept"]}
    left = [layer for layer in order if layer not in done]
    if best["loss"] <= budget or not left:
        return None
    return [*best["kept"], left[0]]
    ### END SOLUTION


check("budget.next_trial", next_trial)

# %% [markdown]
# Now both budgets. For each name and budget, ask `next_trial`, measure with `loss_with` and append to `tried`, until it
# returns None. Then write the best trial into `models_dir() / f"{name}.onnx"`, with `quantized_with`. Both searches
# share `tried`, so the tighter one goes on where the looser one stopped.

# %% question="budget.files"
tried, order, paths = [], sensitivity["layer"].tolist()[:12], {}
for name, budget in {"int8-budget-05": 0.05, "int8-budget-01": 0.01}.items():
    ### BEGIN SOLUTION
    while (kept := next_trial(tried, order, budget)) is not None:
        tried.append({"kept": kept, "loss": loss_with(kept)})
    best = min(tried, key=lambda trial: trial["loss"])
    paths[name] = quantized_with(best["kept"], models_dir() / f"{name}.onnx")
    ### END SOLUTION
check("budget.files", paths)

# %%
rows = [
    {"in float32": ", ".join(one["kept"]) or "no layer", "loss": one["loss"]}
    for one in tried
]
pd.DataFrame(rows).style.format(precision=3)

# %% [markdown]
# ## Measure
#
# What do the two budgets cost, in bytes and in time? And did the promise made on validation photos hold on those that
# the search never saw? Beside them stands the file of *Quantize* that fits your processor, with one scale per channel,
# if you have it.

# %%
guesses = predicted("budget.faster")
form = quantization_format()
channels_path = (
    models_dir()
    / f"int8-static-{form.name.lower()}{'-7bit' if form.reduce_range else ''}.onnx"
)
files = {"food11": float_path, **paths} | (
    {channels_path.stem: channels_path} if channels_path.is_file() else {}
)
sessions = {
    name: ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for name, path in files.items()
}
images, labels = load_split(assets.dataset(), "evaluation")
table = compare(sessions, images, labels, baseline="food11")
table["you predicted"] = pd.Series(
    {"int8-budget-05": guesses["loose"], "int8-budget-01": guesses["tight"]}
)
table.style.format(precision=2, na_rep="")

# %%
rows = {}
for name in list(files)[1:]:
    paired = ledger().paired_accuracy(name, "food11")
    points = [
        100 * value
        for value in (paired.difference, paired.interval.low, paired.interval.high)
    ]
    rows[name] = [*points, paired.verdict]
pd.DataFrame.from_dict(
    rows, orient="index", columns=["points", "at least", "at most", "than float32"]
).round(2)

# %% [markdown]
# On the machine used for this page, the looser budget was met at once, without a layer in float32: 3.6 points on the
# validation photos. On the evaluation photos it lost 5.5, with an interval from about 2 to 9. The tighter budget took
# three layers, a fifth more bytes and a good part of the time that had been won. *accuracy* in the table above asks
# for more than both: it is 'kept' only if the whole interval stays above -3 points.
#
# ## What you found
#
# What does a point cost? You can name a price now, in bytes and in milliseconds. Does the promise hold? A loss on a few
# hundred photos is an estimate of the loss on others, and the interval says how rough it is. Tell the manager the
# interval, and not the estimate alone. And if one scale per channel reaches about the same accuracy with no search and
# no layer in float32: choose well first, repair afterwards.
#
# - Give the search a budget of 0. Does it find a layer that is worth its bytes and its time?
# - Order the layers by how much each *adds to the file*, and search again. What do you pay for what?
