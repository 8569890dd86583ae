"""Records as tables, and numbers as text."""

from __future__ import annotations

import dataclasses

import pytest

from labs.records import DifferentMachinesError
from labs.records import format as fmt
from labs.records.tables import option_table
from labs.stats import Interval


def test_one_row_an_option_newest_record_first(make_measurement) -> None:
    """The newest latency counts, the largest batch gives the batch throughput, and gaps are NaN."""
    table = option_table(
        [
            make_measurement(samples=(9.0,)),
            make_measurement(samples=(0.001, 0.002, 0.003)),
            make_measurement(kind="throughput", batch_size=32, samples=(0.1,)),
            make_measurement(kind="throughput", batch_size=4, samples=(0.1,)),
            make_measurement(kind="size", option="int8", samples=(2.0e6,)),
        ]
    )
    assert list(table.index) == ["onnx-all", "int8"]
    assert table.loc["onnx-all", "p50_s"] == 0.002
    assert table.loc["onnx-all", "batch_fps"] == pytest.approx(320)
    assert table.loc["int8", "size_bytes"] == 2.0e6
    assert table["accuracy"].isna().all()


def test_batches_of_latency_records_do_not_count_as_single_sample(make_measurement) -> None:
    """A latency of 32 pictures is not the latency of one."""
    table = option_table([make_measurement(batch_size=32)])
    assert table["p50_s"].isna().all()


def test_machines_need_to_be_asked_for(make_measurement) -> None:
    """A mix of machines is refused, or shown with a machine column."""
    here = make_measurement()
    there = make_measurement(machine=dataclasses.replace(here.machine, cpu_model="Other CPU"))
    with pytest.raises(DifferentMachinesError):
        option_table([here, there])
    assert list(option_table([here, there], across_machines=True)["machine"]) == ["Test CPU × 2", "Other CPU × 2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fmt.milliseconds(0.00269), "2.69 ms"),
        (fmt.milliseconds(0.0604), "60.4 ms"),
        (fmt.milliseconds(1.5), "1,500 ms"),
        (fmt.duration(200), "3 min 20 s"),
        (fmt.duration(7500), "2 h 5 min"),
        (fmt.megabytes(2_431_504), "2.43 MB"),
        (fmt.percent(0.8859), "88.6 %"),
        (fmt.rate(868.4), "868 frames/s"),
        (fmt.times(2.256), "2.26 ×"),
        (fmt.with_interval(Interval(0.002, 0.001, 0.003), "s"), "2.00 ms [1.00 ms, 3.00 ms]"),
    ],
)
def test_numbers_as_people_read_them(text, expected) -> None:
    """Seconds become milliseconds only here, with three significant digits."""
    assert text == expected
