"""The questions of "An accuracy budget": the search's next step, and what it made within two budgets."""

from grading.builder.questions import another, at_most, prediction, question
from labs.records.targets import BUDGETS

prediction(
    "budget.faster",
    "How many times as fast as float32 is the file of each budget?",
    about={"kind": "latency", "option": "int8-budget-05"},
    unit="×",
    between=(0.01, 100),
    loose="five points",
    tight="one point",
)


def trial(loss, *kept):
    """Return one trial of a search."""
    return {"kept": list(kept), "loss": loss}


@question(
    "budget.next_trial",
    "The search's next step",
    points=3,
    hint="Which trial is the best so far? Is it good enough? If not, which layer of the order was never tried?",
)
def next_trial(random):
    order = ["a", "b", "c"]
    none, with_a = trial(0.06), trial(0.03, "a")
    yield (
        ([], order, 0.01),
        "Nothing was tried yet. Begin with all layers in INT8: the budget may allow it.",
    )
    yield (
        ([none], order, 0.01),
        "The next layer is the first of the order, the one that loses most.",
    )
    yield (
        ([none, with_a], order, 0.01),
        "Layer a helped and stays in float32, and the next one joins it.",
    )
    yield (
        ([none, with_a, trial(0.04, "a", "b")], order, 0.01),
        "With b it became worse, 0.04 after 0.03: go on from the best trial, and do not try b again.",
    )
    yield (
        ([none, trial(0.06, "a")], order, 0.01),
        "Both trials lose 0.06. Of equal ones the earliest is the best.",
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
        "The best trial counts, and it need not be the last.",
    )
    yield (
        ([none, with_a, trial(0.04, "a", "b"), trial(0.025, "a", "c")], order, 0.01),
        "No layer is left that was not tried: return None.",
    )
    names = [f"layer {place}" for place in random.permutation(5)]
    history = [
        trial(0.09),
        trial(0.08, names[0]),
        trial(0.085, *names[:2]),
        trial(0.05, names[0], names[2]),
    ]
    yield (history, names, 0.02), ""


question(
    "budget.files",
    "A file for each budget",
    points=2,
    hint="An outer loop over names and budgets; in it, ask and measure until the answer is None. Then write the best.",
    file="labs.checkpoints.reads.budget:within_budgets",
    opened_by="model",
    told=True,
    rules=[
        ("missing", "", "{missing} is missing. Each budget has a file, by its name."),
        (
            "float_share",
            at_most(0.4),
            "In one of them, {float_share:.1%} of the weights are float32: was it quantized?",
        ),
        (
            "int8-budget-05",
            at_most(BUDGETS["int8-budget-05"]),
            "`int8-budget-05` loses {int8-budget-05:.1%} on the validation photos, more than its budget.",
        ),
        (
            "int8-budget-01",
            at_most(BUDGETS["int8-budget-01"]),
            "`int8-budget-01` loses {int8-budget-01:.1%} on the validation photos, more than its budget. Was the best "
            "trial written?",
        ),
        (
            "looser_is_larger",
            False,
            "The looser budget has the larger file: were the two exchanged?",
        ),
    ],
    good={
        "missing": "",
        "float_share": 0.02,
        "int8-budget-05": 0.03,
        "int8-budget-01": 0.006,
        "looser_is_larger": False,
    },
)
