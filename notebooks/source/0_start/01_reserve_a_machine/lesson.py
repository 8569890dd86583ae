# ---
# jupyter:
#   lesson:
#     id: reserve
#     title: Reserve a machine
#     summary: a lease by name, a failure on order and the way out of it, and a slot of your own
#     part: 0
#     kind: core
#     where: [hub]
#     needs: [start]
#     ports: []
# ---

# %% [markdown]
# # Reserve a machine
#
# GourmetGram's manager wants to know how fast the model answers on a server, with its processor alone and with a GPU.
# GourmetGram owns no such server, and neither do you. *Chameleon*, a testbed for research and teaching, lends them by
# the hour. There are few of these machines and many people who want one, most of all in the week before a deadline.
# **How do you get one for three hours, and how do you notice if you did not get it?**
#
# All of it can be rehearsed without an account. A program on your own computer answers python-chi, Chameleon's library,
# in place of the real services. Waits are shortened, and no real machine is reserved. This cell points python-chi at
# that program, and must run before `chi` is imported.

# %%
from provisioning import rehearsal

print(rehearsal.use(always=True))

# %% [markdown]
# `always=True` rehearses even in Chameleon's own Jupyter. When you are there to reserve the real machine, take it out,
# restart the kernel, run the cells up to *Who you are*, and go on at *A slot of your own*.

# %%
import os
from datetime import timedelta

import pandas as pd
from chi import context, hardware, lease

from labs.checkpoints import check, predict, predicted
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import faults, planner


def delete_all(name):
    """Delete every lease of a name."""
    for each in lease.list_leases():
        if each.name == name:
            each.delete()


# %% [markdown]
# ## Who you are
#
# Machines are lent to *projects*, and your instructor adds you to one: ask early, because a person has to do that.
# Programs hold a *token* in place of your password, and it expires after a while. A *key pair* opens the machine
# itself: its public half is copied there, the private half stays with you.
#
# Chameleon is several *sites*, each with its own machines. A *node* is one server with a name; nodes of the same build
# share a *node type*. The table says when each node of one type is free for three hours. python-chi answers in UTC; an
# empty end (`NaN`) says that the node has no later booking.

# %% folded=true
print(
    "project:",
    os.environ.get("OS_PROJECT_NAME"),
    "  key:",
    os.environ.get("OS_KEYPAIR_PRIVATE_KEY"),
)
context.use_site("CHI@TACC")
nodes = hardware.get_nodes(node_type="compute_liqid")
free = {node.name: node.next_free_timeslot(minimum_hours=3) for node in nodes}
table = pd.DataFrame(free, index=["free from", "free until"]).T
table.apply(lambda column: pd.to_datetime(column, utc=True).dt.strftime("%a %d %b %H:%M"))

# %% [markdown]
# ## Predict
#
# A *lease* is your contract with a site: from when until when. It holds *reservations*: of what. You hand it in with
# `submit()`, which waits until the lease is `ACTIVE`. Now you ask for the same lease twice. The first one cannot be
# filled, and its status becomes `ERROR`. The second one is fine. How many of the two calls of `submit()` raise an
# error?

# %%
predict("reserve.submit", raised=...)

# %% [markdown]
# ## A failure on order
#
# A rehearsal can play the faults that happen on Chameleon now and then. Here is one of them. The cell after it switches
# `lease-error` on, and it strikes once: the node that you were given has just been taken out of service.

# %%
switchboard = faults("lease-error")
switchboard

# %%
guesses, raised = predicted("reserve.submit"), 0
delete_all("practice")  # of an earlier run of this cell
switchboard.on("lease-error")
end = site_clock().now() + timedelta(hours=1)
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")
try:
    practice.submit()
except Exception as error:
    raised += 1
    print(error)
ledger().observe("reserve.practice", {"raised": raised, "status": practice.status})

# %% [markdown]
# ## The way out
#
# Now ask again, with the same name. Delete the failed lease first (`delete()`): names need not be unique, and with two
# leases of one name you cannot tell which one a program finds. Then make the lease as above, with the same reservation
# in it, and submit it. The fault has struck and is gone. (If your cell stops on its way, run the cell above again
# before you repeat it.)

# %% question="reserve.recover"
### BEGIN SOLUTION
practice.delete()
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")
practice.submit()
### END SOLUTION
practices = [each for each in lease.list_leases() if each.name == "practice"]
practice = practices[-1] if practices else None  # the lease that the check speaks of
ledger().observe("reserve.recovered", {"statuses": [each.status for each in practices]})
check("reserve.recover")

# %%
pd.DataFrame(
    {"of 2 calls": [raised], "you predicted": [guesses["raised"]]},
    index=["raised an error"],
)

# %% [markdown]
# **`submit()` returned both times; only the status shows which lease failed.** `Lease.wait`, `Server.wait` and
# `Container.wait` behave in the same way: they return as soon as the status is the one you want *or* `ERROR`. A
# notebook that does not look goes on with a lease that holds no machine, and fails ten minutes later with a message
# about something else. So after each request, look at the status, and say what to do next.
#
# A practice lease is a lease: give it back.

# %%
delete_all("practice")
[each.name for each in lease.list_leases()]

# %% [markdown]
# ## A slot of your own
#
# `planner` asks for the calendars of all nodes that fit the part about the model, and shows a week in *your* time zone.
# Click on a free block that suits you, or keep the one that is chosen; if all are taken then, look at the other
# machines of the list. Do not use its *Reserve* button this time: you write that yourself, once.

# %%
plan = planner("model")
plan

# %%
block = plan.chosen
if block is None:
    raise LookupError(
        "Nothing is chosen: turn the planner to another week or another machine, then come back here."
    )
print(block.resource, block.start, block.end, sep="\n")

# %% [markdown]
# The block ends ten minutes before the hour. After your lease the node is wiped and prepared for the next user, which
# takes minutes. If it were yours until the full hour, that user's server would find no node yet.
#
# When does a lease end? `Lease` takes `end_date`, or a `duration`. Three hours sounds like a duration. Here is a draft
# of that, which is not submitted: the same block one day later. Look at its two dates.

# %%
draft = lease.Lease(
    "draft", start_date=block.start + timedelta(days=1), duration=timedelta(hours=3)
)
print("from", draft.start_date, "until", draft.end_date)

# %% [markdown]
# python-chi counts a duration from *now*, whatever the start is. For a lease that begins now both ways give the same
# end, so this mistake shows only when you plan ahead. Always say when a lease ends.
#
# Now reserve your block. Each argument prevents a mistake that was made before:
#
# | call | with | because |
# |---|---|---|
# | `lease.Lease(name, …)` | `plan.lease_name` | the class shares a project: this name is yours alone |
# | | `start_date=block.start`, `end_date=block.end` | they are in UTC, and python-chi drops any other zone |
# | `.add_node_reservation(…)` | `amount=1`, `node_name=block.resource` | the planner saw that *this* node is free |
# | or `.add_flavor_reservation(…)` | `amount=1`, `name=block.option.type` | a virtual machine is lent by count |
# | `.submit(…)` | `idempotent=True` | run twice, it finds the lease of this name and makes no second one |
# | | `wait_for_active=False` | a lease that begins tomorrow is not active today, and that is no fault |

# %% question="reserve.lease"
context.use_site(block.option.site)
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
testbed = lab.open_testbed(block.option.site)
ledger().observe("model.lease", facts.of_lease(testbed, "model"))
check("reserve.lease")

# %% [markdown]
# The check does not look at the object in your notebook. It looks at what the site says, and so should you. If your
# lease is wrong, delete it before you try again: `idempotent=True` would find it and keep it.
#
# ## What you found
#
# You get a machine by asking for one node by name, from a full hour to ten minutes before another one. You notice that
# you did not get it by looking at the status. In a rehearsal your node is a folder on this computer, and boots in
# seconds. On Chameleon it is a machine with an A100, boots in 10 to 30 minutes, and while you hold a lease that you do
# not use, other students cannot have it.
#
# *Run on the server* begins when your block does. The lessons until then run at home.
#
# - Run the cell that reserves once more. How many leases do you have? (`lease.list_leases()`)
# - Order `no-hosts`, and ask for a practice lease. This time python-chi does raise an error: what does it say?
# - The planner offers a calendar file with your block and a reminder. Put it into your own calendar now.
# - Plans change. `mine.delete()` gives the block back to the others; then reserve another one.
