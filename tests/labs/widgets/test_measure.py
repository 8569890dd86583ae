"""Measuring in a cell: records are kept one by one, and a stop loses none of them."""

import itertools

import numpy as np
import pytest

from labs.records.ledger import ledger
from labs.widgets import Stopped, evaluate

IMAGES, LABELS = np.zeros((4, 3, 224, 224), np.float32), np.array([3, 3, 3, 0])


def test_answers_and_bytes_are_a_row_and_two_records(fake_model):
    """One row an option; the ledger holds what it rests on."""
    table = evaluate({"fake": fake_model(itertools.repeat(0.01))}, IMAGES, LABELS)
    assert table.loc["fake", "right of 4"] == 3
    assert [one.kind for one in ledger()] == ["size", "accuracy"]


def test_a_stop_in_mid_run_keeps_what_was_finished(fake_model):
    """The first option stays, and nothing half-measured is recorded."""

    def interrupted():
        raise KeyboardInterrupt
        yield 0.0

    targets = {"one": fake_model(itertools.repeat(0.01)), "other": fake_model(interrupted())}
    with pytest.raises(Stopped, match="What was finished before is in the ledger"):
        evaluate(targets, IMAGES, LABELS)
    assert [(one.option, one.kind) for one in ledger()] == [("one", "size"), ("one", "accuracy")]
