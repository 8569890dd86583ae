"""NVIDIA's perf_analyzer, run on a model and read back into the same record as the course's own loops.

The program prints averages. Here it is also told to export when each request began and was answered, so that a record
of it has raw samples like any other. What it calls the server's side (queue, input, infer, output) comes from its CSV.

Source: https://github.com/triton-inference-server/perf_analyzer, docs/cli.md and docs/measurements_metrics.md, for
2.60.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from labs.load.record import load_record
from labs.load.server_side import between, triton_counters
from labs.load.target import Target
from labs.load.usage import Sampler
from labs.progress import OnProgress, silent
from labs.records import Measurement
from labs.records.load import ServerSide
from labs.serve.triton.control import Triton
from labs.serve.triton.environment import perf_analyzer

_US = 1e-6


class PerfAnalyzerError(RuntimeError):
    """perf_analyzer refused or found no server; the message ends with its own words."""


class NoRequestInTimeError(PerfAnalyzerError):
    """No request was answered within a window: the model is slower than that."""


@dataclass(frozen=True)
class Analysis:
    """What perf_analyzer is asked to measure, as the field types it."""

    #: The model.
    model: str
    #: Requests in flight at once.
    concurrency: int = 1
    #: Pictures in one request.
    batch_size: int = 1
    #: File with the requests' contents, as ``labs.serve.photos.write_input_data`` makes it; zeros or random
    #: bytes when None.
    input_data: Path | None = None
    #: Shapes of inputs that are free or random, such as ``(("input", (3, 224, 224)),)``.
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    #: 'http' or 'grpc'.
    protocol: str = "grpc"
    #: Hand tensors over in shared memory, which only works on the server's own machine and outside a container.
    shared_memory: bool = False
    #: Seconds of one measurement window; it takes three.
    window_s: float = 1.0
    #: Requests that each window has to hold, however long that takes; None where its seconds decide.
    requests: int | None = None

    def arguments(self, address: str) -> list[str]:
        """Return the arguments for a server at this address, without the program's name."""
        found = ["-u", address, "-m", self.model, "-b", str(self.batch_size)]
        found += ["--concurrency-range", str(self.concurrency)]
        found += ["-i", "grpc"] if self.protocol == "grpc" else []
        # Left alone it sends random bytes, of which some are NaN as float32: that is no picture, and no JSON either.
        contents = self.input_data or ("zero" if self.shapes else None)
        found += ["--input-data", str(contents)] if contents else []
        for name, dims in self.shapes:
            found += ["--shape", f"{name}:{','.join(map(str, dims))}"]
        found += ["--shared-memory", "system"] if self.shared_memory else []
        # Left alone it repeats windows until three agree, and gives up without a result on a busy machine.
        # The record keeps the samples, and their interval says how much they vary.
        if self.requests is not None:
            found += ["--measurement-mode", "count_windows", "--measurement-request-count", str(self.requests)]
        return [*found, "-p", str(round(self.window_s * 1000)), "-s", "999"]

    def line(self, address: str) -> str:
        """Return the line to type in a terminal."""
        return shlex.join(["perf_analyzer", *self.arguments(address)])


def analyze(
    triton: Triton,
    target: Target,
    analysis: Analysis,
    *,
    option: str,
    within_s: float = 120.0,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return the record of one run of perf_analyzer.

    Args:
        triton: The server.
        target: What is served there (``labs.load.served.triton_target``); its bodies are not sent.
        analysis: What is asked for.
        option: Name under which the record is kept.
        within_s: Seconds after which it is given up.
        on_progress: Told how far it is; may raise ``Cancelled``, which ends the program.

    Raises:
        ValueError: Tensors without shared memory: the export would hold the numbers of every request.
        PerfAnalyzerError: It did not get a result.
        TritonUnavailableError: There is no perf_analyzer for this machine.
    """
    if analysis.shapes and not analysis.shared_memory:
        raise ValueError(
            "perf_analyzer's export repeats what each request carried, half a megabyte a picture here: hand tensors "
            "over with shared_memory=True, or measure with labs.load.closed_loop"
        )
    try:
        return _analyze(triton, target, analysis, option, within_s, on_progress)
    except NoRequestInTimeError:
        # Nobody can know a slow model's window beforehand: let the windows last until they hold some requests.
        counted = replace(analysis, requests=max(4, analysis.concurrency))
        return _analyze(triton, target, counted, option, within_s, on_progress)


def _analyze(
    triton: Triton, target: Target, analysis: Analysis, option: str, within_s: float, on_progress: OnProgress
) -> Measurement:
    address = triton.grpc if analysis.protocol == "grpc" else triton.http
    read = triton_counters(triton.url, analysis.model)
    with tempfile.TemporaryDirectory() as folder:
        table, export = Path(folder) / "table.csv", Path(folder) / "requests.json"
        command = [str(perf_analyzer(on_progress)), *analysis.arguments(address)]
        command += ["-f", str(table), "--verbose-csv", "--profile-export-file", str(export)]
        before, started_at, start_s = read(), datetime.now(UTC).isoformat(), time.perf_counter()
        usage, cpu_s = _run(command, target, within_s, analysis, on_progress)
        rows, took_s = parse_export(export.read_text(encoding="utf-8"))
        server = parse_csv(table.read_text(encoding="utf-8"))[-1]
    counted = between(before, read())
    if server is not None and counted is not None:
        server = replace(server, requests=counted.requests, executions=counted.executions, batches=counted.batches)
    result = {"rows": rows, "first": "", "warmup": 0, "took_s": took_s, "cpu_s": cpu_s}
    return load_record(
        option,
        replace(target, name=f"perf_analyzer {analysis.model}", batch_size=analysis.batch_size),
        result,
        mode="closed",
        duration_s=took_s,
        started_at=started_at,
        start_s=start_s,
        concurrency=analysis.concurrency,
        server=server,
        usage=usage,
        details={"line": analysis.line("HOST:PORT"), "shared_memory": analysis.shared_memory},
    )


def parse_csv(text: str) -> list[ServerSide | None]:
    """Return the server's side of each row of a ``--verbose-csv`` file, in its order; None where a row has none.

    Counts are not in the file and stay 0.

    Args:
        text: The file's content; times in it are microseconds.
    """
    names = {"queue_s": "Queue", "input_s": "Compute Input", "infer_s": "Compute Infer", "output_s": "Compute Output"}
    found: list[ServerSide | None] = []
    for row in csv.DictReader(io.StringIO(text.strip())):
        seconds = {key: row.get(f"Server {name}") for key, name in names.items()}
        known = all(value not in (None, "") for value in seconds.values())
        side = ServerSide(0, 0, **{key: float(value) * _US for key, value in seconds.items()}) if known else None
        found.append(side)
    if not found:
        raise PerfAnalyzerError("perf_analyzer wrote an empty table: it was stopped before its first result")
    return found


def parse_export(text: str) -> tuple[list[tuple[float, float, float, int]], float]:
    """Return the requests of a ``--profile-export-file``, and the seconds that were measured.

    Args:
        text: The file's content; times in it are nanoseconds since 1970.

    Returns:
        One row a request (seconds after the start, latency in seconds, the first again, 200), and the measured time.
    """
    if not text:
        raise PerfAnalyzerError("perf_analyzer exported no requests: it was stopped before its end")
    experiment = json.loads(text)["experiments"][-1]
    bounds = experiment["window_boundaries"]
    rows = []
    for request in experiment["requests"]:
        begin, answers = request["timestamp"], request["response_timestamps"]
        if answers:
            # Requests that were under way when the first window opened began a little before it.
            offset_s = max(begin - bounds[0], 0) * 1e-9
            rows.append((offset_s, (answers[-1] - begin) * 1e-9, offset_s, 200))
    return rows, (bounds[-1] - bounds[0]) * 1e-9


def _run(command: list[str], target: Target, within_s: float, analysis: Analysis, on_progress: OnProgress):
    """Run the program under a sampler; return what was sampled, and the processor seconds that it took."""
    begin_s, usual_s = time.monotonic(), analysis.window_s * 3
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        sampler = Sampler(process.pid, target.pids)
        sampler.start()
        try:
            while process.poll() is None:
                spent_s = time.monotonic() - begin_s
                on_progress(min(0.95, spent_s / (usual_s * 1.5)), f"perf_analyzer, {analysis.concurrency} at once")
                if spent_s > within_s:
                    raise PerfAnalyzerError(
                        f"perf_analyzer was not done within {within_s:g} s: ask for shorter windows"
                    )
                time.sleep(0.05)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            usage = sampler.stop()
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        kind = NoRequestInTimeError if "No valid requests recorded" in text else PerfAnalyzerError
        raise kind(f"perf_analyzer ended with status {process.returncode}:\n{text.strip()[-1200:]}")
    on_progress(1.0, f"perf_analyzer, {analysis.concurrency} at once, done")
    return usage, sum(usage.sender_cores) * (usage.offsets_s[-1] / len(usage.offsets_s) if usage.offsets_s else 0.0)
