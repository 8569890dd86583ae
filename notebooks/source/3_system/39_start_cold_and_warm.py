# ---
# jupyter:
#   lesson:
#     title: Start cold and warm
#     summary: what a start is made of, and who pays when a service scales to zero
#     part: 3
#     number: "39"
#     minutes: 35
#     kind: core
#     where: [any]
#     needs: ["32"]
#     ports: []
#     uses: ["memory", "CUDA provider"]
# ---

# %% [markdown]
# # Start cold and warm
#
# At three in the morning nobody photographs food. The service sits there, holds its memory, and costs what it costs at
# noon. "Switch it off when nobody asks," says the manager, "and on again when somebody does. The cloud people call it
# *scale to zero*, and they say it is free."
#
# Who pays?
#
# ## You will do
#
# Start the service several times from nothing, and take the time apart until its first answer; then let it start by
# itself with the first photo, and stop by itself when it is idle.
#
# ## You will learn
#
# - what happens between a process's start and its first answer, and which part is the largest;
# - the difference between *alive* and *ready*, and who asks for which;
# - how often somebody meets a cold service, from two numbers and an exponential.
#
# ## You need
#
# A laptop or a node, 35 minutes. The machine works for about half a minute.

# %%
from math import exp, log

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.load.coldstart import cold_starts, timed_request

# %%
from labs.machine.capability import capability_text, for_lesson
from labs.records.format import megabytes, milliseconds
from labs.serve.models import fp32_model
from labs.serve.on_demand import OnDemand
from labs.serve.photos import photo
from labs.serve.settings import Settings
from labs.widgets import run_with_progress
from labs.workspace import ledger

print(capability_text(for_lesson("39")))

# %% [markdown]
# ## Predict
#
# A warm service answers a photo in some milliseconds. Somebody's photo finds no service at all: a process must start,
# Python must import its libraries, the model must load, and then the photo is answered. How many times as long does
# that person wait as one who finds it warm? (The service on ONNX Runtime.)

# %% checkpoint="s.cold.guess"
predict("s.cold.guess", ...)

# %% [markdown]
# ## Act
#
# Two services with one copy of the model each: in torch, and in ONNX Runtime. Each is started three times in a fresh
# process. We look from outside, as a platform does: `/healthz` answers as soon as the process is **alive**, `/readyz`
# only when the model is loaded and has predicted once, so that it is **ready**.

# %%
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
settings = {"cold-torch": Settings(instances=1), "cold-onnx": Settings(model=onnx_path, instances=1)}


# %%
predicted("s.cold.guess")


def measure_starts(option: str):
    """Return the records of three starts by kind; they are in the ledger then."""
    records = run_with_progress(
        lambda report: cold_starts(settings[option], photo(0), option=option, on_progress=report), f"Start {option}"
    )
    return {record.kind: ledger().append(record) for record in records}


starts = {option: measure_starts(option) for option in settings}

# %% [markdown]
# ## Measure
#
# Medians of the three starts, in four parts that follow each other:

# %%
parts = {}
for option, record in starts.items():
    alive_s = sorted(record["load_time"].details["alive_s"])[1]
    ready_s, first_s = record["load_time"].value.value, record["first_prediction"].value.value
    warm_s = record["latency"].value.value
    parts[option] = {"to alive": alive_s, "to ready": ready_s - alive_s, "first answer": first_s, "warm answer": warm_s}
    print(option.ljust(11), ", ".join(f"{name} {milliseconds(value)}" for name, value in parts[option].items()))

# %% checkpoint="s.cold.largest"
# For each option, the part that takes longest: "to alive", "to ready" or "first answer".
largest = {"cold-torch": ..., "cold-onnx": ...}
answer("s.cold.largest", largest)

# %%
check("s.cold.largest")

# %% [markdown]
# *To alive* is Python that imports a web framework. *To ready* is the copy's own process: it imports the runtime, reads
# nine megabytes of weights, prepares the graph and predicts once. The first answer is then nearly a warm one, because
# that prediction has been made before anybody asked. Without it, the first visitor would pay for it.
#
# A load balancer that sends photos as soon as a process is *alive* sends them too early. And one that restarts whatever
# is not *ready* would never let a large model finish loading. They are two questions, so they have two addresses.
#
# ### What the runtime weighs
#
# The weights are the same. How many times as long as the ONNX service does the torch service take from its start to
# ready?

# %% checkpoint="s.cold.runtime"
# From the two `load_time` records: the ratio of their medians, torch over ONNX.
ratio = ...
answer("s.cold.runtime", ratio)

# %%
check("s.cold.runtime")

# %% [markdown]
# ### Scale to zero
#
# `OnDemand` keeps an address and nothing else. The first connection starts the service, and waits in the socket's queue
# until it is accepted. When no photo has come for `idle_s` seconds, the service is stopped.

# %%
service = OnDemand(settings["cold-onnx"], idle_s=1.0)
nothing = service.memory_bytes()
cold_s = run_with_progress(lambda _: timed_request(service.url, photo(0)), "A photo for a service that is not there")
warm_s = [timed_request(service.url, photo(0)) for _ in range(10)][5]
held = service.memory_bytes()
print(f"cold {milliseconds(cold_s)}, warm {milliseconds(warm_s)}; memory {megabytes(nothing)}, then {megabytes(held)}")

# %%
service.wait_until_idle()
again_s = timed_request(service.url, photo(0))
print(f"idle for a second, gone, and started again: {milliseconds(again_s)}; started {service.starts} times")
service.close()

# %%
reconcile("s.cold.guess")

# %% [markdown]
# Free it is not: the one who comes first pays for all. How often is there one?
#
# At night a photo comes every sixty seconds on average, and photos know nothing of each other. The gaps between them
# are then exponential: a gap longer than *t* seconds has the probability `exp(-t / 60)`. A photo meets a cold service
# exactly when the gap before it was longer than the idle time.

# %%
print(f"longer than a minute: {exp(-60 / 60):.0%} of the gaps; and log undoes exp: {log(exp(-1)):g}")

# %% checkpoint="s.cold.share"
# The share of photos that meet a cold service when the idle time is 30 seconds (0 to 1); and the idle time in seconds
# at which one photo in a hundred does.
mean_gap_s = 60
share = {"cold_share": ..., "idle_s_for_one_percent": ...}
answer("s.cold.share", share)

# %%
check("s.cold.share")

# %% [markdown]
# And what is saved? The service is off for the part of each gap that lies behind the idle time. On average that is
# `60 * exp(-t / 60)` seconds of each gap: the same number once more. **The share of time in which you save is the share
# of people who wait.** A longer idle time moves both; it parts them never. Only a faster start does you good on both
# sides, which is why the parts above are worth reading.
#
# ## Checkpoint
#
# Say it to the manager: for how many photos a night people will wait, how long, and how much memory that frees. If the
# wait is a second, GourmetGram's visitors may not mind. If the model were a language model of forty gigabytes, they
# would.

# %%
check("s.cold.guess")

# %% [markdown]
# ## On your own
#
# - `Settings(instances=2)`: do two copies make the start longer, and which part of it?
# - On a GPU, start with `device="cuda"`. Which part grows? (What is a CUDA context?)
# - Let requests come in pairs instead of one by one. What happens to the share of cold ones, and why?
# - A common compromise keeps one warm copy and starts more on demand. What does it save, and what does it cost?
