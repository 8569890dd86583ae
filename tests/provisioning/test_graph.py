"""The plan of the steps."""

from __future__ import annotations

import pytest

from provisioning.setup.plan import Step, plan
from provisioning.setup.steps import steps_for
from provisioning.sites.spec import PARTS, load_spec


def step(name: str, expected_s: float, *needs: str) -> Step:
    return Step(name, name.title(), needs, lambda _context: {}, expected_s, 100)


def test_independent_steps_run_side_by_side_and_the_slow_one_is_critical():
    """Two branches between a beginning and an end: the total is the slow branch's."""
    made = plan(
        [step("end", 5, "slow", "quick"), step("quick", 10, "start"), step("slow", 30, "start"), step("start", 2)]
    )
    assert made.total_s == 37
    assert made.serial_s == 47
    assert made.critical_path == ("start", "slow", "end")
    begins = {item.step.name: item.begins_s for item in made.schedule}
    assert begins == {"start": 0, "slow": 2, "quick": 2, "end": 32}


def test_the_schedule_is_an_order_in_which_steps_can_run():
    """Every step stands after all that it needs."""
    for part in PARTS:
        spec = load_spec(part)
        for option in spec.options:
            seen: set[str] = set()
            for item in plan(steps_for(spec, option)).schedule:
                assert seen.issuperset(item.step.needs), (part, option.name, item.step.name)
                seen.add(item.step.name)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([step("a", 1), step("a", 1)], "share a name"),
        ([step("a", 1, "b")], "needs b, which is not in the list"),
        ([step("a", 1, "b"), step("b", 1, "a")], "in a circle"),
    ],
)
def test_a_wrong_list_is_refused(steps, message):
    """A list that cannot run says why."""
    with pytest.raises(ValueError, match=message):
        plan(steps)


def test_text_shows_critical_path_and_cost_in_minutes():
    """A person sees what costs how much of the lease."""
    text = plan([step("start", 60), step("side", 6, "start"), step("end", 120, "start")]).text()
    assert "* end" in text
    assert "  side" in text
    assert "about 3.0 min of the lease" in text
    assert "3.1 min" in text


#: What a machine fetches while the student reads on.
BACKGROUND = {"providers", "containers"}


@pytest.mark.parametrize("option", load_spec("model").options, ids=lambda option: option.name)
def test_part_one_is_ready_six_minutes_after_ssh(option):
    """By the site file's own seconds, from the first command that runs there to the links (A11)."""
    made = plan(steps_for(load_spec("model"), option))
    ends = {item.step.name: item.begins_s + item.step.expected_s for item in made.schedule}
    assert ends["links"] - ends["ssh"] <= 360
    assert made.critical_path[-1] == "links"


@pytest.mark.parametrize("part", PARTS)
def test_nothing_waits_for_what_is_fetched_in_the_background(part):
    """Images and execution providers are gigabytes that the first lessons do without (A11)."""
    steps = {each.name: each for each in steps_for(load_spec(part), load_spec(part).options[0])}
    begun = BACKGROUND & steps.keys()
    assert begun == {"model": {"providers"}, "edge": set(), "system": {"containers"}}[part]
    assert not [name for name, each in steps.items() if begun & set(each.needs)]
    assert not begun & set(plan(steps.values()).critical_path)
