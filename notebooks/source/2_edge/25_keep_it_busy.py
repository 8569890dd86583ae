# ---
# jupyter:
#   lesson:
#     title: Keep it busy
#     summary: "load without a pause: temperature, clock, throttle flags, joules"
#     part: 2
#     number: "25"
#     minutes: 25
#     kind: extra
#     where: [any]
#     needs: ["23"]
#     ports: []
#     machine_minutes: 15
# ---

# %% [markdown]
# # Keep it busy
#
# Noon. Four hundred pupils in forty minutes, a photo of every tray, and the box hangs in a closed cupboard above the
# dishwasher. Your measurement of lesson 23 took a few seconds at room temperature. A processor that grows hot protects
# itself: it lowers its clock. Then the same file, the same code and the same photo take longer, and nobody has changed
# anything.
#
# ## You will do
#
# Keep the device under load without a pause, watch latency, temperature and clock together, read the flags by which a
# Raspberry Pi says that it is held back, and work out what a photo costs in energy.
#
# ## You will learn
#
# - why a latency needs the minute in which it was measured;
# - what a machine tells of its heat, and that silence is not the same as zero;
# - how power, time and photos become joules, and what such a figure covers.
#
# ## You need
#
# Lesson 23. 25 minutes. A real device is kept busy for five of them, a rehearsal for four
# *seconds*: no laptop in a rehearsal grows as hot as a box in a cupboard, and a virtual machine has no thermometer.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import endurance
from labs.edge.job import Candidate
from labs.edge.making import part_1_files
from labs.edge.sustained import energy_a_picture_j
from labs.machine.heat import FLAGS
from labs.records.format import milliseconds
from labs.widgets import measure_there
from labs.workspace import ledger, models_dir
from provisioning.device import open_device

# %%
device = open_device()
file = part_1_files(models_dir())["edge-int8-s8s8"]
print(device, [one.how for one in device.bring([file])])

# %% [markdown]
# ## Predict
#
# After the whole time under load: how many times as long will a photo take as in the beginning? 1 means no change.

# %% checkpoint="e.busy.slowdown_guess"
predict("e.busy.slowdown_guess", ...)

# %% [markdown]
# ## Act
#
# ### What the device tells
#
# Before you load it, look at what can be read. A Raspberry Pi shows a temperature, a clock, and flags; other machines
# show less. Power is read from the Pi 5's own power chip, from a processor's energy counter, or from a battery; each of
# these covers something else.

# %%
vitals = device.ask(["-m", "labs.edge", "vitals"])
vitals["heat"], vitals["power"]

# %% [markdown]
# `None` is not 0. It means that the machine does not say, and then nothing may be claimed about it. Which of
# `"temperature"`, `"frequency"` and `"throttle flags"` does this device *not* tell, and can its power be read?

# %%
seen = ledger().observe("edge.vitals", {name: vitals[name] for name in ("machine", "heat", "unreadable", "power")})
seen["machine"]["cpu_model"], seen["power"]

# %% checkpoint="e.busy.told"
# A list of what it does not tell (empty where it tells all three), and True or False.
answer("e.busy.told", {"not_told": [...], "power": ...})

# %%
check("e.busy.told")

# %% [markdown]
# ### The flags
#
# The Pi packs its flags into one number. Each bit is a statement; bits 0 to 3 are about now, bits 16 to 19 about any
# time since it was switched on:

# %%
FLAGS

# %% [markdown]
# A colleague reads `throttled=0xe0008` from a box that hangs above a dishwasher. Which bits are set?

# %% checkpoint="e.busy.flags"
# A list of bit numbers.
answer("e.busy.flags", [...])

# %%
check("e.busy.flags")

# %% [markdown]
# ## Measure
#
# One photo after the other, without a pause. Go and get a coffee, or stay and watch the temperature.

# %%
predicted("e.busy.slowdown_guess")
(busy,) = measure_there(device, "sustained", [Candidate("edge-int8-s8s8-busy", file.name)], ledger=ledger())
endurance(busy)

# %%
reconcile("e.busy.slowdown_guess")

# %% [markdown]
# `busy.details["windows"]` holds one entry for each look: `t_s`, `p50_s`, `calls`, and what the machine told. Compare
# the median of the *last fifth* of the windows' `p50_s` with the median of the *first fifth*.

# %%
windows = busy.details["windows"]
len(windows), [milliseconds(window["p50_s"]) for window in windows[:3]]

# %% checkpoint="e.busy.slowdown"
# The ratio; and "held back", "not held back" or "cannot tell", by the flags of the last window.
answer("e.busy.slowdown", {"ratio": ..., "claim": ...})

# %%
check("e.busy.slowdown")

# %% [markdown]
# ## Checkpoint
#
# ### Energy
#
# Power is joules a second. So the joules of one photo are the mean power times the seconds, over the photos: all three
# are in the record. The idle machine takes power too, which is in this figure: a box that is switched on all day pays
# for that as well.

# %%
energy_a_picture_j(busy), busy.details["energy_covers"], busy.details["unreadable"]

# %% [markdown]
# Suppose a Pi 5 under this load draws 7 W from its power supply, and answers 120 photos a second. How many joules does
# a photo take, and how many photos would a phone's battery of 15 Wh last for?

# %% checkpoint="e.busy.energy"
answer("e.busy.energy", {"joules_a_photo": ..., "photos": ...})

# %%
check("e.busy.energy")

# %%
check("e.busy.slowdown_guess")

# %% [markdown]
# The numbers of that question are invented; yours, if the device tells them, are in the record. And the box above the
# dishwasher? Its flags say that it was held back, now and before. The cure is a fan, a shorter burst, fewer threads, or
# a model that works less.
#
# ## On your own
#
# - On a real device: let it cool, and run the same with one thread. It is slower at first. Is it slower in the fifth
#   minute?
# - A tray every six seconds is no load without a pause. How hot does it get with pauses? Write down first what you
#   expect.
# - Which of the machines in your ledger would you trust with a p99, and for which minute?
