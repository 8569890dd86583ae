# ---
# jupyter:
#   lesson:
#     id: ensemble
#     title: Build an ensemble
#     summary: the ONNX backend, three models connected and compared in turns, the step that limits, and a vote
#     part: 3
#     kind: core
#     where: [laptop]
#     needs: [triton]
#     ports: []
#     takes: {triton: [programs/repository/food_classifier/1/model.py]}
# ---

# %% [markdown]
# # Build an ensemble
#
# **Prerequisites:** *Serve with Triton*, which writes `model.py`. **Runs on:** a laptop
# with x86-64 Linux.
#
# "Serve the ONNX file, without any code of ours," says a colleague. "It gives many times
# more answers." But the ONNX file needs each photo as 150,528 numbers, so every phone
# must crop, scale and normalize it in exactly the right way. Could the server do that
# instead? **Which serves most phones: your Python model, the bare ONNX file, or an
# ensemble around it?** All three get the same clients and the same file.

# %% folded=true
# Import the lesson's modules.
import re
import shutil
import warnings

import httpx
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
import tritonclient.http as httpclient

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.intake import open_photo, to_input
from labs.data.models import ARCHITECTURES, load_model
from labs.display.theme import GREY, PALE_BLUE, PALE_ORANGE
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.race import of, race, rate_ratio
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, serve_app
from labs.serve.triton import catalogue, opening
from labs.widgets import compare, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# Eight clients ask one instance of each model, with one thread. The baseline is your
# Python model with the ONNX file in it. By what factor does the bare ONNX model beat its
# answers per second, if its clients send prepared tensors? And by what factor does an
# ensemble of three models beat it: prepare, compute, name the class?

# %%
predict("ensemble.race", onnx=..., ensemble=...)

# %% [markdown]
# ## The ONNX backend
#
# A **backend** is the part of Triton that runs one kind of model. This one is called
# `onnxruntime`, and runs a file `model.onnx`. Complete its configuration:
#
# - one instance, on the CPU (`KIND_CPU`);
# - the input `input`, of `TYPE_FP32` and shape 3 × 224 × 224;
# - the output `output`, of `TYPE_FP32` and 11 numbers.

# %%
repository = opening.lesson_repository()
network = repository / "food_classifier_onnx"
(network / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), network / "1" / "model.onnx")

# %% question="ensemble.onnx"
config = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
### BEGIN SOLUTION
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
(network / "config.pbtxt").write_text(config)
check("ensemble.onnx", network / "config.pbtxt")

# %% [markdown]
# **Note.** Your laptop's Triton lacks NVIDIA's C++ backend for ONNX, so the course
# replaces it by one in Python. The rows' names in the table show this.
#
# ## Three models, and wires
#
# In Triton, an **ensemble** is a model without code: it lists the models that a request
# passes, and connects their outputs to inputs. The two models around the network are
# given:

# %% folded=true
# Write the two given models, and draw the ensemble.
models = catalogue.ModelRepository(repository)
models.write([catalogue.food_preprocess(), catalogue.food_label()])
figure, axis = plt.subplots(figsize=(9, 1.2))
axis.set(xlim=(-0.5, 6.5), ylim=(-1, 1), title="A photo passes three models")
axis.axis("off")
boxes = [
    (1, "food_preprocess", PALE_ORANGE),
    (3, "food_classifier_onnx", PALE_BLUE),
    (5, "food_label", PALE_ORANGE),
]
for x, step, color in boxes:
    box = {"boxstyle": "round,pad=0.5", "fc": color, "ec": GREY}
    axis.text(x, -0.3, step, ha="center", va="center", fontsize=9, bbox=box)
arrows = [
    (0, "INPUT_IMAGE"),
    (2, "pixels"),
    (4, "logits"),
    (6, "FOOD_LABEL\nPROBABILITY"),
]
for x, tensor in arrows:
    arrow = {"arrowstyle": "->", "lw": 1.5}
    axis.annotate("", (x + 0.25, -0.3), (x - 0.25, -0.3), arrowprops=arrow)
    axis.text(x, 0.1, tensor, ha="center", va="bottom", fontsize=8)

# %% [markdown]
# `food_preprocess` gets `INPUT_IMAGE`, a photo in base64, and outputs `input`, the
# network's input tensor. `food_label` gets `output`, the network's logits, and outputs
# `FOOD_LABEL` and `PROBABILITY`. Two steps are wired in the next cell: `key` is the
# model's name for a tensor, and `value` is the name on an arrow of the figure. Steps are
# connected by these names: one step's output `pixels` is the next step's input. Nothing
# else sets the order. Add the third step.

# %% question="ensemble.steps"
ensemble = repository / "food_classifier_ensemble"
(ensemble / "1").mkdir(parents=True, exist_ok=True)
config = """
name: "food_classifier_ensemble"
platform: "ensemble"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
ensemble_scheduling {
  step {
    model_name: "food_preprocess"
    model_version: -1
    input_map { key: "INPUT_IMAGE" value: "INPUT_IMAGE" }
    output_map { key: "input" value: "pixels" }
  }
  step {
    model_name: "food_classifier_onnx"
    model_version: -1
    input_map { key: "input" value: "pixels" }
    output_map { key: "output" value: "logits" }
  }
  ### BEGIN SOLUTION
  step {
    model_name: "food_label"
    model_version: -1
    input_map { key: "output" value: "logits" }
    output_map { key: "FOOD_LABEL" value: "FOOD_LABEL" }
    output_map { key: "PROBABILITY" value: "PROBABILITY" }
  }
  ### STUB
  # Your turn: replace this line.
  ### END SOLUTION
}
"""
(ensemble / "config.pbtxt").write_text(config)
check("ensemble.steps", ensemble)

# %% [markdown]
# The check sent six photos to an ensemble in a Triton that it started. A fair comparison
# needs one more model, called `food_classifier_whole`: a copy of your `food_classifier`
# with the same ONNX file in its folder. The `load` of `food.py` then runs this file
# instead of PyTorch's weights. The next cell makes the copy, starts your Triton, and
# loads all models. An ensemble is loaded after the models that it contains.

# %% folded=true
# Copy your model with the ONNX file, start Triton, and load all models.
whole = repository / "food_classifier_whole"
shutil.copytree(repository / "food_classifier", whole, dirs_exist_ok=True)
shutil.copy(fp32_model(), whole / "1" / "model.onnx")
path = whole / "config.pbtxt"
config = path.read_text().replace('"food_classifier"', '"food_classifier_whole"')
path.write_text(config)

STEPS = ["food_preprocess", "food_classifier_onnx", "food_label"]
triton = run_with_progress(
    lambda report: opening.serve(repository, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
for name in ("food_classifier_whole", *STEPS, "food_classifier_ensemble"):
    client.load_model(name, headers=triton.headers)

# %% [markdown]
# GourmetGram's page sends a visitor's photo, unchanged, to the ensemble. Open the page
# and click a sample. The last line of the cell does the same.

# %%
page = serve_app(
    app=PAGE,
    PAGE_SERVER=f"http://{triton.http}",
    PAGE_TRITON_MODEL="food_classifier_ensemble",
)
print("the page:", link(page.url + "/"))
answered = httpx.post(page.url, data={"sample": 3}, timeout=30)
print(*re.findall(r'id="(?:label|probability)">([^<]+)<', answered.text))

# %% [markdown]
# ## The race
#
# The next cell sends the same photos from eight clients to all three models, in turns,
# so that a slow moment of the machine affects all three. Twenty rounds take about a
# minute, or longer on a busy machine.

# %% folded=true
# Measure all three models in turns, and tabulate the race.
guesses = predicted("ensemble.race")
photos = [photo(number) for number in range(8)]
texts = image_inputs(photos)
pixels = [to_input(open_photo(content)) for content in photos]
numbers = tensor_inputs(np.stack(pixels))
onnx_path = network / "1" / "model.onnx"
targets = {
    "python": triton_target(triton, "food_classifier_whole", texts),
    "onnx": triton_target(triton, "food_classifier_onnx", numbers),
}
targets["ensemble"] = triton_target(
    triton, "food_classifier_ensemble", texts, network=onnx_path
)


def in_turns(report):
    return race(targets, concurrency=8, rounds=20, duration_s=0.8, on_progress=report)


turns = run_with_progress(in_turns, "Race")
rows = {}
for name in targets:
    runs = of(turns, name)
    ledger().append(runs[0])
    latencies_s = np.concatenate([run.samples for run in runs])
    rates_rps = [run.throughput_rps.value for run in runs]
    rows[name] = {
        "bytes per request": runs[0].details["body_bytes"],
        "median latency, ms": 1e3 * np.median(latencies_s),
        "answers a second": np.median(rates_rps),
    }
for name in ("onnx", "ensemble"):
    ratio = rate_ratio(turns, name, "python").interval
    rows[name] |= {
        "times as many": ratio.value,
        "at least": ratio.low,
        "at most": ratio.high,
        "you predicted": guesses[name],
    }
replaced = {
    "onnx": "onnx (the course's Python backend)",
    "ensemble": "ensemble (with the same backend)",
}
table = pd.DataFrame(rows).T.astype(float).rename(index=replaced)
table.style.format({"bytes per request": "{:,.0f}"}, precision=2, na_rep="")

# %% [markdown]
# Look at the bytes first. The ONNX model's clients sent many times more bytes, and
# decoded their photos before the clock started, so their server had less work. The fair
# comparison is the first row with the last: the same photos, the same preparation code,
# the same file. The only difference is that one process does everything, or three
# processes do one step each. Three processes can use more processors, but each hand-over
# takes time. *At least* and *at most* are the ends of a 95 % interval over the rounds.
#
# ## The step that limits
#
# The steps of a chain work at the same time, on different photos. A step cannot deliver
# more requests than it completes, and a step with two instances completes twice as many.
# So the lowest rate of all steps limits the chain:


# %%
def most_a_second(seconds_of_steps, instances_of_steps):
    """Return the highest rate of a chain, in requests per second, and the index of the
    step that limits it.

    Both arguments have one entry per step: the seconds of an instance per request, and
    the number of instances.
    """
    rates = np.array(instances_of_steps) / np.array(seconds_of_steps)
    return rates.min(), rates.argmin()


# %% [markdown]
# Triton counts the seconds of each step. In the next cell, eight clients ask the
# ensemble. Then the limiting step gets a second instance, and they ask again. Nothing
# else changes. Each column is one run.


# %% folded=true
# Measure the ensemble, give its limiting step a second instance, and measure again.


def computed(step):
    """Return a step's number of answers since it was loaded, and its seconds of work."""
    models = client.get_inference_statistics(step)["model_stats"]
    counted = models[0]["inference_stats"]
    computed_ns = 0
    for stage in ("compute_input", "compute_infer", "compute_output"):
        computed_ns += counted[stage]["ns"]
    return counted["success"]["count"], computed_ns / 1e9


def measure(instances):
    """Return a column of the table: each step's time, the limiting step, the rates."""
    before = np.array([computed(step) for step in STEPS])
    option = f"ensemble-{sum(instances)}"
    run = closed_loop(targets["ensemble"], concurrency=8, duration_s=2, option=option)
    after = np.array([computed(step) for step in STEPS])
    ledger().append(run)
    answers, computed_s = (after - before).T
    seconds = computed_s / answers
    most, place = most_a_second(seconds, instances)
    column = {}
    for step, step_s in zip(STEPS, seconds):
        column[f"{step}, ms"] = 1e3 * step_s
    column["it limits"] = STEPS[place]
    column["the limit"] = most
    column["answers a second"] = run.throughput_rps.value
    return column


columns = {"one instance each": measure([1, 1, 1])}
slowest = columns["one instance each"]["it limits"]
path = repository / slowest / "config.pbtxt"
path.write_text(path.read_text().replace("count: 1", "count: 2"))
client.load_model(slowest, headers=triton.headers)
instances = [2 if step == slowest else 1 for step in STEPS]
columns["one instance more"] = measure(instances)
path.write_text(path.read_text().replace("count: 2", "count: 1"))
page.stop()
triton.stop()
pd.DataFrame(columns).style.format(precision=1)

# %% [markdown]
# A second instance raises the limit if its step takes less than twice as long as
# before, until another step limits. If steps take longer, they wait for the same
# processors. How much of the gain is left on your machine?
#
# ## The other ensemble: a vote
#
# In machine learning, *ensemble* has an older meaning: several models answer the same
# question and **vote**, for example by the average of their probabilities. The next cell
# joins the course's three widths of MobileNetV2 into one network that votes in this way,
# and compares it with the widest model.


# %% folded=true
# Export the vote as an ONNX file, and compare it with the widest model.


class Vote(torch.nn.Module):
    def __init__(self, *nets):
        super().__init__()
        self.nets = torch.nn.ModuleList(nets)

    def forward(self, images):
        probabilities = [net(images).softmax(dim=1) for net in self.nets]
        return torch.stack(probabilities).mean(dim=0)


names = [name for name in ARCHITECTURES if name.startswith("mobilenetv2")]
nets = [load_model(name, assets.model(f"food11-mini-{name}")) for name in names]
vote_path = models_dir() / "vote.onnx"
# torch's older exporter: quicker, and on its way out
with warnings.catch_warnings(action="ignore"):
    torch.onnx.export(
        Vote(*nets).eval(),
        (torch.zeros(1, 3, 224, 224),),
        vote_path,
        dynamo=False,
        input_names=["input"],
        dynamic_axes={"input": {0: "batch"}},
    )
cpu = ["CPUExecutionProvider"]
sessions = {
    "mobilenetv2": ort.InferenceSession(fp32_model(), providers=cpu),
    "vote": ort.InferenceSession(vote_path, providers=cpu),
}
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
table = compare(sessions, images, labels, baseline="mobilenetv2", batches=(1,))
gain = ledger().paired_accuracy("vote", "mobilenetv2").interval
low, high = 100 * gain.low, 100 * gain.high
print(
    f"The vote's gain: {low:+.1f} to {high:+.1f} points (95 % interval over the drawings)"
)
table.style.format(precision=2, na_rep="")

# %% [markdown]
# A vote takes the time of all its networks. It gains accuracy only if both ends of the
# printed interval are above 0.
#
# ## What you found
#
# - The colleague's ratio compared two different jobs.
# - With the ensemble, a phone sends a photo and gets a word. Android, iOS and the page
#   all use the same preparation.
#
# [Fund's lab](https://teaching-on-testbeds.github.io/serve-system-chi/) measured, with
# eight clients and two instances on each of two P100, {{ onnx_two_each_8.requests_per_s
# }} images per second for the ONNX backend and {{ two_each_python_8.requests_per_s }} for
# the Python backend with PyTorch's model. Which questions would you ask before you quote
# this ratio?
#
# **Try it yourself**
#
# - Misspell `pixels` in one step and load the ensemble. Which of the two steps does
#   Triton's message name?
# - Add `dynamic_batching { }` to `food_classifier_onnx`. Do batches form behind a step
#   that passes on one image at a time?
# - Give `food_classifier_whole` three instances, as many processes as the ensemble has.
#   Which is faster now?

# %% [markdown]
# ## Read more
#
# - [Ensemble
#   Models](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/ensemble_models.html)
#   (NVIDIA documentation): how Triton schedules the steps, and when an ensemble helps.
# - [Unit "Model serving",
#   slides](https://link.excalidraw.com/p/readonly/65nXMf00Qfu3mhUr4eDv) (F. Fund,
#   slides): the slides of the unit to which these labs belong.
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the ONNX backend on two P100.
