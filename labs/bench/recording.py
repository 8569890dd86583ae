"""Turning samples into a record, with everything known about where they came from."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from labs.backends import Backend, BackendInfo
from labs.bench.warmup import WarmUp
from labs.machine import fingerprint
from labs.records import Measurement, ModelFile, Threads
from labs.version import code_version


@dataclass
class Stopwatch:
    """When a measurement began and ended, on the wall and on the monotonic clock."""

    #: Monotonic clock in seconds.
    clock: Callable[[], float] = time.perf_counter
    #: UTC, ISO 8601.
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    #: Reading of the clock at the start.
    start_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.start_s = self.clock()


def model_file(path: str | Path) -> ModelFile:
    """Return name, sha256 and size of a model's file.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = Path(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelFile(path.name, digest, path.stat().st_size)


def record(
    kind: str,
    option: str,
    samples: Sequence[float],
    backend: Backend,
    watch: Stopwatch,
    *,
    batch_size: int = 1,
    warmup: WarmUp | None = None,
    details: dict | None = None,
) -> Measurement:
    """Return a record of samples taken since ``watch`` was started.

    When the requested provider ran nothing at all, the record's option says so: a figure that the CPU made must never
    stand in a table under the name of an accelerator.
    """
    end_s = watch.clock()
    info: BackendInfo = backend.describe()
    warmup = warmup or WarmUp(0, True)
    made = Measurement(
        kind=kind,
        option=option,
        samples=tuple(float(sample) for sample in samples),
        batch_size=batch_size,
        model=model_file(backend.model_path),
        backend=info.backend,
        provider_requested=info.provider_requested,
        providers_used=info.providers_used,
        precision=info.precision,
        threads=info.threads,
        warmup_count=warmup.count,
        warmup_settled=warmup.settled,
        started_at=watch.started_at,
        monotonic_start_s=watch.start_s,
        monotonic_end_s=end_s,
        machine=fingerprint(),
        libraries=info.libraries,
        code_version=code_version(),
        details=details or {},
    )
    return _named_truthfully(made)


def size(path: str | Path, *, option: str, backend: str = "file", precision: str = "") -> Measurement:
    """Return a record of a file's size in bytes.

    Args:
        path: The file that would be shipped.
        option: Name of the option.
        backend: What the file is meant for.
        precision: Precision of its weights, if known.
    """
    watch = Stopwatch()
    file = model_file(path)
    return Measurement(
        kind="size",
        option=option,
        samples=(float(file.size_bytes),),
        batch_size=1,
        model=file,
        backend=backend,
        provider_requested="",
        providers_used={},
        precision=precision,
        threads=Threads(),
        warmup_count=0,
        warmup_settled=True,
        started_at=watch.started_at,
        monotonic_start_s=watch.start_s,
        monotonic_end_s=watch.clock(),
        machine=fingerprint(),
        libraries={},
        code_version=code_version(),
    )


def _named_truthfully(made: Measurement) -> Measurement:
    if not made.fell_back:
        return made
    ran_on = max(made.providers_used, key=made.providers_used.get)
    warnings.warn(
        f"{made.option}: {made.provider_requested} ran no node; all of them ran on {ran_on}. "
        "The record is named accordingly.",
        stacklevel=4,
    )
    return replace(made, option=f"{made.option} (fell back to {ran_on.removesuffix('ExecutionProvider')})")
