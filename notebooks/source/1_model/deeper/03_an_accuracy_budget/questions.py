"""The questions of "An accuracy budget": the search's next step, and its results within two
budgets.
"""

from grading.builder.questions import (
    another,
    at_most,
    domain,
    prediction,
    question,
)
from labs.records.targets import BUDGETS

prediction(
    "budget.faster",
    "By what factor is the file of each budget faster than float32?",
    about={"kind": "latency", "option": "int8-budget-05"},
    unit="×",
    between=(0.01, 100),
    loose="five points",
    tight="one point",
)


def trial(loss, *float_layers):
    """Return one trial of a search."""
    return {"kept": list(float_layers), "loss": loss}


@question(
    "budget.next_trial",
    "The search's next step",
    points=2,
    hint="Which trial is the best so far? Is its loss within the budget? If not, which "
    "layer of the order was never tried?",
)
def next_trial(random):
    order = ["a", "b", "c"]
    none = trial(0.06)
    with_a = trial(0.03, "a")
    worse_with_b = trial(0.04, "a", "b")
    yield (
        ([], order, 0.01),
        "The list of trials is empty. Begin with all layers in INT8: return [].",
    )
    yield (
        ([none], order, 0.01),
        "The next layer is the first of the order, the most sensitive one.",
    )
    yield (
        ([none], ["stem", "head", "blocks"], 0.01),
        "The order is by what a layer loses, and not by its name.",
    )
    yield (
        ([none, with_a], order, 0.01),
        "Layer a helped, so it stays in float32. Add the next layer of the order.",
    )
    yield (
        ([none, with_a, worse_with_b], order, 0.01),
        "Layer b made it worse, 0.04 after 0.03. Continue from the best trial, and do "
        "not try b again.",
    )
    yield (
        ([none, trial(0.06, "a")], order, 0.01),
        "Both trials lose 0.06. If losses are equal, the earliest trial is the best.",
    )
    yield (
        ([none, with_a, trial(0.008, "a", "b")], order, 0.01),
        "0.008 is within the budget: the search is over.",
    )
    yield (
        ([none, trial(0.05, "a")], order, 0.05),
        "A loss equal to the budget is within it.",
    )
    yield (
        ([none, with_a, trial(0.035, "a", "b")], order, 0.03),
        "Compare the best trial with the budget; it may not be the last one.",
    )
    yield (
        ([none, with_a, worse_with_b, trial(0.025, "a", "c")], order, 0.01),
        "All layers were tried: return None.",
    )
    names = [f"layer {place}" for place in random.permutation(5)]
    first, second, third, *_ = names
    tried = [
        trial(0.09),
        trial(0.08, first),
        trial(0.085, first, second),
        trial(0.05, first, third),
    ]
    yield (tried, names, 0.02), ""


@domain("budget.next_trial")
def any_search(random):
    order = [f"layer {place}" for place in random.permutation(5)]
    order = order[: random.integers(1, 6)]
    left, tried, budget = list(order), [], 0.03
    for _ in range(random.integers(0, len(order) + 2)):
        best = min(tried, key=lambda each: each["loss"], default=trial(1.0))
        if best["loss"] <= budget or (tried and not left):
            break
        added = [left.pop(0)] if tried else []
        loss = random.choice([0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08])
        tried.append(trial(float(loss), *best["kept"], *added))
    return tried, order, budget


FILE_RULES = [
    ("missing", "", "{missing} is missing. Write one file per budget, with its name."),
    (
        "float_share",
        at_most(0.4),
        "In one of the files, {float_share:.1%} of the weights are float32. Was it "
        "quantized?",
    ),
]

BUDGET_RULES = [
    (
        "int8-budget-05",
        at_most(BUDGETS["int8-budget-05"]),
        "`int8-budget-05` loses {int8-budget-05:.1%} on the validation photos, more than "
        "its budget.",
    ),
    (
        "int8-budget-01",
        at_most(BUDGETS["int8-budget-01"]),
        "`int8-budget-01` loses {int8-budget-01:.1%} on the validation photos, more than "
        "its budget. Did you write the best trial?",
    ),
    (
        "looser_keeps_more",
        False,
        "The looser budget keeps more weights in float32. Did you swap the two files?",
    ),
]

question(
    "budget.files",
    "A file for each budget",
    points=4,
    hint="In the loop over names and budgets, call `next_trial` and measure until it "
    "returns None. Then write the best trial.",
    file="labs.deeper.budget.reads:within_budgets",
    opened_by="model",
    ledger_only=True,
    rules=FILE_RULES + BUDGET_RULES,
    good={
        "missing": "",
        "float_share": 0.02,
        "int8-budget-05": 0.03,
        "int8-budget-01": 0.006,
        "looser_keeps_more": False,
    },
)
