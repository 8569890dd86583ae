"""The serving table: the service against the tutorial's, in turns, with load from here."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from labs.display.format import milliseconds
from labs.load.race import latency_ratio, of, race, rate_ratio
from labs.load.served import service_target
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, silent
from labs.serve.models import int8_model
from labs.serve.photos import photo
from labs.serve.running import BEFORE, Service, running
from labs.serve.settings import Settings
from labs.stats import Interval
from tests.benchmarks.part1_models import fp32_model

BASELINE = "tutorial app, fp32"

#: Clients of the two tables.
CONCURRENCIES = (16, 1)

#: What is asked of the service at sixteen clients, in times the tutorial's requests a second, by precision; of the best
#: option, in times its median latency. Sixteen clients who wait for their answers get sixteen of them in each mean
#: latency (Little's law), so 2.8 times the requests a second is 0.36 times the latency.
RATE_BARS, BEST_P50_BAR = {"fp32": 1.5, "int8": 2.8}, 0.36

#: What is asked of it with one client, in times the tutorial's median latency, by precision.
ALONE_P50_BARS = {"fp32": 1.0, "int8": 0.6}


@contextlib.contextmanager
def _services(folder: Path) -> Iterator[dict[str, tuple[Service, Settings, str]]]:
    """Yield the running services by option, each with its settings and precision."""
    fp32 = fp32_model()
    (folder / "food11.onnx").write_bytes(fp32.read_bytes())
    int8 = {"model": int8_model(folder), "fast_decode": True}
    wanted = {
        BASELINE: (Settings(model=fp32), BEFORE, "fp32"),
        "service, fp32": (Settings(model=fp32), "", "fp32"),
        "service, fp32, fast decoding": (Settings(model=fp32, fast_decode=True), "", "fp32"),
        "service, INT8, fast decoding": (Settings(**int8), "", "int8"),
    }
    if find_spec("openvino"):
        wanted["service, INT8 in OpenVINO, fast decoding"] = (Settings(**int8, backend="openvino"), "", "int8")
    with contextlib.ExitStack() as stack:
        yield {
            option: (
                stack.enter_context(running(settings, app=app, log_path=folder / f"{index}.log")),
                settings,
                precision,
            )
            for index, (option, (settings, app, precision)) in enumerate(wanted.items())
        }


def tables(rounds: int = 20, report: OnProgress = silent) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return one titled table for each number of clients.

    Args:
        rounds: A fifth of them are run, three at least: a turn takes seconds.
        report: Told what is under way.
    """
    with tempfile.TemporaryDirectory(prefix="serving-") as folder, _services(Path(folder)) as services:
        pictures = [photo(number) for number in range(8)]
        targets = {
            option: service_target(service, settings, pictures, raw=False, precision=precision)
            for option, (service, settings, precision) in services.items()
        }
        for concurrency in CONCURRENCIES:
            records = race(
                targets, concurrency=concurrency, rounds=max(3, rounds // 5), duration_s=2.0, on_progress=report
            )
            clients = "1 client" if concurrency == 1 else f"{concurrency} clients"
            yield f"Serving a JPEG of 30 KB as base64, {clients}, all taking turns", _table(records, list(targets))


def _table(records: list[Measurement], options: list[str]) -> pd.DataFrame:
    rows = []
    for option in options:
        runs = of(records, option)
        samples = [sample for run in runs for sample in run.samples]
        row = {
            "option": option,
            "requests/s": f"{statistics.median(run.throughput_rps.value for run in runs):.0f}",
            "p50": milliseconds(statistics.median(samples)),
            "p99": milliseconds(statistics.quantiles(samples, n=100)[98]),
            "failed": sum(len(run.load.failures) for run in runs),
        }
        if option != options[0]:
            faster = rate_ratio(records, option, options[0]).interval
            shorter = latency_ratio(records, option, options[0]).interval
            row["× requests/s"] = _with_interval(faster)
            row["× p50"] = _with_interval(shorter)
            precision = runs[0].precision
            if runs[0].concurrency == 1:
                bar = ALONE_P50_BARS[precision]
                row["bar"] = f"p50 ≤ {bar} ×: " + _verdict(shorter.value <= bar)
            else:
                row["bar"] = f"≥ {RATE_BARS[precision]} ×: " + _verdict(faster.value >= RATE_BARS[precision])
                if precision == "int8":
                    row["bar"] += f"; p50 ≤ {BEST_P50_BAR} ×: " + _verdict(shorter.value <= BEST_P50_BAR)
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _with_interval(found: Interval) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _verdict(met: bool) -> str:
    return "met" if met else "missed"
