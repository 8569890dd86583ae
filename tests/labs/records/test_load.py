"""Load records: what belongs to them, what is derived from them, and what the ledger refuses."""

from __future__ import annotations

import dataclasses
import json

import pytest

from labs.records import LedgerError, Measurement
from labs.records.ledger import parse_line
from labs.records.load import Failure, Load, ServerSide, Usage

LOAD = Load(
    "open",
    "POST /predict",
    2.0,
    offsets_s=(0.1, 0.6, 1.1, 1.6),
    offered_rps=2.5,
    sent_offsets_s=(0.1, 0.7, 1.1, 1.6),
    failures=(Failure(0.3, 0.01, 503),),
    server=ServerSide(4, 2, 0.001, 0.0, 0.002, 0.0, {"1": 1, "3": 1}),
    usage=Usage((0.5, 1.0), (0.5, 1.0), (0.1, 0.1), (), (10, 11), ((0.9, 0.8),), ((5, 6),)),
)


@pytest.fixture
def made(make_measurement) -> Measurement:
    """Return a load record whose last answer came after the sending had stopped."""
    return make_measurement(kind="load", samples=(0.2, 0.2, 0.2, 0.9), load=LOAD)


def test_it_survives_json_and_the_schema(made) -> None:
    """Everything comes back equal, tuples as tuples; a key of tomorrow is no obstacle today."""
    values = parse_line(json.dumps(made.to_json()))
    assert Measurement.from_json(values) == made
    values["load"]["temperature"] = 40
    values["load"]["usage"]["swap"] = [1]
    assert Measurement.from_json(parse_line(json.dumps(values))) == made


def test_only_load_records_have_load(make_measurement) -> None:
    """A load record without its load, and any other with one, cannot be made, nor slipped into a ledger."""
    with pytest.raises(ValueError, match="no other record does"):
        make_measurement(kind="load")
    with pytest.raises(ValueError, match="no other record does"):
        make_measurement(load=LOAD)
    line = json.dumps({**make_measurement().to_json(), "kind": "load"})
    with pytest.raises(LedgerError):
        parse_line(line)


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode", "half-open"), ("duration_s", 0), ("offsets_s", [-1]), ("failures", [{"status": 503}]), ("server", {})],
)
def test_nonsense_is_refused(made, field, value) -> None:
    """The schema knows the load's fields too."""
    values = made.to_json()
    values["load"] = {**dataclasses.asdict(made.load), field: value}
    with pytest.raises(LedgerError):
        parse_line(json.dumps(values))


def test_throughput_counts_what_was_answered_in_time(made, make_measurement) -> None:
    """Three of four answers came while requests were sent: 1.5 a second, inside the interval."""
    assert made.throughput_rps.value == pytest.approx(1.5)
    assert 1.5 in made.throughput_rps
    with pytest.raises(ValueError, match="only a load record does"):
        _ = make_measurement().throughput_rps


def test_shares_and_batches(made) -> None:
    """One of five requests failed; four pictures ran in two batches."""
    assert made.load.error_rate == pytest.approx(0.2)
    assert made.load.server.mean_batch == 2.0
    assert made.load.server.compute_s == pytest.approx(0.002)


def test_its_text_is_short(make_measurement) -> None:
    """A cell that ends in a record shows what it is, not ten thousand samples."""
    load = dataclasses.replace(LOAD, offsets_s=tuple(n / 1e4 for n in range(10_000)))
    assert len(repr(make_measurement(kind="load", samples=(0.001,) * 10_000, load=load))) < 2500
