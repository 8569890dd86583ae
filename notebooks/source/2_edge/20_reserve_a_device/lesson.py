# ---
# jupyter:
#   lesson:
#     id: device
#     title: Reserve and provision a device
#     summary: a Raspberry Pi 5 by name, a container without SSH, and how a script runs in it
#     part: 2
#     kind: core
#     where: [hub]
#     needs: [reserve]
#     ports: []
# ---

# %% [markdown]
# # Reserve and provision a device
#
# GourmetGram wants its model in the canteens' kitchens, on a computer for sixty euros. CHI@Edge lends seven Raspberry
# Pi 5 boards, each to one person at a time, for two hours. But you get no server there: no SSH, no key, no password.
# You get a *container*: an image that is started on the device. **How do you measure on a computer that you cannot log
# in to?** The reasons behind each call of a lease stand in *Reserve a machine*.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from datetime import datetime

import pandas as pd
from chi import container, context, hardware, lease

from labs.checkpoints import check
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
# At the edge, hardware is listed as devices. A device is not wiped between two users: only its container is stopped. So
# a block ends five minutes before the hour here. Choose one that suits you, and press *Reserve*: the button makes the
# three calls that you wrote in *Reserve a machine*, with `add_device_reservation` in place of the node's. (In code, the
# button is `plan.reserve()`.)

# %%
context.use_site("CHI@Edge")
print([device.device_name for device in hardware.get_devices(device_type="raspberrypi5")])
plan = planner("edge")
plan

# %% question="device.lease"
### BEGIN SOLUTION
plan.reserve()
### STUB
# Press *Reserve* above, and then run this cell.
### END SOLUTION
testbed = lab.open_testbed("CHI@Edge")
ledger().observe("edge.lease", facts.of_lease(testbed, "edge"))
check("device.lease")

# %% [markdown]
# On Chameleon you come back when your block begins, and run all cells once more: the planner finds your lease. In a
# rehearsal the next cell moves the clock to that time. Then it waits for the lease and looks at its status, because
# `wait` returns on an error too.

# %%
reserved = facts.of_lease(testbed, "edge")
if lab.rehearsing():
    drills.advance_to(datetime.fromisoformat(reserved["start"]))
mine = lease.get_lease(reserved["name"])
mine.wait(show=None)
if mine.status != "ACTIVE":
    raise RuntimeError(
        f"The lease is {mine.status} and starts at {reserved['start']}: come back then, and run this again."
    )

# %% [markdown]
# ## Start a container
#
# A Raspberry Pi has an ARM processor, so its image must be built for ARM; many images are built for x86 alone. Ports
# are opened when the container is made, and not later. Here is what you need:

# %%
option, name = (
    lab.find_option(lab.open_testbed, "edge", reserved["name"]),
    reserved["name"],
)
opened = [f"{port}/tcp" for port in ports_of("edge")]
reservation = mine.device_reservations[0]["id"]
pd.Series(
    {
        "name": name,
        "option.image": option.image,
        "opened": opened,
        "reservation": reservation,
    }
).to_frame("value")

# %% [markdown]
# Make `first`, a `container.Container(name, image_ref=…, exposed_ports=…, reservation_id=…)`, and call its
# `submit(idempotent=True, show=None)`, which waits until the container runs. Afterwards always ask for it by name, with
# `container.get_container(name)`. Run twice, `submit` finds the container and *returns* it; the object that you made
# keeps no `id` then, and its `status` raises an `AttributeError` about `NoneType`.

# %% question="device.container"
### BEGIN SOLUTION
first = container.Container(
    name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation
)
first.submit(idempotent=True, show=None)
### END SOLUTION
board = container.get_container(name)
if board is not None:
    there = board.zun_container
    ledger().observe(
        "edge.container",
        {"status": there.status, "image": there.image, "ports": sorted(there.ports)},
    )
check("device.container")

# %% [markdown]
# If the image were built for another processor, the status would be `Error`, and `submit` would return all the same.
# Now run a first command in it. You get what it printed, and its exit code as text. (In a rehearsal your computer plays
# the device, so it prints your computer's architecture and not `aarch64`.)

# %%
board.execute("uname -m")

# %% [markdown]
# The container service runs the command, without a shell: a pipe, a `&&` or `$HOME` needs `sh -c '…'` around it.
#
# ## A script there, its answer here
#
# Three calls are all that you have on a device, and all that you need: `upload(file, folder_there)`,
# `execute(command)`, `download(file_there, folder)`. Here is a script that writes down where it runs, and the three
# calls that take it there and bring its answer home.

# %%
(folder := programs_dir() / "device").mkdir(exist_ok=True)

# %%
# %%writefile {folder}/about.py
import json
import os
import platform
from pathlib import Path

about = {
    "architecture": platform.machine(),
    "cores": os.cpu_count(),
    "home": str(Path.home()),
}
Path(__file__).with_name("about.json").write_text(json.dumps(about))

# %%
board.upload(str(folder / "about.py"), "/tmp")
print(board.execute("python3 /tmp/about.py"))
board.download("/tmp/about.json", str(folder))
print((folder / "about.json").read_text())

# %% [markdown]
# That answers this lesson's question: a measurement is a script that travels to the device and a file that comes back.
# Everything that you measure on the Pi is done in this way.
#
# ## The rest, by steps
#
# The device still lacks the course, its libraries and the photos. `prepare` brings them in *steps*. Each step looks
# before it makes anything: the first two find the lease and the container that you have made, and after an interruption
# you run the cell again. `*` marks the steps that decide how long it takes. While they run, read on.

# %%
run = lab.prepare("edge", option, testbed=testbed)
print(run.plan.text())
progress = provisioning_progress(run)
progress.run()

# %%
seen = ledger().observe("edge.machine", facts.of_machine(testbed, "edge"))
seen["statuses"], seen["held"], seen["checks"]

# %% [markdown]
# You made a container, the steps found it, and there is one. A check that says `rehearsed` was not a real one: your
# computer is no Raspberry Pi.

# %%
lease_countdown(run)

# %% [markdown]
# ## What you found
#
# You cannot log in, and you need not: upload, execute, download.
#
# *Measure for the device* is done at home, and *Run on the Pi* when your files are ready: from here, with the device in
# Chameleon's rack. In a rehearsal go on with the next lesson.
#
# - `board.execute` is your shell. Write `ask(line)` around it, which runs a line with `sh -c` and prints what it says,
#   and look around with it: `ask("cat /proc/cpuinfo | head")`. What is missing, compared with an SSH session?
# - The last machine in the planner is a Raspberry Pi 4. What does it say would change for your 8-bit model, and why?
# - `container.get_logs(board.id)` has what the image's own program printed. Where is Jupyter's token in it?
# - In a rehearsal, switch on `upload-cut` with `faults()` from `provisioning.widgets`, delete the container
#   (`board.delete()`), and run the steps again. What do the lines of *Course is copied* say?
