"""Time: samples fit into their run, runs follow each other, and two clocks tell the same story."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from grading.checkpoints import all_checkpoints, as_records
from grading.checkpoints.values import moment
from grading.consistency.finding import Finding, flag, impossible, named
from labs.records.collection import began

#: Kinds whose samples are taken one after the other inside the run that the clock readings enclose.
_IN_TURN = ("latency", "throughput")

#: Clock readings are two more calls than the samples know of; rounding in the file is far below this, in seconds.
_ROUNDING_S = 1e-4

#: Of a run that measures one option alone, 97 % and more is samples, measured on a machine under heavy load; a display
#: that is slow to update costs fast models more. Below this share, something else took most of the time.
_BUSY = 0.35

#: Seconds by which the two clocks of a machine may drift apart between two records: time servers correct the one.
_DRIFT_S = 5.0

#: Seconds by which two runs on one machine may overlap: a record is made after its last sample.
_OVERLAP_S = 0.25


def run_has_a_length(records: list[dict]) -> Iterator[Finding]:
    """Yield records that end before they begin."""
    for record in records:
        if record["monotonic_end_s"] < record["monotonic_start_s"]:
            yield impossible("run-ends-before-it-begins", f"The {named(record)} ends before it begins.", record)


def samples_fit_the_run(records: list[dict]) -> Iterator[Finding]:
    """Yield records whose samples, one after the other, last longer than the run that holds them."""
    for record in _in_turn(records):
        total_s, wall_s = sum(record["samples"]), _wall_s(record)
        if wall_s >= 0 and total_s > wall_s * 1.001 + _ROUNDING_S:
            yield impossible(
                "samples-longer-than-run",
                f"The samples of the {named(record)} add up to {total_s:.3g} s, and its run lasted {wall_s:.3g} s.",
                record,
            )


def run_was_busy(records: list[dict]) -> Iterator[Finding]:
    """Yield runs of one option alone of which the samples are only a small part."""
    started = from_cold_starts(records)
    for record in _in_turn(records):
        share = sum(record["samples"]) / max(_wall_s(record), 1e-9)
        alone = "comparison_id" not in record["details"] and record["record_id"] not in started
        if alone and share < _BUSY:
            yield flag(
                "run-mostly-idle",
                f"The samples of the {named(record)} fill {share:.0%} of its run; alone, they would fill nearly all.",
                record,
            )


def from_cold_starts(records: list[dict]) -> set[str]:
    """Return the latency records, by id, that were taken right after starts: a few requests, and long waits between.

    Nothing was warmed up for them, and their option's load times stand in the ledger too.
    """
    options = {record["option"] for record in records if record["kind"] == "load_time"}
    return {
        record["record_id"]
        for record in records
        if record["kind"] == "latency" and not record["warmup_count"] and record["option"] in options
    }


def runs_do_not_overlap(records: list[dict]) -> Iterator[Finding]:
    """Yield runs that went on at the same time on one machine, each of which was in the other's way."""
    runs: dict[tuple, dict] = {}
    for record in _in_turn(records):
        run = record["details"].get("comparison_id") or record["record_id"]
        runs.setdefault((record["machine"]["machine_id"], str(run)), record)
    ordered = sorted(runs.items(), key=lambda item: (item[0][0], item[1]["monotonic_start_s"]))
    for ((machine, _), one), ((next_machine, _), other) in pairwise(ordered):
        apart_s = abs((moment(other["started_at"]) - moment(one["started_at"])).total_seconds())
        # Readings of another boot may coincide by chance; the calendar tells.
        same_boot = abs(apart_s - (other["monotonic_start_s"] - one["monotonic_start_s"])) < 60
        if machine == next_machine and same_boot and other["monotonic_start_s"] < one["monotonic_end_s"] - _OVERLAP_S:
            yield flag(
                "runs-overlap",
                f"The {named(one)} and the {named(other)} were measured at the same time: each disturbed the other.",
                one,
                other,
            )


def clocks_agree(records: list[dict]) -> Iterator[Finding]:
    """Yield neighbouring records between which more seconds passed on the monotonic clock than on the calendar."""
    for one, other in pairwise(records):
        if one["machine"]["machine_id"] != other["machine"]["machine_id"]:
            continue
        ticked_s = other["monotonic_start_s"] - one["monotonic_start_s"]
        passed_s = (moment(other["started_at"]) - moment(one["started_at"])).total_seconds()
        # The other way round is a laptop that slept; a negative step is a new boot.
        if ticked_s > 0 and passed_s >= 0 and ticked_s > passed_s + _DRIFT_S:
            yield flag(
                "clocks-disagree",
                f"Between the {named(one)} and the {named(other)} one clock counts {ticked_s:.0f} s, the other "
                f"{passed_s:.0f} s.",
                one,
                other,
            )


#: Of the recordings' predictions, the soonest is made less than a second before what it is about is measured, and the
#: earliest five minutes. So many of them within one factor are no person's.
_IN_STEP, _STEP = 6, 1.5


def predictions_keep_no_step(entries: list[dict]) -> Iterator[Finding]:
    """Yield one finding when all predictions come equally long before what they are about: a program wrote them."""
    records, ahead_s = as_records(entries), []
    for one in all_checkpoints():
        made = records.prediction_in_time(one.id, one.asks.about) if one.kind == "prediction" else None
        first = records.first_about(one.asks.about) if made else None
        if first is not None:
            ahead_s.append((began(first) - moment(made.made_at)).total_seconds())
    if len(ahead_s) >= _IN_STEP and max(ahead_s) <= _STEP * min(ahead_s):
        message = (
            f"{len(ahead_s)} predictions all came some {min(ahead_s):.3g} s before what they are about was measured; "
        )
        yield flag("predictions-in-step", message + "read and typed, they would not.")


def _in_turn(records: list[dict]) -> Iterator[dict]:
    return (record for record in records if record["kind"] in _IN_TURN and record.get("concurrency", 1) == 1)


def _wall_s(record: dict) -> float:
    return record["monotonic_end_s"] - record["monotonic_start_s"]
