"""Measure on a device from a cell: progress here, work over there, and the records as a small table."""

from __future__ import annotations

from collections.abc import Sequence

from labs.edge.job import REHEARSAL, TASKS, Candidate, Device, Effort, Job, measure_on
from labs.records import Ledger
from labs.widgets.measure import Records
from labs.widgets.progress import run_with_progress


def measure_there(
    device: Device,
    task: str,
    candidates: Sequence[Candidate],
    *,
    ledger: Ledger | None = None,
    effort: Effort | None = None,
    batch_sizes: Sequence[int] = (1, 8),
    held_cores: int | None = None,
) -> Records:
    """Measure on a device and return the records, which are in the ledger then.

    Args:
        device: Where; ``provisioning.edge.open_device`` returns one.
        task: What, a key of ``labs.edge.job.TASKS``.
        candidates: The options.
        ledger: Where the records are kept; nowhere when None.
        effort: How much; a rehearsed device gets little, a real one more, when None.
        batch_sizes: Batch sizes whose throughput is measured, for the task 'options'.
        held_cores: Cores that the measuring is held to over there; all usable ones when None.

    Raises:
        Stopped: It was cancelled here; the device ends what it has begun, and nothing of it is kept.
    """
    effort = effort or (REHEARSAL if getattr(device, "rehearsed", False) else Effort())
    job = Job(task, tuple(candidates), effort, tuple(batch_sizes), held_cores)
    title = f"{'In rehearsal' if effort is REHEARSAL else 'On the device'}: {TASKS[task]}"
    work = lambda report: measure_on(device, job, ledger, on_progress=report)  # noqa: E731 - one call with one argument
    return Records(run_with_progress(work, title, kept="Nothing of this one was kept."))
