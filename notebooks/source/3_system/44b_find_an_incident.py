# ---
# jupyter:
#   lesson:
#     title: Find an incident
#     summary: a release with a hidden fault, found from metrics, rolled back by its file, and written down
#     part: 3
#     number: 44b
#     minutes: 30
#     kind: extra
#     where: [laptop]
#     needs: ["44"]
#     ports: [9090, 9091, 9092, 9093]
#     uses: ["memory"]
# ---

# %% [markdown]
# # Find an incident
#
# Friday, a quarter to twelve. Release 42 of GourmetGram's service goes out: five components at once, because each of
# five teams had "only a small change". At noon the phones begin to ring. One of the five has a fault, and nobody knows
# which. You have Prometheus, and ten minutes.
#
# ## You will do
#
# Watch two replicas before and after a roll-out under load, find the component with the fault by its metrics, roll back
# that one by editing the release's file, see the service recover, and write the post-mortem.
#
# ## You will learn
#
# - to go from a symptom to its cause by asking what each suspect *would* change;
# - why an alarm on latency does not see every fault;
# - why the smallest rollback that works is the best one;
# - what a post-mortem is for, and what does not belong in it.
#
# ## You need
#
# A laptop or a node, 30 minutes and lesson 44. The machine works for one and a half of them.

# %%
import httpx

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import over_time
from labs.course import lesson
from labs.observe.incident import P95, Incident
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# The five components, and what each team says of its change:
#
# | component | release 42 |
# |---|---|
# | `admission` | rejects requests when the queue is full, "with a better limit" |
# | `cache` | remembers what was answered, "so that the same photo costs nothing" |
# | `decoder` | turns a JPEG into numbers, "with a safer library" |
# | `model` | "retrained over night" |
# | `process` | how a replica runs, "with a newer base image" |
#
# An alarm watches the 95th percentile of the latency and rings when it is twice the usual, in ordinary load. Will it
# ring, for the fault that is hidden here? Choose "rings" or "stays silent".

# %% checkpoint="s.incident.alarm_guess"
predict("s.incident.alarm_guess", ...)

# %% [markdown]
# ## Act
#
# Two replicas of the course's service with release 41, and a Prometheus that scrapes both every second. Which fault it
# will be is drawn now; it stands in no file that you can read.

# %%
images = [photo(number * 15) for number in range(22)]  # two of each class
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
incident = Incident(onnx_path, images)
run_with_progress(lambda report: incident.begin(ports=lesson("44b").ports, on_progress=report), "Start release 41")
print("Prometheus' own page:", link(incident.server.url + "/"))

# %% [markdown]
# Ten photos a second of all classes, with a peak in which forty clients ask without a pause; then release 42, one
# replica after the other, and the same again for longer:

# %%
predicted("s.incident.alarm_guess")
seen = run_with_progress(incident.run, "Lunch, and a release")
ledger().observe("incident.run", seen)
released_s = seen["rolled_out_s"]
reconcile("s.incident.alarm_guess")

# %%
check("s.incident.alarm_guess")

# %% [markdown]
# ## Measure
#
# What users feel, in three panels:


# %%
def series(expression):
    """Return the points of each series of an expression over the whole incident, by its labels."""
    spans = seen["spans"]
    span = {"start": spans["r41"][0], "end": spans["r42"][1], "step": 1}
    reply = httpx.get(incident.server.url + "/api/v1/query_range", params={"query": expression, **span}).json()
    if reply["status"] == "error":
        raise ValueError(reply["error"])
    return {
        ", ".join(f"{name}={value}" for name, value in one["metric"].items() if name not in ("job", "__name__"))
        or "all": [[at_s, float(value)] for at_s, value in one["values"] if value != "NaN"]
        for one in reply["data"]["result"]
    }


events = {"release 42": released_s}
photos = 'serving_requests_total{path=~"/predict.*"}'
felt = {
    "photos by status, 1/s": f"sum by (status) (rate({photos}[5s]))",
    "p95, s": P95,
    "replicas that answer": "sum(up)",
}
over_time({title: series(expression) for title, expression in felt.items()}, events=events)

# %% [markdown]
# Now look for the cause. Do not try queries at random. Take the suspects one by one: *if it were the decoder, what
# would be otherwise?* The seconds of its stage, and nothing about the classes. If it were the model? No second of
# anything; but which classes come out. A suspect whose metric stays the same is cleared. These are at hand:
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
# Try as many as you like in here, and mind the peak: at the same rate the fault may sleep.

# %%
suspects = {"cores in use": "rate(process_cpu_seconds_total[5s])"}  # add yours
over_time({title: series(expression) for title, expression in suspects.items()}, events=events)

# %% [markdown]
# Write down the query that shows it: one number at each time, another one with release 42 than with 41, and about the
# component itself rather than about what follows from it.

# %% checkpoint="s.incident.evidence"
evidence = ...

# %%
folder = programs_dir() / "incident"
folder.mkdir(exist_ok=True)


def write(name, text):
    """Write a text into this lesson's folder and return its path; dots stay dots."""
    if text is ...:
        return ...
    (folder / name).write_text(text.strip() + "\n")
    return folder / name


check("s.incident.evidence", write("evidence.promql", evidence))

# %% [markdown]
# ### Roll back
#
# What runs is described by a file. Who rolls back changes the file; nobody logs in to a machine. This is release 42 as
# rolled out:

# %%
components = ("admission", "cache", "decoder", "model", "process")
print(write("release.toml", "\n".join(f"{name} = 42" for name in components)).read_text())

# %% [markdown]
# Write the release that stops the damage and keeps what was not at fault: the same five lines, each 41 or 42.

# %% checkpoint="s.incident.rollback"
release = ...

# %%
release_path = write("release.toml", release)
if release_path is not ...:
    applied = run_with_progress(lambda say: incident.apply(release_path, say), "Roll out your release, under load")
    ledger().observe("incident.rollback", applied)
check("s.incident.rollback", release_path)

# %% [markdown]
# ## Checkpoint
#
# Tomorrow somebody asks what happened. A **post-mortem** says it to those who were not there: when it began, how it was
# noticed, what it was, what ended it, and what will notice it sooner. It blames no person: five teams released on a
# Friday because nothing stopped them, and that is the finding.
#
# `detected_s`: seconds from the roll-out until your query shows it (read it from its chart). `evidence`: what you saw.
# `action`: what was rolled back, and what was not. `prevention`: the alert, the test or the rule that would have caught
# it. A sentence each.

# %%
if evidence is not ...:
    display(over_time({"evidence": series(evidence)}, events=events))

# %% checkpoint="s.incident.postmortem"
cause = ...  # one of the five components
detected_s = ...
report = {"cause": cause, "detected_s": detected_s, "evidence": ..., "action": ..., "prevention": ...}
answer("s.incident.postmortem", report)

# %%
check("s.incident.postmortem")

# %%
incident.stop()

# %% [markdown]
# ## On your own
#
# - Begin again: another fault is drawn. Which of the five takes you longest, and which metric would shorten that?
# - Only one of the five is found by asking whether the answers are *right*. The service cannot know; who could, and
#   with which photos?
# - Write the alert for your fault with `for:`, and count how many seconds earlier it would have rung.
