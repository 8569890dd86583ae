"""Facts about where instances are: in stanzas that were written, and in runs on a node with two
GPUs.
"""

import json
from pathlib import Path

import numpy as np

from labs.course.question import MissingEvidenceError
from labs.records import Measurement, Records
from labs.records.load import MOST_IDLE
from labs.serve.triton.groups import groups_of, in_words

#: Arrangements on one GPU and on two.
ARRANGEMENTS = ("one", "two", "one_each", "two_each")


def stanzas(path: Path) -> dict:
    """Return where each arrangement of a JSON file of stanzas puts its instances, such as '1 on GPU
    0'.
    """
    written = json.loads(path.read_text(encoding="utf-8"))
    return {name: in_words(groups_of(written[name])) for name in ARRANGEMENTS}


def measured(records: Records) -> dict:
    """Return where Triton had its instances in the newest run of each arrangement, and whether the
    other GPU was idle.

    How busy the GPUs were is rounded to whole per cent, as the lesson's table shows it.

    Raises:
        MissingEvidenceError: An arrangement was not measured on a node with two GPUs yet.
    """
    runs: dict[str, Measurement] = {}
    for name in ARRANGEMENTS:
        loads = records.measurements(kind="load", option=f"gpus-{name}")
        on_gpus = [record for record in loads if len(record.machine.cuda_gpus) > 1]
        if not on_gpus:
            raise MissingEvidenceError(
                f"`{name}` was not measured yet: that waits for a node with two GPUs."
            )
        runs[name] = on_gpus[-1]
    load = runs["one"].load
    readings = [gpu for gpu in load.usage.gpu if gpu] if load else []
    busy_percent = [0, 0]
    if len(readings) > 1:
        busy_percent = [round(100 * float(np.mean(gpu))) for gpu in readings]
    facts: dict[str, object] = {}
    for name, run in runs.items():
        facts[name] = in_words(run.details["instance_group"])
    facts["busy_percent"], facts["other_busy_percent"] = busy_percent[:2]
    facts["other_idle"] = busy_percent[1] <= MOST_IDLE * busy_percent[0]
    return facts
