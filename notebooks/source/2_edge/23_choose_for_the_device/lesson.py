# ---
# jupyter:
#   lesson:
#     id: target
#     title: Choose for the device
#     summary: the file against its budget, a recommendation that says where, and the board given back
#     part: 2
#     kind: core
#     where: [hub]
#     needs: [pi]
#     ports: []
#     machine_minutes: 5
#     takes: {files: [latency edge-fp32, accuracy edge-fp32]}
# ---

# %% [markdown]
# # Choose for the device
#
# The canteens' buyer, the technician and the manager sit at one table. The manager wants a sentence to sign. **Is one
# of your files good enough for the box, and does your figure come from a box at all?** First the board goes back,
# because somebody waits for it. You choose from the records, and they are here.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import pandas as pd
from chi import container, context

from labs.checkpoints import check, predict, predicted
from labs.records.candidates import choosable
from labs.records.ledger import ledger
from provisioning import lab
from provisioning.lab import facts
from provisioning.lab.device import leased
from provisioning.sites.spec import resource_name
from provisioning.testbed.surroundings import site_clock

# %% [markdown]
# ## Predict
#
# You will delete the container with python-chi's own `delete()`, and nothing else. How many things will the site then
# still count under your name? Before, there are three: the lease, the container, and its floating IP.

# %%
predict("target.left", things=...)

# %% [markdown]
# ## Release
#
# What lies on the board goes with it, so `pull` comes first. (Where this cell says that there is no lease, you have
# given the board back already: go on with *Choose*.)

# %%
guesses = predicted("target.left")
option, testbed = leased("edge")
ledger().observe("edge.lease_at_release", facts.of_lease(testbed, "edge"))
print("home:", lab.pull("edge", testbed))
context.use_site(option.site)
if board := container.get_container(resource_name("edge")):
    board.delete()
while any(one.name == resource_name("edge") for one in testbed.machines()):  # a deletion is a request, too
    site_clock().sleep(lab.poll_s())
left = ledger().observe("edge.after_delete", facts.of_holdings(testbed, "edge", site_clock().now()))
pd.DataFrame({"still counted": [", ".join(left["held"])], "things": len(left["held"]), "predicted": guesses["things"]})

# %% [markdown]
# An address that is bound to nothing serves nobody, and is missing in the pool. In a class that shares a project, the
# last student before a deadline gets "no floating IP left" that way. `give_back` deletes everything that carries your
# name, the lease last, and believes nothing before the site no longer lists it.

# %% question="target.released"
print(*lab.give_back("edge", testbed), sep="\n")
ledger().observe("edge.release", facts.of_holdings(testbed, "edge", site_clock().now()))
check("target.released")

# %% [markdown]
# ## Choose
#
# The target for the device is one photo in less than 15 ms, and a file of less than 5 MB. Accuracy may fall by one
# point. The table has the machine that measured `edge-fp32` last. Is it a board, or a rehearsal?

# %%
records = ledger().read()
machine = records.latest(kind="latency", option="edge-fp32").machine
played = machine.testbed.get("site") == "rehearsal" or machine.architecture != "aarch64"
options = [one for one in choosable(records, "edge-fp32") if one["name"].startswith("edge-")]
table = pd.DataFrame(options).set_index("name")
print(machine.label, "(a rehearsal)" if played else "(a device)")
table.style.format({"p95_ms": "{:.2f}", "accuracy": "{:.1%}", "size_bytes": "{:,}"})


# %% question="target.budget"
def within_budget(size_bytes, most_bytes, right, total, least_accuracy):
    """Return the list of broken bounds, in this order: 'size', 'accuracy'; an empty list when both hold. right of total
    answers were right, and least_accuracy lies between 0 and 1. A file exactly at a bound keeps it."""
    ### BEGIN SOLUTION
    broken = ["size"] if size_bytes > most_bytes else []
    return broken + (["accuracy"] if right / total < least_accuracy else [])
    ### END SOLUTION


check("target.budget", within_budget)

# %%
least_accuracy = table.loc["edge-fp32", "accuracy"] - 0.01
for one in options:
    broken = within_budget(one["size_bytes"], 5_000_000, one["right"], 660, least_accuracy)
    print(f"{one['name']}: {'breaks ' + ' and '.join(broken) if broken else 'keeps both'}")

# %% [markdown]
# ## Defend
#
# The same four things as for the server, and a fifth: *where*. A sentence about a Pi that rests on a rehearsal has to
# say so. What may be said across machines? A file has the same size everywhere, and nearly the same answers. Its
# milliseconds belong to one machine; only a ratio that was made on one machine may stand beside a ratio from another.

# %% question="target.choice"
### BEGIN SOLUTION
kept = [one for one in options if not within_budget(one["size_bytes"], 5e6, one["right"], 660, least_accuracy)]
best = min(kept, key=lambda one: one["p95_ms"])
lost = table.loc["edge-fp32", "right"] - best["right"]
choice = {
    "option": best["name"],
    "where": "rehearsal" if played else "device",
    "evidence": {"p95_ms": best["p95_ms"], "right": best["right"]},
    "price": f"{lost} right answers fewer than float32 of 660, and a new calibration after each training.",
    "would_change_my_mind": "A board in its closed box that takes longer than 15 ms in the fifth minute: then it gets "
    "a fan, or fewer pixels.",
}
### STUB
choice = {
    "option": ...,
    "where": ...,  # "device" or "rehearsal"
    "evidence": {"p95_ms": ..., "right": ...},  # as in the table, p95_ms with two decimals
    "price": ...,
    "would_change_my_mind": ...,
}
### END SOLUTION
check("target.choice", choice)

# %% [markdown]
# ## What you found
#
# A file, a figure, a place, and a board that somebody else has by now. This is the end of part 2: `msl submit` in a
# terminal hands it in.
#
# - The buyer asks for a box at half the price. Which of your records says something about it, and which does not?
# - Would a colleague who finds your recommendation in a year know which file it means? What is missing for that?
#
