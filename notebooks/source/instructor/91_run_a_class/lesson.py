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
# make the leases yourself: a roster, days and hours, a deadline, and out comes who runs when. Then you watch who is
# where, and afterwards you sweep up.
#
# A terminal does the same, and writes calendars too: `msl class plan`, `msl class reserve`,
# `msl class watch`, `msl lease sweep`. In rehearsal it is switched over by
# `eval "$(.venv/bin/msl rehearsal up)"`. [The page beside this notebook](README.md) goes
# through a whole term.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import tempfile
from datetime import timedelta
from pathlib import Path

from provisioning import lab
from provisioning.classroom.leases import leases_at, no_shows, reserve_all, watch, watch_table
from provisioning.classroom.plan import Wish, make_plan, plan_text
from provisioning.classroom.roster import read_roster
from provisioning.planning.blocks import calendars_of
from provisioning.planning.zones import find_zone
from provisioning.rehearsal import drills
from provisioning.setup.release import survey, sweep, table
from provisioning.sites.spec import load_spec
from provisioning.testbed.surroundings import site_clock

# %% [markdown]
# ## The roster
#
# Any CSV that your registrar exports will do, as long as one column is called `username`, `email`, `netid`, `user` or
# `login`; take the name of the Chameleon account, or the address that it was made with. `name` is how you call them,
# `prefers` and `cannot` say when: `Tue 14-20; Wed; Thu 9:30-12`. Other columns are ignored. Two students whose
# names shorten to the same are refused here, and not in the middle of the night.

# %%
roster = Path(tempfile.mkdtemp(prefix="class-")) / "roster.csv"
names = ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john"]
wishes = {"grace": "Mon; Tue; Wed"}
lines = [f"{name.title()},{name},{wishes.get(name, '')}\n" for name in names]
roster.write_text("name,netid,prefers\n" + "".join(lines), encoding="utf-8")
students = read_roster(roster)
students[0]

# %% [markdown]
# ## The plan
#
# Which days and hours suit a class is yours to say. Machines that others have booked are left out, and a later site
# option is used only for those whom the first one cannot take. Each student has one block.

# %%
spec, clock, zone = load_spec("model"), site_clock(), find_zone()
begin = clock.now() + timedelta(hours=2)
wish = Wish(begin, begin + timedelta(days=3), zone)
calendars, _ = calendars_of(spec, lab.open_testbed)
there = leases_at(lab.open_testbed, calendars, "model")
use = {option: calendars[option] for option in spec.options[:2] if option in calendars}
plan = make_plan(students, spec, use, there, wish)
print(plan_text(plan))

# %% [markdown]
# Should somebody be without, the sentence below the table says what would help. Whoever is on a later option has
# another processor: `plan.seats[…].block.option.changes` says what that means for the lesson, and so do the calendars.
#
# ## Reserve
#
# The leases carry the students' names, so each student's first cell finds its own. One refusal does not stop the
# others, and running the cell again fills the gaps only.

# %%
for seat, what in reserve_all(lab.open_testbed, "model", plan.seats, clock.now()):
    print(f"{seat.student:<10}{what}")

# %%
{what for _, what in reserve_all(lab.open_testbed, "model", plan.seats, clock.now())}

# %% [markdown]
# ## Watch
#
# Two requests to the site, however large the class is. Run the cell again whenever you want to know. In rehearsal,
# the calendar is moved to the first block; nobody has booted anything yet.

# %%
first = plan.seats[0].block.start
testbed = lab.open_testbed(plan.seats[0].block.option.site)
if lab.rehearsing():
    drills.advance_to(first + timedelta(minutes=5))
print(watch_table(watch([testbed], "model", students, clock.now()), clock.now(), zone))

# %% [markdown]
# ## Who has not come
#
# Some student has overslept, and another one could have the node. How long a lease may run without a machine before it
# counts as that is yours to say. On Chameleon send a message first; here the rehearsed students do not mind.

# %%
if lab.rehearsing():
    drills.advance_to(first + timedelta(hours=1))
grace = timedelta(minutes=30)
found = no_shows(testbed, "model", [one.name for one in students], clock.now(), grace)
for each in found:
    print(f"{each.name}: {each.reason}")

# %%
if lab.rehearsing():
    for line in sweep(testbed, found, clock.now(), grace=grace):
        print(line)

# %% [markdown]
# A sweep of everything does the same for machines and addresses: look before you delete. What is in use is
# never touched, and the list is read again before anything goes.
#
# The leases of later blocks are still to come. In rehearsal, they are given back here, so that nothing stays.

# %%
if lab.rehearsing():
    mine = {f"serve-model-{one.name}" for one in students}
    for option, lease in leases_at(lab.open_testbed, calendars, "model"):
        if lease.name in mine:
            lab.open_testbed(option.site).delete_lease(lease.id)
print(table(survey(testbed, clock.now())))
