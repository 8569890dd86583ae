# ---
# jupyter:
#   lesson:
#     id: scale
#     title: Start cold, scale, isolate
#     summary: replicas that follow the load down to zero, what that saves and who waits, and a crowd next door
#     part: 3
#     kind: core
#     where: [laptop, node]
#     needs: [http]
#     ports: [8110, 8111, 8265, 8266]
# ---

# %% [markdown]
# # Start cold, scale, isolate
#
# At noon GourmetGram's visitors photograph everything, at three in the morning nothing. "Then stop the servers at
# night," says the manager, "and start them when they are needed." That is paid for in money or in seconds. **What does
# a waiting replica cost, how long does a visitor wait when none is running, and what happens when a crowd comes?**

# %% folded=true
import subprocess
from functools import partial
from string import Template

import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
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
# A photo that finds a running replica gets a **warm start**. A photo that has to wait until one is started gets a
# **cold start**. How many times as long does its visitor wait (`cold`)? Two teams send photos: *Menu* five a second,
# and *Campaign*, for a few seconds, more than a replica can answer. How many times as long does Menu's median become if
# both share an application (`shared`), and if each has its own (`own`)?

# %%
predict("scale.times", cold=..., shared=..., own=...)

# %% [markdown]
# ## An application in Ray Serve
#
# *Ray Serve* runs Python classes as processes, on one machine or a hundred. A class under `@serve.deployment` is a
# **deployment**, each process of it a **replica**, and the whole, with an address of its own, an **application**.

# %%
model, folder = fp32_model(), programs_dir() / "ray"
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
# **Scaling** is to add replicas as the load rises, and to take them away as it falls. Ray's autoscaler counts
# **ongoing** requests: those that wait for their answer, in a queue or in a replica. It wants so many replicas that
# each has `target_ongoing` of them at most, and keeps within the bounds that you set:


# %%
def replicas_wanted(ongoing, target_ongoing, least, most):
    return int(min(most, max(least, np.ceil(ongoing / target_ongoing))))


print([replicas_wanted(ongoing, 2, 0, 10) for ongoing in (0, 0.5, 6, 7, 90)])

# %% [markdown]
# ## A template for a new team
#
# What a deployment may take stands in a **Serve config**, not in its code. This one is to be a template for all teams
# of GourmetGram. Fill in its last five places by `$least`, `$most`, `$queued`, `$team` and `$model`: the bounds of a
# team's replicas, how many requests may wait, its own address, and its model.

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
      max_queued_requests: ...             # more of them get a 503 at once; -1 means no bound
  route_prefix: ...                        # the address, which begins with a slash
  args: {model: ...}                       # what `build` gets
### END SOLUTION
""")
check("scale.team", team_path)

# %% [markdown]
# `deploy` fills the template in for some teams and hands it to `serve deploy`. The first application is for everybody;
# it may have two replicas, and none.


# %% folded=true
def deploy(*teams):
    head = f"proxy_location: HeadOnly\nhttp_options: {{host: 127.0.0.1, port: {cluster.port}}}\napplications:\n"
    filled = [
        Template(team_path.read_text()).substitute(team, model=model) for team in teams
    ]
    (folder / "teams.yaml").write_text(head + "".join(filled))
    run_with_progress(
        lambda report: cluster.deploy(folder / "teams.yaml", report),
        "serve deploy teams.yaml",
    )


deploy({"team": "everybody", "least": 0, "most": 2, "queued": -1})

# %% [markdown]
# `serve status` says how it stands, and Ray's **dashboard** shows the same as a page. Both ask for a token, since
# whoever may deploy can run code on this machine. The command finds it in `cluster.variables`; paste it into the page.

# %%
print(
    subprocess.run(
        ["serve", "status"],
        env=cluster.variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
)
print(link(cluster.dashboard_url), "token:", cluster.token)

# %% [markdown]
# ## Cold and warm
#
# The application runs, without a replica. The first photo waits until Ray has started a Python process that imports
# ONNX Runtime and loads the model. Twenty more come after it. (This is one cold start; another may take longer.)

# %%
guesses = predicted("scale.times")
photos = [photo(number) for number in range(8)]
answers = [
    httpx.post(f"{cluster.url}/everybody", content=photos[number % 8], timeout=120)
    for number in range(21)
]
cold_s, *warm = [answer.raise_for_status().elapsed.total_seconds() for answer in answers]
warm_s = float(np.median(warm))
ledger().observe("scale.cold", {"cold_s": cold_s, "warm_s": warm})
print(f"cold {cold_s:.2f} s, warm {warm_s:.3f} s")

# %% [markdown]
# ## What waiting costs
#
# For how long should a replica be kept after an answer? While it waits for the next photo, it costs money. Once it is
# gone, the next visitor pays, in seconds. Write the account of one replica in a quiet night:


# %% question="scale.idle"
def idle_dollars(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """Return (cold starts, dollars): a replica starts cold when a request finds none, computes, and is kept for keep_s
    seconds after its last answer. Requests never overlap. Dollars are for the seconds kept and not computing.
    arrivals_s rise, and there is one at least; a request takes seconds_each, cold or not."""
    ### BEGIN SOLUTION
    gaps_s = np.diff(arrivals_s) - seconds_each
    kept_s = np.minimum(gaps_s, keep_s).sum() + keep_s
    return 1 + int((gaps_s > keep_s).sum()), float(kept_s / 3600 * dollars_an_hour)
    ### END SOLUTION


check("scale.idle", idle_dollars)

# %% [markdown]
# A night with 43 photos, one about every eleven minutes. The picture shows its first three hours, with a replica that
# is kept for two minutes, and for fifteen. The table has the whole night. Prices are those of *Batch or online*
# (`assets/reference/prices.json`): one thread, which is what a replica computes on here, and an A100. Put in yours.

# %%
thread_usd, gpu_usd = (
    processor_usd_per_hour(fingerprint().label, 1),
    gpu_usd_per_hour("A100"),
)
print(f"dollars an hour: a thread {thread_usd:.3f}, a machine with an A100 {gpu_usd:.3f}")

# %% folded=true
night_s, rows = np.cumsum(np.random.default_rng(6).exponential(720, 43)), []
gaps_s = np.append(np.diff(night_s), np.inf)
figure, axes = plt.subplots(2, 1, figsize=(9, 2.2), sharex=True, layout="constrained")
for axis, keep_s in zip(axes, (120, 900)):
    axis.broken_barh(
        np.stack([night_s, np.minimum(gaps_s, keep_s)], 1) / 60,
        (0, 1),
        color="tab:orange",
        alpha=0.5,
    )
    cold = np.append(True, gaps_s[:-1] > keep_s)
    axis.vlines(
        night_s / 60,
        0,
        1,
        color=np.where(cold, "tab:blue", "black"),
        lw=np.where(cold, 4, 1),
    )
    axis.set(
        xlim=(0, 180),
        yticks=[],
        ylabel=f"{keep_s // 60} min",
        xlabel="minutes" if keep_s > 120 else "",
    )
print(
    "thick, blue: the photo starts a replica. Thin, black: it finds one. Orange: the replica waits, and is paid for."
)
for minutes in (0, 2, 5, 15, 60):
    starts, thread = idle_dollars(night_s, warm_s, 60 * minutes, thread_usd)
    _, gpu = idle_dollars(night_s, warm_s, 60 * minutes, gpu_usd)
    spared = len(night_s) - starts
    rows.append(
        (
            minutes,
            starts,
            starts * (cold_s - warm_s),
            thread,
            gpu,
            gpu / spared if spared else None,
        )
    )
columns = [
    "kept, minutes",
    "cold starts",
    "visitors wait, s",
    "thread, $",
    "GPU, $",
    "GPU, $ for a spared start",
]
pd.DataFrame(rows, columns=columns).style.format(precision=2, na_rep="").hide()

# %% [markdown]
# The last column says what it costs to spare *one* visitor the cold start. No gap of this night is as long as an hour,
# so a replica that is kept for an hour never stops, and the hour after the last photo is paid for as well: that is
# dearer than a replica that simply runs from the first photo to the last. And beware of a saving that is none. A
# replica that stops frees memory, but the *machine* is billed until it is released, and then it has to boot again.
#
# ## A crowd comes
#
# At noon Campaign sends twice what one replica answers, to the application that Menu uses. Two replicas are allowed.
# This sends the photos of both teams at their rates, whatever became of earlier ones, and watches the replicas:


# %% folded=true
def measure(duration_s, **teams):
    """Return the records of open loops side by side, by option."""
    loops = []
    for one, (team, rps) in teams.items():
        how = {
            "rate_rps": rps,
            "duration_s": duration_s,
            "timeout_s": 60,
            "option": f"scale-{one}",
        }
        loops.append(partial(open_loop, ray_target(cluster, team, photos, model), **how))
    made = run_with_progress(lambda report: together(*loops, on_progress=report), "Load")
    return {one: ledger().append(record) for one, record in zip(teams, made)}


crowd_rps = round(min(150, 2 / warm_s))
runs = measure(4, alone=("everybody", 5))
with ReplicaWatch(cluster, "everybody", "Food") as watch:
    runs |= measure(4, shared=("everybody", 5), crowd_shared=("everybody", crowd_rps))
seen = pd.DataFrame(watch.rows).rename(columns={"offset_s": "seconds"})
ongoing = (
    sum(sum(runs[option].samples) for option in ("shared", "crowd_shared"))
    / seen.seconds.max()
)
wanted = {most: replicas_wanted(ongoing, 2, 0, most) for most in (2, 1000)}
print(
    f"{ongoing:.0f} ongoing on average: {wanted[2]} replicas are wanted, without a bound {wanted[1000]}"
)
axis = seen.plot(
    x="seconds",
    y=["running", "starting"],
    drawstyle="steps-post",
    figsize=(9, 2),
    ylabel="replicas",
)

# %% [markdown]
# (Ongoing on average: all seconds that were waited, divided by the time.) An autoscaler counts, then it waits, then a
# replica starts cold. It can follow a load that rises over minutes, and is too late for a burst of seconds. And it adds
# replicas, never processors.
#
# ## Each its own
#
# The same two replicas, but one for each team, and no more than 8 of Campaign's photos may queue. A row is one run, in
# which Menu sends about twenty photos: enough for a median and for the share that took longer than half a second.

# %% folded=true
deploy(
    *(
        {"team": team, "least": 1, "most": 1, "queued": most}
        for team, most in (("menu", -1), ("campaign", 8))
    )
)
runs |= measure(4, own=("menu", 5), crowd_own=("campaign", crowd_rps))
cluster.stop()
options = ("alone", "shared", "own")
table = pd.DataFrame(
    {
        "Menu's median, ms": {
            option: 1e3 * runs[option].percentile(50) for option in options
        }
    }
)
table["late"] = pd.Series(
    {option: np.mean(np.array(runs[option].samples) > 0.5) for option in options}
)
table["times"] = table["Menu's median, ms"] / table["Menu's median, ms"]["alone"]
table.loc["cold", "times"] = cold_s / warm_s
table["you predicted"] = pd.Series(guesses)
table["Campaign refused"] = pd.Series(
    {one: runs[f"crowd_{one}"].load.error_rate for one in ("shared", "own")}
)
shown = {"Menu's median, ms": "{:.0f}", "late": "{:.0%}", "Campaign refused": "{:.0%}"}
table.style.format(shown, precision=1, na_rep="")

# %% [markdown]
# In the shared application Menu's photos stand in Campaign's queue. In its own, Menu has a queue and a process that no
# other team can fill. The processors are still shared: `num_cpus` is reserved, and nothing holds a replica to it.
#
# ## What you found
#
# Tell the manager your figures: the price of a night, the wait of the first visitor, and what a crowd does to a
# neighbour.
#
# - Put in your own prices, and a cold start of two minutes, `cold_s = 120`. For how long would you keep a replica now?
