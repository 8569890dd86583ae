"""Likeness in a class: a copied run is found whatever was done to it, and honest runs make no pair."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from grading.classroom.batch import earlier_results
from grading.classroom.likeness import said_of, similar_pairs
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks, write_json
from tests.grading.classroom import attacks
from tests.grading.recorded import recorded


def _result(student: str, samples: list[float], record: str = "onnx-all × 1") -> Result:
    return Result(student=student, part=1, digest="", samples={record: samples})


def test_copies_are_found_and_independent_runs_are_not():
    """Scaled and jittered, shuffled, cut short: each is found; forty independent runs make no pair."""
    dice = random.Random(4)

    def run(count: int = 200) -> list[float]:
        return [0.002 * dice.lognormvariate(0, 0.05) + (0.004 if dice.random() < 0.02 else 0) for _ in range(count)]

    honest = [_result(f"honest {number}", run(dice.choice((120, 200)))) for number in range(40)]
    assert similar_pairs(honest) == []
    first = honest[0].samples["onnx-all × 1"]
    scaled = _result("scaled", [0.7 * one * dice.uniform(0.99, 1.01) for one in first])
    shuffled = _result("shuffled", dice.sample(first, len(first)))
    cut = _result("cut", first[:90])
    found = {(pair.first, pair.second) for pair in similar_pairs([*honest, scaled, shuffled, cut])}
    assert {("honest 0", "scaled"), ("honest 0", "shuffled"), ("cut", "honest 0")} <= found
    assert all({"scaled", "shuffled", "cut"} & set(pair) for pair in found)


def test_both_of_a_pair_are_for_a_person_to_look_at():
    """Who copied whom no sample tells."""
    samples = [0.001 + number * 1e-7 for number in range(100)]
    class_of_three = [_result("ada", samples), _result("bob", samples), _result("eve", [])]
    checks = spot_checks(class_of_three, seed="x", share=0, alike=said_of(similar_pairs(class_of_three)))
    assert [one.student for one in checks] == ["ada", "bob"]
    assert checks[0].reasons == ("1 record looks like the same measurement as bob's",)


def test_under_load_a_shape_is_nobodys_copy_and_noise_is():
    """Every queue that fills up looks alike; a copied run has the noise too, scaled and jittered or not."""
    dice, record = random.Random(5), "python-8 × 1 @ 8"

    def run() -> list[float]:
        return [0.02 * (1 + number / 20) * dice.lognormvariate(0, 0.05) for number in range(160)]

    honest = [_result(f"honest {number}", run(), record) for number in range(20)]
    assert similar_pairs(honest) == []
    scaled = [0.7 * one * dice.uniform(0.99, 1.01) for one in honest[0].samples[record]]
    (pair,) = similar_pairs([*honest, _result("copied", scaled, record)])
    assert (pair.first, pair.second) == ("copied", "honest 0")


def test_constant_and_few_samples_are_nobodys_copy():
    """A record without noise, or with hardly a sample, says nothing about who made it."""
    constant = [_result(name, [0.002] * 200) for name in "ab"]
    few = [_result(name, [0.001, 0.002, 0.003]) for name in "ab"]
    assert similar_pairs(constant) == similar_pairs(few) == []


def _ledger(student: str, dice: random.Random, records: int = 12) -> Result:
    """Return an honest student's runs on the same kind of machine: the same options, another hour's noise."""
    samples = {}
    for record in range(records):
        middle_s = 0.002 * (1 + record) * dice.lognormvariate(0, 0.01)
        run = [middle_s * dice.lognormvariate(0, 0.03) * (1.5 if dice.random() < 0.02 else 1) for _ in range(200)]
        # A clock of whole nanoseconds.
        samples[f"option {record} × 1"] = [round(one * 1e9) / 1e9 for one in run]
    return Result(student=student, part=1, digest="", samples=samples)


def _redrawn(result: Result, student: str, draw) -> Result:
    samples = {name: draw(values) for name, values in result.samples.items()}
    return Result(student=student, part=1, digest="", samples=samples)


def _blocks(values: list[float], draw) -> list[float]:
    """Return blocks of ten samples in the order that ``draw`` gives them, all of them once or some again."""
    starts = range(0, len(values), 10)
    return [one for start in draw(starts, k=len(starts)) for one in values[start : start + 10]]


def _noisy(values: list[float], dice: random.Random) -> list[float]:
    return [one * dice.gauss(1, 1e-4) for one in values]


def test_f7_f8_a_neighbours_ledger_is_found_in_every_seed_and_two_hundred_honest_ones_make_no_pair():
    """Shuffled in blocks with noise of 1e-4, drawn again in blocks, both scaled or not; on one kind of machine."""
    honest = [_ledger(f"honest {number}", random.Random(number)) for number in range(200)]
    assert similar_pairs(honest) == []
    for seed in range(8):
        dice = random.Random(f"copy {seed}")
        victim = honest[seed]

        shuffled = _redrawn(victim, "f7", lambda values, dice=dice: _noisy(_blocks(values, dice.sample), dice))
        scaled = _redrawn(shuffled, "f7 scaled", lambda values: [0.8 * one for one in values])
        again = _redrawn(victim, "f8", lambda values, dice=dice: _blocks(values, dice.choices))
        noisy = _redrawn(again, "f8 noise", lambda values, dice=dice: _noisy(values, dice))
        for copy in (shuffled, scaled, again, noisy):
            found = similar_pairs([*honest[:20], copy])
            assert [(pair.first, pair.second) for pair in found] == [(copy.student, victim.student)], copy.student


def _framing(result: Result, student: str, dice: random.Random) -> Result:
    """Return a run whose samples lie in three clusters: hers are far apart, and everybody else's beside one of them."""

    def reshaped(values: list[float]) -> list[float]:
        top = len(values) // 4 + 1
        middle = len(values) // 2
        low = len(values) - top - middle
        beside, far = 0.12, 3.0
        below = (middle * beside + top * far) / low
        clusters = ((-below, 0.01, low), (beside, 1e-3, middle), (far, 0.01, top))
        logs = [dice.gauss(where, width) for where, width, count in clusters for _ in range(count)]
        return [float(np.median(values)) * math.exp(one) for one in dice.sample(logs, len(logs))]

    return _redrawn(result, student, reshaped)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_makes_others_look_like_her_copies(seed: int):
    """(B1) Nearness is measured in the gaps of both: who shapes hers is near nobody, whose gaps she cannot know."""
    class_of = [_ledger(f"honest {number}", random.Random(f"{seed} {number}"), records=46) for number in range(12)]
    mallory = _framing(_ledger("", random.Random(f"{seed} mallory"), records=46), "mallory", random.Random(seed))
    assert similar_pairs([*class_of, mallory]) == []


def test_of_a_pair_only_the_records_that_are_near_are_named():
    """Who took four records of twelve is asked about these four."""
    ada, bob = (_ledger(name, random.Random(name)) for name in ("ada", "bob"))
    taken = sorted(ada.samples)[:4]
    dice = random.Random(1)
    copied = {name: dice.sample(_noisy(ada.samples[name], dice), 200) for name in taken}
    (pair,) = similar_pairs([ada, replace(bob, samples=bob.samples | copied)])
    assert pair.records == tuple(taken)


def test_a_copied_record_hides_behind_no_other_of_its_name(tmp_path: Path):
    """(A1) A neighbour's ledger with ids of its own, and behind each record one more, longer or shorter."""
    dice = random.Random(5)
    ada = recorded(1)
    copied = attacks.with_ids_of_its_own(ada, dice)
    latest = {entry["option"]: entry for entry in copied if entry.get("kind") == "latency"}
    results = [_graded(tmp_path / "ada", "ada", ada)]
    for count in (45, 70):
        decoys = []
        for number, entry in enumerate(latest.values(), start=1):
            middle_s = float(np.median(entry["samples"]))
            samples = [middle_s * dice.lognormvariate(0, 0.05) for _ in range(count)]
            later = {
                "record_id": f"{dice.getrandbits(128):032x}",
                "samples": samples,
                "monotonic_start_s": 1e6 + 60 * number,
                "monotonic_end_s": 1e6 + 60 * number + 1.01 * sum(samples) + 1e-4,
                "started_at": (datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat(),
            }
            decoys.append(entry | later)
        results.append(_graded(tmp_path / str(count), f"mallory {count}", [*copied, *decoys]))
    pairs = {(pair.first, pair.second): pair for pair in similar_pairs(results)}
    for count in (45, 70):
        assert len(pairs["ada", f"mallory {count}"].records) >= 30
        assert not any("#" in record for record in pairs["ada", f"mallory {count}"].records)


def _graded(folder: Path, student: str, ledger: list[dict]) -> Result:
    folder.mkdir()
    (folder / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in ledger))
    return grade(folder, part=1, student=student, setup=Setup(measure=False, rerun=False))


def test_of_many_records_of_a_name_a_secret_seed_draws_those_that_are_compared(tmp_path: Path):
    """A ledger of thousands costs the class no memory, and whoever wrote it cannot foresee which are kept."""
    one = next(entry for entry in recorded(1) if entry.get("kind") == "latency")
    clock = {"monotonic_start_s": 0.0, "monotonic_end_s": 1e4}
    many = [one | clock | {"record_id": f"{number:032x}"} for number in range(40)]
    for number, entry in enumerate(many):
        entry["samples"] = [random.Random(f"{number} {place}").uniform(0.001, 0.002) for place in range(80)]
    (tmp_path / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in many))
    drawn = [
        grade(tmp_path, part=1, setup=Setup(measure=False, rerun=False, seed=seed)).samples for seed in ("a", "b", "a")
    ]
    assert [len(one) for one in drawn] == [8, 8, 8]
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.parametrize("seed", range(3))
def test_times_that_crowd_at_a_schedulers_steps_are_nobodys_copy(seed: int):
    """On a busy machine a call takes so many slices of the clock more: honest runs crowd at the same places."""
    dice = random.Random(seed)

    def run(student: str) -> Result:
        slices = (dice.choices(range(5), (60, 20, 10, 6, 4))[0] for _ in range(200))
        return _result(student, [0.004 * (1 + one) * dice.lognormvariate(0, 0.004) for one in slices])

    assert similar_pairs([run(f"s{number}") for number in range(30)]) == []


def test_another_years_ledger_is_found_and_two_of_that_year_are_nobodys_matter(tmp_path: Path):
    """Results are kept in a class's folder; its students are named with it."""
    ada, bob = _ledger("ada", random.Random(1)), _ledger("bob", random.Random(2))
    for result in (ada, replace(ada, student="eve")):
        write_json({"key": "", "result": result.to_json()}, tmp_path / "2025" / "results" / f"{result.student}.json")
    (tmp_path / "2025" / "results" / "torn.json").write_text("{")
    before = earlier_results(tmp_path / "2025")
    copy = _redrawn(ada, "copy", lambda values: _noisy(values, random.Random(3)))
    found = {(pair.first, pair.second) for pair in similar_pairs([bob, copy], before)}
    assert found == {("ada in 2025", "copy"), ("copy", "eve in 2025")}
    assert similar_pairs([bob], before) == []
    with pytest.raises(FileNotFoundError, match="no results"):
        earlier_results(tmp_path)


def test_ids_that_two_ledgers_share_are_told():
    """They are random: whatever was done to the samples, somebody has the other's records."""
    ada, bob = (Result(student=name, part=1, digest="", ids=("a", "b", name)) for name in ("ada", "bob"))
    (pair,) = similar_pairs([ada, bob])
    assert (pair.ids, pair.records) == (2, ())
    assert said_of([pair])["ada"] == ["2 ids of records or runs are bob's too"]
