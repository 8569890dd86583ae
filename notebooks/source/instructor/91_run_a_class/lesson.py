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
# *For instructors. Nothing here is graded, and none of it reaches students.*
#
# Forty students and a few machines of the right kind do not meet by chance in the week before a deadline. So you can
# make the leases yourself. Every cell is a command that you can also type in a terminal, after `msl`; there a rehearsal
# is switched on by `eval "$(.venv/bin/msl rehearsal up)"`. [The page beside](README.md) goes through a whole term.

# %%
import tempfile
from datetime import timedelta
from pathlib import Path

from provisioning import rehearsal
from provisioning.__main__ import app
from provisioning.classroom.plan import read_plan
from provisioning.rehearsal import drills
from provisioning.sites.spec import load_spec
from provisioning.testbed.surroundings import rehearsing, site_clock

print(rehearsal.use())
folder = Path(tempfile.mkdtemp(prefix="class-"))


def msl(line):
    app(line.split(), standalone_mode=False)


# %% [markdown]
# ## The roster
#
# Any CSV that your registrar exports will do, as long as one column is called `username`, `email`, `netid`, `user` or
# `login`; take the name of the Chameleon account, or the address that it was made with. `name` is how you call them,
# `prefers` and `cannot` say when: `Tue 14-20; Wed; Thu 9:30-12`. Other columns are ignored. Two students whose
# names shorten to the same are refused here, and not in the middle of the night.

# %%
names = ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john"]
lines = [
    f"{name.title()},{name},{'Mon; Tue; Wed' if name == 'grace' else ''}\n"
    for name in names
]
(folder / "roster.csv").write_text(
    "name,netid,prefers,left\n" + "".join(lines), encoding="utf-8"
)

# %% [markdown]
# ## The plan
#
# Which days and hours suit a class is yours to say. Machines that others have booked are left out, and a later site
# option is used only for those whom the first one cannot take. Each student has one block. Should somebody be without,
# the sentences below the table say why, and what would help. The calendars in `plan/` say what another machine changes.

# %%
# Not today: a block that begins before its lease is made is refused.
tomorrow = site_clock().now().astimezone() + timedelta(days=1)
until = tomorrow + timedelta(days=3)
days = f"--from {tomorrow:%Y-%m-%d} --until {until:%Y-%m-%d}"
machines = "--type compute_liqid --type compute_gigaio"
msl(f"class plan model {folder}/roster.csv {days} {machines} --out {folder}/plan")

# %% [markdown]
# ## Reserve
#
# The leases carry the students' names, or pseudonyms, so each student's first cell finds its own. One refusal does not
# stop the others, and running the cell again fills the gaps only.

# %%
for _ in range(2):
    msl(f"class reserve model {folder}/plan/plan.csv")

# %% [markdown]
# ## Watch
#
# Two requests to a site, however large the class is. Run the cell again whenever you want to know. In rehearsal,
# the calendar is moved into the first block; nobody has booted anything yet.

# %%
if rehearsing():
    drills.advance_to(
        read_plan(folder / "plan" / "plan.csv", load_spec("model"))[0].block.start
        + timedelta(hours=1)
    )
msl(f"class watch model {folder}/roster.csv")

# %% [markdown]
# ## Who has not come
#
# Some student has overslept, and another one could have the node. How long a lease may run without a machine before it
# counts as that is yours to say. On Chameleon send a message first; here the rehearsed students do not mind.

# %%
msl(
    f"class no-shows model {folder}/roster.csv --grace-min 30{' --release' * rehearsing()}"
)

# %% [markdown]
# ## Who has left, and what was left behind
#
# Whoever leaves the class keeps the line in the roster, with a word in the column `left`: what they still hold is
# listed, or given back. A sweep does the same for whatever nobody uses. What is in use is never touched. In rehearsal,
# all leave at the end, so that nothing stays.

# %%
if rehearsing():
    (folder / "roster.csv").write_text(
        "netid,left\n" + "".join(f"{name},yes\n" for name in names), encoding="utf-8"
    )
    msl(f"class drop model {folder}/roster.csv --release")
msl("sweep")
