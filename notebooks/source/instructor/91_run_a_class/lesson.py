# ---
# jupyter:
#   lesson:
#     title: Leases for a class
#     summary: a roster becomes a plan and leases, which are watched, mended and swept up
#     part: 9
#     id: leases
#     kind: guide
#     where: [hub]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Leases for a class
#
# *For instructors. Nothing here is graded, and students do not get this page.*
#
# Forty students who need a few machines of the right kind will not find them by chance in
# the week before a deadline. So you can make the leases yourself. Every cell is a command
# that you can also type in a terminal, after `msl`; there, `eval "$(.venv/bin/msl
# rehearsal up)"` switches on a rehearsal. [The guide](README.md) describes a complete
# term.

# %%
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd

from labs.sites.spec import load_spec
from provisioning.__main__ import app
from provisioning.classroom.plan import read_plan
from provisioning.lab import rehearsal
from provisioning.testbed.surroundings import rehearsing, site_clock

print(rehearsal.use())
folder = Path(tempfile.mkdtemp(prefix="class-"))


def msl(line):
    app(line.split(), standalone_mode=False)


# %% [markdown]
# ## The roster
#
# Use any CSV that your registrar exports, if one column is called `username`, `email`,
# `netid`, `user` or `login`. This column contains the name of the Chameleon account, or
# its address. `name` is the student's name in messages. `prefers` and `cannot` are times,
# such as `Tue 14-20; Wed; Thu 9:30-12`. Other columns are ignored. Two students with the
# same short name are refused here, before any lease is made.

# %%
names = ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john"]
roster = pd.DataFrame({"name": names, "netid": names, "prefers": "", "left": ""})
roster["name"] = roster["name"].str.title()
roster.loc[roster["netid"] == "grace", "prefers"] = "Mon; Tue; Wed"
roster_path = folder / "roster.csv"
roster.to_csv(roster_path, index=False)

# %% [markdown]
# ## The plan
#
# You choose the days and hours of your class. The plan leaves out machines that others
# have booked, and uses a later site option only for students who have no place on the
# first one. Each student has one block. If a student has no block, the sentences below
# the table give the reason and possible solutions. The calendars in `plan/` show the
# differences of another machine.

# %%
# Not today: a block that begins before its lease is made is refused.
tomorrow = site_clock().now().astimezone() + timedelta(days=1)
until = tomorrow + timedelta(days=3)
days = f"--from {tomorrow:%Y-%m-%d} --until {until:%Y-%m-%d}"
machines = "--type compute_liqid --type compute_gigaio"
msl(f"class plan model {roster_path} {days} {machines} --out {folder}/plan")

# %% [markdown]
# ## Reserve
#
# The leases carry the students' names, or pseudonyms, so each student's first cell finds
# the right lease. One refusal does not stop the others. Run the cell again to make only
# the missing leases.

# %%
for _ in range(2):
    msl(f"class reserve model {folder}/plan/plan.csv")

# %% [markdown]
# ## Watch
#
# This cell sends two requests to a site, for a class of any size. Run it as often as you
# like. In rehearsal, it moves the calendar into the first block; no student has started a
# machine yet.

# %%
if rehearsing():
    plan = read_plan(folder / "plan" / "plan.csv", load_spec("model"))
    first_start = plan[0].block.start
    rehearsal.advance_to(first_start + timedelta(hours=1))
msl(f"class watch model {roster_path}")

# %% [markdown]
# ## Students who have not come
#
# If a student has overslept, another one could have the node. You decide how long a lease
# may run without a machine before it counts as unused. On Chameleon, send a message
# first.

# %%
release = "--release" if rehearsing() else ""
msl(f"class no-shows model {roster_path} --grace-min 30 {release}")

# %% [markdown]
# ## Students who left, and forgotten resources
#
# Keep the line of a student who leaves the class in the roster, with a word in the column
# `left`: the cell lists, or releases, the student's resources. A sweep does the same for
# all resources that are no longer used. Resources in use are never deleted. In rehearsal,
# all students leave at the end, so that nothing remains.

# %%
if rehearsing():
    roster["left"] = "yes"
    roster.to_csv(roster_path, index=False)
    msl(f"class drop model {roster_path} --release")
msl("sweep")
