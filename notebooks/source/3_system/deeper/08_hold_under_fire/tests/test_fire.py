"""The plan, the score, and the engine against the lesson's own two services."""

import math
from pathlib import Path

import pytest

from grading.builder.repository import write_programs
from labs.deeper.fire.chart import chart
from labs.deeper.fire.plan import ATTACKS, plan
from labs.deeper.fire.score import BEFORE, WHOLE, scores, table
from labs.deeper.fire.service import FireService, attack
from labs.load.record import load_record
from labs.load.target import Served, predict
from labs.records import Measurement, ModelFile
from labs.serve.models import fp32_model
from labs.workspace import WORKSPACE_VARIABLE
from tests.labs.test_workspace import assert_refused_as_missing, assert_refused_as_stub


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_gives_the_same_windows_each_time_and_one_for_each_attack(seed: int):
    """They are in the order of time, apart from each other, and inside the run."""
    windows = plan(seed, 180)
    assert windows == plan(seed, 180)
    assert sorted(window.attack for window in windows) == sorted(ATTACKS)
    ends_s = [0.0, *(window.end_s for window in windows)]
    begins_s = [*(window.begin_s for window in windows), 180.0]
    pauses_s = [begin_s - end_s for end_s, begin_s in zip(ends_s, begins_s, strict=True)]
    assert min(pauses_s) > 3
    for window in windows:
        assert 15 < window.end_s - window.begin_s < 25


def test_other_seeds_give_other_orders():
    """Nobody can prepare for one order."""
    orders = {tuple(window.attack for window in plan(seed, 180)) for seed in range(20)}
    assert len(orders) > 10


def record_of(rows: list, health: list, windows: list) -> Measurement:
    """Return the record of a run in which these photos were sent: due, latency, sent, status."""
    served = Served(ModelFile("model.onnx", "0" * 64, 1), backend="fastapi-own")
    target = predict("http://127.0.0.1:1", [b"photo"], served)
    result = {"rows": rows, "first": "", "warmup": 0, "took_s": 40.0}
    details = {"health": health, "windows": windows, "events": []}
    return load_record(
        "fire-frail",
        target,
        result,
        mode="open",
        duration_s=40.0,
        started_at="2026-01-01T00:00:00+00:00",
        start_s=0.0,
        offered_rps=1.0,
        details=details,
    )


def test_an_attack_counts_the_photos_from_its_beginning_to_the_next_one():
    """What it broke may stay broken."""
    rows = [[at_s, 0.1, at_s, 200] for at_s in (1, 5, 11, 19, 21, 39)]
    rows += [
        [at_s, 5.0, at_s, status] for at_s, status in ((12, 503), (18, 0), (22, 503))
    ]
    health = [[2, 0.01, 200], [12, 0.5, 200], [13, 0.2, 200], [25, 0.0, 0]]
    record = record_of(rows, health, [["bombs", 10, 15], ["kills", 20, 30]])
    found = scores(record)
    assert list(found) == [BEFORE, "bombs", "kills", WHOLE]
    counts = [(score.photos, score.answered) for score in found.values()]
    assert counts == [(2, 2), (4, 2), (3, 2), (9, 6)]
    assert found["bombs"].slowest_health_s == 0.5
    assert math.isinf(found["kills"].slowest_health_s)
    assert found[WHOLE].share == pytest.approx(2 / 3)


def test_table_and_picture_show_both_runs_with_the_same_figures():
    """A reader who does not see the picture has its figures."""
    rows = [[at_s, 0.1, at_s, 200] for at_s in (1, 11)] + [[12, 5.0, 12, 0]]
    record = record_of(rows, [[1, 0.01, 200]], [["bombs", 10, 15]])
    shown = table({"frail.py": record, "serve.py": record})
    assert shown.loc["bombs", ("serve.py", "share")] == "50.0%"
    assert shown.loc[WHOLE, ("frail.py", "answered")] == 2
    assert "66.7% of the good photos" in chart({"frail.py": record}).get_label()


def test_a_service_that_still_holds_the_stub_is_named_in_one_sentence():
    """Nothing is started."""
    assert_refused_as_stub("fire/serve.py", FireService)


def test_a_service_that_is_not_there_is_named_in_one_sentence():
    """The cell that writes it was not run."""
    assert_refused_as_missing("fire/serve.py", FireService)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_unprotected_service_falls_and_the_repaired_one_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first loses photos to every attack that it was made for; the second only what a killed
    process had in hand.
    """
    model = fp32_model()
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    write_programs("fire", tmp_path)
    variables = {"MODEL": model, "WORKERS": 2, "MAY_WAIT": 64, "BODY_S": 3, "GRACE_S": 3}
    first = plan(3, 40)[0]
    planned_s = first.end_s - first.begin_s
    shares = {}
    for name in ("frail", "serve"):
        with FireService(tmp_path / f"{name}.py", **variables) as service:
            record = attack(service, model, seed=3, option=f"fire-{name}", duration_s=40)
        print(table({name: record}).to_string())
        name_of_first, begin_s, end_s = record.details["windows"][0]
        assert name_of_first == first.attack
        # Making its bodies took nothing of its time.
        assert end_s - begin_s >= planned_s - 0.1
        shares[name] = {attack: score.share for attack, score in scores(record).items()}
        assert not service.log_of("kills").empty
    for name in ("half-open", "kills", "drain"):
        assert shares["frail"][name] < shares["serve"][name]
    assert shares["frail"][WHOLE] < shares["serve"][WHOLE]
