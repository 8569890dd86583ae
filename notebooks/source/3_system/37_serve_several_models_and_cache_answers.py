# ---
# jupyter:
#   lesson:
#     title: Serve several models and cache answers
#     summary: two versions of one model, a neighbour and what it costs, models that come and go, a response cache
#     part: 3
#     number: "37"
#     minutes: 35
#     kind: extra
#     where: [laptop]
#     needs: ["36"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Serve several models and cache answers
#
# Three wishes arrive on one morning. The model team has an INT8 classifier and wants some users to get it *beside* the
# old one. The designers bring `food_palette`, which finds a photo's main colours: may it live on the same server? And
# the page asks for the colours of the same few popular photos again and again: must they be computed each time?
#
# ## You will do
#
# Serve two versions of one model; measure what a neighbour costs; load and unload it under load; and let Triton answer
# from its cache what it has answered before. All of it in `config.pbtxt`.
#
# ## You will learn
#
# - `version_policy`, and how a client asks for a version;
# - what models on one server share, and whether that uses the machine better or only divides it;
# - `response_cache`, and what a share of hits is worth.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 35 minutes. The machine works for about a minute.

# %%
import shutil
from functools import partial

import numpy as np
import tritonclient.http as httpclient

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import before_after, queue_compute
from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.race import together
from labs.load.served import triton_target
from labs.machine import capability_text, for_lesson
from labs.records.ledger import ledger

# %%
from labs.serve.models import fp32_model, int8_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.stats import quotient
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("37")))

# %% [markdown]
# ## Predict
#
# Four clients on the classifier, and now four clients on the palette as well. How many times as long will the
# classifier's median answer take as before? 1 means that nobody notices.

# %% checkpoint="s.several.slower_guess"
predict("s.several.slower_guess", ...)

# %% [markdown]
# And when a client asks for the colours of photos that were all asked for before, answered from the cache: how many
# times as many answers a second does it get as with photos that are all new?

# %% checkpoint="s.several.cached_guess"
predict("s.several.cached_guess", ...)

# %% [markdown]
# ## Act
#
# ### Two versions
#
# Each numbered folder of a model is a version of it. Here 1 is the float32 file and 2 the INT8 one:

# %%
repository = programs_dir() / "several"
classifier = repository / "food_classifier_onnx"
for version, path in {"1": fp32_model(), "2": int8_model()}.items():
    (classifier / version).mkdir(parents=True, exist_ok=True)
    shutil.copy(path, classifier / version / "model.onnx")

# %% [markdown]
# Unless it is told otherwise, Triton serves the *latest* version alone: the day on which somebody copies a folder `2`
# there, everybody gets it. The stanza `version_policy` says what is meant: `{ latest { num_versions: 1 } }` is the
# default, `{ all { } }` serves every folder, and `{ specific { versions: [ … ] } }` those that are named. A stray
# folder must not become a release: name the two. Write the whole text, with one instance on the CPU and batches of up
# to 16.

# %% checkpoint="s.several.versions"
# name: "food_classifier_onnx"; backend, inputs and outputs as in lesson 36.
classifier_config = """
...
"""
(classifier / "config.pbtxt").write_text(classifier_config)

# %%
check("s.several.versions", classifier)

# %% [markdown]
# A client asks for a version by its number. Who names none gets the highest one that is served.

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier_onnx", headers=triton.headers)
photos = [photo(number) for number in range(8)]
tensors = np.stack([to_input(load_image(one)) for one in photos])

# %%
asked = httpclient.InferInput("input", tensors.shape, "FP32")
asked.set_data_from_numpy(tensors)
for version in ("1", "2", ""):
    logits = client.infer("food_classifier_onnx", [asked], model_version=version).as_numpy("output")
    print(f"version {version or 'not named'}: {logits[0, :4].round(3)}")

# %% [markdown]
# ### A neighbour
#
# The palette's `model.py` is the designers' (k-means over pixels, in Python). Its configuration:

# %%
palette = repository / "food_palette"
(palette / "1").mkdir(parents=True, exist_ok=True)
for place, source in catalogue.python_files("palette.py").items():
    (palette / "1" / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, palette / "1" / place)
PALETTE_CONFIG = """
name: "food_palette"
backend: "python"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "COLOURS" data_type: TYPE_STRING dims: [ 3 ] },
  { name: "SHARES" data_type: TYPE_FP32 dims: [ 3 ] }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
(palette / "config.pbtxt").write_text(PALETTE_CONFIG)
client.load_model("food_palette", headers=triton.headers)

# %%
text = image_inputs([photo(3)])[0]["INPUT_IMAGE"]
asked = httpclient.InferInput("INPUT_IMAGE", text.shape, "BYTES")
asked.set_data_from_numpy(text)
client.infer("food_palette", [asked]).as_numpy("COLOURS")

# %% [markdown]
# ## Measure

# %%
predicted("s.several.slower_guess")
predicted("s.several.cached_guess")
network = classifier / "2" / "model.onnx"
to_classifier = triton_target(triton, "food_classifier_onnx", tensor_inputs(tensors), network=network)
to_palette = triton_target(triton, "food_palette", image_inputs(photos), network=palette / "1" / "model.py")
four = partial(closed_loop, concurrency=4, duration_s=4, timeout_s=60)


# %%
def load(*works):
    """Return the records of works that run at the same time, kept in the ledger."""
    records = run_with_progress(lambda report: together(*works, on_progress=report), f"{len(works)} at once")
    return [ledger().append(record) for record in records]


# %%
(classifier_alone,) = load(partial(four, to_classifier, option="classifier-alone"))
(palette_alone,) = load(partial(four, to_palette, option="palette-alone"))
classifier_both, palette_both = load(
    partial(four, to_classifier, option="classifier-both"), partial(four, to_palette, option="palette-both")
)
queue_compute([classifier_alone, classifier_both, palette_alone, palette_both])

# %%
reconcile("s.several.slower_guess")

# %% [markdown]
# Each model has its own queue: no image of the classifier ever stood behind one of the palette. Which part of the bar
# grew? What they share lies below Triton.
#
# Alone, each model had the machine to itself. Side by side each reaches a *share* of what it reached alone. If the two
# shares add up to 1, the machine was divided. If they add up to more, something idle was put to use; to less, they
# stood in each other's way.

# %%
shares = {
    "classifier": quotient(classifier_both.throughput_rps, classifier_alone.throughput_rps),
    "palette": quotient(palette_both.throughput_rps, palette_alone.throughput_rps),
}
low, high = sum(one.low for one in shares.values()), sum(one.high for one in shares.values())
print({name: f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for name, one in shares.items()})
print(f"together {sum(one.value for one in shares.values()):.2f} ({low:.2f} to {high:.2f})")

# %% checkpoint="s.several.shares"
# "put to use" (the whole interval above 1), "in each other's way" (below 1) or "cannot tell"; and the reason: what do
# the two share on this machine, and what not?
sharing = {"claim": ..., "reason": ...}
answer("s.several.shares", sharing)

# %%
check("s.several.shares")

# %% [markdown]
# ### Coming and going
#
# The designers have a new palette every other day. It goes and comes twice while the classifier is under load. Does a
# client of the classifier notice?


# %%
def come_and_go(on_progress):
    """Unload the palette and load it anew, twice; in a thread of its own, and so with a client of its own."""
    with httpclient.InferenceServerClient(triton.http, network_timeout=180) as own:
        for turn in range(2):
            on_progress(turn / 2, "the palette goes and comes")
            own.unload_model("food_palette", headers=triton.headers)
            own.load_model("food_palette", headers=triton.headers)


# %%
during, _ = run_with_progress(
    lambda report: together(partial(four, to_classifier, option="classifier-during"), come_and_go, on_progress=report),
    "Coming and going",
)
ledger().append(during)
print(f"{len(during.load.failures)} requests failed")
before_after(classifier_alone, during)

# %% [markdown]
# ### Answers from the cache
#
# The palette of a photo never changes. Triton can keep answers: the server has a cache (this one is started with
# `--cache-config=local,size=…`), and a model takes part when its configuration says `response_cache { enable: true }`.
# The key is a hash of model, version and input, byte by byte. Write the palette's text with it.

# %% checkpoint="s.several.cache"
cached_config = ...  # PALETTE_CONFIG, and one stanza more
(palette / "config.pbtxt").write_text(cached_config)

# %%
check("s.several.cache", palette)

# %% [markdown]
# Three mixes for one client: photos that are all new, half of each, and eight photos again and again. (A few bytes
# behind a JPEG's end change nothing in the photo, and make it another one for the cache.)

# %%
client.load_model("food_palette", headers=triton.headers)
numbers = iter(range(1_000_000))


def new():
    """Return a photo that nobody has asked for."""
    return photo(0) + f"{next(numbers):09d}".encode()


def mixes():
    """Return the photos of each mix; the new ones are new in each run."""
    return {
        0.0: [new() for _ in range(160)],
        0.5: [one for number in range(80) for one in (new(), photos[number % 8])],
        1.0: photos,
    }


# %%
cached = {}
for share, sent in reversed(mixes().items()):
    target = triton_target(triton, "food_palette", image_inputs(sent), network=palette / "1" / "model.py")
    before = client.get_inference_statistics("food_palette")["model_stats"][0]["inference_stats"]
    asked_before = 8 if share == 1 else 0  # each of the eight photos once, before the clock starts
    run = closed_loop(target, concurrency=1, requests=150, warmup_requests=asked_before, option=f"cache-{share:g}")
    after = client.get_inference_statistics("food_palette")["model_stats"][0]["inference_stats"]
    hits, misses = (after[name]["count"] - before[name]["count"] for name in ("cache_hit", "cache_miss"))
    cached[share] = ledger().append(run)
    print(f"{hits} hits, {misses} misses: {run.throughput_rps.value:.0f} answers a second")

# %%
reconcile("s.several.cached_guess")

# %% [markdown]
# What is a share of hits worth? Two numbers are known: what a hit takes, and what a miss takes. A client waits for each
# answer before it asks again, so *times* add up, and rates do not.


# %% checkpoint="s.several.rate"
def answers_per_s(hit_share, hit_s, miss_s):
    """Return the answers a second that one client gets.

    Args:
        hit_share: Share of its requests that are answered from the cache, 0 to 1.
        hit_s: Seconds of an answer from the cache.
        miss_s: Seconds of an answer that is computed (and kept).
    """
    ...


# %%
check("s.several.rate", answers_per_s)

# %%
hit_s, miss_s = (float(np.mean(cached[share].samples)) for share in (1.0, 0.0))
print(f"half hits: expected {answers_per_s(0.5, hit_s, miss_s)}, measured {cached[0.5].throughput_rps.value:.0f}")

# %% [markdown]
# Even at half hits the misses take most of the time: a cache pays where nearly everything repeats. And it takes memory,
# keeps wrong answers too, and must not be asked for a model whose answer depends on anything but its input.
#
# ## Checkpoint
#
# Versions, neighbours and caches are three stanzas. What they share, processors and memory, no stanza divides: walls
# between teams need more than one server's settings, and lesson 42 builds them.

# %%
check("s.several.slower_guess")

# %%
check("s.several.cached_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - Put `dynamic_batching { default_queue_policy { max_queue_size: 1 } }` into the palette's text, and send twelve
#   clients. Which status does a rejected request get, and what should a page do without colours?
# - Move version 2 away and load the model. What happens to a client that asks for it?
# - `response_cache` for the classifier: which clients would ever send the same 150,528 numbers twice?
# - Ask for a model that is not loaded. Which status comes back, and how long does it take?
