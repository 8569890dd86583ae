# ---
# jupyter:
#   lesson:
#     id: triton
#     title: Serve with Triton
#     summary: config.pbtxt and model.py, perf_analyzer, and Little's law, which tells waiting from working
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: [http]
#     ports: []
# ---

# %% [markdown]
# # Serve with Triton
#
# GourmetGram moves to NVIDIA's **Triton Inference Server**, which keeps many models and counts everything. On its first
# morning a colleague reports: "With one client it is fine. With eight, a photo takes eight times as long. **Is Triton
# slow?**" The server knows where each request spent its time. Put a model into it, and read that. You need a laptop
# with x86-64 Linux or a server; the first time, Triton (74 MB) and perf_analyzer (7 MB) are fetched.

# %%
import base64
import shutil
import subprocess

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.load import image_inputs
from labs.load.record import perf_analyzer_record
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.photos import photo, write_input_data
from labs.serve.triton import opening
from labs.serve.triton.catalogue import beside
from labs.serve.triton.environment import put_on_path
from labs.widgets import run_with_progress
from labs.workspace import programs_dir, workspace_dir

# %% [markdown]
# ## Predict
#
# The model will have one *instance*, which computes on one processor. One client waits for each answer before it sends
# the next photo; then eight such clients do. How many times as many answers a second do the eight get together, and how
# many times as long does each wait?

# %%
predict("triton.eight", answers=..., latency=...)

# %% [markdown]
# ## The configuration
#
# A **model repository** is a folder with one folder a model. In it lie a `config.pbtxt`, and a folder for each version
# with its files. Those here are given: the weights, the network, and `food.py`, whose `load(args)` returns a function
# from a list of inputs to their probabilities. You know `intake.py` from your route: `open_photo(from_base64(text))` is
# an image, or raises a `PhotoError`, and `to_input(image)` makes the network's input of it.

# %%
model = programs_dir() / "repository" / "food_classifier"
(model / "1").mkdir(parents=True, exist_ok=True)
for name, given in beside(assets.model()).items():
    shutil.copy(given, model / "1" / name)

# %% [markdown]
# Say what the model takes and gives, in lines like `input [ { name: "…" data_type: TYPE_… dims: [ … ] } ]`. The input
# `INPUT_IMAGE` is one text (`TYPE_STRING`), the output `FOOD_LABEL` another, and the output `PROBABILITY` one number
# (`TYPE_FP32`); all have `dims: [ 1 ]`. The batch's axis is never in `dims`: `max_batch_size` says that there is one.

# %% question="triton.config"
config = """
name: "food_classifier"
backend: "python"
max_batch_size: 16
instance_group [ { count: 1 kind: KIND_CPU } ]
### BEGIN SOLUTION
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
(model / "config.pbtxt").write_text(config)
check("triton.config", model / "config.pbtxt")

# %% [markdown]
# ## model.py
#
# For Triton's Python backend, a model is a class with this name. `initialize` runs once in each instance. `execute`
# gets a **list of requests** and returns a list of as many responses, in the same order. Nobody has put the requests
# together for you. Write `execute` so that
#
# - a request may hold several images: `get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy()` (of `pb_utils`) is
#   an array of texts with the shape (images, 1);
# - the images of all requests go through `self.probabilities` in **one** call, and each request gets its own rows;
# - a request with something else than photos is refused, by `InferenceResponse(error=TritonError("…", code))`, and the
#   others get their answers. The code `TritonError.INVALID_ARG` makes it a 400, the client's fault. Without one it is a
#   500, the server's.

# %% question="triton.model"
# %%writefile {model}/1/model.py
import numpy as np
import triton_python_backend_utils as pb_utils
from food import NAMES, load
from intake import PhotoError, from_base64, open_photo, to_input


def answer(rows):
    """Return the response to one request, from the probabilities of its images."""
    labels = np.array([[NAMES[best].encode()] for best in rows.argmax(axis=1)], dtype=object)
    probability = pb_utils.Tensor("PROBABILITY", rows.max(axis=1, keepdims=True))
    return pb_utils.InferenceResponse([pb_utils.Tensor("FOOD_LABEL", labels), probability])


class TritonPythonModel:
    def initialize(self, args):
        self.probabilities = load(args)

    def execute(self, requests):
        ### BEGIN SOLUTION
        inputs, places, responses = [], {}, [None] * len(requests)
        for number, request in enumerate(requests):
            texts = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy().ravel()
            try:
                images = [to_input(open_photo(from_base64(text))) for text in texts]
            except PhotoError as error:
                refusal = pb_utils.TritonError(f"INPUT_IMAGE: {error}", pb_utils.TritonError.INVALID_ARG)
                responses[number] = pb_utils.InferenceResponse(error=refusal)
                continue
            places[number] = slice(len(inputs), len(inputs) + len(images))
            inputs += images
        rows = self.probabilities(inputs) if inputs else []
        for number, place in places.items():
            responses[number] = answer(rows[place])
        return responses
        ### END SOLUTION


# %% [markdown]
# The check calls `execute` as Triton does, on a network that it plays itself: with single photos, six in one request,
# eight requests at once, and half a photo among others. So it sees whose rows are whose, and how often you call.

# %%
check("triton.model", model)

# %% [markdown]
# ## Load it, and ask
#
# Now your own server. It loads what it is told to, and whoever may load a model may run code on this machine: so that
# needs a key, which only you have (`triton.headers`).

# %%
triton = run_with_progress(lambda report: opening.serve(model.parent, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier", headers=triton.headers)

text = np.array([[base64.b64encode(photo(0))]], dtype=object)
asked = httpclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
asked.set_data_from_numpy(text)
said = client.infer("food_classifier", [asked])
said.as_numpy("FOOD_LABEL"), said.as_numpy("PROBABILITY")

# %% [markdown]
# ## perf_analyzer
#
# NVIDIA's load generator keeps a number of requests in flight and measures in *windows*. What its line says:
#
# | | |
# |---|---|
# | `-u ADDRESS -i grpc -m food_classifier --input-data input.json` | whom it asks, and with which photos |
# | `-b 1 --concurrency-range 8` | one photo in a request, eight requests in flight |
# | `-p 1500 -s 999` | a window of 1.5 s, and three windows are taken as they come |
# | `--profile-export-file requests.json` | when each request began and ended |
#
# Without `-s` it is 10: the three windows must agree within 10 percent, or it tries again. A machine that does other
# things too is seldom so steady. You can type the line in a terminal as well, in the folder that is printed.

# %%
put_on_path()
folder = write_input_data(workspace_dir() / "perf_analyzer" / "input.json", [photo(n) for n in range(8)]).parent
target = triton_target(triton, "food_classifier", image_inputs([photo(0)]))


def analyze(clients):
    """Run perf_analyzer, and return its record with what Triton counted meanwhile."""
    (folder / "requests.json").unlink(missing_ok=True)
    line = f"perf_analyzer -u {triton.grpc} -i grpc -m food_classifier --input-data input.json -b 1 "
    line += f"--concurrency-range {clients} -p 1500 -s 999 --profile-export-file requests.json"
    before = client.get_inference_statistics("food_classifier")
    done = subprocess.run(line.split(), cwd=folder, capture_output=True, text=True, check=True)
    after = client.get_inference_statistics("food_classifier")
    print(folder, line, done.stdout[done.stdout.find("Request concurrency") :], sep="\n")
    how = {"option": f"python-{clients}", "concurrency": clients}
    return perf_analyzer_record(target, folder / "requests.json", before, after, **how)


guesses = predicted("triton.eight")
runs = [ledger().append(analyze(clients)) for clients in (1, 8)]

# %% [markdown]
# In all this text, look for *Avg request latency*, and behind it for *queue* and *compute infer*. Here they are as a
# table. Triton counts from the moment at which it loads a model, so what one run did is the difference of two readings.

# %%
table = pd.DataFrame(index=["answers a second", "latency, ms", "in the queue, ms", "computing, ms"])
for run, column in zip(runs, ("1 client", "8 clients")):
    seconds = [np.mean(run.samples), run.load.server.queue_s, run.load.server.compute_s]
    table[column] = [run.throughput_rps.value, *(1e3 * one for one in seconds)]
table["times as much"] = (table["8 clients"] / table["1 client"]).drop("in the queue, ms")
table["you predicted"] = pd.Series({"answers a second": guesses["answers"], "latency, ms": guesses["latency"]})
table.style.format(precision=2, na_rep="")

# %% [markdown]
# Compare the last two rows, in milliseconds: by far the most of what was added is the queue in front of the instance.
# An instance works on one request at a time, for eight clients as for one.
#
# ## Little's law
#
# In any system whose number of requests neither grows nor shrinks, the mean number inside follows from how many come in
# a second and how long each of them stays. No distribution is needed, and no model of the server. Look at the units.


# %% question="triton.inside"
def inside(requests_a_second, latency_s):
    """Return how many requests are inside a server on average, by Little's law."""
    ### BEGIN SOLUTION
    return requests_a_second * latency_s
    ### END SOLUTION


check("triton.inside", inside)

# %% [markdown]
# With eight clients that wait for their answers, you know how many are inside: eight. So the law checks a measurement,
# and the check can fail. In the picture, each bar is a request, from its beginning to its answer. Along the dashed line
# you can count how many are inside at one moment.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharex=True, sharey=True)
for axis, run in zip(axes, runs):
    begin_s, took_s = np.array(sorted(zip(run.load.offsets_s, run.samples))).T
    shown = (begin_s + took_s > 1) & (begin_s < 1.4)
    axis.barh(np.arange(shown.sum()), took_s[shown], left=begin_s[shown], color="tab:blue")
    axis.axvline(1.2, color="black", ls="--")
    by_law = inside(run.throughput_rps.value, np.mean(run.samples))
    axis.set(xlim=(1, 1.4), xlabel="seconds", title=f"{run.concurrency} at a time; by the law, {by_law:.2f} inside")

# %% [markdown]
# Where the law's number is far from the clients', do not explain it: measure again, with longer windows. Where it is
# near, it answers the colleague. If eight clients get no more answers a second than one, each of them *must* wait eight
# times as long, on any server.

# %%
_ = triton.stop()

# %% [markdown]
# ## What you found
#
# Triton is not slow. One instance computes one request at a time, and the rest is queue. An earlier lab published the
# same of its P100, for the same model: 51.5 images a second at 19 ms with one client, 52.4 at 152 ms with eight, of
# which 132 ms were queue. Whoever wants more answers has to give the instance more at once, or take more instances, as
# *Batch and multiply* does.
#
# - `-b 16`: sixteen images in each request. How many images a second are that, on this machine? (The P100: 657.)
# - `--concurrency-range 1:8:1` measures eight levels in one go. From which one on does nothing grow but the latency?
