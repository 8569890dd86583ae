# ---
# jupyter:
#   lesson:
#     id: triton
#     title: Serve with Triton
#     summary: config.pbtxt and model.py, and perf_analyzer, which tells waiting from working
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
# with x86-64 Linux or a server; the first time, Triton (74 MB) and perf_analyzer (7 MB) are fetched. The next cell
# imports what the lesson uses.

# %% folded=true
import base64
import shutil
import subprocess

import numpy as np
import pandas as pd
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

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
# The model will have one **instance**, which computes on one processor. One client waits for each answer before it
# sends the next photo; then eight such clients do. How many times as many photos a second do the eight get together,
# and how many times as long does each wait?

# %%
predict("triton.eight", answers=..., latency=...)

# %% [markdown]
# ## The configuration
#
# A **model repository** is a folder with one folder per model. In it lie a `config.pbtxt`, and a folder for each
# version with its files. The next cell puts there what is given: the weights, the network, and `food.py`, whose
# `load(args)` returns a function from a list of inputs to their probabilities. You know `intake.py` from your route:
# `open_photo(from_base64(text))` is an image, or raises a `PhotoError`, and `to_input(image)` makes the network's input
# of it.

# %% folded=true
model = programs_dir() / "repository" / "food_classifier"
(model / "1").mkdir(parents=True, exist_ok=True)
for name, given in beside(assets.model()).items():
    shutil.copy(given, model / "1" / name)

# %% [markdown]
# The first output stands there: a text. Add the input `INPUT_IMAGE`, one text too, and the output `PROBABILITY`, one
# number (`TYPE_FP32`). The batch's axis is never in `dims`: `max_batch_size` says that there is one.

# %% question="triton.config"
config = """
name: "food_classifier"
backend: "python"
max_batch_size: 16
instance_group [ { count: 1 kind: KIND_CPU } ]
output [ { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] } ]
### BEGIN SOLUTION
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] } ]
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
# gets a **list of requests** and returns a list of as many responses, in the same order. Triton has not put the
# requests together for you. Write `execute` so that
#
# - a request may hold several images: `get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy()` (of `pb_utils`) is
#   an array of texts with the shape (images, 1);
# - the images of all requests go through `self.probabilities` in **one** call, and each request gets its own rows;
# - a request that holds something else than photos is refused, by `InferenceResponse(error=TritonError("…", code))`,
#   and the others get their answers. The code `TritonError.INVALID_ARG` makes it a 400, the client's fault. Without one
#   it is a 500, the server's.

# %% question="triton.model"
# %%writefile {model}/1/model.py
import numpy as np
import triton_python_backend_utils as pb_utils
from food import NAMES, load
from intake import PhotoError, from_base64, open_photo, to_input


def answer(rows):
    """Return the response to one request, from the probabilities of its images."""
    labels = np.array(
        [[NAMES[best].encode()] for best in rows.argmax(axis=1)], dtype=object
    )
    probability = pb_utils.Tensor("PROBABILITY", rows.max(axis=1, keepdims=True))
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor("FOOD_LABEL", labels), probability]
    )


class TritonPythonModel:
    def initialize(self, args):
        self.probabilities = load(args)

    def execute(self, requests):
        ### BEGIN SOLUTION
        inputs, places, responses = [], {}, [None] * len(requests)
        for number, request in enumerate(requests):
            texts = (
                pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE")
                .as_numpy()
                .ravel()
            )
            try:
                images = [to_input(open_photo(from_base64(text))) for text in texts]
            except PhotoError as error:
                refusal = pb_utils.TritonError(
                    f"INPUT_IMAGE: {error}", pb_utils.TritonError.INVALID_ARG
                )
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
# Now your own server. It loads the models that it is told to load. Anyone who may do that can run code on this machine,
# so it takes a key, which only you have (`triton.headers`).

# %%
triton = run_with_progress(
    lambda report: opening.serve(model.parent, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier", headers=triton.headers)

text = np.array([[base64.b64encode(photo(0))]], dtype=object)
asked = httpclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
asked.set_data_from_numpy(text)
said = client.infer("food_classifier", [asked])
said.as_numpy("FOOD_LABEL"), said.as_numpy("PROBABILITY")

# %% [markdown]
# Is it well? The next cell kills the instance's process, as a crash would. It asks Triton whether it is ready, sends a
# photo, and tries two ways back: `load_model`, and `unload_model` followed by `load_model`.

# %% folded=true
next(
    process
    for process in triton.processes()
    if "food_classifier_0_0" in process.cmdline()
).kill()


def health():
    """Return what the server says of itself and of the model, and what becomes of a photo."""
    try:
        photo_says = (
            client.infer("food_classifier", [asked])
            .as_numpy("FOOD_LABEL")
            .item()
            .decode()
        )
    except InferenceServerException as error:
        photo_says = error.message()
    ready = client.is_server_ready(), client.is_model_ready("food_classifier")
    return dict(
        zip(["is_server_ready", "is_model_ready", "a photo"], (*ready, photo_says))
    )


rows = {"killed": health()}
client.load_model("food_classifier", headers=triton.headers)
rows["loaded again"] = health()
client.unload_model("food_classifier", headers=triton.headers)
client.load_model("food_classifier", headers=triton.headers)
rows["unloaded and loaded"] = health()
pd.set_option("display.max_colwidth", None)
pd.DataFrame(rows).T

# %% [markdown]
# This version (24.10) still says *ready*, for the server and for the model: it does not watch the process, and loading
# does nothing if no file has changed. Releases since December 2025 ask the process when you ask for the *model's*
# readiness, but not for the *server's*. So a health check sends a real photo. (Nor does this version bound a request's
# body: newer ones have `--http-max-input-size`.)
#
# ## perf_analyzer
#
# NVIDIA's load generator keeps a number of requests in flight and measures in *windows*. What its line says:
#
# | | |
# |---|---|
# | `-u ADDRESS -i grpc -m food_classifier --input-data input.json` | server, model, photos |
# | `-b 1 --concurrency-range 8` | one photo per request, eight requests in flight |
# | `-p 2000 -s 999` | windows of 2 s; three are taken as they come |
# | `--profile-export-file requests.json` | when each request began and ended |
#
# (By default, three windows must agree within 10 per cent, which a busy machine seldom reaches.) The next cell makes
# four runs: 1, 8 and 16 clients, and one client with 16 photos in each request (windows of 6 s). It prints what
# perf_analyzer says of eight, and tabulates all four.

# %% folded=true
put_on_path()
folder = write_input_data(
    workspace_dir() / "perf_analyzer" / "input.json", [photo(n) for n in range(8)]
).parent
target = triton_target(triton, "food_classifier", image_inputs([photo(0)]))


def analyze(clients, photos_each):
    """Run perf_analyzer, and return its record with what Triton counted meanwhile, and what it printed."""
    (folder / "requests.json").unlink(missing_ok=True)
    line = f"perf_analyzer -u {triton.grpc} -i grpc -m food_classifier --input-data input.json -b {photos_each} "
    line += (
        f"--concurrency-range {clients} -p {2000 if photos_each == 1 else 6000} -s 999 "
    )
    line += "--profile-export-file requests.json"
    before = client.get_inference_statistics("food_classifier")
    done = subprocess.run(
        line.split(), cwd=folder, capture_output=True, text=True, check=True
    )
    after = client.get_inference_statistics("food_classifier")
    how = {"concurrency": clients, "images": photos_each}
    option = f"python-{clients}" if photos_each == 1 else f"python-b{photos_each}"
    record = perf_analyzer_record(
        target, folder / "requests.json", before, after, option=option, **how
    )
    return ledger().append(record), "\n".join(
        (str(folder), line, done.stdout[done.stdout.find("Request conc") :])
    )


guesses, rows = predicted("triton.eight"), {}
for clients, photos_each in ((1, 1), (8, 1), (16, 1), (1, 16)):
    run, printed = analyze(clients, photos_each)
    name = f"{clients} client{'s' * (clients > 1)}" + f", {photos_each} photos each" * (
        photos_each > 1
    )
    mean_ms = 1e3 * np.mean(run.samples)
    rows[name] = {
        "photos a second": run.throughput_rps.value * photos_each,
        "mean latency, ms": mean_ms,
    }
    rows[name] |= {
        "in the queue, ms": 1e3 * run.load.server.queue_s,
        "computing, ms": 1e3 * run.load.server.compute_s,
    }
    if clients == 8:
        print(printed)
table = pd.DataFrame(rows).T
for column, guess in {
    "photos a second": guesses["answers"],
    "mean latency, ms": guesses["latency"],
}.items():
    table[f"× {column}"] = table[column] / table[column].iloc[0]
    table.loc["8 clients", f"× {column}, predicted"] = guess
table.style.format(precision=2, na_rep="")

# %% [markdown]
# In the text, look for *queue* and *compute infer*: the table has them for all four runs. From one client to sixteen,
# by far the most of what was added is the queue in front of the instance, which works on one request at a time. If
# eight clients get no more photos a second than one, each of them *must* wait eight times as long, on any server. (That
# is Little's law, which *Queueing theory* puts to the test.)
#
# With sixteen photos in a request, each request computes for longer. Whether more photos a second come of it depends on
# what a call of the model costs beside its photos: much on a GPU, little on a processor's core.

# %%
_ = triton.stop()

# %% [markdown]
# ## What you found
#
# Triton is not slow. One instance computes one request at a time, and the rest is queue. An earlier lab published the
# same for a P100 and the same model: {{ python_1.requests_per_s }} photos a second at a mean latency of
# {{ python_1.mean_ms }} ms with one client, {{ python_8.requests_per_s }} at {{ python_8.mean_ms }} ms with eight,
# {{ python_16.requests_per_s }} at {{ python_16.mean_ms }} ms with sixteen. (Its {{ python_b16.photos_per_s }} photos
# a second in requests of sixteen count photos that were never computed: its `model.py` read only the first of each
# request.) To get more answers, give the instance more at once, or take more instances: *Batch and multiply*.
#
# - `--concurrency-range 1:8:1` measures eight levels in one go. From which one on does nothing grow but the latency?
