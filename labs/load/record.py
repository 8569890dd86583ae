"""What the sender, NVIDIA's perf_analyzer or MLPerf's loadgen found: as a record, with all that is known of its origin.

perf_analyzer is run by its own command line. Its table (``-f``) holds averages; its export (``--profile-export-file``)
holds when each request began and was answered, so that a record of it has raw samples like any other.

Loadgen's latencies come from its trace, and not from the clock of the system under test: that one does not know when a
query was *due*, so it would leave out what a query waited before it was issued.

Source: https://github.com/triton-inference-server/perf_analyzer, docs/cli.md and docs/measurements_metrics.md, for
2.60; https://github.com/mlcommons/inference, loadgen/README.md and loadgen/logging.cc, for 6.0.17.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from labs.load.served import between
from labs.load.target import Target
from labs.machine import fingerprint
from labs.machine.version import code_version, library_versions
from labs.records import Measurement
from labs.records.load import Failure, Load, ServerSide, Usage
from labs.serve.triton.control import Counters

#: What takes part on the sender's side, by transport.
_LIBRARIES = {"http": ("aiohttp", "uvloop"), "grpc": ("grpcio", "uvloop")}


class NothingAnsweredError(RuntimeError):
    """Not one request got a good answer; the message shows the first bad one."""


def load_record(
    option: str,
    target: Target,
    result: dict,
    *,
    mode: str,
    duration_s: float,
    started_at: str,
    start_s: float,
    concurrency: int = 1,
    offered_rps: float | None = None,
    server: ServerSide | None = None,
    usage: Usage | None = None,
    details: dict | None = None,
) -> Measurement:
    """Return the record of one run.

    Args:
        result: The sender's 'result' event.
        duration_s: Seconds in which requests were begun.
        concurrency: Requests in flight at once; in an open loop, the most that there were.
        offered_rps: Requests a second that were due; None in a closed loop.

    Raises:
        NothingAnsweredError: No request succeeded.
    """
    good = [row for row in result["rows"] if row[3] == 200]
    if not good:
        raise NothingAnsweredError(
            f"{target.name}: none of {len(result['rows'])} requests was answered well. Is the server up, and is this "
            f"what it expects? The first answer was: {result['first'][:300] or 'nothing at all'}"
        )
    served = target.served
    return Measurement(
        kind="load",
        option=option,
        samples=tuple(row[1] for row in good),
        batch_size=1,
        concurrency=concurrency,
        model=served.model,
        backend=served.backend,
        provider_requested=served.provider,
        providers_used={},
        precision=served.precision,
        threads=served.threads,
        warmup_count=result["warmup"],
        warmup_settled=True,
        started_at=started_at,
        monotonic_start_s=start_s,
        monotonic_end_s=start_s + result["took_s"],
        machine=fingerprint(),
        libraries={**served.libraries, **library_versions(*_LIBRARIES[target.transport])},
        code_version=code_version(),
        details={
            "settings": served.settings,
            "body_bytes": round(sum(map(len, target.bodies)) / len(target.bodies)),
            "first_answer": result["first"],
            **(details or {}),
        },
        load=Load(
            mode=mode,
            target=target.name,
            duration_s=duration_s,
            offsets_s=tuple(row[0] for row in good),
            offered_rps=offered_rps,
            sent_offsets_s=tuple(row[2] for row in good) if mode == "open" else (),
            failures=tuple(
                Failure(row[0], row[1], row[3]) for row in result["rows"] if row[3] != 200
            ),
            server=server,
            usage=usage or Usage(),
        ),
    )


def perf_analyzer_record(
    target: Target,
    export: Path,
    before: Mapping,
    after: Mapping,
    *,
    option: str,
    concurrency: int = 1,
    images: int = 1,
) -> Measurement:
    """Return the record of one run of perf_analyzer, with so many ``images`` in each request.

    Args:
        target: What is served there (``labs.load.served.triton_target``); its bodies are not sent.
        before: The model's statistics before the run, as ``tritonclient``'s ``get_inference_statistics`` returns them.
        after: The same after it; both are kept with the record.

    Raises:
        NothingAnsweredError: Nothing was exported.
    """
    bounds_s, rows = read_export(export)
    took_s = bounds_s[-1] - bounds_s[0]
    entries = [one["model_stats"][-1] for one in (before, after)]
    record = load_record(
        option,
        replace(target, name=f"perf_analyzer {target.name}"),
        {
            "rows": [(start, latency, start, 200) for start, latency in rows],
            "first": "",
            "warmup": 0,
            "took_s": took_s,
        },
        mode="closed",
        duration_s=took_s,
        started_at=datetime.fromtimestamp(bounds_s[0], UTC).isoformat(),
        start_s=time.perf_counter() - (time.time() - bounds_s[0]),
        concurrency=concurrency,
        server=between(*map(Counters.of, entries)),
        details={"statistics": entries, "windows_s": [one - bounds_s[0] for one in bounds_s]},
    )
    return replace(record, batch_size=images)


def read_export(export: Path) -> tuple[list[float], list[tuple[float, float]]]:
    """Return the bounds of the windows that were measured, in seconds since 1970, and their requests.

    Of each request, its start after the first bound and its latency, in seconds.

    Raises:
        NothingAnsweredError: Nothing was exported.
    """
    text = export.read_text(encoding="utf-8") if export.is_file() else ""
    if not text:
        raise NothingAnsweredError(
            f"perf_analyzer exported no requests to {export.name}: it was stopped before its end, or its line does not "
            "say --profile-export-file"
        )
    experiment = json.loads(text)["experiments"][-1]
    bounds_ns, rows = experiment["window_boundaries"], []
    for one in experiment["requests"]:
        if one["response_timestamps"]:
            # Requests that were under way when the first window opened began a little before it.
            start_ns, latency_ns = (
                one["timestamp"] - bounds_ns[0],
                one["response_timestamps"][-1] - one["timestamp"],
            )
            rows.append((max(start_ns, 0) * 1e-9, latency_ns * 1e-9))
    return [one * 1e-9 for one in bounds_ns], rows


def loadgen_record(
    target: Target, logs: Path, labels: Sequence[int], *, option: str
) -> Measurement:
    """Return the record of one run of loadgen, made with ``accuracy_log_probability`` 1, so that each answer is there.

    A query that was completed with 0 bytes failed. Details: the ``scenario``, the ``validity``, how many answers were
    ``right``, and loadgen's settings.

    Args:
        target: What answers behind the system under test; its bodies are not sent.
        logs: The folder that loadgen wrote its logs to.
        labels: The class of each sample, by index; an answer is one int64.

    Raises:
        NothingAnsweredError: No query was answered.
    """
    lines = (logs / "mlperf_log_detail.txt").read_text(encoding="utf-8").splitlines()
    detail = {
        one["key"]: one["value"] for one in (json.loads(line.partition(" ")[2]) for line in lines)
    }
    answers = json.loads((logs / "mlperf_log_accuracy.json").read_text(encoding="utf-8"))
    classes = {
        one["seq_id"]: np.frombuffer(bytes.fromhex(one["data"]), np.int64).tolist()
        for one in answers
    }
    rows, right = [], 0
    # By lines, since the trace as a whole is no JSON: some names in it are quoted twice.
    for line in (logs / "mlperf_log_trace.json").read_text(encoding="utf-8").splitlines():
        if line.startswith('{"name":"Sample",') and '"ph":"b"' in line:
            begun = json.loads(line.rstrip(","))
            due_s, sample = begun["ts"] * 1e-6, begun["args"]
            answer = classes.get(sample["sample_seq"], [])
            right += answer == [labels[sample["sample_idx"]]]
            sent_s = due_s + sample["issue_start_ns"] * 1e-9
            rows.append((due_s, sample["complete_ns"] * 1e-9, sent_s, 200 if answer else 500))
        elif line.startswith('"ts":'):
            began_s = float(line[5:].rstrip(",")) * 1e-6
    scenario, took_s = (
        detail["effective_scenario"],
        max(due_s + latency_s for due_s, latency_s, *_ in rows),
    )
    settings = {
        key.removeprefix("effective_"): value
        for key, value in detail.items()
        if key.startswith("effective_")
    }
    libraries = {**target.served.libraries, **library_versions("mlcommons-loadgen")}
    return load_record(
        option,
        replace(
            target,
            name=f"loadgen {target.name}",
            served=replace(target.served, libraries=libraries),
        ),
        {"rows": rows, "first": "", "warmup": 0, "took_s": took_s},
        mode="open" if scenario == "Server" else "closed",
        duration_s=took_s,
        started_at=datetime.fromtimestamp(began_s, UTC).isoformat(),
        start_s=time.perf_counter() - (time.time() - began_s),
        concurrency=len(rows) if scenario == "Offline" else 1,
        offered_rps=settings["target_qps"] if scenario == "Server" else None,
        details={
            "validity": detail["result_validity"],
            "right": right,
            "loadgen": settings,
            "scenario": scenario,
        },
    )
