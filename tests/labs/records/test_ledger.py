"""The append-only ledger."""

from __future__ import annotations

import multiprocessing

import pytest

from labs.records import Answer, Ledger, LedgerError, Prediction
from labs.records.ledger import parse_line


def test_entries_come_back_in_order(tmp_path, make_measurement) -> None:
    """What was appended is read back equal, in order, with its type."""
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl")
    written = [
        make_measurement(),
        Prediction("m.q", 3.5, "2026-01-02T03:04:05+00:00"),
        Answer("m.a", {"why": "it fits"}, "2026-01-02T03:04:06+00:00"),
    ]
    for entry in written:
        ledger.append(entry)
    assert list(ledger) == written


def test_a_crash_in_mid_line_loses_only_that_line(tmp_path, make_measurement) -> None:
    """After a torn write the next append starts a line of its own, and reading says what was skipped."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    first, last = make_measurement(), make_measurement(option="onnx-basic")
    ledger.append(first)
    with ledger.path.open("a") as file:
        file.write('{"type":"measurement","kind":"late')
    ledger.append(last)
    with pytest.warns(UserWarning, match="line 2 is skipped"):
        assert list(ledger) == [first, last]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "true", '"0.1"', "-1"])
def test_numbers_that_are_none_are_refused(make_measurement, number) -> None:
    """Samples are finite, non-negative numbers: no NaN, no infinity, no booleans, no text."""
    import json

    line = json.dumps(make_measurement(samples=(123.0,)).to_json()).replace("123.0", number)
    with pytest.raises(LedgerError):
        parse_line(line)


def test_nan_never_reaches_the_file(tmp_path, make_measurement) -> None:
    """A record with NaN is refused before anything is written."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(LedgerError, match="NaN"):
        ledger.append(make_measurement(samples=(float("nan"),)))
    assert not ledger.path.exists()


@pytest.mark.parametrize("line", ["[]", "3", "{}", '{"type":"other"}', "<html>", "[" * 100_000])
def test_junk_is_not_an_entry(line) -> None:
    """Whatever is not an entry is refused with a LedgerError, never with a crash."""
    with pytest.raises(LedgerError):
        parse_line(line)


def test_first_prediction_and_last_answer_count(tmp_path) -> None:
    """A prediction cannot be improved after the fact; an answer can be mended."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for value in (1.0, 2.0):
        ledger.append(Prediction("m.q", value, "2026-01-02T03:04:05+00:00"))
        ledger.append(Answer("m.a", value, "2026-01-02T03:04:05+00:00"))
    assert [one.value for one in ledger.predictions("m.q")] == [1.0, 2.0]
    assert ledger.answers()["m.a"].value == 2.0


def test_latest_filters_by_fields(tmp_path, make_measurement) -> None:
    """Records are looked up by any field, the newest first choice."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(make_measurement(samples=(1.0,)))
    ledger.append(make_measurement(samples=(2.0,)))
    ledger.append(make_measurement(option="other", samples=(3.0,)))
    assert ledger.latest(option="onnx-all", kind="latency").samples == (2.0,)
    assert ledger.latest(option="missing") is None


def _append_many(path, option, make) -> None:
    ledger = Ledger(path)
    for _ in range(25):
        ledger.append(make(option=option, samples=tuple([0.5] * 2000)))


def test_two_kernels_may_write_at_once(tmp_path, make_measurement) -> None:
    """Lines of two processes never mix, even when each is longer than a pipe's or a page's worth."""
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, name, make_measurement)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert sorted(entry.option for entry in Ledger(path)) == ["a"] * 25 + ["b"] * 25


def test_a_line_is_checked_once_and_a_changed_one_again(tmp_path, make_measurement, monkeypatch) -> None:
    """Lessons read the whole ledger at each check; only what is new costs the schema's time."""
    kept = Ledger(tmp_path / "ledger.jsonl")
    kept.append(make_measurement(option="seen-once", samples=(0.125, 0.25)))
    line = kept.path.read_text(encoding="utf-8").strip()

    def refuse(_: object):
        raise AssertionError("the schema was asked again")

    with monkeypatch.context() as patched:
        patched.setattr("labs.records.ledger.first_problem", refuse)
        assert kept.latest(option="seen-once").samples == (0.125, 0.25)
    with pytest.raises(LedgerError, match="samples"):
        parse_line(line.replace("0.125", "-0.125"))
