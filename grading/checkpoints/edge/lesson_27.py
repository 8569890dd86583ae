"""Make it smaller: pixels against channels, and what each is good for."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import BASELINE, NOT_MEASURED, points_lost, size_of
from grading.checkpoints.evidence import is_close
from labs.records import Records
from labs.records.format import megabytes, milliseconds, times

INT8 = "edge-int8-s8s8"

#: Static INT8 options of the lesson; the pruned one only where part 1 has made it.
OPTIONS = (INT8, "edge-int8-pruned", "edge-int8-192px", "edge-int8-160px", "edge-int8-128px")

#: Points that a pick may lose against float32.
MOST_POINTS = 1.0

#: Share of the MACs at 160 pixels. All layers but the last see (160 / 224)² of the pixels.
_SHARE = (160 / 224) ** 2

#: A pick this much behind the best one is as good: the next run might turn them round.
_AS_GOOD = 0.08


def median_s(records: Records, option: str) -> float | None:
    """Return the median latency of an option's newest single-photo record in seconds, or None."""
    record = records.latest(kind="latency", option=option, batch_size=1)
    return None if record is None else record.percentile(50)


@prediction(
    "e.smaller.loss_guess",
    about={"kind": "accuracy", "option": "edge-int8-160px"},
    title="Predict the points lost at 160 pixels without new training",
    between=(-20, 100),
    show=lambda value: f"{value:.2f} points",
)
def loss_at_160(records: Records) -> float | None:
    """Return the points that the model loses at 160 pixels against float32 at 224."""
    return points_lost(records, "edge-int8-160px")


@checkpoint(
    "e.smaller.pixels",
    title="Say what fewer pixels make smaller, and what not",
    hint="`works[160].macs / works[224].macs`; the sizes of the files are printed above.",
)
def pixels(records: Records) -> Verdict:
    """Judge the share of the work, and that the file keeps its size."""
    given = records.answer("e.smaller.pixels")
    if given is None:
        return unanswered()
    expected = f"{_SHARE:.2f} of the MACs, the file × 1"
    yours = f"{given['macs_share']:g} of the MACs, the file × {given['file_factor']:g}"
    if is_close(given["macs_share"], 160 / 224, within=0.02):
        return failed("That is the share of one side; a picture has two.", expected, yours)
    if is_close(given["macs_share"], 1 / _SHARE, within=0.03):
        return failed("Turned around: a share is below 1 here.", expected, yours)
    if not is_close(given["macs_share"], _SHARE, within=0.03):
        return failed("Divide the MACs at 160 pixels by those at 224.", expected, yours)
    if not is_close(given["file_factor"], 1, within=0.005):
        return failed(
            "The work is right. The weights do not know how large the picture is: look at the files.", expected, yours
        )
    return passed("Half the arithmetic, and not a byte of the download.", expected, yours)


@checkpoint(
    "e.smaller.picks",
    points=2,
    title="Pick for the download and for the queue, within one point of accuracy",
    hint="First strike out what loses more than a point; then look at sizes, and at medians.",
)
def picks(records: Records) -> Verdict:
    """Judge both picks against the options that are within a point; near ties are as good."""
    given = records.answer("e.smaller.picks")
    if given is None:
        return unanswered()
    lost = {name: points_lost(records, name) for name in OPTIONS}
    fair = [name for name, points in lost.items() if points is not None and points <= MOST_POINTS + 1e-9]
    if not records.measurements(option=BASELINE) or not fair:
        return failed(NOT_MEASURED)
    yours = f"download: {given['download']}, queue: {given['queue']}"
    for wish, name in given.items():
        if name not in OPTIONS:
            return failed(f"{wish}: name a static INT8 option of this lesson.", ", ".join(fair), yours)
        if name not in fair:
            return failed(f"{wish}: that one loses more than a point, or was not measured.", ", ".join(fair), yours)
    sizes, medians = ({name: of(records, name) for name in fair} for of in (size_of, median_s))
    if None in sizes.values() or None in medians.values():
        return failed(NOT_MEASURED)
    if sizes[given["download"]] > (1 + 0.01) * min(sizes.values()):
        shown = ", ".join(f"{name} {megabytes(size)}" for name, size in sizes.items())
        return failed("download: another one within the point has fewer bytes.", shown, yours)
    if medians[given["queue"]] > (1 + _AS_GOOD) * min(medians.values()):
        shown = ", ".join(f"{name} {milliseconds(value)}" for name, value in medians.items())
        return failed("queue: another one within the point answers faster.", shown, yours)
    return passed("Two wishes, and perhaps two files.", "", yours)


@checkpoint(
    "e.smaller.bargain",
    points=2,
    title="State what 128 pixels cost and what they bring",
    hint="Points between the two accuracy records; the larger median over the smaller one.",
)
def bargain(records: Records) -> Verdict:
    """Judge points and speed-up against the records."""
    given = records.answer("e.smaller.bargain")
    if given is None:
        return unanswered()
    points = points_lost(records, "edge-int8-128px", INT8)
    medians = [median_s(records, name) for name in (INT8, "edge-int8-128px")]
    if points is None or None in medians:
        return failed(NOT_MEASURED)
    ratio = medians[0] / medians[1]
    expected, yours = (
        f"{points:.2f} points, {times(ratio)}",
        f"{given['points']:g} points, {given['times_as_fast']:g} ×",
    )
    if abs(given["points"] - points) > 0.06:
        if abs(100 * given["points"] - points) <= 0.06:
            return failed("That is a fraction; a point is a hundredth.", expected, yours)
        if abs(given["points"] + points) <= 0.06:
            return failed("A loss is positive where the small pictures are worse.", expected, yours)
        return failed("Compare with static INT8 at 224 pixels, not with float32.", expected, yours)
    if not is_close(given["times_as_fast"], ratio, within=0.03):
        if is_close(given["times_as_fast"], 1 / ratio, within=0.03):
            return failed("The points are right. Above 1 means faster.", expected, yours)
        return failed("The points are right. Divide the two newest medians.", expected, yours)
    return passed("A price with its goods: now somebody can decide.", expected, yours)
