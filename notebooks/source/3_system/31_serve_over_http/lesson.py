# ---
# jupyter:
#   lesson:
#     id: http
#     title: Serve over HTTP
#     summary: FastAPI routes on ONNX Runtime and PyTorch, their refusals, sixteen clients, Amdahl's law for a request
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: [8090, 8091]
# ---

# %% [markdown]
# # Serve over HTTP
#
# **Prerequisites:** none; *Measure the model* helps. **Runs on:** your laptop or a
# server.
#
# GourmetGram's phones send photos over HTTP, and at lunch they all send at once. **How
# many photos can one small service answer, and how much would a faster model help?**
# Today you write that service. The next cell imports the lesson's modules.

# %% folded=true
# Import the lesson's modules, and copy the two given files.
import base64
import io
import json
import shutil
import time

import httpx
import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
from PIL import Image

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.data.intake import crop, from_base64, open_photo, to_input
from labs.data.models import load_mobilenet_v2
from labs.load import closed_loop
from labs.load.race import latency_ratio, of, race
from labs.load.served import app_target, classes_of
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, serve_app
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, programs_dir

folder = programs_dir() / "http"
folder.mkdir(exist_ok=True)
for name in ("serve/compared/classifier.py", "data/intake.py"):
    shutil.copy(PROJECT_DIR / "labs" / name, folder)

# %% [markdown]
# ## Predict
#
# One client sends a photo, waits for the answer, and sends the next photo. Now sixteen
# clients do this at the same time. By what factor do their answers per second together
# exceed those of one client? By what factor does each client wait longer?

# %%
predict("http.sixteen", answers=..., latency=...)

# %% [markdown]
# ## The routes
#
# Two files are given. `classifier.py` opens the model, on the GPU if the machine has one.
# For ONNX Runtime, the model is `session`. If the service starts with `RUNTIME=torch`, it
# is PyTorch's `network`, on `device`. You write the call of the model for both. From your
# call, `classify_with` makes `classify(images)`, which returns class and probability of
# each PIL image. `place()` limits the load: `WORKERS` photos are computed at once,
# `MAY_WAIT` others wait, and the next photo is refused with status 503. In `intake.py`,
# `from_base64(text)` returns a file's bytes, and `open_photo(content)` an image. Both
# raise a `PhotoError` if they refuse their input.
#
# People who use a service never see its code, so its answers are its contract. This is
# ours:
#
# | a request | the answer |
# |---|---|
# | `POST /predict`, `{"image": "<base64 of a file>"}` | 200, `{"prediction": "Soup", "probability": 0.93}` |
# | the field is missing, or is not a text | 422, by pydantic |
# | the text is not the base64 of a complete photo | 422, a `PhotoError` |
# | the photo has more than 10,000,000 **bytes** | 413, by `guard(app)`, while they arrive |
# | it has more than 25,000,000 **pixels** | 413, before it is decoded |
# | too many requests wait | 503, from `place()` |
# | `POST /predict/many`, `{"images": [text, …]}` | 200, a list: for each photo its answer, or `{"error": "…"}` |
# | it has more than 8 images | 422: `Field(max_length=8)` |
#
# Write the two calls of the model, the class `Photos` and the two routes:
#
# - A PyTorch model takes a tensor on its own device, and returns one there.
# - `/predict` declares `response_model=Answer`.
# - All image work is inside `with place():`.
# - Several photos take **one** call of `classify`, and a bad photo must not fail the
#   others.
# - An error never has status 200: phones and load balancers read only the *status*.
# - The routes use `def`, not `async def`. FastAPI then runs them on threads, and its
#   event loop stays free for other requests.

# %% question="http.app"
# %%writefile {folder}/app.py
from classifier import RUNTIME, classify_with, device, network, place, session
from fastapi import Request
from fastapi.responses import JSONResponse

# FastAPI, whose page /docs needs no other host
from fastapi_offline import FastAPIOffline as FastAPI
from intake import PhotoError, from_base64, guard, open_photo
from pydantic import BaseModel, Field

app = FastAPI(title="GourmetGram's classifier")
guard(app)


def in_onnx_runtime(inputs):
    """Return the logits, an array (images, 11), of inputs, an array (images, 3, 224, 224).

    The session names its input "input", and returns a list with its one output.
    """
    ### BEGIN SOLUTION
    return session.run(None, {"input": inputs})[0]
    ### END SOLUTION


def in_pytorch(inputs):
    """Return the same, as an array of numpy, from the network."""
    import torch  # here, since the other route needs none of it

    with torch.inference_mode():
        ### BEGIN SOLUTION
        return network(torch.from_numpy(inputs).to(device)).cpu().numpy()
        ### END SOLUTION


classify = classify_with(in_pytorch if RUNTIME == "torch" else in_onnx_runtime)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.exception_handler(PhotoError)
async def refuse(request: Request, error: PhotoError):
    return JSONResponse({"detail": str(error)}, error.status)


class Photo(BaseModel):
    image: str


class Answer(BaseModel):
    prediction: str
    probability: float


def opened(text):
    """Return an image, or {"error": message} if the text is not a photo."""
    try:
        return open_photo(from_base64(text))
    except PhotoError as error:
        return {"error": str(error)}


### BEGIN SOLUTION
class Photos(BaseModel):
    images: list[str] = Field(max_length=8)


@app.post("/predict", response_model=Answer)
def predict(photo: Photo):
    with place():
        [(label, probability)] = classify([open_photo(from_base64(photo.image))])
    return Answer(prediction=label, probability=probability)


@app.post("/predict/many")
def predict_many(photos: Photos):
    with place():
        entries = [opened(text) for text in photos.images]
        readable = [n for n, entry in enumerate(entries) if not isinstance(entry, dict)]
        rows = classify([entries[n] for n in readable])
    for n, (label, probability) in zip(readable, rows):
        entries[n] = Answer(prediction=label, probability=probability)
    return entries


### END SOLUTION

# %%
check("http.app", folder / "app.py")

# %% [markdown]
# The check replaces ONNX Runtime by its own model, so it knows how often your app called
# it. It also kept one call waiting, to see whether `/healthz` still answers: a service
# that does not answer its health check is restarted, even if it is only busy. The
# PyTorch route is compared with the other one below.
#
# The next cell starts your app as `uvicorn app:app` would. It prints the app's log, which
# names the provider that computes the model. FastAPI makes the page `/docs` from your
# models, and *Try it out* sends a request. The other page is GourmetGram's: choose a
# sample there.

# %% folded=true
# Start your app and GourmetGram's page.
model = fp32_model()
ports = lesson("http").ports
settings = {"MODEL": model, "WORKERS": usable_cpu_count(), "MAY_WAIT": 1000}
service = serve_app(folder, port=ports, **settings)
page = serve_app(app=PAGE, port=ports, PAGE_SERVER=service.url)
print(link(f"{service.url}/docs"), link(page.url), service.log(), sep="\n")

# %% [markdown]
# ## A client, and sixteen of them
#
# A client is one call of `httpx`. The next cell sends eight photos.


# %%
def ask(content):
    text = base64.b64encode(content).decode()
    answer = httpx.post(f"{service.url}/predict", json={"image": text}, timeout=5)
    return answer.raise_for_status().json()


photos = [photo(number) for number in range(8)]
for content in photos:
    print(ask(content))

# %% [markdown]
# The next cell sends three requests that the service must refuse: a text, a PNG of 12 kB
# that decodes to 288 MB, and 400 MB in pieces.

# %% folded=true
# Send three bad requests, and print the answers and the service's memory.
bomb = io.BytesIO()
Image.new("1", (12_000, 8_000)).save(bomb, "PNG")
bomb_text = base64.b64encode(bomb.getvalue()).decode()
pieces = (b"A" * 1_000_000 for _ in range(400))
for body in [
    {"json": {"image": "aGVsbG8="}},  # "hello"
    {"json": {"image": bomb_text}},
    {"content": pieces},
]:
    answer = httpx.post(f"{service.url}/predict", **body)
    held_mb = service.memory_bytes() / 1e6
    print(answer.text, f"the service uses {held_mb:.0f} MB")

# %% [markdown]
# The clients of the next cell send bytes that were encoded before. In a **closed loop**,
# each client waits for its answer before it sends the next request. Each column is one
# run. 95 % of its latencies are below the **p95**.

# %% folded=true
# Measure one client and sixteen, 160 requests each.


def figures(*runs):
    """Return a row of a table: rate and latencies of some runs of one endpoint."""
    rates_rps = [run.throughput_rps.value for run in runs]
    latencies_s = np.concatenate([run.samples for run in runs])
    p50_s, p95_s, p99_s = np.percentile(latencies_s, [50, 95, 99])
    return {
        "answers a second": np.median(rates_rps),
        "median latency, ms": 1e3 * p50_s,
        "p95, ms": 1e3 * p95_s,
        "p99, ms": 1e3 * p99_s,
    }


def measure(target, clients, option):
    run = closed_loop(target, concurrency=clients, requests=160, option=option)
    return ledger().append(run)


guesses = predicted("http.sixteen")
target = app_target(service, model, photos, workers=settings["WORKERS"])
with_one = measure(target, 1, "http-1")
with_sixteen = measure(target, 16, "http-16")
columns = {"1 client": figures(with_one), "16 clients": figures(with_sixteen)}
table = pd.DataFrame(columns)
table["times as much"] = table["16 clients"] / table["1 client"]
table.loc["answers a second", "you predicted"] = guesses["answers"]
table.loc["median latency, ms", "you predicted"] = guesses["latency"]
table.style.format(precision=2, na_rep="")

# %% [markdown]
# More clients get more answers only until all workers are busy.
#
# ## How much does a faster model help?
#
# A request is more than its model. The next cell shows the median time of each stage, on
# one thread.

# %% folded=true
# Time each stage of 100 requests on one thread, with both runtimes.
torch.set_num_threads(1)
network = load_mobilenet_v2(assets.model())
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options)
times_s = {}


def file_of(body):
    return from_base64(json.loads(body)["image"])


def normalize(image):
    return to_input(image)[None]


def in_onnx_runtime(rows):
    return session.run(None, {"input": rows})


@torch.inference_mode()
def in_pytorch(rows):
    return network(torch.from_numpy(rows)).numpy()


def timed(name, work, value):
    """Return the work's result, and record its seconds under a name."""
    begin_s = time.perf_counter()
    result = work(value)
    end_s = time.perf_counter()
    times_s.setdefault(name, []).append(end_s - begin_s)
    return result


stages = {
    "JSON and base64": file_of,
    "decode": open_photo,
    "resize": crop,
    "normalize": normalize,
}
for number in range(100):
    value = target.bodies[number % 8]
    for name, stage in stages.items():
        value = timed(name, stage, value)
    timed("ONNX Runtime", in_onnx_runtime, value)
    timed("PyTorch", in_pytorch, value)
median_ms = 1e3 * pd.DataFrame(times_s).median()
stages_ms = median_ms[list(stages)]
table = pd.DataFrame({"with ONNX Runtime, ms": stages_ms, "with PyTorch, ms": stages_ms})
table.loc["the model"] = [median_ms["ONNX Runtime"], median_ms["PyTorch"]]
table.loc["the whole request"] = table.sum()
table.round(2)

# %% [markdown]
# Let the model take a **share** $s$ of a request's time and become faster by a **factor**
# $f$. The rest still takes as long as before. By what factor does the number of requests
# per second grow? The answer is **Amdahl's law**: the part that does not become faster
# limits the gain of the whole.


# %% question="http.amdahl"
def times_as_many(share, factor):
    """Return the factor by which requests per second grow, a float, if a share of each
    request's time (0 to 1) becomes factor times faster. A factor below 1 slows it down.

    Example: times_as_many(0.5, 2.0) returns 1.33, because 1 s becomes 0.75 s.
    """
    ### BEGIN SOLUTION
    return 1 / (1 - share + share / factor)
    ### END SOLUTION


check("http.amdahl", times_as_many)

# %% [markdown]
# Now measure the gain. A second service is your app with `RUNTIME=torch`. In the next
# cell, one client asks both services in turns, for 20 rounds. Then sixteen clients ask
# the second one.

# %% folded=true
# Start your app a second time, with PyTorch's model, and race both services.
# Two apps at once need two names.
(folder / "torch_app.py").write_text("from app import app\n")
eager = serve_app(folder, app="torch_app:app", RUNTIME="torch", **settings)
print(eager.log())
targets = {
    "http-torch": app_target(eager, assets.model(), photos, "torch"),
    "http-onnx": target,
}
answers = [classes_of(each, photos) for each in targets.values()]
print(f"Both give {np.sum(answers[0] == answers[1])} of 8 photos the same class.")


def in_turns(report):
    return race(targets, concurrency=1, rounds=20, duration_s=1, on_progress=report)


turns = run_with_progress(in_turns, "PyTorch and ONNX Runtime")
torch_sixteen = measure(targets["http-torch"], 16, "http-torch-16")
endpoints = {
    "PyTorch, 1 client": figures(*of(turns, "http-torch")),
    "ONNX Runtime, 1 client": figures(*of(turns, "http-onnx")),
    "PyTorch, 16 clients": figures(torch_sixteen),
    "ONNX Runtime, 16 clients": figures(with_sixteen),
}
display(pd.DataFrame(endpoints).T.round(1))
measured = latency_ratio(turns, "http-torch", "http-onnx").interval
factor = median_ms["PyTorch"] / median_ms["ONNX Runtime"]
share = median_ms["PyTorch"] / (stages_ms.sum() + median_ms["PyTorch"])
times = {
    "the model is faster": factor,
    "answers, by your law": times_as_many(share, factor),
    "answers, measured": measured.value,
    "with a model that takes no time": times_as_many(share, 1e9),
}
table = pd.DataFrame({"times": times})
table.loc["answers, measured", ["at least", "at most"]] = measured.low, measured.high
table.style.format(precision=2, na_rep="")

# %% [markdown]
# *At least* and *at most* are the ends of a 95 % interval over the rounds. The table of
# stages is of a processor's thread, and leaves out HTTP and the client. Is the measured
# gain smaller or larger than your law's? [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-system-chi/) measured the same step
# on an NVIDIA P100: the median fell from {{ fastapi_torch.p50_ms }} to {{
# fastapi_onnx.p50_ms }} ms. *Run on two GPUs* measures both of your routes on a node. The
# faster the model, the larger the share of the *other* stages.

# %%
for server in (page, service, eager):
    server.stop()

# %% [markdown]
# ## What you found
#
# - A service answers as many photos as its workers can compute. More clients only wait
#   longer.
# - A faster model helps only as much as its share of the request allows.
#
# **Try it yourself**
#
# - Attack your service: start it again, and run `python -m labs.serve.contract ADDRESS` in
#   a terminal. It prints what your service held: bad, slow, half-sent and huge bodies,
#   old clients, and more. Which row falls without `guard(app)`?
# - To run on another machine, the service becomes a container image: read
#   `labs/serve/containers`. With Docker on your laptop, run the commands of *Run on two
#   GPUs*, without the file for a GPU.

# %% [markdown]
# ## Read more
#
# - [Concurrency and async / await](https://fastapi.tiangolo.com/async/) (FastAPI
#   documentation): when to write `def` and when `async def`.
# - [Validity of the single processor approach to achieving large scale computing
#   capabilities](https://doi.org/10.1145/1465482.1465560) (G. Amdahl, 1967): the four
#   pages behind Amdahl's law.
# - [The Tail at Scale](https://doi.org/10.1145/2408776.2408794) (J. Dean and L. A.
#   Barroso, 2013): why the slowest of many requests matters to users.
# - [Optimize cache usage in builds](https://docs.docker.com/build/cache/optimize/)
#   (Docker documentation): how to order a `Dockerfile`'s lines for the exercise.
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the same service on a P100, with PyTorch and with ONNX Runtime.
