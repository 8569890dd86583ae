# ---
# jupyter:
#   lesson:
#     id: platform
#     title: A platform for several teams
#     summary: retries, a replica that dies under load, and a canary that is withdrawn without a restart
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [scale]
#     ports: [8110, 8111, 8265, 8266]
# ---

# %% [markdown]
# # A platform for several teams
#
# **Prerequisites:** *Start cold, scale, isolate*. **Runs on:** your laptop or a server.
#
# Menu and Campaign now have separate applications, and no longer wait in each other's
# queue. Two things still go wrong on a Friday. A process dies while it computes photos.
# And a new version is released that passes all tests but is slow. **How does a platform
# replace a dead process and withdraw a bad version, and how much of this do visitors
# notice?**

# %%
from functools import partial

import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.deeper.platform.retry import retried_load
from labs.display.theme import BLUE, GREY, ORANGE
from labs.load.race import together
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import start_ray
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# Menu has two replicas and gets twenty photos per second, for eight seconds. After two
# seconds, a replica is killed. How many of 160 requests get no good answer at their first
# try (`first`), and how many get none in the end (`lost`)?

# %%
predict("platform.lost", first=..., lost=...)

# %% [markdown]
# ## Two replicas
#
# `Version` is the model, which gets the bytes of a photo; you will need its `delay_s` and
# its `None` later. `Food` is a deployment of `Version`.

# %%
cluster = run_with_progress(start_ray, "ray start --head")
model = fp32_model()
folder = programs_dir() / "ray"
photos = [photo(number) for number in range(8)]
(folder / "service.py").write_text("""
import asyncio
import onnxruntime as ort
from ray import serve
from starlette.responses import JSONResponse
from labs.data.intake import PhotoError, open_photo, to_input

class Version:
    def __init__(self, model, delay_s=0.0):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.delay_s = delay_s
    def classify(self, image):
        pixels = to_input(open_photo(image))
        [logits] = self.session.run(None, {"input": pixels[None]})
        return int(logits.argmax())
    async def __call__(self, image):
        await asyncio.sleep(self.delay_s)
        try:
            return self.classify(image)
        except Exception:
            return None  # an error, which the answer counts for the version that it names

@serve.deployment
class Food(Version):
    async def __call__(self, request):
        try:
            return {"class": self.classify(await request.body())}
        except PhotoError as error:
            return JSONResponse({"detail": str(error)}, error.status)

def build(args):
    return Food.bind(args["model"])
""")


def deploy(name, program, *deployments):
    path = folder / f"{name}.yaml"
    path.write_text(f"""
proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: {name}
    route_prefix: /{name}
    import_path: {program}:build
    args: {{model: {model}}}
    deployments: [{", ".join(deployments)}]
""")
    run_with_progress(
        lambda report: cluster.deploy(path, report), f"serve deploy {path.name}"
    )


food = "{name: Food, num_replicas: 2, ray_actor_options: {num_cpus: 0.5}}"
deploy("menu", "service", food)

# %% [markdown]
# ## When to ask again
#
# Ray notices that a replica has died, stops sending requests to it, and starts another.
# But the requests that it was computing are lost: their clients get an error, or no
# answer. Classifying a photo twice does no harm, so clients may ask again.
#
# How long should they wait before they do? Without a wait, all clients return at the same
# moment. With a long wait, visitors leave. The usual rule is **exponential backoff**:
# each wait is twice as long as the previous one, up to a limit. Here the rules are:
#
# - wait 0.1 s after the first failed try, twice as long after each further one, but at
#   most 0.5 s;
# - give up after five failed tries;
# - give up at once if the client is at fault (status 400 to 499), because the same
#   request fails again. The exception is 429, which means "later".
#
# A status of 0 means that no answer came. (Real clients add *jitter*, a random part, so
# that they do not all return together.)


# %% question="platform.retry"
def retry_delay_s(failed_tries, status):
    """Return the seconds to wait before the next try, or -1 to give up.

    failed_tries is the number of tries so far, 1 after the first. status is the last
    try's. Follow the three rules above. Example: retry_delay_s(2, 503) returns 0.2.
    """
    ### BEGIN SOLUTION
    own_fault = 400 <= status < 500 and status != 429
    if failed_tries >= 5 or own_fault:
        return -1
    return min(0.5, 0.1 * 2 ** (failed_tries - 1))
    ### END SOLUTION


check("platform.retry", retry_delay_s)

# %% [markdown]
# ## A replica dies
#
# The next cell kills a replica with SIGKILL, a signal that no process can catch.

# %%
guesses = predicted("platform.lost")
url = f"{cluster.url}/menu"
load = partial(retried_load, url, photos, retry_delay_s, rate_rps=20, duration_s=8)


def kill(on_progress):
    cluster.kill_replica("menu", "Food", after_s=2)


recovery, _ = run_with_progress(
    lambda report: together(load, kill, on_progress=report), "Load, and a loss"
)
counts = ledger().observe("platform.recovery", recovery.to_json())
requests = pd.DataFrame(
    {
        "due, s": np.arange(len(recovery.took_s)) / 20,
        "answered after, s": recovery.took_s,
        "tries": [len(statuses) for statuses in recovery.statuses],
    }
)
figure, axis = plt.subplots(figsize=(9, 2.4))
at_once = requests[requests["tries"] == 1]
retried = requests[requests["tries"] > 1]
dots = {"x": "due, s", "y": "answered after, s", "s": 14, "ax": axis}
at_once.plot.scatter(**dots, color=BLUE)
retried.plot.scatter(**dots, color=ORANGE)
axis.axvline(2, color=GREY, ls="--")
axis.text(2, axis.get_ylim()[1], " the kill", va="top")
axis.set(xlabel="seconds", ylim=(0, None))
axis.set_title(f"{len(retried)} of {len(requests)} requests needed more than one try")
table = pd.DataFrame(index=["first", "lost"])
table["requests"] = [counts["failed_at_first"], counts["lost"]]
table["you predicted"] = pd.Series(guesses)
table

# %% [markdown]
# Each dot is a request. The orange dots are requests inside the replica that died. If there
# are none, the replica was idle at that moment: run the cell again. (The very first
# requests are slow because the processes have not yet answered any.)
#
# ## A canary
#
# A **canary** is a new version that gets a small share of the requests first. If its
# figures are bad, few visitors have seen it. In Ray Serve, a router is a deployment like
# any other. It is bound to two others and gets a **handle** for each, an object that
# sends requests: `await handle.remote(x)` calls one of that deployment's replicas.
# `reconfigure(config)` gets the file's `user_config`, at the start and whenever it
# changes, *without a restart*. Complete the class, which sends a share of the requests to
# the canary.

# %% question="platform.router"
router_path = folder / "canary.py"
router_path.write_text("""
import random
from ray import serve
from service import Version

Stable = serve.deployment(name="Stable")(Version)
Canary = serve.deployment(name="Canary")(Version)

@serve.deployment
class Router:
    def __init__(self, stable, canary):
        self.versions = {"stable": stable, "canary": canary}
        self.share = 0.0

    # Two methods: `reconfigure(self, config)` keeps config["share"].
    # `async __call__(self, request)` sends the body of the request to one of the versions,
    # by chance, and returns {"class": …, "version": "stable" or "canary"}.
### BEGIN SOLUTION
    def reconfigure(self, config):
        self.share = config["share"]

    async def __call__(self, request):
        version = "canary" if random.random() < self.share else "stable"
        photo = await request.body()
        answer = await self.versions[version].remote(photo)
        return {"class": answer, "version": version}
### STUB
### END SOLUTION

def build(args):
    return Router.bind(Stable.bind(args["model"]), Canary.bind(args["model"], 0.3))
""")


def release(share):
    settings = f"{{share: {share}}}"
    deploy(
        "canary",
        "canary",
        f"{{name: Router, ray_actor_options: {{num_cpus: 0.1}}, user_config: {settings}}}",
        "{name: Stable, ray_actor_options: {num_cpus: 0.5}}",
        "{name: Canary, ray_actor_options: {num_cpus: 0.5}}",
    )


release(0.3)
check("platform.router", router_path)

# %% [markdown]
# When is a canary good enough? Write down the rule before you see the figures:
#
# 1. fewer than 15 requests: `"wait"`, because they are too few to decide;
# 2. an error rate more than one point above the stable version's, or a median latency
#    more than 1.5 times the stable version's: `"roll back"`;
# 3. otherwise: `"promote"`.
#
# (A 95th percentile would depend on one or two slow requests.)


# %% question="platform.canary"
def canary_verdict(stable, canary):
    """Return "wait", "roll back" or "promote", by the three rules above.

    stable and canary are dictionaries with the keys requests, errors (the number of these
    requests that failed) and median_s.
    """
    ### BEGIN SOLUTION
    if canary["requests"] < 15:
        return "wait"
    canary_errors = canary["errors"] / canary["requests"]
    stable_errors = stable["errors"] / stable["requests"]
    slower = canary["median_s"] > 1.5 * stable["median_s"]
    if canary_errors - stable_errors > 0.01 or slower:
        return "roll back"
    return "promote"
    ### END SOLUTION


check("platform.canary", canary_verdict)


# %%
def ask(count):
    """Send `count` requests, one after the other, and return each version's figures."""
    latencies_s = {"stable": [], "canary": []}
    errors = {"stable": 0, "canary": 0}
    for number in range(count):
        content = photos[number % 8]
        answer = httpx.post(f"{cluster.url}/canary", content=content, timeout=60)
        body = answer.raise_for_status().json()
        latencies_s[body["version"]].append(answer.elapsed.total_seconds())
        if body["class"] is None:
            errors[body["version"]] += 1
    figures = {}
    for version in ("stable", "canary"):
        figures[version] = {
            "requests": len(latencies_s[version]),
            "errors": errors[version],
            "median_s": float(np.median(latencies_s[version] or [0])),
        }
    return figures


def processes():
    pids = {}
    for name in ("Router", "Stable", "Canary"):
        pids[name] = [replica["pid"] for replica in cluster.replicas("canary", name)]
    return pids


before = ask(80)
running = processes()
verdict = canary_verdict(**before)
if verdict == "roll back":
    release(0.0)
after = ask(20)
print(verdict, "· the same processes as before:", processes() == running)
cluster.stop()
pd.concat({"before": pd.DataFrame(before).T, "after": pd.DataFrame(after).T})

# %% [markdown]
# The canary waits for 0.3 seconds in every request, and no test measured the time. The
# same command with the same file and another share withdrew it.
#
# ## What you found
#
# - Retries recover the requests of a dead process, if another replica runs and a request
#   may be repeated.
# - A rule judges a canary, and you write it down before you see the canary's figures.
#
# On Kubernetes, the same Serve config is the `serveConfigV2` of a `RayService`. *KServe*
# has two ways to a canary without a router of yours. On Knative, a service has the field
# [`canaryTrafficPercent`](https://kserve.github.io/website/docs/model-serving/predictive-inference/rollout-strategies/canary).
# KServe's Standard mode ignores this field. Since release 0.20, it has a list
# [`spec.canary`](https://github.com/kserve/website/issues/734) instead. Its shares become
# [weights of a gateway's routes](https://github.com/kserve/kserve/pull/5912).
#
# **Try it yourself**
#
# - Let the policy never wait. How many tries do the red dots need now?

# %% [markdown]
# ## Read more
#
# - [Powering Millions of Real-Time Decisions with LyftLearn
#   Serving](https://eng.lyft.com/powering-millions-of-real-time-decisions-with-lyftlearn-serving-9bb1f73318dc)
#   (H. Baba and M. Mathur, 2023): the platform of the unit's slides, with a service and a
#   template per team.
# - [Advanced Ray Serve
#   Autoscaling](https://docs.ray.io/en/latest/serve/advanced-guides/advanced-autoscaling.html)
#   (Ray documentation): the other fields of a deployment's config.
