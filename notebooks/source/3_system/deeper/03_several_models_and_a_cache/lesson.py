# ---
# jupyter:
#   lesson:
#     id: cache
#     title: Several models and a cache
#     summary: two versions of one model side by side, a neighbour that comes and goes, and answers computed once
#     part: 3
#     kind: deeper
#     where: [laptop]
#     needs: [batching]
#     ports: []
#     takes:
#       quantize: [models/int8-static-u8s8.onnx]
#       ensemble: [programs/repository/food_classifier_onnx/config.pbtxt]
# ---

# %% [markdown]
# # Several models and a cache
#
# Two wishes arrive on one morning. The model team wants some users to get the INT8 classifier *beside* the old one. And
# the page asks for the colours of the same few popular photos again and again. **What does a server share between its
# models, and what is an answer worth that was computed before?** You need a laptop with x86-64 Linux. The next cell
# imports what the lesson uses.

# %% folded=true
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs.checkpoints import check, predict, predicted
from labs.data.intake import open_photo, to_input
from labs.load import closed_loop, image_inputs
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir

# %% [markdown]
# ## Predict
#
# One client asks for the colours of photos. How many times as many answers a second does it get if *every* photo was
# asked for before and its answer was kept, compared with photos that are all new? And if every second one was asked for
# before?

# %%
predict("cache.hits", all=..., half=...)

# %% [markdown]
# ## Two versions
#
# Each numbered folder of a model is a version of it. Here 1 is the float32 file and 2 your INT8 one of *Quantize*. By
# default Triton serves the *latest* alone: on the day on which someone copies a folder `2` there, all users get it. The
# stanza `version_policy` says what is meant: `{ latest { num_versions: 1 } }` is the default, `{ all { } }` takes every
# folder, and `{ specific { versions: [ … ] } }` those that are named. A stray folder must not become a release, so name
# the two.

# %%
repository = programs_dir() / "several"
classifier = repository / "food_classifier_onnx"
for version, path in {"1": fp32_model(), "2": models_dir() / "int8-static-u8s8.onnx"}.items():
    (classifier / version).mkdir(parents=True, exist_ok=True)
    shutil.copy(path, classifier / version / "model.onnx")
PLAIN = (programs_dir() / "repository" / "food_classifier_onnx" / "config.pbtxt").read_text()  # of *Build an ensemble*

# %% question="cache.versions"
stanza = """
### BEGIN SOLUTION
version_policy: { specific { versions: [ 1, 2 ] } }
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
(classifier / "config.pbtxt").write_text(PLAIN + stanza)
check("cache.versions", classifier / "config.pbtxt")

# %% [markdown]
# A client asks for a version by its number. If it names none, it gets the highest one that is served.

# %%
catalogue.ModelRepository(repository).write([catalogue.food_palette()])
palette = repository / "food_palette" / "config.pbtxt"
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model("food_classifier_onnx", headers=triton.headers)
tensors = np.stack([to_input(open_photo(photo(number))) for number in range(4)])
asked = httpclient.InferInput("input", tensors.shape, "FP32")
asked.set_data_from_numpy(tensors)
rows = {}
for version in ("1", "2", ""):
    answer = client.infer("food_classifier_onnx", [asked], model_version=version)
    rows[version or "not named"] = answer.as_numpy("output")[0, :5]
pd.DataFrame(rows).T.rename_axis("logits of one photo").round(3)

# %% [markdown]
# Which one did the client get that named none? Each version has a queue and an instance of its own. They share the
# processors and the memory, as any two models do (*Batch and multiply* measures that), and no stanza divides those.
#
# ## Answers from a cache
#
# The colours of a photo never change. The server keeps answers in a cache, and a model takes part when its text says
# `response_cache { enable: true }`. The key is a hash of model, version and input, byte by byte. A few bytes after a
# JPEG's end change nothing in the picture, but for the cache it is another photo.

# %%
palette.write_text(palette.read_text() + "response_cache { enable: true }\n")
client.load_model("food_palette", headers=triton.headers)
photos, numbers = [photo(number) for number in range(8)], iter(range(1_000_000))


def new():
    """Return a photo that was never asked for before."""
    return photo(0) + f"{next(numbers):09d}".encode()


def measure(option, sent, **loop):
    """Return the record of 100 requests, and how many of them Triton counts as hits."""
    before = client.get_inference_statistics("food_palette")["model_stats"][0]["inference_stats"]["cache_hit"]["count"]
    target = triton_target(triton, "food_palette", image_inputs(sent))
    run = closed_loop(target, concurrency=1, requests=100, option=option, **loop)
    after = client.get_inference_statistics("food_palette")["model_stats"][0]["inference_stats"]["cache_hit"]["count"]
    return ledger().append(run), after - before


guesses = predicted("cache.hits")
warm = measure("cache-warm", photos, warmup_requests=8)  # each of the eight photos once, before the clock starts
mixed = measure("cache-half", [one for number in range(60) for one in (new(), photos[number % 8])])
fresh = measure("cache-new", [new() for _ in range(120)])

# %% [markdown]
# What is a share of hits worth? Two numbers are known: the seconds of a hit, and those of a miss. A client waits for
# each answer before it asks again.


# %% question="cache.rate"
def answers_a_second(hit_share, hit_s, miss_s):
    """Return how many answers a second one client gets that waits for each answer before it asks again."""
    ### BEGIN SOLUTION
    return 1 / (hit_share * hit_s + (1 - hit_share) * miss_s)
    ### END SOLUTION


check("cache.rate", answers_a_second)

# %%
hit_s, miss_s = (float(np.mean(run.samples)) for run, _ in (warm, fresh))
base, rows = fresh[0].throughput_rps.value, {}
for name, (run, hits) in {"all new": fresh, "half": mixed, "all asked before": warm}.items():
    rate = run.throughput_rps.value
    rows[name] = {"hits": hits, "answers a second": rate, "times as many": rate / base}
    rows[name]["your function"] = answers_a_second(hits / len(run.samples), hit_s, miss_s)
table = pd.DataFrame(rows).T
table["you predicted"] = pd.Series({"half": guesses["half"], "all asked before": guesses["all"]})
table.round(2)

# %%
shares = np.linspace(0, 1, 101)
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
axis.plot(100 * shares, [answers_a_second(one, hit_s, miss_s) for one in shares], label="your function")
axis.plot([0, 100], [1 / miss_s, 1 / hit_s], "--", color="silver", label="a straight line, which rates do not follow")
axis.scatter([one["hits"] for one in rows.values()], [one["answers a second"] for one in rows.values()], color="k")
axis.set(xlabel="hits, %", ylabel="answers a second")
axis.legend()

# %% [markdown]
# If half of the requests are hits, the misses still take nearly all of the time. *Times* add up, and rates do not: the
# curve rises at its end. A cache pays if nearly everything repeats. It takes memory, keeps wrong answers too, and must
# not be used for a model whose answer depends on anything but its input.

# %%
triton.stop()

# %% [markdown]
# ## What you found
#
# Versions are folders that a stanza names, and a client chooses. What was computed before is as fast as a lookup, and
# most of a cache's worth comes from its last per cent of hits: look at the share of repeats in your own log before you
# turn it on.
#
# - `response_cache` for the classifier: which clients would ever send the same 150,528 numbers twice?
# - Move version 2 away and load the model again. What does a client get that asks for it?
