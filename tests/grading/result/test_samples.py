"""What a result keeps is enough to find a copied run, and not enough to accuse an honest one."""

from __future__ import annotations

import copy
import gzip
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from grading.grade import Setup, grade

RECORDED = Path(__file__).parents[1] / "fixtures" / "epyc-two-cores.jsonl.gz"


@pytest.fixture(scope="module")
def entries() -> list[dict]:
    """Return the recorded entries."""
    return [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]


def kept(entries: list[dict], folder: Path) -> dict[str, list[float]]:
    """Return the samples that a result of these entries keeps."""
    folder.mkdir()
    (folder / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return grade(folder, part=1, setup=Setup(measure=False, rerun=False)).samples


def alike(one: list[float], other: list[float]) -> float:
    """Return the correlation of two runs' logarithms."""
    length = min(len(one), len(other))
    return float(np.corrcoef(np.log(one[:length]), np.log(other[:length]))[0, 1])


def test_a_scaled_and_jittered_copy_correlates_and_other_runs_do_not(entries: list[dict], tmp_path: Path):
    """Scaled by 0.7 with 1 % of jitter, clocks bent to fit: nothing inside that ledger gives it away."""
    dice = np.random.default_rng(0)
    forged = copy.deepcopy(entries)
    for entry in forged:
        if entry.get("kind") in ("latency", "throughput"):
            wall_s = entry["monotonic_end_s"] - entry["monotonic_start_s"]
            entry["samples"] = list(0.7 * np.array(entry["samples"]) * dice.normal(1, 0.01, len(entry["samples"])))
            entry["monotonic_end_s"] = entry["monotonic_start_s"] + 0.72 * wall_s
    honest, copied = kept(entries, tmp_path / "honest"), kept(forged, tmp_path / "copied")
    assert set(honest) == set(copied)
    assert np.median([alike(honest[name], copied[name]) for name in honest]) > 0.95
    between = [alike(honest[one], honest[other]) for one, other in combinations(honest, 2)]
    assert np.median(between) < 0.5
