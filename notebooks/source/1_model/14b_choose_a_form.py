# ---
# jupyter:
#   lesson:
#     title: Choose a form
#     summary: calibration, the formats of INT8, and the one that fits this machine
#     part: 1
#     number: "14b"
#     minutes: 30
#     kind: core
#     where: [any]
#     needs: ["14"]
#     ports: []
#     machine_minutes: 12
#     uses: ["memory", "disk", "fast INT8"]
# ---

# %% [markdown]
# # Choose a form
#
# "So it can be done," says the manager, "and yours was slow. My nephew's runs twice as fast. Same model, same eight
# bits." He may be right. What INT8 does to a model depends less on the bits than on how they are written down, and on
# whether the processor has an instruction for exactly that.
#
# ## You will do
#
# Measure the ranges of all activations beforehand, write the model in several forms of INT8, and race them.
#
# ## You will learn
#
# - what calibration is, and which pictures it may see;
# - what QDQ and QOperator are, and what the letters U8S8 mean;
# - why the best form depends on the machine, and how to count what it costs.
#
# ## You need
#
# A laptop, 30 minutes, and lesson 14. The machine works for about a minute.

# %%
from importlib.util import find_spec

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.machine import capability_text, fingerprint, for_lesson
from labs.optimize.calibrate import calibrate
from labs.optimize.forms import FORMS, best_form_for

# %%
from labs.optimize.graph import read_graph
from labs.optimize.quantize import prepare, quantize_static
from labs.optimize.slim import slim_onnx
from labs.records.format import megabytes
from labs.records.reference import reference_table, source_line
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.workspace import ledger, models_dir

# %%
print(capability_text(for_lesson("14")))

# %%
onnx_path, dynamic_path = models_dir() / "food11.onnx", models_dir() / "int8-dynamic.onnx"
if not (onnx_path.is_file() and dynamic_path.is_file()):
    raise FileNotFoundError(
        "food11.onnx or int8-dynamic.onnx is missing: run lessons 12 and 14 first, which make them."
    )

# %% [markdown]
# ## Predict
#
# Four ways to INT8. *Dynamic* you know. *Static* knows the ranges beforehand, and can be written as `qdq` or
# `qoperator`, with unsigned or (`s8s8`) signed activations. Which will answer a single photo fastest on this machine?
#
# `"int8-dynamic"`, `"int8-static-qdq"`, `"int8-static-qoperator"` or `"int8-static-s8s8"`?

# %% checkpoint="m.quantize.form_guess"
predict("m.quantize.form_guess", ...)

# %% [markdown]
# ## Act
#
# ### Which pictures may calibrate
#
# Run some pictures through the float model *beforehand*, note the range of every activation, and write it into the
# file. This is **calibration**. Which pictures would you take, and how many? It looks at ranges only: does it need to
# know the pictures' classes?

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
prepared = prepare(onnx_path, models_dir() / "food11-prepared.onnx")
training_images, _ = load_split(assets.dataset("food11-mini"), "training", limit=128)
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
files = {"onnx-all": onnx_path, "int8-dynamic": dynamic_path} | {name: model.path for name, model in made.items()}
backends = {name: BackendSpec("onnxruntime", str(path)).build() for name, path in files.items()}
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
# Size, accuracy, latency and throughput of each form, as for every option so far. And the QDQ file once more, in
# another runtime: OpenVINO reads it and fuses it in its own way.

# %%
for name in made:
    measure(backends[name], images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
if find_spec("openvino"):
    with BackendSpec("openvino", str(made["int8-static-qdq"].path)).build() as backend:
        print(backend.describe().precision, backend.describe().libraries)
        display(measure(backend, images, labels, option="openvino-int8", ledger=ledger(), batch_sizes=(32,)))
else:
    print("OpenVINO is not installed here: this option stays empty, and nothing below needs it.")

# %% [markdown]
# ## Checkpoint

# %%
ours = [record for record in ledger().measurements() if record.option in (*backends, "openvino-int8")]
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

# %%
check("m.quantize.form_guess")

# %%
for backend in backends.values():
    backend.close()

# %% [markdown]
# ## On your own
#
# - Calibrate with eight pictures of one single class. What happens, and on which classes?
# - Calibrate with `method="entropy"` and compare accuracies. Which layers' ranges become narrower?
# - Change the letters: which of `FORMS` has not been measured, and what do you expect of it here?
