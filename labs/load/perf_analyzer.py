"""What NVIDIA's perf_analyzer exported, as the same record that the course's own loops make.

The program is run by its own command line. Its table (``-f``) holds averages; its export (``--profile-export-file``)
holds when each request began and was answered, so that a record of it has raw samples like any other.

Source: https://github.com/triton-inference-server/perf_analyzer, docs/cli.md and docs/measurements_metrics.md, for
2.60.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from labs.load.record import load_record
from labs.load.server_side import between
from labs.load.target import Target
from labs.records import Measurement
from labs.serve.triton.control import Counters


class PerfAnalyzerError(RuntimeError):
    """perf_analyzer exported no requests; the message says why that may be."""


def perf_analyzer_record(
    target: Target,
    export: Path,
    before: Mapping,
    after: Mapping,
    *,
    option: str,
    concurrency: int = 1,
    images: int = 1,
    details: Mapping | None = None,
) -> Measurement:
    """Return the record of one run of perf_analyzer.

    Args:
        target: What is served there (``labs.load.served.triton_target``); its bodies are not sent.
        export: The file of ``--profile-export-file``.
        before: The model's statistics before the run, as ``tritonclient``'s ``get_inference_statistics`` returns them.
        after: The same after it; both are kept with the record.
        option: Name under which the record is kept.
        concurrency: Clients, as ``--concurrency-range`` said.
        images: Images in one request, as ``-b`` said.
        details: Anything else to keep with the record, as plain JSON.

    Raises:
        PerfAnalyzerError: Nothing was exported.
    """
    bounds, requests = read_export(export)
    begin_s, took_s = bounds[0], bounds[-1] - bounds[0]
    rows = [(start, latency, start, 200) for start, latency in requests.itertuples(index=False)]
    entries = [one["model_stats"][-1] for one in (before, after)]
    return load_record(
        option,
        replace(target, name=f"perf_analyzer {target.name}", batch_size=images),
        {"rows": rows, "first": "", "warmup": 0, "took_s": took_s, "cpu_s": 0.0},
        mode="closed",
        duration_s=took_s,
        started_at=datetime.fromtimestamp(begin_s, UTC).isoformat(),
        start_s=time.perf_counter() - (time.time() - begin_s),
        concurrency=concurrency,
        server=between(*map(Counters.of, entries)),
        details={"statistics": entries, "windows_s": [one - begin_s for one in bounds], **(details or {})},
    )


def read_export(export: Path) -> tuple[list[float], pd.DataFrame]:
    """Return the bounds of the windows that were measured, in seconds since 1970, and their requests.

    Args:
        export: The file of ``--profile-export-file``; times in it are nanoseconds.

    Returns:
        The bounds, and a table with a row a request: ``start_s`` after the first bound, and ``latency_s``.

    Raises:
        PerfAnalyzerError: Nothing was exported.
    """
    text = export.read_text(encoding="utf-8") if export.is_file() else ""
    if not text:
        raise PerfAnalyzerError(
            f"perf_analyzer exported no requests to {export.name}: it was stopped before its end, or its line does not "
            "say --profile-export-file"
        )
    experiment = json.loads(text)["experiments"][-1]
    bounds_ns = experiment["window_boundaries"]
    answered = [one for one in experiment["requests"] if one["response_timestamps"]]
    # Requests that were under way when the first window opened began a little before it.
    starts_s = [max(one["timestamp"] - bounds_ns[0], 0) * 1e-9 for one in answered]
    latencies_s = [(one["response_timestamps"][-1] - one["timestamp"]) * 1e-9 for one in answered]
    return [one * 1e-9 for one in bounds_ns], pd.DataFrame({"start_s": starts_s, "latency_s": latencies_s})
