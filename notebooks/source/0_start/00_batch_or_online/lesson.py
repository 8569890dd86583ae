# ---
# jupyter:
#   lesson:
#     id: start
#     title: Batch or online, cloud or edge
#     summary: what precomputing wastes, what a waiting machine costs, and what a link takes
#     part: 0
#     kind: core
#     where: [laptop]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Batch or online, cloud or edge
#
# GourmetGram is a small start-up with one model: it looks at a photo of food and says which of eleven kinds it is.
# Three customers wrote this week. A publisher of cookbooks has photos that are hard to find again. A restaurant guide
# wants to name a dish while the guest still looks at the screen. Canteens want a camera over each till. "Same model,"
# says the manager. "So one service for all of them?"
#
# The model is trained, and you are the engineer who *serves* it. Two questions come first: **when is an answer
# computed, and where?** In advance for all photos (**batch**), or when a user asks (**online**)? In a data centre
# (**cloud**), or beside the camera (**edge**)? This lesson answers both with figures. A laptop is all that you need.
#
# Run the cells from top to bottom: **Shift + Enter** runs one and moves on. (Does the first one say
# `ModuleNotFoundError`? Then choose *Python 3 (ipykernel)* under *Kernel → Change Kernel…*.) Your results are kept in
# the file `workspace/ledger.jsonl`, so you may close the page and come back.

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.machine import fingerprint
from labs.records.customers import BOARD_TIMES_AS_LONG, CUSTOMERS, customer
from labs.records.ledger import ledger
from labs.records.prices import processor_usd_per_hour

# %% [markdown]
# ## Predict
#
# In each lesson you say what you expect before you measure it. You are not graded on whether you were right. But if you
# have written down a guess, you notice when the result differs from it.
#
# A guest takes a photo of 800 kB. It goes to a data centre over an uplink of 10 Mbit/s, with 50 ms for the round trip,
# and the model is as fast there as on your machine. How many milliseconds does the model take for this one photo, and
# how many does the photo spend on its way there and back? Run the cell, fill in the box, and press its button.

# %%
predict("start.wait", model=..., way=...)

# %% [markdown]
# ## Measure
#
# This is the only measurement of this lesson: one photo alone, as when a user waits for the answer, and 32 photos in
# one call, as in a batch job. Of seven calls we take the median, the one in the middle.

# %%
guesses = predicted("start.wait")
model = load_mobilenet_v2(assets.model())
photos = torch.from_numpy(load_split(assets.dataset(), "evaluation", limit=32)[0])


def seconds(batch):
    times = []
    with torch.inference_mode():
        model(batch)  # the first call prepares memory, and takes longer
        for _ in range(7):
            begin = time.perf_counter()
            model(batch)
            times.append(time.perf_counter() - begin)
    return float(np.median(times))


alone_s, together_s = seconds(photos[:1]), seconds(photos) / 32
ledger().observe(
    "start.photo",
    {"alone_s": alone_s, "together_s": together_s, "machine": fingerprint().label},
)
table = pd.DataFrame(
    {"seconds per photo": [alone_s, together_s]},
    index=["one photo alone", "32 photos in one call"],
)
table["photos per hour"] = 3600 / table["seconds per photo"]
print(fingerprint().label)
table.style.format({"seconds per photo": "{:.4f}", "photos per hour": "{:,.0f}"})

# %% [markdown]
# That is all we know about the model, and it holds for this machine only. The rest is arithmetic, and you write it.
#
# ## When: two ways through one day
#
# The picture shows the same 16 photos twice. A blue dot is a photo that arrives. A full orange dot is an answer that a
# user asks for, and an empty one is an answer that is never asked for. In the shaded hours a machine is paid.

# %% folded=true
random = np.random.default_rng(7)
hours, rows = (
    np.sort(random.choice([12.5, 19.5], 16) + random.normal(0, 1.2, 16)),
    np.arange(16),
)
asked = rows % 4 == 1
figure, (batch, online) = plt.subplots(
    1, 2, figsize=(10, 3.4), sharey=True, layout="constrained"
)
batch.hlines(rows, hours, 25, color="silver")
batch.scatter(
    np.full(16, 25),
    rows,
    c=np.where(asked, "tab:orange", "white"),
    edgecolors="tab:orange",
    zorder=2,
)
batch.axvspan(24, 25, color="tab:orange", alpha=0.2)
online.scatter(hours[asked] + 0.5, rows[asked], c="tab:orange", zorder=2)
online.axvspan(0, 24, color="tab:orange", alpha=0.2)
batch.set_title("batch: 1 hour paid, 12 answers never asked for")
online.set_title("online: 24 hours paid, 4 answers")
for axis in (batch, online):
    axis.scatter(hours, rows, c="tab:blue", s=15)
    axis.set(xlabel="hour of the day", yticks=[], xlim=(0, 26), xticks=range(0, 25, 6))

# %% [markdown]
# *Batch* answers all photos at midnight: each photo waits for hours, and most answers are never looked at. *Online*
# answers four photos within moments, but its machine is idle for most of a day that you pay for. Which waste is
# cheaper?
#
# Clouds rent a processor by the thread. The next cell prices a machine with as many threads as yours, by the course's
# table of prices (`assets/reference/prices.json`). A batch job is paid for the hours that it works.

# %%
here = fingerprint()
usd_per_hour = processor_usd_per_hour(here.label, here.cpu_count)
print(f"{here.label}: {here.cpu_count} threads cost {usd_per_hour:.3f} dollars per hour")


# %% question="start.precomputed"
def precomputed(photos, share_asked, photos_an_hour, dollars_an_hour):
    """Return (dollars, wasted): what answering all photos in advance costs, and the part of it, in dollars too, that
    goes into answers that are never asked for. share_asked lies between 0 and 1."""
    ### BEGIN SOLUTION
    dollars = photos / photos_an_hour * dollars_an_hour
    return dollars, dollars * (1 - share_asked)
    ### END SOLUTION


check("start.precomputed", precomputed)

# %% [markdown]
# The check calls your function with arguments from plain to special, and shows the first that fails. Try as often as
# you like.
#
# Now online. A machine answers one photo after the other. If 3 requests come per second and each takes 0.5 seconds, 1.5
# seconds of work arrive in each second. One machine cannot do that: two are needed, and they are idle for a quarter of
# their time. At least one machine must be there, even at an hour without requests. This function is given:


# %%
def on_demand(requests_a_second, seconds_each):
    """Return (machines, idle share): how many machines answer this rate one at a time, and for what share of their
    time, from 0 to 1, they have nothing to do."""
    work = requests_a_second * seconds_each
    machines = max(1, math.ceil(work))
    return machines, 1 - work / machines


on_demand(3, 0.5)

# %% [markdown]
# Here are the three customers. Each one states how many photos come in each hour, and what share of them is ever asked
# for. The table has dollars per day, by your function and by this one.

# %% folded=true
costs = {}
for each in CUSTOMERS:
    photos_a_day, busiest = (
        sum(each.photos_per_h),
        each.asked_share * max(each.photos_per_h) / 3600,
    )
    dollars, wasted = precomputed(
        photos_a_day, each.asked_share, 3600 / together_s, usd_per_hour
    )
    machines, idle = on_demand(busiest, alone_s)
    costs[each.name] = {
        "photos per day": photos_a_day,
        "asked for": each.asked_share,
        "batch $": dollars,
    }
    costs[each.name] |= {
        "of it wasted $": wasted,
        "machines": machines,
        "idle, busiest hour": idle,
    }
    costs[each.name] |= {"online $": 24 * machines * usd_per_hour}
form = {
    "photos per day": "{:,.0f}",
    "machines": "{:.0f}",
    "asked for": "{:.0%}",
    "idle, busiest hour": "{:.0%}",
}
pd.DataFrame(costs).T.style.format(form, precision=3)

# %% [markdown]
# Look at the publisher. Of its bill for batch, 97 % is wasted. Is the whole bill still smaller than that of a machine
# that runs all day? Waste is no argument by itself; its price is. And for an archive it does not matter that an answer
# is hours old.
#
# For the guide and the canteens batch is impossible at any price: a photo that is not taken yet cannot be answered in
# advance. They pay for machines that are idle for a part of the busiest hour, and for most of the night.
#
# ## Where: what the link takes
#
# Until now the photo was simply there. A guest's photo has to travel. On a connection that is open already, this takes
# the time to push all of its bits into the uplink, plus one round trip. The answer is only a few bytes long, so we
# count no time for sending it.


# %% question="start.over_link"
def over_link(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    """Return the seconds from pressing the button to the answer: the photo goes up, the server computes. round_trip_s
    is the way there and back."""
    ### BEGIN SOLUTION
    return photo_bytes * 8 / uplink_bits_a_second + round_trip_s + compute_s
    ### END SOLUTION


check("start.over_link", over_link)

# %%
guide = customer("guide")
way_s = over_link(guide.photo_mb * 1e6, guide.upload_mbit_s * 1e6, guide.round_trip_s, 0)
wait = pd.DataFrame({"ms": [1e3 * alone_s, 1e3 * way_s]}, index=["the model", "the way"])
wait["you predicted"] = [guesses["model"], guesses["way"]]
wait.style.format(precision=0)

# %% [markdown]
# Was the way longer than you thought? The next table has all three customers, beside a small computer on site. That one
# sends no photo. For now we assume that it takes four times as long as your machine; *Run on the Pi* measures one. And
# which helps more: a model that is twice as fast, or an app that shrinks each photo to 224 × 224 pixels, about 20 kB,
# before it sends it?

# %% folded=true
waits = {}
for each in CUSTOMERS:
    link = each.upload_mbit_s * 1e6, each.round_trip_s
    cloud_s = over_link(each.photo_mb * 1e6, *link, alone_s)
    waits[each.name] = {
        "photo MB": each.photo_mb,
        "uplink Mbit/s": each.upload_mbit_s,
        "cloud s": cloud_s,
    }
    waits[each.name] |= {
        "of it the model": alone_s / cloud_s,
        "edge s": BOARD_TIMES_AS_LONG * alone_s,
    }
    waits[each.name] |= {
        "model twice as fast": over_link(each.photo_mb * 1e6, *link, alone_s / 2)
    }
    waits[each.name] |= {"photo shrunk": over_link(20_000, *link, alone_s)}
pd.DataFrame(waits).T.style.format({"of it the model": "{:.1%}"}, precision=3)

# %% [markdown]
# Look at the column *of it the model*. An earlier lab published {{ torch_eager_epyc.p50_ms }} ms for this model in
# PyTorch on an AMD EPYC 7763. Even then, the model would be a twelfth of the guide's wait and a fortieth of the
# canteens'. If this share is small, a model twice as fast changes little, and a shrunk photo changes a lot. Before you
# optimize a part, find out what the wait is made of.
#
# ## What you found
#
# One service for all? The **publisher** takes batch: its readers can wait, and a wasted answer is cheap. The **guide**
# takes online in the cloud, with an app that shrinks the photo. For the **canteens** the edge answers without any link,
# and it still works when the line is down; but then twelve small computers need care. A real
# offer would also state how long each customer may wait, what each small computer costs, and what accuracy is lost.
#
# The course goes on in three parts: make the **model** itself fast and small, serve it on an **edge** device, and build
# the **system** that answers many users at once.
#
# - A faster model makes the *batch* bill smaller in the same proportion. Does it change the guide's bill?
# - From which uplink on does the cloud answer the canteens as soon as the edge does? Try some with your function.
# - Stuck? `?` behind a name shows its documentation: `load_split?`. If a restarted kernel says `NameError`, choose *Run
#   → Run All Above Selected Cell*.
