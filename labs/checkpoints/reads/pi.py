"""Facts about the board: the duration of the run, its temperature, and whether it was a board."""

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.collection import of_machine

#: The run without a pause.
BUSY = "edge-busy"


def on_the_board(records: Records) -> dict:
    """Return the duration of the board's newest run without a pause, and its temperatures."""
    busy = records.latest(kind="latency", option=BUSY)
    if busy is None:
        raise MissingEvidenceError(
            "A run of five minutes without a pause is missing: run its cell on the board."
        )
    if busy.machine.architecture not in ("aarch64", "arm64") or busy.machine.emulator:
        raise MissingEvidenceError(
            f"Measured on {busy.machine.label}: the points wait for an ARM processor."
        )
    windows = busy.details["windows"]
    tells_heat = any(
        window["temperature_c"] is not None or window["throttle_bits"] is not None
        for window in windows
    )
    own_script = records.seen("edge.own_script")
    own_samples = 0
    if own_script and own_script["machine_id"] == busy.machine_id:
        own_samples = len(own_script["samples_ms"])
    race = of_machine(records, busy.machine_id).comparison("edge-fp32", "edge-int8-s8s8")
    return {
        "seconds": windows[-1]["t_s"],
        "tells_heat": tells_heat,
        "raced": race is not None,
        "own_script": own_samples >= 100,
    }
