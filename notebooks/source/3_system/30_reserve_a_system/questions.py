"""The questions of "Reserve and provision a system": a lease, what a set-up waits for, and one of everything."""

from grading.builder.leases import lease_question
from grading.builder.questions import at_least, prediction, question

lease_question(
    "system.lease",
    "One node by name, from a full hour to ten to",
    part="system",
    points=2,
    hint="Three calls: make the lease with both ends of the block, put the node into it, submit it.",
)

prediction(
    "system.minutes",
    "How many minutes does the whole set-up take, and how many does running side by side save?",
    about={"subject": "system.plan"},
    unit="min",
    between=(0, 1440),
    whole="the whole",
    saved="saved by running side by side",
)


@question(
    "system.ends",
    "When each step of a set-up ends",
    points=2,
    hint="Go through the steps in their order. Which of the steps that this one needs is done last?",
)
def ends(random):
    lease, server = ({"name": "lease", "needs": [], "expected_s": 30}, {"name": "server", "needs": ["lease"]})
    server["expected_s"] = int(random.integers(200, 600))
    course = {"name": "course", "needs": [], "expected_s": 300}
    data = {"name": "data", "needs": ["server"], "expected_s": int(random.integers(10, 20))}
    drivers = {"name": "drivers", "needs": ["server"], "expected_s": int(random.integers(40, 80))}
    yield ([lease],), "It needs nothing: it begins at once, and ends after its 30 seconds."
    yield ([lease, server],), "`server` begins when `lease` is done, after 30 seconds."
    yield (
        ([lease, course],),
        "`course` needs nothing: it runs beside `lease`, and does not wait for it.",
    )
    yield (
        ([lease, server, drivers, data],),
        "`drivers` and `data` both need `server` alone: both begin when it is done, side by side.",
    )
    jupyter = {"name": "jupyter", "needs": ["drivers", "data"], "expected_s": 20}
    yield (
        ([lease, server, drivers, data, jupyter],),
        "`jupyter` needs two steps. It begins when the later one of them is done, wherever that stands in the list.",
    )
    yield ([lease, server, data, drivers, jupyter | {"needs": ["data", "drivers"]}],), ""


question(
    "system.once",
    "Steps that ran twice, and made one of everything",
    points=2,
    hint="Two calls: `lab.prepare` with the arguments from above, and `run()` of the progress that shows it.",
    records="labs.checkpoints.reads.system:machine",
    rules=[
        ("steps", at_least(1), "No step has run yet. Run the steps, and then once more."),
        ("open_steps", "", "Not done yet: {open_steps}. Run the steps again; they go on where they stopped."),
        ("failed_checks", "", "These checks of the machine failed: {failed_checks}. Run the steps again."),
        ("runs", at_least(2), "The steps ran only once so far. Make a new run, as a new kernel would, and run that."),
        ("most_of_one_kind", 1, "The site holds {held}, and one of each is wanted. Release what is too much."),
    ],
    good={"steps": 13, "open_steps": "", "failed_checks": "", "runs": 2, "held": "1 lease", "most_of_one_kind": 1},
)
