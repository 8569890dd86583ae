# ---
# jupyter:
#   lesson:
#     id: fire
#     title: Hold under fire
#     summary: a service attacked for three minutes among good photos, its failures diagnosed from its log, repaired, and attacked once more
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: []
# ---

# %% [markdown]
# # Hold under fire
#
# **Prerequisites:** *Serve over HTTP*. **Runs on:** your laptop or a server.
#
# A service that works on the day of its launch meets other days: phones lose the network
# in the middle of an upload, somebody sends a file that decodes to gigabytes, a process
# is killed, a new version is rolled out. **How many good photos does a service lose on
# such a day, and how do you find out why?** Today a program attacks a service for three
# minutes. You read its log, find the cause of each loss, and repair it. The next cell
# imports the lesson's modules.

# %% folded=true
# Import the lesson's modules, and copy the two given files of *Serve over HTTP*.
import shutil
import subprocess
import sys

from labs.checkpoints import check, predict, predicted
from labs.deeper.fire.chart import chart
from labs.deeper.fire.plan import ATTACKS
from labs.deeper.fire.score import table
from labs.deeper.fire.service import FireService, attack
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, programs_dir

folder = programs_dir() / "fire"
folder.mkdir(exist_ok=True)
for name in ("serve/compared/classifier.py", "data/intake.py"):
    shutil.copy(PROJECT_DIR / "labs" / name, folder)

# %% [markdown]
# ## A service without protection
#
# This service gives right answers. Somebody was careful, and set a limit: uvicorn answers
# with 503 when more than 64 connections are open. `FD` is the number of a listening
# socket, which the process inherits.

# %%
# %%writefile {folder}/frail.py
import base64
import io
import os

import uvicorn
from classifier import classify_with, place, session
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel

app = FastAPI(title="GourmetGram's classifier")


def logits_of(inputs):
    return session.run(None, {"input": inputs})[0]


classify = classify_with(logits_of)


class Photo(BaseModel):
    image: str


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/predict")
def predict(photo: Photo):
    content = base64.b64decode(photo.image)
    with place():
        image = Image.open(io.BytesIO(content)).convert("RGB")
        [(label, probability)] = classify([image])
    return {"prediction": label, "probability": probability}


if __name__ == "__main__":
    uvicorn.run("frail:app", fd=int(os.environ["FD"]), limit_concurrency=64)

# %% [markdown]
# ## The attacks
#
# For three minutes, eight good photos arrive per second on average, in an open loop:
# phones do not wait for each other. Each gives up after five seconds. Meanwhile, there
# are five attacks, one after the other, each for about twenty seconds. A *seed* fixes
# their order, their times, and the arrivals, so a second run meets the same day.
#
# | attack | what happens |
# |---|---|
# | slow bodies | 120 connections send a body at one byte per second |
# | half-open | 120 connections send three bytes of a body, and no more |
# | bombs | 31 clients send PNGs of a few kilobytes and 48 megapixels; one sends a list of two million numbers in the photo's place |
# | kills | twice, the process that computes the photos gets `SIGKILL`, which none can catch |
# | drain | twice, that process gets `SIGTERM`, the polite request to end; ten half-open connections are there too |
#
# When an attack is over and the service does not answer its health check within five
# seconds, the program starts it again, as an engineer on call would.
#
# ## Predict
#
# What share of the good photos does `frail.py` answer in each attack, from its beginning
# to the beginning of the next one? Give per cent.

# %%
predict("fire.answered", slow=..., half_open=..., bombs=..., kills=..., drain=...)

# %% [markdown]
# The next cell takes a bit more than three minutes. Meanwhile, read `frail.py` with the
# eyes of an attacker.

# %%
guesses = predicted("fire.answered")
SEED = 7
model = fp32_model()
settings = {"MODEL": model, "WORKERS": min(4, usable_cpu_count()), "MAY_WAIT": 64}
# Seconds until a body must be complete, and seconds that a process gets to end.
settings |= {"BODY_S": 5, "GRACE_S": 5}


def under_fire(program):
    """Return a program's service after its attack, and the record of its good photos."""
    with FireService(folder / program, **settings) as service:
        option = f"fire-{service.program.stem}"

        def work(report):
            return attack(service, model, seed=SEED, option=option, on_progress=report)

        record = run_with_progress(work, f"{program} under fire")
    ledger().append(record)
    return service, record


frail, before = under_fire("frail.py")
shown = table({"frail.py": before})
for name, guess in zip(ATTACKS, guesses.values()):
    shown.loc[name, ("you predicted", "share")] = f"{guess:.1f}%"
shown.fillna("")

# %%
figure = chart({"frail.py": before})

# %% [markdown]
# The score has two numbers: the share of the good photos that were answered, and the
# slowest health check. The second one matters because a supervisor such as Kubernetes
# *restarts* a service whose health check does not answer.
#
# ## Diagnose
#
# The next cell shows the most frequent lines of the log in each attack.

# %%
for name in ATTACKS:
    display(frail.log_of(name).style.hide(axis="index"))

# %% [markdown]
# Choose from three causes:
#
# - *connections*: half-sent requests, which cost almost nothing, use up a limit that was
#   meant for work;
# - *cost*: the service does expensive work first, and looks at the size afterwards or
#   never;
# - *restart*: the process has ended, and nothing starts another one.
#
# Which cause has each attack? Read its lines first. Which requests got 503, and which got
# 200? What is the log's last line after a `SIGKILL`?

# %% question="fire.causes"
# "connections", "cost" or "restart"
### BEGIN SOLUTION
causes = {
    "slow": "connections",
    "half_open": "connections",
    "bombs": "cost",
    "kills": "restart",
    "drain": "restart",
}
### STUB
causes = {"slow": ..., "half_open": ..., "bombs": ..., "kills": ..., "drain": ...}
### END SOLUTION
check("fire.causes", causes)

# %% [markdown]
# ## Repair
#
# Write `serve.py`, the repaired service. It must do the following:
#
# | when | `serve.py` |
# |---|---|
# | a body is not complete within `BODY_S` seconds *in total* | answers 408 |
# | a body has more than `MOST_BODY_BYTES` | answers 413 while it arrives |
# | the body is not JSON with a text in `image` | answers 422, in a few words |
# | the photo has too many pixels | answers 413 before it is decoded |
# | `WORKERS + MAY_WAIT` photos are in a process | answers 503 |
# | a process is killed | loses the photos that this process had, and no other; starts a new one |
# | a process gets `SIGTERM` | finishes what it has begun, for `GRACE_S` seconds at most, and is replaced |
#
# The tools are all there:
#
# - `async for piece in request.stream()` gives a body's pieces while they arrive, and
#   `asyncio.timeout(BODY_S)` bounds the whole loop. Write this as an `async def
#   body_of(request: Request)`, and take the body by `Annotated[bytes,
#   Depends(body_of)]`. A timeout *for each piece* would be no protection: why?
# - `from_base64` and `open_photo` of `intake.py` look at the size first. `place()` belongs
#   after the body is there. If the route is a `def`, FastAPI runs it on a thread, and
#   `json.loads` does not delay health checks.
# - `python -m uvicorn serve:app --fd FD --workers 2` starts a **supervisor** and two
#   workers on one socket. It looks after them twice per second, and starts a new worker
#   when one has ended: this is its **restart policy**. If a worker gets `SIGTERM`, it
#   takes no more connections, and ends when its requests are answered; this is called
#   **draining**. `--timeout-graceful-shutdown` bounds it, in whole seconds.
# - `python serve.py` starts your service. `os.execv(sys.executable, [sys.executable, "-m",
#   …])` replaces this process by that command. (`uvicorn.run` with `workers` works too,
#   but each worker first imports the file a second time. Its supervisor kills a worker
#   that does not answer within five seconds, which a busy machine may need for this.)
# - The limit on *connections* goes. Idle connections are cheap: limit the work.

# %% question="fire.serve"
# %%writefile {folder}/serve.py
import asyncio
import json
import os
import sys
from typing import Annotated

from classifier import classify_with, place, session
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from intake import MOST_BODY_BYTES, PhotoError, from_base64, open_photo

FD = int(os.environ["FD"])
BODY_S = float(os.environ["BODY_S"])
GRACE_S = int(os.environ["GRACE_S"])
app = FastAPI(title="GourmetGram's classifier")


def logits_of(inputs):
    return session.run(None, {"input": inputs})[0]


classify = classify_with(logits_of)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.exception_handler(PhotoError)
async def refuse(request: Request, error: PhotoError):
    # After a 408, the rest of the body may never come: end the connection.
    headers = {"connection": "close"} if error.status == 408 else None
    return JSONResponse({"detail": str(error)}, error.status, headers)


### BEGIN SOLUTION
async def body_of(request: Request):
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BODY_BYTES:
                    raise PhotoError(413, "the body has too many bytes")
    except TimeoutError:
        raise PhotoError(408, f"the body took longer than {BODY_S:g} s") from None
    return bytes(body)


@app.post("/predict")
def predict(body: Annotated[bytes, Depends(body_of)]):
    try:
        text = json.loads(body)["image"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PhotoError(422, "send JSON with a photo in its field image") from None
    with place():
        [(label, probability)] = classify([open_photo(from_base64(text))])
    return {"prediction": label, "probability": probability}


if __name__ == "__main__":
    command = f"uvicorn serve:app --fd {FD} --workers 2"
    command += f" --timeout-graceful-shutdown {GRACE_S}"
    os.execv(sys.executable, [sys.executable, "-m", *command.split()])


### END SOLUTION

# %%
check("fire.serve", folder / "serve.py")

# %% [markdown]
# The check started your service and attacked it in a random order, with its own model. It
# killed workers, but never judged by a clock how fast your service is. Grading attacks it
# in the same way, in another order.
#
# ## The same day once more
#
# The same seed gives the same arrivals and the same attacks. This takes three minutes.

# %%
solid, after = under_fire("serve.py")
table({"frail.py": before, "serve.py": after})

# %%
figure = chart({"frail.py": before, "serve.py": after})

# %% [markdown]
# Is a photo still lost? Look for it in the window of the kills. A process that is killed
# takes with it the photos that it was computing. No supervisor can prevent that: only the
# phone can send them again.
#
# Compare the bombs' lines in the log: each bomb now costs one look at its first bytes.

# %%
for name in ("bombs", "kills", "drain"):
    display(solid.log_of(name).style.hide(axis="index"))

# %% [markdown]
# ## What you found
#
# - A limit protects only if it counts the scarce resource. Connections are cheap; the
#   work on photos is not.
# - Each wait for a client needs a time limit *in total*. Each size must be checked before
#   the work that it causes.
# - A process must be expected to end. A supervisor starts another one, and other workers
#   answer meanwhile.
# - A log shows a cause only if you know what was happening at that time: note the times of
#   an attack, a release, or a change beside it.
#
# **Who supervises the supervisor?** On a server, systemd starts the whole service again
# (`Restart=on-failure`, `TimeoutStopSec=`); for a container, Compose does (`restart:
# unless-stopped`, `stop_grace_period`); in a cluster, Kubernetes (`livenessProbe`,
# `terminationGracePeriodSeconds`). They wait longer after each failure in a row, so that a
# service that fails at its start does not keep the machine busy.
#
# **Try it yourself**
#
# - Attack the service with another seed: `python -m labs.deeper.fire ADDRESS --seed 8`.
#   With the option `--pid`, it also kills and drains.
# - Move the timeout into the loop, around each piece. Which attack takes effect again?
# - Take out `--timeout-graceful-shutdown` *and* the body's timeout. What becomes of two
#   drains in a row, beside ten half-open connections?

# %% folded=true
# Show the options of the command.
command = [sys.executable, "-m", "labs.deeper.fire", "--help"]
print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
