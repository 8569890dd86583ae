# ---
# jupyter:
#   lesson:
#     title: Provision
#     summary: from a lease to a machine that is ready, by hand and by steps that resume
#     part: 1
#     number: "09"
#     minutes: 30
#     kind: core
#     where: [hub]
#     needs: ["08"]
#     ports: []
# ---

# %% [markdown]
# # Provision
#
# Your block has begun, and so has the clock: of its 170 minutes, every one that goes into set-up is missing at the
# end, when the best experiment comes to mind. A bare-metal server needs ten minutes just to boot. Then it is as empty
# as a new laptop: no course, no images, no pinned libraries, no Jupyter.
#
# Today you bring it up. First by hand, step by step, so that you know what python-chi does and what it leaves to you.
# Then with code that does the rest, some of it side by side, and that can be interrupted anywhere.
#
# ## You will do
#
# Boot the node of your lease, give it an address, run a command on it, and let the course's steps make it ready.
#
# ## You will learn
#
# - what has to happen between a lease and a lesson, and what of it decides how long it takes;
# - which of python-chi's answers to believe, and what to look at instead;
# - what makes a step safe to repeat, and so a set-up safe to interrupt.
#
# ## You need
#
# The lease of lesson 08, and 30 minutes on Chameleon, most of them waiting. In rehearsal it takes a minute.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

from chi import context, lease, server

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.planning.lessons import block_of
from provisioning.rehearsal import drills
from provisioning.sites.spec import resource_name
from provisioning.widgets import lease_countdown, provisioning_progress

# %% [markdown]
# This notebook has a kernel of its own and knows nothing of what you did in lesson 08. It need not: your lease has
# your name, so it asks the sites for it. That also is what makes it work tomorrow, from another computer.

# %%
name = resource_name("model")
option = lab.find_option(lab.open_testbed, "model", name)
testbed = lab.open_testbed(option.site)
found = facts.of_lease(testbed, "model")
found["site"], found["node"], found["status"], found["start"]

# %% [markdown]
# ## Predict
#
# How many minutes of your lease will go into set-up on a real node, from the request for the server to the moment at
# which the first lesson can begin? (Not here: in rehearsal waits are shortened.)

# %% checkpoint="m.provision.minutes_guess"
predict("m.provision.minutes_guess", ...)

# %% [markdown]
# ## Act
#
# ### Wait for the lease
#
# A server can only boot on a lease that is `ACTIVE`. On Chameleon you come back when your block begins. In rehearsal
# the calendar can be moved, so that nobody has to wait.

# %%
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(found["start"]))

# %%
context.use_site(option.site)
mine = lease.get_lease(name)
mine.wait(show=None)
if mine.status != "ACTIVE":
    raise RuntimeError(
        f"The lease is {mine.status} and starts at {found['start']}: come back then, and run this again."
    )

# %% [markdown]
# You have seen in lesson 01 why that `if` is there: `wait` also returns when the status has become `ERROR`.
#
# ### Boot, by hand
#
# The server goes onto *your* node because it names the reservation inside your lease. The image is a disk with Ubuntu
# and NVIDIA's driver on it.

# %%
node = server.Server(name, reservation_id=mine.node_reservations[0]["id"], image_name=option.image)
node = node.submit(idempotent=True, wait_timeout=int(option.boot_timeout_s)) or node

# %% [markdown]
# Two things in that line are there because somebody was bitten.
#
# - **`or node`**: the first time, `submit` makes the server and returns nothing. The second time it finds one of that
#   name and returns *another object*, while yours stays empty. This way `node` is the right one both times.
# - **`wait_timeout`**: python-chi gives up after 20 minutes. Some nodes need 30, and giving up does not stop the
#   boot; it only leaves you with an exception and a server that comes up when you have gone.
#
# And once more: it returned, so look.

# %%
if node.status != "ACTIVE":
    raise RuntimeError(f"The server is {node.status}: run node.delete(delete_ips=False), then the cell that boots it.")
node.status

# %% [markdown]
# ### An address, and a first word
#
# The node has an address inside Chameleon's network only. A *floating IP* is a public one that your project borrows and
# binds to the node. There are few of them, and yours is not freed when the node goes. Remember that for lesson 19.

# %%
address = node.get_floating_ip() or node.associate_floating_ip()
node.refresh()
address

# %%
node.check_connectivity()

# %% [markdown]
# `check_connectivity` waits until port 22 answers, and raises an error if it never does. It returns `None` in any
# case, so never write `if node.check_connectivity()`. And an open port is not a login yet; a command that runs is. It
# may come with a warning about an unknown host key, which is true and harmless: addresses go from lease to lease, so
# nobody has met this node at this address before.

# %%
said = node.execute("hostname; nproc; uname -sm")

# %% [markdown]
# ### The rest, by steps
#
# You could go on like this: copy the course, install its libraries, fetch the images, check the driver, start
# Jupyter. By hand that is twenty commands, one after the other, and after the ninth the train enters a tunnel.
#
# `prepare` returns the same work as a list of *steps*. Each one looks before it makes anything, asserts the real
# status, has a time-out, and writes down what it did in a file that outlives the kernel. Here is the plan, with each
# step's usual minutes on Chameleon; below it stands what the whole block is for, and what is fetched meanwhile:

# %%
predicted("m.provision.minutes_guess")
run = lab.prepare("model", option, testbed=testbed)
print(run.plan.text())
print(block_of("model", option).text())

# %%
plan = ledger().observe("model.plan", facts.of_plan(run.plan))
reconcile("m.provision.minutes_guess")

# %% [markdown]
# Steps that do not need each other run side by side. So some of them could take longer without anybody noticing,
# while a minute more of others is a minute more of the whole. Those others are the *critical path*, and the plan
# marks them. Before you believe the marks, convince yourself with the columns *takes* and *needs*: which one does
# `services` wait for?

# %% checkpoint="m.provision.critical"
# The names of the steps on the critical path, as a list.
critical = ...
answer("m.provision.critical", critical)

# %%
check("m.provision.critical")

# %% [markdown]
# Now run them. The first steps will be quick, because they find what you have made by hand: that is the looking
# before making. Should something fail, the message says what is likely and what to do, and running the cell again
# goes on from there.

# %%
progress = provisioning_progress(run)
progress.run()

# %% [markdown]
# The machine is ready. **The lessons that follow run over there**, in its own Jupyter, which has its libraries and its
# GPU; this notebook and its kernel stay here. That Jupyter listens on the machine's own loopback address only. The
# *forward* command, run in a terminal where your browser is, brings it to you, together with every other port that the
# part's lessons use, and nobody else can come in. On Chameleon, where the key is in the Jupyter that you are looking
# at, run it in a terminal of that Jupyter: its own proxy shows the ports then. The same as a call:
# `lab.forward("model")`, whose result shows the links and has a `stop()`.
#
# ## Measure
#
# What is there now, according to the site, and what did the checks on the machine say?

# %%
seen = ledger().observe("model.machine", facts.of_machine(testbed, "model"))
seen["statuses"], seen["addresses"], seen["held"]

# %%
seen["checks"]

# %% [markdown]
# Read them carefully. A check can say `ok`, or `failed`, or that it was `rehearsed`: your computer has no such GPU, so
# a command that needs one has only played its part, and says so. A rehearsal that hid this would teach you to trust it.

# %% checkpoint="m.provision.rehearsed"
# The names of the checks that did not really run here, as a list; an empty one when all did.
rehearsed = ...
answer("m.provision.rehearsed", rehearsed)

# %%
check("m.provision.rehearsed")

# %% [markdown]
# ### Again
#
# Suppose that the kernel died in the middle, and you begin anew in a new one. Nothing of `run` would be left. This
# cell is that new kernel's: it makes the run afresh, from the file and from what the site says.

# %%
again = lab.prepare("model", option, testbed=testbed)
provisioning_progress(again).run()

# %%
seen = ledger().observe("model.machine", facts.of_machine(testbed, "model"))
seen["steps"]["server"], seen["held"]

# %% [markdown]
# ## Checkpoint
#
# Now every step has run twice. How many servers, floating IPs and leases do you hold?

# %% checkpoint="m.provision.once"
# A dictionary from the kind, as the record above calls it, to how many there are.
held = ...
answer("m.provision.once", held)

# %%
check("m.provision.once")

# %%
check("m.provision.minutes_guess")

# %% [markdown]
# ### What is left of your lease
#
# From here on time counts. The countdown holds what is left against what still needs this machine: one lesson, [15b Run
# on the server](15b_run_on_the_server.ipynb), and the release. Lessons 10 to 15 come before the lease, at home, and
# set-up has brought what you made and predicted there. Open the links above and run 15b in the *node's* Jupyter.

# %%
lease_countdown(again)

# %% [markdown]
# ## On your own
#
# In rehearsal, break it. `from provisioning.widgets import faults` and `faults()` shows what can go wrong; nothing of
# it is yours to switch on at Chameleon, where it comes by itself.
#
# - Switch on `ssh-late` or `server-error`. Release the server with `node.delete(delete_ips=False)`, make a new
#   `lab.prepare(…)`, and watch the progress. What does the message say? Does running it again help?
# - Interrupt the kernel in mid-run (the square in the toolbar), then run the cell again. How many servers are there?
# - `ssh` to your node with the command from the links, and look around.
#
# The lease lesson is **not** here: the link *the machine's own Jupyter* opens [15b Run on the
# server](15b_run_on_the_server.ipynb) over there. (In rehearsal this computer plays the machine: go on with lesson 10
# and come to 15b in its turn.) When you are done over there, come back, on the same day: [19
# Release](19_release.ipynb).
