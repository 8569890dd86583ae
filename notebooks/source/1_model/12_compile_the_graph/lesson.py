# ---
# jupyter:
#   lesson:
#     id: compile
#     title: Compile the graph
#     summary: one file for every runtime, the work of a compiler, and two compilers side by side
#     part: 1
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Compile the graph
#
# **Prerequisites:** none. **Runs on:** a laptop.
#
# "A compiler makes programs faster," says the manager. "Is there one for models? And what
# is left of ours when it is done?" Every runtime contains one. It may change anything in
# the model, as long as the answers stay the same. **What does it change, and which change
# saves time?**

# %% folded=true
# Import the libraries.
import json
import warnings
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import pandas as pd
import torch

from labs import assets, bench
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.display.theme import PALE_BLUE
from labs.optimize.export import export_onnx, tidy_file
from labs.optimize.static_quantization import conv_weights
from labs.widgets import compare
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# A compiler first removes operations and merges neighbouring ones (*fused*). Then it also
# changes the order of the numbers in memory (*layout*). Compared with the model as it was
# written, how many times as fast will it answer one photo after the first step, and after
# both? And how many times as fast is another compiler, OpenVINO's, with the same file? 2
# means half the time.

# %%
predict("compile.faster", fused=..., layout=..., openvino=...)

# %% [markdown]
# ## From Python to a graph
#
# In PyTorch, the model is a Python program. A compiler needs a **graph**: a list of
# operators, with the tensors that connect them. **ONNX** is a file format for graphs of
# operators. A **runtime** is a program that executes a graph, such as ONNX Runtime,
# OpenVINO or TensorRT. `torch.onnx.export` runs the model once on an example and records
# each operation. Run the next cell as it is, read the message of its check, and add these
# arguments to fix the export:
#
# - `dynamic_shapes=({0: torch.export.Dim("batch")},)` allows any number of photos, not
#   always two as in the example.
# - `input_names=["input"]` and `output_names=["output"]` set the names that all our
#   servers use.
# - `external_data=False` puts all 8.9 million bytes of weights into this one file, so
#   that no copy of it lacks them.
# - `opset_version=18` sets the version of the operators. The oldest runtime decides, and
#   Triton in part 3 is two years old.
#
# `tidy_file` prepares the file for others: it names the nodes (the operators of the
# graph) after their modules, removes notes that contain *your* paths, and records how to
# prepare a photo. If the weights are in another file, it also moves them into this one. A
# server cannot repair your export, so the check then asks you to export again.

# %% question="compile.export"
# torch warns about its own functions.
warnings.filterwarnings("ignore", category=FutureWarning)
images, labels = load_split(assets.dataset(), "evaluation")
# The network is in evaluation mode, so that training's dropout is not exported.
net = load_mobilenet_v2(assets.model())
example = torch.zeros(2, 3, 224, 224)
onnx_path = models_dir() / "food11.onnx"
### BEGIN SOLUTION
torch.onnx.export(
    net,
    (example,),
    onnx_path,
    dynamo=True,
    verbose=False,
    dynamic_shapes=({0: torch.export.Dim("batch")},),
    input_names=["input"],
    output_names=["output"],
    external_data=False,
    opset_version=18,
)
### STUB
torch.onnx.export(net, (example,), onnx_path, dynamo=True, verbose=False)
### END SOLUTION
session = ort.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
for end in session.get_inputs() + session.get_outputs():
    print(end.name, end.shape)
print(f"{onnx_path.stat().st_size:,} bytes")
tidy_file(onnx_path)
check("compile.export", onnx_path)

# %% [markdown]
# Is the file still the same model? Compare the logits.


# %%
def open_at(level, path, **settings):
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
    for name, value in settings.items():
        setattr(options, name, value)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


session = open_at("DISABLE_ALL", onnx_path)
(logits,) = session.run(["output"], {"input": images[:64]})
with torch.inference_mode():
    expected = net(torch.from_numpy(images[:64])).numpy()
np.testing.assert_allclose(logits, expected, atol=1e-3)
print("largest difference of a logit:", np.abs(logits - expected).max())

# %% [markdown]
# The difference is not zero: float32 keeps about seven digits, and the result of a long
# sum depends on its order. A mistake causes a larger difference, so a tolerance finds it.
# Comparing classes would miss it: adding 0.05 to every logit changes no class.
#
# ## Computed in advance
#
# In PyTorch, a BatchNorm follows each of the 52 convolutions. The file contains no
# BatchNorm. After training, BatchNorm only multiplies each channel by a number and adds
# another one, and the convolution before it can do this as well. Sort this formula into
# the part that multiplies $x$ and the rest, for all output channels at once:
#
# $$ z = \gamma \, \frac{(w * x + b) - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta $$


# %% question="compile.fold"
def fold(weight, bias, gamma, beta, mean, variance, epsilon):
    """Return (weight, bias) of one convolution that replaces a convolution and the
    BatchNorm after it.

    weight has the shape (output channels, input channels, height, width). bias, gamma,
    beta, mean and variance have the shape (output channels,), and so has the new bias.
    epsilon is a number that is added to the variance. Use NumPy, not torch.

    With a weight of 2, gamma 3, variance 4 and zeros for the rest, the new weight is 3.
    """
    ### BEGIN SOLUTION
    factor = gamma / np.sqrt(variance + epsilon)
    return weight * factor[:, None, None, None], (bias - mean) * factor + beta
    ### END SOLUTION


check("compile.fold", fold)

# %%
conv, norm, _ = net.features[0]
no_bias = torch.zeros(32)  # this convolution has none
batch_norm = norm.weight, norm.bias, norm.running_mean, norm.running_var
arrays = [number.detach().numpy() for number in (conv.weight, no_bias, *batch_norm)]
folded, _ = fold(*arrays, norm.eps)
exported = conv_weights(onnx_path)["features.0.0/Conv"]
print("yours and the exporter's differ by", np.abs(folded - exported).max())

# %% [markdown]
# **Constant folding** computes operations that do not depend on the photo only once,
# before the first photo arrives. Your function is an example.
#
# ## One graph, four times
#
# To see all changes that a compiler makes, export once more with the BatchNorms left in.
# ONNX Runtime then writes a file for three of its optimization levels: *basic*,
# *extended* and *all*.

# %%
unfolded_path = models_dir() / "food11-unfolded.onnx"
export_onnx(net, unfolded_path, fold_batch_norm=False)
paths = {"food11-unfolded": unfolded_path}
for level in ("basic", "extended", "all"):
    path = models_dir() / f"food11-{level}.onnx"
    written = {"optimized_model_filepath": str(path), "log_severity_level": 3}
    open_at(f"ENABLE_{level.upper()}", unfolded_path, **written)
    paths[path.stem] = path

# %% [markdown]
# The next cell counts the operators of the four files, and draws one block of each:
# `features.3`, in the order in which it runs. `com.microsoft` marks operators that only
# ONNX Runtime has.


# %% folded=true
# Draw the same block of the four files, and count the operators of each file.
def operator(node):
    kind = node.op_type.replace("Normalization", "Norm")
    return f"{kind} nchwc" if "nchwc" in node.domain else kind


nodes = {name: onnx.load(path).graph.node for name, path in paths.items()}
centred = {"ha": "center", "va": "center", "fontsize": 8}
figure, axis = plt.subplots(figsize=(11, 2.6))
sizes = []
for row, (name, graph) in enumerate(nodes.items()):
    block = [node for node in graph if node.name.startswith("features.3")]
    operators = [operator(node) for node in block]
    sizes.append(len(block))
    print(f"{name}: {' → '.join(operators)}")
    for place, kind in enumerate(operators):
        colour = PALE_BLUE if "Conv" in kind else "white"
        box = {"boxstyle": "round", "facecolor": colour}
        axis.text(place, -row, kind, **centred, bbox=box)
axis.set_title(f"From {sizes[0]} operators to {sizes[-1]}")
axis.set(xlim=(-0.5, 8.5), ylim=(-3.6, 0.6), xticks=[])
axis.spines[:].set_visible(False)
axis.set_yticks([0, -1, -2, -3], nodes)
kinds = {}
for name, graph in nodes.items():
    kinds[name] = Counter(f"{node.domain} {node.op_type}" for node in graph)
pd.DataFrame(kinds).fillna(0).astype(int)

# %% [markdown]
# *Basic* folds constants. *Extended* fuses operators as well. **Operator fusion**
# merges neighbouring operators into one: here, a convolution clips its result (Clip)
# before it writes it. Both levels work on every machine with ONNX Runtime. *All* fuses
# the additions (Add) too, and uses primitives for your processor. **Primitives** are
# implementations of an operator for one kind of hardware. On x86, they have their own
# memory layout (`nchwc`), and `food11-all.onnx` may fail on another processor.
#
# ## Where the time goes
#
# With `enable_profiling`, ONNX Runtime records how many microseconds each node took
# (`dur`). The next cell adds them up by operator, over 20 photos.

# %% folded=true
# Profile each file over 20 photos, and add up the milliseconds by operator.
photos = 20
profiled = {
    "enable_profiling": True,
    "profile_file_prefix": str(models_dir() / "profile"),
}
photo_ms = {}
for name, path in paths.items():
    session = open_at("DISABLE_ALL", path, **profiled)
    for _ in range(photos):
        session.run(None, {"input": images[:1]})
    profile_path = Path(session.end_profiling())
    spent_us = Counter()
    for event in json.loads(profile_path.read_text()):
        if event["name"].endswith("_kernel_time"):
            spent_us[event["args"]["op_name"]] += event["dur"]
    photo_ms[name] = pd.Series(spent_us) / photos / 1000
    profile_path.unlink()
table = pd.DataFrame(photo_ms).sort_values("food11-unfolded", ascending=False)
table.style.format("{:.2f} ms", na_rep="")

# %% [markdown]
# Add up the convolutions of each column (`Conv` and `FusedConv`), and compare the sums
# with the other rows. Folding and fusing remove work from the *other* rows: do they
# also make the convolutions faster? On x86, the convolutions of the last column have
# another **memory layout**, the order in which the numbers of a tensor are stored.
#
# ## The same numbers in another order
#
# Does the order matter? `matrix.T` is the same memory as `matrix`. To copy it, numpy goes
# down the columns.

# %%
matrix = np.ones((4096, 4096), np.float32)
# %timeit -n 3 -r 5 matrix.copy()
# %timeit -n 3 -r 5 matrix.T.copy()

# %% [markdown]
# Memory delivers **lines**, blocks of 64 bytes or 16 float32. Along a row, all 16 numbers
# are used. Down a column, one number is used, and when its neighbour is needed, the line
# has already been replaced. The numbers of an image are also stored one after another.
# **NCHW** stores channel after channel, each row by row. **NHWC** stores pixel after
# pixel, row by row, with the channels of a pixel next to each other. This function
# returns how many numbers are stored before a given one:


# %%
def offset(layout, channel, row, column, channels, height, width):
    if layout == "NCHW":
        return (channel * height + row) * width + column
    return (row * width + column) * channels + channel


# %% [markdown]
# ONNX Runtime uses a third layout. **NCHWc** divides the channels into blocks of 8 or 16,
# and stores each block as NHWC does. The picture shows 8 channels (colours) of 2 × 2
# pixels, in blocks of 4. Triangles mark the channels of one pixel.

# %% folded=true
# Draw the order of 32 numbers in three memory layouts.
figure, axes = plt.subplots(3, sharex=True)
axes[0].set_title("NHWC and NCHWc keep channels of a pixel together")
for axis, layout in zip(axes, ("NCHW", "NHWC", "NCHWc")):
    for channel, row, column in np.ndindex(8, 2, 2):
        if layout == "NCHWc":
            block, channel_of_block = divmod(channel, 4)
            place = 16 * block + offset("NHWC", channel_of_block, row, column, 4, 2, 2)
        else:
            place = offset(layout, channel, row, column, 8, 2, 2)
        axis.bar(place, 1, width=0.9, color=plt.cm.viridis(channel / 7))
        if (row, column) == (0, 1):
            axis.plot(place, 1.25, "kv")
    axis.set(ylim=(0, 1.5), yticks=[], ylabel=layout)

# %% [markdown]
# A processor computes 8 or 16 numbers with one instruction if they are next to each other
# in memory, like the channels of a block. So a *depthwise* convolution, which filters
# each channel by itself, gains most.
#
# ## Measure
#
# The next cell measures all four files exactly as they are, and `food11`: the file that
# you exported, opened in the usual way. By default, ONNX Runtime applies *all* its
# levels when it opens a file. The same file also goes to another compiler: **OpenVINO**
# is Intel's runtime, which fuses, changes layouts, and has its own primitives. Its
# runtime graph names the kernel of each node, which proves what was executed. The hint
# in the code asks for 32 bits. Without it, OpenVINO would use 16 bits on a processor
# that has them, and you would not compare float32 with float32. All six take turns,
# which takes a minute or more.

# %%
guesses = predicted("compile.faster")
sessions = {name: open_at("DISABLE_ALL", path) for name, path in paths.items()}
sessions["food11"] = ort.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
float32 = {"INFERENCE_PRECISION_HINT": "f32"}
compiled = ov.Core().compile_model(onnx_path, "CPU", float32)
sessions["openvino"] = compiled
# A compiled model does not know its file.
print(bench.describe(compiled, model_path=onnx_path).precision)
operators = compiled.get_runtime_model().get_ops()
kernels = [node.get_rt_info()["primitiveType"].astype(str) for node in operators]
print(Counter(kernel for kernel in kernels if "conv" in kernel))
table = compare(sessions, images, labels, baseline="food11-unfolded")
table.loc["food11-extended", "you predicted"] = guesses["fused"]
table.loc["food11-all", "you predicted"] = guesses["layout"]
table.loc["openvino", "you predicted"] = guesses["openvino"]
table.style.format(precision=2, na_rep="")

# %% [markdown]
# If *at least* and *at most*, the ends of a 95 % interval, are both above 1, a file is
# faster than the graph as it was written. `food11` and `food11-all` compute the same, so
# a difference between their medians means nothing.
#
# Look at 32 photos at once too. On the manager's EPYC, [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-model-chi/) measured
# {{ onnx_epyc.p50_ms }} ms and {{ onnx_epyc.photos_per_s }} photos per second with ONNX
# Runtime, and {{ openvino_epyc.p50_ms }} ms and {{ openvino_epyc.photos_per_s }} with
# OpenVINO, from one float32 file. With default settings, OpenVINO met the first target
# there and ONNX Runtime did not. But these are two runs, and the lab does not say whether
# they had the same node or the same number of threads. *Run on the server* compares both
# compilers on one node, for each number of threads.
#
# ## What you found
#
# - **What does the compiler change?** It merged BatchNorm, Clip and Add into the
#   convolutions, and on x86 also changed the order of the numbers. The answers stayed
#   the same.
# - **Which change saves time?** On the machine used for this page, an AMD EPYC, folding
#   and fusing made the model 1.5 times as fast (1.26 to 1.70). With the layout it was 2.8
#   times as fast (2.33 to 3.49).
#
# Ship `food11.onnx` as you exported it: every runtime can read it, and each machine
# chooses its own best layout.

# %% [markdown]
# ## Read more
#
# - [Graph
#   Optimizations](https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html)
#   (ONNX Runtime documentation): every optimization of the three levels.
# - [torch.onnx](https://docs.pytorch.org/docs/stable/onnx.html) (PyTorch documentation):
#   all arguments of the export.
# - [Optimizing CNN Model Inference on
#   CPUs](https://www.usenix.org/conference/atc19/presentation/liu-yizhi) (Y. Liu et al.,
#   USENIX ATC 2019): why a blocked layout such as NCHWc is fast.
# - [How to Optimize a CUDA Matmul Kernel for cuBLAS-like Performance: a
#   Worklog](https://siboehm.com/articles/22/CUDA-MMM) (S. Boehm, 2022): the unit's
#   example of memory access, step by step on a GPU.
# - [Netron](https://netron.app/) (L. Roeder, software): shows the graph of your `.onnx` file in the
#   browser.
