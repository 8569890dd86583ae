"""The question that each part asks of its lease: what a good one is stands in the part's site file."""

from grading.builder.questions import at_most, not_, one_of, question
from provisioning.sites.spec import Part, load_spec

#: Deletes every lease of the student's name with python-chi's own calls: right for one lease, and for several.
DELETE = "[each.delete() for each in lease.list_leases() if each.name == plan.lease_name]"


def lease_question(
    id: str,
    title: str,
    *,
    part: Part,
    points: int,
    hint: str,
    delete: str = DELETE,
    again: str = "Run the planner's cell again, press *Reserve*, then run this cell.",
    machine: str = "node",
) -> None:
    """Ask for one lease on a machine that the part runs on, by name, for one block.

    A lease that is there already is found and kept, by the planner's button and by ``submit(idempotent=True)``. So
    every message about a wrong one says how to delete it, and how to reserve after that.

    Args:
        delete: Python that deletes every lease of the student's name, in the lesson's own names.
        again: How the lesson reserves, as sentences.
        machine: What a sentence calls the part's machine.
    """
    spec = load_spec(part)
    ends, longest = spec.options[0].end_minute, 60 * (spec.hours - 1) + spec.options[0].end_minute
    undo = f"Delete it: `{delete}`. {again}"
    question(
        id,
        title,
        points=points,
        hint=hint,
        records=f"labs.checkpoints.reads.leases:{part}_lease",
        rules=[
            (
                "status",
                not_("ERROR"),
                f"The lease is in ERROR: the site could not fill it. Delete it: `{delete}`. Choose another {machine} "
                f"in the planner. {again}",
            ),
            (
                "by_name",
                True,
                f"This lease takes any {machine} of a type, and not the {machine} that the planner found free. {undo}",
            ),
            (
                "kind",
                one_of(*dict.fromkeys(option.type for option in spec.options)),
                f"This lease holds {{kind}}, which is none of the planner's machines for this part. {undo}",
            ),
            (
                "begins_minute",
                0,
                f"It begins at {{begins}} and not at a full hour, so it takes two blocks. {undo}",
            ),
            (
                "ends_minute",
                not_(0),
                f"It ends at {{ends}}, so the {machine} is not ready when the next lease begins. A block ends at "
                f":{ends}. {undo}",
            ),
            (
                "ends_minute",
                ends,
                f"It ends at {{ends}}, and a block ends at :{ends}. Was it made with `duration`? python-chi counts a "
                f"duration from now, whatever the start is; `end_date=block.end` gives the end itself. {undo}",
            ),
            (
                "minutes",
                at_most(longest),
                f"It lasts {{minutes:.0f}} minutes, and a block has {longest}. {undo}",
            ),
            (
                "of_this_name",
                1,
                "You have {of_this_name} leases of this name. Likely, a call without `idempotent=True` ran twice. "
                f"Delete them all: `{delete}`. {again}",
            ),
        ],
        good={
            "status": "PENDING",
            "by_name": True,
            "kind": spec.options[0].type,
            "begins": "14:00",
            "begins_minute": 0,
            "ends": f"{13 + spec.hours}:{ends}",
            "ends_minute": ends,
            "minutes": float(longest),
            "of_this_name": 1,
        },
    )
