# ---
# jupyter:
#   lesson:
#     title: Provision a system
#     summary: what running side by side saves, and what it cannot
#     part: 3
#     number: "31"
#     minutes: 30
#     kind: core
#     where: [hub]
#     needs: ["09", "30"]
#     ports: []
# ---

# %% [markdown]
# # Provision a system
#
# This node has to do more than the one in part 1: Docker and NVIDIA's toolkit beside the driver, a large container
# with Triton, and Jupyter. By hand that is an evening of copying commands. You have a lease of three hours, so it had
# better happen side by side.
#
# ## You will do
#
# Bring the node up with the course's steps, look at what took how long, and look into the node with python-chi.
#
# ## You will learn
#
# - what decides how long a set-up takes, and what can go on without anybody waiting for it;
# - what running side by side saves, and what it cannot.
#
# ## You need
#
# The lease of lesson 30, lesson 09, and 30 minutes on Chameleon, most of them waiting. In rehearsal it takes a
# minute.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

from chi import context, server

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal import drills
from provisioning.sites.spec import resource_name
from provisioning.widgets import lease_countdown, provisioning_progress

# %%
name = resource_name("system")
option = lab.find_option(lab.open_testbed, "system", name)
testbed = lab.open_testbed(option.site)
found = facts.of_lease(testbed, "system")
found["site"], found["node"], found["status"], found["start"]

# %%
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(found["start"]))

# %% [markdown]
# ## Predict
#
# All steps together, one after the other, would take a certain time. By how many minutes does running side by side
# shorten it?

# %% checkpoint="s.provision.saved_guess"
predict("s.provision.saved_guess", ...)

# %% [markdown]
# ## Act

# %%
predicted("s.provision.saved_guess")
run = lab.prepare("system", option, testbed=testbed)
print(run.plan.text())

# %%
plan = ledger().observe("system.plan", facts.of_plan(run.plan))
reconcile("s.provision.saved_guess")

# %% [markdown]
# Boot, address and SSH cannot be shortened: nothing else can happen before them. After the course is copied, four
# steps begin at once, and Jupyter waits for all four: one of them decides. NVIDIA's image has gigabytes, but the first
# lessons do without it. So `containers` only begins to fetch it, on the node and in the background, and nothing waits.

# %% checkpoint="s.provision.critical"
# The names of the steps on the critical path, as a list.
critical = ...
answer("s.provision.critical", critical)

# %%
check("s.provision.critical")

# %%
progress = provisioning_progress(run)
progress.run()

# %% [markdown]
# Each step waits for the *real* status of the lease and the server, so you need not ask again here. Should the kernel
# die now, a new one goes on like this:

# %%
again = lab.prepare("system", option, testbed=testbed)
provisioning_progress(again).run()

# %% [markdown]
# ## Measure

# %%
seen = ledger().observe("system.machine", facts.of_machine(testbed, "system"))
seen["held"], seen["checks"]

# %% [markdown]
# And a look into the node, with python-chi. On Chameleon this lists the running containers: none while Triton's image
# is still on its way. In rehearsal nothing is run that would need Docker, and it says so.

# %%
context.use_site(option.site)
node = next(one for one in server.list_servers() if one.name == name)
print(node.execute("sudo docker ps").stdout)

# %% [markdown]
# ## Checkpoint

# %% checkpoint="s.provision.once"
# A dictionary from the kind, as the record above calls it, to how many there are.
held = ...
answer("s.provision.once", held)

# %%
check("s.provision.once")

# %%
check("s.provision.saved_guess")

# %%
lease_countdown(again)

# %% [markdown]
# ## On your own
#
# - Which single step would you make faster first, and by how much does the whole get shorter if that step takes no
#   time at all? (`plan["steps"]` has what you need.)
# - In rehearsal, switch on `lease-ends` with `faults()` before a run. What does the run say, and what is left of the
#   node?
#
# Lessons 32 to 42 come before the lease, at home. On the node you run one, in its own Jupyter, through the ports that
# the *forward* command brings: [43 Run on two GPUs](43_run_on_two_gpus.ipynb). In rehearsal go on with lesson 32. When
# you are done: [49 Release](49_release.ipynb).
