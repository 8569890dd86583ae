# ---
# jupyter:
#   lesson:
#     id: http
#     title: Serve over HTTP
#     summary: FastAPI routes with their schema and refusals, sixteen clients at once, Amdahl's law over a request
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: [8090, 8091]
# ---

# %% [markdown]
# # Serve over HTTP
#
# GourmetGram's phones send photos over HTTP, and at lunch they all send at once. **How many photos can one small
# service answer, and how many more would a faster model give it?** Today you write that service. You need a laptop or a
# server. The next cell imports what the lesson uses.

# %% folded=true
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
from labs.load.race import latency_ratio, race
from labs.load.served import app_target
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, serve_app
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, programs_dir, workspace_dir

folder = programs_dir() / "http"
folder.mkdir(exist_ok=True)
_ = [
    shutil.copy(PROJECT_DIR / "labs" / name, folder)
    for name in ("serve/compared/classifier.py", "data/intake.py")
]

# %% [markdown]
# ## Predict
#
# One client sends a photo, waits for the answer, and sends the next one. Now sixteen clients do that at the same time.
# How many times as many answers a second do they get together, and how many times as long does each of them wait?

# %%
predict("http.sixteen", answers=..., latency=...)

# %% [markdown]
# ## The routes
#
# Two files are given. In `classifier.py`, `classify(images)` returns class and probability of each PIL image, in one
# call of the model. `place()` stands before it: `WORKERS` photos are computed at once, `MAY_WAIT` others wait, and the
# next is refused with the status 503, because a photo that is answered after its phone has given up was computed for
# nothing. (*Queueing theory* works out how many may wait.) In `intake.py`, `from_base64(text)` returns a file's bytes
# and `open_photo(content)` an image. What they refuse is a `PhotoError`.
#
# A service is a promise to people who never see its code:
#
# | a request | is answered by |
# |---|---|
# | `POST /predict`, `{"image": "<base64 of a file>"}` | 200, `{"prediction": "Soup", "probability": 0.93}` |
# | the field is missing, or is no text | 422, by pydantic |
# | it is no base64 of a whole photo | 422, a `PhotoError` |
# | the photo has more than 10,000,000 **bytes** | 413, by `guard(app)`, while they arrive |
# | it has more than 25,000,000 **pixels** | 413, before it is decoded |
# | too many wait | 503, from `place()` |
# | `POST /predict/many`, `{"images": [text, …]}` | 200, a list: for each its answer, or `{"error": "…"}` |
# | it has more than 8 images | 422: `Field(max_length=8)` |
#
# Write the model `Photos` and the two routes; the first names its `response_model=Answer`. Work inside `with place():`.
# Several photos take **one** call of `classify`, and a bad photo costs the others nothing. Phones and load balancers
# read the *status*: an error with status 200 looks like success. Write `def` and not `async def`: FastAPI then runs the
# route on a thread, and its event loop stays free for other requests.

# %% question="http.app"
# %%writefile {folder}/app.py
from classifier import classify, place
from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi_offline import (
    FastAPIOffline as FastAPI,
)  # FastAPI, whose page /docs needs no other host
from intake import PhotoError, from_base64, guard, open_photo
from pydantic import BaseModel, Field

app = FastAPI(title="GourmetGram's classifier")
guard(app)


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
    """Return an image, or in its place what an answer says of a text that is no photo."""
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
        ((label, probability),) = classify([open_photo(from_base64(photo.image))])
    return Answer(prediction=label, probability=probability)


@app.post("/predict/many")
def predict_many(photos: Photos):
    with place():
        entries = [opened(text) for text in photos.images]
        rows = iter(classify([entry for entry in entries if not isinstance(entry, dict)]))
    return [
        entry if isinstance(entry, dict) else dict(zip(Answer.model_fields, next(rows)))
        for entry in entries
    ]


### END SOLUTION

# %%
check("http.app", folder / "app.py")

# %% [markdown]
# The check plays the model itself. So it knows how often your app called it, and it kept one call waiting to see
# whether `/healthz` still answers: a service that looks dead while it works is restarted.
#
# The next cell starts it as `uvicorn app:app` does. The page `/docs` is made from your models, and *Try it out* sends a
# request. The other page is GourmetGram's own: choose a sample.

# %%
WORKERS, model, ports = usable_cpu_count(), fp32_model(), lesson("http").ports
how = {"MODEL": model, "WORKERS": WORKERS, "MAY_WAIT": 1000}
service = serve_app(folder, port=ports, **how)
page = serve_app(app=PAGE, port=ports, PAGE_SERVER=service.url)
print(link(f"{service.url}/docs"), link(page.url))

# %% [markdown]
# ## A client, and sixteen of them
#
# A client is one call of `httpx`. Then the cell sends what has to be refused: a text, a PNG of 12 kB that decodes to
# 288 MB, and 400 MB in pieces.


# %%
def ask(content):
    body = {"image": base64.b64encode(content).decode()}
    return (
        httpx.post(f"{service.url}/predict", json=body, timeout=5)
        .raise_for_status()
        .json()
    )


photos = [photo(number) for number in range(8)]
print(*map(ask, photos), sep="\n")
Image.new("1", (12_000, 8_000)).save(bomb := io.BytesIO(), "PNG")
texts = [base64.b64encode(content).decode() for content in (b"hello", bomb.getvalue())]
for body in [
    *({"json": {"image": text}} for text in texts),
    {"content": (b"A" * 1_000_000 for _ in range(400))},
]:
    print(
        httpx.post(f"{service.url}/predict", **body).text,
        f"{service.memory_bytes() / 1e6:.0f} MB are held",
    )

# %% [markdown]
# Clients that measure must be quick: those of the next cell send bytes that were encoded before, in a **closed loop**:
# each waits for its answer, then sends again. Each column is one run.

# %% folded=true
guesses = predicted("http.sixteen")
target = app_target(service, model, photos, workers=WORKERS)
runs = [
    ledger().append(closed_loop(target, concurrency=n, requests=160, option=f"http-{n}"))
    for n in (1, 16)
]
figures = [[run.throughput_rps.value, run.percentile(50) * 1e3] for run in runs]
table = pd.DataFrame(
    figures, ["1 client", "16 clients"], ["answers a second", "median latency, ms"]
).T
table["times as much"] = table["16 clients"] / table["1 client"]
table["you predicted"] = [guesses["answers"], guesses["latency"]]
table.round(2)

# %% [markdown]
# More clients get more answers only until all workers are busy. From then on, each further client makes all wait
# longer.
#
# ## What a faster model is worth
#
# A request is more than its model. The next cell shows each stage's median of a hundred, on one thread.

# %% folded=true
torch.set_num_threads(1)
options, network = ort.SessionOptions(), load_mobilenet_v2(assets.model())
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options)


@torch.inference_mode()
def in_pytorch(rows):
    return network(torch.from_numpy(rows)).numpy()


stages = {
    "JSON and base64": lambda body: from_base64(json.loads(body)["image"]),
    "decode": open_photo,
    "resize": crop,
    "normalize": lambda image: to_input(image)[None],
}
models = {
    "ONNX Runtime": lambda rows: session.run(None, {"input": rows}),
    "PyTorch": in_pytorch,
}
times_s = {name: [] for name in (*stages, *models)}
for number in range(100):
    value = target.bodies[number % 8]
    for name, stage in (stages | models).items():
        begin_s = time.perf_counter()
        result = stage(value)
        times_s[name].append(time.perf_counter() - begin_s)
        value = result if name in stages else value
stage_ms = 1e3 * pd.DataFrame(times_s).median()
rest_ms = stage_ms[list(stages)].sum()
table = pd.DataFrame({f"with {name}, ms": stage_ms[list(stages)] for name in models})
table.loc["the model"] = [stage_ms[name] for name in models]
table.loc["the whole request"] = table.sum()
table.round(2)

# %% [markdown]
# If the model takes a **share** of a request's time and becomes some **factor** faster, the rest still takes as long as
# before. What does the whole gain? That is **Amdahl's law**.


# %% question="http.amdahl"
def times_as_many(share, factor):
    """Return how many times as many requests are answered when a share of each (0 to 1) becomes factor times faster."""
    ### BEGIN SOLUTION
    return 1 / (1 - share + share / factor)
    ### END SOLUTION


check("http.amdahl", times_as_many)

# %% [markdown]
# Now measure it. A second service is your own app with PyTorch's model instead. In the next cell one client asks both
# in turns, for 20 rounds.

# %% folded=true
with_torch = shutil.copytree(folder, workspace_dir() / "http-torch", dirs_exist_ok=True)
(with_torch / "torch_app.py").write_text("""
from types import SimpleNamespace

import classifier
import torch

from labs import assets
from labs.data.models import load_mobilenet_v2

network = load_mobilenet_v2(assets.model())


@torch.inference_mode()
def run(outputs, inputs):
    return [network(torch.from_numpy(rows)).numpy() for rows in inputs.values()]


classifier.session = SimpleNamespace(run=run, get_inputs=classifier.session.get_inputs)
from app import app
""")
eager = serve_app(with_torch, app="torch_app:app", OMP_NUM_THREADS=1, **how)
targets = {
    "http-torch": app_target(eager, model, photos),
    "http-onnx": app_target(service, model, photos),
}
turns = run_with_progress(
    lambda report: race(
        targets, concurrency=1, rounds=20, duration_s=1, on_progress=report
    ),
    "PyTorch and ONNX Runtime",
)
factor, share = (
    stage_ms["PyTorch"] / stage_ms["ONNX Runtime"],
    stage_ms["PyTorch"] / (rest_ms + stage_ms["PyTorch"]),
)
measured = latency_ratio(turns, "http-torch", "http-onnx").interval
rows = {
    "the model is faster": factor,
    "answers, by your law": times_as_many(share, factor),
}
rows |= {
    "answers, measured": measured.value,
    "with a model that takes no time": times_as_many(share, 1e9),
}
table = pd.DataFrame({"times": rows})
table.loc["answers, measured", ["at least", "at most"]] = measured.low, measured.high
table.style.format(precision=2, na_rep="")

# %% [markdown]
# *At least* and *at most* are the ends of a 95 % interval over the rounds. The stages leave out what HTTP and the
# client take, so the measured gain tends to be smaller. An earlier lab published the same step, on an NVIDIA P100: from
# {{ fastapi_torch.p50_ms }} to {{ fastapi_onnx.p50_ms }} ms in the median. The faster the model, the more the *other*
# stages decide.

# %%
_ = page.stop(), service.stop(), eager.stop()

# %% [markdown]
# ## What you found
#
# A service answers as many photos as its workers can compute; more clients only wait longer. A faster model helps by
# its share of the request.
#
# - To run elsewhere, the service travels as a container image. Write its `Dockerfile`, and a `compose.yaml`: the port
#   on 127.0.0.1 alone, the model mounted read-only, and a health check of `/healthz`.
