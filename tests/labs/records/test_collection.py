"""Looking things up among entries, and in ledgers of the version before."""

import gzip
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from labs.records import Answer, Comparison, Ledger, Prediction, Records

#: A whole part, written before measurements said how a model was opened.
EARLIER = Path(__file__).parents[2] / "grading" / "fixtures" / "rehearsal-part-2.jsonl.gz"

AT = "2026-01-02T03:04:0{}+00:00"


@pytest.fixture
def run(make_measurement):
    """Return a builder of two records that took turns."""

    def build(comparison_id: str, faster_s: float, **fields: object) -> list:
        details = {"comparison_id": comparison_id, "block_calls": 2}
        slow = make_measurement(option="slow", samples=(0.02,) * 8, details=details, **fields)
        return [slow, replace(slow, option="fast", samples=(faster_s,) * 8)]

    return build


def test_the_newest_run_of_these_options_is_the_comparison(run, make_measurement):
    """Runs with others, of another kind and records measured alone are passed over."""
    alone = make_measurement(option="fast", samples=(0.001,))
    records = Records(
        [*run("one", 0.01), *run("two", 0.005), *run("three", 0.002, kind="throughput", batch_size=32), alone]
    )
    found = records.comparison("fast", "slow")
    assert isinstance(found, Comparison)
    assert found.ratio("fast", "slow").interval.value == pytest.approx(0.25)
    assert records.comparison("fast", "slow", kind="throughput").record("fast").batch_size == 32
    assert records.comparison("fast", "absent") is None
    with pytest.raises(KeyError, match="took no part"):
        found.record("absent")


def test_a_run_that_others_interrupt_stays_together(run):
    """Two kernels may write at once: records of a run need not be neighbours."""
    (a, b), (c, d) = run("one", 0.01), run("two", 0.005)
    assert Records([a, c, d, b]).comparison("fast", "slow").record("fast") == b


def test_accuracy_is_compared_on_the_same_images_only(make_measurement):
    """Other images, or an option that was not measured, give no pair."""
    details = {"predicted": [1, 2, 3, 4], "labels": [1, 2, 3, 5], "dataset": "x"}
    one = make_measurement(kind="accuracy", option="one", samples=(1.0, 1.0, 1.0, 0.0), details=details)
    other = replace(one, option="other", samples=(1.0, 0.0, 1.0, 0.0))
    elsewhere = replace(one, option="elsewhere", details={**details, "labels": [0, 0, 0, 0]})
    records = Records([one, other, elsewhere])
    assert records.paired_accuracy("one", "other") is not None
    assert records.paired_accuracy("one", "elsewhere") is None
    assert records.paired_accuracy("one", "absent") is None


@pytest.mark.parametrize(
    ("order", "counts"), [("prediction first", True), ("measurement first", False), ("dated back", False)]
)
def test_a_prediction_counts_before_what_it_is_about(make_measurement, order, counts):
    """Its place in the ledger and its time must both say so."""
    made = make_measurement(started_at=AT.format(5))
    guess = Prediction("m.q", 1.0, AT.format(2 if order != "measurement first" else 7))
    entries = [guess, made] if order == "prediction first" else [made, guess]
    found = Records(entries).prediction_in_time("m.q", {"kind": "latency", "option": made.option})
    assert (found is not None) is counts


def test_answers_and_observations_are_the_newest(tmp_path):
    """A ledger answers like the entries in it."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for value in (1, 2):
        ledger.append(Answer("m.a", value, AT.format(value)))
        assert ledger.observe("model.lease", {"status": value}) == {"status": value}
    for found in (ledger, ledger.read(), Records.from_json(ledger.to_json())):
        assert (found.answer("m.a"), found.answer("m.b")) == (2, None)
        assert (found.seen("model.lease"), found.seen("absent")) == ({"status": 2}, None)
        assert all(datetime.fromisoformat(one.made_at).tzinfo for one in found.observations("model.lease"))


def test_a_ledger_of_the_version_before_loads(tmp_path):
    """Nothing is lost by an update."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(gzip.decompress(EARLIER.read_bytes()))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    records = Ledger(path).read()
    assert len(records) == len(lines)
