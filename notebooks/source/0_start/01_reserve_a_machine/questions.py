"""The questions of "Reserve a machine": a failure and the way out, and a lease as the site has it."""

from grading.builder.questions import at_most, not_, one_of, prediction, question

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
    records="labs.checkpoints.reads.leases:practice",
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

question(
    "reserve.lease",
    "One GPU node by name, from a full hour to ten to",
    points=3,
    hint="Three calls, in the order of the table. `block` has the node's name and both ends.",
    records="labs.checkpoints.reads.leases:model_lease",
    rules=[
        ("status", not_("ERROR"), "The site could not fill this lease. Delete it, and choose another node."),
        ("by_name", True, "This lease takes any machine of a type. Name the node that the planner found free."),
        (
            "kind",
            one_of("compute_liqid", "compute_gigaio", "gpu_mi100", "gpu_h100"),
            "This lease holds a {kind}, and the part about the model needs one of the planner's machines.",
        ),
        ("begins_minute", 0, "It begins at {begins} and not at a full hour, so it takes two blocks from others."),
        ("ends_minute", 50, "It ends at {ends}. End it at :50, so that the node is ready for the next lease."),
        ("minutes", at_most(170), "It lasts {minutes:.0f} minutes. A block has 170."),
        ("of_this_name", 1, "You have {of_this_name} leases of this name. Delete all but one."),
    ],
    good={
        "status": "PENDING",
        "by_name": True,
        "kind": "compute_liqid",
        "begins": "14:00",
        "begins_minute": 0,
        "ends": "16:50",
        "ends_minute": 50,
        "minutes": 170.0,
        "of_this_name": 1,
    },
)
