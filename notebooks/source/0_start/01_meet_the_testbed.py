# ---
# jupyter:
#   lesson:
#     title: Meet the testbed
#     summary: account, keys, sites; a failure on order, and the way out of it
#     part: 0
#     number: "01"
#     minutes: 15
#     kind: core
#     where: [hub]
#     needs: ["00"]
#     ports: []
# ---

# %% [markdown]
# # Meet the testbed
#
# GourmetGram rents its machines by the hour from whoever has them. You do the same: the course's machines are
# Chameleon's, a testbed for research and teaching, and you get them for a few hours each. Before the first of those
# hours you should know who you are there, how the door is opened, and what it looks like when something breaks.
#
# All of it can be practised without a lease. The course brings a *rehearsal testbed*: a program on your own computer
# that answers python-chi as Chameleon would, down to its refusals. You break it today, on purpose.
#
# ## You will do
#
# Check up on your account and keys, talk to the testbed with python-chi, order a failure, and recover from it.
#
# ## You will learn
#
# - what project, token, key pair and site are;
# - what is real in a rehearsal and what is played;
# - why "it returned" does not mean "it worked", and how to write code that notices.
#
# ## You need
#
# Fifteen minutes. No lease, and no Chameleon account yet.

# %% [markdown]
# ## Two testbeds, one switch
#
# Every lesson that needs a machine begins with the next cell. It is the one place where rehearsal and the real thing
# part: in Chameleon's own Jupyter it does nothing, anywhere else it starts the rehearsal and turns python-chi towards
# it. It always says which of the two you have. It must run before `chi` is imported, because chi reads its addresses
# then.
#
# This lesson is always rehearsed, in Chameleon's Jupyter too, since one cannot order failures there.

# %%
from provisioning import rehearsal

print(rehearsal.use(always=True))

# %%
import os
from datetime import timedelta

from chi import context, hardware, lease

from grading.checkpoints import answer, check, guesses, predict, predicted, reconcile, scoreboard
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import arm, site_clock
from provisioning.sites.spec import resource_name
from provisioning.widgets import faults

# %% [markdown]
# ## Predict
#
# Later in this lesson you ask for a lease that cannot be filled: it goes to the status `ERROR`. What will
# python-chi's `submit()` do, which waits for the lease to become active? Choose one, as text: `raises an error`,
# `returns`, `waits for ever`.

# %% checkpoint="start.submit_guess"
predict("start.submit_guess", ...)

# %% [markdown]
# ## Act
#
# ### Who you are
#
# On Chameleon you sign in with your university's account. That makes you a *user*. Machines are not lent to users,
# but to *projects*: your class is one, with a name like `CHI-251234`, and your instructor adds you to it. So do this
# early; it needs a person on the other side.
#
# Programs do not type passwords. They hold a *token*, which the identity service hands out and which runs out after a
# while. And for the machine itself there is a *key pair*: its public half goes onto each server that you boot, the
# private half stays with you and opens it. In Chameleon's Jupyter all of this is there when you arrive.
#
# Here is what this kernel holds of it. The last line signs in and looks, and changes nothing.

# %%
print("project:", os.environ.get("OS_PROJECT_NAME"), "  key:", os.environ.get("OS_KEYPAIR_PRIVATE_KEY"))
print("leases and machines will be called", resource_name("model"))
print(len(lab.open_testbed("CHI@TACC").leases()), "leases of your project at CHI@TACC")

# %% [markdown]
# ### Where you are
#
# Chameleon is several *sites*, and each has services of its own: what you reserve at CHI@TACC is unknown at CHI@UC.

# %%
list(context.list_sites())

# %%
context.use_site("CHI@TACC")
sorted({node.type for node in hardware.get_nodes()})

# %% [markdown]
# ### What is played, and what is real
#
# In rehearsal the answers to python-chi are played: sites, nodes, leases and who has booked what. Other people's
# bookings follow a fixed pattern. What is real is the code (python-chi and the course's, both unchanged), the requests
# on the wire, the SSH connection to a node that "came up", and every command on it that this computer can run. What it
# cannot run, such as Docker or a GPU's tools, says `rehearsed, not run`. Waits are shortened. And nobody else's machine
# is taken.
#
# | | rehearsal | Chameleon |
# |---|---|---|
# | starts | with the first cell | with your account and project |
# | a server boots in | seconds | 10 to 30 minutes |
# | your node is | a folder on this computer | a machine with an A100 |
# | a forgotten lease costs | nothing | others, until it ends |
# | failures | on demand | at the worst moment |
#
# ### Order a failure
#
# `faults()` is a switchboard of what goes wrong on Chameleon now and then. Each strikes once and says what you will
# see.

# %%
faults()

# %% [markdown]
# Now arm one: the next lease will go to `ERROR`. On Chameleon this happens when the node that you were given has just
# been taken out of service. Then ask for a lease of an hour, as one would.

# %%
predicted("start.submit_guess")
arm("lease-error")
end = site_clock().now() + timedelta(hours=1)
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")

# %%
try:
    practice.submit()
    outcome = "returns"
except Exception as error:
    outcome = "raises an error"
    print(error)

# %% [markdown]
# ## Measure

# %%
seen = ledger().observe("start.practice", {"outcome": outcome, "status": practice.status})
seen

# %%
reconcile("start.submit_guess")

# %% [markdown]
# So that is the trap, and it is in `Lease.wait`, `Server.wait` and `Container.wait` alike: they watch until the
# status is the one you want *or* `ERROR`, and then they return. A notebook that goes on from here boots a server on a
# lease that holds nothing, and fails ten minutes later with a message about something else.
#
# You know better: look at the status, and name the way out. In the lessons to come, this is the `if` after each
# request.

# %%
if practice.status != "ACTIVE":
    practice.delete()
    print("The lease could not be filled. It is deleted; choose another node and ask again.")

# %% [markdown]
# ### Recover
#
# The fault has struck and is gone. Ask again, with the same name: the failed lease must be out of the way first, for
# names need not be unique, and two leases of one name are a riddle for everybody.

# %%
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")
practice.submit()

# %%
testbed = lab.open_testbed("CHI@TACC")
ledger().observe("start.recovered", facts.of_lease(testbed, "model", "practice"))

# %% [markdown]
# ## Checkpoint
#
# What did the status of the first lease say after `submit()` was over, and what does the second one's say? Read them
# from the two records.

# %% checkpoint="start.statuses"
first, second = ..., ...
answer("start.statuses", {"first": first, "second": second})

# %%
check("start.statuses")

# %%
check("start.submit_guess")

# %% [markdown]
# A practice lease is a lease. Give it back.

# %%
practice.delete()
ledger().observe("start.tidy", {"practice": [one.name for one in testbed.leases() if one.name == "practice"]})

# %%
scoreboard("start")

# %% [markdown]
# What you had expected, and what it was:

# %%
guesses("start")

# %% [markdown]
# ## On your own
#
# - Arm `no-hosts` and ask for a lease. This time python-chi does raise an error: compare its message with what it
#   logs.
# - Set the start of a lease to yesterday. Which service refuses, and how does python-chi tell you?
# - In a terminal, `python -m provisioning rehearsal status` shows what exists, and `… reset` forgets it all. Other
#   commands there, and notebooks that know nothing of this course, are switched to the rehearsal by `eval "$(python
#   -m provisioning rehearsal up)"`.
# - If you have a Chameleon account: sign in, find your project's name, and open its Jupyter. With `rehearsal.use()`
#   in the first cell, the check-up looks at the real thing there.
