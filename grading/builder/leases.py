"""The question that each part asks of its lease: what a good one is stands in the part's site file."""

from grading.builder.questions import at_most, not_, one_of, question
from provisioning.sites.spec import Part, load_spec


def lease_question(id: str, title: str, *, part: Part, points: int, hint: str, machine: str = "node") -> None:
    """Ask for one lease on a machine that the part runs on (``machine`` in sentences), by name, for one block."""
    spec = load_spec(part)
    ends, longest = spec.options[0].end_minute, 60 * (spec.hours - 1) + spec.options[0].end_minute
    question(
        id,
        title,
        points=points,
        hint=hint,
        records=f"labs.checkpoints.reads.leases:{part}_lease",
        rules=[
            ("status", not_("ERROR"), f"The site could not fill this lease. Delete it, and choose another {machine}."),
            ("by_name", True, f"This lease takes any of a type. Name the {machine} that the planner found free."),
            (
                "kind",
                one_of(*dict.fromkeys(option.type for option in spec.options)),
                "This lease holds a {kind}, and this part needs one of the planner's machines.",
            ),
            (
                "begins_minute",
                0,
                "It begins at {begins} and not at a full hour, so it takes two blocks.",
            ),
            (
                "ends_minute",
                not_(0),
                f"It ends at {{ends}}. End it at :{ends}, so that the {machine} is ready for the next lease.",
            ),
            (
                "ends_minute",
                ends,
                f"It ends at {{ends}}, and a block at :{ends}. Was it made with `duration`? python-chi counts it from "
                "now, whatever the start is: write `end_date=block.end`.",
            ),
            ("minutes", at_most(longest), f"It lasts {{minutes:.0f}} minutes. A block has {longest}."),
            ("of_this_name", 1, "You have {of_this_name} leases of this name. Delete all but one."),
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
