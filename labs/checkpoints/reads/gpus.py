"""Facts about where instances are: in stanzas that were written, and in runs on a node with two GPUs."""

import json
from pathlib import Path

import numpy as np

from labs.course.question import MissingEvidenceError
from labs.records import Measurement, Records
from labs.serve.triton.groups import groups_of, in_words

#: Arrangements on one GPU and on two.
ARRANGEMENTS = ("one", "two", "one_each", "two_each")

#: Readings of a GPU beside which another one counts as idle, as a share of the busy one's.
_IDLE = 0.5


def stanzas(path: Path) -> dict:
    """Return where each arrangement of a JSON file of stanzas puts its instances, such as '1 on GPU 0'."""
    written = json.loads(path.read_text(encoding="utf-8"))
    return {name: in_words(groups_of(written[name])) for name in ARRANGEMENTS}


def measured(records: Records) -> dict:
    """Return where Triton had its instances in the newest run of each arrangement, and whether the other GPU was idle.

    Raises:
        MissingEvidenceError: An arrangement was not measured on a node with two GPUs yet.
    """
    runs: dict[str, Measurement] = {}
    for name in ARRANGEMENTS:
        of_it = records.measurements(kind="load", option=f"gpus-{name}")
        on_gpus = [one for one in of_it if len(one.machine.cuda_gpus) > 1]
        if not on_gpus:
            raise MissingEvidenceError(f"`{name}` was not measured yet: that waits for a node with two GPUs.")
        runs[name] = on_gpus[-1]
    load = runs["one"].load
    busy = [float(np.mean(gpu)) for gpu in (load.usage.gpu if load and load.usage else ()) if gpu]
    return {name: in_words(run.details["instance_group"]) for name, run in runs.items()} | {
        "other_idle": len(busy) < 2 or busy[1] <= _IDLE * busy[0]
    }
