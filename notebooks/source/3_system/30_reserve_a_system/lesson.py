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
# To answer many people at once, this part spreads a model over *two* GPUs. They are in a node of the type `gpu_p100` at
# CHI@TACC. Beside the driver it needs Docker, NVIDIA's toolkit, a large container with Triton, the course and Jupyter.
# By hand that is an evening of copying commands, and your lease lasts three hours. **What decides how long the set-up
# takes, and which step would you make faster first?** The reasons behind each call of a lease stand in *Reserve a
# machine*.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %% folded=true
from dataclasses import replace
from datetime import datetime

import matplotlib.pyplot as plt
import pandas as pd
from chi import context, hardware, lease

from labs.checkpoints import check
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal import drills
from provisioning.setup.plan import plan as plan_of
from provisioning.widgets import lease_countdown, planner, provisioning_progress

# %% [markdown]
# ## What still runs on it
#
# NVIDIA numbers its generations of GPUs by *compute capability*, and software is compiled for a range of them. The P100
# is from 2016. Software that is too new for it installs without a word, and fails at its first use, in the middle of
# your lease. So read before you reserve. These are the lowest numbers that each asks for, by NVIDIA's support matrices:

# %% folded=true
context.use_site("CHI@TACC")
print(hardware.get_nodes(node_type="gpu_p100")[0].gpu)
wants = {
    "Triton 24.10 (6.0)": 6.0,
    "Triton 25.03 (7.5)": 7.5,
    "TensorRT 10 (7.0)": 7.0,
    "torch for CUDA 12.6 (6.0)": 6.0,
}
gpus = {"P100 (6.0)": 6.0, "A100 (8.0)": 8.0, "H100 (9.0)": 9.0}
pd.DataFrame(
    {
        gpu: {name: "runs" if number >= least else "" for name, least in wants.items()}
        for gpu, number in gpus.items()
    }
)

# %% [markdown]
# The course pins what runs on the P100; `provisioning/node/p100` has the list.
#
# ## Reserve
#
# Choose a block, and press *Reserve*: the button makes the three calls that you wrote in *Reserve a machine*. (In code,
# the button is `plan.reserve()`.) A later machine of the list may run more software and has one GPU only; its line says
# what changes.

# %%
plan = planner("system")
plan

# %% question="system.lease"
### BEGIN SOLUTION
plan.reserve()
### STUB
# Press *Reserve* above, and then run this cell.
### END SOLUTION
option = lab.find_option(lab.open_testbed, "system", plan.lease_name)
testbed = lab.open_testbed(option.site)
reserved = ledger().observe("system.lease", facts.of_lease(testbed, "system"))
check("system.lease")

# %% [markdown]
# ## What the set-up waits for
#
# On Chameleon you come back when your block begins, and run all cells once more: the planner finds your lease. In a
# rehearsal the next cell moves the clock to that time. Then it lists the steps of the set-up.

# %%
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(reserved["start"]))
run = lab.prepare("system", option, testbed=testbed)
print(run.plan.text())

# %% [markdown]
# `takes` is what a step usually takes on Chameleon, in minutes. A step begins when all that it needs is done, and not
# before; steps that do not need each other run side by side. Which step would you make faster first? Guess before you
# go on: the picture shows when each runs, and in orange those that would save something if they took no time at all.

# %% folded=true
steps, total_s, rows = run.plan.steps, run.plan.total_s, []
for step in steps:
    without = plan_of(
        replace(other, expected_s=0.0) if other is step else other for other in steps
    )
    begins_s = run.plan.begins_s[step.name]
    rows.append(
        (step.name, begins_s / 60, step.expected_s / 60, (total_s - without.total_s) / 60)
    )
timeline = pd.DataFrame(rows, columns=["step", "begins", "takes", "would save"])
drawn, axes = plt.subplots(figsize=(8, 3.5))
color = timeline["would save"].gt(0).map({True: "C1", False: "C0"})
axes.barh(timeline["step"], timeline["takes"], left=timeline["begins"], color=color)
axes.set_xlabel("minutes of the lease")
axes.invert_yaxis()
after = [step.name for step in steps if "materials" in step.needs]
print(f"After materials begin at once: {', '.join(after)}.")
timeline.round(1)

# %% [markdown]
# The orange steps are the **critical path**: a minute more of any of them is a minute less for your experiments. Boot,
# address and SSH follow each other, and nothing else can happen before. Later several chains run side by side, and the
# slowest decides. Look at what its longest step would save: less than it takes, because then the next slowest chain
# decides. NVIDIA's image has gigabytes, but nothing waits for it: `containers` only begins to fetch it.
#
# ## Run it
#
# Each step looks before it makes anything, waits for the real status, and writes down what it did. So if something
# fails, or your kernel dies, the message says what to do, and running these two cells again goes on from there. On
# Chameleon this takes about as long as the picture says: *Serve over HTTP* can be read meanwhile.

# %%
provisioning_progress(run).run()

# %% [markdown]
# What the site holds under your name, and what the checks of the node say. Run the set-up twice, and there is still one
# of everything.

# %%
seen = ledger().observe("system.machine", facts.of_machine(testbed, "system"))
print(seen["held"], seen["checks"], sep="\n")

# %%
lease_countdown(run)

# %% [markdown]
# ## What you found
#
# The longest chain of steps that wait for each other decides. Making any other step faster saves nothing, and making
# the slowest one faster saves only what the next chain leaves.
#
# The lessons that follow run at home, and *Run on two GPUs* sends its scripts to the node from here; the node has a
# Jupyter of its own as well, at the link above. In a rehearsal go on with the next lesson.
#
# - The last line of the set-up opens a terminal on the node. What does `sudo docker ps` list there, and when?
# - Your neighbour has got an A100 instead, with one GPU. Which of this part's experiments will look different?
# - Two people set up at the same time and share the network, so that `environment` takes twice as long. What happens to
#   the whole? `plan_of(steps).total_s` computes it from any steps.
# - In a rehearsal, switch on `lease-ends` with `faults()` from `provisioning.widgets` before a run. What does the run
#   say?
