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

#: The way out of every wrong state of the practice lease.
_AGAIN = (
    "Run the cell below *A failure on order* again: it deletes every lease named `practice`, and makes the one that "
    "fails. Then run this cell with all four calls."
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
            f"The first lease is {{failed}} and not ERROR: the fault did not strike. {_AGAIN}",
        ),
        (
            "count",
            not_(0),
            f"The site has no lease named `practice`. Likely, `submit()` was not called. {_AGAIN}",
        ),
        (
            "count",
            1,
            "The site has {count} leases named `practice`: {now}. Likely, the earlier one was not deleted. "
            f"{_AGAIN}",
        ),
        ("now", "ACTIVE", f"The lease `practice` is {{now}} and not ACTIVE. {_AGAIN}"),
    ],
    good={"failed": "ERROR", "count": 1, "now": "ACTIVE"},
)

lease_question(
    "reserve.lease",
    "One GPU node by name, from a full hour to ten to",
    part="model",
    points=3,
    hint="Three calls, in the order of the table. `block` has the node's name and both ends.",
    delete="delete_all(plan.lease_name)",
    again="Then run this cell with the calls of the table.",
)
