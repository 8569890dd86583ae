# ---
# jupyter:
#   lesson:
#     id: whole
#     title: The whole request
#     summary: from an untuned app to the fastest that your processors allow, one change per step, each with its gain
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: []
# ---

# %% [markdown]
# # The whole request
#
# **Prerequisites:** *Quantize* and *Serve over HTTP*. **Runs on:** your laptop or a
# server.
#
# [Fund's lab](https://teaching-on-testbeds.github.io/serve-system-chi/) served the
# classifier with an app of fifty lines. Since then the model has become much faster, but
# a request is more than its model, and GourmetGram pays for processors. **How many photos
# can the same processors answer if you make every stage of a request as fast as
# possible?** You start from an app like that one, and make one change per step. The next
# cell imports the lesson's modules.

# %% folded=true
import base64
import importlib
import io
import json
import os
import shutil
import sys
from importlib.util import find_spec
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
from PIL import Image
from torchvision import transforms

from labs import assets, stats
from labs.bench.measuring import stage_times
from labs.checkpoints import check, predict, predicted
from labs.data.intake import open_photo, to_input
from labs.deeper.whole.bytes_in import take_bytes
from labs.deeper.whole.servers import servers_table, serving, written
from labs.edge.files import part_1_files
from labs.load.race import cost_ratio, race
from labs.load.served import classes_of
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.runtimes.calling import caller
from labs.runtimes.opening import open_model
from labs.serve.photos import evaluation_uploads, photo
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, models_dir, programs_dir

folder = programs_dir() / "whole"
folder.mkdir(exist_ok=True)
shutil.copy(PROJECT_DIR / "labs" / "data" / "intake.py", folder)
files = run_with_progress(
    lambda report: part_1_files(models_dir()), "The files of *Quantize*"
)
fp32 = files["edge-fp32"]
int8 = files["edge-int8-u8s8"]

# %% [markdown]
# ## The starting app
#
# This app is written as such apps often are: it loads the model at the import, leaves
# threads to the library, and sends errors with status 200.

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
# The course waits for this route; that app had none.
app.add_api_route("/healthz", lambda: {"status": "ok"})
session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
names = (
    "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, "
    "Seafood, Soup, Vegetable/Fruit"
)
classes = np.array(names.split(", "))
stages = [
    transforms.Resize((224, 224)),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
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
        name = session.get_inputs()[0].name
        logits = session.run(None, {name: rows})[0][0]
        odds = np.exp(logits - logits.max())
        best = int(odds.argmax())
        probability = odds[best] / odds.sum()
        return PredictionResponse(prediction=classes[best], probability=probability)
    except Exception as e:
        return {"error": str(e)}


# %% [markdown]
# ## Predict
#
# The measure is the **processor time** of an answer: the time that all of the server's
# threads spend on it together. If it falls to a third, you need a third of the machines.
# There are six steps. By what factor does each raise the answers per second of processor
# time, compared with the previous step?
#
# 1. *One thread* per call of the model, instead of one per processor. Sixteen requests
#    are in flight already, and threads that wait for each other waste processor time.
# 2. *INT8*: your file of *Quantize*, in the same app.
# 3. *Resize bytes* in PyTorch, which uses the processor's vector instructions for this,
#    instead of Pillow.
# 4. *Workers*: no framework, and only as many photos at once as there are processors.
# 5. *Bytes in*: the model gets an image's bytes, and a table replaces the
#    normalization.
# 6. *Together*: one call of the model computes up to four waiting photos, in OpenVINO.

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
# Steps 1 and 3 change a few lines of the app; step 2 names another file. In step 3, the
# image becomes a tensor of bytes *first*, and torchvision's newer transforms (`v2`)
# resize this tensor.


# %%
def change(source, changed, *edits):
    """Write another version of an app, and print its new lines."""
    before = after = (folder / source).read_text()
    for old, new in edits:
        after = after.replace(old, new)
    (folder / changed).write_text(after)
    print(changed)
    old_lines = before.splitlines()
    for line in after.splitlines():
        if line not in old_lines:
            print(line)
    print()


SESSION = 'session = ort.InferenceSession(os.environ["MODEL"], '
OPTIONS = """import torch

torch.set_num_threads(1)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
"""
change("older.py", "one_thread.py", (SESSION, OPTIONS + SESSION + "options, "))
V2 = ("torchvision import transforms", "torchvision.transforms import v2 as transforms")
BYTES = ("stages = [\n", "stages = [\n    transforms.PILToTensor(),\n")
FLOATS = ("transforms.ToTensor()", "transforms.ToDtype(torch.float32, True)")
change("one_thread.py", "resize_bytes.py", V2, BYTES, FLOATS)

# %% [markdown]
# ## Workers
#
# The last three steps need new code. `worker.py` does all the work on photos, from the
# bodies of requests to a status and a JSON text for each. It refuses the same requests as
# *Serve over HTTP*. It decodes a JPEG directly into a tensor. To normalize, it looks up
# the result for each of a colour's 256 levels. The next cell computes this table once, in
# float32, as the model needs it.

# %%
# %%writefile {folder}/worker.py
import json
import os

import numpy as np
import onnxruntime as ort
import torch
from intake import PhotoError, from_base64, is_turned, open_photo, photo_header
from torch.nn.functional import interpolate
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.functional import pil_to_tensor

WORKERS = int(os.environ.get("WORKERS", 1))
MAY_WAIT = int(os.environ.get("MAY_WAIT", 1000))
NAMES = (
    "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, "
    "Seafood, Soup, Vegetable/Fruit"
)
CLASSES = NAMES.split(", ")
# (3, 256): what each level of red, green and blue becomes
LEVELS = np.load(os.environ["LEVELS"])
torch.set_num_threads(1)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(
    os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
)


def pixels_of(content):
    """Return a photo's file as bytes (1, 3, height, width)."""
    with photo_header(content) as image:
        # `open_photo` decodes a larger one at half of its size, and turns it upright.
        is_small = min(image.size) < 896
        if image.format == "JPEG" and is_small and not is_turned(image):
            file = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            return decode_jpeg(file, ImageReadMode.RGB)[None]
    return pil_to_tensor(open_photo(content))[None]


def square(pixels):
    """Return the middle of a photo as bytes of the shape (3, 224, 224)."""
    height, width = pixels.shape[2:]
    side = min(height, width)
    top = round((height - side) / 2)
    left = round((width - side) / 2)
    middle = pixels[:, :, top : top + side, left : left + side]
    resized = interpolate(middle, (224, 224), mode="bilinear", antialias=True)
    return resized[0].numpy()


def normalized(pixels):
    """Return the model's input for bytes of one photo, of the shape (1, 3, 224, 224)."""
    channels = [np.take(levels, channel) for levels, channel in zip(LEVELS, pixels)]
    return np.stack(channels)[None]


def logits_of(rows):
    name = session.get_inputs()[0].name
    return session.run(None, {name: rows})[0]


def rows_of(body):
    """Return the model's input for a request's body, or a PhotoError with the reason."""
    try:
        content = from_base64(json.loads(body)["image"])
        return normalized(square(pixels_of(content)))
    except PhotoError as error:
        return error
    except (ValueError, KeyError, TypeError):
        return PhotoError(422, "send JSON with a photo in its field image")


def reply(logits):
    odds = np.exp(logits - logits.max())
    best = int(odds.argmax())
    probability = float(odds[best] / odds.sum())
    fields = {"prediction": CLASSES[best], "probability": probability}
    return 200, json.dumps(fields).encode()


def refusal(error):
    return error.status, json.dumps({"detail": str(error)}).encode()


def answers(bodies):
    """Return status and JSON, as bytes, for each request's body, with one call of the
    model for all of them.
    """
    inputs = [rows_of(body) for body in bodies]
    rows = [row for row in inputs if not isinstance(row, PhotoError)]
    logits = iter(logits_of(np.concatenate(rows)) if rows else ())
    replies = []
    for row in inputs:
        if isinstance(row, PhotoError):
            replies.append(refusal(row))
        else:
            replies.append(reply(next(logits)))
    return replies


def answer(body):
    return answers([body])[0]


# %%
means = np.array([0.485, 0.456, 0.406])
deviations = np.array([0.229, 0.224, 0.225])
shares = np.arange(256) / 255
levels = (shares - means[:, None]) / deviations[:, None]
np.save(folder / "floats.npy", levels.astype(np.float32))

# %% [markdown]
# `app.py` receives the requests, by the protocol **ASGI**, the interface between a server
# such as uvicorn and any Python app, FastAPI among them. An app is one function. It gets
# a description of the request (`scope`), a function `receive`, which returns the body in
# pieces, and a function `send`. The event loop that calls it must never wait for a photo;
# otherwise `/healthz` is late. So threads compute the photos. Pillow, PyTorch and the
# runtimes release Python's lock while they work.
#
# Write `threads` and `respond(path, body)`, which returns a status and a content:
#
# - `/healthz` is answered at once, even if all workers are busy, with 200 and `HEALTHY`;
# - every other path is answered with the result of `answer(body)`, computed by one of
#   **`WORKERS`** threads: use a `ThreadPoolExecutor`, and `await
#   asyncio.get_running_loop().run_in_executor(threads, answer, body)`;
# - if `WORKERS + MAY_WAIT` photos are already inside, it returns 503 and `FULL`. When one
#   of them is answered, or `answer` raises an exception, the next may enter.

# %% question="whole.app"
# %%writefile {folder}/app.py
import asyncio
from concurrent.futures import ThreadPoolExecutor

from intake import Bounded
from worker import MAY_WAIT, WORKERS, answer

HEALTHY = b'{"status": "ok"}'
FULL = b'{"detail": "too many photos are waiting"}'

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
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
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
# The first operator of your INT8 file is a `QuantizeLinear`: it turns normalized float32
# into bytes. So the float32 tensor, four times the size of the image's bytes, was not
# needed. One table can do both steps. Which byte does each level become?
#
# 1. Normalize the level: divide it by 255, subtract the mean, divide by the deviation.
# 2. Quantize the result: divide it by the scale, *round* it (`np.round`), add the zero
#    point, and limit it to 0 to 255.


# %% question="whole.levels"
def byte_of(level, mean, deviation, scale, zero_point):
    """Return the model's input byte for each level, an array of uint8.

    level is an array of integers from 0 to 255; mean and deviation belong to the levels
    divided by 255. Use NumPy only.
    Example: levels 0, 51 and 102 with mean 0, deviation 1, scale 0.1 and zero_point 0
    give 0, 2 and 4.
    """
    ### BEGIN SOLUTION
    normalized = (level / 255 - mean) / deviation
    quantized = np.round(normalized / scale) + zero_point
    return np.clip(quantized, 0, 255).astype(np.uint8)
    ### END SOLUTION


check("whole.levels", byte_of)

# %%
# Your file without its first operator, whose scale and zero point are known:
bytes_path = folder / "bytes.onnx"
first = take_bytes(int8, bytes_path)


def bytes_of(mean, deviation):
    return byte_of(np.arange(256), mean, deviation, first.scale, first.zero_point)


channels = zip(means, deviations)
np.save(folder / "bytes.npy", [bytes_of(*channel) for channel in channels])

# %% [markdown]
# ## Where does a photo's time go?
#
# The next cell divides the first step and this one into stages, and draws the processor
# time of each stage.

# %% folded=true
sys.path.insert(0, str(folder))
os.environ["MODEL"] = str(bytes_path)
os.environ["LEVELS"] = str(folder / "bytes.npy")
worker = importlib.import_module("worker")
session = ort.InferenceSession(fp32, providers=["CPUExecutionProvider"])
normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def file_of(body):
    return base64.b64decode(json.loads(body)["image"])


def older_decode(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def older_normalize(image):
    return normalize(transforms.ToTensor()(image))[None].numpy()


def older_model(rows):
    return session.run(None, {"input": rows})


older = {
    "JSON and base64": file_of,
    "decode": older_decode,
    "resize": transforms.Resize((224, 224)),
    "normalize": older_normalize,
    "the model": older_model,
}
bytes_in = {
    "JSON and base64": file_of,
    "decode": worker.pixels_of,
    "resize": worker.square,
    "normalize": worker.normalized,
    "the model": worker.logits_of,
}
body = json.dumps({"image": base64.b64encode(photo(0)).decode()})
older_s = stage_times(older, body)
bytes_in_s = stage_times(bytes_in, body)
stages = 1e3 * pd.DataFrame({"the older app": older_s, "bytes in": bytes_in_s})
figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), sharex=True, sharey=True)
for axis, (app, times_ms) in zip(axes, stages.items()):
    axis.barh(times_ms.index, times_ms)
    axis.set_title(f"{app}: {times_ms.sum():.1f} ms per photo")
    axis.set_xlabel("processor time, ms")
axes[0].invert_yaxis()
stages.round(2)

# %% [markdown]
# Most of the remaining time is the model's. It reads the same weights for every photo, so
# one call for four photos costs less than four calls.
#
# ## Together
#
# Sixteen clients ask and two workers compute, so some photos always wait. In the last
# step, a worker takes up to four of them at once. It never waits for a batch to fill: it
# computes a single photo at once. The model runs in **OpenVINO**, if it is installed,
# because OpenVINO gains more from batches than ONNX Runtime. Each worker has its own
# *stream*, a queue of calls, in OpenVINO. The next file replaces your `respond` and the
# worker's call of the model. Nothing else changes.

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
waiting = asyncio.Queue(MAY_WAIT)
collectors = []
threads = ThreadPoolExecutor(WORKERS)
own = threading.local()
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
    """Answer waiting photos in an endless loop, up to `MOST` per call of the model."""
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
    future = loop.create_future()
    waiting.put_nowait((body, future))
    return await future


alone.respond = respond
app = alone.app

# %% [markdown]
# ## All steps in turns
#
# Now all seven services run at once, each with one worker per processor of this machine,
# and sixteen clients ask them in turns, for six rounds. Then each service answers all 660
# evaluation photos, as squares of 512 pixels. This takes about three minutes.

# %% folded=true
guesses = predicted("whole.steps")
# A leased node has no OpenVINO.
batched = "openvino" if find_spec("openvino") else "onnxruntime"
floats = {"LEVELS": "floats.npy", "WORKERS": usable_cpu_count()}
table = {"LEVELS": "bytes.npy", "WORKERS": usable_cpu_count()}
servers = {}
servers["whole-older"] = written("whole", "older", fp32, threads=0)
servers["whole-one-thread"] = written("whole", "one_thread", fp32)
servers["whole-int8"] = written("whole", "one_thread", int8)
servers["whole-resize"] = written("whole", "resize_bytes", int8)
servers["whole-workers"] = written("whole", "app", int8, **floats)
servers["whole-bytes-in"] = written("whole", "app", bytes_path, **table)
servers["whole-together"] = written("whole", "together", bytes_path, batched, **table)
uploads, labels = zip(*evaluation_uploads())
classes = pd.DataFrame()
with serving(servers=servers) as targets:

    def in_turns(report):
        return race(targets, concurrency=16, rounds=6, duration_s=1.5, on_progress=report)

    turns = run_with_progress(in_turns, "Seven services")
    for name, target in targets.items():
        classes[name] = classes_of(target, uploads)
for record in turns:
    ledger().append(record)

# %% [markdown]
# *Processor ms* is the time that a server and its children spend per answer, as the
# operating system counts it. Columns with × compare with the starting app, with the
# interval over the rounds; *per processor second* compares with the previous step. A
# step's accuracy is *kept* if the interval of the difference, over the 182 drawings,
# stays above −3 points.

# %% folded=true
right = classes.eq(list(labels), axis=0)
drawings = assets.drawings("evaluation")
gains = [""]
accuracies = [""]
for before, name in pairwise(servers):
    gain = cost_ratio(turns, before, name).interval.value
    gains.append(f"{gain:.2f} ×")
    pair = stats.paired_proportions(right[name], right["whole-older"], drawings)
    accuracies.append(pair.kept(0.03))
table = servers_table(turns, "whole-older").set_index("server")
table["per processor second"] = gains
table["you predicted"] = ["", *guesses.values()]
table["right"] = right.sum()
table["accuracy"] = accuracies
table.drop(columns="failed")

# %% [markdown]
# ## Are the answers the same?
#
# A service that is faster because it gives other answers is not an improvement. The next
# cell compares the last two steps with your INT8 file behind the course's plain
# preprocessing, one photo at a time, each in the runtime that it uses.

# %% folded=true
tensors = [to_input(open_photo(content))[None] for content in uploads]
for step, runtime in {"whole-bytes-in": "onnxruntime", "whole-together": batched}.items():
    call = caller(open_model(int8, runtime))
    own_classes = np.array([call(tensor).argmax() for tensor in tensors])
    same = own_classes == classes[step]
    print(f"{step}: {same.sum()} of {len(same)} answers are the same, {same.mean():.1%}")
same = classes["whole-bytes-in"] == classes["whole-together"]
print(f"{same.sum()} are the same in both runtimes")

# %% [markdown]
# PyTorch decodes and resizes these photos to exactly the same bytes as Pillow, and the
# table contains the same bytes as the output of the model's first operator. Only the
# runtimes differ a little, in how they round.
#
# **The starting app agrees on square photos only.** It squeezes a photo into a square;
# `crop` and `square` cut out the middle. GourmetGram's page uploads photos unchanged. We
# stretched 83 evaluation photos to 617 × 447 pixels: none gave the same tensor in both
# apps, and with the same float32 file 8 got another class. And it opens a photo that a
# phone took upright lying on its side: cameras store the sensor's rows, and note in EXIF
# data how they were held. `open_photo` turns such a photo.
#
# ## Changes that did not help
#
# On the machine used for this page, two shared cores of an AMD EPYC with VNNI, and with
# Pillow's decoder:
#
# - *OpenVINO for one photo at a time* took 8.5 ms of processor time per answer, the
#   same as ONNX Runtime. With two photos per call it took 7.6 ms, with four 7.1, with
#   eight 7.7.
# - *Two processes* instead of two threads changed nothing. The kernel shares clients
#   unevenly between them, so that the median wait was anywhere from 0.2 to 0.7 times the
#   starting app's.
# - `draft` decodes a JPEG at half of its size, in a third less time. But 14 of 660
#   answers change under INT8, and no more of them are right. `open_photo` uses it from
#   896 pixels on, where the half is still twice the model's input.
#
# ## What you found
#
# - Most of the starting app's processor time was not needed: threads that wait for each
#   other, float32, more photos at once than processors, one photo per call.
# - Other changes are visible in the stages, but hardly in the complete request. The
#   figure of stages shows which ones.
# - For square photos, INT8 and the two runtimes explain all changed answers.
# - Now most of the time is the model's.
#
# **Try it yourself**
#
# - Compare other servers: `from labs.deeper.whole.servers import compare`, then
#   `servers_table(compare(rounds=4))` measures four servers in turns under one contract.
#   It takes some minutes, and downloads 55 MB for LitServe the first time.
# - `WORKERS=1` and `WEB_CONCURRENCY=2`, which uvicorn reads, start two processes. How are
#   sixteen clients shared between them?
