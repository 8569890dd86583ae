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
# Read the devices' calendar, and reserve one by name for two hours.
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

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.workspace import ledger
from provisioning import evidence, lab
from provisioning.rehearsal.drills import site_clock
from provisioning.widgets import planner

# %% [markdown]
# ## Predict
#
# There are seven boards. In the first two-hour block that is free at all, how many of them will be free?

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
ledger().observe("edge.block", evidence.of_block(block, site_clock().now()))

# %%
reconcile("e.reserve.free_guess")

# %% [markdown]
# A device needs no wiping between two people, only its container stopped. So blocks end five minutes before the hour
# here, not ten.
#
# The lease is made as in lesson 08, with `add_device_reservation`. Write `amount=1` although one is what anybody
# would mean: left alone it is `None`, and python-chi hands the `None` on to the site.

# %%
context.use_site(block.option.site)
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_device_reservation(amount=1, device_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)

# %%
if mine.status == "ERROR":
    raise RuntimeError(
        "The site could not fill this lease: run mine.delete(), and choose another board in the planner."
    )
mine.status

# %% [markdown]
# ## Measure

# %%
testbed = lab.open_testbed(block.option.site)
ledger().observe("edge.lease", evidence.of_lease(testbed, "edge"))

# %% [markdown]
# ## Checkpoint
#
# The status of your lease, and how many minutes it lasts:

# %% checkpoint="e.reserve.lease"
status, minutes = ..., ...
answer("e.reserve.lease", {"status": status, "minutes": minutes})

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
