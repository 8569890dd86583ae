# ---
# jupyter:
#   lesson:
#     title: Give teams a platform
#     summary: one team's overload and crash beside another's latency; from an objective to a deployment
#     part: 3
#     number: "42"
#     minutes: 45
#     kind: core
#     where: [any]
#     needs: ["32"]
#     ports: []
#     uses: ["memory", "CUDA provider"]
# ---

# %% [markdown]
# # Give teams a platform
#
# GourmetGram has two teams now. *Menu* recognizes dishes for restaurants, all day, a steady trickle; its customers
# notice every second. *Campaign* runs a competition: for ten minutes everybody uploads everything. Both use the same
# classifier. "Then one service is enough for both," says the manager. "It stands idle most of the time anyway."
#
# Last Friday the competition opened at noon.
#
# ## You will do
#
# Let both teams share a service, then give each its own, on processors of its own; let one overload and crash while the
# other works; and turn *model and objective* into a deployment.
#
# ## You will learn
#
# - what isolation is worth, in milliseconds and in failed requests;
# - what it costs;
# - how an objective becomes copies and a queue, by one measured number and a little theory.
#
# ## You need
#
# A laptop or a node with two processors or more, 45 minutes. The machine works for about a minute. On two processors
# the senders have to share with the services, so some disturbance remains whatever we do.

# %%
from functools import partial

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.load import closed_loop, open_loop
from labs.load.served import service_target
from labs.load.together import together
from labs.machine.capability import capability_text, for_lesson
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.platform import Deployment, Platform, halves

# %%
from labs.serve.settings import Settings
from labs.serve.template import MOST_UTILIZATION, Objective, plan, probe
from labs.serve.triton.repository import ModelRepository
from labs.widgets import run_with_progress
from labs.workspace import ledger, workspace_dir

print(capability_text(for_lesson("42")))

# %% [markdown]
# ## Predict
#
# Menu sends twenty photos a second to a service that could answer ten times as many. Then Campaign comes with
# forty-eight senders, to the same service. How many times as long does Menu's 95th percentile become?

# %% checkpoint="s.platform.guess"
predict("s.platform.guess", ...)

# %% [markdown]
# ## Act
#
# A platform keeps deployments: it starts them, looks whether they live, and starts them again when they do not. The
# address of a deployment outlives its process. First, one deployment for both teams:

# %%
onnx_path = run_with_progress(lambda report: fp32_model(on_progress=report), "The float32 model")
everybody = Settings(model=onnx_path, queue_limit=128)
shared = run_with_progress(lambda say: Platform({"both": Deployment(everybody)}, on_progress=say), "One for both")


# %%
def target(platform: Platform, name: str):
    """Return what load is sent to."""
    return service_target(platform.service(name), platform.settings(name), [photo(number) for number in range(8)])


def menu(where, option: str):
    """Return Menu's trickle as work to be done: twenty photos a second, due whatever happens."""
    return partial(open_loop, where, rate_rps=20, duration_s=3.0, option=option, timeout_s=5.0)


# %%
def campaign(where, option: str):
    """Return Campaign's crowd as work to be done."""
    return partial(closed_loop, where, concurrency=48, duration_s=4.0, option=option)


def kill(platform: Platform, name: str):
    """Return a crash as work to be done: two seconds from the beginning, the hard way."""
    return lambda on_progress: platform.kill(name, after_s=2.0)


# %%
def measure(title: str, *works):
    """Return the record of the first of some works that begin together; all records are in the ledger then."""
    made = run_with_progress(lambda say: together(*works, on_progress=say), title)
    kept = [ledger().append(record) for record in made if record is not None]
    return kept[0]


# %% [markdown]
# ## Measure
#
# Menu alone on the shared service, and then with Campaign beside it:

# %%
predicted("s.platform.guess")
place = target(shared, "both")
alone = {"shared": measure("Menu alone", menu(place, "menu-shared-alone"))}
both = menu(place, "menu-shared-crowded"), campaign(place, "campaign-shared")
crowded = {"shared": measure("Menu and Campaign on one service", *both)}

# %%
reconcile("s.platform.guess")

# %% [markdown]
# Menu did nothing wrong, and its photos stand in Campaign's queue.
#
# ### Each its own
#
# Now two deployments, each on half of the processors, so that neither can take the other's. Campaign likes torch
# better, by the way. Menu need not know: the contract is the same.

# %%
mine, yours = halves()
wanted = {"menu": Settings(model=onnx_path), "campaign": Settings(queue_limit=128)}
deployments = {"menu": Deployment(wanted["menu"], mine), "campaign": Deployment(wanted["campaign"], yours)}
own = run_with_progress(lambda say: Platform(deployments, on_progress=say), "One each")

# %%
places = {name: target(own, name) for name in wanted}
alone["own"] = measure("Menu alone on its half", menu(places["menu"], "menu-own-alone"))
both = menu(places["menu"], "menu-own-crowded"), campaign(places["campaign"], "campaign-own")
crowded["own"] = measure("Menu and Campaign, each on its half", *both)

# %%
for kind in ("shared", "own"):
    before_ms, after_ms = (run.percentile(95) * 1e3 for run in (alone[kind], crowded[kind]))
    print(f"{kind:6} Menu's p95: alone {before_ms:6.1f} ms, beside Campaign {after_ms:6.1f} ms")

# %% checkpoint="s.platform.isolated"
# For both: Menu's p95 beside Campaign over its p95 alone, from the four records.
stretched = {"shared": ..., "own": ...}
answer("s.platform.isolated", stretched)

# %%
check("s.platform.isolated")

# %% [markdown]
# Alone, Menu was better off with all processors. That is the price of isolation: what is kept for you is kept from
# you too, also while the others sleep.
#
# ### A crash
#
# Campaign's newest idea sends a photo on which its service dies. We play it with a signal that no process can catch,
# while Menu works.

# %%
fell = {
    "own": measure("Campaign crashes", menu(places["menu"], "menu-own-crash"), kill(own, "campaign")),
    "shared": measure("The shared service crashes", menu(place, "menu-shared-crash"), kill(shared, "both")),
}
for kind, run in fell.items():
    worst_ms = max(run.samples) * 1e3
    print(f"{kind:6} failed {len(run.load.failures)}, slowest answer {worst_ms:.0f} ms")

# %% checkpoint="s.platform.crash"
# For each of the two records: how many of Menu's requests failed, and its slowest answer in seconds.
crash = {"own": {"failed": ..., "slowest_s": ...}, "shared": {"failed": ..., "slowest_s": ...}}
answer("s.platform.crash", crash)

# %%
check("s.platform.crash")

# %% [markdown]
# The platform had started the dead process again before most of Menu's photos gave up: the address stayed open and they
# waited at the door. Menu noticed the crash only where it lived in the same process.

# %%
print("started again:", own.restarts("campaign"), "and", shared.restarts("both"), "times")
shared.close()
own.close()

# %% [markdown]
# ### From objective to deployment
#
# A third team comes. It should not have to read this course first. What it can say is what it wants: *so many photos a
# second, so fast*. The template makes the rest of it:
#
# - as few **copies** as keep each busy for at most 70 % of the time, and the percentile within the objective;
# - a **queue** that is no longer than what can be worked off in the time that the objective leaves for waiting.
#
# Do it by hand once. One copy needs 5 ms for a photo; 150 photos a second are wanted, within 100 ms.

# %%
print(f"One copy is busy for {150 * 0.005:.0%} of the time, and {MOST_UTILIZATION:.0%} is the most.")

# %% checkpoint="s.platform.template"
# The smallest number of copies with utilization (rate * seconds / copies) of at most MOST_UTILIZATION, and the number
# of requests that these copies work off in the 95 ms that are left for waiting.
by_hand = {"copies": ..., "queue_limit": ...}
answer("s.platform.template", by_hand)

# %%
check("s.platform.template")

# %% [markdown]
# And the template, with what a copy needs on this machine:

# %%
service_s = probe(onnx_path).service_s
objective = Objective(rate_rps=round(0.5 / service_s), latency_s=max(0.1, 5 * service_s))
made = plan("third_team", onnx_path, objective, service_s)
print(made.reasons)

# %%
folder = made.write(workspace_dir() / "deployments")
print(ModelRepository(folder / "triton").config("third_team"))

# %% [markdown]
# That is a repository which Triton serves as it is, and beside it `service.env` for the course's service. Does it keep
# what it promises? One run at the wanted rate:

# %%
with Platform({"third": Deployment(made.settings)}) as third:
    where = target(third, "third")
    kept = measure(
        "The third team", partial(open_loop, where, rate_rps=objective.rate_rps, duration_s=3.0, option="third-team")
    )
p95_ms, wanted_ms = kept.percentile(95) * 1e3, objective.latency_s * 1e3
print(f"p95 {p95_ms:.1f} ms, wanted {wanted_ms:.0f} ms, failed {kept.load.error_rate:.1%}")

# %% [markdown]
# On a laptop the senders take their share of the processors, which the template knows nothing of. On a node with
# processors to spare, hold it to its word.
#
# ## Checkpoint
#
# A platform is three promises. *One contract*, whatever is behind it. *Your trouble stays yours*: processors, queue and
# process of your own. *Say what you want, not how*. Each has its price, and you have measured it.

# %%
check("s.platform.guess")

# %% [markdown]
# ## On your own
#
# - Give Menu and Campaign services of their own but no processors of their own (leave `cpus` out). How much of the
#   isolation was the process, and how much the processors?
# - Ask `plan` for ten times the rate. What does it say? Is it right?
# - Serve `deployments/third_team/triton` with Triton, as in lesson 37, and run the same load.
# - Kubernetes with KServe makes the same promises. Which of its words stand for deployment, door, template, restart?
