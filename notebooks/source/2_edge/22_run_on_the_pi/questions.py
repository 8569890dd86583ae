"""The questions of "Run on the Pi": throttle flags, a slow-down, and a board that was really measured."""

from grading.builder.questions import at_least, prediction, question

prediction(
    "pi.board",
    "What will the board do with signed INT8, with four cores, and with heat?",
    about={"subject": "edge.board"},
    unit="×",
    between=(0.01, 100),
    int8="S8S8 as fast as float32",
    cores="four cores as fast as one",
    hot="a photo as long in the fifth minute",
)


@question(
    "pi.throttled",
    "Throttled now, or ever",
    points=2,
    hint="Bit 0 is worth 1, and each further bit twice as much. `&` keeps the bits that two numbers have in common.",
)
def throttled(random):
    yield (0,), "No bit is set, so neither holds."
    yield (4,), "4 is bit 2 and nothing else: throttled now. (Bit 2 is worth 4, and not 2.)"
    yield (262_144,), "262,144 is bit 18 and nothing else: it was throttled, and is not any more."
    yield (262_148,), "Both bits are set here, so the number equals neither of them. Look at each bit alone."
    yield (0x50005,), "0x50005 has bits 0, 2, 16 and 18. Bits 0 and 16 are about the voltage, and change nothing."
    yield (0x30003,), "Bits 0, 1, 16 and 17 are set, and neither 2 nor 18: not throttled."
    others = sum(1 << int(bit) for bit in random.permutation([0, 1, 3, 16, 17, 19])[:3])
    yield (others + 262_144,), ""
    yield (others + 4,), ""


@question(
    "pi.slow_down",
    "How much slower in the end",
    points=2,
    hint="`windows_ms[-count:]` are the last ones. Which number of several does not mind one outlier?",
)
def slow_down(random):
    yield ([4.0, 8.0], 1), "One window at each end: 8 ms are twice 4 ms. The last goes over the first."
    yield ([4.0, 4.0, 8.0, 8.0], 2), "Two windows at each end, with the medians 4 and 8 ms."
    yield (
        ([4.0, 40.0, 4.0, 6.0, 6.0, 6.0], 3),
        "The first three are 4, 40 and 4 ms. Their median is 4 ms; a mean would let the 40 decide.",
    )
    yield (
        ([6.0, 6.0, 6.0, 4.0, 4.0, 9.0], 2),
        "First and last are places in time, so the windows stay in their order: 6 and 6, then 4 and 9 ms.",
    )
    yield ([4.0, 90.0, 90.0, 5.0], 1), "With one window at each end, those in the middle do not count."
    yield ([9.0, 9.0, 9.0, 6.0, 6.0, 6.0], 3), "This board became faster: the result is below 1."
    yield ([float(one) for one in random.integers(30, 90, 9) / 10], 3), ""


question(
    "pi.measured",
    "A real board, measured to its fifth minute",
    points=2,
    hint="Run this notebook on the lease, from top to bottom.",
    records="labs.checkpoints.reads.pi:on_the_board",
    rules=[
        (
            "seconds",
            at_least(290),
            "The run ended after {seconds:.0f} s, before heat could show: let it end by itself.",
        ),
        ("tells_heat", True, "The record has neither temperature nor flags: is /sys visible in the container?"),
        ("raced", True, "Float32 and S8S8 have not taken turns on this board: run the cell with the four files."),
        ("own_script", True, "Your script has not run on this board: run the cell with the four files."),
    ],
    good={
        "seconds": 300.0,
        "tells_heat": True,
        "raced": True,
        "own_script": True,
    },
    gate=["an ARM processor"],
)
