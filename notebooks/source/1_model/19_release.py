# ---
# jupyter:
#   lesson:
#     title: Release
#     summary: machine, address and lease given back, and the proof of it
#     part: 1
#     number: "19"
#     minutes: 10
#     kind: core
#     where: [hub]
#     needs: ["09"]
#     ports: []
#     machine_minutes: 5
# ---

# %% [markdown]
# # Release
#
# The experiments are done, the figures are in your ledger, and the node is still yours: for an hour or two, or until
# somebody remembers it. One course of 191 students used 186,692 hours of machines in a term, about 250 dollars a
# student at a cloud's prices. Part of that computed nothing. It had been forgotten.
#
# At GourmetGram the manager would find it on the bill. On Chameleon a classmate finds it in the planner, as an
# hour that is taken.
#
# ## You will do
#
# Give the machine, its address and its lease back, and prove that nothing is left.
#
# ## You will learn
#
# - what a deletion deletes, and what it leaves behind;
# - in which order things go, and why the lease goes last;
# - how to find what you have forgotten.
#
# ## You need
#
# Ten minutes, the machine of lesson 09, and your results on this side. Whatever is on its disk is gone afterwards.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from chi import context, network, server

from grading.checkpoints import answer, check, guesses, predict, predicted, reconcile, scoreboard
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal.drills import site_clock
from provisioning.setup.release import survey, table
from provisioning.sites.spec import resource_name

# %%
name = resource_name("model")
option = lab.find_option(lab.open_testbed, "model", name)
testbed, clock = lab.open_testbed(option.site), site_clock()
lease_seen = ledger().observe("model.lease_at_release", facts.of_lease(testbed, "model"))
lease_seen["node"], lease_seen["status"], lease_seen["end"]

# %% [markdown]
# ## Bring it home
#
# What you measured and made on the node lies on its disk, and the disk goes with the lease. `pull` brings home what is
# not here yet: ledger entries by their id, models and notebooks by their hash. Run it as often as you like.

# %%
print("home:", lab.pull("model", testbed))

# %% [markdown]
# ## Predict
#
# You will delete the server with python-chi's own `delete()`. Its documentation says that this takes the server's
# floating IPs with it. What will still count against your project afterwards? Choose one, as text: `nothing`,
# `lease`, `floating IP`, `floating IP and lease`.

# %% checkpoint="m.release.left_guess"
predict("m.release.left_guess", ...)

# %% [markdown]
# ## Act
#
# ### The server, by hand

# %%
predicted("m.release.left_guess")
context.use_site(option.site)
for found in server.list_servers():
    if found.name == name:
        found.delete()

# %% [markdown]
# A deletion is a request as well, and it returns before it is done. So look until the server is gone, and then at what
# remains.

# %%
while any(machine.name == name for machine in testbed.machines()):
    clock.sleep(lab.poll_s())
left = ledger().observe("model.after_delete", facts.of_holdings(testbed, "model", clock.now()))
left["held"]

# %%
reconcile("m.release.left_guess")

# %% [markdown]
# The list comes from the site itself. python-chi did ask for the deletion of the address, with a request that goes
# nowhere, and it did not tell. The address is bound to nothing now; it serves nobody and is missing in the pool:

# %%
[(each["floating_ip_address"], each["port_id"]) for each in network.list_floating_ips()]

# %% [markdown]
# In a class that shares a project this is how the last student before a deadline gets "no floating IP left", with a
# node, a lease and no way in.
#
# ### All of it
#
# `give_back` deletes what carries your name: server or container, floating IPs, and last of all the lease.
# The order matters. While you have the lease, whatever failed before can be tried again. And nothing is believed to
# be gone before the site no longer lists it.

# %%
for line in lab.give_back("model", testbed):
    print(line)

# %% [markdown]
# ## Measure
#
# And now? An empty list is the evidence.

# %%
released = ledger().observe("model.release", facts.of_holdings(testbed, "model", clock.now()))
released["held"]

# %% [markdown]
# ## Checkpoint
#
# You stopped before the end of your block, and somebody else can have the rest. How many hours is that, from the
# moment in the record above (`released["at"]`) to the lease's end (`lease_seen["end"]`)?

# %% checkpoint="m.release.hours"
hours_given_back = ...
answer("m.release.hours", hours_given_back)

# %%
check("m.release.hours")

# %%
check("m.release.left_guess")

# %%
scoreboard("model")

# %% [markdown]
# What you had expected, and what it was:

# %%
guesses("model")

# %% [markdown]
# ### Did you forget anything?
#
# You know of what you have made today. A *sweep* knows of the rest: it lists everything that carries the course's
# name at the site, how old it is, and why it looks forgotten.

# %%
print(table(survey(testbed, clock.now())))

# %% [markdown]
# ### Hand it in
#
# The button collects the notebooks of this part, your ledger and the models that it names into one zip, and looks at
# it as the grader will: what is missing, and what is still open. Save the notebooks first. You may press it as often
# as you like; nothing leaves this machine before you upload the zip.

# %%
from grading.submission import hand_in

hand_in(1)

# %% [markdown]
# ## On your own
#
# - Run the cell with `give_back` again. Why is that no error?
# - Make a mess in rehearsal: reserve and boot as in lessons 08 and 09, and delete the lease only. What does the sweep
#   say?
# - In a terminal, `msl lease sweep --mine` looks at all sites (in rehearsal, switch the terminal over
#   first, as at the end of lesson 01). Make it the last command of each day on which you had a machine.
#
# Part 2 takes part 1's files to a Raspberry Pi, part 3 builds a system around the float32 model. Take them in any
# order.
