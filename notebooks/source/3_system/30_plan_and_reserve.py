# ---
# jupyter:
#   lesson:
#     title: Plan and reserve for a system
#     summary: two GPUs, and what still runs on them
#     part: 3
#     number: "30"
#     minutes: 10
#     kind: core
#     where: [hub]
#     needs: ["08"]
#     ports: []
# ---

# %% [markdown]
# # Plan and reserve for a system
#
# A system that answers many people at once has more than one engine. So this part wants a node with *two* GPUs:
# `gpu_p100` at CHI@TACC, two P100 cards and two Xeon processors. The cards are from 2016, and that is a lesson of its
# own: much of today's software no longer runs on them, and you have to know what does before your three hours begin.
#
# ## You will do
#
# Reserve one of these nodes for three hours.
#
# ## You will learn
#
# - what a compute capability is, and why it is read before a lease is made;
# - what the fall-back costs when the wanted machine is taken.
#
# ## You need
#
# Lesson 08, whose reasons are not told again here, and ten minutes.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from chi import context, hardware, lease

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import site_clock
from provisioning.widgets import planner

# %% [markdown]
# ## Predict
#
# You want a node with two GPUs for three hours. How many hours from now will the block begin that you choose?

# %% checkpoint="s.reserve.wait_guess"
predict("s.reserve.wait_guess", ...)

# %% [markdown]
# ## Act
#
# Look at what one of them is made of:

# %%
context.use_site("CHI@TACC")
nodes = hardware.get_nodes(node_type="gpu_p100")
nodes[0].name, nodes[0].gpu

# %% [markdown]
# NVIDIA numbers its GPU generations by *compute capability*: 6.0 for the P100, 8.0 for the A100. Software is compiled
# for a range of them. Triton up to 24.10 serves from 6.0 on, from 25.03 on it wants 7.5. TensorRT 10 wants 7.0. Of
# torch's builds only those for CUDA 12.6 still carry 6.0. Each of these would have installed without a word, and
# failed at its first use. The course pins what fits; `provisioning/node/p100` has the list.
#
# A later option may run more software and has one GPU only. Its line says what that changes.

# %%
predicted("s.reserve.wait_guess")
plan = planner("system")
plan

# %%
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then come back here.")
ledger().observe("system.block", facts.of_block(block, site_clock().now()))

# %%
reconcile("s.reserve.wait_guess")

# %%
context.use_site(block.option.site)
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)

# %%
if mine.status == "ERROR":
    raise RuntimeError("The site could not fill this lease: run mine.delete(), and choose another node in the planner.")
mine.status

# %% [markdown]
# ## Measure

# %%
testbed = lab.open_testbed(block.option.site)
ledger().observe("system.lease", facts.of_lease(testbed, "system"))

# %% [markdown]
# ## Checkpoint
#
# Which of these can run on the P100: Triton 24.10, Triton 25.03, TensorRT 10, a torch build for CUDA 12.6? And then
# the lease, as in lesson 08.

# %% checkpoint="s.reserve.p100"
# A list, out of: "triton 24.10", "triton 25.03", "tensorrt 10", "torch cu126".
runs_on_p100 = ...
answer("s.reserve.p100", runs_on_p100)

# %%
check("s.reserve.p100")

# %% checkpoint="s.reserve.lease"
status, minutes = ..., ...  # of the lease that the testbed has; from the block's start to its end
answer("s.reserve.lease", {"status": status, "minutes": minutes})

# %%
check("s.reserve.lease")

# %%
check("s.reserve.wait_guess")

# %% [markdown]
# ## On your own
#
# - Your neighbour has got an A100 instead. Which of the part's experiments will look different there, and which will
#   not?
#
# When your block begins: [31 Provision](31_provision.ipynb).
