# ---
# jupyter:
#   lesson:
#     id: start
#     title: Batch or online, cloud or edge
#     summary: the whole course in ten minutes; then batch or online, and the time on a network link
#     part: 0
#     kind: core
#     where: [laptop]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Batch or online, cloud or edge
#
# **Prerequisites:** none. **Runs on:** a laptop.
#
# **Based on:** the unit [Model serving](https://ffund.github.io/ml-sys-ops/) of Fraida
# Fund's course *Machine Learning Systems Engineering and Operations*. GourmetGram, its
# manager and its targets come from the unit's three labs (© 2025 teaching-on-testbeds,
# MIT licence).
#
# GourmetGram is a small start-up with one model: it looks at a photo of food and names
# which of eleven kinds it shows. Three customers wrote this week. A publisher of
# cookbooks has an archive of photos that are hard to search. A restaurant guide wants to
# name a dish while the guest still looks at the screen. Canteens want a camera over each
# till. "It is the same model," says the manager. "So can one service do for all of them?"
#
# The model is trained, and you are the engineer who *serves* it. Two questions come
# first: **when is an answer computed, and where?** **Batch serving** computes the answers
# to all photos in advance. **Online serving** computes an answer at the moment when a
# user asks. The **cloud** is a data centre, which photos reach over a network. The
# **edge** is a small computer beside the camera. This lesson answers both questions with
# figures.
#
# Run the cells from top to bottom: **Shift + Enter** runs a cell and moves on. Your
# results are saved in the file `workspace/ledger.jsonl`, so you can close the page and
# come back.
#
# **Note.** If the first cell reports `ModuleNotFoundError`, choose *Python 3 (ipykernel)*
# under *Kernel → Change Kernel…*.

# %% [markdown]
# ## The whole game
#
# Before the two questions, here is the whole course in ten minutes: a photo goes in, you
# measure, you compare the figures with what the manager wants, and you change one thing.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save

from labs import assets
from labs.checkpoints import predict, predicted
from labs.data.dataset import iterate, load_split
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.display.theme import BLUE, GREY, ORANGE
from labs.machine import fingerprint
from labs.records.ledger import ledger
from labs.records.targets import TARGETS

model = load_mobilenet_v2(assets.model())
photos = torch.from_numpy(load_split(assets.dataset(), "evaluation", limit=32)[0])
with torch.inference_mode():
    answers = model(photos).argmax(dim=1)

# %% folded=true
# Show the first of these photos, and the model's answer to it.
path, label = next(iterate(assets.dataset(), "evaluation"))
_, axis = plt.subplots(figsize=(2.2, 2.2))
axis.imshow(Image.open(path))
axis.axis("off")
print(
    f"The model says: {CLASS_NAMES[answers[0]]}. The photo shows: {CLASS_NAMES[label]}."
)

# %% [markdown]
# ## Predict
#
# In each lesson you write down what you expect before you measure it. Your grade does not
# depend on whether you were right. But if you have written down a guess, you notice when
# the result differs from it.
#
# A guest takes a photo of 800 kB. It goes to a data centre over an **uplink**, the
# connection that carries data away from a device, at 10 Mbit/s. The **round trip**, the
# time that a message takes to the data centre and back, is 50 ms. The model is as fast
# there as on your machine. How many milliseconds does the model take for this photo, and
# how many does the link take, there and back? Run the cell, fill in the box, and press
# its button.

# %%
predict("start.wait", model=..., way=...)

# %% [markdown]
# ## Measure
#
# This is the only measurement in this lesson. The next cell measures one photo alone, as
# when a user waits for the answer, and 32 photos in one call, as in a batch job. It makes
# seven calls of each and takes the median: the time in the middle.

# %%
guesses = predicted("start.wait")


def seconds(batch):
    times = []
    with torch.inference_mode():
        model(batch)  # the first call prepares memory, and takes longer
        for _ in range(7):
            begin = time.perf_counter()
            model(batch)
            times.append(time.perf_counter() - begin)
    return float(np.median(times))


alone_s = seconds(photos[:1])
together_s = seconds(photos) / 32
here = fingerprint()
measured = {"alone_s": alone_s, "together_s": together_s, "machine": here.label}
ledger().observe("start.photo", measured)
rows = {"one photo alone": alone_s, "32 photos in one call": together_s}
table = pd.Series(rows, name="seconds per photo").to_frame()
table["photos per hour"] = 3600 / table["seconds per photo"]
print(here.label)
table.style.format({"seconds per photo": "{:.4f}", "photos per hour": "{:,.0f}"})

# %% [markdown]
# The manager wants three ways to serve the model, each with limits of its own. The next
# picture holds your machine against all of them. A bar to the right of the line is a limit
# that is missed. The targets are set for other machines, so this is only a rehearsal.


# %% folded=true
# Draw this machine's figures as multiples of the manager's limits.
def draw_limits(file_bytes):
    limits = {}
    for target in TARGETS:
        says = f"{1000 * alone_s:.0f} ms, limit {1000 * target.p50_s:.0f} ms"
        limits[f"{target.title}: one photo"] = alone_s / target.p50_s, says
        if target.batch_fps:
            says = f"{1 / together_s:,.0f} per second, wanted {target.batch_fps:,}"
            limits[f"{target.title}: many photos"] = target.batch_fps * together_s, says
        if target.size_bytes:
            says = f"{file_bytes / 1e6:.1f} MB, limit {target.size_bytes / 1e6:.0f} MB"
            limits[f"{target.title}: file"] = file_bytes / target.size_bytes, says
    _, axis = plt.subplots(figsize=(9, 2.6))
    axis.set_xscale("log")
    axis.set(xlim=(0.2, 10_000))
    missed = 0
    for name, (times_limit, says) in limits.items():
        missed += times_limit > 1
        colour = ORANGE if times_limit > 1 else BLUE
        axis.barh(name, times_limit - 1, left=1, color=colour)
        axis.text(max(times_limit, 1) * 1.1, name, says, va="center", fontsize=8)
    axis.axvline(1, color=GREY)
    axis.set_xticks(
        [1, 10, 100, 1000], ["the limit", "10 times", "100 times", "1,000 times"]
    )
    axis.minorticks_off()
    axis.invert_yaxis()
    axis.set_title(f"{missed} of {len(limits)} limits are missed on this machine")


file_bytes = len(save(model.state_dict()))
draw_limits(file_bytes)

# %% [markdown]
# Now change one thing. The file stores each weight as a float32, in 4 bytes. `half` rounds
# all weights to **float16**, numbers of 2 bytes, and the file is written with those. To
# compute, `float` makes them float32 again. So the network is as fast as before, and only
# its answers can change.

# %%
model.half()
file_bytes = len(save(model.state_dict()))
model.float()
with torch.inference_mode():
    same = (model(photos).argmax(dim=1) == answers).sum()
print(f"{same} of {len(photos)} photos keep their class")
draw_limits(file_bytes)

# %% [markdown]
# One bar moved. You measured, changed one thing, checked the answers, and compared again.
# The whole course works like this, and its aim is that all bars are blue.
#
# Back to the manager's question. The time per photo is all that this lesson needs to know
# about the model, and it holds only for this machine. The rest is arithmetic, and you
# write it. It needs a few more names:

# %%
import math

from labs.checkpoints import check
from labs.records.customers import BOARD_TIMES_AS_LONG, CUSTOMERS, customer
from labs.records.prices import processor_usd_per_hour

# %% [markdown]
# ## When: two ways through one day
#
# The picture shows the same 16 photos twice. A blue dot is a photo that arrives. A full
# orange dot is an answer that a user asks for. An empty dot is an answer that no user
# asks for. You pay for a machine in the shaded hours.

# %% folded=true
# Draw one day of 16 photos twice: answered in batch, and online.
random = np.random.default_rng(7)
meals = random.choice([12.5, 19.5], 16)
hours = np.sort(meals + random.normal(0, 1.2, 16))
rows = np.arange(16)
asked = rows % 4 == 1
midnight = np.full(16, 25)
colours = np.where(asked, ORANGE, "white")
figure, (batch, online) = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
batch.hlines(rows, hours, 25, color=GREY, lw=1)
batch.scatter(midnight, rows, c=colours, edgecolors=ORANGE, zorder=2)
batch.axvspan(24, 25, color=ORANGE, alpha=0.2)
online.scatter(hours[asked] + 0.5, rows[asked], c=ORANGE, zorder=2)
online.axvspan(0, 24, color=ORANGE, alpha=0.2)
batch.set_title("batch: 1 hour paid, 12 answers never asked for")
online.set_title("online: 24 hours paid, 4 answers")
for axis in (batch, online):
    axis.scatter(hours, rows, c=BLUE, s=15)
    axis.set(xlabel="hour of the day", xlim=(0, 26), xticks=range(0, 25, 6))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)

# %% [markdown]
# *Batch* answers all photos at midnight: each photo waits for hours, and most answers are
# never looked at. *Online* answers four photos within moments, but you pay for a machine
# that is idle for most of the day. Which waste is cheaper?
#
# Clouds rent out processors by the thread. The next cell computes the price of a machine
# with as many threads as yours, from the course's table of prices
# (`assets/reference/prices.json`). For a batch job, you pay only for the hours that it
# works.

# %%
threads = here.cpu_count
usd_per_hour = processor_usd_per_hour(here.label, threads)
print(f"{here.label}: {threads} threads cost {usd_per_hour:.3f} dollars per hour")


# %% question="start.precomputed"
def precomputed(photos, share_asked, photos_an_hour, dollars_an_hour):
    """Return (dollars, wasted): the cost of answering all photos in advance, and the part
    of this cost that is spent on answers that no user asks for. Both are in dollars.

    photos_an_hour is the machine's speed, dollars_an_hour its price, and share_asked the
    share of the answers that users ask for, from 0 to 1.

    precomputed(7_200, 0.5, 3_600, 1.0) is (2.0, 1.0).
    """
    ### BEGIN SOLUTION
    dollars = photos / photos_an_hour * dollars_an_hour
    return dollars, dollars * (1 - share_asked)
    ### END SOLUTION


check("start.precomputed", precomputed)

# %% [markdown]
# The check calls your function with arguments from plain to special, and shows the first
# call that fails. Try as often as you like.
#
# Now the online case. A machine answers one photo after the other. If 3 requests arrive
# per second and each takes 0.5 seconds, then 1.5 seconds of work arrive in each second.
# One machine cannot do that. Two can, and they are idle for a quarter of their time. At
# least one machine must run, even in an hour without requests. The next cell gives you
# this function:


# %%
def on_demand(requests_a_second, seconds_each):
    """Return (machines, idle share): the number of machines that can answer this rate, if
    each answers one photo at a time, and the share of their time that they are idle."""
    work = requests_a_second * seconds_each
    machines = max(1, math.ceil(work))
    return machines, 1 - work / machines


on_demand(3, 0.5)

# %% [markdown]
# Here are the three customers. Each one states the number of photos in each hour, and the
# share of them that users ask for. The table shows dollars per day: *batch* from your
# `precomputed`, *online* from `on_demand`.

# %% folded=true
# Compute what batch and online cost each customer per day.
costs = {}
photos_an_hour = 3600 / together_s
for each in CUSTOMERS:
    photos_a_day = sum(each.photos_per_h)
    share = each.asked_share
    dollars, wasted = precomputed(photos_a_day, share, photos_an_hour, usd_per_hour)
    busiest_per_s = share * max(each.photos_per_h) / 3600
    machines, idle = on_demand(busiest_per_s, alone_s)
    costs[each.name] = {
        "photos per day": photos_a_day,
        "asked for": share,
        "batch $": dollars,
        "batch, wasted $": wasted,
        "machines": machines,
        "idle, busiest hour": idle,
        "online $": 24 * machines * usd_per_hour,
    }
form = {
    "photos per day": "{:,.0f}",
    "machines": "{:.0f}",
    "asked for": "{:.0%}",
    "idle, busiest hour": "{:.0%}",
}
pd.DataFrame(costs).T.style.format(form, precision=3)

# %% [markdown]
# Look at the publisher: 97 % of its batch bill is wasted. Is the whole bill still smaller
# than that of a machine that runs all day? Waste alone does not decide; its price does.
# And it does not matter in an archive that an answer is hours old.
#
# For the guide and the canteens, batch is impossible at any price: you cannot answer a
# photo in advance that has not been taken yet. They may pay for machines that are idle
# for a part of the busiest hour, and surely for most of the night.
#
# ## Where: what the link takes
#
# So far, the photo was simply there. A guest's photo has to travel. On an open
# connection, this takes the time to push all of its bits into the uplink, plus one round
# trip. The answer is only a few bytes long, so we count no time for sending it.


# %% question="start.over_link"
def over_link(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    """Return the seconds from pressing the button to the answer: the photo goes through
    the uplink, the server computes, and one round trip passes.

    round_trip_s is the time there and back together; compute_s is the server's time.

    over_link(1_000_000, 4_000_000, 0.05, 0.25) is 2.3.
    """
    ### BEGIN SOLUTION
    return photo_bytes * 8 / uplink_bits_a_second + round_trip_s + compute_s
    ### END SOLUTION


check("start.over_link", over_link)

# %%
guide = customer("guide")
photo_bytes = guide.photo_mb * 1e6
uplink_bits_a_second = guide.upload_mbit_s * 1e6
link_s = over_link(photo_bytes, uplink_bits_a_second, guide.round_trip_s, compute_s=0)
wait_ms = {"the model": 1000 * alone_s, "the link": 1000 * link_s}
wait = pd.Series(wait_ms, name="ms").to_frame()
wait["you predicted"] = [guesses["model"], guesses["way"]]
wait.style.format(precision=0)

# %% [markdown]
# Did the link take longer than you thought? The next table compares the cloud with a
# small computer on site, for all three customers. The small computer sends no photo. For
# now we assume that it takes four times as long as your machine; *Run on the Pi* measures
# one. The last two columns show the cloud with one improvement each. Which helps more: a
# model that is twice as fast, or an app that shrinks each photo to 224 × 224 pixels,
# about 20 kB, before sending it?

# %% folded=true
# Compute how long each customer waits, in the cloud and at the edge.
waits = {}
for each in CUSTOMERS:
    photo_bytes = each.photo_mb * 1e6
    link = (each.upload_mbit_s * 1e6, each.round_trip_s)
    cloud_s = over_link(photo_bytes, *link, alone_s)
    model_twice_as_fast_s = over_link(photo_bytes, *link, alone_s / 2)
    photo_shrunk_s = over_link(20_000, *link, alone_s)
    waits[each.name] = {
        "photo MB": each.photo_mb,
        "uplink Mbit/s": each.upload_mbit_s,
        "cloud s": cloud_s,
        "share of the model": alone_s / cloud_s,
        "edge s": BOARD_TIMES_AS_LONG * alone_s,
        "model twice as fast": model_twice_as_fast_s,
        "photo shrunk": photo_shrunk_s,
    }
pd.DataFrame(waits).T.style.format({"share of the model": "{:.1%}"}, precision=3)

# %% [markdown]
# Look at the column *share of the model*. On an AMD EPYC 7763, [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-model-chi/) measured
# {{ torch_eager_epyc.p50_ms }} ms for this network in PyTorch. Even at that speed, the
# model would be a twelfth of the guide's wait and a fortieth of the canteens'. If the
# share is small, a model that is twice as fast changes little, and a shrunk photo changes
# a lot. Before you optimize a part, find out what makes up the wait.
#
# ## What you found
#
# Can one service do for all? No:
#
# - The *publisher* takes batch: its readers can wait, and a wasted answer is cheap.
# - The *guide* takes online in the cloud, with an app that shrinks the photo.
# - For the *canteens*, the edge answers without any link, and it still works when the
#   network is down. But then twelve small computers need care.
#
# A real offer would also state how long each customer can wait, what each small computer
# costs, and how much accuracy is lost.
#
# The course has three more parts. You make the *model* itself fast and small, run it on
# an *edge* device, and build the *system* that answers many users at once.
#
# **Try it yourself**
#
# - A faster model reduces the *batch* bill in the same proportion. Does it change the
#   guide's bill?
# - At what uplink speed do cloud and edge answer the canteens equally fast? Try some
#   speeds with your function.
# - Are you stuck? `?` after a name shows its documentation: `load_split?`. If a restarted
#   kernel reports `NameError`, choose *Run → Run All Above Selected Cell*.

# %% [markdown]
# ## Read more
#
# - [Model serving](https://ffund.github.io/ml-sys-ops/) (F. Fund, 2025): the unit on
#   which this course is based, with
#   [slides](https://link.excalidraw.com/p/readonly/65nXMf00Qfu3mhUr4eDv) on batch and
#   online, cloud and edge.
# - [Model optimizations for serving machine learning
#   models](https://teaching-on-testbeds.github.io/serve-model-chi/) (F. Fund, 2025): the
#   lab whose figures this lesson quotes.
# - [Clipper: A Low-Latency Online Prediction Serving
#   System](https://www.usenix.org/conference/nsdi17/technical-sessions/presentation/crankshaw)
#   (D. Crankshaw et al., NSDI 2017): how one service answers online requests of many
#   applications.
# - [The Tail at Scale](https://doi.org/10.1145/2408776.2408794) (J. Dean, L. A.
#   Barroso, CACM 2013): why a user's wait depends on the slowest part.
