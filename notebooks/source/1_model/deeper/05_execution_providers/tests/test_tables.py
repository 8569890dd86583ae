"""The lesson's check accepts exactly the answers that its table of pairs allows."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labs import stats
from labs.records.ledger import ledger
from tests.entries import Entries
from tests.questions.test_tables import (
    SIDE_BY_SIDE,
    STEPS,
    cell,
    keep,
    rounds_of,
    run,
    shown,
    verdict,
)


@pytest.mark.parametrize("seed", range(len(STEPS)))
def test_the_claim_that_the_table_s_interval_allows_is_accepted(
    seed: int, tmp_path: Path
):
    """An interval that is shown to begin at 1.00 allows no claim, and an exact one above 1 does."""
    random = np.random.default_rng(seed)
    baseline = [
        0.01 * random.lognormal(0, 0.1) * random.lognormal(0, 0.02, 10) for _ in range(20)
    ]
    slower = rounds_of(random, 1.1, baseline)
    low = stats.ratio_of_medians(slower, baseline).interval.low
    slower = [block * (1 + 0.01 * STEPS[seed]) / low for block in slower]
    entries = Entries()
    for option, blocks in (("cpu-provider", slower), ("openvino-provider", baseline)):
        used = {
            "OpenVINOExecutionProvider"
            if "openvino" in option
            else "CPUExecutionProvider": 1
        }
        samples = [float(sample) for block in blocks for sample in block]
        entries.measured(
            "latency", option, samples, details=SIDE_BY_SIDE, providers_used=used
        )
        entries.measured("accuracy", option, [1] * 100)
    keep(entries, "providers")
    tables: list[Any] = []
    scope: dict[str, Any] = {
        "can": {"bf16 on the CPU": SimpleNamespace(available=False)},
        "folder": tmp_path,
        "json": json,
        "pd": pd,
        "requests": {"cpu-provider": {}, "openvino-provider": {}},
        "labels": [0] * 100,
    }
    # It has measured already: the entries above.
    scope["environment"] = SimpleNamespace(run=lambda *_: None)
    scope["predicted"] = lambda id: {"fp32": 1.0, "bf16": 1.0}
    scope["check"] = lambda *_: None
    scope |= {"ledger": ledger, "models_dir": lambda: tmp_path, "display": tables.append}
    run(cell("providers", "compared = ["), scope)
    row = shown(tables[0])["openvino-provider"]
    at_least, at_most = float(row["at least"]), float(row["at most"])
    claim = "faster" if at_least > 1 else "slower" if at_most < 1 else "cannot tell"
    pair = {"option": "openvino-provider", "baseline": "cpu-provider", "claim": claim}
    assert verdict("providers.fair", pair).ok, verdict("providers.fair", pair).message
    run(cell("providers", "fair = {"), scope)
    assert verdict("providers.fair", scope["fair"]).ok
    assert not verdict("providers.fair", pair | {"claim": "slower"}).ok
