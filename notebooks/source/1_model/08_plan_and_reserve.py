# ---
# jupyter:
#   lesson:
#     title: Plan and reserve
#     summary: the calendar of the GPU nodes in your own time, one lease by name
#     part: 1
#     number: "08"
#     minutes: 20
#     kind: core
#     where: [hub]
#     needs: ["01"]
#     ports: []
# ---

# %% [markdown]
# # Plan and reserve
#
# The manager's targets speak of a server with an AMD EPYC 7763 and one A100. GourmetGram owns no such thing, and
# neither do you: Chameleon lends them, in blocks of a few hours, to everybody who does research or learns. There are
# few of these machines and many who want one, most of all in the week before a deadline.
#
# So the first engineering of this part is to get one. You look for a free block, you reserve it by name, and you do
# it in a way that leaves the machine free for whoever comes after you.
#
# ## You will do
#
# Read the calendar of the GPU nodes, choose a block of three hours that suits you, and reserve it with python-chi,
# the library that speaks to Chameleon.
#
# ## You will learn
#
# - what a lease, a reservation and a node are to each other;
# - why a lease gets an end and not a length, and why it ends at ten minutes to the hour;
# - what to ask of a service that answers "done" before anything is.
#
# ## You need
#
# Lesson 01 and 20 minutes. Any machine that shows this page will do: in rehearsal nothing is booked, on Chameleon you
# book a real machine.

# %% [markdown]
# The first cell decides which of the two it is, and says so. Everything below it is the same code in both.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import timedelta

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
# You want one node with a GPU for three hours, at a time that suits you. How many hours from now will the block begin
# that you choose? A number, please; a fraction is fine.

# %% checkpoint="m.reserve.wait_guess"
predict("m.reserve.wait_guess", ...)

# %% [markdown]
# ## Act
#
# ### Which machines there are
#
# Chameleon is several *sites*, each with its own services. You say at which one you are, and ask for its hardware. A
# *node* is one physical server with a name; nodes of the same build share a *node type*.

# %%
context.use_site("CHI@TACC")
nodes = hardware.get_nodes(node_type="compute_liqid")
[node.name for node in nodes]

# %%
nodes[0]

# %% [markdown]
# When is this one free for three hours? python-chi asks Blazar, the reservation service, and returns two moments in
# UTC: from when, and until when. A missing second one means that nobody has booked it after that.

# %%
predicted("m.reserve.wait_guess")
nodes[0].next_free_timeslot(minimum_hours=3)

# %% [markdown]
# That was one node of one type at one site, in a time zone that is probably not yours. You would have to ask for each
# of them, and then look for the one that lets you sleep.
#
# ### The planner
#
# `planner` asks all of that and shows it as a week in your own time zone. Should all nodes of the first type be taken
# when you can work, choose the next *machine* of the list; each one says what it changes for the lesson. (An AMD MI100,
# for one, has targets of its own, and MIGraphX where an A100 has CUDA and TensorRT.) Click on a free block and leave it
# at that: reserving comes below, with the library itself.

# %%
plan = planner("model")
plan

# %% [markdown]
# What you have chosen is a *block*. Choose another one above if you like, then run this cell and all below it.

# %%
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then come back here.")
ledger().observe("model.block", facts.of_block(block, site_clock().now()))

# %%
reconcile("m.reserve.wait_guess")

# %% [markdown]
# ### Why a lease is given its end
#
# A *lease* is your contract with the site: from when until when. Inside it are *reservations*: of what. `Lease` takes
# a start, and then either `end_date` or `duration`. Three hours sounds like a duration, so here is a draft of that,
# for the same hour one day later than your block. Nothing is sent to anybody.

# %%
draft = lease.Lease("draft", start_date=block.start + timedelta(days=1), duration=timedelta(hours=3))
ledger().observe("model.draft", {"start": draft.start_date, "end": draft.end_date})

# %% [markdown]
# Look at both dates (they are in UTC). How many hours would that lease last? If it ended before it began, the number
# is negative.

# %% checkpoint="m.reserve.draft_hours"
# A number, to a tenth of an hour.
hours = ...
answer("m.reserve.draft_hours", hours)

# %%
check("m.reserve.draft_hours")

# %% [markdown]
# python-chi counts a duration from *now*, whatever the start is. For a lease that begins now the two agree, and that
# is why the mistake survives until somebody plans ahead. So always say when a lease ends.
#
# And when should it? After your lease the node is wiped and made ready for the next person, which takes minutes. If
# your block ended on the hour and theirs began on it, their server would find a node that is not there yet: the lease
# is active, the boot fails. So on bare metal the course's blocks begin on the hour and end ten minutes before one.

# %% checkpoint="m.reserve.end"
# The end of a three-hour block that begins when yours does, in UTC, written like "2026-05-17 14:50".
end_text = ...
answer("m.reserve.end", end_text)

# %%
check("m.reserve.end")

# %% [markdown]
# ### Reserve
#
# Now for real. Each argument is there for a reason:
#
# - The **name** is yours: the whole class shares a project, and names need not be unique. `idempotent=True` looks for
#   a lease of that name first, so that running the cell twice gives you one lease and not two.
# - The **node by name**, and not just by type: the planner has seen that this one stays free after you, and you know
#   which machine your numbers will come from.
# - **`wait_for_active=False`**: this lease begins later. Left alone, `submit` would wait five minutes for it and then
#   raise an error about a lease that is perfectly well.
# - The dates carry their time zone, UTC. python-chi writes the digits down and drops the zone, so with local time you
#   would reserve another block than you meant.

# %%
context.use_site(block.option.site)
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_node_reservation(amount=1, node_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)

# %% [markdown]
# No error. Does that mean that you have a node? Not with python-chi. `submit` and `wait` return in good order when a
# lease has gone to `ERROR`: they have done their work, which was to ask and to watch. Lesson 01 has shown it. So ask
# for the status, each time, and stop where it is not what you need.

# %%
if mine.status == "ERROR":
    raise RuntimeError("The site could not fill this lease: run mine.delete(), and choose another node in the planner.")
mine.status

# %% [markdown]
# ## Measure
#
# The object in your hands is python-chi's. What counts is what the site says, so the next cell asks it again, through
# code that knows nothing of the object, and keeps the answer as evidence.

# %%
testbed = lab.open_testbed(block.option.site)
ledger().observe("model.lease", facts.of_lease(testbed, "model"))

# %% [markdown]
# ## Checkpoint
#
# Which word is the status of your lease now, and how many minutes does it last? Read both from the record above. The
# check reads them too, and looks at the lease itself: the right kind of machine, by its name, from hour to ten to.

# %% checkpoint="m.reserve.lease"
status, minutes = ..., ...
answer("m.reserve.lease", {"status": status, "minutes": minutes})

# %%
check("m.reserve.lease")

# %%
check("m.reserve.wait_guess")

# %% [markdown]
# ## On your own
#
# - Run the *Reserve* cell again. What does it say, and how many leases do you have? (`lease.list_leases()`)
# - The planner has a calendar file (`.ics`) with your block, and with an hour for reading and rehearsing before it.
#   Put it into your own calendar now; you will thank yourself.
# - `print(plan.code)` is the code that you have just run, for the block of your choice. And a terminal knows `msl lease
#   plan model` (in rehearsal, switch it over first, as at the end of lesson 01).
# - Plans change. `mine.delete()` gives the block back to the others; then reserve another one.
#
# The next lesson begins when your block does. In rehearsal you need not wait for it.
