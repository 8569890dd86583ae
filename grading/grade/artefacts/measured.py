"""The grader's side of measuring models again: start the child, and read what it says with
caution.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from grading.grade.artefacts.pictures import at_hand
from grading.grade.intake.take import Taken
from grading.grade.sandbox import Outcome, Sandbox, SandboxLimits
from labs.machine.quantization_format import quantization_format
from labs.records.strict import StrictJsonError, loads
from labs.workspace import PROJECT_DIR

#: For one model: it loads and predicts a hundred pictures in about a second of a whole processor.
SECONDS_A_MODEL = 30

#: Importing the runtime on a busy half of a processor.
SECONDS_TO_START = 15

#: Address space. ONNX Runtime, numpy and a 9 MB model stay below 1 GB of it, most of it reserved
#: and never touched.
MEMORY_BYTES = 1_600 << 20

_CHILD = "grading.grade.artefacts.child"


@dataclass(frozen=True)
class Facts:
    """The results of measuring a submitted file again."""

    name: str
    sha256: str
    size_bytes: int
    #: Why there is nothing more, as a sentence; empty when all went well.
    fault: str = ""
    #: How often it multiplies for one picture.
    multiplications: int = 0
    #: The share of a published network's weights that it holds, if it multiplies in float32.
    published_share: float = 0.0
    #: Classes that it gave the pictures, 0 to 10, in their order.
    predicted: tuple[int, ...] = ()
    #: The same where sums of 8-bit products saturate; empty if none does on the grader's processor.
    saturated: tuple[int, ...] = ()
    #: How it writes its numbers down (``grading.grade.artefacts.graph.described``).
    graph: Mapping[str, str | bool | int | float] = field(default_factory=dict)

    @property
    def integer_share(self) -> float:
        """The share of multiplications by 8-bit integers (``labs.optimize.multiplications``)."""
        return float(self.graph.get("integers", 0.0))


#: Results of this process, by a file's sha256 and the pictures'. Quantizing is deterministic, so
#: many students hand in the same file. Only a child's first model is kept, because it may have
#: taken over the child and then fake results of others.
_MEASURED: dict[tuple[str, str], Facts] = {}


def inspect_models(files: Sequence[Taken], pictures: Path) -> dict[str, Facts]:
    """Return facts about models by file name, whatever the files do; ``pictures`` is a file of
    ``Pictures.save``.

    The same bytes are measured once a process.
    """
    _, pictures_sha256 = at_hand(pictures)
    facts: dict[str, Facts] = {}
    for file in files:
        if measured := _MEASURED.get((file.sha256, pictures_sha256)):
            facts[file.name] = replace(measured, name=file.name)
    waiting = [file for file in files if file.name not in facts]
    # The largest takes longest, and only a child's first result is kept for the next submission.
    waiting.sort(key=lambda file: file.size_bytes, reverse=True)
    # A model that kills or hangs the child is named, and the rest gets a new child.
    while waiting:
        replies = _ask(waiting, pictures)
        if not replies:
            fault = {"fault": "it could not be looked at within the limits"}
            replies = {file.name: fault for file in waiting}
        for file in waiting:
            if file.name in replies:
                facts[file.name] = _facts(file, replies[file.name])
        first = facts.get(waiting[0].name)
        if first is not None and not first.fault:
            _MEASURED[first.sha256, pictures_sha256] = first
        waiting = [file for file in waiting if file.name not in facts]
    return facts


def _ask(files: Sequence[Taken], pictures: Path) -> dict[str, dict]:
    """Return the child's replies, by file name; a file that it began and never ended is faulty."""
    wall_s = SECONDS_TO_START + SECONDS_A_MODEL * len(files)
    limits = SandboxLimits(
        wall_s=wall_s,
        cpu_s=wall_s,
        memory_bytes=MEMORY_BYTES,
        file_bytes=1 << 20,
        output_bytes=4 << 20,
        processes=32,
    )
    folders = ("site-packages", "dist-packages")
    packages = [place for place in sys.path if Path(place).name in folders]
    variables = {"PYTHONPATH": os.pathsep.join([str(PROJECT_DIR), *packages])}
    names = [file.name for file in files]
    # Without Python's site module, whose hooks would cost each submission some of its time.
    saturates = "yes" if quantization_format().reduce_range else "no"
    command = [sys.executable, "-S", "-m", _CHILD, "pixels.npy", saturates, *names]
    shown, _ = at_hand(pictures)
    with Sandbox() as sandbox:
        # Their classes stay outside: a model that takes the child over finds no answers beside it.
        np.save(sandbox.folder / "pixels.npy", shown.pixels)
        for file in files:
            shutil.copyfile(file.path, sandbox.folder / file.name)
        outcome = sandbox.run(command, limits=limits, variables=variables)
    return _replies(outcome, names)


def _replies(outcome: Outcome, names: Sequence[str]) -> dict[str, dict]:
    """Return what the child printed of each file, by name."""
    unfinished = "it needs more memory than there is, or ends its process"
    if outcome.timed_out:
        unfinished = "it did not finish in time"
    replies: dict[str, dict] = {}
    open_names = set(names)
    for line in outcome.output.splitlines():
        try:
            reply = loads(line)
        except StrictJsonError:
            continue
        name = reply.get("name") if isinstance(reply, dict) else None
        # Results that were printed before a later model was loaded count.
        if not isinstance(name, str) or name not in open_names:
            continue
        if reply.get("begun"):
            replies[name] = {"fault": unfinished}
        else:
            replies[name] = reply
            open_names.remove(name)
    return replies


def _facts(file: Taken, reply: dict) -> Facts:
    """Return facts out of the child's reply, each looked at: the model may have taken the child
    over.
    """
    facts = Facts(file.name, file.sha256, file.size_bytes)
    if reply.get("fault"):
        return replace(facts, fault=str(reply["fault"])[:300])
    predicted = reply.get("predicted", [])
    saturated = reply.get("saturated", [])
    graph = reply.get("graph", {})
    multiplications = reply.get("multiplications", 0)
    published = reply.get("published_share", 0.0)
    are_numbers = _is_within(multiplications, 1 << 40) and _is_share(published)
    are_all_classes = _are_classes(predicted) and _are_classes(saturated)
    if not (are_numbers and _is_plain(graph) and are_all_classes):
        return replace(facts, fault="what was measured makes no sense")
    return replace(
        facts,
        multiplications=multiplications,
        published_share=float(published),
        predicted=tuple(predicted),
        saturated=tuple(saturated),
        graph=graph,
    )


def _is_plain(graph: object) -> bool:
    """Return whether a reply's graph holds plain words and numbers, and a share of integers."""
    if not isinstance(graph, dict) or not _is_share(graph.get("integers", 0.0)):
        return False
    return all(isinstance(value, str | bool | int | float) for value in graph.values())


def _is_share(number: object) -> bool:
    return isinstance(number, int | float) and 0 <= number <= 1


def _are_classes(predicted: object) -> bool:
    return isinstance(predicted, list) and all(_is_within(label, 10) for label in predicted)


def _is_within(number: object, most: int) -> bool:
    """Return whether this is a whole number from 0 to ``most``; True and False are none."""
    return type(number) is int and 0 <= number <= most
