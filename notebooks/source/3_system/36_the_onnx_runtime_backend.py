# ---
# jupyter:
#   lesson:
#     title: Let ONNX Runtime serve
#     summary: three ways to the same answer, a fair comparison, and the page moved from one to another
#     part: 3
#     number: "36"
#     minutes: 45
#     kind: core
#     where: [any]
#     needs: ["33"]
#     ports: [8090]
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Let ONNX Runtime serve
#
# The Python model did everything in one process: decode, scale, run torch, name the class. That was quick to write. For
# the network itself Triton has better hands: a **backend** that takes an ONNX file and runs it, with no code of ours.
#
# But an ONNX file wants numbers, and users have photos. Somebody has to decode them, and who that is decides what you
# may compare. "ONNX gives twelve times as many answers", says a colleague. Twelve times as many of *what*?
#
# ## You will do
#
# Serve the same weights in three ways side by side: all in Python, the bare ONNX model, and an *ensemble* of small
# models around it; see that they agree; measure them; scale the ONNX model; and move GourmetGram's page to it.
#
# ## You will learn
#
# - what a backend is, and what an ensemble is;
# - which comparison is fair, and how to notice that one is not;
# - what it costs to send numbers instead of photos;
# - how a page changes its server without noticing.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 45 minutes. The machine works for about a minute.

# %%
import numpy as np

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets
from labs.charts import before_after, queue_compute
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.preprocess import load_image, to_input
from labs.serve.models import fp32_model
from labs.serve.page.asking import ask

# %%
from labs.serve.page.settings import PageSettings
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import live_load, run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("36")), sep="\n")

# %% [markdown]
# ## Predict
#
# Eight senders with photos. How many times as many answers a second does the ensemble (decode in Python, network in
# ONNX Runtime, name in Python) give as the Python model with torch? Each model has one copy with one thread.

# %% checkpoint="s.onnx.gain_guess"
predict("s.onnx.gain_guess", ...)

# %% [markdown]
# ## Act
#
# An **ensemble** is a configuration and nothing else: it names models, and whose output is whose input. Triton hands
# the tensors on. To the client it looks exactly like `food_classifier`.

# %%
onnx_path = fp32_model()
onnx = catalogue.food_classifier_onnx(onnx_path, instances=opening.place(1))
python = catalogue.food_classifier(assets.model(), instances=opening.place(1))
ensemble = catalogue.food_ensemble()
models = [python, onnx, catalogue.food_preprocess(), catalogue.food_label(), ensemble]
triton = run_with_progress(lambda report: opening.open_triton(models, report), "Start Triton")

# %%
print(triton.repository.config("food_classifier_ensemble"))

# %% [markdown]
# `backend: "onnxruntime"` in the ONNX model's configuration is all that is said about running it. In NVIDIA's container
# that means a backend in C++. The wheel on your laptop has none, but Triton also takes a backend that is written in
# Python, and the course brings one (`labs/serve/triton/models/onnxruntime_backend.py`, ninety lines). The repository is
# the same in both.
#
# ### Do they agree?
#
# Three ways to the same class, through the page's own client. The page is told by a setting whom to ask, and shows the
# same to its users. `triton-onnx` decodes in the page and sends numbers; the others send the photo.

# %%
ways = {
    "python": PageSettings(server="triton-python", url=triton.url),
    "ensemble": PageSettings(server="triton-python", url=triton.url, model="food_classifier_ensemble"),
    "onnx": PageSettings(server="triton-onnx", url=triton.url),
}
said = {way: [ask(photo(number), settings) for number in range(6)] for way, settings in ways.items()}
labels = {way: [one.label for one in answers] for way, answers in said.items()}
probs = {way: [one.probability for one in answers] for way, answers in said.items()}
labels

# %% checkpoint="s.onnx.agree"
# The largest difference between two ways' probabilities for the same photo.
difference = ...
answer("s.onnx.agree", {"difference": difference, "probs": probs, "labels": labels})

# %%
check("s.onnx.agree")

# %% [markdown]
# Before any figure is compared, this is what has to be true: same weights, same recipe, same answers. Rounding is all
# that is left.
#
# ## Measure
#
# Eight senders on each. Two of them get photos. The third gets what the network eats: numbers, preprocessed beforehand.

# %%
photos = [photo(number) for number in range(8)]
tensors = tensor_inputs(np.stack([to_input(load_image(one)) for one in photos]))
targets = {
    "way-python": triton_target(triton, python, image_inputs(photos)),
    "way-ensemble": triton_target(triton, ensemble, image_inputs(photos), network=onnx_path),
    "way-onnx": triton_target(triton, onnx, tensors),
}


# %%
predicted("s.onnx.gain_guess")


def load(option: str, target):
    """Return the record of eight senders, kept in the ledger."""
    loop = {"concurrency": 8, "requests": 160, "timeout_s": 60, "option": option}
    return ledger().append(live_load(lambda **hooks: closed_loop(target, **loop, **hooks), option))


runs = {option: load(option, target) for option, target in targets.items()}
queue_compute(list(runs.values()))

# %%
reconcile("s.onnx.gain_guess")

# %% [markdown]
# (Of an ensemble Triton counts what its steps computed. What a photo waited for between them is in *around*;
# `triton.statistics(name)` of each step tells.)
#
# ### A fair comparison
#
# The manager's question is: *what do users who send photos gain when the network moves from torch to ONNX Runtime?*
# Choose the two runs that answer it.

# %%
rates_rps = {option: record.throughput_rps.value for option, record in runs.items()}
rates_rps

# %% checkpoint="s.onnx.fair"
# Option and baseline by name, and their ratio of answers a second.
fair = {"option": ..., "baseline": ..., "ratio": ...}
answer("s.onnx.fair", fair)

# %%
check("s.onnx.fair")

# %% [markdown]
# ### What numbers weigh
#
# The run `way-onnx` was spared the decoding. It paid elsewhere. How many times as many bytes does one of its requests
# carry as a request with a photo? (`target.bodies[0]` is a request as it goes out.)

# %% checkpoint="s.onnx.bytes"
heavier = ...
sizes = {option: len(target.bodies[0]) for option, target in targets.items()}
answer("s.onnx.bytes", {"heavier": heavier, "sizes": sizes})

# %%
check("s.onnx.bytes")

# %% [markdown]
# At 1000 photos a second that is 5 Gbit/s on the wire instead of a third of one. Where preprocessing belongs is a
# question of networks as much as of processors.
#
# ### Scaled
#
# Now two copies of the ONNX model, with one thread each, under the same load.

# %%
scaled = catalogue.food_classifier_onnx(onnx_path, instances=opening.place(2))
print(triton.change(scaled.settings))
runs["way-onnx-2"] = load("way-onnx-2", triton_target(triton, scaled, tensors))
before_after(runs["way-onnx"], runs["way-onnx-2"])

# %% checkpoint="s.onnx.scaled"
# Answers a second with two copies over one, and the seconds from the order to the model's being ready again.
scaled_by = {"ratio": ..., "ready_after_s": ...}
answer("s.onnx.scaled", {**scaled_by, "change_s": triton.changes[-1].ready_after_s})

# %%
check("s.onnx.scaled")

# %% [markdown]
# Published results of an earlier lab, on a node with two P100, perf_analyzer sending numbers:
#
# | ONNX backend | photos/s | latency |
# |---|---:|---:|
# | one copy, 1 sender | 138 | 6.7 ms |
# | one copy on each GPU, 8 senders | 1182 | 6.1 ms |
# | one copy on each GPU, 16 senders | 1257 | 12 ms |
#
# Its Python model with torch made 118.7 photos a second of four copies on each GPU. Is 1257 over 118.7 a fair ratio?
# You know by now what to ask.
#
# ### The page moves
#
# The page has been asking `food_classifier`. From now on it asks the ensemble: one setting, and not a line of code.

# %%
before, after = (ask(photo(3), ways[way]) for way in ("python", "ensemble"))
for way, said_now in (("python", before), ("ensemble", after)):
    print(f"{ways[way].answered_by}: {said_now.label}, {said_now.probability:.4f}")

# %% [markdown]
# To see it in your browser, type this in a terminal of the same machine. It prints an address; on a leased machine,
# open the one that the tunnel has made of it (`forward`'s table: port 8090).

# %%
print(ways["ensemble"].terminal_line())

# %% [markdown]
# ## Checkpoint
#
# The contract held: the same request, the same reply. That is what made it possible to change everything behind it.

# %%
check("s.onnx.gain_guess")

# %% [markdown]
# When you have looked at the page, stop the server:

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - `catalogue.food_classifier_int8(int8_model())` (from `labs.serve.models`) is the quantized twin. How much of part
#   1's gain arrives at the client? `food_ensemble("food_classifier_int8")` puts it behind the same contract.
# - Which step is the bottleneck of the ensemble? Ask `triton.statistics(name)` of each, and give that step two copies.
# - Send the numbers in shared memory (on a laptop; a node's container has its own): start with
#   `open_triton(models, shared_memory=True)`, then
#   `Analysis("food_classifier_onnx", 8, shapes=(("input", (3, 224, 224)),), shared_memory=True)` with `analyze`. What
#   did the wire cost?
