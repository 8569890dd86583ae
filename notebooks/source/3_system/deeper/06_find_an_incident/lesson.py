# ---
# jupyter:
#   lesson:
#     id: incident
#     title: Find an incident
#     summary: five small changes, one hidden fault, and ten minutes to name it, roll it back and say what happened
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [observe]
#     ports: [9092, 9093]
# ---

# %% [markdown]
# # Find an incident
#
# Friday, a quarter to twelve. Release 42 goes out: five teams had "only a small change". At noon the phones begin to
# ring. One of the five changes has a fault, and you do not know which. You have Prometheus, and ten minutes. **How do
# you get from a symptom to its cause?** You need a laptop.

# %%
import httpx
import matplotlib.pyplot as plt

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.observe.incident import P95, Incident
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

(folder := programs_dir() / "incident").mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# | component | what its team says of release 42 |
# |---|---|
# | `admission` | rejects requests when the queue is full, "with a better limit" |
# | `cache` | keeps the answers, "so that the same photo costs nothing" |
# | `decoder` | turns a JPEG into numbers, "with a safer library" |
# | `model` | "retrained over night" |
# | `process` | how a replica runs, "with a newer base image" |
#
# An alarm watches the 95th percentile of the latency in ordinary load. It rings at twice the usual. How many times as
# long as before will that percentile be with release 42?

# %%
predict("incident.p95", times=...)

# %% [markdown]
# ## Lunch, and a release
#
# Two replicas of the course's service run release 41, and a Prometheus scrapes both every second. Which fault it will
# be is drawn now; it stands in no file that you can read. They get ten photos a second of all classes, with a peak in
# which forty clients ask without a pause; then release 42, one replica after the other, and the same again for longer.

# %%
images = [photo(number * 30) for number in range(22)]  # two of each class: it has 60 in the data set
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
incident = Incident(onnx_path, images)
ports = lesson("incident").ports
run_with_progress(lambda report: incident.begin(ports=ports, on_progress=report), "Start release 41")
print("Prometheus' own page:", link(incident.server.url + "/"))

# %%
guesses = predicted("incident.p95")
seen = run_with_progress(incident.run, "Lunch, and a release")
ledger().observe("incident.run", seen)
released_s, (begin_s, _), (_, end_s) = seen["rolled_out_s"], seen["spans"]["r41"], seen["spans"]["r42"]
times = seen["p95_s"]["r42"] / seen["p95_s"]["r41"]
print(f"p95 in ordinary load: {times:.1f} times as long; you predicted {guesses['times']:g}")

# %% [markdown]
# Did the alarm ring? Not every fault makes answers slow. Here is what users feel:


# %%
def series(expression):
    """Return [(seconds, value), …] of each series of an expression over the whole incident, by its labels."""
    span = {"query": expression, "start": begin_s, "end": end_s, "step": 1}
    reply = httpx.get(incident.server.url + "/api/v1/query_range", params=span).json()
    if reply["status"] == "error":
        raise ValueError(reply["error"])
    return {
        ", ".join(value for name, value in one["metric"].items() if name not in ("job", "__name__")) or "all": [
            (at - released_s, float(value)) for at, value in one["values"] if value != "NaN"
        ]
        for one in reply["data"]["result"]
    }


def draw(panels):
    _, axes = plt.subplots(len(panels), 1, figsize=(9, 1.7 * len(panels)), layout="constrained", squeeze=False)
    for axis, (title, expression) in zip(axes[:, 0], panels.items()):
        for name, points in series(expression).items():
            axis.plot(*zip(*points), label=name)
        axis.axvline(0, color="silver")
        axis.set_title(title, loc="left", size=10)
        axis.legend(fontsize=7, loc="upper left")
    axis.set_xlabel("seconds since release 42")


photos = 'serving_requests_total{path=~"/predict.*"}'
draw({"photos by status, 1/s": f"sum by (status) (rate({photos}[5s]))", "p95, s": P95, "replicas up": "sum(up)"})

# %% [markdown]
# ## The suspects
#
# Do not try queries at random. Take the suspects one by one: *if the decoder had the fault, what would change?* The
# seconds of its stage, and nothing about the classes. If the model had it? No stage would take longer, but other
# classes would come out. A suspect whose metric stays the same is cleared. These are at hand:
#
# | metric | kind | labels |
# |---|---|---|
# | `serving_requests_total` | counter | `path`, `status` |
# | `serving_request_seconds` | histogram | `path` |
# | `serving_stage_seconds` | histogram | `stage`: `queue`, `prepare` (the decoding), `model` |
# | `serving_predictions_total` | counter | `class_name` |
# | `serving_in_flight` | gauge | |
# | `process_resident_memory_bytes`, `process_cpu_seconds_total` | gauge, counter | |
# | `up` | 1 where the last scrape succeeded | |
#
# Try as many as you like, and look at the peak as well: some faults do not show in ordinary load.

# %%
draw({"cores in use": "rate(process_cpu_seconds_total[5s])"})  # add yours

# %% [markdown]
# Write down the query that shows it. It gives one number at each time, differs between release 42 and 41, and is about
# the component itself rather than about what follows from it.

# %% question="incident.evidence"
### BEGIN SOLUTION
queries = {
    "decoder": 'sum(rate(serving_stage_seconds_sum{stage="prepare"}[5s]))'
    ' / sum(rate(serving_stage_seconds_count{stage="prepare"}[5s]))',
    "model": "max(sum by (class_name) (rate(serving_predictions_total[5s])))"
    " / sum(rate(serving_predictions_total[5s]))",
    "process": "sum(up)",
    "cache": "max(process_resident_memory_bytes)",
    "admission": "max(serving_in_flight)",
}


def largest(component, name, most=max):
    begin, end = (at - released_s for at in seen["spans"][name])
    return most(value for at, value in series(queries[component])["all"] if begin + 5 <= at <= end)


changed = {name: largest(name, "r42") / largest(name, "r41") for name in queries}
changed["process"] = 2 / largest("process", "r42", min)
changed["model"] = largest("model", "r42", min) / 0.5  # one class nearly always
changed["decoder"] = largest("decoder", "r42", min) / largest("decoder", "r41", min) / 2
guilty = max(changed, key=changed.get)
evidence = queries[guilty]
### STUB
evidence = ...
### END SOLUTION
check("incident.evidence", {"promql": evidence})

# %% [markdown]
# ## Roll back
#
# A file describes what runs, and a rollback changes that file; no login to a machine is needed. Write the release that
# stops the damage and keeps the four changes that were not at fault: five lines, each component with 41 or 42.

# %% question="incident.rollback"
components = ("admission", "cache", "decoder", "model", "process")
### BEGIN SOLUTION
release = "\n".join(f"{name} = {41 if name == guilty else 42}" for name in components)
### STUB
release = "\n".join(f"{name} = 42" for name in components)  # as rolled out; change it
### END SOLUTION
(folder / "release.toml").write_text(release)
applied = run_with_progress(lambda say: incident.apply(folder / "release.toml", say), "Roll it out, under load")
ledger().observe("incident.rollback", applied)
check("incident.rollback")

# %% [markdown]
# ## Say what happened
#
# A **post-mortem** tells those who were not there what it was, how it was noticed, what ended it, and what will show it
# sooner next time. It blames no person: five teams released on a Friday because nothing stopped them, and that is the
# finding. Write a sentence for each part.

# %% question="incident.postmortem"
### BEGIN SOLUTION
report = {
    "cause": guilty,
    "evidence": f"The query {evidence} changed with release 42, and the metrics of the other four did not.",
    "action": f"The component {guilty} went back to 41 by the release's file; the other four stayed at 42.",
    "prevention": "An alert on this query, and a roll-out of one component at a time to one replica first.",
}
### STUB
report = {"cause": ..., "evidence": ..., "action": ..., "prevention": ...}
### END SOLUTION
check("incident.postmortem", report)

# %%
incident.stop()

# %% [markdown]
# ## What you found
#
# From a symptom you get to its cause by asking of each suspect what would change if it had the fault. An alarm on
# latency sees what is slow, and nothing else. One of the five faults shows only in whether the answers are *right*, and
# the service cannot know that. Who could, and with which photos?
#
# - Begin again: another fault is drawn. Which of the five takes you longest, and which metric would shorten that?
