# ---
# jupyter:
#   lesson:
#     id: target
#     title: Choose for the device
#     summary: three bounds, a recommendation that says where it was measured, and the board given back
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
# The canteens' buyer, the technician and the manager sit at one table. The manager wants a sentence to sign. **Is one
# of your files good enough for the box, and was your figure measured on such a box at all?** First give the board back,
# because other students wait for it. All that you need to choose is in your records, and they are at home.

# %%
from provisioning import rehearsal

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
# The files on the board are deleted with its container, so `pull` comes first. python-chi's own `delete()` would remove
# the container alone: the lease would go on, and the floating IP would stay yours, although it leads nowhere. In a
# class that shares a project, the last student before a deadline then reads "no floating IP left". `give_back` deletes
# everything that carries your name, the lease last, and ends when the site no longer lists any of it. (If this cell
# says that there is no lease, you have given the board back already: go on with *Choose*.)

# %% question="target.released"
option, testbed = leased("edge")
ledger().observe("edge.lease_at_release", facts.of_lease(testbed, "edge"))
print("home:", lab.pull("edge", testbed))
measured = (
    ledger().read().latest(kind="latency", option="edge-busy") is not None
)  # by *Run on the Pi*
print(*lab.give_back("edge", testbed, measured=measured, sure=False), sep="\n")
ledger().observe("edge.release", facts.of_holdings(testbed, "edge", site_clock().now()))
check("target.released")

# %% [markdown]
# ## Choose
#
# The device has three bounds: the median time of one photo is **< 15 ms**, the file has **< 5 MB**, and the accuracy is
# kept. For the last one it is not enough that few answers were lost: of the interval over drawings, the lower end has
# to stay above −3 points. The table has the options of the machine that measured `edge-fp32` last, and that interval
# against float32. Is the machine a board, or a rehearsal?

# %%
records = ledger().read()
*_, options = by_machine(records, "edge-fp32").values()
judged = [
    each
    for each in decide(options, target("device"))
    if each.option.option.startswith("edge-")
]
machine = records.latest(kind="latency", option="edge-fp32").machine
played = machine.testbed.get("site") == "rehearsal" or machine.architecture != "aarch64"
print(machine.label, "(a rehearsal)" if played else "(a device)")
points = {
    each.option.option: (
        100 * each.option.loss.interval.low,
        100 * each.option.loss.interval.high,
    )
    for each in judged
}
shown = table(judged)[["one photo, ms", "MB", "right"]]
shown["right"] = shown["right"].astype(int)
shown.join(pd.DataFrame(points, index=["points, low", "points, high"]).T).style.format(
    precision=2
)


# %% question="target.budget"
def broken_bounds(median_ms, size_bytes, points):
    """Return the list of broken bounds, in this order: 'time', 'size', 'accuracy'; an empty list if all three are kept.
    points is the interval of accuracy against float32, (low, high): -2.0 is a loss of two points."""
    ### BEGIN SOLUTION
    kept = {
        "time": median_ms < 15,
        "size": size_bytes < 5_000_000,
        "accuracy": points[0] > -3,
    }
    return [bound for bound, is_kept in kept.items() if not is_kept]
    ### END SOLUTION


check("target.budget", broken_bounds)

# %% [markdown]
# `decide` judges by the same three bounds, on the manager's board as well. It puts first what keeps all of them, the
# most accurate before the others.

# %%
shown = table(judged)[["accuracy", "meets"]]
shown["broken, by your function"] = [
    " and ".join(
        broken_bounds(
            1000 * each.option.p50_s.value,
            each.option.size_bytes.value,
            points[each.option.option],
        )
    )
    for each in judged
]
shown

# %% [markdown]
# ## Defend
#
# The same four parts as for the server, and a fifth: *where*. A sentence about a Pi that rests on a rehearsal has to
# say so. What may you say across machines? A file has the same size everywhere, and nearly the same answers. Its
# milliseconds belong to one machine; only a ratio that was measured on one machine may stand beside a ratio from
# another.

# %% question="target.choice"
### BEGIN SOLUTION
best = judged[0].option
floats = next(each.option for each in judged if each.option.option == "edge-fp32")
choice = {
    "option": best.option,
    "where": "rehearsal" if played else "device",
    "evidence": {"p50_ms": 1000 * best.p50_s.value, "right": int(best.right)},
    "price": f"{floats.right - best.right:.0f} right answers fewer than float32, and a new calibration after each "
    "training.",
    "would_change_my_mind": "A board in its closed box that takes longer than 15 ms in the fifth minute: then it gets "
    "a fan, or fewer pixels.",
}
### STUB
choice = {
    "option": ...,
    "where": ...,  # "device" or "rehearsal"
    "evidence": {
        "p50_ms": ...,
        "right": ...,
    },  # as in the first table, p50_ms with two decimals
    "price": ...,
    "would_change_my_mind": ...,
}
### END SOLUTION
check("target.choice", choice)

# %% [markdown]
# ## What you found
#
# A file, a figure, the machine that it was measured on, and a board that the next student can use.
#
# - The buyer asks for a box at half the price. Which of your records say something about it, and which do not?
# - A colleague finds your recommendation in a year. Can they tell which file it means? What is missing for that?
# - Delete a container with its own `delete()`, and count with `facts.of_holdings` what the site still holds.
#
