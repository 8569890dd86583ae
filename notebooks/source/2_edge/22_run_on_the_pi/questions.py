"""The questions of "Run on the Pi": three predictions, and a board that was really
measured.
"""

from grading.builder.questions import at_least, prediction, question

prediction(
    "pi.board",
    "How will signed INT8, four cores and heat change the board's speed?",
    about={"subject": "edge.board"},
    unit="×",
    between=(0.01, 100),
    int8="S8S8 as fast as float32",
    cores="four cores as fast as one",
    hot="a photo as long in the fifth minute",
)


BOARD_RULES = [
    (
        "seconds",
        at_least(290),
        "The run ended after {seconds:.0f} s, before the board could grow hot. Run the "
        "cell with `sustained` again, for its five minutes.",
    ),
    (
        "tells_heat",
        True,
        "The record has no temperature and no throttle flags. Can the container read "
        "/sys?",
    ),
    (
        "raced",
        True,
        "Float32 and S8S8 were not measured in turns on this board. Run the cell with "
        "the four files.",
    ),
    (
        "own_script",
        True,
        "Your script has not run on this board. Run the cell with the four files.",
    ),
]

question(
    "pi.measured",
    "A real board, measured for five minutes",
    points=2,
    hint="Run this notebook on the lease, from top to bottom.",
    records="labs.checkpoints.reads.pi:on_the_board",
    rules=BOARD_RULES,
    good={"seconds": 300.0, "tells_heat": True, "raced": True, "own_script": True},
    gate=["an ARM processor"],
)
