"""The questions of "Measure for the device": one instruction, a measuring script, four
files in turns.
"""

from numpy import arange, array, full, int8, int32, ones, zeros

from grading.builder.questions import (
    at_least,
    domain,
    fact,
    prediction,
    question,
)

prediction(
    "files.faster",
    "By what factor is each static INT8 file faster than float32 on this device?",
    about={"subject": "edge.race"},
    unit="×",
    between=(0.01, 100),
    u8s8="U8S8",
    s8s8="S8S8",
)


@question(
    "files.sdot",
    "One signed dot product",
    points=1,
    hint="In the shape (4, 4), the products that belong together are in one row. How "
    "large can one product be?",
)
def sdot(random):
    ones_16 = ones(16, int8)
    counted = arange(16).astype(int8)
    largest = full(16, 127, int8)
    smallest = full(16, -128, int8)
    nothing = zeros(4, int32)
    yield (nothing, ones_16, ones_16), "Each sum gets four products of 1."
    yield (
        (array([10, 20, 30, 40], int32), ones_16, ones_16),
        "SDOT adds to the sums that it gets: 10 becomes 14.",
    )
    yield (
        (nothing, ones_16, counted),
        "The products of the bytes 0, 1, 2 and 3 belong to the first sum: groups are "
        "neighbours.",
    )
    yield (
        (nothing, counted // 2, counted // 4),
        "Each of the 16 products counts, even if some bytes are equal.",
    )
    yield (nothing, -ones_16, counted), "The bytes have signs: -1 times 3 is -3."
    yield (
        (nothing, largest, largest),
        "127 × 127 does not fit into a byte: make the bytes int32 before you multiply.",
    )
    yield (
        (nothing, smallest, largest),
        "The sums have 32 bits, so they do not saturate: 4 times -16,256 is -65,024.",
    )
    activations = random.integers(-128, 128, 16).astype(int8)
    weights = random.integers(-128, 128, 16).astype(int8)
    sums = random.integers(-1000, 1000, 4).astype(int32)
    yield (sums, activations, weights), ""


@domain("files.sdot")
def any_bytes(random):
    sums = random.integers(-1_000_000, 1_000_000, 4).astype(int32)
    activations, weights = random.integers(-128, 128, (2, 16)).astype(int8)
    return sums, activations, weights


ENDING_RULES = [
    ("lost", "", "{lost}"),
    ("ended", 0, "Your script ends with an error: {said}"),
    (
        "is_json",
        True,
        "The script's last line must be JSON with `samples_s`, but it is `{printed}`. "
        "`json.dumps` makes such a line.",
    ),
]

CALL_RULES = [
    (
        "samples",
        fact("asked"),
        "The check asked for {asked} calls, and the script prints {samples} samples. "
        "Print one for each call, without the 20 warm-up calls before them.",
    ),
    (
        "warm_ups",
        at_least(20),
        "The script makes {warm_ups} warm-up calls in this session. Make 20: the first "
        "calls of a session fill caches, and the processor raises its clock.",
    ),
    (
        "photos",
        1,
        "A call computes {photos} photos at once. Give the session one photo per call: "
        "`image` has the shape (1, 3, 224, 224).",
    ),
]

TIME_RULES = [
    (
        "by_date",
        False,
        "The samples come from the clock of the date, such as `time.time()`. It jumps when "
        "it is corrected, as the check did. Use `time.perf_counter()`.",
    ),
    (
        "moments",
        False,
        "Each sample is larger than the previous one, so these are moments instead of "
        "durations. Subtract the time before the call from the time after it.",
    ),
    (
        "in_seconds",
        True,
        "The samples add up to more time than the script ran. Print `samples_s` in "
        "seconds.",
    ),
    (
        "measured",
        True,
        "A call took {took_ms:.1f} ms, and its sample is {sample_ms:.1f} ms. Only the "
        "call should be between the two times.",
    ),
    (
        "threads",
        fact("wanted_threads"),
        "The check asked for {wanted_threads} threads, and the session uses {threads} (0 "
        "means all cores). Set `intra_op_num_threads` to `threads`.",
    ),
    (
        "path",
        fact("wanted_path"),
        "The check asked for the file {wanted_path}, and the session opens {path}. Open "
        "`path`, the first argument.",
    ),
    (
        "providers",
        ["CPUExecutionProvider"],
        "The session's providers are {providers}. Name `CPUExecutionProvider` alone: the "
        "processor is to be measured, also on a machine with more.",
    ),
]

GOOD_SCRIPT = {
    "lost": "",
    "ended": 0,
    "said": "",
    "printed": '{"samples_s": [0.001]}',
    "is_json": True,
    "asked": 30,
    "samples": 30,
    "warm_ups": 20,
    "photos": 1,
    "by_date": False,
    "moments": False,
    "in_seconds": True,
    "measured": True,
    "took_ms": 0.0,
    "sample_ms": 0.0,
    "threads": 4,
    "wanted_threads": 4,
    "path": "model.onnx",
    "wanted_path": "model.onnx",
    "providers": ["CPUExecutionProvider"],
}

question(
    "files.script",
    "A script that measures with ONNX Runtime alone",
    points=5,
    hint="`samples_s` is a list that grows by one number with each call. What must you "
    "do directly before the call, and directly after it?",
    file="labs.judge.script:script",
    rules=ENDING_RULES + CALL_RULES + TIME_RULES,
    good=GOOD_SCRIPT,
)

question(
    "files.race",
    "Four files in turns, the same bytes as here",
    points=1,
    hint="The cell with `compare_there` measures them. The cell about hashes sends the "
    "files.",
    records="labs.checkpoints.reads.files:four_files",
    rules=[
        ("missing", "", "{missing} is missing. Measure all four files in turns."),
        (
            "other_bytes",
            "",
            "{other_bytes} had other bytes on the device than here. Run the cell about "
            "hashes again, then measure.",
        ),
        (
            "pictures",
            at_least(60),
            "The accuracy was measured with {pictures} photos. Let the cell run to its "
            "end.",
        ),
    ],
    good={"missing": "", "other_bytes": "", "pictures": 660},
)
