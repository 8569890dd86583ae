# ---
# jupyter:
#   lesson:
#     title: Serve over HTTP
#     summary: the tutorial's service against the course's, with the same model; nonsense, and too many clients
#     part: 3
#     number: "32"
#     minutes: 50
#     kind: core
#     where: [any]
#     needs: []
#     ports: [8090, 8091, 8092, 8093, 8094, 8095, 8096, 8097]
#     uses: ["memory", "fast INT8", "CUDA provider"]
# ---

# %% [markdown]
# # Serve over HTTP
#
# A model in a notebook feeds nobody. GourmetGram's app sends photos over HTTP, and somebody wrote a service for it, the
# way tutorials do: forty lines, one evening, it works. At lunch time, when sixteen phones send at once, people put
# theirs away and eat.
#
# The manager has been told that Python is slow. Is it Python?
#
# ## You will do
#
# Start the tutorial's service and the course's, with the same model; send both the same photos from one sender and from
# sixteen; take their latency apart; send them nonsense; and drown them.
#
# ## You will learn
#
# - what a model's latency has to do with a service's;
# - where the time of a request goes, and which of it you can win back without touching the model;
# - why an error with status 200 is worse than a crash;
# - what a queue with an end is good for.
#
# ## You need
#
# A laptop or a node, 50 minutes. The machine works for about a minute. On a machine with fewer than three processors,
# the sender and the services share them: all ratios hold, all milliseconds are larger than with a client elsewhere.

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import queue_compute
from labs.course import lesson
from labs.load import closed_loop
from labs.load.race import latency_ratio, of, race, rate_ratio
from labs.load.served import service_target
from labs.loopback import link
from labs.machine.capability import capability_text, for_lesson
from labs.serve.contract import picture_text
from labs.serve.models import fp32_model, int8_model

# %%
from labs.serve.page.settings import PageSettings
from labs.serve.photos import photo
from labs.serve.running import BEFORE, ask, start, wait_until_ready
from labs.serve.settings import Settings
from labs.widgets import run_with_progress
from labs.workspace import ledger

gate = {one.name: one for one in for_lesson("32")}
print(capability_text(gate.values()))

# %% [markdown]
# ## Predict
#
# The tutorial's service, `labs/serve/before.py`, is worth two minutes of your time: read it. One sender who waits for
# each answer gets a certain number of answers in a second. How many times as many do sixteen such senders get together?

# %% checkpoint="s.http.sixteen_guess"
predict("s.http.sixteen_guess", ...)

# %% [markdown]
# ## Act
#
# Four services. `http-before` is the tutorial's. `http-torch` and `http-onnx` are the course's, on the torch weights
# and on the ONNX file that `http-before` has too. `http-best` gets what part 1 found for this machine, INT8 or a GPU
# with batches, and one thing more: it decodes large JPEGs in a reduced size.

# %%
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
int8_path = run_with_progress(lambda report: int8_model(on_progress=report), "Its INT8 twin")
gpu = {"model": onnx_path, "device": "cuda", "max_batch_size": 16, "max_batch_delay_s": 0.002}
best = gpu if gate["CUDA provider"].available else {"model": int8_path}
settings = {
    "http-before": Settings(model=onnx_path),
    "http-torch": Settings(),
    "http-onnx": Settings(model=onnx_path),
    "http-best": Settings(**best, fast_decode=True),
}


# %%
ports = lesson("32").ports  # in the lesson's front matter, so that the tunnel knows them


def start_service(option: str):
    """Return a service that is ready."""
    service = start(settings[option], app=BEFORE if option == "http-before" else "", port=ports)
    return run_with_progress(lambda report: wait_until_ready(service, on_progress=report), f"Start {option}")


services = {option: start_service(option) for option in settings}
{option: service.url for option, service in services.items()}

# %% [markdown]
# Each runs in a process of its own, on the next free one of the lesson's ports, which only this machine can reach. All
# keep one contract: base64 in, class and probability out.

# %%
request = {"image": picture_text(photo(40))}
{option: ask(service.url + "/predict", request) for option, service in services.items()}

# %% [markdown]
# The first three say the same to many digits. The fourth has decoded, and perhaps computed, more coarsely.
#
# The course's services describe themselves, and a page shows what a visitor sees, with `http-onnx` behind it. On a
# leased machine these links lead through your tunnel (`python -m provisioning forward system`, lesson 31).

# %%
page = wait_until_ready(start(PageSettings(url=services["http-onnx"].url), port=ports))
print("What it says of itself:", link(services["http-onnx"].url + "/docs"))
print("GourmetGram:", link(page.url))

# %% [markdown]
# ### Nonsense
#
# A phone with a bug sends a file name where base64 belongs:

# %%
both, wrong = ("http-before", "http-onnx"), {"image": "lunch.jpg"}
nonsense = {option: ask(services[option].url + "/predict", wrong) for option in both}
nonsense

# %% [markdown]
# Both notice. But only one says so where machines look. The phone, the load balancer and the monitoring read the
# *status*; none of them reads the sentence.

# %% checkpoint="s.http.status"
# The status of each reply, and which of them the monitoring counts as a success (True or False).
status = {"http-before": ..., "http-onnx": ...}
counted_as_success = {"http-before": ..., "http-onnx": ...}
answer("s.http.status", {"status": status, "success": counted_as_success})

# %%
check("s.http.status")

# %% [markdown]
# ## Measure
#
# First one sender, then sixteen. All services take turns, so that whatever else this machine does hits all of them.

# %%
pictures = [photo(number) for number in range(8)]
targets = {option: service_target(services[option], settings[option], pictures, raw=False) for option in services}


# %%
def measure_race(senders: int):
    """Return the records of a race, which are in the ledger then."""
    words = f"{senders} at a time"
    records = run_with_progress(
        lambda say: race(targets, concurrency=senders, rounds=2, duration_s=1.0, on_progress=say), words
    )
    return [ledger().append(record) for record in records]


# %%
predicted("s.http.sixteen_guess")
alone, crowd = measure_race(1), measure_race(16)

# %%
for option in services:
    one, many = of(alone, option)[0], of(crowd, option)[0]
    rates = f"{one.throughput_rps.value:4.0f} and {many.throughput_rps.value:4.0f} answers/s"
    print(f"{option:12} {rates}, p50 {one.percentile(50) * 1e3:5.1f} and {many.percentile(50) * 1e3:6.1f} ms")

# %%
reconcile("s.http.sixteen_guess")

# %% [markdown]
# ### Where the time goes
#
# The course's service keeps account: how long a photo waited, how long decoding and scaling took, how long the model.
# One sender's photos never wait for each other, so whatever is not in the account is the way there and back. Among
# sixteen, a photo shares its copy's attention with up to three others, and is there until all of them are done.

# %%
queue_compute([of(alone, "http-onnx")[0], of(crowd, "http-onnx")[0]])

# %%
run = of(alone, "http-onnx")[0]
server, latency_s = run.load.server, sum(run.samples) / len(run.samples)
print(f"latency {latency_s * 1e3:.2f} ms: prepare {server.input_s * 1e3:.2f}, model {server.infer_s * 1e3:.2f}")

# %% checkpoint="s.http.share"
# With one sender: the share of the mean latency that the model itself takes, 0 to 1.
share = ...
answer("s.http.share", share)

# %%
check("s.http.share")

# %% [markdown]
# A model that is twice as fast makes the service faster by less than you hoped: the rest stays. This is why `http-best`
# also decodes faster.
#
# ### The same model, another service
#
# `http-before` and `http-onnx` run the same file. With sixteen senders, how many times as many answers does the second
# one give? Read the interval too: if it holds 1, you cannot tell.

# %%
faster = rate_ratio(crowd, "http-onnx", "http-before")
shorter = latency_ratio(crowd, "http-onnx", "http-before")
print(f"answers/s × {faster.interval.value:.2f} ({faster.interval.low:.2f} to {faster.interval.high:.2f})")
print(f"median latency × {shorter.interval.value:.2f} ({shorter.interval.low:.2f} to {shorter.interval.high:.2f})")

# %% checkpoint="s.http.ratio"
# The interval's ends for answers a second, and the claim:
# "http-onnx is faster", "http-before is faster" or "cannot tell".
ratio = {"low": ..., "high": ..., "claim": ...}
answer("s.http.ratio", ratio)

# %%
check("s.http.ratio")

# %% [markdown]
# Nothing of this came from the model. The tutorial's app gives each request a thread of Python (of up to forty), so
# sixteen inferences begin at once, and each asks for all processors: they spend their time in each other's way. The
# course's service gives each processor one copy of the model in a process of its own, with one thread, and lets photos
# queue for them. A copy takes up to four of those that wait, so the way to it and back is paid once for four. Its
# normalization is a table of 256 numbers a channel, to the same bits. It is still Python.
#
# Does your interval say otherwise? Then look at what else ran on this machine meanwhile. A busy system deals out its
# processors by the thread, and sixteen threads get more turns than two. Measure again when it is quiet.

# %%
best = rate_ratio(crowd, "http-best", "http-before").interval
print(f"http-best gives × {best.value:.2f} as many answers as http-before ({best.low:.2f} to {best.high:.2f})")

# %% [markdown]
# ### Too many
#
# Sixty-four senders now, on `http-before` and on a service that lets sixteen photos wait and no more.

# %%
settings["http-bounded"] = Settings(model=onnx_path, queue_limit=16)
services["http-bounded"] = start_service("http-bounded")
targets["http-bounded"] = service_target(services["http-bounded"], settings["http-bounded"], pictures, raw=False)
pair = ("http-before", "http-bounded")
made = [closed_loop(targets[option], concurrency=64, duration_s=2.0, option=option) for option in pair]
drowned = {option: ledger().append(record) for option, record in zip(pair, made, strict=True)}

# %%
for option, made in drowned.items():
    rate, p95_ms = made.throughput_rps.value, made.percentile(95) * 1e3
    print(f"{option:13} {rate:4.0f} answers/s, p95 {p95_ms:6.1f} ms, refused {made.load.error_rate:.0%}")

# %% checkpoint="s.http.bounded"
# From the two records: the share of requests that http-bounded refused (0 to 1), the p95 of the answers that it gave
# and that of http-before, in seconds; and a refused phone: "it waits for ever" or "it knows at once".
bounded = {"refused": ..., "p95_s": ..., "before_p95_s": ..., "phone": ...}
answer("s.http.bounded", bounded)

# %%
check("s.http.bounded")

# %% [markdown]
# A refusal comes with `Retry-After`, so a well-made client waits and tries again. These senders do not: they ask again
# at once, which is why so many are refused. The answers that are given are worth having.
#
# ## Checkpoint
#
# The service you would put behind the app is one that does little in other people's way, and says no early and clearly.
# What it serves is a second question, which part 1 has answered.

# %%
check("s.http.sixteen_guess")

# %%
for service in (page, *services.values()):
    service.stop()

# %% [markdown]
# ## On your own
#
# - `Settings(model=onnx_path, instances=1, intra_op_threads=2)`: one copy with two threads instead of two with one.
#   Race it with 1 and with 16 senders. When is it better?
# - `max_batch_size=1` ends the batches of up to four; `max_batch_size=8, max_batch_delay_s=0.005` makes larger ones and
#   waits for them. What does each bring on a CPU, with one sender and with sixteen? What on a GPU (`device="cuda"`)?
# - `backend="openvino"` serves the INT8 file with part 1's other runtime (`pip install openvino`). Race the two.
# - Read `/metrics` of a service twice, ten seconds apart, and compute its answers a second from the difference.
# - The photos have 512 × 512 pixels. Send some of 4000 × 3000. What is the model's share now, and what does
#   `fast_decode` bring?
