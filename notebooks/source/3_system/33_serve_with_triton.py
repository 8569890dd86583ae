# ---
# jupyter:
#   lesson:
#     title: Serve with Triton
#     summary: model.py and config.pbtxt, tritonclient, perf_analyzer and its report; waiting told from working
#     part: 3
#     number: "33"
#     minutes: 35
#     kind: core
#     where: [laptop, node]
#     needs: ["32"]
#     ports: []
#     uses: ["memory", "Triton", "perf_analyzer"]
# ---

# %% [markdown]
# # Serve with Triton
#
# GourmetGram's own little service has grown up. From today the photos go to **Triton Inference Server**, which keeps
# many models, batches requests and counts everything. On its first morning a colleague reports: "With one client it is
# fine. With sixteen, a photo takes sixteen times as long. Triton is slow!"
#
# Is it? The server knows where each request spent its time. Today you put a model into it, and read that.
#
# ## You will do
#
# Write a model for Triton's Python backend (`model.py`) and its configuration (`config.pbtxt`); load and call it with
# `tritonclient`; put it under load with NVIDIA's `perf_analyzer`; and take the latency apart.
#
# ## You will learn
#
# - what a model repository holds, and what Triton hands to your `execute`;
# - to read perf_analyzer's report, and what its stability setting means;
# - to tell waiting from working, and when Little's law may be used to check a measurement.
#
# ## You need
#
# A laptop with x86-64 Linux, 35 minutes. The machine works for two of them. The first time, Triton (74 MB) and
# perf_analyzer (7 MB) are fetched.

# %%
import base64
import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets
from labs.charts import queue_compute
from labs.data.labels import CLASS_NAMES
from labs.load import image_inputs
from labs.load.record import perf_analyzer_record
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.serve.photos import photo, write_input_data
from labs.serve.triton import opening
from labs.serve.triton.catalogue import CODE_DIR
from labs.serve.triton.environment import put_on_path
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("33")))

# %% [markdown]
# ## Predict
#
# The model will have one instance. Compare one client, which waits for each answer before it sends the next image, with
# eight such clients at once: how many times as many answers does the server give in a second? 1 means no more.

# %% checkpoint="s.queue.eight_guess"
predict("s.queue.eight_guess", ...)

# %% [markdown]
# And one client with sixteen images in each request, against sixteen clients with one image each: how many times as
# many *images* a second?

# %% checkpoint="s.queue.batch_guess"
predict("s.queue.batch_guess", ...)

# %% [markdown]
# ## Act
#
# ### The repository
#
# A **model repository** is a folder with one folder a model: a `config.pbtxt`, and a folder for each version with its
# files. Beside your `model.py` lie the weights, the classes, and the network's own source (importing torchvision would
# take each instance as long as importing torch).

# %%
repository = programs_dir() / "repository"
version = repository / "food_classifier" / "1"
version.mkdir(parents=True, exist_ok=True)
shutil.copy(assets.model(), version / "model.safetensors")
shutil.copy(CODE_DIR / "network.py", version / "network.py")
(version / "classes.json").write_text(json.dumps(CLASS_NAMES))

# %% [markdown]
# The configuration says what the model takes and gives. The axis of the batch is not in `dims`: `max_batch_size` says
# that there is one. An image travels as base64 text.

# %%
config = """
name: "food_classifier"
backend: "python"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
(repository / "food_classifier" / "config.pbtxt").write_text(config)

# %% [markdown]
# ### model.py
#
# Triton's Python backend wants a class `TritonPythonModel`. `initialize` runs once for each instance. `execute` gets a
# **list of requests** and returns a list of as many responses, in the same order. Nobody has put the requests together
# for you: whoever wants one run of the network concatenates. Write `execute` so that
#
# - each request may hold several images, and each image gets a row of `FOOD_LABEL` and of `PROBABILITY`;
# - all images of all requests go through `probabilities` in one call;
# - a request that holds something else than images gets an error, and the others their answers.
#
# | from `pb_utils` | for |
# |---|---|
# | `get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy()` | a request's texts, shape (images, 1) |
# | `Tensor("FOOD_LABEL", array)` | an output; texts as an object array of bytes, shape (images, 1) |
# | `InferenceResponse([tensor, tensor])` | the answer to one request |
# | `InferenceResponse(error=TritonError(text, TritonError.INVALID_ARG))` | its refusal |

# %% checkpoint="s.queue.model"
model_py = '''
import base64
import io
import json
from pathlib import Path

import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from network import mobilenet_v2
from PIL import Image, ImageOps
from safetensors.torch import load_file

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def to_input(text):
    """Return an image's base64 text as the network's input, or raise ValueError or OSError."""
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


class TritonPythonModel:
    def initialize(self, args):
        folder = Path(args["model_repository"]) / args["model_version"]
        self.names = json.loads((folder / "classes.json").read_text())
        on_gpu = args["model_instance_kind"] == "GPU"
        self.device = f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu"
        torch.set_num_threads(1)
        self.net = mobilenet_v2(len(self.names)).eval()
        self.net.load_state_dict(load_file(folder / "model.safetensors"))
        self.net.to(self.device)

    def probabilities(self, inputs):
        """Return the probabilities of a list of inputs, shape (images, classes)."""
        batch = torch.from_numpy(np.stack(inputs)).to(self.device)
        with torch.inference_mode():
            return torch.softmax(self.net(batch), dim=1).cpu().numpy()

    def execute(self, requests):
        ...
'''

# %%
(version / "model.py").write_text(model_py)
check("s.queue.model", repository / "food_classifier")

# %% [markdown]
# The check has copied the folder, started a Triton on the copy, and asked: single images, several in a request, and
# eight clients at once, one of them with nonsense.
#
# ### Start, load, call
#
# Now your own server. It is the real `tritonserver`, in *explicit model control*: it loads what it is told to. Whoever
# may load a model may run code, so that needs a key, which only you have (`triton.headers`). Load your model:

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier", headers=triton.headers)
client.get_model_repository_index(headers=triton.headers)

# %% [markdown]
# (If Triton refuses it: `print(triton.log())` is what it says to the one who runs it.) Ask it about a photo over HTTP,
# and then over gRPC, which is the same in binary:

# %%
text = np.array([[base64.b64encode(photo(0))]], dtype=object)
asked = httpclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
asked.set_data_from_numpy(text)
answer = client.infer("food_classifier", [asked])
answer.as_numpy("FOOD_LABEL"), answer.as_numpy("PROBABILITY")

# %%
with grpcclient.InferenceServerClient(triton.grpc) as binary:
    asked = grpcclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
    asked.set_data_from_numpy(text)
    answer = binary.infer("food_classifier", [asked])
answer.as_numpy("FOOD_LABEL"), answer.as_numpy("PROBABILITY")

# %% [markdown]
# ### perf_analyzer
#
# NVIDIA's load generator keeps so many requests in flight and reports what became of them. What is asked of it:
#
# | | |
# |---|---|
# | `-u ADDRESS -i grpc -m food_classifier` | whom to ask, and how |
# | `--input-data input.json` | images that it sends in turn |
# | `-b 1` | images in a request |
# | `--concurrency-range 8` | requests in flight |
# | `-p 5000` | one *window* of measuring, in milliseconds |
# | `-s 999` | stability: of three windows, the best is at most so many percent above the worst, in rate and latency |
# | `-f report.csv --verbose-csv` | averages and percentiles, as a table |
# | `--profile-export-file requests.json` | when each single request began and ended |
#
# `-s` is 10 unless it is said. On a machine that does other things too, three windows in a row are seldom that alike,
# and it gives up without a result. With 999 it takes the first three, and how alike they are is yours to look at.
#
# Write the line, with the last six rows exactly as above but for the numbers that are given.


# %% checkpoint="s.queue.line"
def perf_analyzer_line(address, clients, images):
    """Return perf_analyzer's command line, beginning with "perf_analyzer".

    Args:
        address: Of the server's gRPC service, such as "127.0.0.1:8001".
        clients: Requests in flight.
        images: Images in each request.
    """
    ...


# %%
check("s.queue.line", perf_analyzer_line)

# %% [markdown]
# Type it in a terminal (*File, New, Terminal*) in the folder `workspace/perf_analyzer`, or run it from here. Find the
# words *queue* and *compute infer* in what it says:

# %%
put_on_path()
folder = write_input_data(programs_dir().parent / "perf_analyzer" / "input.json", [photo(n) for n in range(8)]).parent


def analyze(clients, images=1):
    """Return what perf_analyzer says; its two files lie in the folder then."""
    line = perf_analyzer_line(triton.grpc, clients, images)
    if line is None:
        raise LookupError("perf_analyzer_line still holds the dots: write it first.")
    (folder / "requests.json").unlink(missing_ok=True)  # perf_analyzer overwrites no export
    done = subprocess.run(line.split(), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-1500:] + done.stderr[-500:])
    return done.stdout


# %%
print(analyze(2))

# %%
pd.read_csv(folder / "report.csv").T

# %% [markdown]
# ## Measure
#
# Triton counts for itself since a model was loaded, and `client.get_inference_statistics` returns the counters. What
# one run did is the difference of two readings; both go into the ledger with the run.

# %%
target = triton_target(triton, "food_classifier", image_inputs([photo(0)]))
reports = {}


def run(option, clients, images=1):
    """Return the record of one run of perf_analyzer, kept in the ledger, and keep its table."""
    before = client.get_inference_statistics("food_classifier")
    analyze(clients, images)
    after = client.get_inference_statistics("food_classifier")
    reports[option] = pd.read_csv(folder / "report.csv").iloc[-1]
    more = {"option": option, "concurrency": clients, "images": images}
    return ledger().append(perf_analyzer_record(target, folder / "requests.json", before, after, **more))


# %%
predicted("s.queue.eight_guess")
runs = [run("python-1", 1), run("python-8", 8), run("python-16", 16)]
queue_compute(runs)

# %%
reconcile("s.queue.eight_guess")

# %% [markdown]
# Look at the bars. The part of the *model* is about as long in each of them: an image needs what it needs. What grows
# is the part before it. How large is that part? The counters tell: `inference_stats` holds, for `queue`, for
# `compute_infer` and the others, `ns`: nanoseconds, summed over all requests. `success` is the whole of a request.


# %% checkpoint="s.queue.share"
def queue_share(before, after):
    """Return which share of the time between two readings requests spent in the queue, 0 to 1.

    Args:
        before, after: What `client.get_inference_statistics` returned: {"model_stats": [{"inference_stats": {
            "success": {"count": …, "ns": …}, "queue": {"count": …, "ns": …}, …}, …}]}.
    """
    ...


# %%
check("s.queue.share", queue_share)

# %%
for record in runs:
    readings = ({"model_stats": [one]} for one in record.details["statistics"])
    print(record.concurrency, "clients: share of the queue", queue_share(*readings))

# %% [markdown]
# So is Triton slow? It has *one* instance, which works on one request at a time, and works just as fast for sixteen
# clients as for one. Fifteen of them wait.
#
# ### Are three windows alike?
#
# perf_analyzer calls a measurement stable when, in the last three windows, the largest rate is at most `-s` percent
# above the smallest, and the same holds for the latency. Write the half about rates.


# %% checkpoint="s.queue.stable"
def stable(rates, percent):
    """Return whether these rates are stable by perf_analyzer's rule; fewer than three windows never are.

    Args:
        rates: Answers a second in each window so far, the oldest first.
        percent: What `-s` says, such as 10.
    """
    ...


# %%
check("s.queue.stable", stable)

# %%
for record in runs:
    bounds_s = record.details["windows_s"]
    ended_s = np.add(record.load.offsets_s, record.samples)
    rates = (np.histogram(ended_s, bounds_s)[0] / np.diff(bounds_s)).tolist()
    print(f"{record.concurrency} clients: {[round(one, 1) for one in rates]}, within 10 %: {stable(rates, 10)}")

# %% [markdown]
# ### Little's law
#
# In any system whose number of requests neither grows nor shrinks: *requests inside = answers a second × seconds that
# each stays*. No distribution and no model of the server is needed. In a closed loop you know how many are inside: as
# many as there are clients. So the law checks a measurement in one line, and the check can fail. If a run is short
# beside its latency, requests that began before it or end after it are counted by one side of the equation only.


# %% checkpoint="s.queue.little"
def little(rate_rps, latency_s, clients):
    """Return how many requests were inside, and whether that agrees with the clients.

    Args:
        rate_rps: Answers a second.
        latency_s: Mean latency.
        clients: Clients of a closed loop.

    Returns:
        {"inside": number of requests, "holds": True where it is within 10 percent of the clients}
    """
    ...


# %%
check("s.queue.little", little)

# %% [markdown]
# Hold it against perf_analyzer's own report (its latencies are microseconds):

# %%
for record in runs:
    rate_rps, latency_us = (float(reports[record.option][name]) for name in ("Inferences/Second", "Avg latency"))
    print(record.concurrency, "clients:", little(rate_rps, latency_us * 1e-6, record.concurrency))

# %% [markdown]
# Where it does not hold, do not explain the number: measure again, with a longer `-p`. Where it holds, it also tells
# the colleague what was seen. When answers a second stay what they are, sixteen times the clients *must* wait sixteen
# times as long. The colleague measured sixteen clients.
#
# ### Sixteen images in one request

# %%
predicted("s.queue.batch_guess")
batch = run("python-b16", 1, images=16)
queue_compute([runs[2], batch])

# %%
reconcile("s.queue.batch_guess")

# %% [markdown]
# Published results of an earlier lab, the same model in torch on one P100, by perf_analyzer:
#
# | | images/s | latency | of it queue |
# |---|---:|---:|---:|
# | 1 client | 51.5 | 19.3 ms | |
# | 8 clients | 52.4 | 152 ms | 132 ms |
# | 16 clients | 52.4 | 303 ms | 283 ms |
# | requests of 16 images | 656.6 | 24.3 ms | |
#
# ## Checkpoint
#
# There a batch of sixteen gave 12.5 times as many images a second. A GPU has thousands of small arithmetic units, and
# one image keeps few of them busy: fifteen more travel almost for free. A CPU core is busy with one already. Whether
# batches pay is a question to the hardware, and if they do, somebody has to make them, since users send one photo each.
# That is the next lesson.

# %%
check("s.queue.eight_guess")

# %%
check("s.queue.batch_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - `--concurrency-range 1:8:1` measures eight levels in one go. Where does throughput stop growing? Why not at 1?
# - Leave `-s` out. How many windows does it take, and does it end with a result?
# - Send something that is no photo with `client.infer`. What comes back, and does `fail` in the statistics count it?
