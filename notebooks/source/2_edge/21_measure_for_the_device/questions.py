"""The questions of "Measure for the device": one instruction, a measuring script, four files in turns."""

from numpy import arange, array, full, int8, int32, ones, zeros

from grading.builder.questions import at_least, fact, prediction, question

prediction(
    "files.faster",
    "How many times as fast as float32 is each static INT8 file on this device?",
    about={"subject": "edge.race"},
    unit="×",
    between=(0.01, 100),
    u8s8="U8S8",
    s8s8="S8S8",
)


@question(
    "files.sdot",
    "One signed dot product",
    points=2,
    hint="A shape of (4, 4) puts the products that belong together into one row. How large can one product be?",
)
def sdot(random):
    one, nothing = ones(16, int8), zeros(4, int32)
    yield (nothing, one, one), "Each sum gets four products of 1."
    yield (
        (array([10, 20, 30, 40], int32), one, one),
        "SDOT adds to the sums that were there: 10 becomes 14.",
    )
    yield (
        (nothing, one, arange(16).astype(int8)),
        "The first sum gets the products of the bytes 0, 1, 2 and 3: neighbours belong together.",
    )
    yield (nothing, -one, arange(16).astype(int8)), "The bytes have signs."
    yield (
        (nothing, full(16, 127, int8), full(16, 127, int8)),
        "127 × 127 does not fit into a byte: make the bytes int32 before you multiply.",
    )
    yield (
        (nothing, full(16, -128, int8), full(16, 127, int8)),
        "No sum is cut off here: four times -16,256 is -65,024.",
    )
    drawn = [random.integers(-128, 128, 16).astype(int8) for _ in range(2)]
    yield (random.integers(-1000, 1000, 4).astype(int32), *drawn), ""


question(
    "files.script",
    "A script that measures where there is nothing but ONNX Runtime",
    points=3,
    hint="`samples_s` is a list that grows by one in each call. What stands before the call, and what after it?",
    file="labs.judge.script:script",
    rules=[
        ("lost", "", "{lost}"),
        ("ended", 0, "It ends with an error: {said}"),
        (
            "is_json",
            True,
            "Its last line is no JSON with `samples_s`: it prints `{printed}`.",
        ),
        (
            "samples",
            fact("asked"),
            "It was asked for {asked} calls and gives {samples} samples: one for each call, without the 20 warm-up "
            "calls before them.",
        ),
        (
            "warm_ups",
            at_least(20),
            "It calls the model {warm_ups} times in this session before it begins to count, and 20 warm-up calls are "
            "asked for: the first calls of a session fill caches, and the processor raises its clock.",
        ),
        (
            "moments",
            False,
            "Each sample is larger than the one before: these are moments, and not durations.",
        ),
        (
            "in_seconds",
            True,
            "All samples together are longer than the script ran: write `samples_s` in seconds.",
        ),
        (
            "measured",
            True,
            "A call that took {took_ms:.1f} ms is a sample of {sample_ms:.1f} ms. What stands between the two times?",
        ),
        (
            "threads",
            fact("wanted_threads"),
            "It was started for {wanted_threads} threads, and its session asks for {threads} (0 are all cores): set "
            "`intra_op_num_threads`.",
        ),
    ],
    good={
        "lost": "",
        "ended": 0,
        "said": "",
        "printed": '{"samples_s": [0.001]}',
        "is_json": True,
        "asked": 30,
        "samples": 30,
        "warm_ups": 20,
        "moments": False,
        "in_seconds": True,
        "measured": True,
        "took_ms": 0.0,
        "sample_ms": 0.0,
        "threads": 4,
        "wanted_threads": 4,
    },
)

question(
    "files.race",
    "Four files in turns, the same bytes as here",
    points=1,
    hint="The cell with `compare_there` does it, with the files that the cell about hashes has brought.",
    records="labs.checkpoints.reads.files:four_files",
    rules=[
        ("missing", "", "{missing} took no part: all four are measured in turns."),
        (
            "other_bytes",
            "",
            "{other_bytes} had other bytes on the device than here: bring it again, then measure.",
        ),
        (
            "pictures",
            at_least(60),
            "The accuracy was measured with {pictures} photos: let the cell run to its end.",
        ),
    ],
    good={"missing": "", "other_bytes": "", "pictures": 660},
)
