"""Each part's question about its lease: the part's site file defines a good one."""

from grading.builder.questions import at_most, not_, one_of, question
from labs.sites.spec import Part, load_file, load_spec

#: Deletes every lease of the student's name with python-chi's own calls: right for one lease, and
#: for several.
DELETE = "[each.delete() for each in lease.list_leases() if each.name == plan.lease_name]"


def lease_question(
    id: str,
    title: str,
    *,
    part: Part,
    points: int,
    hint: str,
    how_to_reserve: str,
    delete: str = DELETE,
    machine: str = "node",
) -> None:
    """Ask for one lease on a machine that the part runs on, by name, for one block.

    A lease that is there already is found and kept, by the planner's button and by
    ``submit(idempotent=True)``. So every message about a wrong one says how to delete it, and how
    to reserve after that.

    Args:
        delete: Python that deletes every lease of the student's name, in the lesson's own names.
        how_to_reserve: How the lesson reserves, as sentences.
        machine: The name of the part's machine in messages.
    """
    spec = load_spec(part)
    # The lessons reserve at the sites, or rehearse it, also where a class has machines of its own.
    at_sites = load_file(part).options
    first = at_sites[0]
    end_minute = first.end_minute
    longest_min = 60 * (spec.hours - 1) + end_minute
    types = dict.fromkeys(option.type for option in at_sites)
    undo = f"Delete it: `{delete}`. {how_to_reserve}"
    failed = (
        f"The lease is in ERROR: the site could not fill it. Delete it: `{delete}`. "
        f"Choose another {machine} in the planner. {how_to_reserve}"
    )
    any_of_a_type = (
        f"This lease takes any {machine} of a type, and not the {machine} that the "
        f"planner found free. {undo}"
    )
    other_type = (
        f"This lease holds {{kind}}, which is none of the planner's machines for this part. {undo}"
    )
    two_blocks = (
        f"It begins at {{begins}} and not at a full or half hour, so it takes two blocks. {undo}"
    )
    half_past_minute = (end_minute + 30) % 60
    ends = (
        f"A block that begins at a full hour ends at :{end_minute}, and one that begins at half "
        f"past at :{half_past_minute}."
    )
    full_hour = (
        f"It ends at {{ends}}, so the {machine} is not ready when the next lease begins. "
        f"{ends} {undo}"
    )
    other_end = (
        f"It lasts from {{begins}} to {{ends}}. {ends} Was it made with `duration`? "
        "python-chi counts a duration from now, whatever the start is; "
        f"`end_date=block.end` gives the end itself. {undo}"
    )
    too_long = f"It lasts {{minutes:.0f}} minutes, and a block has {longest_min}. {undo}"
    several = (
        "You have {of_this_name} leases of this name. Likely, a call without "
        f"`idempotent=True` ran twice. Delete them all: `{delete}`. {how_to_reserve}"
    )
    rules = [
        ("status", not_("ERROR"), failed),
        ("by_name", True, any_of_a_type),
        ("kind", one_of(*types), other_type),
        ("begins_minute", one_of(0, 30), two_blocks),
        ("ends_minute", not_(0), full_hour),
        ("ends_minute", end_minute, other_end),
        ("minutes", at_most(longest_min), too_long),
        ("of_this_name", 1, several),
    ]
    good = {
        "status": "PENDING",
        "by_name": True,
        "kind": first.type,
        "begins": "14:00",
        "begins_minute": 0,
        "ends": f"{13 + spec.hours}:{end_minute}",
        "ends_minute": end_minute,
        "minutes": float(longest_min),
        "of_this_name": 1,
    }
    reader = f"labs.checkpoints.reads.leases:{part}_lease"
    question(id, title, points=points, hint=hint, records=reader, rules=rules, good=good)
