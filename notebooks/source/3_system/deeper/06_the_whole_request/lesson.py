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
from labs.data.intake import MOST_PIXELS, open_photo, to_input
from labs.deeper.whole.bytes_in import take_bytes
from labs.deeper.whole.servers import servers_table, serving, with_photos, written
from labs.edge.files import part_1_files
from labs.load.race import cost_ratio, race
from labs.load.served import classes_of
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.records.targets import MAY_LOSE
from labs.runtimes.calling import caller
from labs.runtimes.opening import open_model
from labs.serve.photos import (
    SENT_PHOTOS,
    evaluation_uploads,
    phone_photo,
    photo,
    sent_photos,
)
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
# 1. *Cut*: turn the photo as its camera was held, and cut out the middle square. The
#    starting app squashes it. This step is there for right answers.
# 2. *One thread* per call of the model, instead of one per processor. Sixteen requests
#    are in flight already, and threads that wait for each other waste time.
# 3. *INT8*: your file of *Quantize*.
# 4. *Half scale*: decode a large JPEG at a half, a quarter or an eighth of its size.
# 5. *Workers*: no framework, as many photos at once as there are processors, and faster
#    libraries for base64, JPEG and resizing. Small photos are decoded at half scale too.
# 6. *Own models*: each worker has its own models, in OpenVINO. They get the images'
#    bytes, up to four images in a call, and a table replaces the normalization.
#
# By what factor does each of the last five raise the answers per second of processor
# time, compared with the previous step? Predict it for square photos of 512 pixels; for
# *half scale*, for photos that are 1,000 to 3,000 pixels wide.

# %%
predict(
    "whole.steps",
    one_thread=...,
    int8=...,
    half=...,
    workers=...,
    own_models=...,
)

# %% [markdown]
# ## Four small changes
#
# Steps 1, 2 and 4 change a few lines; step 3 names another file. Cameras store the
# sensor's rows and note in **EXIF** data how they were held. `open_photo` of *Serve over
# HTTP* turns a photo too, and lets libjpeg decode fewer pixels, if the smaller photo
# still has twice the width and height that the model needs.


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


OPENED = "Image.open(io.BytesIO(base64.b64decode(request.image)))"
TURNED = f"ImageOps.exif_transpose({OPENED})"
SQUASH = """stages = [
    transforms.Resize((224, 224)),
    transforms.CenterCrop(224),
"""
CUT = """def middle(image):
    return transforms.functional.center_crop(image, min(image.size))


stages = [
    middle,
    transforms.Resize((224, 224)),
"""
OPS = ("import Image\n", "import Image, ImageOps\n")
change("older.py", "cut.py", OPS, (OPENED, TURNED), (SQUASH, CUT))
SESSION = 'session = ort.InferenceSession(os.environ["MODEL"], '
OPTIONS = """import torch

torch.set_num_threads(1)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
"""
change("cut.py", "one_thread.py", (SESSION, OPTIONS + SESSION + "options, "))
INTAKE = ("from PIL import Image, ImageOps\n", "from intake import open_photo\n")
DRAFT = (f'{TURNED}.convert("RGB")', "open_photo(base64.b64decode(request.image))")
change("one_thread.py", "half.py", INTAKE, DRAFT)

# %% [markdown]
# ## Workers
#
# The last two steps need new code. `worker.py` turns the bodies of requests into
# statuses and JSON texts, and refuses the same requests as *Serve over HTTP*. `pybase64`
# and `simplejpeg` use vector instructions, as PyTorch does when it resizes. A large photo
# is decoded at the same scale as before, and a small one, of 448 to 640 pixels, at half
# scale too. To normalize, the worker looks up the result for each of a colour's 256
# levels, in a table of the next cell.

# %%
# %%writefile {folder}/worker.py
import json
import os

import numpy as np
import onnxruntime as ort
import pybase64
import simplejpeg
import torch
from intake import PhotoError, is_turned, photo_header
from PIL import ImageOps
from torch.nn.functional import interpolate
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


def file_of(body):
    """Return the photo's file that a request's body contains."""
    return pybase64.b64decode(json.loads(body)["image"], validate=True)


def pixels_of(content):
    """Return a photo's file as bytes (1, 3, height, width), upright, and decoded at a
    smaller scale if it is large enough.
    """
    with photo_header(content) as image:
        least_px = 224 if min(image.size) < 640 else 448
        image.draft("RGB", (least_px, least_px))  # sets image.size to that scale's
        is_jpeg = image.format == "JPEG" and image.mode == "RGB"
        is_lying = is_turned(image)
        if is_jpeg and not is_lying:
            width, height = image.size
            pixels = simplejpeg.decode_jpeg(
                content, "RGB", min_height=height, min_width=width
            )
            return torch.from_numpy(pixels).permute(2, 0, 1)[None]
        if is_lying:
            ImageOps.exif_transpose(image, in_place=True)
        return pil_to_tensor(image.convert("RGB"))[None]


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
        return normalized(square(pixels_of(file_of(body))))
    except PhotoError as error:
        return error
    except (ValueError, KeyError, TypeError):
        return PhotoError(422, "send JSON with a photo, as base64, in its field image")


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
# ## Bytes for the model
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
# The next cell draws the processor time of each stage of the starting app and of the
# worker with this model: above for a square photo of 512 pixels, below for one of 12
# megapixels, as a phone takes it.

# %% folded=true
sys.path.insert(0, str(folder))
os.environ["MODEL"] = str(bytes_path)
os.environ["LEVELS"] = str(folder / "bytes.npy")
worker = importlib.import_module("worker")
session = ort.InferenceSession(fp32, providers=["CPUExecutionProvider"])
normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def older_file(body):
    return base64.b64decode(json.loads(body)["image"])


def body_of(content):
    return json.dumps({"image": base64.b64encode(content).decode()})


def older_decode(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def older_normalize(image):
    return normalize(transforms.ToTensor()(image))[None].numpy()


def older_model(rows):
    return session.run(None, {"input": rows})


older = {
    "JSON and base64": older_file,
    "decode": older_decode,
    "resize": transforms.Resize((224, 224)),
    "normalize": older_normalize,
    "the model": older_model,
}
with_bytes = {
    "JSON and base64": worker.file_of,
    "decode": worker.pixels_of,
    "resize": worker.square,
    "normalize": worker.normalized,
    "the model": worker.logits_of,
}
apps = {"older": older, "with bytes": with_bytes}
figure, axes = plt.subplots(2, 2, figsize=(9, 4.8), sharex="row", sharey=True)
stages = {}
for row, (kind, content) in zip(axes, {"512²": photo(0), "12 MP": phone_photo()}.items()):
    for axis, (app, steps) in zip(row, apps.items()):
        times_s = pd.Series(stage_times(steps, body_of(content), turns=25))
        stages[f"{kind}, {app}"] = 1e3 * times_s
        axis.barh(times_s.index, 1e3 * times_s)
        axis.set_title(f"{kind}, {app}: {1e3 * times_s.sum():.1f} ms per photo")
        axis.set_xlabel("processor time, ms")
axes[0, 0].invert_yaxis()
stages = pd.DataFrame(stages)
stages.round(2)

# %% [markdown]
# For a large photo, most of the time is spent before the model. **Amdahl's law**: if the
# model has the share $f$ of the time, a faster model makes the request at most
# $1 / (1 - f)$ times as fast. The next cell computes this limit. It also makes the
# phone's photo smaller, as GourmetGram's page could do before the upload.

# %% folded=true
shares = stages.loc["the model"] / stages.sum()
for kind, share in shares.items():
    print(f"{kind}: the model takes {share:.0%}; at most {1 / (1 - share):.2f} × as fast")
small = open_photo(phone_photo())
small.thumbnail((597, 448))
small.save(content := io.BytesIO(), "JPEG", quality=85)
small_s = sum(stage_times(with_bytes, body_of(content.getvalue()), turns=25).values())
before_kb, after_kb = len(phone_photo()) / 1e3, len(content.getvalue()) / 1e3
print(
    f"12 MP, made smaller before the upload: {before_kb:,.0f} KB become {after_kb:.0f} KB"
)
print(f"and the service takes {1e3 * small_s:.1f} ms of processor time")

# %% [markdown]
# ## Own models
#
# Each worker gets its own models in **OpenVINO**, if it is installed, with one thread and
# one *stream*, a queue of calls. If all workers share a model, processors stay idle. Each
# model has a fixed shape, so that OpenVINO prepares its buffers once. One takes four
# photos in a call, and one takes the photos that are left. On two shared cores of an AMD
# EPYC, a call for one photo took 3.7 ms, and a call for four took 2.9 ms per photo. The
# second file lets a worker take up to four waiting photos at once, which also saves
# transfers between threads.

# %%
# %%writefile {folder}/own_models.py
import os
import threading

import numpy as np
import worker

own = threading.local()
free_models = []
if os.environ["RUNTIME"] == "openvino":
    import openvino

    core = openvino.Core()
    settings = {
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 1,
        "ENABLE_CPU_PINNING": False,
    }

    def model_for(photos):
        model = core.read_model(os.environ["MODEL"])
        model.reshape([photos, 3, 224, 224])
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        # A first photo in the main thread: two threads that take a tensor's `data` for
        # the first time, at the same moment, would wait for each other for ever.
        request.input_tensors[0].data[:] = 0
        request.infer()
        return request

    for _ in range(worker.WORKERS):
        models = {photos: model_for(photos) for photos in (4, 1)}
        free_models.append(models)

    def logits_of(rows):
        if not hasattr(own, "models"):  # this thread's first photos
            own.models = free_models.pop()
        logits = []
        while len(rows):
            photos = 4 if len(rows) >= 4 else 1
            model = own.models[photos]
            model.input_tensors[0].data[:] = rows[:photos]
            model.infer()
            logits.append(model.output_tensors[0].data.copy())
            rows = rows[photos:]
        return np.concatenate(logits)

    worker.logits_of = logits_of

# %% folded=true
# %%writefile {folder}/fours.py
import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import app as alone
import own_models
import worker
from worker import MAY_WAIT, WORKERS

MOST = 4
waiting = asyncio.Queue(MAY_WAIT)
collectors = []
threads = ThreadPoolExecutor(WORKERS)


async def collect():
    """Answer waiting photos in an endless loop, up to `MOST` at once."""
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
# and sixteen clients ask them in turns: first with square photos of 512 pixels, then with
# photos as people *send* them, 4:3 and 3:4, 1,000 to 3,000 pixels wide, half of them
# stored lying or upside down. Then each service answers all 760. This takes about four
# minutes.

# %% folded=true
guesses = predicted("whole.steps")
# A leased node has no OpenVINO.
own_runtime = "openvino" if find_spec("openvino") else "onnxruntime"
floats = {"LEVELS": "floats.npy", "WORKERS": usable_cpu_count()}
table = {"LEVELS": "bytes.npy", "WORKERS": usable_cpu_count()}
servers = {}
servers["whole-older"] = written("whole", "older", fp32, threads=0)
servers["whole-cut"] = written("whole", "cut", fp32, threads=0)
servers["whole-one-thread"] = written("whole", "one_thread", fp32)
servers["whole-int8"] = written("whole", "one_thread", int8)
servers["whole-half"] = written("whole", "half", int8)
servers["whole-workers"] = written("whole", "app", int8, **floats)
servers["whole-own-models"] = written("whole", "fours", bytes_path, own_runtime, **table)
square, square_labels = zip(*evaluation_uploads())
sent, sent_labels = zip(*sent_photos())
classes = pd.DataFrame()
with serving(servers=servers) as targets:

    def in_turns(report):
        return race(targets, concurrency=16, rounds=6, duration_s=1.5, on_progress=report)

    turns = run_with_progress(in_turns, "Seven services, square photos")
    with_sent = {}
    for name, target in targets.items():
        with_sent[f"{name}-sent"] = with_photos(target, sent[::6])

    def in_turns_with_sent(report):
        return race(
            with_sent, concurrency=16, rounds=4, duration_s=1.5, on_progress=report
        )

    sent_turns = run_with_progress(in_turns_with_sent, "Seven services, sent photos")
    for name, target in targets.items():
        classes[name] = classes_of(target, square + sent)
for record in turns + sent_turns:
    ledger().append(record)

# %% [markdown]
# *Processor ms* is the time that a server and its children spend per answer, as the
# operating system counts it, for a square photo. Columns with × compare with the starting
# app, with the interval over the rounds. The next two columns compare answers *per
# processor second* with the previous step, for square photos and for sent ones.

# %% folded=true
gains = {"square": [""], "sent": [""]}
for before, name in pairwise(servers):
    of_square = cost_ratio(turns, before, name).interval.value
    of_sent = cost_ratio(sent_turns, f"{before}-sent", f"{name}-sent").interval.value
    gains["square"].append(f"{of_square:.2f} ×")
    gains["sent"].append(f"{of_sent:.2f} ×")
table = servers_table(turns, "whole-older").set_index("server")
table["per processor second"] = gains["square"]
table["with sent photos"] = gains["sent"]
table["you predicted"] = ["", "", *guesses.values()]
table.drop(columns="failed")

# %% [markdown]
# ## Are the answers the same?
#
# A service that is faster because it gives other answers is not an improvement. In the
# next table, *changed* counts the photos with another class than in the previous step.
# *As plain* is the share with the class that the same file, in the same runtime, gives
# behind plain preprocessing: decode every pixel, turn, cut, resize, normalize. The last
# columns compare right answers with *cut*: on the sent photos alone, and whether accuracy
# is *kept*, a loss of certainly less than 3 points, over all 760 photos and their 182
# drawings.

# %% folded=true
labels = np.array(square_labels + sent_labels)
is_sent = np.arange(len(labels)) >= len(square)
drawings = assets.drawings("evaluation", assets.default("dataset"), SENT_PHOTOS) or None
opened = [open_photo(content, least_px=MOST_PIXELS) for content in square + sent]
tensors = [to_input(image)[None] for image in opened]
plain = {}
files_of = {"float32": (fp32, "onnxruntime"), "INT8": (int8, "onnxruntime")}
files_of["INT8, own models"] = (int8, own_runtime)
for kind, (path, runtime) in files_of.items():
    call = caller(open_model(path, runtime))
    plain[kind] = np.array([call(tensor).argmax() for tensor in tensors])
kinds = ["float32"] * 3 + ["INT8"] * 3 + ["INT8, own models"]
right = classes.eq(labels, axis=0)
changed = classes.diff(axis=1).ne(0)
rows = {}
for name, kind in zip(servers, kinds):
    row = {}
    for photos, chosen in {"square": ~is_sent, "sent": is_sent}.items():
        same = classes[name] == plain[kind]
        row[f"right, {photos}"] = f"{right[name][chosen].sum()} of {chosen.sum()}"
        row[f"changed, {photos}"] = changed[name][chosen].sum()
        row[f"as plain, {photos}"] = f"{same[chosen].mean():.1%}"
    both = right[[name, "whole-cut"]].T.to_numpy()
    row["sent, than cut"] = stats.paired_proportions(*both[:, is_sent]).verdict
    row["accuracy"] = stats.paired_proportions(*both, drawings).kept(MAY_LOSE)
    rows[name] = row
answers = pd.DataFrame(rows).T
answers.loc["whole-older", ["changed, square", "changed, sent"]] = ""
answers

# %% [markdown]
# Five steps may change a class. *Cut* shows the model other pixels of every photo that is
# not square or was stored lying; the starting app's row shows what squashing costs.
# *INT8* rounds, and *own models* rounds in another runtime. *Half scale* decodes large
# photos with another filter, and *workers* the small ones too. *One thread* computes the
# same. So does the table: it contains the bytes that the model's first operator would
# compute.
#
# ## Changes that did not help
#
# We measured these on two shared cores of another, faster AMD EPYC with VNNI.
#
# - *A number of photos that changes from call to call*: OpenVINO took 1.50 ms for one
#   photo and 1.53 ms for each of four in one call, and 1.26 ms for one photo with a fixed
#   shape.
# - *208 pixels* instead of 224 made the model a fifth faster, but of 145 real photos only
#   120 kept their class.
#
# On a Xeon with AMX:
#
# - *Other decoders for 512 pixels*: Pillow took 0.62 ms at half scale, PyTorch 0.58 ms for
#   all pixels, and simplejpeg 0.36 ms at half scale.
# - *Bytes as input* alone, with the model still in ONNX Runtime, gave 1.01 × for square
#   photos and 0.98 × for sent ones.
# - *orjson*, one more dependency, saved 0.01 ms of a square photo's time, and 0.5 of 26 ms
#   for a photo of 12 megapixels.
#
# ## What you found
#
# - Squashed and lying photos cost right answers, and square photos do not show it.
# - Most of the starting app's processor time was not needed: threads that wait for each
#   other, float32, more photos at once than processors, pixels that the model never sees.
# - For a square photo of 512 pixels, the largest share of the remaining time is the
#   model's. For a phone's photo it is the decoder's, so make the photo smaller before the
#   upload.
#
# **Try it yourself**
#
# - Compare other servers: `from labs.deeper.whole.servers import compare`, then
#   `servers_table(compare(rounds=4))` measures four servers. It downloads 55 MB for
#   LitServe the first time.
# - Attack two of them: `python -m labs.serve.contract litserve`, or `ray`. LitServe
#   0.2.19 ends at once on SIGTERM, and loses the photos that it has begun. Therefore our
#   service treats SIGTERM as Ctrl+C, after which LitServe answers them first. When a
#   worker is killed, LitServe can lose one more photo: its queue gives the photo to the
#   dead worker, and its client waits until its own timeout. Other photos go to the other
#   workers, and LitServe replaces the dead one. So a client needs a timeout and a second
#   try.
# - `WORKERS=1` and `WEB_CONCURRENCY=2` start two processes. How are clients shared?
