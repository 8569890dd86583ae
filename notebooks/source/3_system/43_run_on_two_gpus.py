# ---
# jupyter:
#   lesson:
#     title: Run on two GPUs
#     summary: "the leased node: one instance on one GPU, one on each, two and four on each; rate, p95, utilization"
#     part: 3
#     number: "43"
#     minutes: 45
#     kind: core
#     where: [node]
#     needs: ["31", "35", "36"]
#     ports: [8000, 8001]
#     machine_minutes: 40
#     uses: ["memory", "Triton", "CUDA provider", "two NVIDIA GPUs"]
# ---

# %% [markdown]
# # Run on two GPUs
#
# GourmetGram has a node with two P100, and somebody has written `count: 1` into a configuration. "One instance," says
# the note beside it, "so the second GPU is free for the nightly training." That night the training runs out of memory.
#
# What does Triton do with two GPUs, how many instances does a stanza make, and how many are worth their memory? A
# laptop cannot say. It can write the stanzas, though, and rehearse every cell with instances on its processors.
#
# This notebook runs twice. **At home** you fill it in, with a CPU in the part of a GPU. **On the node**, where set-up
# has brought it with your ledger and your models, you run it from top to bottom.
#
# ## You will do
#
# Write `instance_group` stanzas for one instance on one GPU, one on each, two and four on each; let Triton load them;
# read from its own configuration where the instances are; and measure rate, p95 and the GPUs' utilization of each.
#
# ## You will learn
#
# - how many instances a stanza makes, and on which device;
# - what the second instance on one GPU brings, and what the second GPU;
# - where more instances make a server slower, and how to see it coming.
#
# ## You need
#
# Lessons 35 and 36 at home. Then the machine of lesson 31: 40 minutes of its lease when this notebook is filled in.

# %%
import shutil

import numpy as np
import pandas as pd
import tritonclient.grpc as grpcclient

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import stats
from labs.charts import before_after, queue_compute
from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.machine import capability_text, fingerprint, for_lesson
from labs.records.ledger import ledger

# %%
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import opening
from labs.widgets import live_load, run_with_progress

gate = {one.name: one for one in for_lesson("43")}
print(opening.situation(), capability_text(gate.values()), sep="\n")

# %% [markdown]
# ## Predict
#
# Eight clients on the ONNX model throughout. Where you run it now, home or node: how many times as many answers a
# second do two instances on *one* device (a GPU, or this machine's CPU) give as one?

# %% checkpoint="s.lease.two_guess"
predict("s.lease.two_guess", ...)

# %% [markdown]
# On the node: how many times as many does one instance on *each* of two GPUs give as one on one GPU?

# %% checkpoint="s.lease.each_guess"
predict("s.lease.each_guess", ...)

# %% [markdown]
# And the Python model, which decodes its photos on the processors: four instances on each GPU, against two on each?

# %% checkpoint="s.lease.four_guess"
predict("s.lease.four_guess", ...)

# %% [markdown]
# ## Act
#
# ### How many instances does it make?
#
# A model's `config.pbtxt` says where it runs:
#
# ```
# instance_group [
#   { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] }
# ]
# ```
#
# `count` is *for each GPU that is named*, and with `KIND_GPU` and no `gpus` at all, for each GPU that Triton sees. So
# this stanza makes two instances, and so does `{ count: 1 kind: KIND_GPU }`, which names none. With `KIND_CPU` it is
# the number in all.
#
# Triton answers with the configuration that it serves, as JSON. Count from that:


# %% checkpoint="s.lease.count"
def instances_by_device(groups):
    """Return how many instances some groups make on each device, such as {"GPU 0": 2, "GPU 1": 2} or {"CPU": 1}.

    Args:
        groups: List of dictionaries with "kind" ("KIND_GPU" or "KIND_CPU"), "count", and for GPUs "gpus", the numbers
            of those that are named. Several groups may use one device.
    """
    ...


# %%
check("s.lease.count", instances_by_device)

# %% [markdown]
# ### Write the stanza


# %% checkpoint="s.lease.stanza"
def instance_group(count, gpus):
    """Return the text of a stanza `instance_group [ … ]` with `count` instances on each of some GPUs, and no others.

    Args:
        count: Instances on each GPU; in all, where there is none.
        gpus: Numbers of the GPUs; an empty list for the CPU.
    """
    ...


# %%
check("s.lease.stanza", instance_group)

# %%
print(instance_group(1, [0]))

# %% [markdown]
# ### The server
#
# Two models side by side: your Python model of lesson 33 (the course's, where you have left that out), now with dynamic
# batching, and the ONNX model of lesson 36. Their configurations, without a stanza of instances:

# %%
NAMES = {"onnx": "food_classifier_onnx", "python": "food_classifier"}
TEXTS = {
    "onnx": """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
""",
    "python": """
name: "food_classifier"
backend: "python"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
dynamic_batching { max_queue_delay_microseconds: 1000 }
""",
}
repository = opening.lesson_repository()
(repository / NAMES["onnx"] / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), repository / NAMES["onnx"] / "1" / "model.onnx")
for which, name in NAMES.items():
    (repository / name / "config.pbtxt").write_text(TEXTS[which])

# %% [markdown]
# Triton is in explicit model control, so a changed configuration is read when the model is loaded again, and the old
# one goes on serving until then. On the node it is NVIDIA's container, and its repository a copy of yours.

# %%
triton = run_with_progress(lambda report: opening.open_repository(repository, report), "Start Triton")
client = grpcclient.InferenceServerClient(triton.grpc)
key = {f"triton-grpc-protocol-{name}": value for name, value in triton.headers.items()}


# %%
def serve(which, stanza):
    """Write a model's configuration with a stanza, let Triton load it, and return the groups that it serves."""
    name = NAMES[which]
    (triton.repository.folder / name / "config.pbtxt").write_text(TEXTS[which] + stanza)
    client.load_model(name, headers=key)
    return client.get_model_config(name, as_json=True)["config"]["instance_group"]


# %% [markdown]
# ## Measure
#
# On a node with two GPUs, five arrangements. Elsewhere the first two, on what there is.

# %%
gpus = [number for number, _ in enumerate(fingerprint().cuda_gpus)]
arrangements = {"one": (1, gpus[:1]), "two": (2, gpus[:1])}
if gate["two NVIDIA GPUs"].available:
    arrangements |= {"one-each": (1, [0, 1]), "two-each": (2, [0, 1]), "four-each": (4, [0, 1])}
else:
    print(f"One on each GPU, two and four on each: not run here, {gate['two NVIDIA GPUs'].reason}.")

# %%
photos = [photo(number) for number in range(8)]
requests = {
    "onnx": tensor_inputs(np.stack([to_input(load_image(one)) for one in photos])),
    "python": image_inputs(photos),
}


def load(which, arrangement):
    """Return the record of eight clients on a model in an arrangement, kept in the ledger."""
    count, on = arrangements[arrangement]
    groups = serve(which, instance_group(count, on))
    details = {"instance_group": groups, "gpus": len(gpus)}
    loop = {"concurrency": 8, "duration_s": 6.0, "timeout_s": 60, "option": f"lease-{which}-{arrangement}"}
    target = triton_target(triton, NAMES[which], requests[which])
    shown = f"{which}, {arrangement}"
    return ledger().append(live_load(lambda **hooks: closed_loop(target, details=details, **loop, **hooks), shown))


# %%
for question in ("two", *(["each", "four"] if gate["two NVIDIA GPUs"].available else [])):
    predicted(f"s.lease.{question}_guess")
if not instance_group(1, []):
    raise LookupError("instance_group still holds the dots: write it first.")
runs = {(which, arrangement): load(which, arrangement) for which in NAMES for arrangement in arrangements}

# %%
rows = []
for (which, arrangement), record in runs.items():
    busy = [f"{np.mean(one):.0%}" for one in record.load.usage.gpu]
    where = instances_by_device(record.details["instance_group"])
    rate, p95_ms = record.throughput_rps.value, 1e3 * record.percentile(95)
    rows.append((which, arrangement, where, round(rate, 1), round(p95_ms, 1), ", ".join(busy) or "no GPU"))
pd.DataFrame(rows, columns=["model", "arrangement", "instances", "answers/s", "p95, ms", "GPUs busy (NVML)"])

# %% [markdown]
# The last column is what `nvtop` would have drawn: while a run goes on, the record keeps each GPU's utilization and
# memory four times a second. With `one`, the second GPU is idle, or your stanza has made more than it says.

# %%
check("s.lease.rehearsed")

# %%
queue_compute([record for (which, _), record in runs.items() if which == "onnx"])

# %%
reconcile("s.lease.two_guess")

# %% [markdown]
# What does the second instance on the same device bring to the ONNX model? An interval that holds 1 decides nothing.

# %%
gain = stats.quotient(runs["onnx", "two"].throughput_rps, runs["onnx", "one"].throughput_rps)
print(f"× {gain.value:.2f} ({gain.low:.2f} to {gain.high:.2f})")
before_after(runs["onnx", "one"], runs["onnx", "two"])

# %% checkpoint="s.lease.second"
# "more answers", "fewer answers" or "cannot tell"; and what the two instances share, in a sentence.
answer("s.lease.second", {"claim": ..., "reason": ...})

# %%
check("s.lease.second")

# %% [markdown]
# ### Two GPUs

# %%
if gate["two NVIDIA GPUs"].available:
    display(before_after(runs["onnx", "one"], runs["onnx", "one-each"]))
    display(before_after(runs["python", "two-each"], runs["python", "four-each"]))
else:
    print(f"Not run here: {gate['two NVIDIA GPUs'].reason}.")

# %%
reconcile("s.lease.each_guess")

# %%
reconcile("s.lease.four_guess")

# %%
check("s.lease.placed")

# %% [markdown]
# Published results of an earlier lab on such a node (Python model, dynamic batching, eight clients):
#
# | instances | images/s | latency |
# |---|---:|---:|
# | 1, on one GPU | 78.6 | 101 ms |
# | 2 on each GPU | 192.8 | 41 ms |
# | 4 on each GPU | 118.7 | 68 ms |
#
# The fall from two to four has nothing to do with the GPUs: eight processes decode photos on the processors, and are in
# each other's way. Does your node agree?
#
# An instance costs memory whether it works or not. For each model, name the arrangement with the *fewest instances in
# all* that gives at least 95 % of the best rate; of equally many, the faster. (Without two GPUs here, these points wait
# for the node.)

# %% checkpoint="s.lease.choice"
answer("s.lease.choice", {"onnx": ..., "python": ...})

# %%
check("s.lease.choice")

# %% [markdown]
# ## Checkpoint

# %%
check("s.lease.two_guess")

# %%
check("s.lease.each_guess")

# %%
check("s.lease.four_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# Only while the countdown leaves you time.
#
# - Start `nvtop` in a terminal, then `perf_analyzer` as in lesson 33 with `--concurrency-range 1:32:4`: at which
#   concurrency does each arrangement stop growing?
# - Two groups in one stanza: two instances on GPU 0 and one on GPU 1. Does Triton give the first more requests?
# - The extras [37](37_serve_several_models_and_cache_answers.ipynb) and [38](38_build_an_ensemble.ipynb), on the node.
#
# On the node: save this notebook, and **release the machine now**, in [49 Release the system](49_release.ipynb), which
# brings everything home. These are closed loops, an upper end. What you would promise with this node takes lesson
# [40](40_search_for_the_best_configuration.ipynb)'s search, on the node.
