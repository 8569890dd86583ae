"""Which measured options can be chosen between on one machine, and why the others cannot.

Everything is read from records: what an option is (its file and how it was opened), where it ran, and how it compares.
Nothing is dropped in silence: what cannot take part is named with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labs.records.collection import Lookup, Records
from labs.records.options import OptionSummary, summarize
from labs.records.record import Measurement
from labs.records.targets import GPU_PROVIDERS

#: The numbers without which an option cannot be weighed against others.
NUMBERS = {"accuracy": "accuracy", "p50_s": "latency", "batch_fps": "throughput", "size_bytes": "size"}

#: What every option is compared with: the float32 model with every graph optimization.
BASELINE = "onnx-all"

#: Environments (``labs.runtimes.providers``) by the provider that needs them; other options run in the lessons' own.
ENVIRONMENTS = {
    "OpenVINOExecutionProvider": "openvino",
    "CUDAExecutionProvider": "gpu",
    "TensorrtExecutionProvider": "tensorrt",
    "MIGraphXExecutionProvider": "migraphx",
}


@dataclass(frozen=True)
class Candidate:
    """An option that can be opened again and raced."""

    #: What is known about it, with intervals.
    summary: OptionSummary
    #: Its newest latency record, which says how it was opened.
    record: Measurement

    @property
    def option(self) -> str:
        """The option's name."""
        return self.summary.option

    @property
    def environment(self) -> str:
        """The environment of ``labs.runtimes.providers`` that it runs in; empty for the lessons' own."""
        return ENVIRONMENTS.get(self.record.provider_requested, "")

    @property
    def row(self) -> dict:
        """The option as plain values: name, four numbers in seconds, images a second and bytes, and ``on_gpu``."""
        numbers = {name: getattr(self.summary, name).value for name in NUMBERS}
        return {"option": self.option, **numbers, "on_gpu": self.record.provider_requested in GPU_PROVIDERS}


def candidates(records: Lookup, folders: Sequence[Path] | None = None) -> tuple[dict[str, Candidate], dict[str, str]]:
    """Return the options that can be chosen between, by name, and for each other one the reason why not.

    Args:
        records: Entries of one machine; see ``of_machine``.
        folders: Where the models' files may lie; files are not looked for when None.
    """
    found: dict[str, Candidate] = {}
    left_out: dict[str, str] = {}
    for summary in summarize(records):
        record = _opened(records, summary.option)
        problem = _problem(summary, record)
        if not problem and folders is not None:
            problem = _missing_file(record, folders)
        if not problem and (twin := next((one for one in found.values() if same(one.record, record)), None)):
            problem = f"the very same file as {twin.option}, opened in the same way: one option, not two"
        if problem:
            left_out[summary.option] = problem
        else:
            found[summary.option] = Candidate(summary, record)
    return found, left_out


def choosable(records: Lookup, baseline: str = "food11") -> list[dict]:
    """Return name, p95_ms, accuracy, right and size_bytes of the options that one machine has measured in full.

    It is the machine that measured the baseline last. Options that compute on a GPU are left out: a server with one has
    another price.

    Args:
        records: Entries of any machines.
        baseline: An option.
    """
    newest = records.latest(kind="latency", option=baseline, batch_size=1)
    rows = []
    for one in summarize(of_machine(records, newest.machine_id)) if newest else ():
        right = next((record for record in reversed(one.records) if record.kind == "accuracy"), None)
        if right and one.p95_s and one.size_bytes and one.provider not in GPU_PROVIDERS:
            row = {"name": one.option, "p95_ms": 1000 * one.p95_s.value, "accuracy": one.accuracy.value}
            rows.append(row | {"right": round(sum(right.samples)), "size_bytes": round(one.size_bytes.value)})
    return rows


def same(one: Measurement, other: Measurement) -> bool:
    """Return whether two records are of one option under two names: the same bytes, opened in the same way."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("backend", "provider_requested", "precision", "settings")
    ) and (one.model.sha256 == other.model.sha256)


def of_machine(entries: Iterable[object], machine_id: str) -> Records:
    """Return the measurements of one machine, with everything else that is no measurement."""
    return Records(one for one in entries if not isinstance(one, Measurement) or one.machine_id == machine_id)


def gains(records: Lookup, one: str, other: str) -> dict[str, tuple[float, float]]:
    """Return by how much ``one`` is better than ``other``: for each measure the 95 % interval, above 0 for better.

    Accuracy is compared image by image; latency (one image) and throughput (batches) by the newest run in which both
    took turns; size exactly. 'accuracy' is a difference of shares, the others are fractions of ``other``'s number. A
    measure in which the two were never compared like that is missing: about it, nothing may be said.
    """
    found: dict[str, tuple[float, float]] = {}
    if paired := records.paired_accuracy(one, other):
        found["accuracy"] = (paired.interval.low, paired.interval.high)
    for measure, kind in (("latency", "latency"), ("throughput", "throughput")):
        if run := records.comparison(one, other, kind=kind):
            ratio = run.ratio(one, other).interval
            found[measure] = (1 - ratio.high, 1 - ratio.low)
    sizes = [records.latest(kind="size", option=option) for option in (one, other)]
    if None not in sizes:
        smaller = 1 - sizes[0].samples[-1] / sizes[1].samples[-1]
        found["size"] = (smaller, smaller)
    return found


def _opened(records: Lookup, option: str) -> Measurement | None:
    """Return the newest latency record of an option that says how it was opened, or else the newest."""
    measured = records.measurements(kind="latency", option=option, batch_size=1)
    return next((one for one in reversed(measured) if one.settings), measured[-1] if measured else None)


def _problem(summary: OptionSummary, record: Measurement | None) -> str:
    missing = [word for name, word in NUMBERS.items() if getattr(summary, name) is None]
    if missing:
        return f"not measured in full: {', '.join(missing)} missing"
    if not record.settings:
        return "its record, of an earlier version, does not say how it was opened: measure it again"
    return "its provider ran no node" if record.fell_back else ""


def _missing_file(record: Measurement, folders: Sequence[Path]) -> str:
    for folder in folders:
        path = Path(folder) / record.model.name
        if path.is_file():
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == record.model.sha256:
                    return ""
    return f"{record.model.name} is not here, or has changed since: run its lesson again"
