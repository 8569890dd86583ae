"""The solution's language model, which ``make bench`` asks with each lever's workloads."""

from pathlib import Path

from grading.builder.repository import write_programs
from labs.deeper.tokens import levers, serving
from labs.load.race import latency_ratio, rate_ratio
from labs.runtimes.progress import OnProgress
from tests.benchmarks.bars import Bar, Result, Section, bars_lines

NAME = "tokens"

BARS = {
    "together": Bar("sixteen prompts at once, tokens a second", "× one alone", 4.0),
    "prefix": Bar("after a known prefix, the first token", "× sooner", 5.0),
}


def measure(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    """Ask the solution's language model with each lever's workloads."""
    write_programs("tokens", folder / "tokens")
    with serving.start(folder / "tokens" / "app.py", on_progress=on_progress) as service:
        records = levers.measure(
            service.url, rounds=max(3, rounds // 4), on_progress=on_progress
        )
    results = {}
    for name, lever in {"together": levers.BATCHING, "prefix": levers.PREFIX}.items():
        without, using = next(
            pair for (kind, _), pair in levers.PAIRS.items() if kind == lever
        )
        ratio = (
            rate_ratio(records, using, without)
            if name == "together"
            else latency_ratio(records, without, using)
        )
        results[name] = Result.of(ratio.interval, using)
    title = "A language model, each lever with a workload in which it does nothing"
    return Section(title, levers.table(records), bars_lines(BARS, results))
