# ---
# jupyter:
#   lesson:
#     id: target
#     title: Choose for the device
#     summary: three limits, a recommendation that says where it was measured, and the board given back
#     part: 2
#     kind: core
#     where: [hub]
#     needs: [pi]
#     ports: []
#     machine_minutes: 3
#     takes: {files: [latency edge-fp32, accuracy edge-fp32]}
# ---

# %% [markdown]
# # Choose for the device
#
# **Prerequisites:** *Run on the Pi*. **Runs on:** a laptop in a rehearsal, or Chameleon's
# Jupyter.
#
# The app's developer, a designer and the manager meet. The manager needs a sentence to
# sign. **Is one of your files good enough for the app, and did you measure that on a
# processor like the phone's?** First give the board back, because other students are
# waiting for it. Your records contain everything that you need to choose, and they are on
# your computer.

# %%
from provisioning.lab import rehearsal

print(rehearsal.use())

# %%
import pandas as pd

from labs.checkpoints import check
from labs.records.decision import decide, table
from labs.records.ledger import ledger
from labs.records.options import by_machine
from labs.records.targets import target
from provisioning import lab
from provisioning.lab import facts
from provisioning.lab.device import leased
from provisioning.testbed.surroundings import site_clock

# %% [markdown]
# ## Release
#
# The files on the board are deleted with its container, so `pull` comes first.
# python-chi's `delete()` removes only the container. The lease would continue, and the
# floating IP, its public address, would stay yours although it leads nowhere. In a class
# that shares a project, the last student before a deadline would then read "no floating
# IP left". `give_back` deletes everything that carries your name, the lease last, and
# ends when the site no longer lists any of it. (If this cell reports that there is no
# lease, you have already given the board back: continue at *Choose*.)

# %% question="target.released"
option, testbed = leased("edge")
ledger().observe("edge.lease_at_release", facts.of_lease(testbed, "edge"))
print("home:", lab.pull("edge", testbed))
busy = ledger().read().latest(kind="latency", option="edge-busy")  # by *Run on the Pi*
measured = busy is not None
steps = lab.give_back("edge", testbed, measured=measured, sure=False)
print(*steps, sep="\n")
holdings = facts.of_holdings(testbed, "edge", site_clock().now())
ledger().observe("edge.release", holdings)
check("target.released")

# %% [markdown]
# ## Choose
#
# The device has three limits:
#
# - The median time of one photo is **< 15 ms**. No network adds a delay, so this is more
#   than on the server.
# - The file has **< 5 MB**, because people mind how much storage an app takes.
# - The accuracy is kept. It is not enough that few answers were lost: the *lower* end of
#   the interval over drawings must stay above −3 points.
#
# The table shows the options of the machine that measured `edge-fp32` last, with that
# interval against float32. Is this machine a board, or a rehearsal?

# %%
records = ledger().read()
*_, options = by_machine(records, "edge-fp32").values()
edge_options = [each for each in options if each.option.startswith("edge-")]
judged = decide(edge_options, target("device"))
machine = records.latest(kind="latency", option="edge-fp32").machine
rehearsed = machine.testbed.get("site") == "rehearsal"
played = rehearsed or machine.architecture != "aarch64"
print(machine.label, "(a rehearsal)" if played else "(a device)")
points = {}
for row in judged:
    interval = row.option.loss.interval
    points[row.option.option] = (100 * interval.low, 100 * interval.high)
shown = table(judged)[["one photo, ms", "MB", "right"]]
shown["right"] = shown["right"].astype(int)
shown[["points, low", "points, high"]] = pd.DataFrame(points).T
shown.style.format(precision=2)


# %% question="target.budget"
def broken_bounds(median_ms, size_bytes, points):
    """Return the list of broken limits, in this order: 'time', 'size', 'accuracy'.

    The median must be below 15 ms and the file below 5,000,000 bytes. points is the
    interval of the accuracy against float32, (low, high), where -2.0 is a loss of two
    points; its lower end must be above -3. A figure exactly at a limit breaks it. If all
    three limits are kept, the list is empty.

    broken_bounds(20.0, 2_000_000, (-1.0, 0.5)) is ["time"].
    """
    ### BEGIN SOLUTION
    bounds = {
        "time": median_ms < 15,
        "size": size_bytes < 5_000_000,
        "accuracy": points[0] > -3,
    }
    return [bound for bound, is_kept in bounds.items() if not is_kept]
    ### END SOLUTION


check("target.budget", broken_bounds)

# %% [markdown]
# `decide` applies the same three limits, also on the manager's board. It puts the options
# that keep all of them first, the most accurate at the top.

# %%
shown = table(judged)[["accuracy", "meets"]]
for row in judged:
    name = row.option.option
    median_ms = 1000 * row.option.p50_s.value
    broken = broken_bounds(median_ms, row.option.size_bytes.value, points[name])
    shown.loc[name, "broken, by your function"] = " and ".join(broken)
shown

# %% [markdown]
# ## Defend
#
# The recommendation has the same parts as that for the server, without the threads and
# with one new part: *where* you measured. A sentence about a Pi that rests on a rehearsal
# must say so. Choose a file that you optimized, as for the server. Which figures hold on
# another machine? A file has the same size everywhere, and nearly the same answers. Its
# milliseconds hold for one machine only. You may compare a ratio that was measured on one
# machine with a ratio from another.
#
# An x86 laptop without VNNI adds the products of bytes in 16 bits (*Quantize*), and
# sums saturate. If no file keeps its accuracy there, recommend one all the same: a
# board adds in 32 bits.

# %% question="target.choice"
### BEGIN SOLUTION
best = next(row.option for row in judged if row.option.option != "edge-fp32")
float32 = next(row.option for row in judged if row.option.option == "edge-fp32")
lost = float32.right - best.right
choice = {
    "option": best.option,
    "where": "rehearsal" if played else "device",
    "evidence": {"p50_ms": 1000 * best.p50_s.value, "right": int(best.right)},
    "price": f"{lost:.0f} right answers fewer than float32, and a new calibration after "
    "each training.",
    "would_change_my_mind": "A phone that takes longer than 15 ms for a photo in the "
    "fifth minute: then I would give the network fewer pixels.",
}
### STUB
choice = {
    "option": ...,
    "where": ...,  # "device" or "rehearsal"
    # As in the first table, p50_ms with two decimals:
    "evidence": {"p50_ms": ..., "right": ...},
    "price": ...,
    "would_change_my_mind": ...,
}
### END SOLUTION
check("target.choice", choice)

# %% [markdown]
# ## What you found
#
# You have a file, a figure, the machine that it was measured on, and a board that the
# next student can use.
#
# **Try it yourself**
#
# - The app should also run on phones at half the price. Which of your records tell you
#   something about them, and which do not?
# - A colleague finds your recommendation in a year. Can they tell which file it means?
#   What is missing for that?
# - Delete a container with its own `delete()`, and count with `facts.of_holdings` what
#   the site still lists for you.

# %% [markdown]
# ## Read more
#
# - [Model Cards for Model Reporting](https://arxiv.org/abs/1810.03993) (M. Mitchell et
#   al., FAT* 2019): which facts belong to a model that you hand on.
# - [Serving machine learning models on edge
#   devices](https://teaching-on-testbeds.github.io/serve-edge-chi/) (F. Fund, 2025): the
#   source of the 15 ms and the 5 MB.
# - [MLPerf Inference Benchmark](https://arxiv.org/abs/1911.02549) (V. J. Reddi et al.,
#   ISCA 2020): its single-stream scenario measures what a phone's user waits for.
