"""Frozen records and what is derived from them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from labs.records import DifferentMachinesError, Measurement, require_same_machine


def test_record_survives_json(make_measurement) -> None:
    """What is written can be read back equal, through real JSON text."""
    made = make_measurement(details={"tuner": [1, 2]})
    assert Measurement.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_record_cannot_be_changed(make_measurement) -> None:
    """A record is frozen: an edited median would have to edit samples."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_measurement().samples = (1.0,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": "speed"}, "unknown kind"), ({"samples": ()}, "at least one"), ({"batch_size": 0}, "starts at 1")],
)
def test_nonsense_is_refused(make_measurement, changes, message) -> None:
    """A record that means nothing cannot be made."""
    with pytest.raises(ValueError, match=message):
        make_measurement(**changes)


def test_summaries_come_from_the_samples(make_measurement) -> None:
    """Median, percentiles and throughput are functions of the samples alone."""
    made = make_measurement(kind="throughput", samples=(0.1, 0.2, 0.4), batch_size=32)
    assert made.value.value == pytest.approx(0.2)
    assert made.throughput_fps.value == pytest.approx(160)
    assert made.throughput_fps.low <= 160 <= made.throughput_fps.high


def test_accuracy_is_a_proportion(make_measurement) -> None:
    """Accuracy is the share of right pictures, with Wilson's interval."""
    made = make_measurement(kind="accuracy", samples=(1.0, 1.0, 0.0, 1.0))
    assert made.value.value == 0.75
    with pytest.raises(ValueError, match="no throughput"):
        _ = made.throughput_fps


def test_fall_back_is_seen(make_measurement) -> None:
    """A provider that ran no node did not make the measurement, whoever asked for it."""
    assert make_measurement(provider_requested="CUDAExecutionProvider").fell_back
    partly = {"CUDAExecutionProvider": 40, "CPUExecutionProvider": 2}
    assert not make_measurement(provider_requested="CUDAExecutionProvider", providers_used=partly).fell_back


def test_machines_are_not_mixed_silently(make_measurement) -> None:
    """Records of two machines are refused, and the message names both."""
    here = make_measurement()
    there = make_measurement(machine=dataclasses.replace(here.machine, cpu_model="Other CPU"))
    require_same_machine([here, here])
    with pytest.raises(DifferentMachinesError, match=r"Other CPU.*Test CPU"):
        require_same_machine([here, there])


def test_machine_identity_ignores_the_interpreter(make_measurement) -> None:
    """A new Python or kernel is the same machine; another GPU or node is not."""
    machine = make_measurement().machine
    assert dataclasses.replace(machine, python="3.12.0", system="Linux 7").machine_id == machine.machine_id
    assert dataclasses.replace(machine, testbed={"node": "P3-GPU-005"}).machine_id != machine.machine_id
