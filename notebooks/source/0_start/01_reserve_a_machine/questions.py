"""The questions of "Reserve a machine": recover from a failure, and a lease as the site
has it.
"""

from grading.builder.leases import lease_question
from grading.builder.questions import not_, prediction, question

prediction(
    "reserve.submit",
    "How many of the two calls of submit() raise an error?",
    about={"subject": "reserve.practice"},
    between=(0, 2),
    raised="calls that raise an error",
)

#: How to repair every wrong state of the practice lease.
_START_AGAIN = (
    "Run the cell below *Cause a failure on purpose* again: it deletes every lease named "
    "`practice`, and makes the one that fails. Then run this cell with all four calls."
)

_NO_FAULT = (
    "The first lease is {failed} and not ERROR: the fault did not occur. " + _START_AGAIN
)
_NO_LEASE = (
    "The site has no lease named `practice`. Probably `submit()` was not called. "
    + _START_AGAIN
)
_SEVERAL = (
    "The site has {count} leases named `practice`: {now}. Probably the earlier one was "
    "not deleted. " + _START_AGAIN
)
_NOT_ACTIVE = "The lease `practice` is {now} and not ACTIVE. " + _START_AGAIN

question(
    "reserve.recover",
    "One active lease, after one that failed",
    points=2,
    hint="You need four calls: delete the failed lease, make a new lease, add the "
    "reservation to it, and submit it.",
    records="labs.checkpoints.reads.reserve:practice",
    rules=[
        ("failed", "ERROR", _NO_FAULT),
        ("count", not_(0), _NO_LEASE),
        ("count", 1, _SEVERAL),
        ("now", "ACTIVE", _NOT_ACTIVE),
    ],
    good={"failed": "ERROR", "count": 1, "now": "ACTIVE"},
)

lease_question(
    "reserve.lease",
    "One GPU node by name, from a full hour to ten minutes before another",
    part="model",
    points=3,
    hint="You need three calls, in the order of the table. `block` has the node's name, "
    "its start and its end.",
    delete="delete_all(plan.lease_name)",
    how_to_reserve="Then run this cell with the calls of the table.",
)
