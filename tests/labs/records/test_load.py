"""Load records: their fields, the derived figures, and the records that the ledger refuses."""

import dataclasses
import json

import numpy as np
import pytest

from labs.load.race import rate_ratio
from labs.records import LedgerError, Measurement
from labs.records.ledger import parse_line
from labs.records.load import Failure, Load, MachineUsage, ServerSide

SERVER = ServerSide(4, 2, 0.001, 0.0, 0.002, 0.0, {"1": 1, "3": 1})
USAGE = MachineUsage((0.5, 1.0), (0.5, 1.0), (0.1, 0.1), (), (10, 11), ((0.9, 0.8),), ((5, 6),))
LOAD = Load(
    "open",
    "POST /predict",
    2.0,
    offsets_s=(0.1, 0.6, 1.1, 1.6),
    offered_rps=2.5,
    sent_offsets_s=(0.1, 0.7, 1.1, 1.6),
    failures=(Failure(0.3, 0.01, 503),),
    server=SERVER,
    usage=USAGE,
)


@pytest.fixture
def load_record(make_measurement) -> Measurement:
    """Return a load record whose last answer came after the sending had stopped."""
    return make_measurement(kind="load", samples=(0.2, 0.2, 0.2, 0.9), load=LOAD)


def test_it_survives_json_and_the_schema(load_record) -> None:
    """Everything comes back equal, tuples as tuples; a key of tomorrow is no obstacle today."""
    values = parse_line(json.dumps(load_record.to_json()))
    assert Measurement.from_json(values) == load_record
    values["load"]["temperature"] = 40
    values["load"]["usage"]["swap"] = [1]
    assert Measurement.from_json(parse_line(json.dumps(values))) == load_record


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "half-open"),
        ("duration_s", 0),
        ("offsets_s", [-1]),
        ("failures", [{"status": 503}]),
        ("server", {}),
    ],
)
def test_nonsense_is_refused(load_record, field, value) -> None:
    """The schema knows the load's fields too."""
    values = load_record.to_json()
    values["load"] = {**dataclasses.asdict(load_record.load), field: value}
    with pytest.raises(LedgerError):
        parse_line(json.dumps(values))


def test_throughput_counts_what_was_answered_in_time(load_record, make_measurement) -> None:
    """Three of four answers came while requests were sent: 1.5 a second, inside the interval."""
    assert load_record.load.error_rate == pytest.approx(0.2)
    assert load_record.load.server.mean_batch == 2.0
    assert load_record.load.server.compute_s == pytest.approx(0.002)
    assert load_record.throughput_rps.value == pytest.approx(1.5)
    assert 1.5 in load_record.throughput_rps
    with pytest.raises(ValueError, match="only a load record does"):
        _ = make_measurement().throughput_rps


def test_a_run_without_an_answer_promises_little(make_measurement) -> None:
    """A late answer counts 0 a second, with an interval up to the answers that may have been
    missed; a ratio stays finite.
    """

    def answered(option: str, *counts: int) -> list[Measurement]:
        measurements = []
        for turn, count in enumerate(counts):
            load = Load(
                "closed", "POST /predict", 1.0, offsets_s=tuple(np.linspace(0, 0.9, max(1, count)))
            )
            samples = (0.01,) * count or (1.5,)
            measurements.append(
                make_measurement(
                    kind="load", option=option, samples=samples, load=load, details={"round": turn}
                )
            )
        return measurements

    none = answered("slow", 0)[0].throughput_rps
    assert (none.value, none.low) == (0.0, 0.0)
    assert 3 < none.high < 4
    even = answered("even", 12)[0].throughput_rps
    assert even.low < even.value < even.high
    records = [*answered("slow", 0, 4, 5), *answered("quick", 8, 8, 8)]
    ratio = rate_ratio(records, "slow", "quick").interval
    assert 0 < ratio.low < ratio.value < ratio.high < np.inf


def test_a_load_is_counted_in_blocks(make_measurement) -> None:
    """Requests of one queue are alike in time: a median of few has no interval."""
    for count, promised in ((500, 0.95), (12, 0.0)):
        offsets_s = tuple(np.linspace(5, 0, count))
        samples = tuple(np.random.default_rng(1).normal(0.02, 0.001, count))
        record = make_measurement(
            kind="load", samples=samples, load=Load("open", "x", 5.0, offsets_s, 100.0)
        )
        assert record.value.confidence == promised
        assert record.value.value == record.percentile(50)
