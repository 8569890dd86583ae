# ---
# jupyter:
#   lesson:
#     title: Run a platform for several teams
#     summary: applications side by side on one Ray cluster; a killed replica, a canary with rollback, a lost node
#     part: 3
#     number: "42"
#     minutes: 40
#     kind: extra
#     where: [laptop, node]
#     needs: ["39"]
#     ports: [8110, 8111, 8265, 8266]
#     uses: ["memory"]
# ---

# %% [markdown]
# # Run a platform for several teams
#
# GourmetGram has two teams now. *Menu* recognizes dishes for restaurants, all day, a steady trickle; its customers
# notice every second. *Campaign* runs a competition: for ten minutes everybody uploads everything. "One service is
# enough for both," says the manager. "It stands idle most of the time anyway." Last Friday the competition opened at
# noon.
#
# ## You will do
#
# Give both teams applications of their own on one Ray cluster; kill a replica under load, and a whole node; release a
# new version to a few requests first, and take it back.
#
# ## You will learn
#
# - what an application of one's own is worth beside a noisy neighbour, and what bounds the noise;
# - which failures a retry covers, and how long to wait before it;
# - to judge a canary from figures, and to roll back without a restart;
# - how the same file goes to Kubernetes.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes, and lesson 39. The machine works for three minutes.

# %%
import time
from functools import partial

import httpx
import numpy as np
import pandas as pd

from grading.checkpoints import check, predict, predicted, reconcile
from labs.bench.targets import model_file
from labs.load import open_loop
from labs.load.race import together
from labs.load.retry import retried_load
from labs.load.target import Served, predict_raw
from labs.observe import prometheus
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import start_ray
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# Menu sends five photos a second to a service that could answer many times as many. Then Campaign's eighty a second
# come to the same service. How many times as long does Menu's 95th percentile become?

# %% checkpoint="s.teams.guess"
predict("s.teams.guess", ...)

# %% [markdown]
# ## Act
#
# All teams deploy the same program here: one deployment that decodes and classifies. `max_ongoing_requests` of it are
# handed to a replica at once; what exceeds that waits at the proxy, for as many as `max_queued_requests` allows.

# %%
folder = programs_dir() / "ray"
folder.mkdir(exist_ok=True)
photos = [photo(number) for number in range(8)]
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
(folder / "teams.py").write_text('''"""A model that decodes and classifies, and one deployment of it."""

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, Request
from ray import serve

from labs.data.preprocess import load_image, to_input

api = FastAPI()


class Model:
    def __init__(self, model: str):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def classify(self, image: bytes) -> int:
        return int(np.argmax(self.session.run(None, {"input": to_input(load_image(image))[None]})[0]))


@serve.deployment
@serve.ingress(api)
class Food(Model):
    @api.post("/predict/raw")
    async def predict(self, request: Request) -> dict:
        return {"class": self.classify(await request.body())}


def build(args):
    return Food.bind(args["model"])
''')

# %%
cluster = run_with_progress(start_ray, "Start Ray")
(folder / "shared.yaml").write_text(f"""proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: shared
    route_prefix: /shared
    import_path: teams:build
    args: {{model: {onnx_path}}}
    deployments:
      - {{name: Food, ray_actor_options: {{num_cpus: 0.5}}}}
""")
run_with_progress(lambda report: cluster.deploy(folder / "shared.yaml", report), "serve deploy shared.yaml")


# %%
def at(team):
    """Return what load is sent to."""
    served = Served(model=model_file(onnx_path), backend="ray-serve")
    return predict_raw(f"{cluster.url}/{team}", photos, served)


def menu(team, option):
    """Return Menu's trickle as work to be done: five photos a second, due whatever happens."""
    return partial(open_loop, at(team), rate_rps=5, duration_s=5.0, option=option, timeout_s=30.0)


def campaign(team, option):
    """Return Campaign's crowd as work to be done: eighty photos a second, whatever became of those before."""
    return partial(open_loop, at(team), rate_rps=80, duration_s=5.0, option=option, timeout_s=30.0)


def measure(title, *works):
    """Return the record of the first of some works that begin together; all records are in the ledger then."""
    made = run_with_progress(lambda say: together(*works, on_progress=say), title)
    kept = [ledger().append(record) for record in made]
    return kept[0]


# %% [markdown]
# ## Measure
#
# Menu alone, and then with Campaign beside it, both at `/shared`:

# %%
predicted("s.teams.guess")
alone = {"shared": measure("Menu alone", menu("shared", "menu-shared-alone"))}
both = menu("shared", "menu-shared-crowded"), campaign("shared", "campaign-shared")
crowded = {"shared": measure("Menu and Campaign, one application", *both)}

# %%
reconcile("s.teams.guess")

# %% [markdown]
# ### Each its own
#
# Menu did nothing wrong, and its photos stand in Campaign's queue. Write `teams.yaml`: two applications from
# `teams:build`, `menu` at `/menu` with **two** replicas of `Food`, and `campaign` at `/campaign` with one, of which at
# most **8** requests may be queued; each replica reserves half a processor. What is over the bound is answered with 503
# at once.

# %% checkpoint="s.teams.config"
teams_path = folder / "teams.yaml"
# Write the configuration's text to `teams_path`.
...

# %%
check("s.teams.config", teams_path)

# %%
run_with_progress(lambda report: cluster.deploy(teams_path, report), "serve deploy teams.yaml")
cluster.shell("serve status")

# %%
alone["own"] = measure("Menu alone, its own application", menu("menu", "menu-own-alone"))
both = menu("menu", "menu-own-crowded"), campaign("campaign", "campaign-own")
crowded["own"] = measure("Menu and Campaign, each its own", *both)
for kind in ("shared", "own"):
    before_s, after_s = (run.percentile(95) for run in (alone[kind], crowded[kind]))
    times = f"alone {before_s:.3f} s, beside Campaign {after_s:.3f} s, × {after_s / before_s:.1f}"
    print(f"{kind:6} Menu's p95: {times}; {len(crowded[kind].load.failures)} of its requests failed")
rejected = ledger().latest(kind="load", option="campaign-own").load
print(f"Campaign: {rejected.error_rate:.0%} of the requests were rejected")

# %% [markdown]
# Queue and process are Menu's own now. Processors are not: `num_cpus` is what Ray reserves, and nothing keeps a replica
# from taking more. On this machine both share what there is; on a cluster a team's replicas get nodes of their own by
# labels or resources.
#
# ### A replica dies under load
#
# Campaign's newest idea sends a photo on which its process dies. Here it is played on Menu, with a signal that no
# process can catch. Ray notices, starts another replica, and routes around the dead one. But requests that were *in* it
# are gone: their clients get an error, or none at all. Classifying a photo twice does no harm, so those clients may try
# again.
#
# How long should they wait? Not at all, and everybody comes back at the same moment; too long, and visitors leave.
# Write the usual rule, *exponential backoff*: 0.1 s after the first failed try, twice as long after each further one,
# never more than 2 s; and give up (`None`) after five failed tries. What is the client's own fault (400 to 499) will
# not be better for being repeated: give up at once, except on 429, which says "later". A status of 0 means that no
# answer came. (Real clients add *jitter*, a random part: without it, those who failed together come back together. 408,
# a time-out, is often repeated as well; here it is not.)


# %% checkpoint="s.teams.retry"
def retry_delay_s(failed_tries, status):
    """Return the seconds to wait before the next try, or None to give up.

    Args:
        failed_tries: How many tries have failed so far; 1 after the first.
        status: The last try's HTTP status, or 0 where no answer came.
    """
    ...


# %%
check("s.teams.retry", retry_delay_s)


# %%
def under_load(what, *, team="menu", duration_s=10.0):
    """Return what became of Menu's requests while something happens two seconds from the start."""
    url = f"{cluster.url}/{team}/predict/raw"
    load = partial(retried_load, url, photos, retry_delay_s, rate_rps=20, duration_s=duration_s)
    return run_with_progress(lambda say: together(load, what, on_progress=say)[0], "Load, and a loss")


found = under_load(lambda on_progress: cluster.kill_replica("menu", "Food", after_s=2.0))
recovery = ledger().observe("ray.recovery", {"killed": "replica", **found.to_json()})
recovery

# %%
run_with_progress(lambda report: cluster.wait_for_replicas("menu", "Food", 2), "Wait for the new replica")
check("s.teams.recovered")

# %% [markdown]
# ### A canary
#
# A new version goes to a few requests first. If its figures are bad, hardly anybody has seen it. In Ray Serve a router
# is a deployment like any other: it holds two handles, and `reconfigure` is called with the file's `user_config`,
# at the start and whenever that changes, *without a restart*.
#
# Write `canary.py`: `Stable` and `Canary`, two deployments of the class below (the canary with `delay_s=0.4`: its
# fault, of which nobody knows yet), and `Router` with `POST /predict/raw`, which sends a share of the requests
# (`user_config: {share: …}`) to the canary and answers `{"class": …, "version": "stable"}`, or `"canary"`.
# `serve.deployment(name="Stable")(Version)` makes a deployment of a class.

# %%
(folder / "version.py").write_text('''"""A version of the classifier, as a deployment that others hold a handle of."""

import asyncio

from teams import Model


class Version(Model):
    def __init__(self, model: str, delay_s: float = 0.0):
        super().__init__(model)
        self.delay_s = delay_s

    async def __call__(self, image: bytes) -> int:
        await asyncio.sleep(self.delay_s)
        return self.classify(image)
''')

# %% checkpoint="s.teams.router"
canary_path = folder / "canary.py"
# Write the router's program to `canary_path`.
...


# %%
def release(share):
    """Let nothing but the canary's application run, with this share."""
    (folder / "release.yaml").write_text(f"""proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: canary
    route_prefix: /canary
    import_path: canary:build
    args: {{model: {onnx_path}}}
    deployments:
      - {{name: Router, ray_actor_options: {{num_cpus: 0.1}}, user_config: {{share: {share}}}}}
      - {{name: Stable, ray_actor_options: {{num_cpus: 0.5}}}}
      - {{name: Canary, ray_actor_options: {{num_cpus: 0.5}}}}
""")
    run_with_progress(lambda report: cluster.deploy(folder / "release.yaml", report), f"share {share}")


release(0.3)
check("s.teams.router", canary_path)

# %% [markdown]
# When is a canary good enough? Decide beforehand, and from figures. With fewer than 20 requests nothing can be said
# yet: `"wait"`. An error rate of more than one point above the stable version's, or a 95th percentile above 1.5 times
# its: `"roll back"`. Else `"promote"`.


# %% checkpoint="s.teams.canary"
def canary_verdict(stable, canary):
    """Return "wait", "roll back" or "promote".

    Args:
        stable, canary: Dictionaries with "requests", "errors" (how many of them failed) and "p95_s".
    """
    ...


# %%
check("s.teams.canary", canary_verdict)


# %%
def ask(count):
    """Return what each version did with its share of some requests, one after the other."""
    seconds = {"stable": [], "canary": []}
    with httpx.Client(timeout=60) as client:
        for number in range(count):
            answer = client.post(f"{cluster.url}/canary/predict/raw", content=photos[number % 8])
            seconds[answer.json()["version"]].append(answer.elapsed.total_seconds())
    return {
        name: {"requests": len(took), "errors": 0, "p95_s": float(np.percentile(took, 95)) if took else 0.0}
        for name, took in seconds.items()
    }


def pids():
    """Return the process of each replica of the canary's application."""
    return {name: [one["pid"] for one in cluster.replicas("canary", name)] for name in ("Router", "Stable", "Canary")}


processes, seen = pids(), run_with_progress(lambda report: ask(120), "120 requests")
verdict = canary_verdict(seen["stable"], seen["canary"])
print(seen, "→", verdict)

# %% [markdown]
# Back with it: the same command, the same file, another share. Look at the processes: none is started anew.

# %%
release(0.0)
after = run_with_progress(lambda report: ask(30), "30 requests")
same = pids() == processes
ledger().observe("ray.canary", {"before": seen, "verdict": verdict, "after": after, "same_processes": same})
print(after, "the same processes:", same)

# %%
check("s.teams.rolled_back")

# %% [markdown]
# ### A node is lost
#
# So far the cluster is one node, and a cluster of one dies with it. `ray start --address` adds another (here it is the
# same machine, and Ray does not know). `max_replicas_per_node: 1` puts Menu's two replicas on different nodes.
# The HTTP proxy is on the head node only (`proxy_location: HeadOnly`), since two could not share a port here; on real
# nodes each has one, behind a load balancer.

# %%
run_with_progress(lambda report: cluster.add_node(on_progress=report), "ray start --address")
spread_path = folder / "spread.yaml"
spread_path.write_text(f"""proxy_location: HeadOnly
http_options: {{host: 127.0.0.1, port: {cluster.port}}}
applications:
  - name: menu
    route_prefix: /menu
    import_path: teams:build
    args: {{model: {onnx_path}}}
    deployments:
      - {{name: Food, num_replicas: 2, max_replicas_per_node: 1, ray_actor_options: {{num_cpus: 0.5}}}}
""")
run_with_progress(lambda report: cluster.deploy(spread_path, report), "serve deploy spread.yaml")
nodes = {one["node_id"] for one in cluster.replicas("menu", "Food")}
print(len(nodes), "nodes have a replica")

# %%
found = under_load(lambda on_progress: cluster.kill_node(after_s=2.0))
ledger().observe("ray.node", {"killed": "node", "nodes": len(nodes), **found.to_json()})

# %%
check("s.teams.node")

# %% [markdown]
# One replica is left and answers everything, more slowly. The second one cannot come back: no node has room for it
# under this rule. `serve status` shows one RUNNING and one STARTING; that it cannot be scheduled is added when it has
# waited for a while:

# %%
cluster.shell("serve status")

# %% [markdown]
# Nobody types that all night. Ray's processes publish figures for Prometheus (lesson 44), and a file names the places,
# which change as nodes come and go. Prometheus reads such a file by itself:

# %%
prometheus_path = folder / "prometheus.yml"
prometheus_path.write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: ray
    file_sd_configs:
      - files: [{cluster.folder}/prom_metrics_service_discovery.json]
        refresh_interval: 1s
""")
PROMQL = {
    "healthy replicas": "ray_serve_deployment_replica_healthy",
    "requests": "ray_serve_deployment_request_counter_total",
    "errors": "ray_serve_deployment_error_counter_total",
}
run_with_progress(prometheus.programs, "Prometheus")
with prometheus.briefly(prometheus_path) as server:
    deadline_s = time.monotonic() + 60  # Ray writes its figures down every ten seconds
    while not server.get("query", query=PROMQL["healthy replicas"])["result"] and time.monotonic() < deadline_s:
        time.sleep(1)
    columns = {name: server.get("query", query=f"sum by (deployment) ({one})") for name, one in PROMQL.items()}
cluster.stop()
pd.DataFrame(
    {
        name: {one["metric"]["deployment"]: float(one["value"][1]) for one in found["result"]}
        for name, found in columns.items()
    }
).fillna(0)

# %% [markdown]
# ## To Kubernetes
#
# (Not run here: it wants a cluster with the KubeRay operator.) What you wrote goes along as it is: `serveConfigV2` of a
# `RayService` is the Serve config, and `rayClusterConfig` says what `ray start` said.
#
# ```yaml
# apiVersion: ray.io/v1
# kind: RayService
# metadata: {name: gourmetgram}
# spec:
#   serveConfigV2: |
#     applications:
#       - name: menu
#         route_prefix: /menu
#         import_path: teams:build
#         args: {model: /models/food11.onnx}
#         deployments:
#           - {name: Food, num_replicas: 2, max_replicas_per_node: 1}
#   rayClusterConfig:
#     headGroupSpec:
#       rayStartParams: {num-cpus: "0"}          # the head routes, and computes nothing
#       template: {spec: {containers: [{name: head, image: gourmetgram/serve:1}]}}
#     workerGroupSpecs:
#       - groupName: workers
#         minReplicas: 2
#         maxReplicas: 4
#         rayStartParams: {}
#         template: {spec: {containers: [{name: worker, image: gourmetgram/serve:1}]}}
# ```
#
# The image holds Ray, the model and `teams.py`. A change of `serveConfigV2` is a `serve deploy`; a change of the
# cluster part starts a second cluster, waits until it is healthy, and then moves the traffic.
#
# *KServe* promises the same things on Kubernetes, in other words:
#
# | Ray Serve | KServe |
# |---|---|
# | application | `InferenceService` |
# | deployments bound together | predictor and transformer; `InferenceGraph` |
# | `@serve.batch` | `batcher` |
# | `min_replicas`, `max_replicas` | `minReplicas`, `maxReplicas` |
# | `target_ongoing_requests` | `scaleTarget` with `scaleMetric: concurrency` |
# | `max_ongoing_requests` | `containerConcurrency` |
# | `min_replicas: 0` | `minReplicas: 0`, kept by Knative's activator |
# | a router with `user_config: {share: 0.1}` | `canaryTrafficPercent: 10` |
# | replica, health check | pod, readiness probe |
#
# ## Checkpoint
#
# Three promises make a platform: *your trouble stays yours*, *what dies comes back*, *what is new can be taken back*.
# Each has a figure of yours now.

# %%
check("s.teams.guess")

# %% [markdown]
# ## On your own
#
# - Kill the head node instead. What answers then? (KubeRay's `gcsFaultToleranceOptions` is about this.)
# - Give Campaign `max_queued_requests: -1` again. Who notices?
# - Add `health_check_period_s: 1` and a `check_health` method that fails after a minute: how does Ray react?
