# ---
# jupyter:
#   lesson:
#     id: triton
#     title: Serve with Triton
#     summary: config.pbtxt and model.py, and perf_analyzer, which separates waiting from computing
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: [http]
#     ports: []
# ---

# %% [markdown]
# # Serve with Triton
#
# **Prerequisites:** *Serve over HTTP*. **Runs on:** a laptop with x86-64 Linux, or a
# server. The first run downloads Triton (74 MB) and perf_analyzer (7 MB).
#
# GourmetGram moves to NVIDIA's **Triton Inference Server**, a program that serves many
# models and counts every request. On its first morning, a colleague reports: "With one
# client it is fine. With eight, a photo takes eight times as long. **Is Triton slow?**"
# The server knows where each request spent its time. Load a model, and read its counters.
# The next cell imports the lesson's modules.

# %% folded=true
# Import the lesson's modules.
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
# The model will have one **instance**: a loaded model, which computes one request or
# batch at a time. Here it uses one processor. First, one client waits for each answer
# before it sends the next photo; then eight such clients do this. By what factor do the
# photos per second of all eight exceed those of one client? By what factor does each
# client wait longer?

# %%
predict("triton.eight", answers=..., latency=...)

# %% [markdown]
# ## The configuration
#
# A **model repository** is a folder with one folder per model. Each model folder contains
# a `config.pbtxt`, and one folder per version with its files. The next cell copies the
# given files: the weights, the network, and `food.py`, whose `load(args)` returns a
# function from a list of inputs to their probabilities. You know `intake.py` from your
# route: `open_photo(from_base64(text))` returns an image or raises a `PhotoError`, and
# `to_input(image)` converts the image to the network's input.

# %% folded=true
# Copy the given files into the model's folder.
model = programs_dir() / "repository" / "food_classifier"
(model / "1").mkdir(parents=True, exist_ok=True)
for name, given in beside(assets.model()).items():
    shutil.copy(given, model / "1" / name)

# %% [markdown]
# The configuration already has the first output, a text. Add the input `INPUT_IMAGE`,
# also one text, and the output `PROBABILITY`, one number (`TYPE_FP32`). `dims` never
# contains the batch axis: `max_batch_size` tells Triton that there is one.

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
# For Triton's Python backend, a model is a class with the name `TritonPythonModel`.
# `initialize` runs once in each instance. `execute` gets a *list of requests* and
# returns a list with one response per request, in the same order. Triton does not join
# the requests' tensors for you. Write `execute` so that
#
# - it reads all images of a request: `get_input_tensor_by_name(request,
#   "INPUT_IMAGE").as_numpy()` (of `pb_utils`) is an array of texts with the shape
#   (images, 1);
# - the images of all requests go through `self.probabilities` in **one** call, and each
#   request gets its rows;
# - a request that contains anything other than photos is refused, by
#   `InferenceResponse(error=TritonError("…", code))`, and the others get their answers.
#   The code `TritonError.INVALID_ARG` gives status 400: the client's fault. Without a
#   code, the status is 500: the server's fault.

# %% question="triton.model"
# %%writefile {model}/1/model.py
import numpy as np
import triton_python_backend_utils as pb_utils
from food import NAMES, load
from intake import PhotoError, from_base64, open_photo, to_input


def answer(rows):
    """Return the response to one request, from the probabilities of its images."""
    names = [[NAMES[best].encode()] for best in rows.argmax(axis=1)]
    label = pb_utils.Tensor("FOOD_LABEL", np.array(names, dtype=object))
    probability = pb_utils.Tensor("PROBABILITY", rows.max(axis=1, keepdims=True))
    return pb_utils.InferenceResponse([label, probability])


class TritonPythonModel:
    def initialize(self, args):
        self.probabilities = load(args)

    def execute(self, requests):
        ### BEGIN SOLUTION
        inputs = []
        rows_of = {}
        responses = [None] * len(requests)
        for number, request in enumerate(requests):
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE")
            texts = tensor.as_numpy().ravel()
            try:
                images = [to_input(open_photo(from_base64(text))) for text in texts]
            except PhotoError as error:
                code = pb_utils.TritonError.INVALID_ARG
                refusal = pb_utils.TritonError(f"INPUT_IMAGE: {error}", code)
                responses[number] = pb_utils.InferenceResponse(error=refusal)
                continue
            first = len(inputs)
            inputs += images
            rows_of[number] = slice(first, len(inputs))
        probabilities = self.probabilities(inputs) if inputs else []
        for number, rows in rows_of.items():
            responses[number] = answer(probabilities[rows])
        return responses
        ### END SOLUTION


# %% [markdown]
# The check calls `execute` as Triton does, with a network of its own: with single photos,
# six photos in one request, eight requests at once, and bad photos, alone and among whole
# ones. So it sees which rows each request gets, and how many times `execute` calls the network.

# %%
check("triton.model", model)

# %% [markdown]
# ## Load it, and ask
#
# Now start your server. It loads only the models that a client asks it to load. A client
# that may load models can run code on this machine, so Triton requires a key, which only
# you have (`triton.headers`).

# %%
triton = run_with_progress(
    lambda report: opening.serve(model.parent, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier", headers=triton.headers)

texts = np.array([[base64.b64encode(photo(0))]], dtype=object)
tensor = httpclient.InferInput("INPUT_IMAGE", texts.shape, "BYTES")
tensor.set_data_from_numpy(texts)
result = client.infer("food_classifier", [tensor])
result.as_numpy("FOOD_LABEL"), result.as_numpy("PROBABILITY")

# %% [markdown]
# Does the server notice a crash? The next cell kills the process of the instance to
# imitate one. Then it asks Triton whether it is ready, sends a photo, and tries two
# repairs: `load_model`, and `unload_model` followed by `load_model`.

# %% folded=true
# Kill the instance's process, then check the server's health after each repair.
for process in triton.processes():
    if "food_classifier_0_0" in process.cmdline():
        process.kill()


def health():
    """Return the server's readiness, the model's, and the answer to a photo."""
    try:
        result = client.infer("food_classifier", [tensor])
        answer = result.as_numpy("FOOD_LABEL").item().decode()
    except InferenceServerException as error:
        answer = error.message()
    return {
        "is_server_ready": client.is_server_ready(),
        "is_model_ready": client.is_model_ready("food_classifier"),
        "a photo": answer,
    }


rows = {"killed": health()}
client.load_model("food_classifier", headers=triton.headers)
rows["loaded again"] = health()
client.unload_model("food_classifier", headers=triton.headers)
client.load_model("food_classifier", headers=triton.headers)
rows["unloaded and loaded"] = health()
pd.set_option("display.max_colwidth", None)
pd.DataFrame(rows).T

# %% [markdown]
# A laptop and a P100 run Triton 24.10, and a newer GPU with a newer driver runs 25.07.
# Both still report *ready*, for the server and for the model: they do not watch the
# process, and `load_model` loads only changed files. Releases since [December
# 2025](https://github.com/triton-inference-server/server/pull/8552) ask the process when
# you ask for the *model's* readiness. Since [February
# 2026](https://github.com/triton-inference-server/python_backend/pull/430) your class may
# answer with a method `is_ready()`. The *server's* readiness [stays
# 200](https://github.com/triton-inference-server/server/issues/8604). So a health check
# must send a real photo.
#
# **Note.** Both versions have known holes. A request of 3.6 MB in pieces of one byte ends
# 24.10 (CVE-2025-23310, [closed in
# 25.07](https://github.com/NVIDIA/product-security/blob/main/2025/5687/5687.md)). Clients
# can get past the key (CVE-2026-24206 and -24207, [closed in
# 26.03](https://github.com/NVIDIA/product-security/blob/main/2026/5828/5828.md)). 24.10
# does not limit the size of a request; newer versions have `--http-max-input-size`. So no
# other machine can reach this Triton, and a proxy that collects each body and limits its
# bytes stands in front: GourmetGram's page in *Build an ensemble*, nginx in production.
# `python -m labs.serve.contract triton` attacks your model behind the page. A watcher
# beside it sends a real photo every second, and loads a dead model again.
# `tritonserver` attacks Triton alone, which also answers broken JSON with status 500.
#
# ## perf_analyzer
#
# NVIDIA's load generator keeps a fixed number of requests in flight, the **concurrency**,
# and measures in *windows*. These are the options in its command:
#
# | option | meaning |
# |---|---|
# | `-u ADDRESS -i grpc -m food_classifier --input-data input.json` | server, model, photos |
# | `-b 1 --concurrency-range 8` | one photo per request, eight requests in flight |
# | `-p 2000 -s 999` | windows of 2 s; accept the first three |
# | `--profile-export-file requests.json` | when each request began and ended |
#
# By default, three windows must agree within 10 %, which rarely happens on a busy
# machine. The next cell makes four runs: 1, 8 and 16 clients, and one client with 16
# photos in each request (windows of 6 s). It prints the output of perf_analyzer for eight
# clients. The table shows all four runs.

# %% folded=true
# Run perf_analyzer four times, and tabulate its records.
put_on_path()
photos = [photo(number) for number in range(8)]
input_path = write_input_data(workspace_dir() / "perf_analyzer" / "input.json", photos)
folder = input_path.parent
requests_path = folder / "requests.json"
target = triton_target(triton, "food_classifier", image_inputs([photo(0)]))
printed = {}


def analyze(option, clients, photos_each=1, window_ms=2000):
    """Run perf_analyzer, store its output, and return its record with Triton's counts."""
    requests_path.unlink(missing_ok=True)
    line = (
        f"perf_analyzer -u {triton.grpc} -i grpc -m food_classifier "
        f"--input-data input.json -b {photos_each} --concurrency-range {clients} "
        f"-p {window_ms} -s 999 --profile-export-file requests.json"
    )
    command = line.split()
    before = client.get_inference_statistics("food_classifier")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    after = client.get_inference_statistics("food_classifier")
    record = perf_analyzer_record(
        target,
        requests_path,
        before,
        after,
        option=option,
        concurrency=clients,
        images=photos_each,
    )
    _, heading, results = done.stdout.partition("Request conc")
    printed[option] = f"{folder}\n{line}\n{heading}{results}"
    return ledger().append(record)


guesses = predicted("triton.eight")
runs = {}
runs["1 client"] = analyze("python-1", clients=1)
runs["8 clients"] = analyze("python-8", clients=8)
print(printed["python-8"])
runs["16 clients"] = analyze("python-16", clients=16)
sixteen_each = analyze("python-b16", clients=1, photos_each=16, window_ms=6000)
runs["1 client, 16 photos each"] = sixteen_each
rows = {}
for name, run in runs.items():
    rows[name] = {
        "photos a second": run.throughput_rps.value,
        "mean latency, ms": 1e3 * np.mean(run.samples),
        "in the queue, ms": 1e3 * run.load.server.queue_s,
        "computing, ms": 1e3 * run.load.server.compute_s,
    }
rows["1 client, 16 photos each"]["photos a second"] *= 16
table = pd.DataFrame(rows).T
for column, guess in {
    "photos a second": guesses["answers"],
    "mean latency, ms": guesses["latency"],
}.items():
    table[f"× {column}"] = table[column] / table[column].iloc[0]
    table.loc["8 clients", f"× {column}, predicted"] = guess
table.style.format(precision=2, na_rep="")

# %% [markdown]
# In the printed text, look for *queue* and *compute infer*: the table has these times for
# all four runs. From one client to sixteen, nearly all of the added time is queue: the
# requests wait for the instance, which works on one at a time. If eight clients get no
# more photos per second than one, each of them *must* wait eight times as long, on any
# server. This is Little's law, which *Queueing theory* tests.
#
# With sixteen photos in a request, each request computes longer. Whether it gives more
# photos per second depends on the fixed cost of a call of the model: it is large on a
# GPU, and small on a processor's core.

# %%
_ = triton.stop()

# %% [markdown]
# ## What you found
#
# Triton is not slow: one instance computes one request at a time, and the rest is queue.
# [Fund's lab](https://teaching-on-testbeds.github.io/serve-system-chi/) measured the same
# for this model on a P100:
#
# | clients | photos per second | mean latency |
# |---:|---:|---:|
# | 1 | {{ python_1.requests_per_s }} | {{ python_1.mean_ms }} ms |
# | 8 | {{ python_8.requests_per_s }} | {{ python_8.mean_ms }} ms |
# | 16 | {{ python_16.requests_per_s }} | {{ python_16.mean_ms }} ms |
#
# **Note.** The lab also reports {{ python_b16.photos_per_s }} photos per second in
# requests of sixteen. Its `model.py` read only the first photo of each request, so most
# of these photos were never computed.
#
# To get more answers, give the instance more photos at once, or run more instances:
# *Batch and multiply*.
#
# **Try it yourself**
#
# - `--concurrency-range 1:8:1` measures eight levels of concurrency. From which level on
#   does only the latency grow?

# %% [markdown]
# ## Read more
#
# - [Metrics](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/perf_analyzer/docs/measurements_metrics.html)
#   (NVIDIA documentation): the windows, and the meaning of each latency that it prints.
# - [Python backend](https://github.com/triton-inference-server/python_backend) (NVIDIA
#   documentation): all methods of `TritonPythonModel`, and how its processes share
#   tensors.
# - [A Proof for the Queuing Formula: L = λW](https://doi.org/10.1287/opre.9.3.383) (J. D.
#   C. Little, 1961): why eight clients must wait eight times as long.
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the lab with the figures of the P100.
