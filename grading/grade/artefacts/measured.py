"""The grader's side of measuring models again: start the child, and read what it says with caution."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from grading.grade.artefacts.pictures import at_hand
from grading.grade.intake.take import Taken
from grading.grade.sandbox import Limits, Sandbox
from labs.records.strict import StrictJsonError, loads
from labs.workspace import PROJECT_DIR

#: For one model: it loads and predicts a hundred pictures in about a second of a whole processor.
SECONDS_A_MODEL = 30

#: Importing the runtime on a busy half of a processor.
SECONDS_TO_START = 15

#: Address space. ONNX Runtime, numpy and a 9 MB model stay below 1 GB of it, most of it reserved and never touched.
MEMORY_BYTES = 1_600 << 20

_CHILD = "grading.grade.artefacts.child"


@dataclass(frozen=True)
class Facts:
    """What was found when a submitted file was measured again."""

    name: str
    sha256: str
    size_bytes: int
    #: Why there is nothing more, as a sentence; empty when all went well.
    fault: str = ""
    #: Bytes of all weights, and of those that are 8-bit integers.
    weight_bytes: int = 0
    int8_bytes: int = 0
    #: How often it multiplies for one picture.
    multiplications: int = 0
    #: Classes that it gave the pictures, 0 to 10, in their order.
    predicted: tuple[int, ...] = ()
    #: How it writes its numbers down (``grading.grade.artefacts.graph.described``).
    graph: Mapping[str, str | bool | int | float] = field(default_factory=dict)

    @property
    def is_int8(self) -> bool:
        """Whether at least half of the weights' bytes are 8-bit integers."""
        return self.weight_bytes > 0 and 2 * self.int8_bytes >= self.weight_bytes


#: What was found in this process, by a file's sha256 and the pictures'. Quantizing is deterministic, so many of a class
#: hand in one file. Only a child's first model is kept: it may have taken the child over, and then speaks for others.
_MEASURED: dict[tuple[str, str], Facts] = {}


def inspect_models(files: Sequence[Taken], pictures: Path) -> dict[str, Facts]:
    """Return facts about models by file name, whatever the files do; ``pictures`` is a file of ``Pictures.save``.

    The same bytes are measured once a process.
    """
    _, shown = at_hand(pictures)
    found = {
        one.name: replace(_MEASURED[one.sha256, shown], name=one.name)
        for one in files
        if (one.sha256, shown) in _MEASURED
    }
    waiting = [one for one in files if one.name not in found]
    # A model that kills or hangs the child is named, and the rest gets a child of its own.
    while waiting:
        told = _ask(waiting, pictures)
        done = {one.name: one for one in waiting if one.name in told}
        for one in waiting if not done else done.values():
            found[one.name] = _facts(
                one, told.get(one.name, {"fault": "it could not be looked at within the limits"})
            )
        first = found.get(waiting[0].name)
        if first is not None and not first.fault:
            _MEASURED[first.sha256, shown] = first
        waiting = [one for one in waiting if one.name not in found]
    return found


def _ask(files: Sequence[Taken], pictures: Path) -> dict[str, dict]:
    """Return what the child said, by file name; a file that it began and never ended is faulty."""
    wall_s = SECONDS_TO_START + SECONDS_A_MODEL * len(files)
    limits = Limits(
        wall_s=wall_s, cpu_s=wall_s, memory_bytes=MEMORY_BYTES, file_bytes=1 << 20, processes=32
    )
    packages = [
        place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")
    ]
    within = {"PYTHONPATH": os.pathsep.join([str(PROJECT_DIR), *packages])}
    with Sandbox() as sandbox:
        # Their classes stay outside: a model that takes the child over finds no answers beside it.
        np.save(sandbox.folder / "pixels.npy", at_hand(pictures)[0].pixels)
        for one in files:
            shutil.copyfile(one.path, sandbox.folder / one.name)
        arguments = ["pixels.npy", *(one.name for one in files)]
        # Without Python's site module, whose hooks would cost each submission some of its time.
        command = [sys.executable, "-S", "-m", _CHILD, *arguments]
        outcome = sandbox.run(
            command, limits=replace(limits, output_bytes=4 << 20), variables=within
        )
    told: dict[str, dict] = {}
    unsaid = {one.name for one in files}
    for line in outcome.output.splitlines():
        try:
            values = loads(line)
        except StrictJsonError:
            continue
        # What was said of a model before a later one was loaded stands.
        if (
            not isinstance(values, dict)
            or not isinstance(name := values.get("name"), str)
            or name not in unsaid
        ):
            continue
        why = (
            "it did not finish in time"
            if outcome.timed_out
            else "it needs more memory than there is, or ends its process"
        )
        begun = values.get("begun")
        told[name] = {"fault": why} if begun else values
        unsaid -= set() if begun else {name}
    return told


def _facts(file: Taken, said: dict) -> Facts:
    """Return facts out of the child's words, each looked at: the model may have taken the child over."""
    facts = Facts(file.name, file.sha256, file.size_bytes)
    if said.get("fault"):
        return replace(facts, fault=str(said["fault"])[:300])
    predicted = said.get("predicted", [])
    counts = {name: said.get(name, 0) for name in ("weight_bytes", "int8_bytes", "multiplications")}
    graph = said.get("graph", {})
    sound = (
        isinstance(graph, dict)
        and all(isinstance(one, str | bool | int | float) for one in graph.values())
        and isinstance(predicted, list)
        and all(type(label) is int and 0 <= label <= 10 for label in predicted)
        and all(type(count) is int and 0 <= count <= 1 << 40 for count in counts.values())
    )
    if not sound:
        return replace(facts, fault="what was measured makes no sense")
    return replace(facts, **counts, predicted=tuple(predicted), graph=graph)
