"""The questions of "Reserve a machine": a failure and the way out, and a lease as the site has it."""

from grading.builder.leases import lease_question
from grading.builder.questions import not_, prediction, question

prediction(
    "reserve.submit",
    "How many of the two calls of submit() raise an error?",
    about={"subject": "reserve.practice"},
    between=(0, 2),
    raised="calls that raise an error",
)

question(
    "reserve.recover",
    "One lease that is active, after one that failed",
    points=2,
    hint="Four calls: delete what failed, make a new lease, put the reservation into it, submit it.",
    records="labs.checkpoints.reads.reserve:practice",
    rules=[
        (
            "failed",
            "ERROR",
            "The first lease is {failed}: the fault did not strike. Run the cell that orders it again, and then yours.",
        ),
        ("count", not_(0), "The site has no lease of the name `practice`. Was the new one submitted?"),
        ("count", 1, "The site has {count} leases of the name `practice`: {now}. Delete the one that failed first."),
        ("now", "ACTIVE", "The lease `practice` is {now} and not ACTIVE. Delete it, make a new one, and submit that."),
    ],
    good={"failed": "ERROR", "count": 1, "now": "ACTIVE"},
)

lease_question(
    "reserve.lease",
    "One GPU node by name, from a full hour to ten to",
    part="model",
    points=3,
    hint="Three calls, in the order of the table. `block` has the node's name and both ends.",
)
