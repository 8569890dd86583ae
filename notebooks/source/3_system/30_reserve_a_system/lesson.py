# ---
# jupyter:
#   lesson:
#     id: system
#     title: Reserve and provision a system
#     summary: two GPUs, the software that supports them, and the steps that determine how long a set-up takes
#     part: 3
#     kind: core
#     where: [hub]
#     needs: [reserve]
#     ports: []
# ---

# %% [markdown]
# # Reserve and provision a system
#
# **Prerequisites:** *Reserve a machine*, which explains each call of a lease. **Runs
# on:** your laptop in a rehearsal, or Chameleon's Jupyter.
#
# Parts 1 and 2 measured one photo at a time. A user waits longer than that: each photo
# also travels, and queues behind the photos of others. This part measures these delays.
# To answer many people at once, it spreads a model over *two* GPUs, which are in a node
# of the type `gpu_p100` at CHI@TACC. The node needs a driver, Docker, NVIDIA's toolkit, a
# large container with Triton, the course and Jupyter. By hand, that is an evening of
# copying commands, and your lease lasts three hours. **What decides how long the set-up
# takes, and which step would you make faster first?**
#
# This part is based on F. Fund's lab [*System optimizations for
# serving*](https://teaching-on-testbeds.github.io/serve-system-chi/) (MIT licence, © 2025
# teaching-on-testbeds). GourmetGram and its manager come from her course.

# %%
from provisioning.lab import rehearsal

print(rehearsal.use())

# %% folded=true
# Import the lesson's modules.
import os
from dataclasses import replace
from datetime import datetime

import matplotlib.pyplot as plt
import pandas as pd
from chi import context, hardware, lease, server

from labs.checkpoints import check
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.setup.plan import plan as plan_of
from provisioning.widgets import lease_countdown, planner, provisioning_progress

# %% [markdown]
# ## What still runs on it
#
# NVIDIA numbers its generations of GPUs. This number is the **compute capability**: it
# tells which instructions a GPU has, and software is compiled for a range of them. The
# P100 is from 2016. Software that is too new for it installs without an error and fails
# when it is first used, in the middle of your lease. So read the requirements before you
# reserve. The next table shows the lowest compute capability that each program supports,
# from NVIDIA's [release
# notes](https://docs.nvidia.com/deeplearning/triton-inference-server/release-notes/rel-24-10.html)
# and support matrices:

# %% folded=true
# Compare the compute capability of three GPUs with the lowest that each program supports.
context.use_project(os.environ.get("OS_PROJECT_NAME"))
context.use_site("CHI@TACC")
print(hardware.get_nodes(node_type="gpu_p100")[0].gpu)
wants = {
    "Triton 24.10 (6.0)": 6.0,
    "Triton 25.03 (7.5)": 7.5,
    "TensorRT 10 (7.0)": 7.0,
    "torch for CUDA 12.6 (6.0)": 6.0,
}
gpus = {"P100 (6.0)": 6.0, "A100 (8.0)": 8.0, "H100 (9.0)": 9.0}
table = pd.DataFrame(index=list(wants))
for gpu, capability in gpus.items():
    table[gpu] = ["runs" if capability >= least else "" for least in wants.values()]
table

# %% [markdown]
# The course pins versions that run on the P100; `provisioning/node/p100` lists them.
#
# ## Reserve
#
# Choose a block in the planner, without its *Reserve* button. A later machine in the list
# may run newer software but has only one GPU; its line shows the differences.

# %%
plan = planner("system")
plan

# %%
block = plan.chosen
if block is None:
    raise LookupError(
        "No block is selected, because all are booked. Choose another week or another "
        "machine in the planner, then run this cell again."
    )
print(block.resource, block.start, block.end, sep="\n")

# %% [markdown]
# Reserve this node with the same three calls as in *Reserve a machine*. Call your lease
# `mine`.

# %% question="system.lease"
context.use_site(block.option.site)
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
option = lab.find_option(lab.open_testbed, "system", plan.lease_name)
testbed = lab.open_testbed(option.site)
reserved = ledger().observe("system.lease", facts.of_lease(testbed, "system"))
check("system.lease")

# %% [markdown]
# ## Start the node
#
# On Chameleon, come back when your block begins, and run all cells again: `submit` finds
# your lease by its name. In a rehearsal, the next cell moves the clock to that time. Then
# it starts a server, a disk image that boots on the node you reserved. Booting takes
# ten minutes or more. `wait_for_active=False` returns at once, and the set-up waits.

# %%
if lab.rehearsing():
    rehearsal.advance_to(datetime.fromisoformat(reserved["start"]))
mine = lease.get_lease(reserved["name"])
mine.wait(show=None)
print("lease:", mine.status)
# A virtual machine has no reserved node: the set-up starts it with its disk.
if mine.status == "ACTIVE" and mine.node_reservations:
    reservation = mine.node_reservations[0]["id"]
    node = server.Server(mine.name, reservation_id=reservation, image_name=option.image)
    node.submit(idempotent=True, wait_for_active=False, show=None)
    print("server:", server.get_server(mine.name).status)

# %% [markdown]
# ## Which steps wait for which?
#
# The server is one step of the set-up; the next cell lists all of them.

# %%
run = lab.prepare("system", option, testbed=testbed)
print(run.plan.text())

# %% [markdown]
# The column `takes` shows the usual minutes of a step on Chameleon. A step begins when
# all the steps that it needs are done. Steps that do not need each other run side by
# side. Which step would you make faster first? Guess before you go on.
#
# The next chart shows when each step runs. Orange: steps whose removal would shorten the
# set-up.

# %% folded=true
# Draw when each step runs, and compute the saving if it took no time.
steps = run.plan.steps
rows = []
for place, step in enumerate(steps):
    at_once = replace(step, expected_s=0.0)
    faster = plan_of([*steps[:place], at_once, *steps[place + 1 :]])
    row = {
        "step": step.name,
        "begins": run.plan.begins_s[step.name] / 60,
        "takes": step.expected_s / 60,
        "would save": (run.plan.total_s - faster.total_s) / 60,
    }
    rows.append(row)
timeline = pd.DataFrame(rows)
figure, axes = plt.subplots(figsize=(8, 3.5))
axes.set_title(f"The critical path takes {run.plan.total_s / 60:.0f} minutes")
color = timeline["would save"].gt(0).map({True: "C1", False: "C0"})
axes.barh(timeline["step"], timeline["takes"], left=timeline["begins"], color=color)
axes.set_xlabel("minutes of the lease")
axes.invert_yaxis()
after = [step.name for step in steps if "materials" in step.needs]
print(f"After materials begin at once: {', '.join(after)}.")
timeline.round(1)

# %% [markdown]
# The orange steps are the **critical path**, the chain of steps that determines the
# total time: each minute more on this path is a minute less for your experiments. Boot,
# address and SSH follow each other, and nothing else can happen before them. Later,
# several chains run side by side, and the slowest chain decides. Look at the saving
# from the longest step after SSH: it is smaller than the step's time, because the
# next-slowest chain then decides. NVIDIA's image has gigabytes, but no step waits for
# it: `containers` only starts the download.
#
# ## Run it
#
# Each step first checks which work is already done, then waits for the real status, and
# logs its actions. If a step fails or your kernel dies, the message tells you how to
# continue. Run these two cells again, and the set-up continues from there. On Chameleon
# the run takes about as long as the chart shows. Read *Serve over HTTP* in that time.

# %%
provisioning_progress(run).run()

# %% [markdown]
# The next cell lists the resources that the site holds under your name, and the results
# of the checks on the node. You can run the set-up twice: there is still one of
# everything.

# %%
seen = ledger().observe("system.machine", facts.of_machine(testbed, "system"))
print(seen["held"], seen["checks"], sep="\n")

# %%
lease_countdown(run)

# %% [markdown]
# ## A container by hand
#
# The set-up built and started its containers for you. Do it once yourself, on a lease: in a
# rehearsal there is no Docker. Nobody has run this section on a node yet. Open two
# terminals on the node with the last line of the set-up, and run `watch nvidia-smi` in the
# first one. In the second, build an image, run it, and inspect it:
#
# ```sh
# mkdir -p ~/by-hand && cd ~/by-hand
# cat > Dockerfile <<'END'
# FROM ubuntu:24.04
# RUN useradd --create-home student
# USER student
# CMD ["sh", "-c", "nvidia-smi --list-gpus; id -un; sleep 300"]
# END
# sudo docker build --tag by-hand .
# sudo docker run --detach --name by-hand --gpus '"device=1"' --memory 1g by-hand
# sudo docker logs by-hand
# sudo docker inspect by-hand --format '{{.Config.User}} {{.HostConfig.Memory}}'
# sudo docker history by-hand
# sudo docker rm --force by-hand
# ```
#
# The log names *one* GPU, although the node has two, and a user who is not root. The image
# contains no `nvidia-smi`: NVIDIA's toolkit mounts the driver's own one when `--gpus` asks
# for it. `inspect` shows the limits that Docker enforces, and `history` the layer that each
# line of the file made. Does `nvidia-smi` in the first terminal show the container? Only if
# a process in it uses the GPU. Ours does not; Triton's does, once you load a model.

# %% [markdown]
# ## What you found
#
# - The longest chain of steps that wait for each other determines the time of the set-up.
# - Making any other step faster saves nothing. Making the slowest step faster helps only
#   until the next-longest chain becomes the slowest.
#
# The next lessons run on your laptop, and *Run on two GPUs* sends its scripts to the node
# from here. The node also has its own Jupyter, at the link above. In a rehearsal, go on
# with the next lesson.
#
# **Try it yourself**
#
# - The last line of the set-up opens a terminal on the node. Which containers does `sudo
#   docker ps` list there, and when?
# - Another student got an A100 with only one GPU. Which of this part's experiments will
#   give different results?
# - Two students set up at the same time and share the network, so `environment` takes
#   twice as long. How long does the set-up take then? `plan_of(steps).total_s` computes
#   it from any steps.
# - In a rehearsal, switch on `lease-ends` with `faults()` from `provisioning.widgets`
#   before a run. Which message does the run end with?

# %% [markdown]
# ## Read more
#
# - [Bare metal
#   instances](https://chameleoncloud.readthedocs.io/en/latest/technical/baremetal.html)
#   (Chameleon documentation): what happens while your machine boots.
# - [Triton Inference Server Release
#   24.10](https://docs.nvidia.com/deeplearning/triton-inference-server/release-notes/rel-24-10.html)
#   (NVIDIA, 2024): the release that the course pins, with its lowest driver and compute
#   capability.
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the lab on which this part is based, with the set-up by hand.
# - [Lessons Learned from the Chameleon
#   Testbed](https://www.usenix.org/conference/atc20/presentation/keahey) (K. Keahey et
#   al., 2020): why a testbed for research lends whole machines.
