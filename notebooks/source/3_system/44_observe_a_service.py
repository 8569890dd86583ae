# ---
# jupyter:
#   lesson:
#     title: Observe a service
#     summary: Prometheus scrapes the service and Triton; PromQL for rate, errors, p95 and saturation; a dashboard
#     part: 3
#     number: "44"
#     minutes: 35
#     kind: core
#     where: [laptop]
#     needs: ["32"]
#     ports: [9090, 9091, 9092, 9093]
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Observe a service
#
# On Monday a restaurant calls GourmetGram: "Your app was slow on Saturday." Was it? At which hour, for how many, which
# part of it? Nobody looked on Saturday, and nobody can look at Saturday now. A load test tells what a service can do on
# a day that you choose. What it does on all other days must be written down while it happens.
#
# ## You will do
#
# Let **Prometheus** scrape two servers, the course's service and Triton; ask it four questions in **PromQL**, its query
# language: rate, errors, latency, saturation; and draw a dashboard from its HTTP API.
#
# ## You will learn
#
# - what counters, gauges and histograms are, and why almost every question begins with `rate`;
# - why percentiles cannot be averaged, and buckets can be summed;
# - what a server's own latency leaves out;
# - which of all these numbers may wake a person.
#
# ## You need
#
# A laptop or a node, 35 minutes; the machine works for about a minute and a half. The first time, Prometheus (35 MB)
# is unpacked from Debian's or Ubuntu's packages into the course's cache, without root. On macOS: `brew install
# prometheus`.

# %%
import time
from datetime import datetime

import httpx

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets
from labs.charts import over_time
from labs.course import lesson
from labs.data.dataset import load_split
from labs.load import closed_loop, tensor_inputs
from labs.load.served import service_target, triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.observe import prometheus

# %%
from labs.observe.prometheus import grafana_dashboard
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import start, wait_until_ready
from labs.serve.settings import Settings
from labs.serve.triton import catalogue, opening
from labs.serve.triton.catalogue import ModelRepository
from labs.widgets import run_with_progress
from labs.workspace import programs_dir, workspace_dir

gate = {one.name: one for one in for_lesson("44")}
print(capability_text(gate.values()))

# %% [markdown]
# ## Predict
#
# Below, sixteen clients ask the service, and each writes down how long its answers take. Prometheus will know the
# service's own histogram: for each request the time from its head to the reply's. Divide the 95th percentile that
# Prometheus computes from it by the one that the clients measure. 1 means the same, 2 that Prometheus says twice as
# long.

# %% checkpoint="s.observe.p95_guess"
predict("s.observe.p95_guess", ...)

# %% [markdown]
# ## Act
#
# ### What a server says of itself
#
# Two servers with the same model. The service gets a short queue, so that it can be seen rejecting:

# %%
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
settings = Settings(model=onnx_path, queue_limit=8)
service = run_with_progress(lambda report: wait_until_ready(start(settings), on_progress=report), "Start the service")
triton, triton_metrics = None, "none on this machine"
if gate["Triton"].available:
    repository = ModelRepository(workspace_dir() / "observe" / "repository")
    repository.write([catalogue.food_classifier_onnx(onnx_path)])
    triton = run_with_progress(lambda report: opening.open_repository(repository.folder, report), "Start Triton")
    triton.load("food_classifier_onnx")
    triton_metrics = getattr(triton, "metrics_url", "http://127.0.0.1:8002/metrics")
print(service.url + "/metrics", triton_metrics, sep="\n")

# %%
httpx.post(service.url + "/predict/raw", content=photo(40), headers={"content-type": "image/jpeg"}).raise_for_status()
text = httpx.get(service.url + "/metrics").text
for line in text.splitlines():
    if line.startswith(("serving_requests_total", "serving_in_flight", "serving_request_seconds")) and "z" not in line:
        print(line)

# %% [markdown]
# That is the whole protocol: a page of text. Each line is a **series**, a name with labels, and its value now.
#
# - A **counter** (`serving_requests_total`) only rises, and begins at zero when the server does. Its value says
#   nothing; its growth says everything.
# - A **gauge** (`serving_in_flight`) goes up and down. A scrape sees one moment of it.
# - A **histogram** is a set of counters: for each bucket, how many observations were at most `le` seconds, with their
#   sum and their number.
#
# The server remembers nothing. Prometheus does: it asks each server for its page every few seconds (it *scrapes* it)
# and keeps all values with their times.
#
# ### Tell Prometheus whom to scrape
#
# Write `prometheus.yml`. Under `global` set `scrape_interval: 1s` (usual are 15 s; here everything lasts for seconds).
# Under `scrape_configs` come the jobs, each with a `job_name` and `static_configs`, a list with `targets`. Let one job
# be called `gourmetgram` and scrape the service, and another one `triton`, where this machine has it. A target is
# 'host:port', and the path is `/metrics` unless you say otherwise.

# %%
folder = programs_dir() / "observe"
folder.mkdir(exist_ok=True)


def write(name, text):
    """Write a text into this lesson's folder and return its path; dots stay dots."""
    if text is ...:
        return ...
    (folder / name).write_text(text.strip() + "\n")
    return folder / name


# %% checkpoint="s.observe.config"
# A text of several lines stands between three quotation marks; YAML indents with blanks. Replace the dots:
config = ...

# %%
config_path = write("prometheus.yml", config)
check("s.observe.config", config_path)

# %% [markdown]
# The check has called `promtool check config`, started a Prometheus with your file and asked it for its targets. Now
# start the one that you will use. This is all that it takes:

# %%
server = None
if config_path is not ... and not prometheus.programs().check(config_path):
    server = run_with_progress(
        lambda report: prometheus.start(config_path, ports=lesson("44").ports, on_progress=report), "Start Prometheus"
    )
    print(*server.command, sep=" \\\n  ")
    print("Prometheus' own page:", link(server.url + "/"))

# %% [markdown]
# It keeps to loopback: Prometheus knows no users, and whoever reaches it reads everything.
#
# ### Ask
#
# Everything that Grafana, alerts and you want to know goes through one call of its HTTP API, `/api/v1/query`. `up` is a
# series that Prometheus makes itself: 1 where the last scrape succeeded. It looks for targets every five seconds.


# %%
def ask(expression, at_s=None):
    """Return the value of each series that an expression gives, by its labels, at a Unix time in seconds."""
    if server is None or expression is ...:
        return {}
    reply = httpx.get(server.url + "/api/v1/query", params={"query": expression, "time": at_s or time.time()}).json()
    if reply["status"] == "error":
        return reply["error"]
    return {str(one["metric"] or "all"): float(one["value"][1]) for one in reply["data"]["result"]}


for _ in range(20 if server else 0):
    if len(ask("up")) == len([service, triton] if triton else [service]):
        break
    time.sleep(0.5)
ask("up")

# %% [markdown]
# ## Measure
#
# Three spells of load on the service, with 4, 16 and 40 clients, and one on Triton. The queue holds 8 beside what is
# being worked on, so that 40 are too many.

# %%
predicted("s.observe.p95_guess")
images = [photo(number) for number in range(8)]
target, events, runs, at_s = service_target(service, settings, images), {}, {}, {}
began_s = time.time()
for clients in (4, 16, 40):
    words = f"{clients} clients"
    runs[clients] = run_with_progress(
        lambda say, n=clients: closed_loop(
            target, concurrency=n, duration_s=6, option=f"observe-{n}", warmup_requests=4, on_progress=say
        ),
        words,
    )
    events[words] = datetime.fromisoformat(runs[clients].started_at).timestamp()
    at_s[clients] = events[words] + 6
    print(words, f"p95 {runs[clients].percentile(95) * 1e3:.0f} ms,", len(runs[clients].load.failures), "rejected")
record = ledger().append(runs[16])

# %%
if triton:
    events["Triton"] = time.time()
    tensors = load_split(assets.dataset(), "evaluation", limit=4)[0]
    run_with_progress(
        lambda say: closed_loop(
            triton_target(triton, "food_classifier_onnx", tensor_inputs(tensors)),
            concurrency=4,
            duration_s=5,
            option="observe-triton",
            on_progress=say,
        ),
        "Triton, 4 clients",
    )
ended_s = time.time()

# %% [markdown]
# ### Rate
#
# How many photos were answered a second? `serving_requests_total` counts replies by path and status, and by instance
# once there are several. `rate(…[5s])` looks at the last five seconds of each series and gives its growth a second,
# also across a restart. Write an expression that gives *one* number: photos only, whatever their status. Labels are
# chosen in braces: `path="/predict"` takes one, `path=~"/predict.*"` all that match.

# %% checkpoint="s.observe.rate"
rate = ...

# %%
check("s.observe.rate", write("rate.promql", rate))

# %% [markdown]
# The check has sent your expression to a Prometheus that holds three recorded minutes of two *other* services, one of
# which starts anew on the way, with rates that were drawn just now. An expression that only fits today's numbers does
# not pass. And here, with 4, 16 and 40 clients:

# %%
for clients in at_s:
    print(clients, ask(rate, at_s[clients]))
print("statuses with 40:", ask("sum by (status) (rate(serving_requests_total[5s]))", at_s[40]))

# %% [markdown]
# With 40 clients the rate is highest, and the service is at its worst: a rejection is quickly sent.
#
# ### Errors
#
# Which *share* of photos did the service fail? A status of 4xx says that the client is wrong, 5xx that the service is;
# `status=~"5.."` matches any of them.

# %% checkpoint="s.observe.errors"
errors = ...

# %%
check("s.observe.errors", write("errors.promql", errors))

# %% [markdown]
# ### Latency
#
# `histogram_quantile(0.95, …)` finds a percentile in the *rates* of a histogram's buckets. It needs their label `le`,
# and of each bucket one series: `sum by (le) (…)`. Buckets of several instances may be added up. Percentiles may not:
# the mean of 10 ms and 100 ms is the 95th percentile of nothing.

# %% checkpoint="s.observe.p95"
p95 = ...

# %%
check("s.observe.p95", write("p95.promql", p95))

# %%
if isinstance(found := ask(p95, at_s[16]), dict) and found:
    p95_s = next(iter(found.values()))
    ledger().observe("observe.p95", {"p95_s": p95_s})
    print(f"Prometheus {p95_s * 1e3:.0f} ms, clients {runs[16].percentile(95) * 1e3:.0f} ms")
reconcile("s.observe.p95_guess")

# %%
check("s.observe.p95_guess")

# %% [markdown]
# Two things pull them apart. Inside a bucket, Prometheus knows no more than its ends and draws a straight line between
# them: with buckets at 50, 75 and 100 ms, an answer is that coarse. And the service starts its clock when it has read a
# request's head: what a photo waits before that, in the network, in the socket, for the event loop, only the client
# sees. On this machine the clients also wait for the processors that they share with the service.
#
# ### Saturation
#
# How full is it? Long before anything fails, photos wait. The gauge `serving_in_flight` shows one moment of each
# second. The histogram of stages sees every photo: `serving_stage_seconds_sum{stage="queue"}` is the time that all
# photos together have waited. Little's law (lesson 33) says how many wait on average: arrivals a second times the
# seconds that each of them waits. Both are in the growth of that one sum.

# %% checkpoint="s.observe.saturation"
saturation = ...

# %%
check("s.observe.saturation", write("saturation.promql", saturation))

# %% [markdown]
# Triton has the same four, in other words: `nv_inference_request_success` and `…_failure` are counters;
# `nv_inference_queue_duration_us` is microseconds waited; and it has no histogram of latency unless it is told to.

# %%
print("rate:", ask("sum(rate(nv_inference_request_success[5s]))", ended_s))
print("waiting:", ask("sum(rate(nv_inference_queue_duration_us[5s])) / 1e6", ended_s))

# %% [markdown]
# ### A dashboard
#
# `/api/v1/query_range` evaluates an expression at every step of a span of time. Look at a reply, and write what every
# dashboard has inside: a function that makes numbers of it. Each element of `data["result"]` has the labels of its
# series under `metric`, and `values`, pairs of time and value. `label` says by which label to name the series; one that
# lacks it is called `'all'`.


# %%
def ask_range(expression, step_s=1):
    """Return the data of a reply to a range query over the time of the load."""
    if server is None or expression is ...:
        return {"result": []}
    parameters = {"query": expression, "start": began_s, "end": ended_s, "step": step_s}
    return httpx.get(server.url + "/api/v1/query_range", params=parameters).json().get("data", {"result": []})


ask_range("rate(serving_requests_total[5s]) / rate(serving_requests_total[5s])", step_s=20)


# %% checkpoint="s.observe.points"
def points(data, label):
    """Return the points of each series: {'name': [[seconds, value], …], …}; a value that is not a number is left out.

    Args:
        data: Of a reply, with `result`.
        label: Name of the label by which a series is named.
    """
    ...


# %%
check("s.observe.points", points)

# %%
expressions = {"photos, 1/s": rate, "failed, share": errors, "p95, s": p95, "photos that wait": saturation}
panels = {title: points(ask_range(expression), "instance") for title, expression in expressions.items()}
if all(panels.values()):
    display(over_time(panels, events=events))

# %% [markdown]
# Read it from top to bottom at each line: with 16 clients the rate hardly rises, the waiting does; with 40, the service
# rejects what it cannot do, and whoever is let in waits no longer than before.
#
# Whoever has Grafana imports the same four panels as a file (*Dashboards, New, Import*; not run here):

# %%
written = {title: expression for title, expression in expressions.items() if expression is not ...}
write("dashboard.json", grafana_dashboard("GourmetGram", written))

# %% [markdown]
# ## Checkpoint
#
# Somebody has to get up when it rings. Prometheus fires an *alert* while an expression is true for some time (`for:
# 5m`). Which of these may wake a person at three in the night? One of "error ratio above 1 % for 5 minutes", "processor
# above 80 % for 5 minutes", "one request failed", "images waiting above 0".

# %% checkpoint="s.observe.page"
# "page": one of the four; "reason": what users feel of it, and what each of the others would do to who is woken.
answer("s.observe.page", {"page": ..., "reason": ...})

# %%
check("s.observe.page")

# %% [markdown]
# Stop what runs:

# %%
for one in (server, service, triton):
    if one is not None and hasattr(one, "stop"):
        one.stop()

# %% [markdown]
# ## On your own
#
# - Write the four as *recording rules* (`rule_files`, `promtool check rules`), so that a dashboard with many viewers
#   asks for a finished series. What does a rule's name say: `job:serving_requests:rate5s`?
# - Write the alert that you chose as a rule with `for: 5m`, and test it without waiting: `promtool test rules`.
# - Where Ray runs (lesson 39), its metrics are one more job. Which of the four does Ray Serve count by itself?
# - Make the window `[2s]`, then `[1m]`. What does each do to the dashboard's edges, and why is four scrapes a rule of
#   thumb for the least?
