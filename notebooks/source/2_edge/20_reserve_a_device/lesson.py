# ---
# jupyter:
#   lesson:
#     id: device
#     title: Reserve and provision a device
#     summary: a Raspberry Pi 5 by name, a container without SSH, and the object that lost it
#     part: 2
#     kind: core
#     where: [hub]
#     needs: [reserve]
#     ports: []
# ---

# %% [markdown]
# # Reserve and provision a device
#
# GourmetGram wants its model in the kitchen, on a computer that costs less than a night out. CHI@Edge has seven
# Raspberry Pi 5 boards, for one person at a time, two hours each. But you get no server there: no SSH, no key, no
# password. What you get is a *container*, an image that is started on the device. **How do you measure on a computer
# that nobody lets you log in to?** The reasons behind each call of a lease stand in *Reserve a machine*.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

import pandas as pd
from chi import container, context, hardware, lease

from labs.checkpoints import check, predict, predicted
from labs.records.ledger import ledger
from labs.workspace import programs_dir
from provisioning import lab
from provisioning.lab import facts
from provisioning.rehearsal import drills
from provisioning.setup.reach import ports_of
from provisioning.widgets import lease_countdown, planner, provisioning_progress

# %% [markdown]
# ## Reserve
#
# At the edge, hardware is listed as devices. A device needs no wiping between two people: its container is stopped, and
# that is all. So a block ends five minutes before the hour here. Choose one that suits you.

# %%
context.use_site("CHI@Edge")
print([device.device_name for device in hardware.get_devices(device_type="raspberrypi5")])
plan = planner("edge")
plan

# %% [markdown]
# Now reserve it with the three calls that you know. One of them has another name: `add_device_reservation` with
# `amount=1` and `device_name=block.resource`. Write the amount, although one is what anybody would mean. Its default is
# `None`, and python-chi stops with a `TypeError` when it compares that with 1.

# %% question="device.lease"
block = plan.chosen
if block is None:
    raise LookupError("Nothing is chosen: turn the planner to another week or another machine, then run this again.")
context.use_site(block.option.site)
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_device_reservation(amount=1, device_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
testbed = lab.open_testbed(block.option.site)
ledger().observe("edge.lease", facts.of_lease(testbed, "edge"))
check("device.lease")

# %% [markdown]
# On Chameleon you come back when your block begins, and run everything once more: `idempotent=True` finds your lease.
# In rehearsal the calendar is moved. Then wait for the lease, and look at its status, because `wait` returns on an
# error too.

# %%
found = facts.of_lease(testbed, "edge")
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(found["start"]))
mine = lease.get_lease(found["name"])
mine.wait(show=None)
if mine.status != "ACTIVE":
    raise RuntimeError(
        f"The lease is {mine.status} and starts at {found['start']}: come back then, and run this again."
    )

# %% [markdown]
# ## Predict
#
# Below, two `Container` objects of the same name are submitted, one after the other, both with `idempotent=True`. The
# first one makes the container, and the second one finds what is there. How many of the two objects will know the
# container's `id` afterwards?

# %%
predict("device.objects", know=...)

# %% [markdown]
# ## Start a container
#
# A Raspberry Pi has an ARM processor, so its image must be built for ARM, which most images of the world are not. Which
# ports are open is settled now, and never again. Here is what you need:

# %%
option, name = lab.find_option(lab.open_testbed, "edge", found["name"]), found["name"]
opened = [f"{port}/tcp" for port in ports_of("edge")]
reservation = mine.device_reservations[0]["id"]
pd.Series({"name": name, "option.image": option.image, "opened": opened, "reservation": reservation}).to_frame("value")

# %% [markdown]
# Make `first`, a `container.Container(name, image_ref=…, exposed_ports=…, reservation_id=…)`, and call its
# `submit(idempotent=True, show=None)`, which waits until the container runs.

# %% question="device.container"
### BEGIN SOLUTION
first = container.Container(name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation)
first.submit(idempotent=True, show=None)
### END SOLUTION
board = container.get_container(name)
if board is not None:
    there = board.zun_container
    ledger().observe("edge.container", {"status": there.status, "image": there.image, "ports": sorted(there.ports)})
check("device.container")

# %% [markdown]
# A container with an image for another processor would say `Error` here, after a `submit` that returned in the same
# calm way. Now run a first command in it. You get what it printed, and its exit code as text. (In rehearsal your
# computer plays the device, so it prints your computer's architecture and not `aarch64`.)

# %%
board.execute("uname -m")

# %% [markdown]
# The container service runs the command for you, and no shell reads your line: a pipe, a `&&` or `$HOME` needs `sh -c
# '…'` around it.
#
# ## A script there, its answer here
#
# Three calls are all that you have on a device, and all that you need: `upload(file, folder_there)`,
# `execute(command)`, `download(file_there, folder)`. Files and folders are texts. Here is a script that writes down
# where it runs:

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
# With `board`, upload `folder / "about.py"` to `/tmp`, run it there with `python3`, and download `/tmp/about.json` into
# `folder`.

# %% question="device.round_trip"
### BEGIN SOLUTION
board.upload(str(folder / "about.py"), "/tmp")
print(board.execute("python3 /tmp/about.py"))
board.download("/tmp/about.json", str(folder))
### END SOLUTION
check("device.round_trip", folder / "about.json")

# %% [markdown]
# That is the answer to this lesson's question: a measurement is a script that goes there and a file that comes back.
# Everything that you measure on the Pi is made like this.
#
# ## Run it again
#
# What happens to a notebook that is run a second time? It makes a new object of the same name.

# %%
guesses = predicted("device.objects")
second = container.Container(name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation)
returned = second.submit(idempotent=True, show=None)
ids = {"first": first.id or board.id, "second": second.id or "", "returned": returned.id or ""}
ledger().observe("edge.objects", ids)
know = sum(bool(ids[one]) for one in ("first", "second"))
pd.DataFrame({"of 2 objects": [know], "you predicted": [guesses["know"]]}, index=["know the id"])

# %% [markdown]
# The second object found the container, said so, and kept nothing. `second.status` would raise an `AttributeError`
# about `NoneType`, three cells away from its cause. `submit` *returned* the container that it found; the first time,
# when it makes one, it returns nothing. So ask by name, which works both times: `container.get_container(name)`.
#
# ## The rest, by steps
#
# The device still lacks the course, its libraries and the images. `prepare` has the rest as *steps*. Each looks before
# it makes anything, so the first two find what you have made, and after an interruption you run the cell again. `*`
# marks the steps that decide how long it takes.

# %%
run = lab.prepare("edge", option, testbed=testbed)
print(run.plan.text())
progress = provisioning_progress(run)
progress.run()

# %%
seen = ledger().observe("edge.machine", facts.of_machine(testbed, "edge"))
seen["statuses"], seen["held"], seen["checks"]

# %% [markdown]
# Two objects and the steps led to one container. A check that says `rehearsed` only played its part: your computer is
# no Raspberry Pi, and says so.

# %%
lease_countdown(run)

# %% [markdown]
# ## What you found
#
# Nobody lets you log in, and you need not: upload, execute, download. And a name finds what an object has forgotten.
#
# *Measure for the device* is done at home, and *Run on the Pi* when your files are ready: from here, with the device in
# the rack. In rehearsal go on with the next lesson.
#
# - Which arguments of `Container` would you need for the service of another team, with a port of its own?
# - The last machine in the planner is a Raspberry Pi 4. What does it say would change for your 8-bit model, and why?
# - `container.get_logs(board.id)` has what the image's own program printed. Where is Jupyter's token in it?
# - In rehearsal, switch on `upload-cut` with `faults()` from `provisioning.widgets`, delete the container
#   (`board.delete()`), and run the steps again. What do the lines of *Course is copied* say?
