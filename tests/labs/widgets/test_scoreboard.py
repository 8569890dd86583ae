"""The scoreboard says what the records hold, with their machine, and nothing else."""

from labs.widgets import scoreboard


def test_scoreboard_tells_met_from_missed_and_names_the_option(part_1):
    """INT8 keeps the CPU server's and the device's limits here; no GPU option was measured."""
    shown = scoreboard(part_1)
    assert "2 of 3 met here" in shown.text
    assert "Server, CPU (AMD EPYC 7763): met by int8" in shown.text
    assert "Server, GPU (NVIDIA A100 or A30): no result" in shown.text
    assert "Measured on Test CPU × 2." in shown.text
    assert shown.html.count("✓ met here") == 2


def test_scoreboard_says_which_limit_is_missed(measured):
    """Fast enough, and too few a second: the sentence says both."""
    shown = scoreboard(measured("slow", 0.002, 0.88, 340, 8.9e6))
    assert "median latency 2.00 ms keeps < 3 ms, throughput 340 frames/s misses ≥ 1,000 frames/s" in shown.text


def test_scoreboard_stores_no_measured_number(part_1):
    """text/plain names targets only: a stored golden holds on every machine."""
    stored = repr(scoreboard(part_1))
    assert "Server, CPU: for AMD EPYC 7763" in stored
    assert " ms" not in stored


def test_scoreboard_works_before_anything_was_measured():
    """The course's first cell may show it empty."""
    assert "Nothing measured yet" in scoreboard([]).text
