# ---
# jupyter:
#   lesson:
#     id: defend
#     title: Choose, and defend it
#     summary: the manager's rule as a function, and half a page that still holds in a year
#     part: 1
#     kind: core
#     where: [laptop]
#     needs: [server]
#     ports: []
#     takes: {server: [latency food11, accuracy food11]}
# ---

# %% [markdown]
# # Choose, and defend it
#
# Friday. You have measured more files than anybody can keep in mind. "Which one?" the manager asks. "And how do I know
# that in a year?" There is no best file. There is a best one *for something*, at a price, with some certainty. **Which
# file do you recommend for the server, and what would change your mind?** Nothing is measured today.

# %%
import matplotlib.pyplot as plt
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.records.candidates import choosable, of_machine
from labs.records.ledger import ledger
from labs.widgets import scoreboard

# %% [markdown]
# ## Predict
#
# The manager has a rule. Of 100 photos, 95 are to be answered within the time that float32 needs for 95 of them (that
# is its *95th percentile*, p95), and at most one point of accuracy may be lost. Of the files that keep both bounds, the
# *smallest* is taken, because every new server loads it. How many of the files that you measured keep both?

# %%
predict("defend.kept", files=...)

# %% [markdown]
# ## One machine decides
#
# Times of two machines cannot be compared. So the table has the machine that measured `food11` last, and the files that
# were measured there in full: accuracy, size and latency. After a lease that is the server; before it, its rehearsal.

# %%
guesses = predicted("defend.kept")
records = ledger().read()
options = choosable(records)
machine = records.latest(kind="latency", option="food11").machine
floats = next(one for one in options if one["name"] == "food11")
most_ms, least_accuracy = floats["p95_ms"], floats["accuracy"] - 0.01
table = pd.DataFrame(options).set_index("name")
table["keeps both"] = (table["p95_ms"] <= most_ms) & (table["accuracy"] >= least_accuracy)
ledger().observe("defend.options", {"kept": int(table["keeps both"].sum()), "machine": machine.label})
print(f"{machine.label}\n{table['keeps both'].sum()} keep both, and you predicted {guesses['files']:g}")
table.style.format({"p95_ms": "{:.2f}", "accuracy": "{:.1%}", "size_bytes": "{:,}"})

# %% [markdown]
# Now write the rule down, so that others can check it. A file exactly at a bound keeps it. Of two that are equally
# small, take either.


# %% question="defend.pick"
def pick(options, most_ms, least_accuracy):
    """Return the name of the smallest option that keeps both bounds; None when none does. Options are dictionaries with
    name, p95_ms, accuracy and size_bytes."""
    ### BEGIN SOLUTION
    kept = [one for one in options if one["p95_ms"] <= most_ms and one["accuracy"] >= least_accuracy]
    return min(kept, key=lambda one: one["size_bytes"])["name"] if kept else None
    ### END SOLUTION


check("defend.pick", pick)

# %%
picked = pick(options, most_ms, least_accuracy)
figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
axis.fill_between([0, most_ms], least_accuracy, 1, color="tab:green", alpha=0.12, label="keeps both bounds")
for one in options:
    edge = {"edgecolor": "black" if one["name"] == picked else "none", "linewidth": 2}
    words = f"{one['name']}, {one['size_bytes'] / 1e6:.1f} MB"
    axis.scatter(one["p95_ms"], one["accuracy"], s=one["size_bytes"] / 2e4, alpha=0.6, label=words, **edge)
axis.set(xlim=(0, 1.1 * table["p95_ms"].max()), ylim=(table["accuracy"].min() - 0.02, table["accuracy"].max() + 0.02))
axis.set(xlabel="p95, ms (a larger disc is a larger file)", ylabel="accuracy")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=0.5)
plt.show()

# %% [markdown]
# The rule takes the smallest disc in the green area, here with a black edge. What would move it? A bound that lies just
# beside a disc decides by noise: the 660 photos show 182 drawings, so a few answers more or less say nothing, and the
# p95 of some hundred calls moves from run to run. Whoever defends a choice says how near the next one was.
#
# How far are you from the three targets? Each is meant for its own machine.

# %%
scoreboard(of_machine(records, machine.machine_id))

# %% [markdown]
# ## Defend
#
# The rule picks; you answer for it. You may choose another file that keeps both bounds, when you have a reason. Four
# things make a recommendation that one can rely on: the *option*; the *evidence*, quoted from the table (`p95_ms` with
# two decimals, and the `right` answers); the *price*, with a figure: what is given up against float32, and what has to
# be done again after each training; and the measurement that *would change your mind*, with its machine.

# %% question="defend.choice"
### BEGIN SOLUTION
row = table.loc[picked]
choice = {
    "option": picked,
    "evidence": {"p95_ms": row["p95_ms"], "right": row["right"]},
    "price": f"{floats['right'] - row['right']} right answers fewer than float32, and a new calibration, with photos "
    "as the users send them, after each training.",
    "would_change_my_mind": "The same comparison on the EPYC 7763 of the data centre, with several users at once: if "
    "the file gains nothing there, I would serve float32.",
}
### STUB
choice = {
    "option": ...,
    "evidence": {"p95_ms": ..., "right": ...},
    "price": ...,
    "would_change_my_mind": ...,
}
### END SOLUTION
check("defend.choice", choice)

# %% [markdown]
# ## What you found
#
# A file, a figure, a price, and a way to be proved wrong. This is the end of part 1. Part 2 takes the same files to a
# Raspberry Pi; part 3 builds a system around one of them. `msl submit` in a terminal hands
# in what you have.
#
# - Read a neighbour's recommendation. Which of your records explains where you differ?
# - At 1.5 points instead of one, does the rule pick another file? Is that difference one that your photos can show?
#
