"""From an objective to a deployment: the fewest copies that meet it, a queue that fits, and files that serve."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from labs.serve.settings import PREFIX, Settings
from labs.serve.template import MOST_UTILIZATION, CannotBeMetError, Objective, Plan, plan, probe
from labs.serve.triton.repository import ModelRepository

OBJECTIVE = Objective(rate_rps=150, latency_s=0.1)


@pytest.mark.parametrize(("rate_rps", "latency_s", "q"), list(itertools.product((20, 150, 600), (0.02, 0.1), (50, 99))))
def test_a_plan_has_the_fewest_copies_that_meet_the_objective(tmp_path, rate_rps, latency_s, q):
    """It meets it by theory, and with one copy less it would not."""
    objective = Objective(rate_rps=rate_rps, latency_s=latency_s, q=q)
    made = plan("team", tmp_path / "m.onnx", objective, 0.005, cpus=16)

    def meets(instances: int) -> bool:
        queue = made.model_copy(update={"instances": instances}).queue
        return queue.utilization <= MOST_UTILIZATION and queue.wait_s(q) + 0.005 <= latency_s

    assert meets(made.instances)
    assert made.instances == 1 or not meets(made.instances - 1)
    # Who is let in is answered in time: the last in the queue waits for all before it.
    assert (made.queue_limit / made.instances + 1) * 0.005 <= latency_s + 1e-9
    assert made.settings.max_batch_size == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"latency_s": 0.004}, "more copies do not help"),
        ({"rate_rps": 1000}, "take 8 copies .* here are 2"),
        # Busy enough for two copies, and yet the tail asks for more of them.
        ({"rate_rps": 270, "latency_s": 0.006, "q": 99}, "take 5 copies .* here are 2"),
    ],
)
def test_what_cannot_be_met_is_said_with_the_reason(tmp_path, changes, says):
    """Too slow a model and too small a machine are two problems with two ways out."""
    with pytest.raises(CannotBeMetError, match=says):
        plan("team", tmp_path / "m.onnx", OBJECTIVE.model_copy(update=changes), 0.005, cpus=2)


@pytest.mark.parametrize("changes", [{"name": "My Team"}, {"model": "m.pth"}, {"instances": 0}, {"service_s": -1}])
def test_a_plan_that_cannot_be_meant_is_refused(changes):
    """Names that Triton would not take, and files that are no ONNX."""
    good = {"name": "team", "model": "m.onnx", "objective": OBJECTIVE, "service_s": 0.005, "instances": 1}
    with pytest.raises(ValidationError):
        Plan(**{**good, **changes})


def test_a_written_plan_is_ready_for_both_servers(onnx_path, tmp_path):
    """Triton's repository holds the model with copies and queue, the service's variables read back as its settings."""
    found = probe(onnx_path, pictures=3)
    assert len(found.samples_s) == 3
    assert found.service_s > 0
    made = plan("third_team", onnx_path, OBJECTIVE, 0.005)
    place = made.write(tmp_path)
    config = ModelRepository(place / "triton").config("third_team")
    assert f"count: {made.instances}" in config
    assert f"max_queue_size: {made.queue_limit}" in config
    assert (place / "triton" / "third_team" / "1" / "model.onnx").read_bytes() == onnx_path.read_bytes()
    lines = (place / "service.env").read_text().splitlines()
    assert all(line.startswith(PREFIX) for line in lines)
    assert Settings.from_environment(dict(line.split("=", 1) for line in lines)) == made.settings
    assert Plan.model_validate_json((place / "plan.json").read_text()) == made
    assert made.reasons in (place / "README.md").read_text()
