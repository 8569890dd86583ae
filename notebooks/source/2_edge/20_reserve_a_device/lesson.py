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
# **Prerequisites:** *Reserve a machine*, which explains each call of a lease. **Runs
# on:** a laptop in a rehearsal, or Chameleon's Jupyter.
#
# **Based on:** Fraida Fund's lab [Serving machine learning models on edge
# devices](https://teaching-on-testbeds.github.io/serve-edge-chi/) (© 2025
# teaching-on-testbeds, MIT licence). The device and its targets come from this lab.
#
# GourmetGram's app should name a dish on the phone itself, also where there is no
# network. Chameleon lends no phones, so a Raspberry Pi 5 plays one: it costs sixty euros,
# and it has Cortex-A76 cores, which are also used in phones. CHI@Edge, Chameleon's site
# for small computers, lends seven of these boards, each to one person at a time, for two
# hours. But you get no server there: no SSH, no key, no password. You get a
# **container**: a program with its own files, started on the device from an **image**, a
# package of these files. **How do you measure on a computer that you cannot log in to?**

# %%
from provisioning.lab import rehearsal

print(rehearsal.use())

# %%
import os
from datetime import datetime

import pandas as pd
from chi import container, context, hardware, lease

from labs.checkpoints import check
from labs.records.ledger import ledger
from labs.workspace import programs_dir
from provisioning import lab
from provisioning.lab import facts
from provisioning.setup.reach import ports_of
from provisioning.widgets import lease_countdown, planner, provisioning_progress

# %% [markdown]
# ## Reserve
#
# CHI@Edge lists its hardware as devices. A device is not wiped between two users; only
# its container is stopped. So a block ends five minutes before the hour here. Choose a
# block that suits you in the planner, without its *Reserve* button.

# %%
context.use_project(os.environ.get("OS_PROJECT_NAME"))
context.use_site("CHI@Edge")
devices = hardware.get_devices(device_type="raspberrypi5")
print([device.device_name for device in devices])
plan = planner("edge")
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
# Now make the same three calls as in *Reserve a machine*, with one difference: the second
# call is `add_device_reservation(amount=1, device_name=…)`, because a device is not a
# node. Call your lease `mine`.

# %% question="device.lease"
### BEGIN SOLUTION
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_device_reservation(amount=1, device_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
### END SOLUTION
testbed = lab.open_testbed("CHI@Edge")
ledger().observe("edge.lease", facts.of_lease(testbed, "edge"))
check("device.lease")

# %% [markdown]
# On Chameleon, you return when your block begins, and run all cells once more: `submit`
# finds your lease by its name. In a rehearsal, the next cell moves the clock to that time. It
# then waits for the lease and checks its status, because `wait` also returns if the
# status is `ERROR`.

# %%
reserved = facts.of_lease(testbed, "edge")
if lab.rehearsing():
    start = datetime.fromisoformat(reserved["start"])
    rehearsal.advance_to(start)
mine = lease.get_lease(reserved["name"])
mine.wait(show=None)
if mine.status != "ACTIVE":
    raise RuntimeError(
        f"The lease is {mine.status} and starts at {reserved['start']}. Come back "
        "then, and run this cell again."
    )

# %% [markdown]
# ## Start a container
#
# A Raspberry Pi has an Arm processor, so its image must be built for Arm. Many images are
# built only for x86. You must open ports when you make the container; later is too late.
# You need these values:

# %%
name = reserved["name"]
option = lab.find_option(lab.open_testbed, "edge", name)
opened = [f"{port}/tcp" for port in ports_of("edge")]
reservation = mine.device_reservations[0]["id"]
needed = {
    "name": name,
    "option.image": option.image,
    "opened": opened,
    "reservation": reservation,
}
pd.Series(needed, name="value").to_frame()

# %% [markdown]
# Make `first`, a
# `container.Container(name, image_ref=…, exposed_ports=…, reservation_id=…)`, and call
# its `submit(idempotent=True, show=None)`, which waits until the container runs.
# Afterwards, always look the container up by its name, with
# `container.get_container(name)`. If you run the cell twice, `submit` finds the container
# and *returns* it. The object that you made then has no `id`, and reading its `status`
# raises an `AttributeError` about `NoneType`.

# %% question="device.container"
### BEGIN SOLUTION
first = container.Container(
    name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation
)
first.submit(idempotent=True, show=None)
### END SOLUTION
board = container.get_container(name)
if board is not None:
    zun = board.zun_container
    seen = {"status": zun.status, "image": zun.image, "ports": sorted(zun.ports)}
    ledger().observe("edge.container", seen)
check("device.container")

# %% [markdown]
# If the image were built for another processor, the status would be `Error`, and
# `submit` would return without an error. Now run a first command in the container. You
# get its output and its exit code as text. (In a rehearsal, your computer plays the
# device, so the command prints your computer's architecture.)

# %%
board.execute("uname -m")

# %% [markdown]
# The container service runs the command without a shell. If you need a pipe, `&&` or
# `$HOME`, put `sh -c '…'` around the command.
#
# ## Send a script, fetch its answer
#
# On a device you have only three calls, and you need no others:
# `upload(file, folder_there)`, `execute(command)`, `download(file_there, folder)`. The
# next cells write a script that records where it runs, send it to the device, run it
# there, and fetch its answer. Download a folder, not a file: CHI@Edge finds a single file
# only in the container's working folder, and returns an empty archive for any other.

# %%
folder = programs_dir() / "device"
folder.mkdir(exist_ok=True)

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
answers = Path(__file__).with_name("answers")
answers.mkdir(exist_ok=True)
(answers / "about.json").write_text(json.dumps(about))

# %%
board.upload(str(folder / "about.py"), "/tmp")
print(board.execute("python3 /tmp/about.py"))
board.download("/tmp/answers", str(folder))
print((folder / "about.json").read_text())

# %% [markdown]
# This answers the question of this lesson: a measurement is a script that travels to the
# device and a file that comes back. You will measure everything on the Pi in this way.
#
# ## The remaining steps
#
# The device still needs the course, its libraries and the photos. `prepare` installs them
# in *steps*, parts of the set-up that can be repeated. Each step first checks whether
# its work is done. The first two find the lease and the container that you have made.
# After an interruption, run the cell again. `*` marks the steps that determine how long
# the set-up takes. You can read on while they run.

# %%
run = lab.prepare("edge", option, testbed=testbed)
print(run.plan.text())
progress = provisioning_progress(run)
progress.run()

# %%
machine = ledger().observe("edge.machine", facts.of_machine(testbed, "edge"))
machine["statuses"], machine["held"], machine["checks"]

# %% [markdown]
# You made one container, the steps found it, and there is still only one. A check marked
# `rehearsed` was only imitated: your computer is no Raspberry Pi.

# %%
lease_countdown(run)

# %% [markdown]
# ## What you found
#
# - You cannot log in to the device, but `upload`, `execute` and `download` are enough to
#   measure there.
#
# You do *Measure for the device* at home, and *Run on the Pi* from here when your files
# are ready; the device is in Chameleon's rack. In a rehearsal, continue with the next
# lesson.
#
# **Try it yourself**
#
# - `board.execute` is your shell. Write `ask(line)` around it, which runs a line with
#   `sh -c` and prints the output. Look around with it: `ask("cat /proc/cpuinfo | head")`.
#   What is missing, compared with an SSH session?
# - The last machine in the planner is a Raspberry Pi 4. What does the planner say would
#   change for your 8-bit model, and why?
# - `container.get_logs(board.id)` returns the output of the image's own program. Where is
#   Jupyter's token in it?
# - In a rehearsal, turn on `upload-cut` with `faults()` from `provisioning.widgets`,
#   delete the container (`board.delete()`), and run the steps again. What do the lines of
#   *Course is copied* report?

# %% [markdown]
# ## Read more
#
# - [CHI@Edge: getting
#   started](https://chameleoncloud.gitbook.io/chi-edge/getting-started) (Chameleon
#   documentation): its devices, images and limits.
# - [chi.container](https://python-chi.readthedocs.io/en/latest/modules/container.html)
#   (python-chi documentation): all calls on a container.
# - [Serving machine learning models on edge
#   devices](https://teaching-on-testbeds.github.io/serve-edge-chi/) (F. Fund, 2025): the
#   lab on which this part is based, with the same board.
