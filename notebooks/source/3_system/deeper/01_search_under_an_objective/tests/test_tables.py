"""The lesson's check judges by the figures in its table of scenarios."""

import pandas as pd
import pytest

from labs.course.question import State, question
from labs.records import Records
from tests.entries import Entries
from tests.questions.test_tables import cell, run, shown


@pytest.mark.parametrize("right", [0.4, 0.4994, 0.4996, 0.5, 0.6])
def test_the_share_of_right_answers_is_judged_as_the_table_shows_it(right: float):
    """With one decimal: 49.96 per cent are shown as 50.0."""
    entries, count = Entries(), 5000
    details = {"right": round(right * count), "validity": "VALID", "scenario": "Server"}
    times = [0.01 * (place // 2) for place in range(count)]
    load = {"offsets_s": times, "sent_offsets_s": times, "duration_s": 30.0}
    entries.measured("load", "search-server", [0.1] * count, load=load, details=details)
    (record,) = Records(entries.records).measurements()
    scope = {"single": record, "offline": record, "server": record, "pd": pd}
    rows = shown(run(cell("search", '"right, %"', begin="rows = {}"), scope))
    verdict = question("search.sut").verdict(entries.records)
    assert (verdict.state is State.PASSED) == (float(rows["Server"]["right, %"]) >= 50), (
        verdict.message
    )
