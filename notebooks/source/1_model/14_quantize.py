# ---
# jupyter:
#   lesson:
#     title: Quantize
#     summary: scale and zero point by hand, the model's own numbers, and the dynamic way
#     part: 1
#     number: "14"
#     minutes: 30
#     kind: core
#     where: [any]
#     needs: ["12"]
#     ports: []
#     machine_minutes: 5
#     uses: ["memory", "disk", "fast INT8"]
# ---

# %% [markdown]
# # Quantize
#
# "Two megabytes," says the manager, who has read something. "INT8. Four times smaller and four times faster, with no
# loss. Why do we not have that yet?"
#
# The first of the three promises is arithmetic, and it holds. The other two depend: on the processor, on the form of
# the file, and on a choice that is easy to get wrong. In three sittings you will see the same eight bits answer in half
# the time, and in twice the time and more; keep the accuracy, and ruin it. This first one is about the bits themselves.
#
# ## You will do
#
# Quantize five numbers by hand, look at the model's own numbers, and quantize the model in the simplest way there is.
#
# ## You will learn
#
# - what scale and zero point do, and what rounding and clipping cost;
# - why one scale for each channel matters so much here;
# - why *dynamic* quantization is slow for convolutions.
#
# ## You need
#
# A laptop, 30 minutes, and lesson 12. The machine works for less than a minute.

# %%
from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.optimize.affine import choose_affine, dequantize, quantize, rounding_error
from labs.optimize.graph import read_graph
from labs.optimize.quantize import prepare, quantize_dynamic
from labs.optimize.tensors import layer_tensors, tensor_statistics

# %%
from labs.records.format import megabytes
from labs.records.reference import reference_table, source_line
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.widgets.quantization import quantization_explorer
from labs.workspace import ledger, models_dir

# %%
onnx_path = models_dir() / "food11.onnx"
if not onnx_path.is_file():
    raise FileNotFoundError("There is no food11.onnx to quantize yet: run lesson 12 first, which exports it.")

# %% [markdown]
# ## Predict
#
# *Dynamic* quantization stores the weights as bytes, and works out the range of each layer's input anew for every
# picture. No pictures have to be shown to it beforehand. How many times as fast as float32 will it answer one photo? 2
# means in half the time, 0.5 in twice the time.

# %% checkpoint="m.quantize.dynamic_guess"
predict("m.quantize.dynamic_guess", ...)

# %% [markdown]
# ## Act
#
# ### Five numbers by hand
#
# An unsigned byte can be 0 to 255, 256 values in all. A tensor holds reals. *Quantizing* lays a ruler of 256 marks
# over them: the **scale** is the distance between two marks, and the **zero point** is the mark that stands for exactly
# 0. So $\text{real} = \text{scale} \times (\text{integer} - \text{zero point})$.
#
# The ruler should reach from the smallest value to the largest: 255 steps between them.

# %%
values = [-0.5, -0.02, 0.0, 0.33, 1.0]

# %% checkpoint="m.quantize.affine"
scale = ...
zero_point = ...
answer("m.quantize.affine", {"scale": scale, "zero_point": zero_point})

# %%
check("m.quantize.affine")

# %% [markdown]
# Why must 0 have a mark of its own? Because it is everywhere: convolutions pad their edges with it, and ReLU6 turns
# every negative number into it. An error there would be made again and again.
#
# Now send 0.33 through: divide by the scale, add the zero point, round; then back. And a photo comes along that makes
# a 1.4, which nobody had seen when the ruler was made: what comes back for that?

# %% checkpoint="m.quantize.roundtrip"
answer("m.quantize.roundtrip", {"integer": ..., "back": ..., "outlier_back": ...})

# %%
check("m.quantize.roundtrip")

# %% [markdown]
# Rounding costs half a step at most. *Clipping* costs whatever sticks out. A wider ruler clips less and rounds more
# coarsely; that is the whole trade. The same by the course's own functions:

# %%
ruler = choose_affine(values, bits=8, signed=False)
dequantize(quantize([0.33, 1.4], ruler), ruler), rounding_error([0.33, 1.4], ruler)

# %% [markdown]
# ### The model's own numbers
#
# First a tidied copy of the exported model, as quantizers want it, and some training pictures to run through it.

# %%
prepared = prepare(onnx_path, models_dir() / "food11-prepared.onnx")
training_images, _ = load_split(assets.dataset("food11-mini"), "training", limit=128)
statistics = tensor_statistics(prepared, training_images[:8]).sort_values("channel_spread", ascending=False)
statistics[["node", "weights", "weight_low", "weight_high", "channel_spread"]].head(6)

# %% [markdown]
# `channel_spread` says how many times as far the weights of a layer's widest channel reach as those of its narrowest.
# (Where it runs into the billions, `e+09` and more, training has switched a channel off: its weights are as good as
# zero.) Look at such a layer. Lower the bits and watch the marks part. Tick *a scale for each channel* and compare the
# noise. Then choose an activation and switch to *asymmetric*: after ReLU6 nothing is negative, so half of a symmetric
# ruler would lie idle.

# %%
shown = [statistics["node"].iloc[0], "features.0.0/Conv", "features.17.conv.2/Conv", "classifier.1/Gemm"]
layers = layer_tensors(prepared, training_images[:8], [name for name in shown if name in set(statistics["node"])])
quantization_explorer(
    {f"{name} weights": layer.weights for name, layer in layers.items()},
    {f"{name} activations": layer.activations for name, layer in layers.items()},
)

# %% [markdown]
# With one scale for the whole tensor, the widest channel dictates the step, and the narrow ones get a handful of marks
# or none. *Signal to noise* shows the cost, in decibels, where 6 dB are about one bit. How many dB does a scale for
# each channel gain for the first layer of the table, at 8 bits, symmetric and signed?
#
# `rounding_error(weights, choose_affine(weights, signed=True, symmetric=True, axis=…)).snr_db` gives one of the two;
# `axis=0` is for each channel, `axis=None` for the whole tensor.

# %%
weights = layers[shown[0]].weights

# %% checkpoint="m.quantize.channels"
per_tensor_db = ...
per_channel_db = ...
answer("m.quantize.channels", {"per_tensor_db": per_tensor_db, "per_channel_db": per_channel_db})

# %%
check("m.quantize.channels")

# %% [markdown]
# ### Dynamic
#
# The simplest way: weights become bytes once, and everything else happens while the model runs.

# %%
dynamic = quantize_dynamic(prepared, models_dir() / "int8-dynamic.onnx")
dynamic_ops = read_graph(dynamic.path).op_counts
megabytes(dynamic.size_bytes), dynamic_ops

# %% [markdown]
# About a quarter of the size, as promised. But look at the operators. `DynamicQuantizeLinear` goes through all of a
# layer's input to find the smallest and the largest value, then through it again to quantize it. How often does that
# happen for a single photo?

# %% checkpoint="m.quantize.searches"
searches = ...
answer("m.quantize.searches", {"searches": searches, "op_counts": dynamic_ops})

# %%
check("m.quantize.searches")

# %% [markdown]
# In a language model, whose matrices are huge and whose activations are small, that is a bargain. In a convolutional
# network the activations are the large part. And there is no fused kernel: each product goes back to float32 before the
# next layer searches it again.
#
# ## Measure
#
# In turns with the float32 model with every graph optimization, on the same number of threads:

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
files = {"onnx-all": onnx_path, "int8-dynamic": dynamic.path}
backends = {name: BackendSpec("onnxruntime", str(path)).build() for name, path in files.items()}
for backend in backends.values():
    backend.load()
comparison = bench.compare(backends, images[:1], rounds=10)
for record in comparison.records:
    ledger().append(record)

# %%
reconcile("m.quantize.dynamic_guess")

# %%
comparison.ratio("int8-dynamic", "onnx-all").interval

# %% [markdown]
# The rest, as for every option so far. (`onnx-all` is measured only if lesson 13 has not done it, and the dynamic form
# is given few batches; you have seen enough.)

# %%
if ledger().latest(kind="accuracy", option="onnx-all") is None:
    measure(backends["onnx-all"], images, labels, option="onnx-all", ledger=ledger(), batch_sizes=(32,))
measure(backends["int8-dynamic"], images, labels, option="int8-dynamic", ledger=ledger(), batch_sizes=())
few = {"batch_sizes": (32,), "min_batches": 5}
for record in bench.throughput(backends["int8-dynamic"], images, option="int8-dynamic", **few):
    ledger().append(record)

# %% [markdown]
# ## Checkpoint
#
# Two promises of three are broken: it is small, but neither fast nor as good.

# %%
ours = [record for record in ledger().measurements() if record.option in backends]
print(source_line())
comparison_table(ours, reference=reference_table("onnx-extended", "int8-dynamic"))

# %%
check("m.quantize.dynamic_guess")

# %%
for backend in backends.values():
    backend.close()

# %% [markdown]
# The accuracy has a reason that you have met: this file has one scale for each whole tensor. The speed has another.
# What if the ranges were known before the first customer comes?
#
# ## On your own
#
# - Quantize your five numbers to 4 bits. By how much do the steps grow, and by how many dB does the noise?
# - In the explorer, find the layer whose activations use a symmetric ruler worst. How many of its 256 marks are used?
# - Published tables praise dynamic quantization. Look for one. Which kind of network was it measured on?
