"""Measuring in a cell: the same records as the benchmark makes, kept one by one, and a stop that loses none of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from labs import widgets
from labs.records import Ledger
from labs.widgets import Records, Stopped, measure

IMAGES, LABELS = np.zeros((4, 3, 224, 224), np.float32), np.array([3, 3, 3, 0])


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Return an empty ledger."""
    return Ledger(tmp_path / "ledger.jsonl")


def test_records_are_returned_and_kept(fake_model, fake_clock, ledger):
    """Size, accuracy, latency and throughput come back, and the ledger holds the very same records."""
    model = fake_model(itertools.repeat(0.01))
    records = measure(model, IMAGES, LABELS, option="fake", ledger=ledger, batch_sizes=(2,), clock=fake_clock)
    assert [one.kind for one in records] == ["size", "accuracy", "latency", "throughput"]
    assert [one.record_id for one in ledger] == [one.record_id for one in records]
    assert records[1].value.value == 0.75


def test_a_stop_in_mid_run_keeps_what_was_finished(fake_model, fake_clock, ledger):
    """Interrupted during latency, its warm-up included: size and accuracy stay, nothing half-measured is recorded."""

    def durations_s():
        yield from itertools.repeat(0.01, 3)
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="What was finished before is in the ledger"):
        measure(
            fake_model(durations_s()), IMAGES, LABELS, option="fake", ledger=ledger, batch_sizes=(2,), clock=fake_clock
        )
    assert [one.kind for one in ledger] == ["size", "accuracy"]


def test_a_stop_without_a_ledger_says_that_nothing_was_kept(fake_model):
    """No false comfort: without a ledger the records are gone."""

    def interrupt_at_once():
        raise KeyboardInterrupt
        yield 0.0

    with pytest.raises(Stopped, match="Nothing was kept"):
        measure(fake_model(interrupt_at_once()), IMAGES, LABELS, option="fake")


def test_every_name_of_the_package_can_be_imported():
    """Those that are imported later, too; and a name that does not exist is an ordinary error."""
    assert all(callable(getattr(widgets, name)) for name in widgets.__all__)
    assert not hasattr(widgets, "no_such_widget")


def test_stored_text_names_the_records_without_their_values(make_measurement):
    """What a notebook stores is the same on every machine; the table with the values is in the HTML and in text."""
    records = Records(
        [
            make_measurement(samples=(0.00269,) * 3),
            make_measurement(kind="throughput", samples=(0.1,) * 3, batch_size=32),
        ]
    )
    assert repr(records) == "2 records: latency of onnx-all, throughput of onnx-all × 32"
    bundle = records._repr_mimebundle_()
    assert bundle["text/plain"] == repr(records)
    assert "2.69 ms" in bundle["text/html"]
    assert "2.69 ms" in records.text
    assert "320 frames/s" in records.text


def test_a_warm_up_that_never_settled_is_said(make_measurement):
    """A figure from a machine that was still changing carries its warning."""
    assert "never settled" in Records([make_measurement(warmup_settled=False)]).text


def test_no_records_are_shown_as_none():
    """An empty list has something to say too."""
    assert repr(Records()) == "no records"
    assert "nothing" in Records().text


def test_records_of_several_options_are_told_apart(make_measurement) -> None:
    """Each under its option's name; a single option needs no heading."""
    one, two = (make_measurement(option=name) for name in ("edge-fp32", "edge-int8"))
    assert "[edge-int8]" in Records([one, two]).text
    assert "[edge-fp32]" not in Records([one]).text
