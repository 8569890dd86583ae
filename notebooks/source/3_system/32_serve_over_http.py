# ---
# jupyter:
#   lesson:
#     title: Serve over HTTP
#     summary: a FastAPI route with schema and errors, a container, a client; what makes a service fast, idea by idea
#     part: 3
#     number: "32"
#     minutes: 45
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: [8090, 8091, 8092, 8093, 8094, 8095, 8096, 8097, 8098, 8099, 8100]
#     uses: ["memory", "fast INT8"]
# ---

# %% [markdown]
# # Serve over HTTP
#
# A model in a notebook feeds nobody. GourmetGram's app sends photos over HTTP, so somebody has to write the service:
# today, you. It must say what a photo shows, say no in a way that machines understand, fit into a container, and not
# fall over at lunch time, when sixteen phones send at once.
#
# ## You will do
#
# Write a FastAPI route with its schema and its error answers, the Dockerfile and the Compose service around it, and a
# client with httpx. Then put load on a service like it, and take a faster one apart: each idea in it can be switched
# off.
#
# ## You will learn
#
# - what belongs into the contract of a service, and why an error with status 200 is worse than a crash;
# - what a container needs to be told: whom it listens to, who it is, when it is healthy;
# - where the time of a request goes, which ideas win it back, and what a bounded queue is good for.
#
# ## You need
#
# A laptop or a node, 45 minutes; the machine works for about three of them. Docker is not needed: the checks start your
# app, and read the two files for the container. Where there are two processors only, clients and services share them:
# ratios hold, milliseconds are larger than with clients elsewhere.

# %%
import os
import shutil
import subprocess
import sys

import httpx
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import queue_compute
from labs.course import lesson
from labs.load import closed_loop
from labs.load.race import latency_ratio, of, race, rate_ratio
from labs.load.served import service_target
from labs.machine.capability import capability_text, for_lesson
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.runtimes.loopback import link

# %%
from labs.serve.contract import TINY_PNG_BASE64, picture_text
from labs.serve.models import fp32_model, int8_model
from labs.serve.photos import photo
from labs.serve.running import BEFORE, start, wait_until_ready
from labs.serve.settings import PageSettings, Settings
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("32")))
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
int8_path = run_with_progress(lambda report: int8_model(on_progress=report), "Its INT8 twin")
folder = programs_dir() / "serving"
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# A usual service handles each request in a thread of its own. One client that waits for each answer gets a certain
# number of answers in a second. How many times as many do sixteen such clients get together?

# %% checkpoint="s.http.sixteen_guess"
predict("s.http.sixteen_guess", ...)

# %% [markdown]
# ## Act
#
# ### The route
#
# The first half of the file knows the model. It is given: classes and preparation are those that the ONNX file carries
# in its metadata, so that the service cannot prepare an image in another way than the model was trained with.

# %%
model_part = '''
import base64
import binascii
import io
import json
import os

import numpy as np
import onnxruntime as ort
from fastapi import HTTPException
from fastapi_offline import FastAPIOffline as FastAPI  # FastAPI, whose page /docs needs no other host
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, Field

session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
metadata = session.get_modelmeta().custom_metadata_map
CLASSES, MEAN, STD = (json.loads(metadata[name]) for name in ("classes", "mean", "std"))
MOST_BYTES = 10_000_000


def classify(image: Image.Image) -> tuple[str, float]:
    """Return the class of an image, and its probability."""
    square = np.asarray(ImageOps.fit(image.convert("RGB"), (224, 224), Image.Resampling.BILINEAR), np.float32)
    batch = ((square / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[np.newaxis]
    (logits,) = session.run(None, {session.get_inputs()[0].name: batch})
    probabilities = np.exp(logits[0] - logits[0].max())
    probabilities /= probabilities.sum()
    return CLASSES[int(probabilities.argmax())], float(probabilities.max())
'''

# %% [markdown]
# The second half is yours, as a text. It makes `app = FastAPI(title="…")` and keeps this contract:
#
# | request | answer |
# |---|---|
# | `POST /predict` with `{"image": "<base64 of an image file>"}` | `{"prediction": "Soup", "probability": 0.93}` |
# | the field is missing, or no text | 422: a pydantic model as the argument's type does this by itself |
# | the text is not base64, or the bytes are not an image | 422: `raise HTTPException(422, "what is wrong")` |
# | the image has more than `MOST_BYTES` | 413 |
# | `GET /healthz` | 200 and `{"status": "ok"}` |
#
# Two `BaseModel`s are the schema, one for the request and one for the reply (`response_model=`). Write the route with
# `def`, not `async def`: FastAPI then runs it on a thread and the event loop stays free. `base64.b64decode(text,
# validate=True)` raises `ValueError` (`binascii.Error` is one of these); `Image.open` raises `UnidentifiedImageError`,
# and `.load()` an `OSError` where the file ends too early.

# %% checkpoint="s.http.app"
routes = ...  # the second half of app.py, as a text

# %%
if routes is not ...:
    (folder / "app.py").write_text(model_part.lstrip() + "\n\n" + routes.strip() + "\n")

# %% [markdown]
# The check starts it as `uvicorn app:app` on a free port of loopback, in a process of its own, and asks it.

# %%
check("s.http.app", folder / "app.py")

# %% [markdown]
# Start it for yourself, too, and open its page: *Try it out* sends a request from the browser. The page is made from
# `/openapi.json`, which FastAPI makes from your two models; clients in any language can be generated from it.

# %%
own = globals().get("own")
if own:  # from an earlier run of this cell
    own.terminate()
    own.wait()
own = None
if (folder / "app.py").is_file():
    command = [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "8100"]
    own = subprocess.Popen(command, cwd=folder, env={**os.environ, "MODEL": str(onnx_path)})
    print(link("http://127.0.0.1:8100/docs"), "an image to try:", TINY_PNG_BASE64, sep="\n")

# %% [markdown]
# ### The container
#
# Write the `Dockerfile`, as a text: from an image of Python with its version in the tag; requirements before the app,
# so that a change of `app.py` does not install them again (`RUN pip install --no-cache-dir -r requirements.txt`); a
# user without root's rights; and `CMD` in its list form, with `--host 0.0.0.0`. Inside the container that is right: its
# own loopback is nobody else's.

# %%
requirements = "fastapi\nfastapi-offline\nnumpy\nonnxruntime\npillow\nuvicorn\n"
(folder / "requirements.txt").write_text(requirements)
shutil.copy(onnx_path, folder / "food11.onnx")

# %% checkpoint="s.http.dockerfile"
dockerfile = ...  # the Dockerfile, as a text

# %%
if dockerfile is not ...:
    (folder / "Dockerfile").write_text(dockerfile.strip() + "\n")
check("s.http.dockerfile", folder / "Dockerfile")

# %% [markdown]
# And `compose.yaml`, with one service named `classifier`: built from here; port 8000 published on 127.0.0.1 only; the
# model mounted read-only (`./food11.onnx:/models/food11.onnx:ro`) and named by `MODEL`; a health check that asks
# `/healthz` (the image has Python, and no curl); started again unless stopped; at most 512 MB of memory (`mem_limit:
# 512m`).

# %% checkpoint="s.http.compose"
compose = ...  # compose.yaml, as a text

# %%
if compose is not ...:
    (folder / "compose.yaml").write_text(compose.strip() + "\n")
check("s.http.compose", folder / "compose.yaml")

# %%
if shutil.which("docker") and (folder / "compose.yaml").is_file():
    print(subprocess.run(["docker", "compose", "config", "--quiet"], cwd=folder, capture_output=True, text=True))
else:
    print("There is no Docker here: not run. On a machine that has it: docker compose up --build --wait")

# %% [markdown]
# ### The client
#
# A phone's network is slow and the service is busy at times. Write `client.py`, as a text, with
#
#     def ask(url: str, image: bytes, tries: int = 3) -> dict: ...
#
# It posts the image to `url + "/predict"` with `httpx` and a time-out of 5 s, and returns the reply's JSON. To 503 it
# waits as many seconds as the header `Retry-After` says, and asks again, `tries` times in all. Any other error, and the
# last 503, is raised (`reply.raise_for_status()`): a request that is wrong stays wrong however often it is sent.

# %% checkpoint="s.http.client"
client = ...  # client.py, as a text

# %%
if client is not ...:
    (folder / "client.py").write_text(client.strip() + "\n")
check("s.http.client", folder / "client.py")

# %% [markdown]
# ### What others make of it
#
# `labs/serve/compared/tutorial.py` is the service that most tutorials end with, and the course has one that was built
# for load. Both get the same model. A phone with a bug sends a file name where base64 belongs:

# %%
ports = lesson("32").ports  # in the lesson's front matter, so that the tunnel knows them


def start_service(option):
    """Return a service that is ready."""
    service = start(settings[option], app=BEFORE if option == "http-before" else "", port=ports)
    return run_with_progress(lambda report: wait_until_ready(service, on_progress=report), f"Start {option}")


settings = {"http-before": Settings(model=onnx_path), "http-fp32": Settings(model=onnx_path, fast_decode=True)}
services = {option: start_service(option) for option in settings}
for option, service in services.items():
    reply = httpx.post(f"{service.url}/predict", json={"image": "lunch.jpg"})
    print(f"{option:12} {reply.status_code} {reply.text}")

# %% [markdown]
# Both notice. But the phone, the load balancer and the monitoring read the *status*, and none of them reads the
# sentence: at 200 the dashboard stays green while nobody gets an answer. The second answer is in the form of RFC 9457
# (*problem details*). Its page, and what a visitor sees:

# %%
page = wait_until_ready(start(PageSettings(url=services["http-fp32"].url), port=ports))
print(link(services["http-fp32"].url + "/docs"), link(page.url), sep="\n")

# %% [markdown]
# ## Measure
#
# ### Where the time goes
#
# The course's service says in each reply, in the header `Server-Timing`, how many milliseconds the image waited, how
# long decoding and scaling took, and how long the model.

# %%
with httpx.Client() as session:
    for _ in range(20):
        reply = session.post(services["http-fp32"].url + "/predict", json={"image": picture_text(photo(0))})
header, latency_s = reply.headers["server-timing"], reply.elapsed.total_seconds()
print(f"{header}  of {latency_s * 1e3:.2f} ms")

# %% [markdown]
# Write the function that reads it.


# %% checkpoint="s.http.share"
def model_share(header, latency_s):
    """Return the share of a request's latency that was spent in the model, 0 to 1.

    Args:
        header: A Server-Timing header, such as "queue;dur=0.05, prepare;dur=2.61, model;dur=7.30", in any order.
        latency_s: Latency of the same request, in seconds.
    """
    ...


# %%
check("s.http.share", model_share)

# %%
model_share(header, latency_s)

# %% [markdown]
# A model that is twice as fast makes the service faster by less: the rest stays.
#
# ### What makes it fast
#
# Six ideas, and `Settings` has a switch for each:
#
# | idea | its switch | and without |
# |---|---|---|
# | quantize the model | `model=` | `http-fp32` |
# | decode large JPEGs in half their size | `fast_decode=True` | `http-full-decode` |
# | work on threads beside the event loop | `on_event_loop=False` | `http-on-loop` |
# | one *instance* for each processor, with one thread | `instances=`, `intra_op_threads=1` | `http-default-threads` |
# | an image that is alone gets all processors | `alone_threads=` | `http-alone-1` |
# | *micro-batches*: an instance takes up to four images that wait already | `max_batch_size=4` | `http-no-batch` |
#
# `http-all` has all of them. Whether the model gets those images as one batch or singly is tried when the service
# starts: a CPU's caches hold the activations of one or two (lesson 11). This is what an instance does with the images
# that it has taken from the queue:

# %%
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from labs.data.preprocess import ImageDecodeError, to_input
from labs.runtimes.calling import Call
from labs.serve.contract import reply_from
from labs.serve.engine import Computed, InstanceError

# %% shows="labs.serve.engine:serve_batch"
...

# %% [markdown]
# Which idea brings most with sixteen clients? Name the option whose answers a second are fewest beside those of
# `http-all`.

# %% checkpoint="s.http.idea_guess"
predict("s.http.idea_guess", ...)

# %%
best = {"model": int8_path, "fast_decode": True}
cores = usable_cpu_count()
settings |= {
    "http-all": Settings(**best),
    "http-full-decode": Settings(model=int8_path),
    "http-on-loop": Settings(**best, on_event_loop=True),
    "http-default-threads": Settings(**best, instances=4, intra_op_threads=max(2, cores)),
    "http-alone-1": Settings(**best, alone_threads=1),
    "http-no-batch": Settings(**best, max_batch_size=1),
}
services |= {option: start_service(option) for option in settings if option not in services}
images = [photo(number) for number in range(8)]
targets = {option: service_target(services[option], settings[option], images, raw=False) for option in services}


# %%
def measure_race(clients):
    """Return the records of a race of all services, which are in the ledger then."""
    records = run_with_progress(
        lambda say: race(targets, concurrency=clients, rounds=3, duration_s=1.0, on_progress=say),
        f"{clients} at a time",
    )
    return [ledger().append(record) for record in records]


predicted("s.http.sixteen_guess")
predicted("s.http.idea_guess")
alone = measure_race(1)

# %%
crowd = measure_race(16)


# %%
def row(option):
    """Return what a service did beside `http-all`: the ratios with their 95 % intervals."""
    rates, p50s = rate_ratio(crowd, option, "http-all").interval, latency_ratio(alone, option, "http-all").interval
    return {
        "option": option,
        "answers/s, 16 clients": f"{of(crowd, option)[1].throughput_rps.value:.0f}",
        "× answers/s": f"{rates.value:.2f} ({rates.low:.2f} to {rates.high:.2f})",
        "p50 ms, 1 client": f"{of(alone, option)[1].percentile(50) * 1e3:.1f}",
        "× p50": f"{p50s.value:.2f} ({p50s.low:.2f} to {p50s.high:.2f})",
    }


pd.DataFrame([row(option) for option in targets if option != "http-all"])

# %%
reconcile("s.http.sixteen_guess")

# %%
reconcile("s.http.idea_guess")

# %%
queue_compute([of(alone, "http-all")[0], of(crowd, "http-all")[0]])

# %% [markdown]
# An interval that holds 1 says: not seen on this machine, at this load. Some ideas help one client, some a crowd; a
# busy system also deals out its processors by the thread, so services with many threads look better on it than they
# are.
#
# Every idea is code that somebody has to understand next year. Which one would you leave out of *your* service? Name
# its option, and the reason, with a figure from the table.

# %% checkpoint="s.http.leave_out"
answer("s.http.leave_out", {"option": ..., "reason": ...})

# %%
check("s.http.leave_out")

# %% [markdown]
# ### A bounded queue
#
# Sixty-four clients are more than any of these can serve in time. With a queue without an end, all of them wait longer
# and longer. A *bounded* queue refuses at once (503, with `Retry-After`) whoever would come too late anyway.
#
# How many images may wait, then? The instances work side by side, each image takes `image_s`, and when the last one in
# the queue is taken, all those before it have been. It has to be finished, its own time included, within `within_s`.


# %% checkpoint="s.http.bounded"
def most_waiting(within_s, image_s, instances):
    """Return how many images may wait, so that the last of them is finished within `within_s`: a whole number from 0.

    Args:
        within_s: Seconds from its arrival to its answer, at most.
        image_s: Seconds that an instance works on one image.
        instances: Instances, all of them busy with an image that has only just begun.
    """
    ...


# %%
check("s.http.bounded", most_waiting)

# %% [markdown]
# The objective is 0.2 s. How long an instance is busy is in the server's own account of the race: each request tells
# the time of the batch that it was in.

# %%
account = of(crowd, "http-fp32")[0].load.server
instances = settings["http-fp32"].instance_count
batch_s = account.input_s + account.infer_s  # of a batch of up to four
limit = 4 * (most_waiting(0.2, batch_s, instances) or 0)
limit

# %%
if "http-bounded" in services:  # from an earlier run of this cell
    services["http-bounded"].stop()
settings["http-bounded"] = Settings(model=onnx_path, fast_decode=True, queue_limit=limit)
services["http-bounded"] = start_service("http-bounded")
targets["http-bounded"] = service_target(services["http-bounded"], settings["http-bounded"], images, raw=False)
for option in ("http-before", "http-bounded"):
    run = ledger().append(closed_loop(targets[option], concurrency=64, duration_s=2.0, option=option))
    rate, p95_ms = run.throughput_rps.value, run.percentile(95) * 1e3
    print(f"{option:13} {rate:4.0f} answers/s, p95 {p95_ms:6.1f} ms, refused {run.load.error_rate:.0%}")

# %% [markdown]
# These clients ask again at once, which is why so many requests are refused. Yours waits as long as it was told. Where
# p95 is above 200 ms, the rejected requests took processors too: batches took longer in this run.
#
# ## Checkpoint

# %%
check("s.http.sixteen_guess")

# %%
check("s.http.idea_guess")

# %%
for service in (page, *services.values()):
    service.stop()
if own:
    own.terminate()
    own.wait()

# %% [markdown]
# ## On your own
#
# - Put load on your own app: `predict` of `labs.load.target` makes the requests for any address. Where does it stand
#   beside `http-before`, and what does `session.intra_op_num_threads = 1` change?
# - `Settings(model=int8_path, fast_decode=True, backend="openvino")` serves with part 1's other runtime. Race the two.
# - `max_batch_size=8, max_batch_delay_s=0.005` waits for larger batches. What does that cost one client? On a GPU
#   (`device="cuda"`), what does it bring sixteen?
# - Read `/metrics` of a service twice, ten seconds apart, and compute its answers a second from the difference.
