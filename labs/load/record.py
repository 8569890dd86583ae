"""Turn results of the sender, NVIDIA's perf_analyzer or MLPerf's loadgen into a record with its
origin.

perf_analyzer is run by its own command line. Its table (``-f``) holds averages; its export
(``--profile-export-file``) holds when each request began and was answered, so that a record of it
has raw samples like any other.

Loadgen's latencies come from its trace, and not from the clock of the system under test. That clock
does not know when a query was *due*, so it would leave out the wait before the query was issued.

Source: https://github.com/triton-inference-server/perf_analyzer, docs/cli.md and
docs/measurements_metrics.md, for 2.60; https://github.com/mlcommons/inference, loadgen/README.md
and loadgen/logging.cc, for 6.0.17.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from labs.load.served import between
from labs.load.target import LoadTarget
from labs.machine import fingerprint
from labs.machine.version import code_version, library_versions
from labs.records import Measurement
from labs.records.load import Failure, Load, MachineUsage, ServerSide
from labs.serve.triton.control import Counters

#: Programs on the sender's side, by transport.
_LIBRARIES = {"http": ("aiohttp", "uvloop"), "grpc": ("grpcio", "uvloop")}


class NothingAnsweredError(RuntimeError):
    """Not one request got a good answer; the message shows the first bad one."""


class SentRequest(NamedTuple):
    """The outcome of one request: a row of the sender's result."""

    #: Seconds after the run's start at which it was due; in a closed loop, at which it left.
    due_s: float
    #: Seconds from then until its answer.
    latency_s: float
    #: Seconds after the run's start at which it left.
    sent_s: float
    #: HTTP status, 200 for a good answer; 0 where nothing came back.
    status: int


def load_record(
    option: str,
    target: LoadTarget,
    result: dict,
    *,
    mode: str,
    duration_s: float,
    started_at: str,
    start_s: float,
    concurrency: int = 1,
    offered_rps: float | None = None,
    server: ServerSide | None = None,
    usage: MachineUsage | None = None,
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
    requests = [SentRequest(*row) for row in result["rows"]]
    answered = [request for request in requests if request.status == 200]
    if not answered:
        first_answer = result["first"][:300] or "nothing at all"
        raise NothingAnsweredError(
            f"{option}, {target.name}: none of {len(requests)} requests was answered well. Is the "
            "server up, and is this what it expects? The first answer was: "
            f"{first_answer}"
        )
    failures = [
        Failure(request.due_s, request.latency_s, request.status)
        for request in requests
        if request.status != 200
    ]
    sent_offsets_s: tuple[float, ...] = ()
    if mode == "open":
        sent_offsets_s = tuple(request.sent_s for request in answered)
    load = Load(
        mode=mode,
        target=target.name,
        duration_s=duration_s,
        offsets_s=tuple(request.due_s for request in answered),
        offered_rps=offered_rps,
        sent_offsets_s=sent_offsets_s,
        failures=tuple(failures),
        server=server,
        usage=usage or MachineUsage(),
    )
    served = target.served
    senders_libraries = library_versions(*_LIBRARIES[target.transport])
    sizes_bytes = [len(body) for body in target.bodies]
    own_details = {
        "settings": served.settings,
        "body_bytes": round(sum(sizes_bytes) / len(sizes_bytes)),
        "first_answer": result["first"],
    }
    return Measurement(
        kind="load",
        option=option,
        samples=tuple(request.latency_s for request in answered),
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
        libraries=served.libraries | senders_libraries,
        code_version=code_version(),
        details=own_details | (details or {}),
        load=load,
    )


def perf_analyzer_record(
    target: LoadTarget,
    export: Path,
    before: Mapping,
    after: Mapping,
    *,
    option: str,
    concurrency: int = 1,
    images: int = 1,
) -> Measurement:
    """Return the record of one run of perf_analyzer, with ``images`` photos in each request.

    Args:
        target: The served model (``labs.load.served.triton_target``); its bodies are not sent.
        before: The model's statistics before the run, as ``tritonclient``'s
            ``get_inference_statistics`` returns them.
        after: The same after it; both are kept with the record.

    Raises:
        NothingAnsweredError: Nothing was exported.
    """
    bounds_s, requests = read_export(export)
    begin_s = bounds_s[0]
    rows = [SentRequest(start_s, latency_s, start_s, 200) for start_s, latency_s in requests]
    result = _result_of(rows, took_s=bounds_s[-1] - begin_s)
    statistics = [before["model_stats"][-1], after["model_stats"][-1]]
    counted_before, counted_after = map(Counters.of, statistics)
    windows_s = [bound_s - begin_s for bound_s in bounds_s]
    asked = replace(target, name=f"perf_analyzer {target.name}")
    record = load_record(
        option,
        asked,
        result,
        mode="closed",
        duration_s=result["took_s"],
        started_at=_on_the_wall(begin_s),
        start_s=_on_monotonic_clock(begin_s),
        concurrency=concurrency,
        server=between(counted_before, counted_after),
        details={"statistics": statistics, "windows_s": windows_s},
    )
    return replace(record, batch_size=images)


def _result_of(rows: Sequence[SentRequest], *, took_s: float) -> dict:
    """Return another program's requests in the form of the sender's 'result' event."""
    return {"rows": rows, "first": "", "warmup": 0, "took_s": took_s}


def _on_the_wall(time_s: float) -> str:
    """Return a time since 1970 in UTC, ISO 8601."""
    return datetime.fromtimestamp(time_s, UTC).isoformat()


def _on_monotonic_clock(time_s: float) -> float:
    """Return a time since 1970 as seconds of the monotonic clock."""
    ago_s = time.time() - time_s
    return time.perf_counter() - ago_s


def read_export(export: Path) -> tuple[list[float], list[tuple[float, float]]]:
    """Return the bounds of the measured windows, in seconds since 1970, and their requests.

    Each request's start after the first bound and its latency, in seconds.

    Raises:
        NothingAnsweredError: Nothing was exported.
    """
    text = export.read_text(encoding="utf-8") if export.is_file() else ""
    if not text:
        raise NothingAnsweredError(
            f"perf_analyzer exported no requests to {export.name}: it was stopped before its "
            "end, or its line does not say --profile-export-file"
        )
    experiment = json.loads(text)["experiments"][-1]
    bounds_ns = experiment["window_boundaries"]
    requests = []
    for request in experiment["requests"]:
        if request["response_timestamps"]:
            sent_ns = request["timestamp"]
            answered_ns = request["response_timestamps"][-1]
            # Requests that were under way when the first window opened began a little before it.
            start_ns = max(sent_ns - bounds_ns[0], 0)
            requests.append((start_ns * 1e-9, (answered_ns - sent_ns) * 1e-9))
    bounds_s = [bound_ns * 1e-9 for bound_ns in bounds_ns]
    return bounds_s, requests


def loadgen_record(
    target: LoadTarget, logs: Path, labels: Sequence[int], *, option: str
) -> Measurement:
    """Return the record of one run of loadgen, made with ``accuracy_log_probability`` 1, so that
    each answer is there.

    A query that was completed with 0 bytes failed. Details: the ``scenario``, the ``validity``, how
    many answers were ``right``, and loadgen's settings.

    Args:
        target: The server behind the system under test; its bodies are not sent.
        logs: The folder that loadgen wrote its logs to.
        labels: The class of each sample, by index; an answer is one int64.

    Raises:
        NothingAnsweredError: No query was answered.
    """
    facts = _loadgen_facts(logs)
    answers = _loadgen_answers(logs)
    rows = []
    right = 0
    # By lines, since the trace as a whole is no JSON: some names in it are quoted twice.
    for line in (logs / "mlperf_log_trace.json").read_text(encoding="utf-8").splitlines():
        if line.startswith('{"name":"Sample",') and '"ph":"b"' in line:
            begun = json.loads(line.rstrip(","))
            sample = begun["args"]
            answer = answers.get(sample["sample_seq"], [])
            right += answer == [labels[sample["sample_idx"]]]
            due_s = begun["ts"] * 1e-6
            latency_s = sample["complete_ns"] * 1e-9
            sent_s = due_s + sample["issue_start_ns"] * 1e-9
            rows.append(SentRequest(due_s, latency_s, sent_s, 200 if answer else 500))
        elif line.startswith('"ts":'):
            began_s = float(line[5:].rstrip(",")) * 1e-6
    took_s = max(row.due_s + row.latency_s for row in rows)
    settings = {}
    for key, value in facts.items():
        if key.startswith("effective_"):
            settings[key.removeprefix("effective_")] = value
    scenario = settings["scenario"]
    is_server = scenario == "Server"
    details = {
        "validity": facts["result_validity"],
        "right": right,
        "loadgen": settings,
        "scenario": scenario,
    }
    libraries = target.served.libraries | library_versions("mlcommons-loadgen")
    served = replace(target.served, libraries=libraries)
    asked = replace(target, name=f"loadgen {target.name}", served=served)
    mode = "closed"
    offered_rps: float | None = None
    if is_server:
        mode = "open"
        offered_rps = settings["target_qps"]
    return load_record(
        option,
        asked,
        _result_of(rows, took_s=took_s),
        mode=mode,
        duration_s=took_s,
        started_at=_on_the_wall(began_s),
        start_s=_on_monotonic_clock(began_s),
        concurrency=len(rows) if scenario == "Offline" else 1,
        offered_rps=offered_rps,
        details=details,
    )


def _loadgen_facts(logs: Path) -> dict:
    """Return what loadgen says of its run, by its own keys."""
    facts = {}
    for line in (logs / "mlperf_log_detail.txt").read_text(encoding="utf-8").splitlines():
        _, _, text = line.partition(" ")  # a word stands before each line's JSON
        entry = json.loads(text)
        facts[entry["key"]] = entry["value"]
    return facts


def _loadgen_answers(logs: Path) -> dict[int, list[int]]:
    """Return the classes that were answered, by the sample's number in the run."""
    entries = json.loads((logs / "mlperf_log_accuracy.json").read_text(encoding="utf-8"))
    answers = {}
    for entry in entries:
        content = bytes.fromhex(entry["data"])
        answers[entry["seq_id"]] = np.frombuffer(content, np.int64).tolist()
    return answers
