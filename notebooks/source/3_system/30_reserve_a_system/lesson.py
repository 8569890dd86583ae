# ---
# jupyter:
#   lesson:
#     id: system
#     title: Reserve and provision a system
#     summary: two GPUs, what still runs on them, and what decides how long a set-up takes
#     part: 3
#     kind: core
#     where: [hub]
#     needs: [reserve]
#     ports: []
# ---

# %% [markdown]
# # Reserve and provision a system
#
# A system that answers many people at once has more than one engine, so this part wants a node with *two* GPUs:
# `gpu_p100` at CHI@TACC. Beside the driver it needs Docker, NVIDIA's toolkit, a large container with Triton, the course
# and Jupyter. By hand that is an evening of copying commands, and your lease lasts three hours. **What decides how long
# the set-up takes, and which step would you make faster first?** The reasons behind each call of a lease stand in
# *Reserve a machine*.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

import matplotlib.pyplot as plt
import pandas as pd
from chi import context, hardware, lease, server

from labs.checkpoints import check, predict, predicted
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal import drills
from provisioning.widgets import lease_countdown, planner, provisioning_progress

# %% [markdown]
# ## What still runs on it
#
# NVIDIA numbers its generations of GPUs by *compute capability*, and software is compiled for a range of them. The P100
# is from 2016. Whatever is too new for it installs without a word, and fails at its first use, in the middle of your
# lease. So read before you reserve. These are the lowest numbers that each asks for, by NVIDIA's support matrices:

# %%
context.use_site("CHI@TACC")
print(hardware.get_nodes(node_type="gpu_p100")[0].gpu)
wants = {"Triton 24.10": 6.0, "Triton 25.03": 7.5, "TensorRT 10": 7.0, "torch for CUDA 12.6": 6.0}
gpus = {"P100": 6.0, "A100": 8.0, "H100": 9.0}
pd.DataFrame(
    {gpu: {one: "runs" if number >= least else "" for one, least in wants.items()} for gpu, number in gpus.items()}
)

# %% [markdown]
# The course pins what runs on the P100; `provisioning/node/p100` has the list.
#
# ## Reserve
#
# Choose a block. A later machine of the list may run more software and has one GPU only; its line says what changes.

# %%
plan = planner("system")
plan

# %% [markdown]
# Reserve it with the three calls from *Reserve a machine*: a lease with both ends of the block, one node by its name,
# and `submit` without waiting.

# %% question="system.lease"
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then run this again.")
context.use_site(block.option.site)
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
testbed = lab.open_testbed(block.option.site)
ledger().observe("system.lease", facts.of_lease(testbed, "system"))
check("system.lease")

# %% [markdown]
# ## Predict
#
# Set-up is a list of steps, and steps that do not need each other run side by side. How many minutes does the whole
# take on a real node? And how many minutes does running side by side save, compared with one step after another?

# %%
predict("system.minutes", whole=..., saved=...)

# %% [markdown]
# ## What the set-up waits for
#
# On Chameleon you come back when your block begins, and run all of this again. In rehearsal the calendar is moved.

# %%
guesses, found = predicted("system.minutes"), facts.of_lease(testbed, "system")
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(found["start"]))
option = lab.find_option(lab.open_testbed, "system", found["name"])
run = lab.prepare("system", option, testbed=testbed)
steps = ledger().observe("system.plan", facts.of_plan(run.plan))["steps"]
pd.DataFrame(steps)

# %% [markdown]
# `expected_s` is what a step usually takes on Chameleon, in seconds. A step begins when all that it needs is done, and
# not before. When does each of them end? No step stands before one that it needs.


# %% question="system.ends"
def ends(steps):
    """Return {name: seconds from the beginning of the set-up to the end of this step}. Each step is a dictionary with
    name, expected_s and needs, a list of names that is empty where a step needs nothing."""
    ### BEGIN SOLUTION
    done = {}
    for step in steps:
        begins = max((done[name] for name in step["needs"]), default=0)
        done[step["name"]] = begins + step["expected_s"]
    return done
    ### END SOLUTION


check("system.ends", ends)

# %% [markdown]
# Now ask it what would happen if one step took no time at all, and ask that for each step.

# %%
total_s, rows = max(ends(steps).values()), []
for step in steps:
    without = [one | {"expected_s": 0} if one is step else one for one in steps]
    end_s = ends(steps)[step["name"]]
    begins_s, saves_s = end_s - step["expected_s"], total_s - max(ends(without).values())
    rows.append({"step": step["name"], "begins": begins_s / 60, "ends": end_s / 60, "would save": saves_s / 60})
timeline = pd.DataFrame(rows)
drawn, axes = plt.subplots(figsize=(8, 3.5))
color = timeline["would save"].gt(0).map({True: "C1", False: "C0"})
axes.barh(timeline["step"], timeline["ends"] - timeline["begins"], left=timeline["begins"], color=color)
axes.set_xlabel("minutes of the lease")
axes.invert_yaxis()

# %%
serial_s = sum(step["expected_s"] for step in steps)
table = pd.DataFrame({"minutes": [total_s / 60, (serial_s - total_s) / 60]}, index=["the whole", "saved side by side"])
table["you predicted"] = [guesses["whole"], guesses["saved"]]
display(timeline.round(1), table.round(1))

# %% [markdown]
# The orange steps, which would save something, are the **critical path**: a minute more of any of them is a minute less
# for your experiments. Boot, address and SSH follow each other, and nothing else can happen before. After `materials`,
# four steps begin at once, and the slowest decides. Look at what it would save: less than it takes, because then the
# next slowest decides. NVIDIA's image has gigabytes, but nothing waits for it: `containers` only begins to fetch it.
#
# ## Run it, twice
#
# Each step looks before it makes anything, waits for the real status, and writes down what it did. Should something
# fail, the message says what to do, and running the cell again goes on from there. Run it.

# %%
progress = provisioning_progress(run)
progress.run()

# %% [markdown]
# Now suppose that your kernel died. A new one knows nothing of `run`. Make the run again with `lab.prepare`, give it to
# `provisioning_progress`, and call that one's `run()`, as above. Then look at what the site holds under your name.

# %% question="system.once"
### BEGIN SOLUTION
again = lab.prepare("system", option, testbed=testbed)
provisioning_progress(again).run()
### END SOLUTION
seen = ledger().observe("system.machine", facts.of_machine(testbed, "system"))
print(seen["held"], seen["checks"], sep="\n")
check("system.once")

# %% [markdown]
# Twice run, once made. That is what makes a set-up safe to interrupt. And a look into the node, with python-chi: on
# Chameleon this lists the running containers, none while Triton's image is on its way. In rehearsal nothing runs that
# would need Docker, and it says so.

# %%
node = next(one for one in server.list_servers() if one.name == found["name"])
print(node.execute("sudo docker ps").stdout)

# %%
lease_countdown(run)

# %% [markdown]
# ## What you found
#
# The longest chain of steps that wait for each other decides. Making any other step faster saves nothing, and making
# the slowest one faster saves only what the next chain leaves.
#
# The lessons that follow run at home, and *Run on two GPUs* on the node, in its own Jupyter: the link stands above. In
# rehearsal go on with the next lesson.
#
# - Your neighbour has got an A100 instead, with one GPU. Which of this part's experiments will look different?
# - Two people set up at the same time and share the network, so that `environment` takes twice as long. What happens to
#   the whole? Ask your function.
# - In rehearsal, switch on `lease-ends` with `faults()` from `provisioning.widgets` before a run. What does the run
#   say?
