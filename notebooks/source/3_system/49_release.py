# ---
# jupyter:
#   lesson:
#     title: Release the system
#     summary: everything given back, and orphans told from what is in use
#     part: 3
#     number: "49"
#     minutes: 5
#     kind: core
#     where: [hub]
#     needs: ["31"]
#     ports: []
#     machine_minutes: 5
# ---

# %% [markdown]
# # Release the system
#
# Two GPUs, a Triton that waits for requests, and an address: all of it goes back. You have done it before, so this is
# short, and this time everything goes in one call.
#
# ## You will do
#
# Give everything back, prove it, and look over all sites for what you have forgotten.
#
# ## You will learn
#
# - to tell a resource in use from an orphan.
#
# ## You need
#
# Five minutes, and your results on this side.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from grading.checkpoints import answer, check, guesses, predict, predicted, reconcile, scoreboard
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import site_clock
from provisioning.setup.release import survey, table
from provisioning.sites.spec import resource_name

# %%
name = resource_name("system")
option = lab.find_option(lab.open_testbed, "system", name)
testbed, clock = lab.open_testbed(option.site), site_clock()
lease_seen = ledger().observe("system.lease_at_release", facts.of_lease(testbed, "system"))
lease_seen["node"], lease_seen["status"], lease_seen["end"]

# %% [markdown]
# ## Bring it home
#
# What you measured and made on the node lies on its disk, and the disk goes with the lease. `pull` brings home what is
# not here yet: ledger entries by their id, models and notebooks by their hash. Run it as often as you like.

# %%
print("home:", lab.pull("system", testbed))

# %% [markdown]
# ## Predict
#
# A sweep calls a resource an *orphan* when nothing of the course uses it any more. Your node runs and your lease is
# active. How many orphans will it find under your name now? And take care: a lease that has been active for 45
# minutes without a machine is one.

# %% checkpoint="s.release.orphans_guess"
predict("s.release.orphans_guess", ...)

# %% [markdown]
# ## Act

# %%
predicted("s.release.orphans_guess")
before = survey(testbed, clock.now(), owner=name.removeprefix("serve-system-"))
ledger().observe("system.survey", {"orphans": sum(one.orphan for one in before), "found": len(before)})
print(table(before))

# %%
reconcile("s.release.orphans_guess")

# %%
for line in lab.give_back("system", testbed):
    print(line)

# %% [markdown]
# ## Measure

# %%
released = ledger().observe("system.release", facts.of_holdings(testbed, "system", clock.now()))
released["held"]

# %% [markdown]
# ## Checkpoint
#
# How many hours of the block can others have now, from `released["at"]` to `lease_seen["end"]`?

# %% checkpoint="s.release.hours"
hours_given_back = ...
answer("s.release.hours", hours_given_back)

# %%
check("s.release.hours")

# %%
check("s.release.orphans_guess")

# %%
scoreboard("system")

# %% [markdown]
# What you had expected, and what it was:

# %%
guesses("system")

# %% [markdown]
# ### Hand it in
#
# The button collects the notebooks of this part, your ledger and the models that it names into one zip, and looks at it
# as the grader will: what is missing, and what is still open. Save the notebooks first. You may press it as often as
# you like; nothing leaves this machine before you upload the zip.

# %%
from grading.submission import hand_in

hand_in(3)

# %% [markdown]
# ## On your own
#
# - In a terminal: `msl lease sweep --mine`. That is all three parts at all sites, and a good last look.
