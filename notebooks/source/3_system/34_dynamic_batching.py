# ---
# jupyter:
#   lesson:
#     title: Dynamic batching
#     summary: "a dynamic_batching stanza loaded while the server runs: which batches, what they bring, who pays"
#     part: 3
#     number: "34"
#     minutes: 20
#     kind: core
#     where: [laptop]
#     needs: ["33"]
#     ports: []
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Dynamic batching
#
# Users send one photo each. A network likes many. Between the two stands a queue, and a queue is a place where requests
# can wait for company: with **dynamic batching** the server takes several of them out at once and runs them together.
#
# "So we get it for nothing?" asks the manager. Today you find out who pays.
#
# ## You will do
#
# Write a `dynamic_batching` stanza, let the running server load it, count which batches it makes, compare before and
# after under load, and then look at a single user on a quiet morning.
#
# ## You will learn
#
# - to change a served model in seconds, without stopping the server;
# - what *delay* and *preferred sizes* mean;
# - to read Triton's statistics by batch size;
# - what batching buys, and what it costs whom.
#
# ## You need
#
# A laptop with x86-64 Linux, 20 minutes. The machine works for about two of them.

# %%
import math
import time

import pandas as pd
import tritonclient.http as httpclient

from grading.checkpoints import check, predict, predicted, reconcile
from labs.charts import batch_histogram, before_after
from labs.load import closed_loop, image_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.serve.photos import photo
from labs.serve.triton import opening
from labs.widgets import live_load, run_with_progress

print(capability_text(for_lesson("34")))

# %% [markdown]
# ## Predict
#
# Eight clients, one instance of the Python model, images one by one. Now the server may put up to sixteen of them
# together. How many times as many answers does it give in a second? 1 means that nothing changes.

# %% checkpoint="s.batching.gain_guess"
predict("s.batching.gain_guess", ...)

# %% [markdown]
# Then one client alone, and requests that may wait 50 milliseconds for company. How many times as long is its median
# latency as without any waiting?

# %% checkpoint="s.batching.alone_guess"
predict("s.batching.alone_guess", ...)

# %% [markdown]
# ## Act
#
# Start as in the last lesson, with your `food_classifier` as it was (where you have left lesson 33 out, the course's
# stands in its place), and measure how it is now.

# %%
repository = opening.lesson_repository()
config_path = repository / "food_classifier" / "config.pbtxt"
PLAIN = """
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
config_path.write_text(PLAIN)

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
images = image_inputs([photo(number) for number in range(8)])


# %%
def load(option, clients, requests=120):
    """Return the record of one run of so many clients, kept in the ledger."""
    target = triton_target(triton, "food_classifier", images)
    loop = {"concurrency": clients, "requests": requests, "timeout_s": 60, "option": option}
    return ledger().append(live_load(lambda **hooks: closed_loop(target, **loop, **hooks), option))


# %%
config_path.write_text(PLAIN)  # when this cell runs again, another text stands there by then
client.load_model("food_classifier", headers=triton.headers)
plain = load("plain-8", 8)

# %% [markdown]
# ### A change while it runs
#
# You edit `config.pbtxt` and tell the server to load the model again. Until the new one is ready, the old one goes on
# serving; where the new text cannot be loaded, the old one stays. Add a stanza to `PLAIN`:
#
# ```
# dynamic_batching {
#   preferred_batch_size: [ … ]
#   max_queue_delay_microseconds: …
# }
# ```
#
# A batch of a preferred size sets off at once. A smaller one waits, until its oldest request has waited for the delay.
# For the course to go on alike for everybody: a batch of 4 or of 8 sets off at once, and a request may wait 5
# *milliseconds*.

# %% checkpoint="s.batching.config"
batching = ...  # the stanza, as text
config_path.write_text(PLAIN + batching)

# %%
check("s.batching.config", repository / "food_classifier")

# %% [markdown]
# The check has loaded a copy into a Triton of its own, sent 48 requests from eight clients, and read from the
# statistics which batches were made of them. Now load it into yours, and see how long that takes:

# %%
config_path.write_text(PLAIN + batching)
begin_s = time.perf_counter()
client.load_model("food_classifier", headers=triton.headers)
print(f"ready after {time.perf_counter() - begin_s:.1f} s")
client.get_model_config("food_classifier").get("dynamic_batching")

# %% [markdown]
# ## Measure

# %%
predicted("s.batching.gain_guess")
before = client.get_inference_statistics("food_classifier")
batched = load("batched-8", 8)
after = client.get_inference_statistics("food_classifier")
before_after(plain, batched)

# %%
reconcile("s.batching.gain_guess")

# %% [markdown]
# ### Which batches?
#
# Triton counts its executions by batch size, in `batch_stats`. Since a load begins the counters anew, `before` holds
# nothing here; after a second run it would.

# %%
pd.json_normalize(after["model_stats"][0]["batch_stats"])

# %%
batch_histogram(batched)


# %% checkpoint="s.batching.mean"
def mean_batch(before, after):
    """Return how many images one execution held on average, between two readings; 0 where there was none.

    Args:
        before, after: What `client.get_inference_statistics` returned: {"model_stats": [{"batch_stats": [
            {"batch_size": 4, "compute_infer": {"count": executions, "ns": …}, …}, …], …}]}. Sizes that have not
            occurred yet are not in the list.
    """
    ...


# %%
check("s.batching.mean", mean_batch)

# %%
mean_batch(before, after)

# %% [markdown]
# Hold it against the eight clients. Those whose requests were answered in one batch come back at the same moment, with
# the next ones, so clients in a closed loop tend to fall into step and fill the same batch again and again. Users know
# nothing of each other: with them, batches are smaller and less alike.
#
# On the older lab's P100, with its Python model and preferred sizes of 4, 6, 8 and 10: 52.4 images a second without,
# 78.6 with dynamic batching, at eight clients, and the latency fell from 152 to 101 ms (published). A GPU wins by
# batches, and yet that is far from the 656.6 of its requests of sixteen. Its counters tell why: 3.7 images in an
# execution on average.
#
# ### Who pays?
#
# Now the quiet morning: one user. To see the price clearly, let requests wait 50 milliseconds for company.


# %%
def serve_with_delay(microseconds):
    """Let Triton load the model with this delay, and no preferred sizes."""
    config_path.write_text(f"{PLAIN}dynamic_batching {{ max_queue_delay_microseconds: {microseconds} }}\n")
    client.load_model("food_classifier", headers=triton.headers)


# %%
serve_with_delay(0)
patient = load("alone-delay-0", 1, 30)

# %%
predicted("s.batching.alone_guess")
serve_with_delay(50_000)
waiting = load("alone-delay-50", 1, 30)
before_after(patient, waiting)

# %%
reconcile("s.batching.alone_guess")

# %% [markdown]
# Nobody else came, and the request waited all the same. A delay is a bet that somebody else comes in time. Users who
# know nothing of each other arrive as a *Poisson process*: at $\lambda$ requests a second, nobody comes within $d$
# seconds with probability $e^{-\lambda d}$. When is the bet good?


# %% checkpoint="s.batching.company"
def company(rate_rps, delay_us):
    """Return the probability that at least one other request arrives within the delay.

    Args:
        rate_rps: Requests a second, from users who know nothing of each other.
        delay_us: `max_queue_delay_microseconds`.
    """
    ...


# %%
check("s.batching.company", company)

# %%
rates, delays_us = (20, 100, 500, 2000), (100, 1000, 5000, 50_000)
pd.DataFrame({f"{us} us": [company(rate, us) for rate in rates] for us in delays_us}, [f"{one}/s" for one in rates])

# %% [markdown]
# ## Checkpoint
#
# A busy server needs no delay: its queue fills by itself while the last batch runs. On a quiet one the delay is paid
# and rarely used. It can pay in between, and your two figures say where that is: what a batch saves here, and how
# probable company is.

# %%
check("s.batching.gain_guess")

# %%
check("s.batching.alone_guess")

# %%
config_path.write_text(PLAIN)
triton.stop()

# %% [markdown]
# ## On your own
#
# - Run `plain-8` and `batched-8` with 16 and 32 clients. Which batches are made then?
# - Misspell `max_queue_delay_microseconds` and load. What does the client hear, what says `triton.log()`, and does the
#   old model still answer?
# - `default_queue_policy { max_queue_size: 4 }` inside the stanza: what do 16 clients get?
