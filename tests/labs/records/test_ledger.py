"""Entries are frozen and survive their trip to the ledger, which only grows, is readable after a
crash and adopts.
"""

import dataclasses
import errno
import fcntl
import gzip
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.records import (
    Answer,
    Comparison,
    DifferentMachinesError,
    Ledger,
    LedgerError,
    LedgerWriteError,
    Observation,
    Prediction,
    Records,
    require_same_machine,
)
from labs.records.ledger import parse_line
from tests.labs.records.test_load import LOAD

AT = "2026-01-02T03:04:0{}+00:00"
#: Numbers as a measurement has them, and plain JSON as an answer or a service has it.
SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=5).map(tuple)
FLOATS = st.floats(-1e9, 1e9)
INTEGERS = st.integers(-(2**53), 2**53)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | st.text(max_size=8)
KEYS = st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes().map(lambda at: f"{at.isoformat()}+00:00")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_.", min_size=1, max_size=12)
#: The fixtures only build, so one serves all examples.
PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def entries(make_measurement) -> st.SearchStrategy:
    """Return a strategy of entries of all four types."""
    facts = st.dictionaries(NAMES, JSON, max_size=3)
    predicted = st.dictionaries(NAMES, FLOATS | NAMES, max_size=3)
    answered = JSON.filter(lambda value: value is not None)
    return st.one_of(
        st.builds(make_measurement, option=NAMES, samples=SAMPLES, details=facts),
        st.builds(Prediction, NAMES, predicted, MOMENTS),
        st.builds(Answer, NAMES, answered, MOMENTS),
        st.builds(Observation, NAMES, facts, MOMENTS),
    )


@PROPERTY
@given(data=st.data())
def test_whatever_is_written_is_read_back_equal_and_in_order(data, entries) -> None:
    """Through real JSON text, from the file and from memory."""
    written = data.draw(st.lists(entries, max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "deep" / "ledger.jsonl")
        assert [ledger.append(entry) for entry in written] == written
        assert (
            list(ledger)
            == list(ledger.read())
            == list(Records.from_json(ledger.to_json()))
            == written
        )


@PROPERTY
@given(data=st.data())
def test_adopting_twice_is_adopting_once_and_nothing_is_overwritten(data, entries) -> None:
    """A fetched ledger adds its new entries; an entry that differs under a known id stays as it is
    here.
    """
    mine, theirs = (data.draw(st.lists(entries, max_size=3)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        here, there = (Ledger(Path(folder) / name / "ledger.jsonl") for name in ("here", "there"))
        for ledger, measurements in ((here, mine), (there, [*mine[:1], *theirs])):
            for measurement in measurements:
                ledger.append(measurement)
        others = list(there.lines().values())
        for entry in mine:
            changed = Answer("m.changed", "otherwise", AT.format(5), record_id=entry.record_id)
            others.append(json.dumps(changed.to_json()))
        assert [here.adopt(others), here.adopt(others)] == [len(theirs), 0]
        assert list(here) == [*mine, *theirs]


def test_a_crash_in_mid_line_loses_only_that_line(tmp_path, make_measurement) -> None:
    """After a torn write the next append starts a new line, and reading names the skipped line."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    first, last = make_measurement(), make_measurement(option="onnx-basic")
    ledger.append(first)
    with ledger.path.open("a") as file:
        file.write('{"type":"measurement","kind":"late')
    ledger.append(last)
    with pytest.warns(UserWarning, match="line 2 is skipped"):
        assert list(ledger) == [first, last]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "true", '"0.1"', "-1"])
def test_samples_are_finite_and_not_negative(make_measurement, number) -> None:
    """No NaN, no infinity, no booleans, no text."""
    line = json.dumps(make_measurement(samples=(123.0,)).to_json()).replace("123.0", number)
    with pytest.raises(LedgerError):
        parse_line(line)


@pytest.mark.parametrize("line", ["[]", "3", "{}", '{"type":"other"}', "<html>", "[" * 100_000])
def test_junk_is_not_an_entry(line) -> None:
    """Whatever is not an entry is refused with a LedgerError, never with a crash."""
    with pytest.raises(LedgerError):
        parse_line(line)


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger, make: ledger.append(make(samples=(float("nan"),))),
        lambda ledger, make: ledger.append(make(samples=())),
        lambda ledger, make: ledger.append(make(batch_size=0)),
        lambda ledger, make: ledger.append(make(kind="speed")),
        lambda ledger, make: ledger.append(make(kind="load")),
        lambda ledger, make: ledger.append(make(load=LOAD)),
        lambda ledger, make: ledger.observe(
            "model.lease", {"end": datetime(2026, 3, 2, tzinfo=UTC)}
        ),
        lambda ledger, make: ledger.observe("", {"status": "ACTIVE"}),
    ],
    ids=["NaN", "no sample", "no image", "kind", "no load", "a load", "a date", "no subject"],
)
def test_what_cannot_be_read_back_is_refused_and_nothing_is_written(
    write, tmp_path, make_measurement
) -> None:
    """A date object would be readable here and nowhere else."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(LedgerError):
        write(ledger, make_measurement)
    assert not ledger.path.exists()


def _append_many(path, option, make) -> None:
    ledger = Ledger(path)
    for _ in range(25):
        ledger.append(make(option=option, samples=tuple([0.5] * 2000)))


def test_two_kernels_may_write_at_once(tmp_path, make_measurement) -> None:
    """Lines of two processes never mix, even when each is longer than a pipe's or a page's
    worth.
    """
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_append_many, args=(path, name, make_measurement))
        for name in ("a", "b")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert sorted(entry.option for entry in Ledger(path)) == ["a"] * 25 + ["b"] * 25


def test_a_line_is_checked_once_and_a_changed_one_again(
    tmp_path, make_measurement, monkeypatch
) -> None:
    """Lessons read the whole ledger at each check; only new entries cost the schema's time."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(make_measurement(option="seen-once", samples=(0.125, 0.25)))
    line = ledger.path.read_text(encoding="utf-8").strip()

    def refuse(_: object):
        raise AssertionError("the schema was asked again")

    with monkeypatch.context() as patched:
        patched.setattr("labs.records.ledger.first_problem", refuse)
        assert ledger.latest(option="seen-once").samples == (0.125, 0.25)
    with pytest.raises(LedgerError, match="samples"):
        parse_line(line.replace("0.125", "-0.125"))


def test_summaries_come_from_the_samples(make_measurement) -> None:
    """Median and throughput of times; accuracy as a proportion, which has no throughput."""
    measurement = make_measurement(kind="throughput", samples=(0.1, 0.2, 0.4), batch_size=32)
    assert measurement.value.value == pytest.approx(0.2)
    assert measurement.throughput_fps.value == pytest.approx(160)
    assert measurement.throughput_fps.low <= 160 <= measurement.throughput_fps.high
    right = make_measurement(kind="accuracy", samples=(1.0, 1.0, 0.0, 1.0))
    assert right.value.value == 0.75
    with pytest.raises(ValueError, match="no throughput"):
        _ = right.throughput_fps


def test_machines_are_not_mixed_silently(make_measurement) -> None:
    """Two machines are refused by name; another Python or kernel is the same machine, another GPU
    or node is not.
    """
    here = make_measurement()
    there = make_measurement(machine=dataclasses.replace(here.machine, cpu_model="Other CPU"))
    updated = make_measurement(
        machine=dataclasses.replace(here.machine, python="3.12.0", system="Linux 7")
    )
    node = make_measurement(
        machine=dataclasses.replace(here.machine, testbed={"node": "P3-GPU-005"})
    )
    require_same_machine([here, updated])
    for other in (there, node):
        with pytest.raises(DifferentMachinesError, match="Test CPU"):
            require_same_machine([here, other])


#: A whole part, written before measurements said how a model was opened.
EARLIER = Path(__file__).parents[2] / "grading" / "fixtures" / "rehearsal-part-2.jsonl.gz"


@pytest.fixture
def run(make_measurement):
    """Return a builder of two records that took turns."""

    def build(comparison_id: str, faster_s: float, **fields: object) -> list:
        details = {"comparison_id": comparison_id, "block_calls": 2}
        slow = make_measurement(option="slow", samples=(0.02,) * 8, details=details, **fields)
        return [slow, replace(slow, option="fast", samples=(faster_s,) * 8)]

    return build


def test_the_newest_run_of_these_options_is_the_comparison(run, make_measurement):
    """Runs with others, of another kind and records measured alone are passed over."""
    alone = make_measurement(option="fast", samples=(0.001,))
    first = run("one", 0.01)
    second = run("two", 0.005)
    of_throughput = run("three", 0.002, kind="throughput", batch_size=32)
    records = Records([*first, *second, *of_throughput, alone])
    comparison = records.comparison("fast", "slow")
    assert isinstance(comparison, Comparison)
    assert comparison.ratio("fast", "slow").interval.value == pytest.approx(0.25)
    assert records.comparison("fast", "slow", kind="throughput").record("fast").batch_size == 32
    assert records.comparison("fast", "absent") is None
    with pytest.raises(KeyError, match="took no part"):
        comparison.record("absent")
    (a, b), (c, d) = run("one", 0.01), run("two", 0.005)
    assert Records([a, c, d, b]).comparison("fast", "slow").record("fast") == b


def test_accuracy_is_compared_on_the_same_images_only(make_measurement):
    """Other images, or an option that was not measured, give no pair."""
    details = {"predicted": [1, 2, 3, 4], "labels": [1, 2, 3, 5], "dataset": "x"}
    measurement = make_measurement(
        kind="accuracy", option="one", samples=(1.0, 1.0, 1.0, 0.0), details=details
    )
    other = replace(measurement, option="other", samples=(1.0, 0.0, 1.0, 0.0))
    elsewhere = replace(
        measurement, option="elsewhere", details={**details, "labels": [0, 0, 0, 0]}
    )
    records = Records([measurement, other, elsewhere])
    assert records.paired_accuracy("one", "other") is not None
    assert records.paired_accuracy("one", "elsewhere") is None
    assert records.paired_accuracy("one", "absent") is None


@pytest.mark.parametrize(
    ("order", "counts"),
    [("prediction first", True), ("measurement first", False), ("dated back", False)],
)
def test_a_prediction_counts_before_what_it_is_about(make_measurement, order, counts):
    """Its place in the ledger and its time must both say so."""
    measurement = make_measurement(started_at=AT.format(5))
    guess = Prediction("m.q", 1.0, AT.format(2 if order != "measurement first" else 7))
    entries = [guess, measurement] if order == "prediction first" else [measurement, guess]
    prediction = Records(entries).prediction_in_time(
        "m.q", {"kind": "latency", "option": measurement.option}
    )
    assert (prediction is not None) is counts


def test_the_newest_answer_counts_and_every_prediction_is_kept(tmp_path):
    """Students can correct an answer, but not improve a prediction after the measurement; a ledger
    answers like its entries.
    """
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for value in (1, 2):
        ledger.append(Answer("m.a", value, AT.format(value)))
        ledger.append(Prediction("m.q", value, AT.format(value)))
        assert ledger.observe("model.lease", {"status": value}) == {"status": value}
    for view in (ledger, ledger.read(), Records.from_json(ledger.to_json())):
        assert (view.answer("m.a"), view.answer("m.b")) == (2, None)
        assert [prediction.value for prediction in view.predictions("m.q")] == [1, 2]
        assert (view.seen("model.lease"), view.seen("absent")) == ({"status": 2}, None)
        assert all(
            datetime.fromisoformat(observation.made_at).tzinfo
            for observation in view.observations("model.lease")
        )


def test_a_ledger_of_the_version_before_loads(tmp_path):
    """Nothing is lost by an update."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(gzip.decompress(EARLIER.read_bytes()))
    assert len(Ledger(path).read()) == len(path.read_text().splitlines())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "can only be read"),
        (errno.EACCES, "write-protected"),
        (errno.EPERM, "write-protected"),
        (errno.ENOLCK, "no locks"),
        (errno.ENOTSUP, "no locks"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_keeps_a_ledger_from_being_written_is_said(monkeypatch, tmp_path, number, words):
    """In one sentence, without a traceback, whatever the system's own words are."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LedgerWriteError, match=words) as caught:
        Ledger(tmp_path / "ledger.jsonl").append(Answer("m.a", 1, AT.format(1)))
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert str(tmp_path) in str(caught.value)


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no disk that is always full"
)
def test_a_full_disk_is_said():
    """Where every write really fails."""
    with pytest.raises(LedgerWriteError, match="disk is full"):
        Ledger("/dev/full").append(Answer("m.a", 1, AT.format(1)))


#: A process that may write some bytes more to a ledger, and tries to write more than those.
_LIMITED = """import resource, sys
from labs.records import Answer, Ledger, LedgerWriteError
ledger = Ledger(sys.argv[1])
most = ledger.path.stat().st_size + 40
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    ledger.append(Answer("m.b", "long" * 100, "2026-01-02T03:04:05+00:00"))
except LedgerWriteError as error:
    print(error)
"""


def test_an_entry_that_no_longer_fits_leaves_the_ledger_as_it_was(tmp_path):
    """Half a line was written when the space ran out."""
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(Answer("m.a", 1, AT.format(1)))
    before = path.read_bytes()
    ran = subprocess.run(
        [sys.executable, "-c", _LIMITED, path], capture_output=True, text=True, check=True
    )
    assert "Nothing was recorded" in ran.stdout
    assert path.read_bytes() == before


def test_a_lock_that_somebody_holds_is_waited_for_and_then_named(monkeypatch, tmp_path):
    """A kernel that was stopped holds it for ever."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    monkeypatch.setattr("labs.records.ledger.LOCK_WAIT_S", 0.1)
    with ledger.path.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LedgerWriteError, match="another kernel holds it"):
            ledger.append(Answer("m.a", 1, AT.format(1)))
    ledger.append(Answer("m.a", 2, AT.format(2)))
    assert ledger.answer("m.a") == 2


def test_a_ledger_says_what_is_in_it(tmp_path: Path, make_measurement) -> None:
    """Shown by itself in a cell: how many of each kind, and the newest number of each option in its
    unit.
    """
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert repr(ledger) == f"{ledger.path}: 0 entries"
    assert "<table" not in ledger._repr_html_()
    for samples in ((0.5,), (0.0025,)):
        ledger.append(make_measurement(option="<onnx>", samples=samples))
    ledger.append(make_measurement(kind="size", option="<onnx>", samples=(2_430_000.0,)))
    ledger.append(Answer("m.a", 1, AT.format(1)))
    assert re.search(
        r"4 entries: 2 latency, 1 size, 1 answer; the newest of 0[12] Jan 2026", repr(ledger)
    )
    shown = ledger.read()._repr_html_()
    assert all(text in shown for text in ("&lt;onnx&gt;", "2.50 ms", "2.43 MB"))
    assert "500 ms" not in shown
