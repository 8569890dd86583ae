# ---
# jupyter:
#   lesson:
#     title: Export to ONNX
#     summary: the same model as a graph, proven by its logits; the baseline without optimizations
#     part: 1
#     number: "12"
#     minutes: 40
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: []
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
# Export the model with `torch.onnx`, check the file with `onnx`, run it with `onnxruntime`, and prove that it answers
# like the original. Then measure it with every optimization off: the baseline that the next lessons improve on.
#
# ## You will learn
#
# - what an ONNX file holds, what it leaves behind, and what the exporter's defaults get wrong for a server;
# - how large a difference between two programs that compute the same thing may be;
# - why BatchNorm costs nothing once training is over.
#
# ## You need
#
# A laptop and 40 minutes; the machine works for about one of them.

# %%
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import side_by_side
from labs.data.dataset import load_split
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD
from labs.optimize.drawing import draw_graph
from labs.optimize.export import tidy
from labs.records.ledger import ledger
from labs.records.reference import reference_table
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir

warnings.filterwarnings("ignore", category=FutureWarning)  # torch's, about functions of its own

# %% [markdown]
# ## Predict
#
# In eager PyTorch, Python starts every operation of the model. ONNX Runtime walks through the exported graph in C++,
# with kernels of its own. Its optimizations are off and no number is rounded; only the exporter has simplified the
# graph, as you will see. How many times as fast will one photo be answered? 2 means in half the time, 1 no faster.

# %% checkpoint="m.export.runtime_guess"
predict("m.export.runtime_guess", ...)

# %% [markdown]
# ## Act
#
# ### The shortest export, and what is wrong with it
#
# The exporter runs the model once on an example and notes every operation that it sees. So the model must be in
# *evaluation mode*, or the dropout of training is noted too; `load_mobilenet_v2` ends with `model.eval()`.

# %%
images, labels = load_split(assets.dataset(), "evaluation")
net = load_mobilenet_v2(assets.model())
example = torch.zeros(2, 3, 224, 224)

# %%
first_path = models_dir() / "first.onnx"
torch.onnx.export(net, (example,), first_path, dynamo=True, verbose=False)
{path.name: f"{path.stat().st_size / 1e6:.2f} MB" for path in sorted(models_dir().glob("first.onnx*"))}

# %% [markdown]
# Two files! The weights went into `first.onnx.data`. That is *external data*, made for models above protobuf's limit of
# 2 GB. Here it is a trap: copy one file without the other and there is no model. Next, what does it take?

# %%
first = ort.InferenceSession(first_path, providers=["CPUExecutionProvider"])
[(value.name, value.shape, value.type) for value in (*first.get_inputs(), *first.get_outputs())]

# %% [markdown]
# Two images, because the example had two. And the input is called `x`, after an argument somewhere inside torchvision.
# A server that collects 32 photos gets this:

# %%
try:
    first.run(None, {"x": images[:32]})
except InvalidArgument as error:
    print(error)

# %% [markdown]
# ### Export it for a server
#
# Mend all of it with further arguments, and write one file that you could hand to a colleague:
#
# - `dynamic_shapes=({0: torch.export.Dim("batch")},)`: for each input, the axes that may have any length, by name;
# - `input_names=["input"]` and `output_names=["output"]`: what whoever calls the model has to write;
# - `external_data=False`: weights inside the file;
# - `opset_version=18`: the version of ONNX's operators. The newest is not the best: the oldest runtime that must read
#   the file decides, and part 3's Triton is two years old.

# %% checkpoint="m.export.file"
onnx_path = models_dir() / "food11.onnx"
program = ...  # torch.onnx.export(net, (example,), onnx_path, dynamo=True, verbose=False, …)

# %%
check("m.export.file", onnx_path)

# %% [markdown]
# The check has opened your file, run it on batches of 1 and 5 and compared its logits with PyTorch's on validation
# images. You will do the same by hand; first look inside.
#
# ### What is in the file
#
# `onnx` reads the file as a plain structure. `check_model` tells whether it is valid ONNX: every operator exists in
# this operator set, every value is made before it is read, all shapes fit.

# %%
model = onnx.load(onnx_path)
onnx.checker.check_model(model, full_check=True)
Counter(node.op_type for node in model.graph.node)

# %% [markdown]
# A hundred nodes of six kinds are the whole model. `Conv` carries its weights as inputs; `Clip` keeps a value between 0
# and 6, which PyTorch calls *ReLU6*. There is something else in it:

# %%
print(model.graph.node[0].name)
for note in model.graph.node[0].metadata_props:
    print(f"{note.key:<40} {note.value[:70]}")

# %% [markdown]
# The exporter's notes: 190 kB, with paths of *your* machine. No runtime reads them, and strangers need not. `tidy`
# drops them, and first uses them to name each node after its module, so that you find your way in the graph.
#
# What a stranger does need is missing: how must a photo be prepared, and what does output 7 mean? A model that is fed
# in another way than it was trained is another model. ONNX has a place for that: `metadata_props`, pairs of texts.
# Write `mean`, `std` and `classes` into `model`, each as JSON, with `onnx.helper.set_model_props(model, {…})`.

# %%
tidy(model)

# %% checkpoint="m.export.properties"
# IMAGENET_MEAN, IMAGENET_STD and CLASS_NAMES are imported; json.dumps makes a text of each.
...

# %%
onnx.checker.check_model(model, full_check=True)
onnx.save(model, onnx_path)
check("m.export.properties", onnx_path)

# %%
draw_graph(onnx_path, limit=8)

# %% [markdown]
# ### Where the BatchNorms went
#
# In PyTorch, a `BatchNorm2d` follows each of the 52 convolutions. The file has none. In training, BatchNorm uses the
# statistics of the batch; afterwards it only multiplies each channel by one number and adds another. So does a
# convolution. One after the other is one convolution with other weights: for each output channel
#
# $$ z = \gamma \, \frac{(w * x + b) - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta . $$
#
# Sort that by what multiplies $x$ and what does not, and write it for all channels at once.


# %% checkpoint="m.export.fold"
def fold(w, b, gamma, beta, mean, var, eps):
    """Return weight and bias of the one convolution that does the work of a convolution and the BatchNorm after it.

    Args:
        w: Weights, shape (output channels, input channels, height, width).
        b: Bias, shape (output channels,).
        gamma, beta, mean, var: The BatchNorm's numbers, shape (output channels,) each.
        eps: A small number that keeps the root away from zero.
    """
    ...


# %%
check("m.export.fold", fold)

# %% [markdown]
# Does the exporter do the same? Fold the first convolution (it has no bias) and compare with what the file stores:

# %%
conv, norm = net.features[0][0], net.features[0][1]
numbers = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
gamma, beta, mean, var = (one.detach().numpy() for one in numbers)
folded = fold(conv.weight.detach().numpy(), np.zeros(32), gamma, beta, mean, var, norm.eps)
stored = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
if folded:
    print("largest difference of a weight:", np.abs(folded[0] - stored["features.0.0.weight"]).max())

# %% [markdown]
# ## Measure
#
# ### Is it still the same model?
#
# All optimizations are off, so that the graph runs as it is written:

# %%
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
session = ort.InferenceSession(onnx_path, options, providers=["CPUExecutionProvider"])
(onnx_logits,) = session.run(["output"], {"input": images[:64]})
with torch.inference_mode():
    torch_logits = net(torch.from_numpy(images[:64])).numpy()
float(np.abs(torch_logits - onnx_logits).max())

# %% [markdown]
# Not zero. A float32 keeps about seven digits, and a sum of thousands of numbers depends on the order in which they are
# added. So a test of agreement needs a *tolerance*: with room above what rounding does, and well below what a mistake
# does. A lost layer or a wrong padding moves logits by 0.1 and more. Would it not do to compare the classes? Here the
# last layer's bias is off by 0.05, as after a careless conversion:

# %%
spoiled = torch_logits + np.float32(0.05)
float((spoiled.argmax(axis=1) == torch_logits.argmax(axis=1)).mean())

# %% [markdown]
# All classes agree, and the file is wrong. Write the test that notices it.


# %% checkpoint="m.export.agrees"
def agrees(torch_logits, onnx_logits):
    """Return True where two sets of logits differ by rounding only, and False where the file is another model.

    Both are float arrays of shape (images, classes). A logit that is not a number (NaN) agrees with nothing.
    """
    ...


# %%
check("m.export.agrees", agrees)

# %%
agrees(torch_logits, onnx_logits), agrees(torch_logits, spoiled)

# %% [markdown]
# ### The baseline
#
# `bench.describe` says what really runs: the file by its hash, and the *execution provider* that took each node. That
# is read from a profile, and lesson 15 shows why it is not enough to ask.

# %%
bench.describe(session)

# %%
predicted("m.export.runtime_guess")
measure(session, images, labels, option="onnx-disabled", ledger=ledger(), batch_sizes=(32,))

# %% [markdown]
# And in turns with eager PyTorch, whose file has to be said: a module does not know where its weights came from. (Its
# accuracy is measured only if you have left lesson 10 out.)

# %%
bench.describe(net, model_path=assets.model())
if ledger().latest(kind="accuracy", option="torch-eager") is None:
    ledger().append(bench.accuracy(net, images, labels, option="torch-eager"))
both = {"torch-eager": net, "onnx-disabled": session}
comparison = run_with_progress(
    lambda report: bench.compare(both, images[:1], on_progress=report),
    "Eager PyTorch and the exported graph, side by side",
)
for record in comparison:
    ledger().append(record)
side_by_side(comparison, "torch-eager")

# %%
reconcile("m.export.runtime_guess")

# %%
check("m.export.runtime_guess")

# %% [markdown]
# ## Checkpoint
#
# Did the export cost accuracy? Both models were asked about the *same* images, so two percentages say less than the
# images that changed. Count those that the first model had right and the second has wrong, and the other way round.
# Images that both get wrong are neither, even where the wrong class is another one.


# %% checkpoint="m.export.lost_gained"
def lost_gained(before, after, labels):
    """Return two counts: images lost (right before, wrong after) and images gained (wrong before, right after).

    Args:
        before, after: Classes that the two models gave, whole numbers, one an image.
        labels: True classes.
    """
    ...


# %%
check("m.export.lost_gained", lost_gained)

# %% [markdown]
# Lost and gained are all that a paired test needs, and every comparison of accuracy in this course is made with it:

# %%
paired = ledger().paired_accuracy("onnx-disabled", "torch-eager")
low, high = paired.interval.low, paired.interval.high
print(f"{paired.only_second} lost and {paired.only_first} gained of {paired.trials} images.")
print(f"Accuracy changed by {paired.difference:+.1%} ({low:+.1%} to {high:+.1%}): {paired.verdict}.")

# %%
names = ("torch-eager", "torch-compiled", "onnx-disabled")
mine = [one for one in ledger().measurements() if one.option in names]
comparison_table(mine, reference=reference_table(*names))

# %% [markdown]
# ### Keep it
#
# This is what you did, as one function. Later lessons import it from `labs.optimize.export` when they need another
# file; with `fold_batch_norm=False` it keeps the BatchNorms, which lesson 13 wants to see.

# %%
from torch import nn

from labs.data.preprocess import INPUT_SIZE_PX
from labs.optimize.export import INPUT_NAME, OPSET, OUTPUT_NAME, PREPROCESSING, ExportError

# %% shows="labs.optimize.export:export_onnx"
...

# %% [markdown]
# ## On your own
#
# - Export once more after `net.train()`. What does `Counter` show that was not there before? (Then `net.eval()`.)
# - Delete `first.onnx.data` and open `first.onnx`. At which call do you notice, and is that early enough for a server?
# - The ONNX file is a little smaller than the safetensors file. What does that one hold that the graph does not need?
#   (Look at `net.state_dict().keys()`.)
