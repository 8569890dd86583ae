"""What board and card say of a record that shared its machine."""

import json
from dataclasses import replace

import pytest

from labs.records import Measurement
from labs.records.busy import busy_words
from labs.records.ledger import parse_line
from labs.records.load import Load, MachineUsage
from labs.widgets import scoreboard
from labs.widgets.progress import run_with_progress
from tests.entries import Entries

WORDS = "other programs used 45% of its processors"


def test_the_share_is_an_optional_field_of_a_record(make_measurement):
    """It survives JSON and the schema; a record of an earlier version reads as unknown."""
    made = make_measurement(others_share=0.45)
    values = json.loads(json.dumps(made.to_json()))
    assert Measurement.from_json(parse_line(json.dumps(values))) == made
    del values["others_share"]
    old = Measurement.from_json(parse_line(json.dumps(values)))
    assert old == replace(made, others_share=None)


@pytest.mark.parametrize(
    ("kind", "share", "words"),
    [
        ("latency", 0.45, WORDS),
        ("throughput", 0.45, WORDS),
        ("latency", 0.2, ""),
        ("latency", None, ""),
        ("accuracy", 0.45, ""),
        ("size", 0.45, ""),
    ],
)
def test_only_times_are_in_doubt(make_measurement, kind, share, words):
    """A right answer stays right on a busy machine."""
    quiet = make_measurement(others_share=0.0)
    record = make_measurement(kind=kind, samples=(1.0,), others_share=share)
    assert busy_words([quiet, record]) == words


def test_senders_and_servers_are_no_other_programs(make_measurement):
    """A load record tells them apart, if it knows the server's process."""
    # On average 75 % of two processors are busy: 0.2 by the sender, 0.4 by the server.
    usage = MachineUsage((0.5, 1.0), (0.6, 0.9), (0.2, 0.2), (0.3, 0.5), (10, 11))
    load = Load("closed", "POST /predict", 1.0, offsets_s=(0.1,), usage=usage)
    machine = replace(make_measurement().machine, cpu_count=2)
    record = make_measurement(kind="load", samples=(0.1,), load=load, machine=machine)
    assert busy_words([record]) == WORDS
    unknown = replace(load, usage=replace(usage, server_cores=()))
    assert busy_words([replace(record, load=unknown)]) == ""


def test_the_board_says_when_a_figure_is_in_doubt():
    """Beside the machine's name; a newer quiet record takes the words away."""
    entries = Entries().in_full("food11", 0.0027, 88, 340, 8.9e6)
    *before, last = entries.records
    times = [record for record in entries.records if record.kind == "latency"]
    busy = replace(times[-1], others_share=0.45)
    records = [*before, last, busy]
    assert f"while it was busy: {WORDS}" in scoreboard(records).text
    assert "busy" not in scoreboard([*records, replace(busy, others_share=0.1)]).text


def test_the_card_after_a_measurement_says_what_to_do(make_measurement, capsys):
    """With the reason and the remedy; a quiet run is done, and no more."""
    busy = make_measurement(others_share=0.45)
    quiet = make_measurement(others_share=0.05)
    run_with_progress(lambda report: [quiet, busy], "Race")
    printed = capsys.readouterr().out
    assert WORDS in printed
    assert "Close other programs, and run this cell again." in printed
    run_with_progress(lambda report: quiet, "Race")
    assert "busy" not in capsys.readouterr().out
