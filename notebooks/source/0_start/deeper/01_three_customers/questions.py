"""The questions of "Three customers": what a timetable makes of a wait, when a link is enough, and three decisions."""

import math

from numpy import array

from grading.builder.questions import another, prediction, question

prediction(
    "customers.accuracy",
    "How many of 100 images does the model get right at 160 and at 112 pixels?",
    about={"kind": "accuracy", "option": "pixels-160"},
    unit="of 100",
    between=(0, 100),
    at160="at 160 pixels",
    at112="at 112 pixels",
)


@question(
    "customers.waits",
    "How long each photo waits for the job that classifies it",
    points=2,
    hint="Which run takes a photo, and when does it begin? And how many photos does that run have to work through?",
)
def waits(random):
    early, late = array([1.5, 2.5, 4.0]), array([13.0, 14.25])
    yield (array([23.0]), 24, 2), "The run begins at 24, an hour later, and works for half an hour on one photo."
    yield (array([20.0, 23.0]), 24, 4), "All results of a run come together: both photos wait until both are done."
    yield (array([3.0, 8.0]), 6, 4), "The photo of 3 o'clock is in the run of 6 o'clock, that of 8 in the next one."
    yield (
        (array([*early, *late]), 12, 8),
        "A run takes the photos since the run before, and not those of the whole day.",
    )
    yield (array([6.0]), 6, 4), "A photo that comes at 6 o'clock is still in the run that begins then."
    yield (array([*late, *early]), 12, 8), "The photos are in no order here. Each has its own place in the result."
    yield ((random.integers(1, 95, 6) / 4 + 0.05).round(2), int(random.integers(4, 9)), 10), ""


@question(
    "customers.break_even",
    "From which uplink on the cloud is as fast as the device",
    points=2,
    hint="How much of the device's time is left for the photo's bits, when round trips and the server are done?",
)
def break_even(random):
    megabytes, trip = int(random.integers(1, 5)), int(random.integers(1, 5)) / 100
    yield (1_000_000, 0.0, 1, 0.0, 2.0), "8,000,000 bits have 2 seconds to go up."
    yield (1_000_000, 0.0, 1, 0.5, 2.5), "The server computes for 0.5 s of the 2.5 s, so 2 seconds are left."
    yield (1_000_000, 0.1, 3, 0.0, 2.3), "Three round trips take 0.3 s of the 2.3 s, however fast the uplink is."
    yield (1_000_000, 0.1, 3, 0.5, 0.7), "Server and round trips take longer than the device: no uplink is enough."
    yield (1_000_000, 0.25, 1, 0.5, 0.75), "No time at all is left for the photo: no uplink is enough."
    yield (megabytes * 1_000_000, trip, 3, 0.05, 1.25), ""


question(
    "customers.decisions",
    "A design for each of three customers",
    points=3,
    hint="Drop what breaks a limit first. Then sort what is left, by three columns in the order of the rule.",
    file="labs.checkpoints.reads.customers:decisions",
    told=True,
    rules=[
        ("missing", "", "The file lacks these columns: {missing}."),
        (
            "customers",
            "canteens, guide, publisher",
            "Write one row per customer; the file has rows for: {customers}.",
        ),
        ("unknown", "", "For {unknown}, the design in the file is none of those in `every_design`."),
        ("late", "", "For {late}, the design answers later than the customer may wait."),
        ("inaccurate", "", "For {inaccurate}, the design loses more accuracy than the customer allows."),
        ("gave_up", "", "For {gave_up}, the file says `none`, and there is a design that keeps both limits."),
        ("dearer", "", "For {dearer}, another design keeps both limits and is cheaper."),
        ("second", "", "For {second}, another design costs as much and is more accurate, or as accurate and sooner."),
    ],
    good={
        "missing": "",
        "customers": "canteens, guide, publisher",
        **dict.fromkeys(("unknown", "late", "inaccurate", "gave_up", "dearer", "second"), ""),
    },
)
