"""What an ensemble's steps did during a run: each is a model with counters of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from labs.load.server_side import between, triton_counters
from labs.records.load import ServerSide
from labs.serve.triton.control import Triton
from labs.serve.triton.settings import EnsembleSettings

Result = TypeVar("Result")


def watch_steps(
    triton: Triton, ensemble: EnsembleSettings, run: Callable[[], Result]
) -> tuple[Result, dict[str, ServerSide]]:
    """Return what a run returns, and what each step of the ensemble counted meanwhile, in the ensemble's order.

    Steps that were not run, or whose server does not tell, are left out.

    Args:
        triton: The server.
        ensemble: The ensemble's settings.
        run: Puts load on it.
    """
    readers = {step.model: triton_counters(triton.url, step.model) for step in ensemble.steps}
    before = {name: read() for name, read in readers.items()}
    result = run()
    seen = {name: between(before[name], read()) for name, read in readers.items()}
    return result, {name: one for name, one in seen.items() if one is not None}


def busy(steps: Mapping[str, ServerSide], rate_rps: float, copies: Mapping[str, int] | None = None) -> dict[str, float]:
    """Return how busy each step's copies were, by the utilization law: rate times compute over the number of copies.

    It holds where each request runs alone. Requests of one batch share its compute, which is then counted once for
    each, and copies that wait for the same processor count the waiting too: a number above 1 says that this happened.

    Args:
        steps: What each step counted.
        rate_rps: Requests a second that were answered.
        copies: Copies of each step's model; one where it is not named.
    """
    return {name: rate_rps * one.compute_s / (copies or {}).get(name, 1) for name, one in steps.items()}


def steps_table(steps: Mapping[str, ServerSide]):
    """Return a pandas table, one row a step: requests, runs, and mean milliseconds in the queue and in compute."""
    import pandas as pd

    rows = [
        {
            "step": name,
            "requests": one.requests,
            "queue, ms": round(one.queue_s * 1e3, 2),
            "compute, ms": round(one.compute_s * 1e3, 2),
        }
        for name, one in steps.items()
    ]
    return pd.DataFrame(rows).set_index("step")
