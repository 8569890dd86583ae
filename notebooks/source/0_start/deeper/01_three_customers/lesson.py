# ---
# jupyter:
#   lesson:
#     id: customers
#     title: Three customers
#     summary: wait, cost and accuracy of twelve designs, and a decision for each customer
#     part: 0
#     kind: deeper
#     where: [laptop]
#     needs: [start]
#     ports: []
# ---

# %% [markdown]
# # Three customers
#
# The publisher, the guide and the canteens want offers. Each of them could be served by a batch job or by a server, in
# the cloud or on a small computer on site, with large images or with small ones. **Which design does each of them get,
# and which of its figures decides?** You measure three sizes of images, compute how long users wait with each design,
# and write your decisions into a file that others can check.

# %%
import math
from dataclasses import replace
from functools import partial

import altair as alt
import ipywidgets
import numpy as np
import pandas as pd
import torch
from torch.nn.functional import interpolate

from labs import assets, bench
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.machine import fingerprint
from labs.records.customers import (
    BOARD_TIMES_AS_LONG,
    BOARD_USD_PER_DAY,
    CUSTOMERS,
    FIBRE_MBIT_S,
    JOB_START_S,
    ROUND_TRIPS,
    RUNS_PER_DAY,
    customer,
)
from labs.records.decision import UTILIZATION
from labs.records.ledger import ledger
from labs.records.prices import processor_usd_per_hour
from labs.widgets import run_with_progress
from labs.widgets.controls import controls
from labs.workspace import workspace_dir

_ = alt.renderers.enable("mimetype")  # drawn by JupyterLab itself

# %% [markdown]
# The first table has the figures of their letters, the second one GourmetGram's own. All of them are assumptions of
# this story: you measure none of them.

# %%
letters = pd.DataFrame(CUSTOMERS).set_index("name")
letters.assign(photos_per_h=letters["photos_per_h"].map(sum)).rename(columns={"photos_per_h": "photos per day"}).T

# %%
here = fingerprint()
server_usd_per_hour = processor_usd_per_hour(here.label, here.cpu_count)  # a server with as many threads
stated = {"a server, dollars per hour": server_usd_per_hour, "seconds paid until a job's first photo": JOB_START_S}
stated |= {"a computer on site, dollars per day": BOARD_USD_PER_DAY, "a photo takes there, times as long as here": 4.0}
stated |= {"a server may be busy, share of the time": UTILIZATION, "round trips on a new connection": ROUND_TRIPS}
pd.Series(stated, name="stated").to_frame()

# %% [markdown]
# ## Predict
#
# A cheaper answer is a less accurate one. An image of 112 × 112 pixels has a quarter of the pixels that the model was
# trained with, and is about a quarter of the work. How many of 100 does it get right at 160 × 160 and at 112 × 112? The
# [model card](../../../assets/models/README.md) says how many it gets right at full size.

# %%
predict("customers.accuracy", at160=..., at112=...)

# %% [markdown]
# ## Measure
#
# At each size we take the accuracy on 220 images, the median latency of one image (for online designs), and the
# throughput of batches of 32 (for batch designs).


# %%
def measure(pixels, report):
    given, said = sizes[pixels], {"option": f"pixels-{pixels}", "on_progress": report}
    ledger().append(bench.accuracy(model, given, labels, **said))
    ledger().append(bench.latency(model, given[:1], min_samples=60, limit_s=3, **said))
    for record in bench.throughput(model, given, batch_sizes=(32,), min_batches=4, limit_s=3, **said):
        ledger().append(record)


guesses = predicted("customers.accuracy")
model = load_mobilenet_v2(assets.model())
bench.describe(model, model_path=assets.model())  # a torch network does not know its file
images, labels = load_split(assets.dataset(), "evaluation", limit=220)
shrink = partial(interpolate, torch.from_numpy(images), mode="bilinear", antialias=True)
sizes = {224: images} | {pixels: shrink(size=(pixels, pixels)).numpy() for pixels in (160, 112)}
rates = {}
for pixels in sizes:
    run_with_progress(partial(measure, pixels), f"Images of {pixels} × {pixels} pixels")
    found = {
        kind: ledger().latest(kind=kind, option=f"pixels-{pixels}") for kind in ("latency", "throughput", "accuracy")
    }
    rates[pixels] = {"latency_s": found["latency"].value.value, "fps": found["throughput"].throughput_fps.value}
    rates[pixels]["accuracy"] = found["accuracy"].value.value
table = pd.DataFrame(rates).T
table["you predicted"] = pd.Series({160: guesses["at160"] / 100, 112: guesses["at112"] / 100})
table.round(4)

# %% [markdown]
# These three rows are all that is known about the model. The rest is arithmetic.
#
# ## How long users wait for a batch job
#
# A job runs every `every_h` hours, from midnight on. A run takes the photos that have come since the last one, and its
# results are published together, when its last photo is done. How many hours does each photo wait for its result?


# %% question="customers.waits"
def waits_h(arrivals_h, every_h, photos_an_hour):
    """Return the hours from each photo's arrival to its result, an array as long as the arrivals. These are an array of
    hours since midnight, above 0. Runs begin at every_h, 2 * every_h, …, take what comes until then, and work through
    photos_an_hour."""
    ### BEGIN SOLUTION
    run = np.ceil(arrivals_h / every_h)
    _, which, count = np.unique(run, return_inverse=True, return_counts=True)
    return run * every_h + count[which] / photos_an_hour - arrivals_h
    ### END SOLUTION


check("customers.waits", waits_h)


# %%
def arrivals(one):
    return np.concatenate([hour + (np.arange(n) + 0.5) / n for hour, n in enumerate(one.photos_per_h) if n])


came_h = arrivals(customer("publisher"))
drawn = []
for every_h in (24, 6, 1):
    waits = waits_h(came_h, every_h, 3600 * rates[224]["fps"])
    drawn.append(pd.DataFrame({"arrives at": came_h, "hours": waits, "a run": f"every {every_h} h"})[::500])
words = "How many hours a photo waits, by the hour at which it arrives, with a run every 24, 6 and 1 hours"
waits = alt.Chart(pd.concat(drawn), description=words, width=500, height=200).mark_line()
waits.encode(x="arrives at", y=alt.Y("hours", title="waits, hours"), color="a run")

# %% [markdown]
# The later a photo arrives before a run, the shorter it waits. So the timetable decides how old an answer is, and the
# speed of the model hardly matters.
#
# ## When a link is fast enough
#
# A photo's bits go up the uplink, some round trips are made, and the server computes for `cloud_s`. A device on site
# computes for `device_s`, and sends nothing. At which uplink do both take equally long?


# %% question="customers.break_even"
def break_even(photo_bytes, round_trip_s, round_trips, cloud_s, device_s):
    """Return the uplink in bits per second at which cloud and device take equally long; None if no uplink is fast
    enough for that."""
    ### BEGIN SOLUTION
    left_s = device_s - cloud_s - round_trips * round_trip_s
    return photo_bytes * 8 / left_s if left_s > 0 else None
    ### END SOLUTION


check("customers.break_even", break_even)

# %%
rows, here_s = {}, rates[224]["latency_s"]
for one in CUSTOMERS:
    link = one.photo_mb * 1e6, one.round_trip_s
    fresh, kept = (break_even(*link, trips, here_s, BOARD_TIMES_AS_LONG * here_s) for trips in (ROUND_TRIPS, 1))
    rows[one.name] = {"its uplink": one.upload_mbit_s * 1e6, "on a new connection": fresh, "on an open one": kept}
(pd.DataFrame(rows, dtype=float).T / 1e6).add_suffix(", Mbit/s").round(1)

# %% [markdown]
# `NaN` says that round trips and server alone take longer than the device: no uplink helps.
#
# ## Four designs, three sizes
#
# Here is all of it for one customer: wait, cost and accuracy. The wait of a batch job is its longest one of the day. A
# server has machines enough for the busiest hour, busy for a share of `UTILIZATION` at most: above that, requests
# queue.


# %%
def designs(one):
    photos, asked_per_h, found = sum(one.photos_per_h), np.array(one.photos_per_h) * one.asked_share, []
    for pixels, rate in rates.items():
        made = {}
        for runs in RUNS_PER_DAY:
            longest_s = 3600 * waits_h(arrivals(one), 24 / runs, 3600 * rate["fps"]).max()
            paid_h = (runs * JOB_START_S + photos / rate["fps"]) / 3600
            made[f"batch {runs} a day"] = longest_s, paid_h * server_usd_per_hour
        up_s = one.photo_mb * 8 / one.upload_mbit_s + ROUND_TRIPS * one.round_trip_s + rate["latency_s"]
        machines = math.ceil(asked_per_h.max() / 3600 * rate["latency_s"] / UTILIZATION)
        made["cloud"] = up_s, machines * 24 * server_usd_per_hour
        made["device"] = BOARD_TIMES_AS_LONG * rate["latency_s"], one.sites * BOARD_USD_PER_DAY
        for design, (wait_s, usd) in made.items():
            facts = {"customer": one.name, "design": design, "pixels": pixels, "wait_s": wait_s, "usd_per_day": usd}
            found.append(facts | {"accuracy": rate["accuracy"]})
    return found


every_design = pd.DataFrame([design for one in CUSTOMERS for design in designs(one)])
every_design.to_csv(workspace_dir() / "designs.csv", index=False)

# %% [markdown]
# A design is on the *frontier* if no other one is at least as good in all three goals and better in one. Below you can
# multiply a customer's figures: give the canteens a better uplink, the guide ten times the photos, the publisher a
# tighter limit on accuracy. Which designs enter the frontier then, and which leave it?


# %%
def explore(who, uplink, photos, may_lose):
    one = customer(who)
    hourly, uplink = tuple(round(photos * count) for count in one.photos_per_h), uplink * one.upload_mbit_s
    one = replace(one, upload_mbit_s=uplink, photos_per_h=hourly)
    table = pd.DataFrame(designs(one)).drop(columns="customer")
    goals = table[["wait_s", "usd_per_day"]].assign(wrong=1 - table["accuracy"]).to_numpy()
    table["frontier"] = [not any((goals <= own).all(axis=1) & (goals < own).any(axis=1)) for own in goals]
    table["too late"] = table["wait_s"] > one.may_wait_s
    table["too inaccurate"] = rates[224]["accuracy"] - table["accuracy"] > may_lose * one.may_lose + 1e-9
    words = "Dollars per day by seconds of waiting, both logarithmic, one point per design; the table has the figures"
    points = alt.Chart(table, description=words, width=500, height=240).mark_point(size=90, filled=True)
    log, pale = alt.Scale(type="log"), alt.Scale(domain=[True, False], range=[1, 0.3])
    ends = alt.X("wait_s", scale=log), alt.Y("usd_per_day", scale=log), alt.Opacity("frontier", scale=pale)
    display(points.encode(*ends, color="design", shape="design", tooltip=list(table.columns)), table.round(3))


times = {f"{one:g} ×": one for one in (1, 0.1, 0.3, 3, 10, 100)}
controls([ipywidgets.interactive(explore, who=letters.index, uplink=times, photos=times, may_lose=times)])

# %% [markdown]
# ## Decide
#
# The frontier alone does not decide: each customer has limits. The manager's rule: drop every design with which an
# answer takes longer than `may_wait_s`, or whose accuracy is more than `may_lose` below that at 224 pixels. Of what is
# left take the *cheapest*; of equally cheap ones the most accurate, and then the one with the shortest wait.
#
# Write one row for each customer, with the columns of `every_design`, to `decisions_path`. If no design is left (on a
# slow machine, or a busy one), `design` is `none`, and the other figures stay empty.

# %% question="customers.decisions"
decisions_path = workspace_dir() / "decisions.csv"
### BEGIN SOLUTION
rows = []
for one in CUSTOMERS:
    table = every_design[every_design["customer"] == one.name]
    lost = rates[224]["accuracy"] - table["accuracy"]
    left = table[(table["wait_s"] <= one.may_wait_s) & (lost <= one.may_lose + 1e-9)]
    left = left.sort_values(["usd_per_day", "accuracy", "wait_s"], ascending=[True, False, True])
    rows.append(dict(left.iloc[0]) if len(left) else {"customer": one.name, "design": "none"})
pd.DataFrame(rows).to_csv(decisions_path, index=False)
### END SOLUTION
check("customers.decisions", decisions_path)

# %%
pd.read_csv(decisions_path).round(3)

# %% [markdown]
# ## What you found
#
# One model, three customers, and a rule that others can check. The figures do not say who else is in a photo of the
# till, what happens when the line is down at noon, and who takes care of twelve small computers.
#
# - A year later fibre reaches the canteens: `FIBRE_MBIT_S`, on a connection that stays open. Would you remove the
#   devices? Say what speaks for them and what against, in a sentence each.
# - At which price of a small computer would the guide put one into each restaurant?
# - Is a *hybrid* a design: the device answers, and a nightly batch corrects it with a larger model?
