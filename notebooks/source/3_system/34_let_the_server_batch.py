# ---
# jupyter:
#   lesson:
#     title: Let the server batch
#     summary: "dynamic batching switched on while it serves: which batches, what they bring, who pays"
#     part: 3
#     number: "34"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["33"]
#     ports: []
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Let the server batch
#
# Users send one photo each. A network likes many. Between the two stands a queue, and a queue is a place where photos
# can wait for company: with **dynamic batching** the server takes several of them out at once and runs them together.
#
# "So we get it for nothing?" asks the manager. Nothing is for nothing, and today you find out who pays.
#
# ## You will do
#
# Switch dynamic batching on while the server runs; count which batches it makes; compare before and after under load;
# and then look at a single user on a quiet morning.
#
# ## You will learn
#
# - to change a served model in seconds, seeing the difference before it is made;
# - what *delay* and *preferred sizes* mean;
# - to read Triton's statistics by batch size;
# - what batching buys, and what it costs whom.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes. The machine works for about a minute.

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets

# %%
from labs.charts import batch_histogram, before_after
from labs.load import closed_loop, image_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.serve.triton.statistics import statistics_table
from labs.widgets import config_editor, live_load, run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("34")), sep="\n")

# %% [markdown]
# ## Predict
#
# Eight senders, one copy of the Python model, photos one by one. Now the server may put up to sixteen of them together.
# How many times as many answers does it give in a second? 1 means that nothing changes.

# %% checkpoint="s.batching.gain_guess"
predict("s.batching.gain_guess", ...)

# %% [markdown]
# ## Act
#
# Start as in the last lesson, and measure how it is now.

# %%
weights = assets.model()
model = catalogue.food_classifier(weights, instances=opening.place(1))
triton = run_with_progress(lambda report: opening.open_triton([model], report), "Start Triton")
requests = image_inputs([photo(number) for number in range(8)])


# %%
def load(option: str, senders: int, requests_sent: int = 120):
    """Return the record of one run of so many senders, kept in the ledger."""
    loop = {"concurrency": senders, "requests": requests_sent, "timeout_s": 60, "option": option}
    target = triton_target(triton, model, requests)
    return ledger().append(live_load(lambda **hooks: closed_loop(target, **loop, **hooks), option))


# %%
plain = load("plain-8", 8)

# %% [markdown]
# ### A change while it runs
#
# In many shops such a change means: edit a file in a terminal, build an image, push it, restart. Here the settings are
# values in Python. They are checked, written, and Triton is told to read them again; until the new ones are ready the
# old ones go on serving. Turn the knobs: what cannot work is refused, and the diff shows what would change.

# %%
config_editor(model.settings)

# %% [markdown]
# For the course to go on alike for everybody, take these: photos may wait 5 milliseconds for company (Triton counts in
# microseconds), and a batch of 4 or of 8 sets off at once.

# %%
batching = {"max_queue_delay_us": 5_000, "preferred_batch_sizes": (4, 8)}
model = catalogue.food_classifier(weights, instances=opening.place(1), dynamic_batching=batching)
change = triton.change(model.settings)
print(change)

# %% [markdown]
# ## Measure

# %%
predicted("s.batching.gain_guess")
batched = load("batched-8", 8)
before_after(plain, batched)

# %%
reconcile("s.batching.gain_guess")

# %% [markdown]
# ### Which batches?
#
# Triton counts its runs by batch size. The statistics began anew with the reload, so they hold nothing but this run
# (and its warm-up).

# %%
batch_histogram(batched)

# %%
statistics_table(triton.statistics("food_classifier"))

# %% checkpoint="s.batching.mean"
# How many photos were in a run on average? From `batched.load.server`: requests and executions.
mean_batch = ...
answer("s.batching.mean", mean_batch)

# %%
check("s.batching.mean")

# %% [markdown]
# Hold it against the eight senders. Those whose photos were answered in one batch come back at the same moment, with
# the next photos, so senders in a closed loop tend to fall into step and fill the same batch again and again. Users who
# know nothing of each other do not march: with them, batches are smaller and less alike.
#
# ### What did it buy?
#
# Give the ratio of answers a second, after over before, and what may be said about it. The two intervals decide: the
# ratio can be as low as `after.low / before.high` and as high as `after.high / before.low`. Where `before.low` is 0,
# nothing bounds it from above: `high` is None then.

# %% checkpoint="s.batching.gain"
# The claim is one of "better", "worse" and "cannot tell".
gain = {"ratio": ..., "low": ..., "high": ..., "claim": ...}
answer("s.batching.gain", gain)

# %%
check("s.batching.gain")

# %% [markdown]
# On the older lab's P100, with its Python model: 52.4 photos a second without, 78.6 with dynamic batching, at eight
# senders, and the latency fell from 152 to 101 ms (published, one node with two P100). A GPU wins by batches, and yet
# it is far from the 656.6 of its batches of sixteen: most of the time goes into Python, which decodes the photos one
# after the other.
#
# ### Who pays?
#
# Now the quiet morning: a single user. To see the price clearly, let photos wait 50 milliseconds for company.

# %%
model = catalogue.food_classifier(weights, instances=opening.place(1), dynamic_batching={"max_queue_delay_us": 0})
triton.change(model.settings)
patient = load("alone-delay-0", 1, 30)

# %%
model = catalogue.food_classifier(weights, instances=opening.place(1), dynamic_batching={"max_queue_delay_us": 50_000})
triton.change(model.settings)
waiting = load("alone-delay-50", 1, 30)
before_after(patient, waiting)

# %% [markdown]
# Nobody else came. He waited all the same.

# %% checkpoint="s.batching.price"
# By how many seconds did the median latency of a lonely sender grow? Use `percentile(50)` of both records.
price_s = ...
answer("s.batching.price", price_s)

# %%
check("s.batching.price")

# %% [markdown]
# What would you tell the manager? A delay is a bet that somebody else comes in time. Someone comes within the delay
# when photos arrive more often than once a delay.

# %% checkpoint="s.batching.worth"
# Photos arrive at these rates (photos a second). With a delay of 5 ms: does a photo that waits expect company in time?
# True or False for each: is the mean time between two photos shorter than the delay?
company = {20: ..., 100: ..., 500: ...}
answer("s.batching.worth", {str(rate): found for rate, found in company.items()})

# %%
check("s.batching.worth")

# %% [markdown]
# ## Checkpoint
#
# A busy server needs no delay: its queue fills by itself while the last batch runs. On a quiet one the delay is paid
# and rarely used. So a delay pays in between, where photos come often but not often enough. That is why it is measured
# in hundreds of microseconds by those who measure it, and in tens of milliseconds by those who do not.

# %%
check("s.batching.gain_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - Give the editor something to do: `config_editor(model.settings, triton.change)` has a button.
# - Leave `preferred_batch_sizes` out. Which batches appear now?
# - `max_queue_size` refuses photos instead of letting them wait. What do senders get, and what becomes of p99?
# - `triton.changes` kept every change of this lesson, with the statistics before and after it. Whom would that help?
