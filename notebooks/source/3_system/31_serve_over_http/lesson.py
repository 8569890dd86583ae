# ---
# jupyter:
#   lesson:
#     id: http
#     title: Serve over HTTP
#     summary: FastAPI routes with their schema and refusals, sixteen clients at once, and how many may wait
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: []
#     ports: [8090, 8091]
# ---

# %% [markdown]
# # Serve over HTTP
#
# A model in a notebook feeds nobody. GourmetGram's phones send photos over HTTP, and at lunch they all send at once.
# **How many of them can one small service answer in time, and what does it tell the others?** Today you write that
# service. You need a laptop or a server, and no Docker.

# %%
import base64
import contextlib
import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.load import closed_loop, open_loop
from labs.load.served import app_target
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, serve_app
from labs.workspace import PROJECT_DIR, programs_dir

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
# Two files are given. In `classifier.py`, `classify(images)` returns class and probability of each PIL image in a list,
# in one call of the model, and `place` keeps order before it. A **worker** is a place at the model, one per processor.
# Whoever comes when too many wait is refused at once, with the status 503 (*service unavailable*). `intake.py` has
# `from_base64(text)`, which returns a file's bytes, and `open_photo(content)`. What they refuse is a `PhotoError` with
# a sentence and a `status`.

# %%
folder = programs_dir() / "http"
folder.mkdir(exist_ok=True)
_ = [shutil.copy(PROJECT_DIR / "labs" / one, folder) for one in ("serve/compared/classifier.py", "data/intake.py")]

# %% shows="labs.serve.compared.classifier:place"
...

# %% [markdown]
# A service is a promise to people who never see its code, so the promise is written down first:
#
# | a request | is answered by |
# |---|---|
# | `POST /predict`, `{"image": "<base64 of a file>"}` | 200, `{"prediction": "Soup", "probability": 0.93}` |
# | the field is missing, or is no text | 422, which a pydantic model does by itself |
# | the text is no base64, or its bytes are no photo, or half of one | 422, a `PhotoError` |
# | the photo has more than 10,000,000 **bytes** | 413, as does a body without end: `guard(app)` counts what arrives |
# | it has more than 25,000,000 **pixels** | 413, before it is decoded: a file's first bytes say how many it has |
# | too many wait | 503, which `place()` does by itself |
# | `POST /predict/many`, `{"images": [text, …]}` | 200, a list: for each its answer, or `{"error": "…"}` |
# | it has more than 8 images | 422: `Field(max_length=8)` of pydantic bounds what one request may hold |
#
# Write `BaseModel`s for the requests and the answer (`response_model=`), and two routes. Several photos take **one**
# call of `classify`, and a bad one among them costs the others nothing; *Batch and multiply* shows what one call for
# many is worth. For what is wrong with a whole request, raise `HTTPException(status, "what is wrong")`: phones, load
# balancers and monitoring read the *status*, and an error with status 200 looks like success to all of them. Open and
# classify inside `with place():`. Write `def` and not `async def`: FastAPI then runs the route on a thread, and its
# event loop stays free for other requests.

# %% question="http.app"
# %%writefile {folder}/app.py
from classifier import classify, place
from fastapi import HTTPException
from fastapi_offline import FastAPIOffline as FastAPI  # FastAPI, whose page /docs needs no other host
from intake import PhotoError, from_base64, guard, open_photo
from pydantic import BaseModel, Field

app = FastAPI(title="GourmetGram's classifier")
guard(app)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


### BEGIN SOLUTION
class Photo(BaseModel):
    image: str


class Photos(BaseModel):
    images: list[str] = Field(max_length=8)


class Answer(BaseModel):
    prediction: str
    probability: float


@app.post("/predict", response_model=Answer)
def predict(photo: Photo):
    try:
        content = from_base64(photo.image)
        with place():
            ((prediction, probability),) = classify([open_photo(content)])
    except PhotoError as error:
        raise HTTPException(error.status, str(error)) from error
    return Answer(prediction=prediction, probability=probability)


@app.post("/predict/many")
def predict_many(photos: Photos):
    answers, images = [], []
    with place():
        for text in photos.images:
            try:
                images.append(open_photo(from_base64(text)))
                answers.append(None)
            except PhotoError as error:
                answers.append({"error": str(error)})
        results = iter(classify(images))
    return [answer or dict(zip(("prediction", "probability"), next(results))) for answer in answers]


### END SOLUTION

# %%
check("http.app", folder / "app.py")

# %% [markdown]
# The check has asked your app in a process of its own, on a model that it plays itself. So it knows how often the model
# was called, and it kept one call waiting to see whether `/healthz` still answers: a service that looks dead while it
# works is started again, in the middle of its work.
#
# `uvicorn app:app` in a terminal serves it; started from here, it ends with the notebook. The page `/docs` is made from
# your two models, and *Try it out* sends a request. The other page is GourmetGram's own. It stands before your service
# and relies on the same promise: choose one of its samples.

# %%
WORKERS, model, ports = usable_cpu_count(), fp32_model(), lesson("http").ports
service = serve_app(folder, port=ports, MODEL=model, WORKERS=WORKERS, MAY_WAIT=1000)
page = serve_app(app=PAGE, port=ports, PAGE_SERVER=service.url)
print(link(f"{service.url}/docs"), link(page.url))

# %% [markdown]
# ## A client, and sixteen of them
#
# A client is one call of `httpx`; `raise_for_status` turns a refusal into an exception. Refused are a text, a PNG of 12
# kB that decodes to 288 MB, and 400 MB in pieces. Clients that measure must be quick themselves: ours send bytes that
# were encoded before, from a process of their own, in a **closed loop**: each waits for its answer, then sends again.


# %%
def ask(content):
    body = {"image": base64.b64encode(content).decode()}
    return httpx.post(f"{service.url}/predict", json=body, timeout=5).raise_for_status().json()


photos = [photo(number) for number in range(8)]
with ThreadPoolExecutor(16) as clients:
    answers = list(clients.map(ask, photos * 2))
Image.new("1", (12_000, 8_000)).save(bomb := io.BytesIO(), "PNG")
bodies = [{"json": {"image": base64.b64encode(one).decode()}} for one in (photos[0], b"hello", bomb.getvalue())]
for body in [*bodies, {"content": (b"A" * 1_000_000 for _ in range(400))}]:
    print(httpx.post(f"{service.url}/predict", **body).text, f"{service.memory_bytes() / 1e6:.0f} MB are held")

# %%
guesses = predicted("http.sixteen")
target = app_target(service, model, photos, workers=WORKERS)
runs = [ledger().append(closed_loop(target, concurrency=n, requests=160, option=f"http-{n}")) for n in (1, 16)]
figures = [[run.throughput_rps.value, run.percentile(50) * 1e3] for run in runs]
table = pd.DataFrame(figures, ["1 client", "16 clients"], ["answers a second", "median latency, ms"]).T
table["times as much"] = table["16 clients"] / table["1 client"]
table["you predicted"] = [guesses["answers"], guesses["latency"]]
table.round(2)

# %% [markdown]
# More clients get more answers only until all workers are busy. From then on, each further client makes all of them
# wait longer. Multiply the two numbers of the third column: the product is near sixteen, because sixteen times as many
# clients either get more answers or wait longer. *Serve with Triton* has the law behind that.
#
# ## How many may wait?
#
# A photo that is answered after its phone has given up was computed for nothing, so a queue needs a bound. Say that all
# workers have just begun a photo. They finish together, after one **round**; then each takes one that waits, and so on.
# A round that ends after the deadline helps nobody.


# %% question="http.may_wait"
def may_wait(deadline_s, seconds_each, workers):
    """Return how many requests may wait so that the last of them is answered within the deadline.

    In the first round, which takes seconds_each, all workers are busy with others. In each round after it, every worker
    takes one of those that wait. Only whole rounds count; where there is no time for a second one, it is 0.
    """
    ### BEGIN SOLUTION
    rounds = int(deadline_s / seconds_each)
    return max(0, rounds - 1) * workers
    ### END SOLUTION


check("http.may_wait", may_wait)

# %%
deadline_s, seconds_each, workers = 0.35, 0.08, 2
allowed = may_wait(deadline_s, seconds_each, workers)
figure, axis = plt.subplots(figsize=(9, 1.8), layout="constrained")
axis.set(yticks=[0, 1], yticklabels=["worker 1", "worker 2"], xlabel="seconds", title=f"{allowed} may wait")
axis.axvline(deadline_s, color="black", ls="--", zorder=3)
for number in range(-workers, allowed + workers):
    column, row = divmod(number + workers, workers)
    colour = "silver" if number < 0 else "tab:blue" if number < allowed else "tab:red"
    axis.barh(row, 0.95 * seconds_each, left=column * seconds_each, color=colour)
    axis.text((column + 0.4) * seconds_each, row, number + 1 if number >= 0 else "busy", ha="center", va="center")

# %% [markdown]
# Blue photos are answered before the deadline, the dashed line; red ones are better refused. With sixteen clients all
# workers are busy, and each needs `WORKERS / answers a second` for a photo. Phones give up after half a second; plan
# for four fifths of that: a mean leaves no room for slow rounds. At lunch, requests come in an **open loop**, half as
# many again as your service can answer. First all may wait, and then no more than your function says.

# %%
DEADLINE_S, rate = 0.5, runs[1].throughput_rps.value
limit, rows = may_wait(0.8 * DEADLINE_S, WORKERS / rate, WORKERS), {}
for name, most in {"all may wait": 1000, f"{limit} may wait": limit}.items():
    service = serve_app(folder, port=ports, MODEL=model, WORKERS=WORKERS, MAY_WAIT=most)
    target = app_target(service, model, photos, workers=WORKERS, may_wait=most)
    run = ledger().append(open_loop(target, rate_rps=1.5 * rate, duration_s=5, option=f"http-lunch-{most}"))
    late, refused = pd.Series(run.samples) > DEADLINE_S, len(run.load.failures)
    shares = {"in time": (~late).sum(), "late": late.sum(), "refused": refused}
    rows[name] = {what: f"{count / (len(late) + refused):.0%}" for what, count in shares.items()}
    rows[name]["p95 of the answers"] = f"{run.percentile(95) * 1e3:.0f} ms"
pd.DataFrame(rows).T

# %% [markdown]
# Where all may wait, the queue grows as long as lunch lasts, and each photo waits for all before it. With a bound, an
# answer takes a fraction of that, and the others hear at once. What is still late met rounds slower than the mean.
#
# ## The container
#
# To run elsewhere, the service travels as a container image. Write its `Dockerfile`: an image of Python with a version
# in its tag; `requirements.txt` and `RUN pip install --no-cache-dir -r requirements.txt` first, the three `.py` files
# after them, so that a change in those does not install everything anew; a `USER` who is not root; and a `CMD` in its
# list form: uvicorn with `--host 0.0.0.0`, because a container's own loopback is nobody else's. The model stays
# outside: whoever runs the image mounts it, and names it by `MODEL`.

# %% question="http.dockerfile"
dockerfile = """
### BEGIN SOLUTION
FROM python:3.12-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py classifier.py intake.py ./
USER 1000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
(folder / "Dockerfile").write_text(dockerfile)
check("http.dockerfile", folder / "Dockerfile")

# %%
(folder / "requirements.txt").write_text("fastapi\nfastapi-offline\nnumpy\nonnxruntime\npillow\nuvicorn\n")
line = "docker build --tag food ."
print(line, subprocess.run(line.split(), cwd=folder) if shutil.which("docker") else "(not run here: no Docker)")
_ = page.stop(), service.stop()

# %% [markdown]
# ## What you found
#
# As many as have time: `may_wait` counts them, and all others hear 503 at once. Your table shows what that is worth.
#
# - Let `ask` obey `Retry-After`: wait that long and ask again, three times at most. How many photos are lost then?
# - Write `compose.yaml`: the port on 127.0.0.1 alone, the model mounted read-only, and a health check of `/healthz`.
