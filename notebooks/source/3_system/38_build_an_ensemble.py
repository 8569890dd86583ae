# ---
# jupyter:
#   lesson:
#     title: Build an ensemble
#     summary: preprocessing as a model, ensemble_scheduling, what a request weighs, the step that limits the others
#     part: 3
#     number: "38"
#     minutes: 35
#     kind: extra
#     where: [laptop]
#     needs: ["36"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Build an ensemble
#
# The people who write GourmetGram's app for phones complain. The fast ONNX model wants its photo as 150,528 floating
# point numbers, cropped and scaled in exactly the right way. So each app (Android, iOS, the web page) does it once
# more, each a little differently, and sends a body that is many times as large as the photo.
#
# "Can the server not do that?" It can. In Triton, an **ensemble** is a model made of models: what one puts out, the
# next takes in, inside the server. The client sends a photo and gets a word.
#
# ## You will do
#
# Write the preprocessing as a `model.py`, and the ensemble as a `config.pbtxt`; weigh what a client sends before and
# after; find the step that limits the others, and give it a second instance.
#
# ## You will learn
#
# - `ensemble_scheduling`: how steps are wired by the names of tensors;
# - the utilization law, step by step, and the rate that a chain of steps can reach;
# - to scale one step and not the whole, and to know when it is the machine that is full.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 35 minutes. The machine works for about a minute.

# %%
import shutil

import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from grading.checkpoints import check, predict, predicted, reconcile
from labs.charts import before_after
from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.machine import capability_text, for_lesson
from labs.records.ledger import ledger

# %%
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import live_load, run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("38")))

# %% [markdown]
# ## Predict
#
# Three steps: `food_preprocess` decodes the photo, crops and scales it (Python); `food_classifier_onnx` runs the
# network; `food_label` turns eleven numbers into a word and a probability (Python). Each has one instance. With eight
# clients at once: which of the three will be busiest?

# %% checkpoint="s.ensemble.guess"
predict("s.ensemble.guess", ...)

# %% [markdown]
# And how many times as many answers a second will there be when the busiest step gets a second instance?

# %% checkpoint="s.ensemble.scaled_guess"
predict("s.ensemble.scaled_guess", ...)

# %% [markdown]
# ## Act
#
# ### The first step
#
# Its configuration: text in, 3 × 224 × 224 numbers an image out.

# %%
repository = programs_dir() / "ensemble"
preprocess = repository / "food_preprocess"
(preprocess / "1").mkdir(parents=True, exist_ok=True)
(preprocess / "config.pbtxt").write_text("""
name: "food_preprocess"
backend: "python"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
""")

# %% [markdown]
# Write its `model.py`. `execute` gets a list of requests and returns a list of as many responses. Each request holds
# one image or several, as base64 texts of shape (images, 1). For each image, what the network was trained with:
#
# 1. decode it, as RGB;
# 2. the central square at 224 × 224: `ImageOps.fit(image, (224, 224), Image.Resampling.BILINEAR)`;
# 3. float32, divided by 255; minus `MEAN`, over `STD`, channel by channel;
# 4. channels first: (3, 224, 224).
#
# Here no network is waiting that would gain from one large batch, so one response a request is enough. A request that
# holds something else than images gets an error, and the others their answers.

# %% checkpoint="s.ensemble.preprocess"
model_py = """
import base64
import io

import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image, ImageOps

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


class TritonPythonModel:
    def execute(self, requests):
        ...
"""

# %%
(preprocess / "1" / "model.py").write_text(model_py)
check("s.ensemble.preprocess", preprocess)

# %% [markdown]
# ### The other two
#
# The network as in lesson 36, and the label with the course's `model.py`:

# %%
network, label = repository / "food_classifier_onnx", repository / "food_label"
for folder in (network, label):
    (folder / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), network / "1" / "model.onnx")
(network / "config.pbtxt").write_text("""
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
""")
for place, source in catalogue.python_files("label.py").items():
    (label / "1" / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, label / "1" / place)
(label / "config.pbtxt").write_text("""
name: "food_label"
backend: "python"
max_batch_size: 16
input [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
""")

# %% [markdown]
# ### The ensemble
#
# It has no code, only wires. It takes `INPUT_IMAGE` and gives `FOOD_LABEL` and `PROBABILITY`, as the Python model of
# lesson 33 did. Each step names a model, and maps the model's own tensors (`key`) to names within the ensemble
# (`value`):
#
# ```
# platform: "ensemble"
# ensemble_scheduling {
#   step [
#     {
#       model_name: "food_preprocess"
#       model_version: -1
#       input_map { key: "INPUT_IMAGE" value: "INPUT_IMAGE" }
#       output_map { key: "input" value: "pixels" }
#     },
#     …
#   ]
# }
# ```
#
# The order is written nowhere: `pixels` has to be made before it can be taken. An ensemble has no instances of its own.

# %% checkpoint="s.ensemble.scheduling"
ensemble = repository / "food_classifier_ensemble"
(ensemble / "1").mkdir(parents=True, exist_ok=True)
# name: "food_classifier_ensemble"; platform, max_batch_size: 16, input, output, three steps.
ensemble_config = """
...
"""
(ensemble / "config.pbtxt").write_text(ensemble_config)

# %%
check("s.ensemble.scheduling", ensemble)

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
STEPS = ("food_preprocess", "food_classifier_onnx", "food_label")
for name in (*STEPS, "food_classifier_ensemble"):
    client.load_model(name, headers=triton.headers)

# %% [markdown]
# One photo by hand. The client knows nothing of crops, means and deviations:

# %%
text = image_inputs([photo(0)])[0]["INPUT_IMAGE"]
asked = httpclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
asked.set_data_from_numpy(text)
said = client.infer("food_classifier_ensemble", [asked])
said.as_numpy("FOOD_LABEL"), said.as_numpy("PROBABILITY")

# %% [markdown]
# ## Measure
#
# ### What a request weighs
#
# The same photo goes to the network alone, as a ready tensor, and to the ensemble, as base64 text. A phone in a train
# sends 5 megabits a second on a good day.

# %%
photos = [photo(number) for number in range(8)]
tensors = np.stack([to_input(load_image(one)) for one in photos])
ready = triton_target(triton, "food_classifier_onnx", tensor_inputs(tensors))
whole = triton_target(triton, "food_classifier_ensemble", image_inputs(photos), network=network / "1" / "model.onnx")
for what, target in {"ready tensor": ready, "photo": whole}.items():
    size = len(target.bodies[0])
    print(f"{what}: {size:,} bytes, {8 * size / 5e6:.2f} s on its way from the train")

# %% [markdown]
# ### Which step limits the others?
#
# Triton counts for each model how long its requests computed and how long they queued. What one run did is the
# difference of two readings, over the requests of that run.


# %%
def counters():
    """Return requests, and seconds of compute and queue, by step; summed since it was loaded."""
    found = {}
    for step in STEPS:
        one = client.get_inference_statistics(step)["model_stats"][0]["inference_stats"]
        compute_ns = sum(one[part]["ns"] for part in ("compute_input", "compute_infer", "compute_output"))
        found[step] = np.array([one["success"]["count"], compute_ns / 1e9, one["queue"]["ns"] / 1e9])
    return found


def run(option):
    """Return the record of eight clients, and each step's seconds of compute and queue for a request."""
    before = counters()
    record = live_load(lambda **hooks: closed_loop(whole, concurrency=8, duration_s=3, option=option, **hooks), option)
    after = counters()
    seconds = {step: (after[step] - before[step])[1:] / (after[step] - before[step])[0] for step in STEPS}
    return record, seconds


# %%
predicted("s.ensemble.guess")
predicted("s.ensemble.scaled_guess")
for step in STEPS:  # when this cell runs again, one of them has two instances by then
    path = repository / step / "config.pbtxt"
    path.write_text(path.read_text().replace("count: 2", "count: 1"))
    client.load_model(step, headers=triton.headers)
one_each, seconds = run("ensemble-8")
ledger().append(one_each)
compute_s = {step: float(times[0]) for step, times in seconds.items()}
ledger().observe("ensemble.steps", {"rate_rps": one_each.throughput_rps.value, "compute_s": compute_s})
pd.DataFrame(seconds, index=["compute, ms", "queue, ms"]).T * 1e3

# %% [markdown]
# Requests queue in front of the step that cannot keep up; behind it the way is free. The **utilization law** says how
# busy each step's instances are, whatever the distributions: requests a second times the seconds that each keeps an
# instance busy, over the instances.


# %% checkpoint="s.ensemble.busy"
def busy(rate_rps, compute_s, instances):
    """Return how busy each step's instances are, by step: 1 means all of the time.

    Args:
        rate_rps: Requests a second that pass through every step.
        compute_s: Seconds of compute of a request, by step.
        instances: Instances, by step; a step that is not named has one.
    """
    ...


# %%
check("s.ensemble.busy", busy)

# %%
busy(one_each.throughput_rps.value, compute_s, {})

# %%
reconcile("s.ensemble.guess")

# %% [markdown]
# Turn it around: a chain is full when its busiest step is, at a utilization of 1. Which rate is that?


# %% checkpoint="s.ensemble.most"
def most_rps(compute_s, instances):
    """Return the requests a second at which the first of the steps is busy all of the time.

    Args:
        compute_s: Seconds of compute of a request, by step.
        instances: Instances, by step; a step that is not named has one.
    """
    ...


# %%
check("s.ensemble.most", most_rps)

# %%
busiest = max(compute_s, key=compute_s.get)
limits = {count: most_rps(compute_s, {busiest: count}) for count in (1, 2)}
print(f"limit by the law: {limits}; reached with one instance each: {one_each.throughput_rps.value:.0f}")

# %% [markdown]
# ### A second instance, of one step
#
# Whoever scales the whole pays for three. Only the busiest step gets a second instance; the others go on serving.

# %%
text = (repository / busiest / "config.pbtxt").read_text()
(repository / busiest / "config.pbtxt").write_text(text.replace("count: 1", "count: 2"))
client.load_model(busiest, headers=triton.headers)
scaled, seconds = run("ensemble-8-scaled")
ledger().append(scaled)
now_s = {step: float(times[0]) for step, times in seconds.items()}
print(busy(scaled.throughput_rps.value, now_s, {busiest: 2}))
before_after(one_each, scaled)

# %%
reconcile("s.ensemble.scaled_guess")

# %% [markdown]
# A gain of less than the law promised does not mean that the instance idles. Compare `now_s` with `compute_s`: where
# each step takes longer than before, the steps wait for the same processors, and it is the machine that is full.
#
# ## Checkpoint
#
# One preprocessing, in one place, tested once. The price is that Python code on the CPU stands in front of a network
# that a GPU would run in a millisecond: `most_rps` says how many instances of it a GPU can use up.

# %%
check("s.ensemble.guess")

# %%
check("s.ensemble.scaled_guess")

# %%
(repository / busiest / "config.pbtxt").write_text(text.replace("count: 2", "count: 1"))
triton.stop()

# %% [markdown]
# ## On your own
#
# - `dynamic_batching { }` for `food_classifier_onnx`: do batches form behind a step that hands on one image at a time?
# - Misspell `pixels` in one step and load the ensemble. Which of the two sides does Triton name?
# - Lesson 33's `food_classifier` does all three steps in one Python model. What does it save, and what can no longer be
#   scaled?
# - What if a client *has* a ready tensor? Both names are served at the same time: send it to the network itself.
