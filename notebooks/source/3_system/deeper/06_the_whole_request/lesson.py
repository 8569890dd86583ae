# ---
# jupyter:
#   lesson:
#     id: whole
#     title: The whole request
#     summary: from an untuned app to the fastest that your processors can do, a change per step, each with its gain
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: []
# ---

# %% [markdown]
# # The whole request
#
# An earlier lab served the classifier with an app of fifty lines. Since then the model has become much faster, but a
# request is more than its model, and GourmetGram pays for processors. **How many photos can the same processors answer
# if every stage of a request is made as fast as it can be?** You start from that app, and make one change per step.
# You need a laptop or a server. The next cell imports what the lesson uses.

# %% folded=true
import base64
import importlib
import io
import json
import os
import sys
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import onnxruntime as ort
import pandas as pd
from PIL import Image
from torchvision import transforms

from labs import assets, stats
from labs.bench.measuring import stage_times
from labs.checkpoints import check, predict, predicted
from labs.data.intake import open_photo, to_input
from labs.edge.files import part_1_files
from labs.load.race import cost_ratio, race
from labs.load.served import classes_of
from labs.load.servers import servers_table, serving, written
from labs.machine.fingerprint import usable_cpu_count
from labs.optimize.bytes_in import take_bytes
from labs.records.ledger import ledger
from labs.runtimes.calling import caller
from labs.runtimes.opening import open_model
from labs.serve.photos import evaluation_uploads, photo
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, models_dir, programs_dir

(folder := programs_dir() / "whole").mkdir(exist_ok=True)
(folder / "intake.py").write_bytes(
    (PROJECT_DIR / "labs" / "data" / "intake.py").read_bytes()
)
files = run_with_progress(
    lambda report: part_1_files(models_dir()), "The files of *Quantize*"
)
fp32, int8 = files["edge-fp32"], files["edge-int8-u8s8"]

# %% [markdown]
# ## The older lab's app
#
# This is that app, as such apps are written: the model is loaded at the import, threads are left to the library, and an
# error comes with the status 200.

# %%
# %%writefile {folder}/older.py
import base64
import io
import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel, Field
from torchvision import transforms

app = FastAPI(title="Food Classification API")
app.add_api_route(
    "/healthz", lambda: {"status": "ok"}
)  # the course waits for it; that app had none
session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
names = "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, Vegetable/Fruit"
classes = np.array(names.split(", "))
normalize = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
stages = [
    transforms.Resize((224, 224)),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    normalize,
]
preprocess_image = transforms.Compose(stages)


class ImageRequest(BaseModel):
    image: str


class PredictionResponse(BaseModel):
    prediction: str
    probability: float = Field(..., ge=0, le=1)


@app.post("/predict")
def predict_image(request: ImageRequest):
    try:
        image = Image.open(io.BytesIO(base64.b64decode(request.image))).convert("RGB")
        rows = preprocess_image(image).unsqueeze(0).numpy()
        logits = session.run(None, {session.get_inputs()[0].name: rows})[0][0]
        odds = np.exp(logits - logits.max())
        best = int(odds.argmax())
        return PredictionResponse(
            prediction=classes[best], probability=odds[best] / odds.sum()
        )
    except Exception as e:
        return {"error": str(e)}


# %% [markdown]
# ## Predict
#
# What counts is the **processor time** of an answer: what all of the server's threads spend together. If it falls to a
# third, so does the number of machines. These are six steps. How many times as many answers does each give per second
# of processor time, compared with the step before it?
#
# 1. **One thread** per call of the model, in place of as many as there are processors. Sixteen requests are in flight
#    already, and threads that wait for each other spin.
# 2. **INT8**: your file of *Quantize*, in the same app.
# 3. **Resize bytes** in PyTorch, which uses the processor's vector instructions for that, in place of Pillow.
# 4. **Workers**: no framework, and only as many photos at once as there are processors.
# 5. **Bytes in**: the model takes a picture's bytes, and normalizing is a look into a table.
# 6. **Together**: up to four photos that wait are computed by one call of the model, in OpenVINO.

# %%
predict(
    "whole.steps",
    one_thread=...,
    int8=...,
    resize=...,
    workers=...,
    bytes_in=...,
    together=...,
)

# %% [markdown]
# ## Three small changes
#
# Steps 1 and 3 change a few lines of the app; step 2 names another file. In step 3 the picture becomes a tensor of
# bytes *first*, and torchvision's newer transforms (`v2`) resize that.


# %%
def change(source, changed, *edits):
    """Write another version of an app, and print its lines that are new."""
    before = after = (folder / source).read_text()
    for old, new in edits:
        after = after.replace(old, new)
    (folder / changed).write_text(after)
    print(
        changed,
        *(line for line in after.splitlines() if line not in before.splitlines()),
        "",
        sep="\n",
    )


SESSION = 'session = ort.InferenceSession(os.environ["MODEL"], '
OPTIONS = "import torch\n\ntorch.set_num_threads(1)\noptions = ort.SessionOptions()\noptions.intra_op_num_threads = 1\n"
change("older.py", "one_thread.py", (SESSION, OPTIONS + SESSION + "options, "))
V2 = (
    "from torchvision import transforms",
    "from torchvision.transforms import v2 as transforms",
)
BYTES = ("[transforms.Resize", "[transforms.PILToTensor(), transforms.Resize")
FLOATS = ("transforms.ToTensor()", "transforms.ToDtype(torch.float32, True)")
change("one_thread.py", "resize_bytes.py", V2, BYTES, FLOATS)

# %% [markdown]
# ## Workers
#
# The last three steps are written anew. `worker.py` has everything that is done with photos, from the bodies of
# requests to a status and a JSON text for each. It refuses what *Serve over HTTP* refuses. A JPEG is decoded straight
# into a tensor. To normalize, it looks up what each of a colour's 256 levels becomes. The cell after it works that out
# once: in float32, as the model wants it.

# %%
# %%writefile {folder}/worker.py
import json
import os

import numpy as np
import onnxruntime as ort
import torch
from intake import PhotoError, from_base64, open_photo, photo_header
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.functional import pil_to_tensor

WORKERS, MAY_WAIT = (
    int(os.environ.get("WORKERS", 1)),
    int(os.environ.get("MAY_WAIT", 1000)),
)
CLASSES = "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, Vegetable/Fruit"
LEVELS = np.load(
    os.environ["LEVELS"]
)  # (3, 256): what each level of red, green and blue becomes
torch.set_num_threads(1)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(
    os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
)


def pixels_of(content):
    """Return a photo's file as bytes (1, 3, height, width)."""
    with photo_header(content) as image:
        if (
            image.format == "JPEG" and min(image.size) < 896
        ):  # a larger one is decoded at half of its size
            return decode_jpeg(
                torch.frombuffer(bytearray(content), dtype=torch.uint8), ImageReadMode.RGB
            )[None]
    return pil_to_tensor(open_photo(content))[None]


def square(pixels):
    """Return the middle of a photo as the model sees it, in bytes (3, 224, 224)."""
    height, width = pixels.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    pixels = pixels[:, :, top : top + side, left : left + side]
    return torch.nn.functional.interpolate(
        pixels, (224, 224), mode="bilinear", antialias=True
    )[0].numpy()


def normalized(pixels):
    """Return what the model takes of bytes: (1, 3, 224, 224)."""
    return np.stack([np.take(row, channel) for row, channel in zip(LEVELS, pixels)])[None]


def logits_of(rows):
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def rows_of(body):
    """Return what the model takes of a request's body, or the error that says why it takes nothing."""
    try:
        return normalized(square(pixels_of(from_base64(json.loads(body)["image"]))))
    except PhotoError as error:
        return error
    except (ValueError, KeyError, TypeError):
        return PhotoError(422, "send JSON with a photo in its field image")


def reply(logits):
    odds = np.exp(logits - logits.max())
    best = int(odds.argmax())
    label, probability = CLASSES.split(", ")[best], float(odds[best] / odds.sum())
    return 200, json.dumps({"prediction": label, "probability": probability}).encode()


def refusal(error):
    return error.status, json.dumps({"detail": str(error)}).encode()


def answers(bodies):
    """Return status and JSON, as bytes, for each request's body; the model is called once for all of them."""
    photos = [rows_of(body) for body in bodies]
    rows = [photo for photo in photos if not isinstance(photo, PhotoError)]
    logits = iter(logits_of(np.concatenate(rows)) if rows else ())
    return [
        refusal(photo) if isinstance(photo, PhotoError) else reply(next(logits))
        for photo in photos
    ]


def answer(body):
    return answers([body])[0]


# %%
mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
levels = (np.arange(256) / 255 - mean[:, None]) / deviation[:, None]
np.save(folder / "floats.npy", levels.astype(np.float32))

# %% [markdown]
# `app.py` stands before it, as **ASGI** has it: that is the protocol between a server such as uvicorn and any Python
# app, FastAPI among them. An app is one function. It is called with what is asked for (`scope`), with `receive`, which
# brings the body in pieces, and with `send`. The event loop that calls it must never wait for a photo, or `/healthz`
# is late. So photos are computed by threads. Pillow, PyTorch and the runtimes release Python's lock while they work.
#
# Write `threads` and `respond(path, body)`, which returns a status and a content:
#
# - `/healthz` is answered at once, whatever the workers do, with 200 and `HEALTHY`;
# - every other path with what `answer(body)` returns, computed by one of **`WORKERS`** threads: a
#   `ThreadPoolExecutor`, and `await asyncio.get_running_loop().run_in_executor(threads, answer, body)`;
# - if `WORKERS + MAY_WAIT` photos are inside already, with 503 and `FULL`. When one is answered, the next may come.

# %% question="whole.app"
# %%writefile {folder}/app.py
import asyncio
from concurrent.futures import ThreadPoolExecutor

from intake import Bounded
from worker import MAY_WAIT, WORKERS, answer

HEALTHY, FULL = b'{"status": "ok"}', b'{"detail": "too many photos are waiting"}'

### BEGIN SOLUTION
threads = ThreadPoolExecutor(WORKERS)
inside = 0


async def respond(path, body):
    global inside
    if path == "/healthz":
        return 200, HEALTHY
    if inside == WORKERS + MAY_WAIT:
        return 503, FULL
    inside += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, answer, body)
    finally:
        inside -= 1


### END SOLUTION


async def route(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, content = await respond(scope["path"], body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


app = Bounded(route)  # counts a body's bytes while they arrive, as `guard` does

# %%
check("whole.app", folder / "app.py")

# %% [markdown]
# ## Bytes in
#
# The first operator of your INT8 file is a `QuantizeLinear`: it turns normalized float32 into bytes, which is four
# times as many bytes as the picture had, for nothing. Both steps can be one table. Which byte does a level become?
#
# It is normalized: divided by 255, less the mean, divided by the deviation. Then it is quantized: divided by the scale,
# **rounded** (`np.round`), plus the zero point, and what lies beyond 0 or 255 is cut off.


# %% question="whole.levels"
def byte_of(level, mean, deviation, scale, zero_point):
    """Return the byte, as uint8, that the model takes for each of an array of levels (0 to 255)."""
    ### BEGIN SOLUTION
    normalized = (level / 255 - mean) / deviation
    return np.clip(np.round(normalized / scale) + zero_point, 0, 255).astype(np.uint8)
    ### END SOLUTION


check("whole.levels", byte_of)

# %%
known = take_bytes(int8, folder / "bytes.onnx")  # your file without its first operator
table = [
    byte_of(np.arange(256), *channel, known.scale, known.zero_point)
    for channel in zip(mean, deviation)
]
np.save(folder / "bytes.npy", table)

# %% [markdown]
# ## Where a photo's milliseconds go
#
# The next cell takes the first step and this one apart, and draws the processor time of each stage.

# %% folded=true
sys.path.insert(0, str(folder))
os.environ |= {"MODEL": str(folder / "bytes.onnx"), "LEVELS": str(folder / "bytes.npy")}
worker = importlib.import_module("worker")
session = ort.InferenceSession(fp32, providers=["CPUExecutionProvider"])
normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
STAGES = {  # of the older app, and with bytes in
    "JSON and base64": [lambda body: base64.b64decode(json.loads(body)["image"])] * 2,
    "decode": [
        lambda content: Image.open(io.BytesIO(content)).convert("RGB"),
        worker.pixels_of,
    ],
    "resize": [transforms.Resize((224, 224)), worker.square],
    "normalize": [
        lambda image: normalize(transforms.ToTensor()(image))[None].numpy(),
        worker.normalized,
    ],
    "the model": [lambda rows: session.run(None, {"input": rows}), worker.logits_of],
}
body, apps = (
    json.dumps({"image": base64.b64encode(photo(0)).decode()}),
    ("the older app", "bytes in"),
)
columns = [{name: pair[at] for name, pair in STAGES.items()} for at in (0, 1)]
stages = 1e3 * pd.DataFrame(
    {app: stage_times(column, body) for app, column in zip(apps, columns)}
)
axis = stages.T[::-1].plot.barh(
    stacked=True, figsize=(9, 2.4), colormap="cividis", xlabel="processor time, ms"
)
axis.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
stages.round(2)

# %% [markdown]
# The model is most of what is left. It reads the same weights for every photo, so one call for four photos costs less
# than four calls.
#
# ## Together
#
# Sixteen clients ask and two workers compute, so some photos always wait. In the last step a worker takes up to four
# of them at once. Nobody waits for a batch to fill: a photo that comes alone is computed alone. The model runs in
# **OpenVINO**, if it is there: it gains more by batches than ONNX Runtime. Each worker has a *stream* of it. This file
# takes the place of your `respond` and of the worker's call of the model. All else stays.

# %%
# %%writefile {folder}/together.py
import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import app as alone
import worker
from worker import MAY_WAIT, WORKERS

MOST = 4
waiting, collectors = asyncio.Queue(MAY_WAIT), []
threads, own = ThreadPoolExecutor(WORKERS), threading.local()
if os.environ["RUNTIME"] == "openvino":
    import openvino

    core = openvino.Core()
    model = core.read_model(os.environ["MODEL"])
    model.reshape([-1, 3, 224, 224])  # any number of photos
    streams = {
        "NUM_STREAMS": WORKERS,
        "INFERENCE_NUM_THREADS": WORKERS,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(model, "CPU", streams)

    def logits_of(rows):
        if not hasattr(own, "request"):  # each thread has its own
            own.request = compiled.create_infer_request()
        return own.request.infer([rows], share_inputs=True)[0].copy()

    worker.logits_of = logits_of


async def collect():
    """Answer what waits, for ever: up to `MOST` photos with one call of the model."""
    loop = asyncio.get_running_loop()
    while True:
        batch = [await waiting.get()]
        while len(batch) < MOST and not waiting.empty():
            batch.append(waiting.get_nowait())
        bodies, futures = zip(*batch)
        try:
            replies = await loop.run_in_executor(threads, worker.answers, bodies)
        except Exception:  # these photos fail, and the next ones are computed
            logging.exception("%d photos failed", len(batch))
            replies = [(500, b'{"detail": "the model failed"}')] * len(batch)
        for future, reply in zip(futures, replies):
            future.set_result(reply)


async def respond(path, body):
    if path == "/healthz":
        return 200, alone.HEALTHY
    if waiting.full():
        return 503, alone.FULL
    loop = asyncio.get_running_loop()
    if not collectors:
        collectors.extend(loop.create_task(collect()) for _ in range(WORKERS))
    waiting.put_nowait((body, future := loop.create_future()))
    return await future


alone.respond = respond
app = alone.app

# %% [markdown]
# ## All steps in turns
#
# Now all seven services run at once, with a worker for each processor of this machine, and sixteen clients ask one
# after the other, for six rounds. Then each service answers all 660 evaluation photos, as squares of 512 pixels. It
# takes about three minutes.

# %% folded=true
batched = (
    "openvino" if find_spec("openvino") else "onnxruntime"
)  # a leased node has no OpenVINO
workers = {"WORKERS": usable_cpu_count()}
STEPS = {
    "whole-older": written("whole", "older", fp32, threads=0),
    "whole-one-thread": written("whole", "one_thread", fp32),
    "whole-int8": written("whole", "one_thread", int8),
    "whole-resize": written("whole", "resize_bytes", int8),
    "whole-workers": written("whole", "app", int8, LEVELS="floats.npy", **workers),
    "whole-bytes-in": written(
        "whole", "app", folder / "bytes.onnx", LEVELS="bytes.npy", **workers
    ),
    "whole-together": written(
        "whole", "together", folder / "bytes.onnx", batched, LEVELS="bytes.npy", **workers
    ),
}
guesses, (uploads, labels) = predicted("whole.steps"), zip(*evaluation_uploads())
with serving(servers=STEPS) as targets:
    turns = run_with_progress(
        lambda report: race(
            targets, concurrency=16, rounds=6, duration_s=1.5, on_progress=report
        ),
        "Seven services",
    )
    classes = pd.DataFrame(
        {name: classes_of(target, uploads) for name, target in targets.items()}
    )
_ = [ledger().append(record) for record in turns]

# %% [markdown]
# *Processor ms* is what a server and its children spend per answer, by the system's own account. Columns with × compare
# with the older app, with the interval over the rounds; *per processor second* compares with the step before. A step's
# accuracy is *kept* if the interval of the difference, over the 182 drawings, stays above −3 points.

# %% folded=true
names, right, drawings = (
    list(STEPS),
    classes.eq(list(labels), axis=0),
    assets.drawings("evaluation"),
)
pairs = {
    name: stats.paired_proportions(right[name], right[names[0]], drawings)
    for name in names
}
table = servers_table(turns, names[0]).set_index("server")
steps = [
    f"{cost_ratio(turns, last, name).interval.value:.2f} ×"
    for last, name in pairwise(names)
]
table["per processor second"], table["you predicted"] = (
    ["", *steps],
    ["", *guesses.values()],
)
table["right"], table["accuracy"] = (
    right.sum(),
    ["", *(pairs[name].kept(0.03) for name in names[1:])],
)
table.drop(columns="failed")

# %% [markdown]
# ## Are the answers the same?
#
# A service that is faster because it answers something else is not faster. Compare the last two steps with your INT8
# file behind the course's plain preprocessing, one photo at a time, each in the runtime that it uses.

# %% folded=true
tensors = [to_input(open_photo(content))[None] for content in uploads]
for step, runtime in {"whole-bytes-in": "onnxruntime", "whole-together": batched}.items():
    call = caller(open_model(int8, runtime))
    agree = np.array([call(tensor).argmax() for tensor in tensors]) == classes[step]
    print(
        f"{step}: {agree.sum()} of {len(agree)} answers are the same, {agree.mean():.1%}"
    )
print(
    f"{(classes['whole-bytes-in'] == classes['whole-together']).sum()} are the same in both runtimes"
)

# %% [markdown]
# PyTorch decodes and resizes these photos to the very bytes that Pillow gives, and the table has those that the model's
# first operator gave. Only the runtimes differ a little, in how they round.
#
# **This holds for square photos only.** The older app squeezes a photo into a square; `square` cuts the middle out.
# GourmetGram's page uploads photos as they are. Of 83 evaluation photos stretched to 617 × 447 pixels, none gave the
# same tensor in both, and with the same float32 file 8 got another class.
#
# ## What did not help
#
# On the machine used for this page, two shared cores of an AMD EPYC with VNNI, and with Pillow's decoder:
#
# - **OpenVINO for one photo at a time** took 8.5 ms of processor time per answer, as ONNX Runtime did. With two photos
#   per call it took 7.6 ms, with four 7.1, with eight 7.7.
# - **Two processes** in place of two threads changed nothing. The kernel shares clients unevenly between them, so that
#   the median wait was anywhere from 0.2 to 0.7 times the older app's.
# - **`draft`** decodes a JPEG at half of its size, in a third less time. But 14 of 660 answers change under INT8, and
#   no more are right. `open_photo` does it from 896 pixels on, where twice what the model sees is left.
#
# ## What you found
#
# Most of the older app's processor time was not needed: threads that wait for each other, float32, more photos at once
# than processors, one photo per call. Other changes are seen in the stages, and hardly in the whole: there, look which
# ones. For square photos, the answers changed by no more than INT8 and the two runtimes round. Now the model is what is
# left.
#
# - `WORKERS=1` and `WEB_CONCURRENCY=2`, which uvicorn reads, start two processes. How are sixteen clients shared?
