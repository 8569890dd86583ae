# ---
# jupyter:
#   lesson:
#     title: Batch or online, cloud or edge
#     summary: what precomputing costs and wastes, what a link takes, and a design for each of three customers
#     part: 0
#     number: "02"
#     minutes: 40
#     kind: extra
#     where: [laptop]
#     needs: ["00"]
#     ports: []
#     uses: ["memory"]
# ---

# %% [markdown]
# # Batch or online, cloud or edge
#
# Three customers wrote to GourmetGram this week. A publisher of cookbooks has an archive that nobody can search. A
# restaurant guide wants to name a dish while its guest still looks at the screen. A canteen company wants a camera over
# each till. "Same model," says the manager. "So one service for all of them?"
#
# The model is the same, and almost nothing else is. Two questions come before every other one in serving. *When* is the
# answer computed: in advance (**batch**), or when somebody asks (**online**)? And *where*: in a data centre
# (**cloud**), or beside the camera (**edge**)? Both can be answered with figures, and you write them down as functions.
#
# ## You will do
#
# Measure what this machine can do, compute waiting, waste and cost of each design, and decide for three customers.
#
# ## You will learn
#
# - what batch wastes and what online wastes, and why the cheaper one may still be the wrong one;
# - what part of an answer from the cloud is the network;
# - why latency, cost and accuracy make a frontier, and a customer a point on it.
#
# ## You need
#
# Lesson 00, and 40 minutes; the machine works for about one of them.

# %%
import math
import warnings
from functools import partial

import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
from torch.nn.functional import interpolate

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.records.customers import (
    BOARD_TIMES_AS_LONG,
    BOARD_USD_PER_DAY,
    CUSTOMERS,
    FIBRE_MBIT_S,
    JOB_START_S,
    MOST_BUSY,
    ROUND_TRIPS,
    RUNS_PER_DAY,
    SERVER_USD_PER_H,
    customer,
    customer_table,
)
from labs.records.ledger import ledger
from labs.widgets import design_explorer, run_with_progress
from labs.workspace import workspace_dir

warnings.filterwarnings("ignore", category=FutureWarning)  # torch's, about functions of its own

# %% [markdown]
# The letters, as figures. Everything here is *stated*: it is what the customers say of themselves.

# %%
customer_table()

# %% [markdown]
# GourmetGram's own side is stated too. A machine like this one is rented by the hour; a small computer at a customer's
# site costs what it costs, its power and somebody's visits included, spread over its life.

# %%
pd.Series(
    {
        "a server, dollars an hour": SERVER_USD_PER_H,
        "seconds paid until a job's first photo": JOB_START_S,
        "a small computer on site, dollars a day": BOARD_USD_PER_DAY,
        "a photo takes there, times as long as here": BOARD_TIMES_AS_LONG,
        "a server may be busy, share of the time": MOST_BUSY,
    },
    name="stated",
)

# %% [markdown]
# ## Predict
#
# The publisher's scanners make 100,000 photos a day. In batches of 32, on this machine: how many minutes of work is
# that?

# %% checkpoint="start.serving.night_guess"
predict("start.serving.night_guess", ...)

# %% [markdown]
# A cheaper answer is a less accurate one. An image of 112 × 112 pixels has a quarter of the pixels that the model was
# trained with, and is about a quarter of the work. How many of 100 will it still get right? (The
# [model card](../../assets/models/README.md) says how many at full size.)

# %% checkpoint="start.serving.small_guess"
predict("start.serving.small_guess", ...)

# %% [markdown]
# ## Act
#
# ### One file, three sizes of image
#
# The model goes to ONNX, a file that ONNX Runtime runs without torch; lesson 12 takes its time for that. Here the axes
# for the batch, the height and the width are left open, so that one file takes images of any size.

# %%
any_size_path = workspace_dir() / "food11-any-size.onnx"
any_size_path.parent.mkdir(parents=True, exist_ok=True)
axes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
torch.onnx.export(
    load_mobilenet_v2(assets.model()),
    (torch.zeros(2, 3, 224, 224),),
    any_size_path,
    dynamo=True,
    dynamic_shapes=(axes,),
    input_names=["input"],
    output_names=["output"],
    external_data=False,
    opset_version=18,
    verbose=False,
)
session = ort.InferenceSession(any_size_path, providers=["CPUExecutionProvider"])
images, labels = load_split(assets.dataset(), "evaluation", limit=220)
session.get_inputs()[0].shape, images.shape

# %%
sizes = {224: images}
for pixels in (160, 112):
    sizes[pixels] = interpolate(
        torch.from_numpy(images), size=(pixels, pixels), mode="bilinear", antialias=True
    ).numpy()

# %% [markdown]
# ## Measure
#
# At each size: the accuracy on 220 evaluation images, the latency of one image (somebody waits), and the throughput of
# batches of 32 (nobody waits). Of the latency you take the *p95*, which 95 of 100 requests stay under.


# %%
def measure_size(pixels, report):
    """Measure accuracy, latency and batches at one size, and keep the records."""
    option, given = f"pixels-{pixels}", sizes[pixels]
    ledger().append(bench.accuracy(session, given, labels, option=option, on_progress=report))
    latency = bench.latency(session, given[:1], option=option, min_samples=100, limit_s=3, on_progress=report)
    ledger().append(latency)
    for record in bench.throughput(
        session, given, option=option, batch_sizes=(32,), min_batches=8, limit_s=3, on_progress=report
    ):
        ledger().append(record)


predicted("start.serving.night_guess")
predicted("start.serving.small_guess")
for pixels in sizes:
    run_with_progress(partial(measure_size, pixels), f"Images of {pixels} × {pixels} pixels")

# %%
rates = {}
for pixels in sizes:
    found = {
        kind: ledger().latest(kind=kind, option=f"pixels-{pixels}") for kind in ("latency", "throughput", "accuracy")
    }
    rates[pixels] = {
        "latency_s": found["latency"].percentile(95),
        "fps": found["throughput"].throughput_fps.value,
        "accuracy": found["accuracy"].value.value,
    }
pd.DataFrame(rates).T.round(4)

# %%
reconcile("start.serving.night_guess")

# %%
reconcile("start.serving.small_guess")

# %% [markdown]
# These three rows are all that is known about the model. The rest is arithmetic, and it is yours.
#
# ### Batch: how long an answer is waited for
#
# A job runs every `every_h` hours, from midnight on. It takes the photos that have come since the last run, and its
# results are published together, when the last photo is done. How many hours does each photo wait, from its arrival to
# its result?


# %% checkpoint="start.serving.waits"
def waits_h(arrivals_h, every_h, fps):
    """Return the hours that each photo waits for its result, an array as long as the arrivals.

    Args:
        arrivals_h: Array of times of arrival within one day, in hours since midnight, above 0.
        every_h: A run begins at every_h, 2 * every_h, … hours.
        fps: Photos a second that the job works through.
    """
    ...


# %%
check("start.serving.waits", waits_h)

# %%
publisher = customer("publisher")
arrivals_h = np.concatenate([hour + (np.arange(n) + 0.5) / n for hour, n in enumerate(publisher.photos_per_h) if n])
waits = {f"every {every_h} h": waits_h(arrivals_h, every_h, rates[224]["fps"]) for every_h in (24, 6, 1)}
pd.DataFrame(waits).describe().loc[["min", "50%", "max"]].round(2)

# %% [markdown]
# An answer that is hours old is fine for an archive, and useless at a till. A photo that does not exist yet cannot be
# classified in advance at all: that is what decides about the guide and the canteens, whatever it costs.
#
# ### Batch: what it costs, and what it wastes
#
# A job's machine is rented for the job: paid by the hour from when it starts (`start_s` seconds before its first photo)
# until it is done. And the job classifies *everything*, because nobody knows what will be asked for.


# %% checkpoint="start.serving.precomputed"
def precomputed(images, asked, runs, start_s, fps, usd_per_h):
    """Return {"usd": dollars a day, "wasted_usd": those spent on classifying photos that nobody asks for}.

    Args:
        images, asked: Photos a day, and how many of them somebody asks for.
        runs, start_s: Jobs a day, and the paid seconds before each begins; starts are not counted as wasted.
        fps: Photos a second that a job works through.
        usd_per_h: Price of the machine.
    """
    ...


# %%
check("start.serving.precomputed", precomputed)

# %% [markdown]
# ### Online: what it costs, and what it wastes
#
# A server that people wait for is paid around the clock, and there must be enough machines for the *busiest* hour. One
# machine answers one photo after the other. It may not be busy all the time, or a queue grows that never ends (lesson
# 41 shows why), so allow it a share `most_busy`.


# %% checkpoint="start.serving.on_demand"
def on_demand(photos_per_h, latency_s, most_busy, usd_per_h):
    """Return {"machines": how many, "usd": dollars a day, "idle_share": share of the paid time without work}.

    Args:
        photos_per_h: Array of 24: photos that are asked for in each hour.
        latency_s: Seconds that a machine takes for a photo.
        most_busy: Share of the busiest hour, 0 to 1, that a machine may be busy.
        usd_per_h: Price of a machine.
    """
    ...


# %%
check("start.serving.on_demand", on_demand)

# %%
rows = []
for one in CUSTOMERS:
    photos, asked_per_h = sum(one.photos_per_h), np.array(one.photos_per_h) * one.asked_share
    batch = precomputed(photos, asked_per_h.sum(), 1, JOB_START_S, rates[224]["fps"], SERVER_USD_PER_H)
    online = on_demand(asked_per_h, rates[224]["latency_s"], MOST_BUSY, SERVER_USD_PER_H)
    rows.append((one.name, batch["usd"], batch["wasted_usd"], online["machines"], online["usd"], online["idle_share"]))
pd.DataFrame(rows, columns=["customer", "batch $", "wasted $", "machines", "online $", "idle"]).round(3)

# %% [markdown]
# *Batch wastes answers that nobody asks for. Online wastes hours in which nobody asks.* Look at the publisher's row: 97
# of 100 answers are thrown away, and precomputing them all still costs a small part of one server that waits. Waste is
# no argument by itself; what it costs is. (A server that starts when a photo comes would waste less, and its first
# photo would wait: lesson 39.)
#
# ### Cloud: what the network takes
#
# Until now the photo was simply there. From a till it has to travel. Before the first byte of a photo can leave over
# HTTPS, client and server have greeted each other (one round trip for TCP, one for TLS), then the request itself goes
# there and back: three round trips on a fresh connection, one on a connection that is kept open. The answer is a few
# bytes, and TCP's slow start is left out, so that the truth is rather longer than your figure.


# %% checkpoint="start.serving.over_link"
def over_link_s(photo_mb, upload_mbit_s, round_trip_s, round_trips, compute_s):
    """Return the seconds from sending a photo until the answer is back.

    Args:
        photo_mb: The photo's size in megabytes.
        upload_mbit_s: The uplink in megabits a second.
        round_trip_s, round_trips: Seconds that one round trip takes, and how many there are.
        compute_s: Seconds that the server's model takes.
    """
    ...


# %%
check("start.serving.over_link", over_link_s)

# %% [markdown]
# The device beside the till sends nothing, and computes more slowly: `BOARD_TIMES_AS_LONG` times as long as this
# machine, for now (part 2 measures a real one). From which uplink on does the cloud answer sooner?


# %% checkpoint="start.serving.break_even"
def break_even_mbit_s(photo_mb, round_trip_s, round_trips, cloud_s, device_s):
    """Return the uplink in Mbit/s at which cloud and device take equally long; math.inf where the device always wins.

    Args:
        photo_mb: The photo's size in megabytes.
        round_trip_s, round_trips: Seconds that one round trip takes, and how many there are.
        cloud_s, device_s: Seconds that the model takes on the server and on the device.
    """
    ...


# %%
check("start.serving.break_even", break_even_mbit_s)

# %%
rows = []
latency_s = rates[224]["latency_s"]
for one in CUSTOMERS:
    whole_s = over_link_s(one.photo_mb, one.upload_mbit_s, one.round_trip_s, ROUND_TRIPS, latency_s)
    device_s = BOARD_TIMES_AS_LONG * latency_s
    fresh, kept = (
        break_even_mbit_s(one.photo_mb, one.round_trip_s, trips, latency_s, device_s) for trips in (ROUND_TRIPS, 1)
    )
    rows.append((one.name, one.upload_mbit_s, whole_s, 1 - latency_s / whole_s, device_s, fresh, kept))
columns = ["customer", "uplink Mbit/s", "cloud s", "of it network", "device s", "break-even, fresh", "kept open"]
pd.DataFrame(rows, columns=columns).round(3)

# %% [markdown]
# Over these links the model is a small part of the wait. A model twice as fast would change next to nothing there, and
# a smaller photo would change a lot. (What if the app shrinks the photo to 224 pixels before it sends it?) Where a
# break-even is `inf`, round trips and server alone take longer than the device, and no uplink helps.
#
# ### Three goals, one frontier
#
# Now all of it in one table: four designs in three sizes for each customer, with wait, cost and accuracy. For batch,
# the wait is the longest one of the day.


# %%
def designs(one):
    """Return a customer's designs as dictionaries: when and where, size of the image, wait, cost and accuracy."""
    arrivals_h = np.concatenate([hour + (np.arange(n) + 0.5) / n for hour, n in enumerate(one.photos_per_h) if n])
    asked_per_h = np.array(one.photos_per_h) * one.asked_share
    found = []
    for pixels, rate in rates.items():
        latency_s, made = rate["latency_s"], {}
        for runs in RUNS_PER_DAY:
            wait_s = 3600 * waits_h(arrivals_h, 24 / runs, rate["fps"]).max()
            cost = precomputed(len(arrivals_h), asked_per_h.sum(), runs, JOB_START_S, rate["fps"], SERVER_USD_PER_H)
            made[f"batch {runs} a day"] = (wait_s, cost["usd"])
        sent_s = over_link_s(one.photo_mb, one.upload_mbit_s, one.round_trip_s, ROUND_TRIPS, latency_s)
        made["cloud"] = (sent_s, on_demand(asked_per_h, latency_s, MOST_BUSY, SERVER_USD_PER_H)["usd"])
        made["device"] = (BOARD_TIMES_AS_LONG * latency_s, one.sites * BOARD_USD_PER_DAY)
        for design, (wait_s, usd) in made.items():
            facts = {"design": design, "pixels": pixels, "wait_s": wait_s, "usd_per_day": usd}
            found.append(facts | {"accuracy": rate["accuracy"]})
    return found


# %% [markdown]
# An option is *beaten* when another one is nowhere worse and somewhere better. What is left is the **frontier**: there,
# each gain in one goal is paid for in another.


# %% checkpoint="start.serving.frontier"
def on_frontier(options):
    """Return the places (0, 1, …) of the options that no other beats, in order.

    Args:
        options: List of [wait_s, usd_per_day, accuracy]; of wait and cost less is better, of accuracy more.
    """
    ...


# %%
check("start.serving.frontier", on_frontier)

# %%
of_publisher = pd.DataFrame(designs(publisher))
of_publisher.iloc[on_frontier(of_publisher[["wait_s", "usd_per_day", "accuracy"]].values.tolist())].round(4)

# %% [markdown]
# Is the cloud in the publisher's list? Where it is not, one small computer answers sooner, and for less. Among the rest
# somebody has to decide. Move the frontier first: give the canteens a better uplink, the guide ten times the photos,
# the publisher a tighter limit on accuracy. Which designs come and go, and which limit did it?

# %%
design_explorer(CUSTOMERS, designs)

# %% [markdown]
# ## Checkpoint
#
# ### Three decisions
#
# The frontier does not decide; the customer does. The manager's rule: drop every design that keeps somebody waiting
# longer than `may_wait_s`, or that loses more than `may_lose` of the accuracy against 224 pixels. Of what is left take
# the **cheapest**; of equally cheap ones the most accurate, and then the one with the shortest wait.
#
# Apply it with pandas, and write one row for each customer to a CSV file with the columns `customer` (its name),
# `design`, `pixels`, `wait_s` and `usd_per_day`. Where nothing is left (on a slow machine, or a busy one), the design
# is `none` and the rest stays empty.

# %% checkpoint="start.serving.decisions"
decisions_path = workspace_dir() / "decisions.csv"
# For each customer: table = pd.DataFrame(designs(one)), what keeps the limits, sort_values, the first row.
# At the end: pd.DataFrame(rows).to_csv(decisions_path, index=False)
...

# %%
check("start.serving.decisions", decisions_path)

# %%
pd.read_csv(decisions_path).round(4) if decisions_path.is_file() else "Nothing is decided yet."

# %% [markdown]
# ### What the figures do not say
#
# A year later fibre reaches the canteens: `FIBRE_MBIT_S`, and the connection is kept open (one round trip). Compute how
# long a till would then wait for the cloud, at full size, and look at what the cloud costs. Would you take the devices
# away? Say what speaks for them and what against, in a sentence or two each, with what is not in the table: who else is
# in the photo, what happens when the line is down, who looks after twelve small computers. Either choice can be right.

# %% checkpoint="start.serving.reason"
answer("start.serving.reason", {"choice": ..., "cloud_s": ..., "for_device": ..., "against_device": ...})

# %%
check("start.serving.reason")

# %%
check("start.serving.night_guess")

# %%
check("start.serving.small_guess")

# %% [markdown]
# ## On your own
#
# - The stated prices decide a lot. At which price of a small computer would the guide put one into each restaurant?
# - The publisher relabels its whole archive of ten million photos with each new model. Which designs are left?
# - Is a *hybrid* a design: the device answers, and a nightly batch of the same photos corrects it with a larger model?
#
# What you stated here you can measure later: part 1 makes the model faster at the same accuracy, part 2 measures the
# device, part 3 the queue in front of a server.
