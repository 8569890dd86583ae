"""The questions of "Find an incident": the query that shows the fault, the smallest rollback, and the post-mortem."""

from grading.builder.questions import at_least, prediction, question

COMPONENTS = ["admission", "cache", "decoder", "model", "process"]

prediction(
    "incident.p95",
    "How many times as long is the p95 in ordinary load with release 42?",
    about={"subject": "incident.run"},
    unit="×",
    between=(0.05, 100),
    times="p95 with release 42 over release 41",
)

question(
    "incident.evidence",
    "The query that shows the fault",
    points=3,
    hint="Go through the components: what would change if this one had the fault, and which metric shows that?",
    file="labs.checkpoints.reads.incident:evidence",
    told=True,
    rules=[
        ("refused", "", "Prometheus refuses the expression: {refused}"),
        ("found", True, "It finds nothing in one of the two spans of time."),
        ("series", 1, "It gives {series} numbers at each time. `sum`, `max` or divide, until one series is left."),
        (
            "changed",
            True,
            "It gives {before:.4g} with release 41 and {during:.4g} with 42: that clears a component.",
        ),
        (
            "about_the_fault",
            True,
            "It changed, but it follows from the fault, or from chance: it does not look at the component to blame.",
        ),
    ],
    good={
        "refused": "",
        "found": True,
        "series": 1,
        "before": 2.0,
        "during": 1.0,
        "changed": True,
        "about_the_fault": True,
    },
)

question(
    "incident.rollback",
    "Roll back what has the fault, and nothing else",
    points=3,
    hint="What your evidence names goes back to 41; the others stay.",
    records="labs.checkpoints.reads.incident:rollback",
    rules=[
        ("rolled_back", at_least(1), "Every component stays at 42: nothing is rolled back."),
        ("recovered", True, "This was rolled out, and the fault is still there."),
        (
            "rolled_back",
            1,
            "It is gone, and so are good changes: {rolled_back} components went back, and one had the fault.",
        ),
    ],
    good={"rolled_back": 1, "recovered": True},
)

question(
    "incident.postmortem",
    "The post-mortem",
    points=2,
    hint="The cause is what the rollback removed. What showed it, what was done, what finds it sooner next time?",
    form={"cause": COMPONENTS, "evidence": "text", "action": "text", "prevention": "text"},
    records="labs.checkpoints.reads.incident:postmortem",
    rules=[
        ("right", True, "{cause} was not at fault in this incident."),
        ("fewest_words", at_least(8), "Its readers were not there. Write a sentence for each part."),
    ],
    good={"cause": "cache", "right": True, "fewest_words": 11},
)
