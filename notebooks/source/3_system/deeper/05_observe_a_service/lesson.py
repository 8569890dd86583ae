# ---
# jupyter:
#   lesson:
#     id: observe
#     title: Observe a service
#     summary: Prometheus, four questions in PromQL, and a percentile that two sides measure differently
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: [9090, 9091]
# ---

# %% [markdown]
# # Observe a service
#
# **Prerequisites:** *Serve over HTTP*. **Runs on:** your laptop. The first run unpacks
# Prometheus (35 MB) from Debian's packages, without root.
#
# "On Saturday it was slow," writes a customer. How slow, for whom, and which part of it?
# Nobody looked on Saturday, and now it is too late. **What must a service record while it
# runs, and how do you query the records later?** The next cell imports the lesson's
# modules.

# %% folded=true
import time

import httpx
import matplotlib.pyplot as plt
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.deeper.observe import prometheus
from labs.deeper.observe.prometheus import grafana_dashboard
from labs.display.theme import GREY
from labs.load import closed_loop
from labs.load.served import app_target
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import SERVICE, serve_app
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

folder = programs_dir() / "observe"
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# Sixteen clients will ask the service, and each measures the latency of its answers.
# Prometheus reads the service's own histogram. Divide the 95th percentile from Prometheus
# by that of the clients: 1 means that they are equal.

# %%
predict("observe.p95", ratio=...)

# %% [markdown]
# ## The figures that a server publishes
#
# The course's service has a short queue here, so that you can see it reject photos. Its
# page `/metrics` is the complete protocol:

# %%
onnx_path = run_with_progress(
    lambda report: fp32_model(on_progress=report), "The float32 model"
)
service = serve_app(app=SERVICE, MODEL=onnx_path, WORKERS=2, MAY_WAIT=16)
jpeg = {"content-type": "image/jpeg"}
answer = httpx.post(f"{service.url}/predict/raw", content=photo(40), headers=jpeg)
answer.raise_for_status()
names = ("serving_requests_total", "serving_in_flight", "serving_request_seconds")
for line in httpx.get(f"{service.url}/metrics").text.splitlines():
    if line.startswith(names) and "/healthz" not in line:
        print(line)

# %% [markdown]
# Each line is a **series**: a name with labels, and its current value. There are three
# kinds:
#
# - A **counter** (`…_total`) only rises. It starts at zero when the server starts, so
#   only its growth is informative.
# - A **gauge** (`serving_in_flight`) rises and falls, and its value is valid for one
#   moment.
# - A **histogram** is a set of counters: for each bucket, the number of observations of
#   at most `le` seconds.
#
# The server stores no past values. Prometheus does: it *scrapes* the page, that is, reads
# it every few seconds.
#
# ## Which pages to scrape
#
# Write `prometheus.yml`. Under `global`, set `scrape_interval: 1s` (15 s are usual, but
# here everything takes only seconds). `scrape_configs` is a list of jobs, each with a
# `job_name` and `static_configs`, a list with `targets`. A target is 'host:port';
# `address` contains the service's. Name the job `gourmetgram`.

# %% question="observe.config"
address = httpx.URL(service.url).netloc.decode()
### BEGIN SOLUTION
config = f"""
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: gourmetgram
    static_configs:
      - targets: ["{address}"]
"""
### STUB
config = f"""
# Your turn: replace this line. {address} becomes the service's address.
"""
### END SOLUTION
(folder / "prometheus.yml").write_text(config)
check("observe.config", folder / "prometheus.yml")

# %% [markdown]
# The check called `promtool check config`, started a Prometheus with your file, and asked
# it for its targets. Now start the Prometheus that you will use. It listens on loopback
# only: Prometheus has no users and passwords, so anyone who reaches it can read
# everything.


# %%
def start(report):
    path = folder / "prometheus.yml"
    return prometheus.start(path, ports=lesson("observe").ports, on_progress=report)


server = run_with_progress(start, "Start Prometheus")
print(*server.command, sep=" \\\n  ")
print("Prometheus' own page:", link(server.url + "/"))


def ask(expression, at_s):
    """Return the value of an expression at a Unix time, from Prometheus' HTTP API."""
    query = {"query": expression, "time": at_s}
    reply = httpx.get(f"{server.url}/api/v1/query", params=query).json()
    if reply["status"] == "error":
        raise ValueError(reply["error"])
    series = reply["data"]["result"][0]
    _, value = series["value"]
    return float(value)


# %% [markdown]
# ## Three periods of load
#
# The next cell sends load from 4, 16 and 40 clients. The queue has room for 16 photos
# besides those that are being computed, so 40 clients are too many.

# %%
guesses = predicted("observe.p95")
for _ in range(30):  # Prometheus looks for its targets every five seconds
    if server.get("query", query="up == 1")["result"]:
        break
    time.sleep(0.5)
photos = [photo(number) for number in range(8)]
target = app_target(service, onnx_path, photos, raw=True, workers=2, may_wait=16)


def measure(clients):
    def work(report):
        return closed_loop(
            target,
            concurrency=clients,
            duration_s=8,
            option=f"observe-{clients}",
            warmup_requests=4,
            on_progress=report,
        )

    return run_with_progress(work, f"{clients} clients")


runs = {}
at_s = {}
begin_s = time.time()
for clients in (4, 16, 40):
    runs[clients] = measure(clients)
    at_s[clients] = time.time()
end_s = time.time()
ledger().append(runs[16])

# %% [markdown]
# ## Rate
#
# How many photos were answered per second? `rate(…[5s])` takes the last five seconds of
# each series and computes its growth per second, even if the server restarts. Write an
# expression that gives *one* number: photos only, whatever their status. Braces select
# labels: `path="/predict"` selects one path, `path=~"/predict.*"` all that match.

# %% question="observe.rate"
### BEGIN SOLUTION
rate = 'sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'
### STUB
rate = ...
### END SOLUTION
check("observe.rate", {"promql": rate})

# %% [markdown]
# The check sent your expression to a Prometheus with three minutes of two *other*
# services. One of them restarts in between, and their rates were drawn at random for your
# check.
#
# ## Latency
#
# `histogram_quantile(0.95, …)` computes a percentile from the *rates* of a histogram's
# buckets, the series `serving_request_seconds_bucket`. It needs their label `le`, and one
# series per bucket: `sum by (le) (…)`. You may add the buckets of several instances, but
# not their percentiles: the mean of two 95th percentiles, 10 ms and 100 ms, is not a
# percentile of any distribution.

# %% question="observe.quantile"
### BEGIN SOLUTION
p95 = (
    "histogram_quantile(0.95, sum by (le) "
    '(rate(serving_request_seconds_bucket{path=~"/predict.*"}[5s])))'
)
### STUB
p95 = ...
### END SOLUTION
check("observe.quantile", {"promql": p95})

# %%
rows = {}
for clients, run in runs.items():
    rows[clients] = {
        "photos a second": ask(rate, at_s[clients]),
        "p95, Prometheus, ms": 1e3 * ask(p95, at_s[clients]),
        "p95, clients, ms": 1e3 * run.percentile(95),
        "rejected": len(run.load.failures),
    }
table = pd.DataFrame(rows).T.rename_axis("clients")
table["ratio"] = table["p95, Prometheus, ms"] / table["p95, clients, ms"]
table.loc[16, "you predicted"] = guesses["ratio"]
table.round(2)

# %% [markdown]
# With 40 clients, the rate may be highest while the service is at its worst, because it
# sends rejections quickly. There are two reasons why the percentiles differ. Inside a
# bucket, Prometheus draws a straight line between its ends. And the service starts its
# clock when it has read a request's head: only the client sees the time that a photo
# waits before.
#
# ## A dashboard
#
# Errors and saturation are two more expressions.
# `serving_stage_seconds_sum{stage="queue"}` is the total time that all photos have
# waited, so its growth per second is the average number of waiting photos (Little's law).
# `/api/v1/query_range` evaluates an expression at every step of a period. A dashboard
# does the same:

# %%
failed = 'sum(rate(serving_requests_total{path=~"/predict.*", status=~"5.."}[5s]))'
panels = {
    "photos, 1/s": rate,
    "failed, share": f"{failed} / ({rate})",
    "p95, s": p95,
    "photos that wait": 'sum(rate(serving_stage_seconds_sum{stage="queue"}[5s]))',
}
figure, axes = plt.subplots(4, 1, figsize=(9, 6), sharex=True)
for axis, (title, expression) in zip(axes, panels.items()):
    span = {"start": begin_s, "end": end_s, "step": 1}
    reply = server.get("query_range", query=expression, **span)
    for series in reply["result"]:
        points = pd.DataFrame(series["values"], columns=["time_s", "value"]).astype(float)
        axis.plot(points["time_s"] - begin_s, points["value"])
    axis.set_title(title)
    for spell_end_s in at_s.values():
        axis.axvline(spell_end_s - begin_s, color=GREY, lw=1)
axes[-1].set_xlabel("seconds; each spell ends at a line: 4, 16 and 40 clients")
(folder / "dashboard.json").write_text(grafana_dashboard("GourmetGram", panels))

# %% [markdown]
# Read it from top to bottom. With 16 clients, the rate hardly rises, but the waiting
# does. With 40 clients, the service rejects the photos that it cannot compute. If you
# have Grafana, import the same four panels as `dashboard.json` (not run here).

# %%
server.stop()
service.stop()

# %% [markdown]
# ## What you found
#
# Scraped counters and histograms answer questions that you ask only later. Which of them
# should wake a person at night? A problem that users feel, that lasts, and that breaks a
# promise: for example, an error ratio above 1 % for five minutes. A busy processor alone
# does no harm, and people who are woken by single failed requests soon ignore the alarm.
#
# **Try it yourself**
#
# - Write this alert as a rule with `for: 5m`, and test it without waiting: `promtool test
#   rules`.
# - Change the window to `[2s]`, then to `[1m]`. How do the dashboard's edges change?
