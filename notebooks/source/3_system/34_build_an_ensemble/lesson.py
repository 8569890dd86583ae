# ---
# jupyter:
#   lesson:
#     id: ensemble
#     title: Build an ensemble
#     summary: the ONNX backend, three models wired into one, a race under the same clients, the step that limits
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
# "Serve the ONNX file, without any code of ours," says a colleague. "It gives many times as many answers." It also
# wants each photo as 150,528 numbers, so every phone must crop, scale and normalize it in exactly the right way. Could
# the server not do that? **Which of the three answers most phones: the Python model, the ONNX file, or an ensemble
# around it?** A fair race has the same clients for all. You need a laptop with x86-64 Linux.

# %%
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs.checkpoints import check, predict, predicted
from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.race import of, race, rate_ratio
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress

# %% [markdown]
# ## Predict
#
# Eight clients, and one instance of each model, with one thread. How many times as many answers a second as the Python
# model does the ONNX model give, if its clients send numbers that were prepared beforehand? And how many times as many
# does an ensemble give, in which a first model prepares the photos, and a last one names the class?

# %%
predict("ensemble.race", onnx=..., ensemble=...)

# %% [markdown]
# ## The ONNX backend
#
# A **backend** is what Triton runs a kind of model with. This one is called `onnxruntime`, and looks for a file
# `model.onnx`. Write the configuration of `food_classifier_onnx`: batches of up to 16, and one instance on the CPU.
# Input and output have the names that they have in the file, and numbers of `TYPE_FP32`: `input` is 3 × 224 × 224 of
# them, and `output` is 11.

# %%
repository = opening.lesson_repository()
network = repository / "food_classifier_onnx"
(network / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), network / "1" / "model.onnx")

# %% question="ensemble.onnx"
config = """
### BEGIN SOLUTION
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
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
# (In NVIDIA's container this backend is written in C++. Your laptop's Triton has none, so the course brings one in
# Python, which runs the same repository.)
#
# ## Three models, and wires
#
# An **ensemble** is a model without code. It says which models a request passes, and which output becomes which input.
# The two models around the network are given, since you have written such code before:

# %%
models = catalogue.ModelRepository(repository)
models.write([catalogue.food_preprocess(), catalogue.food_label()])
figure, axis = plt.subplots(figsize=(9, 1), layout="constrained")
axis.set(xlim=(-0.5, 6.5), ylim=(-1, 1))
axis.axis("off")
for place, step in enumerate(("food_preprocess", "food_classifier_onnx", "food_label")):
    box = {"boxstyle": "round,pad=0.5", "fc": "lightblue" if place == 1 else "moccasin", "ec": "grey"}
    axis.text(2 * place + 1, -0.3, step, ha="center", va="center", fontsize=9, bbox=box)
for place, tensor in enumerate(("INPUT_IMAGE", "pixels", "logits", "FOOD_LABEL\nPROBABILITY")):
    axis.annotate("", (2 * place + 0.25, -0.3), (2 * place - 0.25, -0.3), arrowprops={"arrowstyle": "->", "lw": 1.5})
    axis.text(2 * place, 0.1, tensor, ha="center", va="bottom", fontsize=8)

# %% [markdown]
# `food_preprocess` takes `INPUT_IMAGE`, a photo in base64, and gives `input`, what the network takes. `food_label`
# takes `output`, the network's logits, and gives `FOOD_LABEL` and `PROBABILITY`. The first step is wired below: `key`
# is the model's own name of a tensor, `value` the name on an arrow of the picture. What one step gives as `pixels`, the
# next one takes by that name; the order is written nowhere else. Add the other two steps.

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
  ### BEGIN SOLUTION
  step {
    model_name: "food_classifier_onnx"
    model_version: -1
    input_map { key: "input" value: "pixels" }
    output_map { key: "output" value: "logits" }
  }
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
# The check has asked a Triton of its own about six photos. Now load all of them into yours; an ensemble comes after the
# models that it is made of.

# %%
STEPS = ["food_preprocess", "food_classifier_onnx", "food_label"]
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
for name in ("food_classifier", *STEPS, "food_classifier_ensemble"):
    client.load_model(name, headers=triton.headers)

photos = [photo(number) for number in range(8)]
texts, numbers = image_inputs(photos), tensor_inputs(np.stack([to_input(load_image(one)) for one in photos]))
asked = httpclient.InferInput("INPUT_IMAGE", [1, 1], "BYTES")
asked.set_data_from_numpy(texts[0]["INPUT_IMAGE"])
client.infer("food_classifier_ensemble", [asked]).as_numpy("FOOD_LABEL")

# %% [markdown]
# ## The race
#
# Three ways, the same eight clients, the same photos. They take turns, six rounds of them, so that a slow moment of the
# machine hits all three. It takes half a minute.

# %%
guesses = predicted("ensemble.race")
onnx_file = network / "1" / "model.onnx"
targets = {
    "python": triton_target(triton, "food_classifier", texts),
    "onnx": triton_target(triton, "food_classifier_onnx", numbers),
    "ensemble": triton_target(triton, "food_classifier_ensemble", texts, network=onnx_file),
}
runs = run_with_progress(
    lambda report: race(targets, concurrency=8, rounds=6, duration_s=0.8, on_progress=report), "Race"
)
rows, shown = {}, {"bytes a request": "{:,.0f}"}
for name in targets:
    first, rates = ledger().append(of(runs, name)[0]), rate_ratio(runs, name, "python").interval
    sizes = {"bytes a request": first.details["body_bytes"], "median latency, ms": first.percentile(50) * 1e3}
    speeds = {"answers a second": np.median([run.throughput_rps.value for run in of(runs, name)])}
    rows[name] = sizes | speeds
    if name != "python":
        rows[name] |= {"times as many": rates.value, "at least": rates.low, "at most": rates.high}
        rows[name] |= {"you predicted": guesses[name]}
pd.DataFrame(rows).T.astype(float).style.format(shown, precision=2, na_rep="")

# %% [markdown]
# Look at the bytes first. The ONNX model's clients sent about fifteen times as many, and decoded their photos before
# the clock ran, so theirs is another, smaller job. The fair pair is the first row and the last: the same photos go in,
# the same words come out. *At least* and *at most* are the ends of a 95 % interval over the rounds.
#
# ## The step that limits
#
# The steps of a chain work at the same time, on different photos, like people at a conveyor belt. None can pass on more
# than it finishes, and a step with two instances finishes twice as many.


# %% question="ensemble.most"
def most_a_second(seconds_of_steps, instances_of_steps):
    """Return the highest rate that a chain of steps can reach, and the place of the step that limits it.

    Both arguments are lists with one entry a step: the seconds that an instance needs for a request, and the instances.
    The result is (requests a second, place in the lists from 0).
    """
    ### BEGIN SOLUTION
    rates = [instances / seconds for seconds, instances in zip(seconds_of_steps, instances_of_steps)]
    return min(rates), rates.index(min(rates))
    ### END SOLUTION


check("ensemble.most", most_a_second)

# %% [markdown]
# Triton counts the seconds of each step. Eight clients ask the ensemble again; the step that your function names then
# gets a second instance, and the eight ask once more. Nothing else is changed.


# %%
def computed(step):
    """Return a step's answers since it was loaded, and the seconds that it computed."""
    told = client.get_inference_statistics(step)["model_stats"][0]["inference_stats"]
    taken_ns = [told[part]["ns"] for part in ("compute_input", "compute_infer", "compute_output")]
    return np.array([told["success"]["count"], sum(taken_ns) / 1e9])


instances, rows = [1, 1, 1], {}
for turn in ("one instance each", "one instance more"):
    before = [computed(step) for step in STEPS]
    run = closed_loop(targets["ensemble"], concurrency=8, duration_s=2, option=f"ensemble-{sum(instances)}")
    added = [computed(step) - earlier for step, earlier in zip(STEPS, before)]
    seconds = [float(took_s / count) for count, took_s in added]
    most, place = most_a_second(seconds, instances)
    rows[turn] = {f"{step}, ms": 1e3 * one for step, one in zip(STEPS, seconds)}
    rate = ledger().append(run).throughput_rps.value
    rows[turn] |= {"it limits": STEPS[place], "the limit": most, "answers a second": rate}
    if turn == "one instance each":
        instances[place] = 2
        path = repository / STEPS[place] / "config.pbtxt"
        path.write_text(path.read_text().replace("count: 1", "count: 2"))
        client.load_model(STEPS[place], headers=triton.headers)
path.write_text(path.read_text().replace("count: 2", "count: 1"))
pd.DataFrame(rows).style.format(precision=1)

# %% [markdown]
# A second instance lifts the limit of the chain, as long as no step takes longer than before. Where steps do take
# longer, they wait for the same processors: then it is the machine that is full, and a further instance only takes from
# others.
#
# ## What you found
#
# The colleague's ratio compared two jobs. Your table holds all three ways against the same eight clients, and with the
# ensemble a phone sends a photo and gets a word, prepared in one place for Android, iOS and the page. An older lab
# published 1,182 images a second for the ONNX backend on two P100 and 193 for the Python model. What would you ask?
#
# - Misspell `pixels` in one step and load the ensemble. Which of the two sides does Triton name?
# - `dynamic_batching { }` for `food_classifier_onnx`: do batches form behind a step that hands on one image at a time?

# %%
_ = triton.stop()
