"""One table of prices: a processor costs by the thread, and one machine costs the same in every
lesson.
"""

import ast
import json
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.records.decision import decide, published_options
from labs.records.options import summarize
from labs.records.prices import (
    OTHER_PROCESSOR,
    gpu_usd_per_hour,
    hourly_prices,
    processor_usd_per_hour,
)
from labs.records.reference import REFERENCE_DIR, published
from labs.records.targets import target
from tests.entries import Entries

PRICES = hourly_prices()
PROCESSORS = list(PRICES.index[PRICES["kind"] == "processor"])

#: Processors as a fingerprint names them, with their threads.
MACHINES = {
    "AMD EPYC 7763 64-Core Processor": 256,
    "AMD EPYC 9354 32-Core Processor": 128,
    "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz": 160,
    "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz": 8,
}


@given(st.sampled_from(PROCESSORS), st.integers(1, 1024))
def test_a_machine_costs_its_threads_times_a_threads_price(name: str, threads: int):
    """For every listed processor with its row's number of threads: exactly that row's price."""
    assert processor_usd_per_hour(name, threads) == pytest.approx(
        threads * processor_usd_per_hour(name, 1)
    )
    assert (
        processor_usd_per_hour(name, PRICES.loc[name, "threads"])
        == PRICES.loc[name, "usd_per_hour"]
    )


def test_a_price_that_nobody_knows_is_no_number():
    """Neither 0 nor infinite; a student's own price takes the table's place."""
    assert processor_usd_per_hour("a new processor", 3) == processor_usd_per_hour(
        OTHER_PROCESSOR, 3
    )
    assert math.isnan(processor_usd_per_hour("EPYC 7763", math.nan))
    assert math.isnan(gpu_usd_per_hour("AMD EPYC 7763 × 256, AMD Instinct MI100"))
    dear = PRICES.assign(usd_per_hour=2 * PRICES["usd_per_hour"])
    assert processor_usd_per_hour("EPYC 7763", 5, dear) == 2 * processor_usd_per_hour(
        "EPYC 7763", 5
    )
    assert gpu_usd_per_hour("NVIDIA A100", dear) == 2 * gpu_usd_per_hour("NVIDIA A100")


def assigned(lesson_id: str, name: str, machine: SimpleNamespace) -> dict:
    """Return the names after the lesson's cell that assigns ``name``, run alone with a machine's
    fingerprint.
    """
    (lesson,) = (source for source in sources() if source.id == lesson_id)
    scope = {
        "fingerprint": lambda: machine,
        "here": machine,
        "processor_usd_per_hour": processor_usd_per_hour,
        "gpu_usd_per_hour": gpu_usd_per_hour,
    }
    for cell in build(lesson).cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        lines = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
        targets = [leaf for line in lines for target in line.targets for leaf in ast.walk(target)]
        if any(isinstance(leaf, ast.Name) and leaf.id == name for leaf in targets):
            exec(compile(ast.Module(lines, []), lesson_id, "exec"), scope)
            return scope
    raise LookupError(f"{lesson_id} assigns no {name}")


@pytest.mark.parametrize("cpu_model", MACHINES)
def test_one_machine_costs_the_same_in_every_lesson(cpu_model: str):
    """*Start* prices a server, *scale* one thread of it, *defend* and the board what was measured
    on it.
    """
    threads = MACHINES[cpu_model]
    machine = SimpleNamespace(label=f"{cpu_model} × {threads}", cpu_count=threads)
    facts = {"cpu_model": cpu_model, "cpu_count": threads}
    entries = Entries().in_full("food11", 0.003, 81, 530, 9_000, machine=facts)
    (judged,) = decide(summarize(entries.records.measurements()), target("server-cpu"))
    scale = assigned("scale", "thread_usd", machine)
    assert assigned("start", "usd_per_hour", machine)["usd_per_hour"] == judged.usd_per_hour
    assert threads * scale["thread_usd"] == pytest.approx(judged.usd_per_hour)
    (a100, *_) = decide(published_options(target("server-gpu")), target("server-gpu"))
    assert scale["gpu_usd"] == a100.usd_per_hour


def test_a_published_machine_says_its_threads_or_that_they_are_unknown():
    """Each has a source; the authors' EPYC has two processors, and an Intel that they do not name
    has an unknown price.
    """
    document = json.loads((REFERENCE_DIR / "published.json").read_text(encoding="utf-8"))
    assert set(document["machines"]) == set(published()["machine"])
    assert all(facts["source"] and facts["threads"] != 0 for facts in document["machines"].values())
    rows = published().loc[["onnx_epyc", "onnx_intel"]]
    usd_per_hour = [
        processor_usd_per_hour(row["machine"], row["threads"]) for _, row in rows.iterrows()
    ]
    assert usd_per_hour == pytest.approx(
        [256 * processor_usd_per_hour("EPYC 7763", 1), math.nan], nan_ok=True
    )
    assert {option.threads for option in published_options(target("server-cpu"))} == {256}


def test_a_mean_is_called_a_mean():
    """perf_analyzer reports means; a text that quotes one says so, and one that quotes a median
    does not.
    """
    rows = published()
    assert rows.loc[rows["runtime"] == "Triton", "p50_ms"].isna().all()
    paragraphs = [
        paragraph
        for lesson in sources()
        for paragraph in (lesson.folder / "lesson.py").read_text(encoding="utf-8").split("\n#\n")
    ]
    assert any(".mean_ms }}" in paragraph for paragraph in paragraphs)
    for paragraph in paragraphs:
        assert (".mean_ms }}" in paragraph) <= ("mean" in paragraph), paragraph
