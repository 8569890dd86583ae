# ---
# jupyter:
#   lesson:
#     title: Export to ONNX
#     summary: the same model as a graph, proven by its logits; the baseline without optimizations
#     part: 1
#     number: "12"
#     minutes: 30
#     kind: core
#     where: [any]
#     needs: ["11"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory", "disk"]
# ---

# %% [markdown]
# # Export to ONNX
#
# The manager has been told that "ONNX makes models fast". It does not: ONNX is a file format. It writes a model down
# as a graph of operators and numbers, with no Python in it, and leaves it to a *runtime* to execute that graph well.
# Whether that is faster, you will measure. What must not happen on the way is that the model becomes another model.
#
# ## You will do
#
# Export the model, prove that both answer alike, and measure the exported graph with every optimization switched off:
# the baseline that the next lessons improve on.
#
# ## You will learn
#
# - what an ONNX file holds, and what it leaves behind;
# - why two programs that compute the same thing differ in the sixth digit, and how much difference is too much;
# - what a *dynamic axis* is, and what happens without one.
#
# ## You need
#
# A laptop, 30 minutes, and lesson 11. The machine works for less than a minute.

# %%
import numpy as np

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.models import load_mobilenet_v2

# %%
from labs.optimize.export import export_onnx, verify_against_torch
from labs.optimize.graph import node_table, read_graph
from labs.optimize.picture import draw_graph
from labs.records.format import megabytes
from labs.records.reference import reference_table
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.workspace import ledger, models_dir

# %% [markdown]
# ## Predict
#
# In eager PyTorch, Python starts every operation of the model. ONNX Runtime walks through the same operations in C++.
# Nothing else changes: no operation is merged, no number is rounded. How many times as fast will one photo be
# answered? 2 means in half the time, 1 that Python was never the problem.

# %% checkpoint="m.export.runtime_guess"
predict("m.export.runtime_guess", ...)

# %% [markdown]
# ## Act
#
# The exporter runs the model once and notes every operation that it sees. So the model must be in *evaluation mode*:
# in training mode it would note the dropout too. `load_mobilenet_v2` returns it that way.

# %%
model_path = assets.model("food11-mini-mobilenetv2")
net = load_mobilenet_v2(model_path)
onnx_path = export_onnx(net, models_dir() / "food11.onnx")
onnx_path.name, megabytes(onnx_path.stat().st_size), megabytes(model_path.stat().st_size)

# %% [markdown]
# What is in the file? A list of nodes. Each names an *operator*, the values that it reads and the value that it
# makes. ONNX has about two hundred operators; this model needs very few.

# %%
graph = read_graph(onnx_path)
graph.op_counts

# %% [markdown]
# Here are the first of them, from the picture downwards. `Conv` carries its weights as an input. `Clip` keeps a value
# between 0 and 6; PyTorch calls that *ReLU6*.

# %%
draw_graph(graph, limit=10)

# %%
node_table(graph).head(10)

# %% [markdown]
# Something is missing. In PyTorch, each of the 52 convolutions is followed by a `BatchNorm2d`, which shifts and scales
# its output:

# %%
sum(type(module).__name__ == "BatchNorm2d" for module in net.modules())

# %% [markdown]
# A BatchNorm multiplies each channel by a number and adds another. So does a convolution, with its weights and its
# bias. One after the other is a convolution again, with other weights: the exporter has worked those out, and the
# BatchNorms are gone. Do it for one channel. A convolution computes $y = w x + b$; the BatchNorm after it makes of
# that $z = \gamma \frac{y - \mu}{\sigma} + \beta$. For which weight and bias does a single convolution give the same
# $z$?

# %%
w, b = 0.8, 0.0
gamma, beta, mu, sigma = 1.5, -0.2, 0.4, 0.5

# %% checkpoint="m.export.fold"
folded = {"weight": ..., "bias": ...}
answer("m.export.fold", folded)

# %%
check("m.export.fold")

# %% [markdown]
# ## Measure
#
# ### Is it still the same model?
#
# Give both the same pictures and compare the logits. They will not be equal to the last digit. A float32 keeps about
# seven digits, and a sum of thousands of numbers depends on the order in which they are added:

# %%
numbers = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
float(np.cumsum(numbers)[-1]), float(np.cumsum(numbers[::-1])[-1])

# %% [markdown]
# Same numbers, another order, another last digit. So a *tolerance* is needed: larger than what rounding does, smaller
# than what a real mistake does. A forgotten layer or a wrong padding moves logits by a tenth or more.

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
agreement = verify_against_torch(onnx_path, net, images[::10])
agreement

# %% checkpoint="m.export.tolerance"
# A tolerance for the largest difference of two logits: with room above what rounding did here, and well below what a
# mistake would do.
answer("m.export.tolerance", {"tolerance": ..., "max_abs_diff": agreement.max_abs_diff})

# %%
check("m.export.tolerance")

# %% [markdown]
# Why compare logits, and not simply count how often both name the same class? Because that would hide a lot. Here the
# last layer's bias is spoiled a little, as a careless export could do it:

# %%
spoiled = load_mobilenet_v2(model_path)
spoiled.classifier[1].bias.data += 0.05
verify_against_torch(onnx_path, spoiled, images[::10])

# %% checkpoint="m.export.spoiled"
# Would the classes alone have given it away? And does your tolerance? Answer with True or False.
noticed = {"by_classes": ..., "by_logits": ...}
answer("m.export.spoiled", noticed)

# %%
check("m.export.spoiled")

# %% [markdown]
# ### The batch axis
#
# The file says what shape it takes. Names stand for axes that may have any length:

# %%
backend = BackendSpec("onnxruntime", str(onnx_path), {"graph_level": "disabled"}).build()
backend.load()
backend.describe()

# %%
backend.predict(images[:1]).shape, backend.predict(images[:32]).shape

# %% [markdown]
# Without the dynamic axis, the second call would be an error, and whoever serves the model could never batch. The
# exporter fixes every axis that you do not name as dynamic.
#
# `describe` shows one thing more: `providers_used`. ONNX Runtime hands each node to an *execution provider*, here the
# CPU's. That is read from a profile of a real run, and lesson 15 will show why it is not enough to ask.
#
# ### The baseline
#
# Graph optimizations are off: `"graph_level": "disabled"`. Size, accuracy, latency and throughput, as in lesson 11:

# %%
measure(backend, images, labels, option="onnx-disabled", ledger=ledger(), batch_sizes=(32,))

# %% [markdown]
# And side by side with eager PyTorch, turn by turn:

# %%
eager = BackendSpec("torch", str(model_path)).build()
eager.load()
options = {"torch-eager": eager, "onnx-disabled": backend}
comparison = bench.compare(options, images[:1], rounds=15)
for record in comparison.records:
    ledger().append(record)

# %%
reconcile("m.export.runtime_guess")

# %%
comparison.ratio("onnx-disabled", "torch-eager")

# %% [markdown]
# ## Checkpoint
#
# Did the export cost accuracy? Both were asked about the same pictures, so do not compare two percentages: count the
# pictures where they name *different* classes. Each accuracy record keeps `details["predicted"]`.

# %% checkpoint="m.export.changed"
torch_says = ledger().latest(kind="accuracy", option="torch-eager").details["predicted"]
onnx_says = ledger().latest(kind="accuracy", option="onnx-disabled").details["predicted"]
changed = ...
answer("m.export.changed", changed)

# %%
check("m.export.changed")

# %%
check("m.export.runtime_guess")

# %%
measured = [r for r in ledger().measurements() if r.option in ("torch-eager", "torch-compiled", "onnx-disabled")]
comparison_table(measured, reference=reference_table("torch-eager", "onnx-disabled"))

# %%
eager.close()
backend.close()

# %% [markdown]
# ## On your own
#
# - Export with `fold_batch_norm=False` into another file and compare `op_counts`. Then measure it with optimizations
#   off. What do the BatchNorms cost?
# - The ONNX file is a little smaller than the safetensors file. What does the second hold that the first does not
#   need? (Look at `net.state_dict().keys()`.)
# - ONNX files can be opened by people who have never seen this course. What would you want to write beside it, so that
#   they feed it correctly?
