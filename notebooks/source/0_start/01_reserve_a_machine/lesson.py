# ---
# jupyter:
#   lesson:
#     id: reserve
#     title: Reserve a machine
#     summary: a lease by name, a failure and how to recover from it, and a block of your own
#     part: 0
#     kind: core
#     where: [hub]
#     needs: [start]
#     ports: []
# ---

# %% [markdown]
# # Reserve a machine
#
# **Prerequisites:** *Batch or online, cloud or edge*. **Runs on:** a laptop in a
# rehearsal, or Chameleon's Jupyter.
#
# GourmetGram's manager wants to know how fast the model answers on a server, with its
# processor alone and with a GPU. GourmetGram owns no such server, and neither do you.
# **Chameleon** is a testbed for research and teaching that lends servers by the hour. It
# has few of these machines, and many people want one, most of all in the week before a
# deadline. **How do you get one for three hours, and how do you notice if you did not get
# it?**
#
# You can rehearse everything without an account. In a **rehearsal**, a program on your
# own computer answers python-chi, Chameleon's library, in place of the real services.
# Waits are shortened, and no real machine is reserved. The next cell points python-chi at
# that program. Run it before you import `chi`.

# %%
from provisioning.lab import rehearsal

print(rehearsal.use(always=True))

# %% [markdown]
# `always=True` rehearses even in Chameleon's own Jupyter. When you are there to reserve
# the real machine, remove `always=True`, restart the kernel, run the cells up to *Who you
# are*, and continue at *Reserve your own block*. If you forget this, a cell there stops,
# so that no rehearsed lease looks like a real one.

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
    """Delete every lease with this name."""
    for each in lease.list_leases():
        if each.name == name:
            each.delete()


# %% [markdown]
# ## Who you are
#
# Chameleon lends machines to a **project**, a group of people with an account each. Your
# instructor adds you to one. Ask early, because a person has to do that. Programs use a
# **token**, a temporary replacement for your password that expires after a while. A **key
# pair** opens the machine itself: its public half is copied to the machine, and its
# private half stays with you.
#
# Chameleon has several **sites**, data centres with their own machines. A **node** is one
# server with a name. A **node type** is a group of nodes with the same hardware.
#
# Choose the project and the site first; every later call of python-chi uses them. If you
# are in several projects, write the name of your course's project into the call.
#
# Chameleon's Jupyter and a rehearsal sign you in. On another computer, run `pip install
# ccauth`, and begin the next cell with `context.use_device_auth()`: python-chi then prints
# an address where you sign in with your browser.

# %%
project = os.environ.get("OS_PROJECT_NAME")  # or a name of context.list_projects()
context.use_project(project)
context.use_site("CHI@TACC")
print("key:", os.environ.get("OS_KEYPAIR_PRIVATE_KEY"))

# %% [markdown]
# The table shows when each node of one type is free for three hours, in UTC, as
# python-chi reports it. An empty end (`NaN`) means that the node has no later booking.

# %% folded=true
# Show when each node of one type is free.
nodes = hardware.get_nodes(node_type="compute_liqid")
free = {node.name: node.next_free_timeslot(minimum_hours=3) for node in nodes}
table = pd.DataFrame(free, index=["free from", "free until"]).T
for end in table:
    times = pd.to_datetime(table[end], utc=True)
    table[end] = times.dt.strftime("%a %d %b %H:%M")
table

# %% [markdown]
# ## Predict
#
# A **lease** is your contract with a site: it states from when until when you have
# machines. It contains **reservations**, which state which machines. `submit()` sends the
# lease to the site and waits until it is `ACTIVE`. In the next section you ask for the
# same lease twice. The site cannot fill the first one, so its status becomes `ERROR`. The
# second one is fine. How many of the two calls of `submit()` raise an error?

# %%
predict("reserve.submit", raised=...)

# %% [markdown]
# ## Cause a failure on purpose
#
# A rehearsal can imitate the faults that happen on Chameleon now and then. Here is one of
# them: the node that you were given has just been taken out of service. The cell after
# the switches turns `lease-error` on. The fault occurs only once.

# %%
switchboard = faults("lease-error")
switchboard

# %%
guesses = predicted("reserve.submit")
raised = 0
delete_all("practice")  # left by an earlier run of this cell
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
# ## Recover
#
# Now ask again, with the same name. Delete the failed lease first (`delete()`). Names
# need not be unique, and if two leases have the same name, you cannot tell which one a
# program finds. Then make the lease as above, add the same reservation, and submit it.
# The fault will not occur again. (If your cell fails halfway, run the cell above again
# before you repeat it.)

# %% question="reserve.recover"
### BEGIN SOLUTION
practice.delete()
practice = lease.Lease("practice", end_date=end)
practice.add_node_reservation(amount=1, node_type="compute_skylake")
practice.submit()
### END SOLUTION
practices = [each for each in lease.list_leases() if each.name == "practice"]
practice = practices[-1] if practices else None  # the lease that the check describes
statuses = [each.status for each in practices]
ledger().observe("reserve.recovered", {"statuses": statuses})
check("reserve.recover")

# %%
row = {"of 2 calls": raised, "you predicted": guesses["raised"]}
pd.DataFrame([row], index=["raised an error"])

# %% [markdown]
# **`submit()` returned both times; only the status shows which lease failed.**
# `Lease.wait`, `Server.wait` and `Container.wait` behave in the same way: they return as
# soon as the status is the one you asked for *or* `ERROR`. A notebook that does not check
# the status continues with a lease that has no machine. It fails ten minutes later with a
# message about something else. So check the status after each request, and handle an
# error there.
#
# A practice lease is a real lease too, so give it back.

# %%
delete_all("practice")
[each.name for each in lease.list_leases()]

# %% [markdown]
# ## Reserve your own block
#
# `planner` reads the calendars of all nodes that fit the part about the model, and shows
# a week in *your* time zone. Click on a free block that suits you, or keep the one that
# is selected. If all blocks are taken, look at the other machines of the list. Do not use
# the *Reserve* button: you write its calls yourself.

# %%
rehearsal.require_real_at_chameleon()
plan = planner("model")
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
# The block ends ten minutes before the hour. After your lease, the site wipes the node
# and prepares it for the next user, which takes minutes. If your lease lasted until the
# full hour, the next user's server would find no node yet.
#
# How do you set the end of a lease? `Lease` takes an `end_date` or a `duration`. Three
# hours sounds like a duration. The next cell makes a draft of that, the same block one
# day later, and does not submit it. Look at its two dates.

# %%
tomorrow = block.start + timedelta(days=1)
draft = lease.Lease("draft", start_date=tomorrow, duration=timedelta(hours=3))
print("from", draft.start_date, "until", draft.end_date)

# %% [markdown]
# python-chi counts a duration from *now*, whatever the start is. If a lease begins now,
# both arguments give the same end, so this mistake shows only when you plan ahead. Always
# set `end_date`.
#
# Now reserve your block. Each argument prevents a mistake that people have made:
#
# | call | with | because |
# |---|---|---|
# | `lease.Lease(name, …)` | `plan.lease_name` | the class shares a project, and only you have this name |
# | | `start_date=block.start`, `end_date=block.end` | they are in UTC, and python-chi ignores any other time zone |
# | `.add_node_reservation(…)` | `amount=1`, `node_name=block.resource` | the planner saw that *this* node is free |
# | or `.add_flavor_reservation(…)` | `amount=1`, `name=block.option.type` | virtual machines are reserved by type and number, not by name |
# | `.submit(…)` | `idempotent=True` | if you run it twice, it finds the lease of this name and makes no second one |
# | | `wait_for_active=False` | a lease that begins tomorrow is not active today, and this is no error |

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
# The check does not look at the object in your notebook. It asks the site, and so should
# you. If your lease is wrong, delete it before you try again, because `idempotent=True`
# would find it and keep it.
#
# ## What you found
#
# - **How do you get a machine?** Ask for one node by name, from a full hour to ten
#   minutes before another one.
# - **How do you notice a failure?** Check the status of the lease.
#
# In a rehearsal, your node is a folder on this computer and boots in seconds. On
# Chameleon, it is a machine with an A100 and boots in 10 to 30 minutes. If you hold a
# lease and do not use it, other students cannot have the machine.
#
# *Run on the server* begins when your block does. You do the lessons before it at home.
#
# **Try it yourself**
#
# - Run the cell that reserves once more. How many leases do you have?
#   (`lease.list_leases()`)
# - Turn on `no-hosts`, and ask for a practice lease. This time python-chi does raise an
#   error. How does it explain the error?
# - The planner offers a calendar file with your block and a reminder. Add it to your own
#   calendar now.
# - Plans change. `mine.delete()` returns the block to the others. Then reserve another
#   one.

# %% [markdown]
# ## Read more
#
# - [Reservations](https://chameleoncloud.readthedocs.io/en/latest/technical/reservations/index.html)
#   (Chameleon documentation): leases by hand, in the web interface and on the command
#   line.
# - [chi.lease](https://python-chi.readthedocs.io/en/latest/modules/lease.html)
#   (python-chi documentation): all calls of this lesson, with their arguments.
# - [Blazar](https://docs.openstack.org/blazar/latest/) (OpenStack documentation): the
#   service that decides who gets which machine.
# - [Lessons Learned from the Chameleon
#   Testbed](https://www.usenix.org/conference/atc20/presentation/keahey) (K. Keahey et
#   al., USENIX ATC 2020): how the testbed is built and used, and the work to cite for it.
