# ---
# jupyter:
#   lesson:
#     title: Shrink within a budget
#     summary: the layer that suffers, a tuner with a budget, and fewer channels without training
#     part: 1
#     number: "14c"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["14b"]
#     ports: []
#     machine_minutes: 15
#     uses: ["memory", "disk", "fast INT8"]
# ---

# %% [markdown]
# # Shrink within a budget
#
# "I can give you one point of accuracy," says the manager after lunch. "Not two. And two megabytes; that has been
# promised." A budget is a good thing: now you know when to stop. This lesson spends it on purpose, by giving back what
# hurts most, and by taking out what nobody needs.
#
# ## You will do
#
# Find the layer that suffers most, let a tuner quantize within an accuracy budget, and then go where eight bits alone
# cannot.
#
# ## You will learn
#
# - how to find out *where* a model loses, and why a budget kept on some pictures is only an estimate on others;
# - how to take channels out of a network without training it again, and what may be claimed about the result.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 14b. The machine works for about two minutes.

# %%
from dataclasses import replace
from importlib.util import find_spec

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, stats
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.models import load_mobilenet_v2
from labs.optimize.budget import quantize_within_budget
from labs.optimize.calibrate import calibrate

# %%
from labs.optimize.export import export_onnx
from labs.optimize.forms import FORMS, best_form_for
from labs.optimize.prune import prune_channels
from labs.optimize.quantize import prepare, quantize_static
from labs.optimize.sensitivity import layer_sensitivity
from labs.optimize.slim import slim_onnx
from labs.records.format import megabytes, percent
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.workspace import ledger, models_dir

# %%
onnx_path = models_dir() / "food11.onnx"
if not (onnx_path.is_file() and ledger().latest(kind="accuracy", option="onnx-all")):
    raise FileNotFoundError("food11.onnx is missing, or was not measured: run lessons 12 and 14 first.")
data = assets.dataset("food11-mini")
training_images, _ = load_split(data, "training", limit=128)
validation, (images, labels) = load_split(data, "validation"), load_split(data, "evaluation")
prepared = prepare(onnx_path, models_dir() / "food11-prepared.onnx")
calibration = run_with_progress(lambda report: calibrate(prepared, training_images, on_progress=report), "Calibrate")

# %% [markdown]
# ## Predict
#
# At the end, a quarter of all weights will be taken out, nothing will be trained again, and the rest will be quantized.
# The float model gets 81 of 100 evaluation pictures right. How many will this one?

# %% checkpoint="m.prune.accuracy_guess"
predict("m.prune.accuracy_guess", ...)

# %% [markdown]
# ## Act
#
# ### The layer that loses most
#
# Before anything is repaired, find out what is broken. Each layer is quantized *alone*, all others stay float32, and
# the logits are compared with the float model's; no labels are needed. This is done for the coarse form of lesson 14b,
# one scale a tensor, where there is something to find. Fewer dB mean more damage.

# %%
coarse = replace(FORMS["qoperator-u8s8-channel"], per_channel=False)
ranking = run_with_progress(
    lambda report: layer_sensitivity(prepared, calibration, coarse, training_images[::8], on_progress=report),
    "Quantize each layer alone",
)
ranking.sample(frac=1, random_state=0).head(12)

# %% checkpoint="m.quantize.worst_layer"
# The table shows some layers in random order. Which of *all* layers disturbs the logits most, and how many bytes would
# its return to float32 add?
worst = ...
added_bytes = ...
kept = ranking[["node", "alone_snr_db", "float_bytes"]].to_dict("records")
answer("m.quantize.worst_layer", {"node": worst, "added_bytes": added_bytes, "ranking": kept})

# %%
check("m.quantize.worst_layer")

# %% [markdown]
# ### Within an accuracy budget
#
# The tuner begins with everything quantized. While the loss exceeds the budget, it gives the next layer of that ranking
# back to float32, and keeps the change if it did not hurt. Its judge is the *validation* set; evaluation must stay
# unseen. First with the coarse form, a budget of 0.01 (one point), and eight layers at most:

# %%
settings = {"max_loss": 0.01, "max_reverted": 8, "ranking": ranking["node"]}
search = run_with_progress(
    lambda report: quantize_within_budget(
        *(prepared, models_dir() / "int8-coarse.onnx", calibration, coarse, *validation), on_progress=report, **settings
    ),
    "Tune one scale a tensor",
)
search.table()

# %% checkpoint="m.quantize.tuner"
# Read the steps. How many layers are float32 at the end? How much accuracy (0 to 1) did the best kept step still lose?
# Is that within the budget of 0.01?
read = {"float_layers": ..., "loss": ..., "within_budget": ...}
steps = search.table()[["kept", "loss"]].to_dict("records")
answer("m.quantize.tuner", {**read, "steps": steps})

# %%
check("m.quantize.tuner")

# %% [markdown]
# A tuner mends what it is given. Give it the form that fits this machine, and it has much less to do. QOperator is the
# smaller file for ONNX Runtime, so that layout is taken. Two budgets, five points and one; both share their memory, and
# the tighter search starts where the looser one ended. (Where their tables agree, both are the same file.)

# %%
form = replace(best_form_for(fingerprint()).form, layout="qoperator")
results = {}
for name, max_loss in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
    path, settings = models_dir() / f"{name}.onnx", {"max_loss": max_loss, "state_path": models_dir() / "tuner.json"}
    results[name] = quantize_within_budget(prepared, path, calibration, form, *validation, **settings)
    slim_onnx(path, path)
    display(results[name].table())

# %%
for name, result in results.items():
    with BackendSpec("onnxruntime", str(result.model.path)).build() as backend:
        measure(backend, images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
accuracies = {name: ledger().latest(kind="accuracy", option=name).value.value for name in ("onnx-all", *results)}
{name: percent(value) for name, value in accuracies.items()}

# %% checkpoint="m.quantize.budget"
# Did the promise made on validation pictures hold on pictures that the tuner never saw? For each budget, the points
# lost on the evaluation pictures (a point is a hundredth), and whether it was kept.
answer("m.quantize.budget", {"lost_05": ..., "kept_05": ..., "lost_01": ..., "kept_01": ...})

# %%
check("m.quantize.budget")

# %% [markdown]
# ### Below one byte
#
# The manager asked for two megabytes. If each parameter takes one byte and nothing else were in the file, how many MB
# would that be? (You know the float file's size: four bytes each, and hardly anything else. A MB has 1,000,000 bytes.)

# %% checkpoint="m.quantize.floor"
answer("m.quantize.floor", ...)

# %%
check("m.quantize.floor")

# %% [markdown]
# Below that, it takes fewer bits, or fewer parameters. Many are not needed: in each block, a wide layer makes channels
# that the next layer adds up. Where one of them can nearly be written as a sum of the others, it can go, and the others
# take over its work, with weights that *least squares* finds. No training, no labels. Channels go one at a time, the
# cheapest first, until a block's output would change by more than a tolerance.

# %%
net = load_mobilenet_v2(assets.model("food11-mini-mobilenetv2"))
narrow = run_with_progress(
    lambda report: prune_channels(net, training_images, tolerance=0.001, on_progress=report), "Take channels out"
)
narrow.table().sample(frac=1, random_state=0)

# %% checkpoint="m.prune.where"
# Which layer gave up most channels, and what share of all the model's weights is gone (0 to 1)?
# `narrow.weights_before` and `narrow.weights_after` count the weights.
where = {"layer": ..., "share": ...}
counts = {"before": narrow.weights_before, "after": narrow.weights_after}
layers = narrow.table()[["name", "before", "after"]].to_dict("records")
answer("m.prune.where", {**where, "counts": counts, "layers": layers})

# %%
check("m.prune.where")

# %% [markdown]
# Then the way that you know: export, prepare, calibrate, quantize, slim. One thing is new. So far each ruler reached to
# the farthest value that any picture had caused. `percentile` leaves out one value in a thousand: some more clipping,
# finer steps. (Tolerance and percentile were chosen on the validation pictures, not by looking at what comes now.)

# %%
pruned = prepare(export_onnx(narrow.module, models_dir() / "food11-pruned.onnx"), models_dir() / "pruned-prepared.onnx")
settings = {"method": "percentile", "percentile": 99.9}
ranges = run_with_progress(
    lambda report: calibrate(pruned, training_images[::2], on_progress=report, **settings), "Calibrate again"
)
small = quantize_static(pruned, models_dir() / "int8-pruned.onnx", ranges, FORMS["qdq-u8s8-channel"])
megabytes(slim_onnx(small.path, small.path).after_bytes)

# %% [markdown]
# ## Measure

# %%
runtimes = {"int8-pruned": "onnxruntime"} | ({"openvino-int8-pruned": "openvino"} if find_spec("openvino") else {})
for name, runtime in runtimes.items():
    with BackendSpec(runtime, str(small.path)).build() as backend:
        measure(backend, images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
reconcile("m.prune.accuracy_guess")

# %% [markdown]
# ## Checkpoint
#
# Size, accuracy and speed of what this lesson made, beside what it was made from:

# %%
wanted = ("onnx-all", "int8-static-qdq", "int8-budget", "int8-pruned", "openvino-int8")
comparison_table([record for record in ledger().measurements() if record.option.startswith(wanted)])

# %% [markdown]
# Is the small model as good as the float one, or better, or worse? Both saw the same pictures, and only those on which
# they differ say anything. If the two were equally good, each of those would be a coin's toss, and the share that was
# lost about a half. `stats.proportion_interval(lost, lost + gained)` is the interval of that share: as long as it holds
# 0.5, you cannot tell them apart.

# %%
before = ledger().latest(kind="accuracy", option="onnx-all").samples
after = ledger().latest(kind="accuracy", option="int8-pruned").samples
stats.proportion_interval(7, 7 + 3)  # seven heads in ten tosses: no reason to suspect the coin

# %% checkpoint="m.prune.claim"
# Pictures lost and gained by `int8-pruned` against `onnx-all`, and what you may say of the small model:
# "better", "worse" or "cannot tell".
claim = {"lost": ..., "gained": ..., "claim": ...}
answer("m.prune.claim", claim)

# %%
check("m.prune.claim")

# %%
check("m.prune.accuracy_guess")

# %% [markdown]
# ## On your own
#
# - Prune with ten times the tolerance. Where does the accuracy go, and would the validation pictures have warned you?
# - Give the narrow model to the tuner, with a budget of 0. Does it find a layer that is worth its bytes?
