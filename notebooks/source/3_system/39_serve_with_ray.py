# ---
# jupyter:
#   lesson:
#     title: Serve with Ray
#     summary: deployments, batching and composition with Ray Serve; replicas that follow the load, down to zero
#     part: 3
#     number: "39"
#     minutes: 30
#     kind: core
#     where: [laptop, node]
#     needs: ["32"]
#     ports: [8110, 8111, 8265, 8266]
#     uses: ["memory"]
# ---

# %% [markdown]
# # Serve with Ray
#
# At noon GourmetGram's visitors photograph everything, at three in the morning nothing. So far you decided how many
# instances there are, in a file, for the whole day. "Can the servers not count for themselves?" the manager asks, "and
# go home at night?"
#
# *Ray Serve* can. It is Python's own serving framework on top of Ray, which runs Python objects as processes, called
# *actors*, on one machine or a hundred.
#
# ## You will do
#
# Write an application of three deployments with dynamic batching, and its configuration; run them with Ray's own
# commands; watch replicas come as the load rises; then scale to zero and measure what the first request pays.
#
# ## You will learn
#
# - deployment, replica, handle, ingress, application: Ray Serve's words, and the file behind each;
# - what its autoscaler counts, and how to foresee its decision with Little's law;
# - what scale to zero saves, and who pays.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 30 minutes, and lesson 32. Ray has an environment of its own (about 490 MB, made
# once). The machine works for two minutes.

# %%
import time

import altair as alt
import httpx
import numpy as np
import pandas as pd

from grading.checkpoints import check, predict, predicted, reconcile
from labs.bench.targets import model_file
from labs.load import closed_loop
from labs.load.target import Served, predict_raw
from labs.machine.capability import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import ReplicaWatch, start_ray
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("39")))

# %% [markdown]
# ## Predict
#
# No replica of the model runs. A request comes; Ray starts a Python process, which imports ONNX Runtime, loads the
# model and answers. How many times as long does this request take as one that finds a replica?

# %% checkpoint="s.ray.cold_guess"
predict("s.ray.cold_guess", ...)

# %% [markdown]
# ## Act
#
# `start_ray` does what you would type in a terminal: `ray start --head`, then `serve deploy` with a file that names
# no application yet, only where Serve listens. Two things it sees to, because Ray's defaults do not: every port
# listens on 127.0.0.1 only (Ray otherwise takes the machine's address and listens on all), and all of them ask for a
# token. Whoever reaches a Ray port without one may run any code here.

# %%
cluster = run_with_progress(start_ray, "Start Ray")
cluster.shell("ray status")
print("listens on", cluster.listening())

# %% [markdown]
# ### An application
#
# | word | is | in Python |
# |---|---|---|
# | deployment | a class whose copies serve | `@serve.deployment` |
# | replica | one copy, a process of its own | (as many as the configuration says) |
# | handle | a deployment as another one sees it | `await handle.remote(x)` |
# | ingress | the deployment that HTTP reaches | `@serve.ingress(api)`, with `api = FastAPI()` |
# | application | deployments that were bound together | `Gateway.bind(Preprocess.bind(), …)` |
#
# A method under `@serve.batch(max_batch_size=…, batch_wait_timeout_s=…)` is called with one item and written for a
# *list* of them. It is `async`, and returns a list that is as long:
#
# ```python
# @serve.deployment
# class Doubler:
#     @serve.batch(max_batch_size=4, batch_wait_timeout_s=0.01)
#     async def __call__(self, numbers: list[int]) -> list[int]:
#         return [2 * number for number in numbers]
#
# @serve.deployment
# @serve.ingress(api)
# class Front:
#     def __init__(self, doubler):
#         self.doubler = doubler
#
#     @api.get("/double")
#     async def double(self, number: int) -> dict:
#         return {"double": await self.doubler.remote(number)}
# ```
#
# Write `app.py` for GourmetGram: `Preprocess` (an image's bytes to a tensor, with `load_image` and `to_input` of
# `labs.data.preprocess`), `Classifier` (opens the model in `__init__` with one thread, and classifies in batches of up
# to 8, waiting 5 ms at most) and `Gateway`, whose `POST /predict/raw` answers `{"class": number}`, or 422 where the
# body is no image (`load_image` raises `ImageDecodeError`; through a handle it arrives as what it was). A function
# `build(args)` binds them; `args["model"]` is the model's path.

# %% checkpoint="s.ray.app"
folder = programs_dir() / "ray"
folder.mkdir(exist_ok=True)
app_path = folder / "app.py"
# Write the application's text to `app_path`.
...

# %% [markdown]
# ### Its configuration
#
# Code says what a deployment does, the Serve config file how many of it there are and what each may take. Here is a
# smaller one, of another application:
#
# ```yaml
# proxy_location: HeadOnly
# http_options: {host: 127.0.0.1, port: 8110}
# applications:
#   - name: numbers
#     route_prefix: /numbers
#     import_path: double:build          # file:function
#     args: {factor: 2}
#     deployments:
#       - name: Front
#         ray_actor_options: {num_cpus: 0.1}
#       - name: Doubler
#         ray_actor_options: {num_cpus: 0.5}
#         autoscaling_config:
#           min_replicas: 1
#           max_replicas: 2
#           target_ongoing_requests: 2
#           metrics_interval_s: 0.5      # from here on: how soon it reacts (this one: deprecated in Ray's schema)
#           look_back_period_s: 4
#           upscale_delay_s: 1
#           downscale_delay_s: 10
#           downscale_to_zero_delay_s: 3
# ```
#
# `num_cpus` is what a replica reserves, not a limit on it; one processor where nothing is said. This cluster has
# 4 of them to give away (they need not exist). Write `food.yaml`: the application `food` at `/food`, from one to three
# replicas of `Classifier` with two ongoing requests each, and all of them must find room. Port and model are known here
# as `cluster.port` and `onnx_path`.

# %% checkpoint="s.ray.config"
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
config_path = folder / "food.yaml"
# Write the configuration's text to `config_path`.
...

# %%
check("s.ray.config", config_path)

# %% [markdown]
# `serve deploy` hands the file over; Ray makes it so, and keeps it so. The same command with a changed file is how one
# scales, updates and rolls back.

# %%
run_with_progress(lambda report: cluster.deploy(config_path, report), "serve deploy food.yaml")
cluster.shell("serve status")

# %%
httpx.post(f"{cluster.url}/food/predict/raw", content=photo(0), timeout=60).json()

# %%
check("s.ray.app", app_path)

# %% [markdown]
# Lesson 38's ensemble said the same with three models and their tensors' names. There the server knows the order, and
# hands tensors over in shared memory; here it is Python that calls, and each step is one `await`: easier to write, and
# each handle costs a hop to another process.
#
# ## Measure
#
# ### How many replicas?
#
# The autoscaler looks at *ongoing requests*, those waiting or being answered, and divides them by
# `target_ongoing_requests`. How many are ongoing you know from Little's law: rate × time. Write the function that
# foresees the number of replicas.


# %% checkpoint="s.ray.replicas"
def replicas_needed(rate_rps, service_s, target_ongoing):
    """Return how many replicas Ray Serve wants: the ongoing requests over those wanted in each; one at least.

    Args:
        rate_rps: Requests a second.
        service_s: Mean seconds that a request spends with a replica.
        target_ongoing: `target_ongoing_requests`.
    """
    ...


# %%
check("s.ray.replicas", replicas_needed)

# %% [markdown]
# Now load that rises: one client, then four, then twelve. The last stage goes on until a second replica answers. Ray's
# own status tells how many there are.

# %%
target = predict_raw(
    f"{cluster.url}/food",
    [photo(number) for number in range(8)],
    Served(model=model_file(onnx_path), backend="ray-serve"),
)
stages = []


def stage(clients, report):
    """Keep the record of some seconds under so many clients."""
    option = f"ray-{clients}"
    record = closed_loop(target, concurrency=clients, duration_s=4, timeout_s=60, option=option, on_progress=report)
    stages.append(ledger().append(record))


# %%
def rise(report):
    """Let the load rise, and return what was seen of the replicas."""
    with ReplicaWatch(cluster, "food", "Classifier") as watch:
        stage(1, report)
        stage(4, report)
        deadline_s = time.monotonic() + 300
        while watch.most_running < 2 and time.monotonic() < deadline_s:
            stage(12, report)
    return watch


watch = run_with_progress(rise, "Rising load")
ledger().observe("ray.scaling", {"most_running": watch.most_running, "rows": watch.rows})
alt.Chart(pd.DataFrame(watch.rows)).mark_line(interpolate="step-after").encode(
    alt.X("offset_s", title="seconds"), alt.Y("running", title="replicas of Classifier")
)

# %%
for one in stages:
    rate_rps, mean_s = one.throughput_rps.value, sum(one.samples) / len(one.samples)
    foreseen = replicas_needed(rate_rps, mean_s, 2)
    print(f"{one.concurrency:2} clients: {rate_rps:5.1f} req/s, p50 {one.percentile(50):.3f} s, foreseen {foreseen}")

# %%
check("s.ray.scaled")

# %% [markdown]
# (Foreseen are more than three where the file allows three.) More replicas came, and on a machine with two processors
# they share the same two: look at the requests a second. An autoscaler adds replicas, never processors.
#
# ### Scale to zero
#
# `min_replicas: 0`, and the classifier goes home a few seconds after the last request. Gateway and Preprocess stay: it
# is they who hold the request until a replica is there.

# %%
zero_path = folder / "zero.yaml"
zero_path.write_text(config_path.read_text().replace("min_replicas: 1", "min_replicas: 0"))
run_with_progress(lambda report: cluster.deploy(zero_path, report), "serve deploy zero.yaml")
held = cluster.memory_bytes()
run_with_progress(lambda report: cluster.wait_for_replicas("food", "Classifier", 0), "Wait for zero replicas")
freed_mb = (held - cluster.memory_bytes()) / 1e6
print(f"{freed_mb:.0f} MB freed")


# %%
def timed():
    """Return the seconds that one request takes."""
    begin_s = time.perf_counter()
    httpx.post(f"{cluster.url}/food/predict/raw", content=photo(0), timeout=180).raise_for_status()
    return time.perf_counter() - begin_s


predicted("s.ray.cold_guess")
seconds = run_with_progress(lambda report: [timed() for _ in range(11)], "One cold request, ten warm ones")
ledger().observe("ray.cold", {"cold_s": seconds[0], "warm_s": seconds[1:]})
print(f"cold {seconds[0]:.2f} s, warm {sorted(seconds[1:])[5]:.3f} s")

# %%
reconcile("s.ray.cold_guess")

# %%
check("s.ray.cold_guess")

# %% [markdown]
# How many pay? At night a photo comes every `mean_gap_s` seconds on average, and photos know nothing of each other, so
# the gaps are exponential: a gap is longer than *t* with the probability exp(−*t* / `mean_gap_s`). A photo meets no
# replica when the gap before it was longer than the idle time after which the last one goes.


# %% checkpoint="s.ray.cold_share"
def cold_share(mean_gap_s, idle_s):
    """Return the share of requests that find no replica, 0 to 1.

    Args:
        mean_gap_s: Mean seconds between two requests.
        idle_s: Seconds without a request after which the last replica is stopped.
    """
    ...


# %%
check("s.ray.cold_share", cold_share)

# %%
for idle_s in (1, 30, 276, 600):
    print(f"idle time {idle_s:3} s: {cold_share(60, idle_s):.1%} of the requests wait for a start")

# %% [markdown]
# It is also the share of time that is saved: on average `mean_gap_s` × exp(−*t* / `mean_gap_s`) seconds of each gap lie
# behind the idle time. A longer idle time moves both together. Only a faster start helps on both sides.
#
# ## Checkpoint
#
# Stop Ray. (A kernel that ends takes its cluster along.)

# %%
cluster.stop()

# %% [markdown]
# ## On your own
#
# - Print the start of `cluster.folder / "session_latest/logs/serve"` while Ray runs: who logs what?
# - `max_batch_size: 1`: what do twelve clients get then? (`serve deploy` again; `app.py` is read anew.)
# - Two processors are all there is. Give each replica's session two threads instead of one: better or worse?
