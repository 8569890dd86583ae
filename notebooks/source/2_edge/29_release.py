# ---
# jupyter:
#   lesson:
#     title: Release the device
#     summary: container, address and lease given back
#     part: 2
#     number: "29"
#     minutes: 5
#     kind: core
#     where: [hub]
#     needs: ["21"]
#     ports: []
#     machine_minutes: 5
# ---

# %% [markdown]
# # Release the device
#
# Seven boards, and a class. The board that you forget is one seventh of everybody's chances tonight.
#
# ## You will do
#
# Give back the container, its address and the lease, and prove it.
#
# ## You will learn
#
# - whether a container's deletion is more thorough than a server's.
#
# ## You need
#
# Five minutes, and your results on this side.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from chi import container, context

from grading.checkpoints import answer, check, guesses, predict, predicted, reconcile, scoreboard
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import site_clock
from provisioning.sites.spec import resource_name

# %% [markdown]
# (After the release this cell finds no lease any more. What you need then stands in your ledger:
# `ledger().read().seen("edge.lease_at_release")`, and `"edge.release"`.)

# %%
name = resource_name("edge")
option = lab.find_option(lab.open_testbed, "edge", name)
testbed, clock = lab.open_testbed(option.site), site_clock()
lease_seen = ledger().observe("edge.lease_at_release", facts.of_lease(testbed, "edge"))
lease_seen["node"], lease_seen["status"], lease_seen["end"]

# %% [markdown]
# ## Bring it home
#
# What you measured and made on the Pi lies on its disk, and the disk goes with the lease. `pull` brings home what is
# not here yet: ledger entries by their id, models and notebooks by their hash. Run it as often as you like.

# %%
print("home:", lab.pull("edge", testbed))

# %% [markdown]
# ## Predict
#
# You know what was left of the server in lesson 19. What will still count after `container.delete()`? Choose one, as
# text: `nothing`, `lease`, `floating IP`, `floating IP and lease`.

# %% checkpoint="e.release.left_guess"
predict("e.release.left_guess", ...)

# %% [markdown]
# ## Act

# %%
predicted("e.release.left_guess")
context.use_site(option.site)
board = container.get_container(name)
if board is not None:
    board.delete()

# %%
while any(machine.name == name for machine in testbed.machines()):
    clock.sleep(lab.poll_s())
left = ledger().observe("edge.after_delete", facts.of_holdings(testbed, "edge", clock.now()))
left["held"]

# %%
reconcile("e.release.left_guess")

# %% [markdown]
# The same habit, the same cure:

# %%
for line in lab.give_back("edge", testbed):
    print(line)

# %% [markdown]
# ## Measure

# %%
released = ledger().observe("edge.release", facts.of_holdings(testbed, "edge", clock.now()))
released["held"]

# %% [markdown]
# ## Checkpoint
#
# How many hours of the block can others have now, from `released["at"]` to `lease_seen["end"]`?

# %% checkpoint="e.release.hours"
hours_given_back = ...
answer("e.release.hours", hours_given_back)

# %%
check("e.release.hours")

# %%
check("e.release.left_guess")

# %%
scoreboard("edge")

# %% [markdown]
# What you had expected, and what it was:

# %%
guesses("edge")

# %% [markdown]
# ### Hand it in
#
# The button collects the notebooks of this part, your ledger and the models that it names into one zip, and looks at it
# as the grader will: what is missing, and what is still open. Save the notebooks first. You may press it as often as
# you like; nothing leaves this machine before you upload the zip.

# %%
from grading.submission import hand_in

hand_in(2)

# %% [markdown]
# ## On your own
#
# - `board.delete()` asks with force. What would a container in the status `Error` answer without it? (python-chi's
#   source is one click away: `container.Container.delete??`)
