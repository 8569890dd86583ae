# ---
# jupyter:
#   lesson:
#     title: Provision a device
#     summary: a container without SSH, and the object that knows its name
#     part: 2
#     number: "21"
#     minutes: 15
#     kind: core
#     where: [hub]
#     needs: ["20"]
#     ports: []
# ---

# %% [markdown]
# # Provision a device
#
# The board in the rack has no room for you to log in. What you get is a container: an image that is started on the
# device, with commands passed in from outside. So there is no SSH, no key, and no boot of ten minutes. And there is a
# trap that costs an hour to whoever does not know it: run the notebook twice, and your container has lost its name
# tag.
#
# ## You will do
#
# Write the calls that start a container on your device, run a script in it and bring its answer back; walk into the
# trap, and let the course's steps do the rest.
#
# ## You will learn
#
# - how a container is reached without SSH;
# - why `submit` may leave the object that you called it on empty;
# - what the steps leave out on a device, and what they add.
#
# ## You need
#
# The lease of lesson 20, and 15 minutes on Chameleon. In rehearsal it takes half a minute.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

from chi import container, context, lease

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.records.ledger import ledger
from labs.workspace import programs_dir
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal import drills
from provisioning.setup.reach import ports_of
from provisioning.sites.spec import resource_name
from provisioning.widgets import lease_countdown, provisioning_progress

# %%
name = resource_name("edge")
option = lab.find_option(lab.open_testbed, "edge", name)
testbed = lab.open_testbed(option.site)
found = facts.of_lease(testbed, "edge")
found["node"], found["status"], found["start"]

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
# ## Predict
#
# Below, two `Container` objects of one name are submitted, one after the other, both with `idempotent=True`: the
# second one finds what the first has made. Which of the two objects will know the container's `id` afterwards? Choose
# one, as text: `both`, `the first`, `the second`.

# %% checkpoint="e.provision.id_guess"
predict("e.provision.id_guess", ...)

# %% [markdown]
# ## Act
#
# ### Start it
#
# The image must be built for arm64, which most images of the world are not. Pulling it onto the device takes minutes
# the first time. Ports are opened now or never: Jupyter's, and the one of a service that a later lesson starts.

# %%
opened = [f"{port}/tcp" for port in ports_of("edge")]
reservation = mine.device_reservations[0]["id"]
option.image, opened, reservation

# %% [markdown]
# Make the object, `container.Container(name, image_ref=…, exposed_ports=…, reservation_id=…)`, and submit it:
# `submit(idempotent=True, show=None)` waits until the container runs, and finds one of this name that runs already.

# %% checkpoint="e.provision.container"
first = ...
first.submit(idempotent=True, show=None)

# %%
board = container.get_container(name)
if board is None:
    raise LookupError("There is no container of yours on this device: write the calls above.")
there = board.zun_container
ledger().observe("edge.container", {"status": there.status, "image": there.image, "ports": sorted(there.ports)})

# %%
check("e.provision.container")

# %% [markdown]
# `submit` returns normally on an error too: with an image for another processor it would say `Error` here, in the same
# calm way. So a program looks.

# %%
if board.status != "Running":
    raise RuntimeError(f"The container is {board.status}: run board.delete(), then the cell that starts it.")
board.execute("uname -m")

# %% [markdown]
# `execute` returns what the command printed, and its exit code as text. A service runs it in the container for you;
# no shell reads your line, so a pipe, a `&&` or `$HOME` needs `sh -c '…'` around it.
#
# ### A script there, its answer here
#
# Three calls are all that you have on a device, and all that you need: `upload(file, folder_there)`,
# `execute(command)`, `download(file_there, folder)`. Here is a script that writes down where it runs:

# %%
folder = programs_dir() / "device"
folder.mkdir(exist_ok=True)

# %%
# %%writefile {folder}/about.py
import json
import os
import platform
from pathlib import Path

about = {"architecture": platform.machine(), "cores": os.cpu_count(), "home": str(Path.home())}
Path(__file__).with_name("about.json").write_text(json.dumps(about))

# %% [markdown]
# Upload it to the container's `/tmp`, run it there with `python3`, and download `/tmp/about.json` into `folder`.

# %% checkpoint="e.provision.round_trip"
...

# %%
check("e.provision.round_trip", folder / "about.json")

# %% [markdown]
# ### The trap
#
# This is what a notebook does that is run a second time: a new object, the same name.

# %%
predicted("e.provision.id_guess")
second = container.Container(name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation)
returned = second.submit(idempotent=True, show=None)
ids = {"first": first.id or board.id, "second": second.id or "", "returned": returned.id or ""}
ledger().observe("edge.objects", ids)

# %%
reconcile("e.provision.id_guess")

# %% [markdown]
# The second object found the container, told you so, and kept nothing: `second.status` would now raise an
# `AttributeError` about `NoneType`, three cells away from its cause. `submit` returned the container that it found; the
# first time, when it makes one, it returns nothing. So ask by name, which works both times:
# `container.get_container(name)`, as above.
#
# ### The rest, by steps
#
# No server, no SSH: the plan for a device is shorter. And since there is no `scp` either, the course travels in small
# uploads, because the service refuses large ones.

# %%
run = lab.prepare("edge", option, testbed=testbed)
print(run.plan.text())

# %%
progress = provisioning_progress(run)
progress.run()

# %% [markdown]
# Once more, as a new kernel would:

# %%
again = lab.prepare("edge", option, testbed=testbed)
provisioning_progress(again).run()

# %% [markdown]
# ## Measure

# %%
seen = ledger().observe("edge.machine", facts.of_machine(testbed, "edge"))
seen["statuses"], seen["held"], seen["checks"]

# %% [markdown]
# ## Checkpoint
#
# Three ways have now led to your container: two objects and the steps, twice. What do you hold?

# %% checkpoint="e.provision.once"
# A dictionary from the kind, as the record above calls it, to how many there are.
held = ...
answer("e.provision.once", held)

# %%
check("e.provision.once")

# %%
check("e.provision.id_guess")

# %%
lease_countdown(again)

# %% [markdown]
# ## On your own
#
# - In rehearsal, switch on `upload-cut` with `faults()` from `provisioning.widgets`, delete the container, and run
#   the steps again. What do the lines of *Course is copied* say?
# - `container.get_logs(board.id)` shows what the image's own program printed. Where is the Jupyter token in it?
#
# Lessons 22, 23 and 27 come before the lease, at home. On the lease you run one, from here: [27b Run on the
# Raspberry Pi](27b_run_on_the_pi.ipynb). `lab.forward("edge")` lists all that the device offers; it has no SSH, so its
# ports are open at its own address. In rehearsal go on with lesson 22. When you are done: [29
# Release](29_release.ipynb).
