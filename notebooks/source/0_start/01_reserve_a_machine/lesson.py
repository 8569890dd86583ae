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
# The manager's targets speak of a server with an AMD EPYC 7763 and an A100. GourmetGram owns no such thing, and neither
# do you: *Chameleon*, a testbed for research and teaching, lends them by the hour. There are few of these machines, and
# many who want one, most of all in the week before a deadline. **How do you get one for three hours, and how do you
# notice when you have not got it?**
#
# All of it can be rehearsed without an account. A program on your own computer answers python-chi, Chameleon's library,
# as the real services would. Waits are shortened, and nobody else's machine is taken. This cell turns python-chi
# towards it, and must run before `chi` is imported.

# %%
from provisioning import rehearsal

print(rehearsal.use(always=True))

# %% [markdown]
# `always=True` rehearses even in Chameleon's own Jupyter. When you are there to reserve the real machine, take it out,
# restart the kernel, run the cells up to *Who you are*, and go on at *A slot of your own*.

# %%
import os
from datetime import timedelta

import matplotlib.pyplot as plt
import pandas as pd
from chi import context, hardware, lease
from matplotlib import dates

from labs.checkpoints import check, predict, predicted
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import faults, planner

# %% [markdown]
# ## Who you are
#
# On Chameleon you sign in with your university's account. Machines are not lent to users but to *projects*, and your
# instructor adds you to one: ask early, for that needs a person. Programs type no passwords. They hold a *token*, which
# runs out after a while. And a *key pair* opens the machine itself: its public half goes there, the private half stays
# with you.
#
# Chameleon is several *sites*, and what you reserve at one of them is unknown at the others. A *node* is one server
# with a name; nodes of the same build share a *node type*. When is each node of this type free for three hours?
# python-chi answers in UTC; no end (`NaN`) says that nobody has booked the node after that.

# %%
print("project:", os.environ.get("OS_PROJECT_NAME"), "  key:", os.environ.get("OS_KEYPAIR_PRIVATE_KEY"))
context.use_site("CHI@TACC")
nodes = hardware.get_nodes(node_type="compute_liqid")
free = {node.name: node.next_free_timeslot(minimum_hours=3) for node in nodes}
table = pd.DataFrame(free, index=["free from", "free until"]).T
table.apply(lambda column: pd.to_datetime(column, utc=True).dt.strftime("%a %d %b %H:%M"))

# %% [markdown]
# ## Predict
#
# A *lease* is your contract with a site: from when until when. In it are *reservations*: of what. You hand it in with
# `submit()`, which waits until the lease is `ACTIVE`. Now you ask for the same lease twice. The first one cannot be
# filled, and its status becomes `ERROR`. The second one is fine. How many of the two calls of `submit()` raise an
# error?

# %%
predict("reserve.submit", raised=...)

# %% [markdown]
# ## A failure on order
#
# This switchboard has what goes wrong on Chameleon now and then. Each fault strikes once. The next cell switches
# `lease-error` on, which happens there when the node that you were given has just been taken out of service.

# %%
switchboard = faults()
switchboard

# %%
guesses, raised = predicted("reserve.submit"), 0
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
# Now ask again, with the same name. The failed lease has to go first (`delete()`), because names need not be unique and
# two leases of one name are a riddle for everybody. Then make the lease as above, with the same reservation in it, and
# submit it. The fault has struck and is gone.

# %% question="reserve.recover"
### BEGIN SOLUTION
practice.delete()
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")
practice.submit()
### END SOLUTION
there = [one.status for one in lease.list_leases() if one.name == "practice"]
ledger().observe("reserve.recovered", {"statuses": there})
check("reserve.recover")

# %%
pd.DataFrame({"of 2 calls": [raised], "you predicted": [guesses["raised"]]}, index=["raised an error"])

# %% [markdown]
# **It returned both times; only the status told the two apart.** `Lease.wait`, `Server.wait` and `Container.wait` do
# the same: they watch until the status is the one you want *or* `ERROR`, and then they return. A notebook that goes on
# from there boots a server on a lease that holds nothing, and fails ten minutes later with a message about something
# else. So after each request, look at the status, and name the way out.
#
# A practice lease is a lease: give it back.

# %%
practice.delete()
[one.name for one in lease.list_leases()]

# %% [markdown]
# ## A slot of your own
#
# `planner` asks for the calendars of all nodes that fit the part about the model, and shows a week in *your* time zone.
# Click on a free block that suits you, or keep the one that is chosen. Is everything taken when you can work? Each
# other machine of the list says what it changes for the lessons. Leave its *Reserve* button alone: you write that
# yourself.

# %%
plan = planner("model")
plan

# %%
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then come back here.")
print(block.resource, block.start, block.end, sep="\n")

# %% [markdown]
# The block ends ten minutes before the hour, and here is why. After your lease the node is wiped and made ready for the
# next person, which takes minutes. Were it yours until the hour, their server would find a node that is not there yet.

# %%
ready, hours = block.end + timedelta(minutes=10), timedelta(hours=3)
spans = pd.DataFrame({"what": ["your lease", "made ready", "the next lease"]})
spans["from"], spans["until"] = [block.start, block.end, ready], [block.end, ready, ready + hours]
drawn, axes = plt.subplots(figsize=(8, 1.5))
axes.barh(spans["what"], spans["until"] - spans["from"], left=spans["from"], color=["C0", "C1", "C2"])
axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=block.start.tzinfo))  # your own time
axes.invert_yaxis()

# %% [markdown]
# When does a lease end? `Lease` takes `end_date`, or a `duration`. Three hours sounds like a duration. Here is a draft
# of that, which nobody is sent: the same block one day later. Look at its two dates.

# %%
draft = lease.Lease("draft", start_date=block.start + timedelta(days=1), duration=timedelta(hours=3))
print("from", draft.start_date, "until", draft.end_date)

# %% [markdown]
# python-chi counts a duration from *now*, whatever the start is. For a lease that begins now the two agree, which is
# why this mistake survives until somebody plans ahead. So always say when a lease ends.
#
# Now reserve your block. Each argument is there because somebody was bitten:
#
# | call | with | because |
# |---|---|---|
# | `lease.Lease(name, …)` | `plan.lease_name` | the class shares a project: this name is yours alone |
# | | `start_date=block.start`, `end_date=block.end` | they carry UTC, and python-chi drops the zone of any other |
# | `.add_node_reservation(…)` | `amount=1`, `node_name=block.resource` | the planner saw that *this* node is free |
# | or `.add_flavor_reservation(…)` | `amount=1`, `name=block.option.type` | a virtual machine is lent by count |
# | `.submit(…)` | `idempotent=True` | run twice, it finds the lease of this name and makes no second one |
# | | `wait_for_active=False` | a lease that begins tomorrow is not active today, and no fault |

# %% question="reserve.lease"
context.use_site(block.option.site)
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
if block.option.resource == "flavor":
    mine.add_flavor_reservation(amount=1, name=block.option.type)
else:
    mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
testbed = lab.open_testbed(block.option.site)
ledger().observe("model.lease", facts.of_lease(testbed, "model"))
check("reserve.lease")

# %% [markdown]
# The check does not look at the object in your hands. It looks at what the site says, and so should you.

# %%
seen = facts.of_lease(testbed, "model")
pd.Series({name: seen[name] for name in ("site", "node", "status", "start", "end")}, name=seen["name"]).to_frame()

# %% [markdown]
# ## What you found
#
# You get a machine by asking for one node by name, from a full hour to ten minutes before another one. You notice that
# you have not got it by looking at the status. A rehearsal and the real thing differ in this:
#
# | | rehearsal | Chameleon |
# |---|---|---|
# | a server boots in | seconds | 10 to 30 minutes |
# | your node is | a folder on this computer | a machine with an A100 |
# | a forgotten lease costs | nothing | others, until it ends |
# | failures come | when you order them | at the worst moment |
#
# *Run on the server* begins when your block does. The lessons until then run at home.
#
# - Run the cell that reserves once more. How many leases do you have? (`lease.list_leases()`)
# - Order `no-hosts`, and ask for a practice lease. This time python-chi does raise an error: what does it say?
# - The planner offers a calendar file with your block and a reminder. Put it into your own calendar now.
# - Plans change. `mine.delete()` gives the block back to the others; then reserve another one.
