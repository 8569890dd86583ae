# ---
# jupyter:
#   lesson:
#     id: scale
#     title: Start cold, scale, isolate
#     summary: replicas that follow the load down to zero, the savings, the waits, and a crowd from another team
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: [http]
#     ports: [8110, 8111, 8265, 8266]
# ---

# %% [markdown]
# # Start cold, scale, isolate
#
# **Prerequisites:** *Serve over HTTP*. **Runs on:** your laptop or a server.
#
# At noon, GourmetGram's visitors photograph everything; at three in the morning, nothing.
# "Then stop the servers at night," says the manager, "and start them when they are
# needed." You pay with money (a waiting replica) or with time (a cold start). **How much
# does a waiting replica cost, how long does a visitor wait when none is running, and how
# does a crowd from one team affect another?**

# %% folded=true
# Import the lesson's modules.
import subprocess
from functools import partial
from string import Template

import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.display.figures import label_lines
from labs.display.theme import BLUE, GREY, ORANGE
from labs.load import open_loop
from labs.load.race import together
from labs.load.served import ray_target
from labs.machine import fingerprint
from labs.records.ledger import ledger
from labs.records.prices import gpu_usd_per_hour, processor_usd_per_hour
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import ReplicaWatch, start_ray
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# A **warm start** answers a photo with a replica that is already running. In a **cold
# start**, the photo has to wait until a replica is started. By what factor is the
# visitor's wait longer in a cold start (`cold`)? Two teams send photos: *Menu* sends five
# per second, and *Campaign* sends, for a few seconds, more than one replica can answer.
# By what factor does Menu's median latency grow if both share an application (`shared`),
# and if each has its own (`own`)?

# %%
predict("scale.times", cold=..., shared=..., own=...)

# %% [markdown]
# ## An application in Ray Serve
#
# *Ray Serve* runs Python classes as processes, on one machine or a hundred. A
# **deployment** is a class under `@serve.deployment`. A **replica** is one process that
# runs it. An **application** is a set of deployments with its own address.

# %%
model = fp32_model()
folder = programs_dir() / "ray"
folder.mkdir(exist_ok=True)
(folder / "app.py").write_text("""
import onnxruntime as ort
from ray import serve
from starlette.responses import JSONResponse
from labs.data.intake import PhotoError, open_photo, to_input
@serve.deployment
class Food:
    def __init__(self, model):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    async def __call__(self, request):
        try:
            tensor = to_input(open_photo(await request.body()))
        except PhotoError as error:
            return JSONResponse({"detail": str(error)}, error.status)
        return {"class": int(self.session.run(None, {"input": tensor[None]})[0].argmax())}

def build(args):
    return Food.bind(args["model"])
""")
cluster = run_with_progress(start_ray, "ray start --head")

# %% [markdown]
# ## How many replicas?
#
# **Scaling** means to add replicas as the load rises, and to remove them as it falls. The
# program that does this is the **autoscaler**. Ray's autoscaler counts **ongoing**
# requests: those that wait for their answer, in a queue or in a replica. It starts enough
# replicas that each has at most `target_ongoing` of these requests, within the bounds
# that you set:


# %%
def replicas_wanted(ongoing, target_ongoing, least, most):
    enough = int(np.ceil(ongoing / target_ongoing))
    return min(most, max(least, enough))


for ongoing in (0, 0.5, 6, 7, 90):
    print(ongoing, "ongoing:", replicas_wanted(ongoing, 2, 0, 10), "replicas")

# %% [markdown]
# ## A template for a new team
#
# A Serve config sets a deployment's limits; the code does not. This config will be the
# template for all of GourmetGram's teams. Replace its last five dots by `$least`,
# `$most`, `$queued`, `$team` and `$model`: the bounds of a team's replicas, the number of
# requests that may wait, the team's address, and its model.

# %% question="scale.team"
team_path = folder / "team.yaml"
team_path.write_text("""
- name: $team
  import_path: app:build                   # file:function
  deployments:
    - name: Food                           # the class
      ray_actor_options: {num_cpus: 0.5}   # reserved for each replica; it may use more
      autoscaling_config:
        target_ongoing_requests: 2
        metrics_interval_s: 0.5
        look_back_period_s: 2
        upscale_delay_s: 1
### BEGIN SOLUTION
        min_replicas: $least
        max_replicas: $most
      max_queued_requests: $queued
  route_prefix: /$team
  args: {model: $model}
### STUB
        min_replicas: ...
        max_replicas: ...
      max_queued_requests: ...             # further requests get a 503; -1 means no limit
  route_prefix: ...                        # the address, which begins with a slash
  args: {model: ...}                       # the argument of `build`
### END SOLUTION
""")
check("scale.team", team_path)

# %% [markdown]
# `deploy` fills in the template for some teams and passes it to `serve deploy`. The first
# application is for all teams; it may have zero to two replicas.


# %% folded=true
# Deploy the first application.


def deploy(*teams):
    """Fill in the template for each team, and deploy all of them."""
    template = Template(team_path.read_text())
    config = f"""
proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
"""
    for team in teams:
        config += template.substitute(team, model=model)
    path = folder / "teams.yaml"
    path.write_text(config)
    run_with_progress(
        lambda report: cluster.deploy(path, report), "serve deploy teams.yaml"
    )


deploy({"team": "everybody", "least": 0, "most": 2, "queued": -1})

# %% [markdown]
# `serve status` shows the state of the applications, and so does Ray's **dashboard**, a
# web page. Both require a token, because a user who may deploy can run code on this
# machine. The command reads it from `cluster.variables`; paste it into the page.

# %%
command = ["serve", "status"]
status = subprocess.run(
    command, env=cluster.variables, capture_output=True, text=True, check=True
)
print(status.stdout)
print(link(cluster.dashboard_url), "token:", cluster.token)

# %% [markdown]
# ## Cold and warm
#
# The application runs, but has no replica. The first photo waits until Ray has started a
# Python process that imports ONNX Runtime and loads the model. Then the next cell sends
# twenty more photos. (It measures one cold start; another may take longer.)

# %%
guesses = predicted("scale.times")
photos = [photo(number) for number in range(8)]
waits_s = []
for number in range(21):
    content = photos[number % 8]
    answer = httpx.post(f"{cluster.url}/everybody", content=content, timeout=120)
    waits_s.append(answer.raise_for_status().elapsed.total_seconds())
cold_s, *warm = waits_s
warm_s = float(np.median(warm))
ledger().observe("scale.cold", {"cold_s": cold_s, "warm_s": warm})
print(f"cold {cold_s:.2f} s, warm {warm_s:.3f} s")

# %% [markdown]
# ## The price of waiting
#
# How long should a replica keep running after an answer? While it waits for the next
# photo, it costs money. If it has stopped, the next visitor pays with time. Write a
# function that counts the cold starts and the cost of one replica in a quiet night:


# %% question="scale.idle"
def idle_dollars(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """Return (cold starts, dollars) of one replica, an int and a float.

    - arrivals_s: when each request arrives, rising, at least one. Requests never overlap.
    - Each request computes for seconds_each, cold or warm.
    - After each answer the replica is kept for keep_s seconds, also after the last one. A
      request that arrives later than that finds no replica: a cold start.
    - Dollars are for the seconds in which the replica is kept and does not compute.

    Example: idle_dollars([0.0], 5.0, 60.0, 3.6) returns (1, 0.06).
    """
    ### BEGIN SOLUTION
    gaps_s = np.diff(arrivals_s) - seconds_each
    kept_s = np.minimum(gaps_s, keep_s).sum() + keep_s
    cold_starts = 1 + np.sum(gaps_s > keep_s)
    return int(cold_starts), float(kept_s / 3600 * dollars_an_hour)
    ### END SOLUTION


check("scale.idle", idle_dollars)

# %% [markdown]
# Now apply it to a night with 43 photos, about one every eleven minutes. The figure shows
# the first three hours, with a replica that is kept for two minutes and for fifteen (thick
# blue lines: photos that start a replica; orange: the replica waits, and costs money). The
# table shows the complete night. The prices are those of *Batch or online*
# (`assets/reference/prices.json`): one thread, which a replica computes on here, and a
# machine with an A100. Change them to yours.

# %%
thread_usd = processor_usd_per_hour(fingerprint().label, 1)
gpu_usd = gpu_usd_per_hour("A100")
print(f"dollars an hour: a thread {thread_usd:.3f}, a machine with an A100 {gpu_usd:.3f}")

# %% folded=true
# Draw three hours of the night, and tabulate the costs of all of it.
gaps_s = np.random.default_rng(6).exponential(720, 43)
night_s = np.cumsum(gaps_s)
next_s = np.append(night_s[1:], np.inf)
figure, axes = plt.subplots(2, 1, figsize=(9, 2.8), sharex=True)
for axis, keep_min in zip(axes, (2, 15)):
    kept_s = np.minimum(next_s - night_s, 60 * keep_min)
    waits_min = np.column_stack([night_s, kept_s]) / 60
    axis.broken_barh(waits_min, (0, 1), color=ORANGE, alpha=0.5)
    cold = gaps_s > 60 * keep_min
    cold[0] = True
    color = np.where(cold, BLUE, GREY)
    axis.vlines(night_s / 60, 0, 1, color=color, lw=np.where(cold, 4, 1))
    is_shown = cold & (night_s < 180 * 60)
    axis.set_title(f"Kept for {keep_min} minutes: {is_shown.sum()} cold starts")
    axis.set(xlim=(0, 180), yticks=[])
    axis.spines["left"].set_visible(False)
axes[1].set_xlabel("minutes")
rows = []
for keep_min in (0, 2, 5, 15, 60):
    starts, thread_dollars = idle_dollars(night_s, warm_s, 60 * keep_min, thread_usd)
    _, gpu_dollars = idle_dollars(night_s, warm_s, 60 * keep_min, gpu_usd)
    row = {
        "kept, minutes": keep_min,
        "cold starts": starts,
        "visitors wait, s": starts * (cold_s - warm_s),
        "thread, $": thread_dollars,
        "GPU, $": gpu_dollars,
    }
    spared = len(night_s) - starts
    if spared:
        row["GPU, $ per cold start avoided"] = gpu_dollars / spared
    rows.append(row)
pd.DataFrame(rows).style.format(precision=2, na_rep="").hide()

# %% [markdown]
# The last column shows the price of sparing *one* visitor the cold start. Every gap of
# this night is shorter than an hour, so with a keep time of one hour the replica never
# stops, and you also pay for the hour after the last photo. That costs more than a
# replica that runs from the first photo to the last. A replica that stops frees memory,
# but saves no money if you rent a *machine*: you pay for it until you release it, and
# then it has to boot again.
#
# ## A crowd comes
#
# At noon, Campaign sends two photos in the time of one warm answer (at most 150 per
# second), to the application that Menu uses. Two replicas are allowed. The next cell
# sends the photos of both teams in an **open loop**: it sends at a fixed rate, whether
# or not earlier photos have been answered. The plot shows the replicas over time (blue:
# running, orange: starting).


# %% folded=true
# Send both teams' photos to one application, and plot its replicas.


def measure(duration_s, **teams):
    """Return the records of open loops that run at the same time, by option."""
    loops = []
    for option, (team, rate_rps) in teams.items():
        loop = partial(
            open_loop,
            ray_target(cluster, team, photos, model),
            rate_rps=rate_rps,
            duration_s=duration_s,
            timeout_s=60,
            option=f"scale-{option}",
        )
        loops.append(loop)
    records = run_with_progress(
        lambda report: together(*loops, on_progress=report), "Load"
    )
    for record in records:
        ledger().append(record)
    return dict(zip(teams, records))


crowd_rps = round(min(150, 2 / warm_s))
runs = measure(4, alone=("everybody", 5))
with ReplicaWatch(cluster, "everybody", "Food") as watch:
    runs |= measure(4, shared=("everybody", 5), crowd_shared=("everybody", crowd_rps))
replicas = pd.DataFrame(watch.rows).set_index("offset_s")
waited_s = sum(runs["shared"].samples) + sum(runs["crowd_shared"].samples)
ongoing = waited_s / replicas.index.max()
bounded = replicas_wanted(ongoing, 2, 0, 2)
unbounded = replicas_wanted(ongoing, 2, 0, 1000)
print(f"{ongoing:.0f} ongoing requests on average need {bounded} replicas,")
print(f"or {unbounded} without an upper bound")
steps = {"drawstyle": "steps-post", "figsize": (9, 2), "legend": False}
axis = replicas[["running", "starting"]].plot(
    **steps, xlabel="seconds", ylabel="replicas"
)
most = replicas["running"].max()
axis.set_title(f"Replicas that run at the same time: at most {most:.0f}")
label_lines(axis)

# %% [markdown]
# The average number of ongoing requests is the sum of all waiting times, divided by the
# duration. An autoscaler counts first, then waits, and then a replica starts cold. So it
# follows a load that rises over minutes, but reacts too late to a burst of seconds. It
# adds replicas, not processors.
#
# ## A replica for each team
#
# Now each team has its own application with one replica, and at most 8 of Campaign's
# photos may queue. Each row is one run, in which Menu sends about twenty photos: enough
# for a median, and for the share that took longer than half a second.

# %% folded=true
# Measure with one application per team, and tabulate all runs.
deploy(
    {"team": "menu", "least": 1, "most": 1, "queued": -1},
    {"team": "campaign", "least": 1, "most": 1, "queued": 8},
)
runs |= measure(4, own=("menu", 5), crowd_own=("campaign", crowd_rps))
cluster.stop()
rows = {}
for option in ("alone", "shared", "own"):
    latencies_s = np.array(runs[option].samples)
    rows[option] = {
        "Menu's median, ms": 1e3 * runs[option].percentile(50),
        "late": np.mean(latencies_s > 0.5),
        "times": runs[option].percentile(50) / runs["alone"].percentile(50),
    }
rows["cold"] = {"times": cold_s / warm_s}
table = pd.DataFrame.from_dict(rows, orient="index")
table["you predicted"] = pd.Series(guesses)
table.loc["shared", "Campaign refused"] = runs["crowd_shared"].load.error_rate
table.loc["own", "Campaign refused"] = runs["crowd_own"].load.error_rate
shown = {"Menu's median, ms": "{:.0f}", "late": "{:.0%}", "Campaign refused": "{:.0%}"}
table.style.format(shown, precision=1, na_rep="")

# %% [markdown]
# In the shared application, Menu's photos wait in Campaign's queue. In its own
# application, Menu has a queue and a process that no other team can fill. This is
# **isolation**: the load of one team does not delay another. It is not complete, because
# both teams still share the processors: Ray reserves `num_cpus` for a replica, but does
# not limit it to them.
#
# ## What you found
#
# Tell the manager your figures: the price of a night, the wait of the first visitor, and
# the effect of a crowd on another team.
#
# **Try it yourself**
#
# - Put in your own prices, and a cold start of two minutes, `cold_s = 120`. For how long
#   would you keep a replica now?

# %% [markdown]
# ## Read more
#
# - [Powering Millions of Real-Time Decisions with LyftLearn
#   Serving](https://eng.lyft.com/powering-millions-of-real-time-decisions-with-lyftlearn-serving-9bb1f73318dc)
#   (H. Baba and M. Mathur, 2023): how Lyft gives each team its own service, made from a
#   template.
# - [Serverless in the Wild](https://www.usenix.org/conference/atc20/presentation/shahrad)
#   (M. Shahrad et al., 2020): how long a real cloud keeps idle functions, and which
#   photos would start cold.
# - [Ray Serve Autoscaling](https://docs.ray.io/en/latest/serve/autoscaling-guide.html)
#   (Ray documentation): the fields of your config, and their defaults.
# - [Advanced Ray Serve
#   Autoscaling](https://docs.ray.io/en/latest/serve/advanced-guides/advanced-autoscaling.html)
#   (Ray documentation): how to tune each delay for bursts.
