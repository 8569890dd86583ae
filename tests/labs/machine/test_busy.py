"""How much of the machine other programs used, from readings of its clocks."""

import pytest

from labs.machine.busy import ProcessorTime, others_share, processor_time

BEGIN = ProcessorTime(wall_s=100.0, machine_s=5000.0, own_s=7.0)


@pytest.mark.parametrize(
    ("wall_s", "machine_s", "own_s", "share"),
    [
        pytest.param(10, 20, 20, 0.0, id="both processors are ours"),
        pytest.param(10, 15, 10, 0.25, id="one is ours, half of the other is theirs"),
        pytest.param(10, 20, 0, 1.0, id="all is theirs"),
        pytest.param(10, 9.98, 10, 0.0, id="the two counters round differently"),
        pytest.param(10, 20.1, 0, 1.0, id="rounded up"),
        pytest.param(0.4, 0.8, 0, None, id="too short to be counted"),
    ],
)
def test_the_share_of_other_programs(wall_s, machine_s, own_s, share):
    """Of two processors, in the time that passed."""
    end = ProcessorTime(100 + wall_s, 5000 + machine_s, 7 + own_s)
    if share is not None:
        share = pytest.approx(share)
    assert others_share(BEGIN, end, 2) == share


def test_without_a_reading_nothing_is_known():
    """An environment without psutil gives none."""
    assert others_share(None, BEGIN, 2) is None
    assert others_share(BEGIN, None, 2) is None


def test_this_process_is_a_part_of_the_machine():
    """Both clocks count the same work, and neither runs backwards."""
    begin = processor_time()
    while (end := processor_time()).own_s == begin.own_s:
        sum(range(10_000))
    # Its ticks are hundredths of a second.
    assert end.machine_s - begin.machine_s >= end.own_s - begin.own_s - 0.02
