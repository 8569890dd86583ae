# ---
# jupyter:
#   lesson:
#     id: platform
#     title: A platform for several teams
#     summary: what a retry covers, a replica that dies under load, and a canary that is taken back without a restart
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [scale]
#     ports: [8110, 8111, 8265, 8266]
# ---

# %% [markdown]
# # A platform for several teams
#
# Menu and Campaign each have an application of their own by now, and no longer stand in each other's queue. Two things
# still go wrong on a Friday. A process dies, with photos inside it. And a new version is released that passes all tests
# and is slow. **How does a process come back, how is a version taken back, and what do visitors notice meanwhile?**

# %%
from functools import partial

import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.load.race import together
from labs.load.retry import retried_load
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import start_ray
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# Menu has two replicas and gets twenty photos a second, for eight seconds. After two seconds, a replica is killed. How
# many of 160 requests get no good answer to their first try (`first`), and how many none in the end (`lost`)?

# %%
predict("platform.lost", first=..., lost=...)

# %% [markdown]
# ## Two replicas
#
# `Version` is the model, which takes the bytes of a photo; its `delay_s` and its `None` are for later. `Food` is a
# deployment of it.

# %%
cluster = run_with_progress(start_ray, "ray start --head")
model, folder = fp32_model(), programs_dir() / "ray"
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
        return int(self.session.run(None, {"input": to_input(open_photo(image))[None]})[0].argmax())
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
    (folder / f"{name}.yaml").write_text(f"""
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
        lambda report: cluster.deploy(folder / f"{name}.yaml", report),
        f"serve deploy {name}.yaml",
    )


deploy(
    "menu", "service", "{name: Food, num_replicas: 2, ray_actor_options: {num_cpus: 0.5}}"
)

# %% [markdown]
# ## When to ask again
#
# Ray notices that a replica has died, routes around it and starts another. But requests that were *in* it are gone:
# their clients get an error, or no answer at all. To classify a photo twice does no harm, so they may ask again.
#
# How long should they wait? Without a wait, all of them come back at the same moment. With a long one, visitors leave.
# The usual rule is **exponential backoff**: 0.1 s after the first failed try, twice as long after each further one, and
# never more than 0.5 s. After five failed tries they give up. A request that is the client's own fault (400 to 499)
# fails again when it is repeated, so they give up at once, except for 429, which says "later". A status of 0 means that
# no answer came. (Real clients add *jitter*, a random part: otherwise those that failed together come back together.)


# %% question="platform.retry"
def retry_delay_s(failed_tries, status):
    """Return the seconds to wait before the next try, or -1 to give up. failed_tries counts the tries so far, 1 after
    the first; status is the last one's."""
    ### BEGIN SOLUTION
    if failed_tries >= 5 or (400 <= status < 500 and status != 429):
        return -1
    return min(0.5, 0.1 * 2 ** (failed_tries - 1))
    ### END SOLUTION


check("platform.retry", retry_delay_s)

# %% [markdown]
# ## A replica dies
#
# The signal is SIGKILL, which no process can catch.

# %%
guesses = predicted("platform.lost")
load = partial(
    retried_load, f"{cluster.url}/menu", photos, retry_delay_s, rate_rps=20, duration_s=8
)


def kill(on_progress):
    cluster.kill_replica("menu", "Food", after_s=2)


found, _ = run_with_progress(
    lambda report: together(load, kill, on_progress=report), "Load, and a loss"
)
seen = ledger().observe("platform.recovery", found.to_json())
table = pd.DataFrame(
    {
        "requests": {"first": seen["failed_at_first"], "lost": seen["lost"]},
        "you predicted": guesses,
    }
)
tries = np.array([len(one) for one in found.statuses])
figure, axis = plt.subplots(figsize=(9, 2.4), layout="constrained")
for which, colour, label in (
    (tries == 1, "tab:blue", "one try"),
    (tries > 1, "tab:red", "more than one try"),
):
    axis.scatter(
        np.flatnonzero(which) / 20,
        np.array(found.took_s)[which],
        s=14,
        color=colour,
        label=label,
    )
axis.axvline(2, color="black", ls="--")
axis.set(
    xlabel="seconds; the dashed line is the kill",
    ylabel="answered after, s",
    ylim=(0, None),
)
axis.legend()
table

# %% [markdown]
# Each dot is a request. The red ones were inside the replica that died. If there are none, nothing was inside at that
# moment: run the cell once more. (The very first ones are slow because the processes have answered nothing before.)
#
# ## A canary
#
# A **canary** is a new version that gets a few of the requests first. If its figures are bad, few visitors have seen
# it. In Ray Serve a router is a deployment like any other. It is bound to two others and gets a **handle** of each:
# `await handle.remote(x)` calls one of that deployment's replicas. `reconfigure(config)` gets the file's `user_config`,
# at the start and whenever it changes, *without a restart*. Complete the class, in which a share of the requests goes
# to the canary.

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
        self.versions, self.share = {"stable": stable, "canary": canary}, 0.0

    # Two methods: `reconfigure(self, config)` keeps config["share"]. `async __call__(self, request)` sends the body of
    # the request to one of the versions, by chance, and returns {"class": …, "version": "stable" or "canary"}.
### BEGIN SOLUTION
    def reconfigure(self, config):
        self.share = config["share"]

    async def __call__(self, request):
        version = "canary" if random.random() < self.share else "stable"
        return {"class": await self.versions[version].remote(await request.body()), "version": version}
### STUB
### END SOLUTION

def build(args):
    return Router.bind(Stable.bind(args["model"]), Canary.bind(args["model"], 0.3))
""")


def release(share):
    router = f"{{name: Router, ray_actor_options: {{num_cpus: 0.1}}, user_config: {{share: {share}}}}}"
    versions = [
        f"{{name: {name}, ray_actor_options: {{num_cpus: 0.5}}}}"
        for name in ("Stable", "Canary")
    ]
    deploy("canary", "canary", router, *versions)


release(0.3)
check("platform.router", router_path)

# %% [markdown]
# When is a canary good enough? Decide beforehand, and from figures: with fewer than 15 requests nothing can be said
# yet, `"wait"`. With an error rate of more than one point above the stable version's, or a median latency above 1.5
# times its: `"roll back"`. Otherwise `"promote"`. (A 95th percentile would hang on one or two of so few requests.)


# %% question="platform.canary"
def canary_verdict(stable, canary):
    """Return "wait", "roll back" or "promote", from two dictionaries with requests, errors among them, median_s."""
    ### BEGIN SOLUTION
    if canary["requests"] < 15:
        return "wait"
    more_errors = (
        canary["errors"] / canary["requests"] - stable["errors"] / stable["requests"]
    )
    slower = canary["median_s"] > 1.5 * stable["median_s"]
    return "roll back" if more_errors > 0.01 or slower else "promote"
    ### END SOLUTION


check("platform.canary", canary_verdict)


# %%
def ask(count):
    """Return the figures of each version from some requests, one after the other."""
    seconds, errors = {"stable": [], "canary": []}, {"stable": 0, "canary": 0}
    for number in range(count):
        answer = httpx.post(
            f"{cluster.url}/canary", content=photos[number % 8], timeout=60
        ).raise_for_status()
        version = answer.json()["version"]
        seconds[version].append(answer.elapsed.total_seconds())
        errors[version] += answer.json()["class"] is None
    median_s = {name: float(np.median(took or [0])) for name, took in seconds.items()}
    return {
        name: {
            "requests": len(seconds[name]),
            "errors": errors[name],
            "median_s": median_s[name],
        }
        for name in seconds
    }


def processes():
    return {
        name: [one["pid"] for one in cluster.replicas("canary", name)]
        for name in ("Router", "Stable", "Canary")
    }


before, running = ask(80), processes()
verdict = canary_verdict(**before)
if verdict == "roll back":
    release(0.0)
after = ask(20)
print(verdict, "· the same processes as before:", processes() == running)
cluster.stop()
pd.concat({"before": pd.DataFrame(before).T, "after": pd.DataFrame(after).T})

# %% [markdown]
# The canary waits for 0.3 seconds in every request, and no test had looked at the clock. It was taken back by the same
# command with the same file and another share.
#
# ## What you found
#
# A retry covers what was inside a process that died, as long as another replica is there and a request may be repeated.
# A canary is judged by a rule that was written down before its figures came. On Kubernetes the same Serve config is the
# `serveConfigV2` of a `RayService`. *KServe* says `canaryTrafficPercent: 10` instead of writing a router.
#
# - Let the policy never wait. How many tries do the red dots need now?
