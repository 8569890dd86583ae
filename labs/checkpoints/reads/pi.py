"""What was measured on the board: for how long, how warm it became, and whether it was one."""

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.collection import of_machine

#: The run without a pause.
BUSY = "edge-busy"


def on_the_board(records: Records) -> dict:
    """Return how long the newest run without a pause took on the board, and what the board told of its heat."""
    busy = records.latest(kind="latency", option=BUSY)
    if busy is None:
        raise MissingEvidenceError(
            "The board has not worked without a pause yet: run the cell of the five minutes."
        )
    if busy.machine.architecture not in ("aarch64", "arm64") or busy.machine.emulator:
        raise MissingEvidenceError(
            f"Measured on {busy.machine.label}: the points wait for an ARM processor."
        )
    windows, own = busy.details["windows"], records.seen("edge.own_script")
    race = of_machine(records, busy.machine_id).comparison("edge-fp32", "edge-int8-s8s8")
    return {
        "seconds": windows[-1]["t_s"],
        "tells_heat": any(
            one["temperature_c"] is not None or one["throttle_bits"] is not None for one in windows
        ),
        "raced": race is not None,
        "own_script": bool(
            own and own["machine_id"] == busy.machine_id and len(own["samples_ms"]) >= 100
        ),
    }
