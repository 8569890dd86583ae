"""Bring the models: parts, hashes, and what the device's core multiplies."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import DEVICE_BYTES, on_arm
from labs.records import Records
from labs.records.format import megabytes, milliseconds

#: What the course sends in one request, in bytes.
PART_BYTES = 4 * 2**20

_NOTHING_BROUGHT = "No file is noted as brought yet: run the cells that bring the models and compare their hashes."


@prediction(
    "e.bring.latency_guess",
    about={"kind": "latency", "option": "edge-int8-s8s8"},
    title="Predict how long one photo takes on the device",
    between=(1e-4, 3.0),
    show=milliseconds,
)
def device_latency(records: Records) -> float | None:
    """Return the median latency of static INT8 on the device, in seconds."""
    record = records.latest(kind="latency", option="edge-int8-s8s8", batch_size=1)
    return None if record is None else record.percentile(50)


@checkpoint(
    "e.bring.parts",
    title="Work out into how many parts the largest file falls",
    hint="Divide, and round up: what is left over travels as well.",
)
def parts(records: Records) -> Verdict:
    """Judge the number of parts against the largest file's size."""
    given = records.answer("e.bring.parts")
    if given is None:
        return unanswered()
    seen = records.seen("edge.largest")
    if seen is None:
        return failed("The largest file has not been looked at: run the cell above.")
    size = seen["bytes"]
    expected = -(-size // PART_BYTES)
    shown, yours = f"{megabytes(size)} in parts of {megabytes(PART_BYTES)}: {expected}", f"{given:g}"
    if given == expected:
        return passed("So many requests, each of which may be refused and sent again.", shown, yours)
    if given == size // PART_BYTES:
        return failed("The rest that is left over needs a part of its own.", shown, yours)
    if given == size / PART_BYTES:
        return failed("A number of parts is whole: round up.", shown, yours)
    return failed("Divide the largest file's bytes by the bytes of a part.", shown, yours)


@checkpoint(
    "e.bring.fit",
    points=2,
    title="Name the files that arrived whole, and those that keep the device's size limit",
    hint="`arrived[name]['here'] == arrived[name]['there']`; the limit is in bytes.",
)
def fit(records: Records) -> Verdict:
    """Judge both lists against the hashes and sizes that were noted."""
    given = records.answer("e.bring.fit")
    if given is None:
        return unanswered()
    seen = records.seen("edge.files")
    if seen is None:
        return failed(_NOTHING_BROUGHT)
    files = seen["files"]
    whole = {name for name, file in files.items() if file["here"] == file["there"]}
    fits = {name for name in whole if files[name]["size_bytes"] < DEVICE_BYTES}
    expected = f"whole: {', '.join(sorted(whole))}; fit: {', '.join(sorted(fits))}"
    yours = f"whole: {', '.join(sorted(given['whole']))}; fit: {', '.join(sorted(given['fit']))}"
    if set(given["whole"]) - set(files):
        return failed("Use the files' names as they stand in the list.", expected, yours)
    if set(given["whole"]) != whole:
        return failed("Compare the two hashes of each file, and of every file.", expected, yours)
    if set(given["fit"]) - fits:
        return failed("One of them is larger than 5 MB.", expected, yours)
    if set(given["fit"]) != fits:
        return failed("More of them keep the limit of 5 MB.", expected, yours)
    return passed("The same bytes as on the server: now a comparison means something.", expected, yours)


@checkpoint(
    "e.bring.form",
    points=2,
    title="Say what the device's dot product multiplies, and how many times float32's rate that is",
    hint="SDOT: the S is for signed. Sixteen bytes fit where four float32 numbers do.",
    needs=({"subject": "edge.files"},),
)
def form(records: Records) -> Verdict:
    """Judge the types, and the number of products against a 128-bit vector."""
    given = records.answer("e.bring.form")
    if given is None:
        return unanswered()
    yours = f"{given['activations']} × {given['weights']}, {given['products']} products, {given['times']} ×"
    if (given["activations"], given["weights"]) == ("unsigned", "signed"):
        return failed("That is the server's VNNI. The table's first row is about the Pi.", "", yours)
    if (given["activations"], given["weights"]) != ("signed", "signed"):
        return failed("Read the first row of the table: which two types need no conversion?", "", yours)
    if given["products"] == 4:
        return failed("Four is what float32 gets, or what each of SDOT's four sums takes up.", "16", yours)
    if given["products"] != 16:
        return failed("A 128-bit vector holds this many bytes, and each takes part in one product.", "16", yours)
    if given["times"] != 4:
        return failed("Divide the products of the two instructions.", "16 / 4 = 4", yours)
    played = "" if on_arm(records.seen("edge.files")) else " Here, an x86 processor plays the device."
    return passed(f"Four times the rate, on paper.{played}", "", yours)
