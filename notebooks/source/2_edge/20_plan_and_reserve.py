# ---
# jupyter:
#   lesson:
#     title: Plan and reserve a device
#     summary: a Raspberry Pi 5 for two hours, by name
#     part: 2
#     number: "20"
#     minutes: 10
#     kind: core
#     where: [hub]
#     needs: ["08"]
#     ports: []
# ---

# %% [markdown]
# # Plan and reserve a device
#
# GourmetGram wants its model in the kitchen, on a small computer that costs less than a night out. CHI@Edge has seven
# Raspberry Pi 5 boards that you can have, one at a time, two hours each. Nobody gives you a server there. You reserve
# a *device*, and run a *container* on it.
#
# ## You will do
#
# Read the devices' calendar, and write the calls that reserve one by name for two hours.
#
# ## You will learn
#
# - what is different when the machine is a device and not a node;
# - an argument with a default that you must not leave at its default.
#
# ## You need
#
# Lesson 08, whose reasons are not told again here, and ten minutes.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from chi import context, hardware, lease

from grading.checkpoints import check, predict, predicted, reconcile
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import site_clock
from provisioning.widgets import planner

# %% [markdown]
# ## Predict
#
# There are seven boards. In the two-hour block that you will choose below, how many of them will be free? (The planner
# begins with the first block in which any is.)

# %% checkpoint="e.reserve.free_guess"
predict("e.reserve.free_guess", ...)

# %% [markdown]
# ## Act
#
# At the edge, hardware is listed as devices. Their *machine name* plays the part of the node type.

# %%
context.use_site("CHI@Edge")
devices = hardware.get_devices(device_type="raspberrypi5")
[device.device_name for device in devices]

# %%
predicted("e.reserve.free_guess")
plan = planner("edge")
plan

# %%
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then come back here.")
ledger().observe("edge.block", facts.of_block(block, site_clock().now()))

# %%
reconcile("e.reserve.free_guess")

# %% [markdown]
# A device needs no wiping between two people, only its container stopped. So blocks end five minutes before the hour
# here, not ten.
#
# Three calls of python-chi make the lease, and you know all of them from lesson 08, but for one name:
#
# | call | with |
# |---|---|
# | `lease.Lease(name, start_date=…, end_date=…)` | `plan.lease_name`, `block.start`, `block.end` |
# | `add_device_reservation(amount=…, device_name=…)` | `block.resource` |
# | `submit(idempotent=True, wait_for_active=False)` | nobody waits for a block that begins tomorrow |
#
# Write `amount=1` although one is what anybody would mean: left alone it is `None`. With a device's name, python-chi
# compares that `None` with 1 and raises a `TypeError`; without a name it hands it on to the site.

# %% checkpoint="e.reserve.lease"
context.use_site(block.option.site)
mine = ...

# %%
if mine is ...:
    raise LookupError("Nothing is reserved yet: write the calls above.")
if mine.status == "ERROR":
    raise RuntimeError(
        "The site could not fill this lease: run mine.delete(), and choose another board in the planner."
    )
mine.status

# %% [markdown]
# ## Measure

# %%
testbed = lab.open_testbed(block.option.site)
seen = ledger().observe("edge.lease", facts.of_lease(testbed, "edge"))
seen["node"], seen["status"], seen["start"], seen["end"]

# %% [markdown]
# ## Checkpoint
#
# What was just read from the site, and not what stands in the cell, is judged: one device by name, from a full hour to
# five to, and one lease of this name.

# %%
check("e.reserve.lease")

# %%
check("e.reserve.free_guess")

# %% [markdown]
# ## On your own
#
# - What becomes of `add_device_reservation(device_name=block.resource)` without the amount? Try it on a new `Lease`
#   object in rehearsal.
# - The last option in the planner is a Raspberry Pi 4. What does it say would change for your 8-bit model, and why?
#
# When your block begins: [21 Provision](21_provision.ipynb).
