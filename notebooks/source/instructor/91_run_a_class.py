# ---
# jupyter:
#   lesson:
#     title: Leases for a class
#     summary: a roster and slots become leases, are watched and swept up
#     part: 9
#     number: "91"
#     minutes: 20
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
# make the leases yourself: a roster, some slots, one machine a student. Then you watch who is where, and afterwards
# you sweep up.
#
# A terminal does the same: `python -m provisioning class reserve`, `… class watch`, `… sweep`. In rehearsal it is
# switched over by `eval "$(python -m provisioning rehearsal env)"`.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import tempfile
from datetime import timedelta
from pathlib import Path

from provisioning import lab
from provisioning.planning.capacity import assign, read_roster, reserve_all, watch, watch_table
from provisioning.planning.zones import find_zone
from provisioning.rehearsal import drills
from provisioning.sites.spec import load_spec
from provisioning.sweep import survey, sweep, table

# %% [markdown]
# ## The roster
#
# Any CSV that your registrar exports will do, as long as one column is called `username`, `netid`, `user`, `login` or
# `email`. Other columns are ignored. Two students whose names shorten to the same are refused here, and not in the
# middle of the night.

# %%
roster = Path(tempfile.mkdtemp(prefix="class-")) / "roster.csv"
names = ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john"]
roster.write_text("name,netid\n" + "".join(f"{name.title()},{name}\n" for name in names), encoding="utf-8")
students = read_roster(roster)
students

# %% [markdown]
# ## The slots
#
# Which hours suit a class is yours to say. Here: two blocks of three hours, the first one at the next full hour but
# one. A seat is one student on one named machine in one block. Machines that others have booked are left out.

# %%
spec, clock = load_spec("model"), drills.site_clock()
option = spec.options[0]
testbed = lab.open_testbed(option.site)
first = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
slots = [first, first + timedelta(hours=spec.hours)]
seats, without = assign(students, spec, option, testbed.resources(option.resource, option.type), slots)

# %%
zone = find_zone()
for seat in seats:
    print(f"{seat.student:<10}{seat.block.resource:<20}{seat.block.local(zone)}")
print(f"without a seat: {', '.join(without) or 'nobody'}")

# %% [markdown]
# Should somebody be without, add a slot, or do the same with the next site option (`spec.options[1]`), and
# tell those students that their processor is another one.
#
# ## Reserve
#
# The leases carry the students' names, so each student's lesson 09 finds its own. One refusal does not stop the
# others, and running the cell again fills the gaps only.

# %%
for seat, what in reserve_all(testbed, "model", seats):
    print(f"{seat.student:<10}{what}")

# %%
{what for _, what in reserve_all(testbed, "model", seats)}

# %% [markdown]
# ## Watch
#
# Two requests to the site, however large the class is. Run the cell again whenever you want to know. In rehearsal,
# the calendar is moved to the first block; nobody has booted anything yet.

# %%
if lab.rehearsing():
    drills.advance_to(first + timedelta(minutes=5))
print(watch_table(watch(testbed, "model", students), clock.now(), zone))

# %% [markdown]
# ## Sweep
#
# An hour later: whose lease is active and has no machine on it? After 45 minutes of that a sweep takes it for an
# orphan. Some student has overslept, and another one could have the node.

# %%
if lab.rehearsing():
    drills.advance_to(first + timedelta(hours=1))
found = survey(testbed, clock.now())
print(table(found))

# %% [markdown]
# Look before you delete: what is in use is never touched, and the list is read again before anything goes. On
# Chameleon send a message first; here the rehearsed students do not mind.

# %%
if lab.rehearsing():
    for line in sweep(testbed, found, clock.now()):
        print(line)

# %% [markdown]
# The leases of the second block are still to come. In rehearsal, they are given back here, so that nothing stays.

# %%
if lab.rehearsing():
    ours = [lease for lease in testbed.leases() if lease.name.removeprefix("serve-model-") in students]
    for lease in ours:
        testbed.delete_lease(lease.id)
print(table(survey(testbed, clock.now())))
