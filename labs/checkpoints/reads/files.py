"""Facts about the four files: their measurements in turns on the device, and their bytes."""

from labs.checkpoints.reads.observations import newest
from labs.records import Records
from labs.records.collection import of_machine

#: The files that are measured in turns.
FOUR = ("edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8")


def four_files(records: Records) -> dict:
    """Return which of the four files took no turn in the newest race, or had other bytes there than
    here.
    """
    missing = "The four files have not taken turns yet: run the cell that measures them."
    race, sent = newest(records, "edge.race", missing), newest(records, "edge.files", missing)
    there = of_machine(records, race["machine_id"])
    raced = {record.option: record.model.sha256 for record in there.comparison("edge-fp32") or ()}
    missing_options = [option for option in FOUR if option not in raced]
    other_bytes = [
        option for option in FOUR if option in raced and raced[option] != sent.get(option)
    ]
    accuracies = [there.latest(kind="accuracy", option=option) for option in FOUR]
    picture_counts = [len(record.samples) if record else 0 for record in accuracies]
    return {
        "missing": ", ".join(missing_options),
        "other_bytes": ", ".join(other_bytes),
        "pictures": min(picture_counts),
    }
