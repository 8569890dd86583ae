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
# "On Saturday it was slow," writes a customer. How slow, for whom, and which part of it? No one looked on Saturday, and
# now it is too late to look. **What must a service write down while it happens, and how do you ask it later?** You need
# a laptop. The first time, Prometheus (35 MB) is unpacked from Debian's packages, without root. The next cell imports
# what the lesson uses.

# %% folded=true
import time

import httpx
import matplotlib.pyplot as plt
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.load import closed_loop
from labs.load.served import app_target
from labs.observe import prometheus
from labs.observe.prometheus import grafana_dashboard
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import SERVICE, serve_app
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

(folder := programs_dir() / "observe").mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# Sixteen clients will ask the service, and each writes down how long its answers take. Prometheus knows the service's
# own histogram. Divide the 95th percentile that it computes by the one that the clients measure: 1 means the same.

# %%
predict("observe.p95", ratio=...)

# %% [markdown]
# ## What a server says of itself
#
# The course's service has a short queue here, so that you can see it reject photos. Its page `/metrics` is the whole
# protocol:

# %%
onnx_path = run_with_progress(
    lambda report: fp32_model(on_progress=report), "The float32 model"
)
service = serve_app(app=SERVICE, MODEL=onnx_path, WORKERS=2, MAY_WAIT=16)
httpx.post(
    service.url + "/predict/raw",
    content=photo(40),
    headers={"content-type": "image/jpeg"},
).raise_for_status()
for line in httpx.get(service.url + "/metrics").text.splitlines():
    if (
        line.startswith(
            ("serving_requests_total", "serving_in_flight", "serving_request_seconds")
        )
        and "z" not in line
    ):
        print(line)

# %% [markdown]
# Each line is a **series**, a name with labels, and its value now. A **counter** (`…_total`) only rises, and begins at
# zero when the server does: its value says nothing, its growth everything. A **gauge** (`serving_in_flight`) goes up
# and down, and its value holds for one moment. A **histogram** is a set of counters: for each bucket, how many
# observations were at most `le` seconds. The server remembers nothing. Prometheus does: it *scrapes* the page every few
# seconds.
#
# ## What to scrape
#
# Write `prometheus.yml`. Under `global` set `scrape_interval: 1s` (15 s are usual; here everything lasts for seconds).
# `scrape_configs` is a list of jobs, each with a `job_name` and `static_configs`, a list with `targets`. A target is
# 'host:port', and `address` holds the service's. Name the job `gourmetgram`.

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
# Your turn: replace this line. {address} stands for the service's address.
"""
### END SOLUTION
(folder / "prometheus.yml").write_text(config)
check("observe.config", folder / "prometheus.yml")

# %% [markdown]
# The check has called `promtool check config`, started a Prometheus with your file, and asked it for its targets. Now
# start the one that you will use. It listens on loopback only: Prometheus has no users and passwords, so anyone who
# reaches it can read everything.

# %%
server = run_with_progress(
    lambda report: prometheus.start(
        folder / "prometheus.yml", ports=lesson("observe").ports, on_progress=report
    ),
    "Start Prometheus",
)
print(*server.command, sep=" \\\n  ")
print("Prometheus' own page:", link(server.url + "/"))


def ask(expression, at_s):
    """Return the one value of an expression at a Unix time, by Prometheus' HTTP API."""
    reply = httpx.get(
        server.url + "/api/v1/query", params={"query": expression, "time": at_s}
    ).json()
    if reply["status"] == "error":
        raise ValueError(reply["error"])
    return float(reply["data"]["result"][0]["value"][1])


# %% [markdown]
# ## Three spells of load
#
# The next cell sends load from 4, 16 and 40 clients. The queue holds 16 photos beside those that are being computed, so
# 40 clients are too many.

# %%
guesses = predicted("observe.p95")
for _ in range(30):  # Prometheus looks for its targets every five seconds
    if server.get("query", query="up == 1")["result"]:
        break
    time.sleep(0.5)
runs, at_s, photos = {}, {}, [photo(number) for number in range(8)]
target = app_target(service, onnx_path, photos, raw=True, workers=2, may_wait=16)
began_s = time.time()
for clients in (4, 16, 40):
    loop = {
        "concurrency": clients,
        "duration_s": 8,
        "option": f"observe-{clients}",
        "warmup_requests": 4,
    }
    runs[clients] = run_with_progress(
        lambda say, loop=loop: closed_loop(target, on_progress=say, **loop),
        f"{clients} clients",
    )
    at_s[clients] = time.time()
ended_s = time.time()
ledger().append(runs[16])

# %% [markdown]
# ## Rate
#
# How many photos were answered per second? `rate(…[5s])` looks at the last five seconds of each series and gives its
# growth per second, also across a restart. Write *one* number: photos only, whatever their status. Labels are chosen in
# braces: `path="/predict"` takes one path, `path=~"/predict.*"` all that match.

# %% question="observe.rate"
### BEGIN SOLUTION
rate = 'sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'
### STUB
rate = ...
### END SOLUTION
check("observe.rate", {"promql": rate})

# %% [markdown]
# The check has sent your expression to a Prometheus that holds three minutes of two *other* services, one of which is
# restarted in between, with rates that were drawn just now.
#
# ## Latency
#
# `histogram_quantile(0.95, …)` finds a percentile in the *rates* of a histogram's buckets, the series
# `serving_request_seconds_bucket`. It needs their label `le`, and one series per bucket: `sum by (le) (…)`. Buckets of
# several instances may be added. Percentiles may not: the mean of two 95th percentiles, 10 ms and 100 ms, is no
# percentile of anything.

# %% question="observe.quantile"
### BEGIN SOLUTION
p95 = 'histogram_quantile(0.95, sum by (le) (rate(serving_request_seconds_bucket{path=~"/predict.*"}[5s])))'
### STUB
p95 = ...
### END SOLUTION
check("observe.quantile", {"promql": p95})

# %%
rows = {}
for clients, run in runs.items():
    seen = {
        "photos a second": ask(rate, at_s[clients]),
        "p95, Prometheus, ms": 1e3 * ask(p95, at_s[clients]),
    }
    rows[clients] = seen | {
        "p95, clients, ms": 1e3 * run.percentile(95),
        "rejected": len(run.load.failures),
    }
table = pd.DataFrame(rows).T.rename_axis("clients")
table["ratio"] = table["p95, Prometheus, ms"] / table["p95, clients, ms"]
table.loc[16, "you predicted"] = guesses["ratio"]
table.round(2)

# %% [markdown]
# With 40 clients the rate may be highest while the service is at its worst, because a rejection is sent quickly. Two
# things pull the percentiles apart. Inside a bucket, Prometheus draws a straight line between its ends. And the service
# starts its clock when it has read a request's head: only the client sees what a photo waits before that.
#
# ## A dashboard
#
# Errors and saturation are two more expressions. `serving_stage_seconds_sum{stage="queue"}` is the time that all photos
# together have waited, so its growth per second is how many wait on average (Little's law). `/api/v1/query_range`
# evaluates an expression at every step of a span of time, and that is all that a dashboard does:

# %%
replies = 'serving_requests_total{path=~"/predict.*"'
panels = {
    "photos, 1/s": rate,
    "failed, share": f'sum(rate({replies}, status=~"5.."}}[5s])) / sum(rate({replies}}}[5s]))',
    "p95, s": p95,
    "photos that wait": 'sum(rate(serving_stage_seconds_sum{stage="queue"}[5s]))',
}
figure, axes = plt.subplots(4, 1, figsize=(9, 6), sharex=True, layout="constrained")
for axis, (title, expression) in zip(axes, panels.items()):
    found = server.get(
        "query_range", query=expression, start=began_s, end=ended_s, step=1
    )["result"]
    for series in found:
        axis.plot(
            [at - began_s for at, _ in series["values"]],
            [float(value) for _, value in series["values"]],
        )
    axis.set_title(title, loc="left", size=10)
    for end_s in at_s.values():
        axis.axvline(end_s - began_s, color="silver")
axes[-1].set_xlabel("seconds; each spell ends at a line: 4, 16 and 40 clients")
(folder / "dashboard.json").write_text(grafana_dashboard("GourmetGram", panels))

# %% [markdown]
# Read it from top to bottom: with 16 clients the rate hardly rises, the waiting does. With 40, the service rejects what
# it cannot do. If you have Grafana, import the same four panels as `dashboard.json` (not run here).

# %%
server.stop()
service.stop()

# %% [markdown]
# ## What you found
#
# Counters and histograms that were scraped answer questions that no one asked on Saturday. Which of them may wake a
# person at night? One that users feel, that lasts, and that breaks what was promised: an error ratio above 1 % for five
# minutes. A busy processor does no harm by itself, and people who are woken by single failed requests stop looking.
#
# - Write that alert as a rule with `for: 5m`, and test it without waiting: `promtool test rules`.
# - Make the window `[2s]`, then `[1m]`. What does each do to the dashboard's edges?
