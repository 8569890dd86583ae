# %% [markdown]
# # Quantize
#
# "Two megabytes," says the manager, who has read something. "INT8. Four times smaller and four times faster, with no
# loss. Why do we not have that yet?"
#
# The first of the three promises is arithmetic, and it holds. The other two depend: on the processor, on the form of
# the file, and on a choice that is easy to get wrong. Today you will see the same eight bits answer in half the time,
# and in many times the time; keep the accuracy, and ruin it.
#
# ## You will do
#
# Quantize five numbers by hand, then the model in several forms. Measure them side by side, find the layer that
# suffers most, and let a tuner quantize within an accuracy budget.
#
# ## You will learn
#
# - what scale and zero point do, and why one scale for each channel matters so much here;
# - what calibration is, and which pictures it may see;
# - why *dynamic* quantization is slow for convolutions, and why the best form depends on the machine;
# - how to spend accuracy on purpose instead of losing it.
#
# ## You need
#
# A laptop, 60 minutes, and lesson 12. The machine works for about two minutes.

# %%
from dataclasses import replace
from importlib.util import find_spec

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.machine.capability import capability_text, for_lesson

# %%
from labs.optimize.affine import choose_affine, dequantize, quantize, rounding_error
from labs.optimize.budget import quantize_within_budget
from labs.optimize.calibrate import calibrate
from labs.optimize.forms import FORMS, best_form_for
from labs.optimize.graph import read_graph
from labs.optimize.quantize import prepare, quantize_dynamic, quantize_static
from labs.optimize.sensitivity import layer_sensitivity
from labs.optimize.slim import slim_onnx
from labs.optimize.tensors import layer_tensors, tensor_statistics

# %%
from labs.results.format import megabytes, percent
from labs.results.reference import reference_table, source_line
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.widgets.quantization import quantization_explorer
from labs.workspace import ledger, models_dir

# %%
print(capability_text(for_lesson("14")))

# %%
onnx_path = models_dir() / "food11.onnx"
if not onnx_path.is_file():
    raise FileNotFoundError("There is no food11.onnx to quantize yet: run lesson 12 first, which exports it.")
float_spec = BackendSpec("onnxruntime", str(onnx_path))

# %% [markdown]
# ## Predict
#
# Four ways to INT8, which you will meet below. *Dynamic* works out the range of each layer's input anew for every
# picture. *Static* knows the ranges beforehand, and can be written as `qdq` or `qoperator`, with unsigned or (`s8s8`)
# signed activations. Which will answer a single photo fastest on this machine?
#
# `"int8-dynamic"`, `"int8-static-qdq"`, `"int8-static-qoperator"` or `"int8-static-s8s8"`?

# %% checkpoint="m.quantize.form_guess"
predict("m.quantize.form_guess", ...)

# %% [markdown]
# And how many times as fast as float32 will dynamic INT8 answer? 2 means in half the time, 0.5 in twice the time.

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
# (Where it has ten digits, training has switched a channel off: all its weights are as good as zero.) Look at such a
# layer. Lower the bits and watch the marks part. Tick *a scale for each channel* and compare the noise.
# Then choose an activation and switch to *asymmetric*: after ReLU6 nothing is negative, so half of a symmetric ruler
# would lie idle.

# %%
shown = [statistics["node"].iloc[0], "features.0.0/Conv", "features.17.conv.2/Conv", "classifier.1/Gemm"]
layers = layer_tensors(prepared, training_images[:8], [name for name in shown if name in set(statistics["node"])])
quantization_explorer(
    {f"{name} weights": layer.weights for name, layer in layers.items()},
    {f"{name} activations": layer.activations for name, layer in layers.items()},
)

# %% [markdown]
# With one scale for the whole tensor, the widest channel dictates the step, and the narrow ones get a handful of marks
# or none. The last figure is the cost: the signal-to-noise ratio in decibels, where 6 dB are about one bit. How many
# dB does a scale for each channel gain for the first layer of the table, at 8 bits, symmetric and signed?
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
# A quarter of the size, as promised. But look at the operators. `DynamicQuantizeLinear` goes through all of a layer's
# input to find the smallest and the largest value, then through it again to quantize it. How often does that happen
# for a single photo?

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
# ### Static, and which pictures may calibrate it
#
# Instead, run some pictures through the float model *beforehand*, note the range of every activation, and write it
# into the file. This is **calibration**. Which pictures would you take, and how many? It looks at ranges only: does it
# need to know the pictures' classes?

# %% checkpoint="m.quantize.calibration"
# "training", "validation" or "evaluation"; a number of pictures; True or False.
chosen = {"split": ..., "count": ..., "needs_labels": ...}
answer("m.quantize.calibration", chosen)

# %%
check("m.quantize.calibration")

# %% [markdown]
# Never the evaluation pictures. Ranges that were fitted to them make the accuracy on them look better than a customer
# will ever see, and you would have nothing left to notice it with. The lesson goes on with 128 training
# pictures, some of each class.

# %%
calibration = run_with_progress(
    lambda report: calibrate(prepared, training_images, on_progress=report), "Calibrate on training pictures"
)
list(calibration.ranges.items())[:4]

# %% [markdown]
# One calibration serves every form. There are two ways to write the file. **QOperator** has integer operators
# (`QLinearConv`), finished for ONNX Runtime. **QDQ** keeps the float operators and puts `QuantizeLinear` and
# `DequantizeLinear` around each; every runtime fuses them in its own way, and OpenVINO and TensorRT read only this one.
#
# Then there are the types: U8S8 has unsigned activations and signed weights, and so on. The documentation of ONNX
# Runtime says to try S8S8 first. Here is what this course makes of your processor:

# %%
choice = best_form_for(fingerprint())
print(choice.form.name)
print(choice.reason)

# %% [markdown]
# Do not believe either of them. Make all four, and one with unsigned weights as well, which has to do with one scale a
# tensor:

# %%
forms = {
    "int8-static-qdq": FORMS["qdq-u8s8-channel"],
    "int8-static-qoperator": FORMS["qoperator-u8s8-channel"],
    "int8-static-s8s8": FORMS["qdq-s8s8-channel"],
    "int8-static-u8u8": FORMS["qdq-u8u8-tensor"],
}
if not any(one.available for one in for_lesson("14") if one.name == "fast INT8"):
    forms["int8-static-7bit"] = FORMS["qdq-u8s8-channel-7bit"]

# %%
made = {name: quantize_static(prepared, models_dir() / f"{name}.onnx", calibration, forms[name]) for name in forms}
{name: megabytes(model.size_bytes) for name, model in made.items()}

# %% [markdown]
# A quantized file can be made smaller still without changing one result: long names, notes and constants that are
# stored twice. `slim_onnx` takes them out and says how many bytes each of these steps has saved.

# %%
{name: slim_onnx(model.path, model.path).saved_bytes for name, model in made.items()}

# %%
{name: megabytes(model.path.stat().st_size) for name, model in made.items()}

# %% [markdown]
# And these are the operators of the two ways to write it:

# %%
{name: read_graph(made[name].path).op_counts for name in ("int8-static-qoperator", "int8-static-qdq")}

# %% [markdown]
# ## Measure
#
# ### Which form is fast here?
#
# All of them in turns, beside the float32 model with every graph optimization, all with the same number of threads.

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
specs = {"onnx-all": float_spec, "int8-dynamic": BackendSpec("onnxruntime", str(dynamic.path))}
specs |= {name: BackendSpec("onnxruntime", str(model.path)) for name, model in made.items()}
backends = {name: spec.build() for name, spec in specs.items()}
for backend in backends.values():
    backend.load()

# %%
comparison = run_with_progress(
    lambda report: bench.compare(backends, images[:1], rounds=15, on_progress=report), "The forms side by side"
)
for record in comparison.records:
    ledger().append(record)

# %%
reconcile("m.quantize.form_guess")

# %%
reconcile("m.quantize.dynamic_guess")

# %%
{name: comparison.ratio(name, "onnx-all").interval for name in backends if name != "onnx-all"}

# %% checkpoint="m.quantize.forms"
# The fastest INT8 form of this comparison, and a list of those that are slower than float32: their whole interval lies
# above 1.
fastest = ...
slower = ...
answer("m.quantize.forms", {"fastest": fastest, "slower": slower})

# %%
check("m.quantize.forms")

# %% [markdown]
# Same bits, same network. Where the processor has an instruction for *unsigned times signed* bytes and the file asks
# for *signed times signed*, there is no fast kernel to fall into. On an ARM processor it is the other way round. This
# is why a quantized file must be measured where it will run, and why a table from the internet cannot choose for you.
#
# ### And what does it cost?
#
# Size, accuracy, latency and throughput of each form, as for every option so far. The dynamic form is given few
# batches; you have seen enough.

# %%
if ledger().latest(kind="accuracy", option="onnx-all") is None:
    measure(backends["onnx-all"], images, labels, option="onnx-all", ledger=ledger(), batch_sizes=(1, 32))
for name in made:
    measure(backends[name], images, labels, option=name, ledger=ledger(), batch_sizes=(1, 32))
measure(backends["int8-dynamic"], images, labels, option="int8-dynamic", ledger=ledger(), batch_sizes=())
few = {"batch_sizes": (32,), "min_batches": 5}
for record in bench.throughput(backends["int8-dynamic"], images, option="int8-dynamic", **few):
    ledger().append(record)

# %%
ours = [record for record in ledger().measurements() if record.option in backends]
print(source_line())
comparison_table(ours, reference=reference_table("int8-dynamic", "int8-budget-05", "int8-budget-01"))

# %% [markdown]
# Two rows of the accuracy column stand out: the forms with one scale for a whole tensor. You saw the reason in the
# explorer.
#
# For the good ones, do not subtract two percentages. Both models saw the same pictures, so count: how many did
# `onnx-all` get right that `int8-static-qdq` gets wrong, and how many the other way round? `record.samples` of an
# accuracy record has a 1 for each picture that was right and a 0 for each that was wrong.

# %%
before = ledger().latest(kind="accuracy", option="onnx-all").samples
after = ledger().latest(kind="accuracy", option="int8-static-qdq").samples

# %% checkpoint="m.quantize.flips"
lost = ...
gained = ...
answer("m.quantize.flips", {"lost": lost, "gained": gained})

# %%
check("m.quantize.flips")

# %% [markdown]
# ### The layer that loses most
#
# Before anything is repaired, find out what is broken. Here each layer is quantized *alone*, all others stay float32,
# and the logits are compared with those of the float model, without any labels. This is done for one scale a tensor,
# where there is something to find. Fewer dB mean more damage.

# %%
coarse = replace(FORMS["qoperator-u8s8-channel"], per_channel=False)
ranking = run_with_progress(
    lambda report: layer_sensitivity(prepared, calibration, coarse, training_images[::8], on_progress=report),
    "Quantize each layer alone",
)
ranking.sample(frac=1, random_state=0).head(12)

# %% checkpoint="m.quantize.worst_layer"
# The table above shows some layers in random order. Which of *all* layers disturbs the logits most, and how many of
# the model's bytes would its return to float32 add?
worst = ...
added_bytes = ...
kept = ranking[["node", "alone_snr_db", "float_bytes"]].to_dict("records")
answer("m.quantize.worst_layer", {"node": worst, "added_bytes": added_bytes, "ranking": kept})

# %%
check("m.quantize.worst_layer")

# %% [markdown]
# ### Within an accuracy budget
#
# The manager may say: at most five points, or at most one. The tuner below begins with everything quantized. While the
# loss exceeds the budget, it gives the next layer of that ranking back to float32 and keeps the change if it did not
# hurt. Its judge is the *validation* set; evaluation must stay unseen. First with the coarse form, a budget of 0.01,
# and eight layers at most:

# %%
validation = load_split(assets.dataset("food11-mini"), "validation")
search = run_with_progress(
    lambda report: quantize_within_budget(
        *(prepared, models_dir() / "int8-coarse.onnx", calibration, coarse, *validation),
        **{"max_loss": 0.01, "max_reverted": 8, "on_progress": report},
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
# A tuner mends what it is given. Give it the form that fits, and it has much less to do. QOperator is the smaller file
# for ONNX Runtime, so that layout is taken, with the types that fit this machine. Both budgets share their memory: the
# tighter search starts where the looser one ended.

# %%
form = replace(choice.form, layout="qoperator")
results = {}
for name, budget in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
    path, state = models_dir() / f"{name}.onnx", models_dir() / "tuner.json"
    settings = {"max_loss": budget, "state_path": state}
    results[name] = quantize_within_budget(prepared, path, calibration, form, *validation, **settings)
    display(results[name].table())

# %% [markdown]
# Where both tables say the same, the tighter budget asked for nothing more, and both options are the same file. Slim
# them, and measure.

# %%
for name, result in results.items():
    slim_onnx(result.model.path, result.model.path)
    with BackendSpec("onnxruntime", str(result.model.path)).build() as backend:
        measure(backend, images, labels, option=name, ledger=ledger(), batch_sizes=(1, 32))

# %% [markdown]
# Did the promise made on validation pictures hold on pictures that the tuner never saw? Compare the accuracies of
# `onnx-all`, `int8-budget-05` and `int8-budget-01` in the ledger.

# %%
accuracies = {name: ledger().latest(kind="accuracy", option=name).value.value for name in ("onnx-all", *results)}
{name: percent(value) for name, value in accuracies.items()}

# %% checkpoint="m.quantize.budget"
# For each budget, the points lost on the evaluation pictures (a point is a hundredth), and whether it was kept.
answer("m.quantize.budget", {"lost_05": ..., "kept_05": ..., "lost_01": ..., "kept_01": ...})

# %%
check("m.quantize.budget")

# %% [markdown]
# ### The same file in another runtime
#
# OpenVINO reads the QDQ file and fuses it in its own way.

# %%
if find_spec("openvino"):
    with BackendSpec("openvino", str(made["int8-static-qdq"].path)).build() as backend:
        print(backend.describe().precision, backend.describe().libraries)
        display(measure(backend, images, labels, option="openvino-int8", ledger=ledger(), batch_sizes=(1, 32)))
else:
    print("OpenVINO is not installed here: this option stays empty, and nothing below needs it.")

# %% [markdown]
# ## Checkpoint
#
# The manager asked for two megabytes. If each parameter takes one byte and nothing else were in the file, how many MB
# would that be? (You know the float file: four bytes each, and hardly anything else. A MB has 1,000,000 bytes.)

# %%
sizes = {"onnx-all": onnx_path} | {name: result.model.path for name, result in results.items()}
{name: megabytes(path.stat().st_size) for name, path in sizes.items()}

# %% checkpoint="m.quantize.floor"
answer("m.quantize.floor", ...)

# %%
check("m.quantize.floor")

# %% [markdown]
# Below that, eight bits cannot go. It takes fewer parameters (pruning, a smaller network) or fewer bits.

# %%
check("m.quantize.form_guess")

# %%
check("m.quantize.dynamic_guess")

# %%
wanted = ("onnx-all", "int8", "openvino-int8")
comparison_table([record for record in ledger().measurements() if record.option.startswith(wanted)])

# %%
for backend in backends.values():
    backend.close()

# %% [markdown]
# ## On your own
#
# - Calibrate with `method="percentile"` or `"entropy"` and compare accuracies. Which layers' ranges become narrower?
# - Calibrate with eight pictures of one single class. What happens, and on which classes?
# - Slim the tuned coarse file, and compare its size, accuracy and latency with `int8-budget-01`. Which would you ship?
#
# Next: [15 Execution providers](15_execution_providers.ipynb).
