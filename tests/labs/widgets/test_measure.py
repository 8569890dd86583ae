"""Measuring in a cell: the same records as the benchmark makes, kept one by one, and a stop that loses none of them."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from labs.backends import BackendSpec
from labs.records import Ledger
from labs.widgets.measure import Records, measure
from labs.widgets.progress import Stopped

IMAGES, LABELS = np.zeros((4, 3, 224, 224), np.float32), np.array([3, 3, 3, 0])


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """Return an empty ledger."""
    return Ledger(tmp_path / "ledger.jsonl")


def test_records_are_returned_and_kept(told_backend, ledger):
    """Size, accuracy, latency and throughput come back, and the ledger holds the very same records."""
    backend = told_backend(itertools.repeat(0.01))
    # The suite runs on the real clock, on which a told prediction would take no time at all.
    backend.time_calls = lambda images, count, clock: [0.01] * (time.sleep(0.01) or count)
    records = measure(backend, IMAGES, LABELS, option="told", ledger=ledger, batch_sizes=(2,))
    assert [one.kind for one in records] == ["size", "accuracy", "latency", "throughput"]
    assert [one.record_id for one in ledger] == [one.record_id for one in records]
    assert records[1].value.value == 0.75


def test_a_stop_in_mid_run_keeps_what_was_finished(told_backend, ledger):
    """Interrupted during latency: size and accuracy stay, nothing half-measured is recorded."""

    def durations_s():
        yield from itertools.repeat(0.01, 30)
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="What was finished before is in the ledger"):
        measure(told_backend(durations_s()), IMAGES, LABELS, option="told", ledger=ledger)
    assert [one.kind for one in ledger] == ["size", "accuracy"]


def test_a_stop_without_a_ledger_says_that_nothing_was_kept(told_backend):
    """No false comfort: without a ledger the records are gone."""
    with pytest.raises(Stopped, match="Nothing was kept"):
        measure(told_backend(_interrupt_at_once()), IMAGES, LABELS, option="told")


def test_a_described_backend_is_built_loaded_and_closed(told_backend, monkeypatch):
    """A spec becomes a loaded backend for the measurement and is closed after it, also when it is stopped."""
    backend, closed = told_backend(_interrupt_at_once()), []
    monkeypatch.setattr(backend, "close", lambda: closed.append(True), raising=False)
    monkeypatch.setattr(BackendSpec, "build", lambda self: backend)
    with pytest.raises(Stopped):
        measure(BackendSpec("onnxruntime", "model.onnx"), IMAGES, LABELS, option="told")
    assert closed == [True]


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


def _interrupt_at_once():
    raise KeyboardInterrupt
    yield 0.0
