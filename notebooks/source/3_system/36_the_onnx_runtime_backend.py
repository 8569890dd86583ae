# ---
# jupyter:
#   lesson:
#     title: The ONNX Runtime backend
#     summary: a repository with an ONNX file and no code, a fair comparison, and the page moved to it
#     part: 3
#     number: "36"
#     minutes: 20
#     kind: core
#     where: [laptop]
#     needs: ["33"]
#     ports: [8090]
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # The ONNX Runtime backend
#
# Your Python model does everything in one process: decode, scale, run torch, name the class. For the network itself
# Triton has better hands: a **backend** that takes an ONNX file and runs it, with no code of yours.
#
# But an ONNX file wants numbers, and users have photos. Somebody has to decode them, and who that is decides what you
# may compare. "ONNX gives twelve times as many answers", says a colleague. Twelve times as many of *what*?
#
# ## You will do
#
# Write the configuration of an ONNX model, serve it beside the Python model, measure both, say what may be compared,
# give the ONNX model a second instance, and move GourmetGram's page to it.
#
# ## You will learn
#
# - what a backend is, and what a repository with an ONNX file needs;
# - which comparison is fair, and how to notice that one is not;
# - what it costs to send numbers instead of photos.
#
# ## You need
#
# A laptop with x86-64 Linux, 20 minutes. The machine works for about a minute.

# %%
import shutil
import time
import timeit

import numpy as np
import tritonclient.http as httpclient

from grading.checkpoints import check, predict, predicted, reconcile
from labs.charts import before_after, queue_compute
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_image, softmax, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.page.asking import ask
from labs.serve.photos import photo
from labs.serve.settings import PageSettings
from labs.serve.triton import opening
from labs.widgets import live_load, run_with_progress

print(capability_text(for_lesson("36")))

# %% [markdown]
# ## Predict
#
# Eight clients. The Python model gets photos; the ONNX model gets what the network eats, decoded beforehand. Each has
# one instance with one thread. How many times as many answers a second does the ONNX model give?

# %% checkpoint="s.onnx.gain_guess"
predict("s.onnx.gain_guess", ...)

# %% [markdown]
# And how many times as many does the ONNX model give with two instances as with one?

# %% checkpoint="s.onnx.two_guess"
predict("s.onnx.two_guess", ...)

# %% [markdown]
# ## Act
#
# The Python model is lesson 33's with one instance (the course's, where you have left that out). The ONNX file is part
# 1's; the backend looks for it under the name `model.onnx`:

# %%
repository = opening.lesson_repository()
PYTHON = """
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
(repository / "food_classifier" / "config.pbtxt").write_text(PYTHON)
folder = repository / "food_classifier_onnx"
(folder / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), folder / "1" / "model.onnx")

# %% [markdown]
# Write its `config.pbtxt`. The backend is called `onnxruntime` (older texts say `platform: "onnxruntime_onnx"`, which
# is the same). Inputs and outputs bear the names and types that they have in the file, which you gave them in lesson
# 12: `input`, 3 × 224 × 224 numbers of `TYPE_FP32` an image, and `output`, 11 of them. Batches of up to 16, one
# instance on the CPU.

# %% checkpoint="s.onnx.model"
# The text of config.pbtxt.
onnx_config = """
...
"""
(folder / "config.pbtxt").write_text(onnx_config)

# %%
check("s.onnx.model", folder)

# %% [markdown]
# In NVIDIA's container `backend: "onnxruntime"` means a backend in C++. The wheel on your laptop has none, but Triton
# also takes a backend that is written in Python, and the course brings one (`onnxruntime_backend.py` in
# `labs/serve/triton/models`). The repository is the same in both. Only the default of `intra_op_thread_count` differs:
# one thread here, all cores there. Lesson 40 sets it.

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
for name in ("food_classifier", "food_classifier_onnx"):
    client.load_model(name, headers=triton.headers)

# %%
photos = [photo(number) for number in range(8)]
tensors = np.stack([to_input(load_image(one)) for one in photos])
asked = httpclient.InferInput("input", tensors.shape, "FP32")
asked.set_data_from_numpy(tensors)
logits = client.infer("food_classifier_onnx", [asked]).as_numpy("output")
[(CLASS_NAMES[one.argmax()], round(float(one.max()), 3)) for one in softmax(logits)]

# %% [markdown]
# ## Measure

# %%
predicted("s.onnx.gain_guess")


def load(option, name, requests, **details):
    """Return the record of eight clients, kept in the ledger."""
    loop = {"concurrency": 8, "requests": 160, "timeout_s": 60, "option": option, "details": details}
    target = triton_target(triton, name, requests)
    return ledger().append(live_load(lambda **hooks: closed_loop(target, **loop, **hooks), option))


decode_s = min(timeit.repeat(lambda: [to_input(load_image(one)) for one in photos], number=1, repeat=5)) / len(photos)
(folder / "config.pbtxt").write_text(onnx_config)  # when this cell runs again, it says two instances by then
client.load_model("food_classifier_onnx", headers=triton.headers)
python = load("way-python", "food_classifier", image_inputs(photos))
onnx = load("way-onnx", "food_classifier_onnx", tensor_inputs(tensors), decode_s=decode_s)
queue_compute([python, onnx])

# %%
reconcile("s.onnx.gain_guess")

# %% [markdown]
# ### A fair comparison
#
# The manager's question is: *what do users who send photos gain when the network moves from torch to ONNX Runtime?* The
# two runs do not answer it. In one of them the server decoded the photos; in the other somebody had done that before
# the clock ran. The same job is: decode, and run the network. From three times for one image, each of one thread, say
# how many times as many images the same processors can do.


# %% checkpoint="s.onnx.fair"
def fair_gain(python_s, onnx_s, decode_s):
    """Return how many times as many photos ONNX Runtime answers with the same processors as the Python model.

    Args:
        python_s: Seconds of the Python model for a photo: decoding and the network in torch.
        onnx_s: Seconds of the ONNX model for an image that is decoded already.
        decode_s: Seconds of decoding a photo.
    """
    ...


# %%
check("s.onnx.fair", fair_gain)

# %%
python_s, onnx_s = python.load.server.compute_s, onnx.load.server.compute_s
for what, seconds in {"Python model": python_s, "ONNX model": onnx_s, "decoding": decode_s}.items():
    print(f"{what}: {seconds * 1e3:.1f} ms an image")
print("answers a second:", round(onnx.throughput_rps.value / python.throughput_rps.value, 2))
print("the same job:", fair_gain(python_s, onnx_s, decode_s))

# %% [markdown]
# (Both runs had clients beside them on the same machine, which took their share of it: a ratio, and no promise. Lesson
# 38 builds the whole of it in Triton and measures that.)
#
# ### What numbers weigh
#
# The ONNX model was spared the decoding, and its requests paid elsewhere:

# %%
sizes = {record.option: record.details["body_bytes"] for record in (python, onnx)}
for option, size in sizes.items():
    print(f"{option}: {size:,} bytes a request, {1000 * size * 8 / 1e9:.2f} Gbit/s at 1000 images a second")

# %% [markdown]
# Where preprocessing belongs is a question of networks as much as of processors.
#
# ### A second instance
#
# One number in the text. Where nothing but the instances changes, Triton does not load the model anew: it adds one to
# the one that goes on serving, and its counters go on too.

# %%
predicted("s.onnx.two_guess")
text = (folder / "config.pbtxt").read_text()
(folder / "config.pbtxt").write_text(text.replace("count: 1", "count: 2"))
begin_s = time.perf_counter()
client.load_model("food_classifier_onnx", headers=triton.headers)
print(f"ready after {time.perf_counter() - begin_s:.1f} s")
two = load("way-onnx-2", "food_classifier_onnx", tensor_inputs(tensors))
before_after(onnx, two)

# %%
reconcile("s.onnx.two_guess")

# %% [markdown]
# Published results of an earlier lab, on a node with two P100, perf_analyzer sending numbers:
#
# | ONNX backend | images/s | latency |
# |---|---:|---:|
# | 1 instance on one GPU, 1 client | 138 | 6.7 ms |
# | 2 instances on each GPU, 8 clients | 1182 | 6.1 ms |
# | 2 instances on each GPU, 16 clients | 1257 | 12 ms |
#
# Its Python model gave 192.8 photos a second with 2 instances on each GPU. Is 1182 over 192.8 a fair ratio? You know by
# now what to ask.
#
# ### The page moves
#
# GourmetGram's page asks `food_classifier`. By one setting it decodes the photo itself and asks the ONNX model:

# %%
for server in ("triton-python", "triton-onnx"):
    settings = PageSettings(server=server, url=triton.url)
    said = ask(photo(3), settings)
    print(f"{settings.answered_by}: {said.label}, {said.probability:.4f}")

# %% [markdown]
# To see it in your browser, type this in a terminal of the same machine. It prints an address:

# %%
print(settings.terminal_line())

# %% [markdown]
# ## Checkpoint
#
# The page's contract held: a photo in, a class out. That is what made it possible to change everything behind it.

# %%
check("s.onnx.gain_guess")

# %%
check("s.onnx.two_guess")

# %% [markdown]
# When you have looked at the page, stop the server:

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - `int8_model()` (from `labs.serve.models`) is the quantized twin. Put it into a third folder: how much of part 1's
#   gain arrives at the client?
# - Rename `output` in the configuration and load it. What does Triton answer, and what does the page show meanwhile?
# - `perf_analyzer -u … -m food_classifier_onnx -b 1 --shape input:3,224,224`: what does it send, and does it matter?
