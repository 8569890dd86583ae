"""The planner's controls and its code do the same, and every form says the same."""

from datetime import timedelta

import pytest

from provisioning.planning.zones import find_zone
from provisioning.testbed.errors import LeaseFailedError, ServiceBusyError
from provisioning.widgets import planner
from tests.provisioning.conftest import NOON


@pytest.fixture
def plan(site, clock):
    # Ten to noon: the block at noon is not yet about to begin.
    clock.elapsed_s = -600.0
    return planner("model", lambda _site: site, clock=clock)


def cell(plan, day: int, hour: int):
    return plan.calendar.cells[day][hour]


def test_the_calendar_shows_the_students_own_week(plan):
    """Noon UTC is 06:00 in Chicago: the hours before it have gone by, and the chosen block is
    filled and framed.
    """
    assert [cell(plan, 0, hour).description for hour in (5, 6, 7, 23)] == ["", "2", "2", "2"]
    assert cell(plan, 0, 5).disabled
    assert "msl-chosen" in cell(plan, 0, 6)._dom_classes
    assert ["msl-in-block" in cell(plan, 0, hour)._dom_classes for hour in (7, 8, 9)] == [
        True,
        True,
        False,
    ]
    assert cell(plan, 0, 6).tooltip == "Mon 02 Mar 06:00–08:50 CST, 2 free"
    # One list does what 168 buttons do, so the Tab key passes them by.
    assert {each.tabbable for row in plan.calendar.cells for each in row} == {False}


TUESDAY = NOON + timedelta(days=1, hours=8)
WAYS = {
    "click": lambda plan: cell(plan, 1, 14).click(),
    "list": lambda plan: setattr(plan.start, "value", TUESDAY),
    "code": lambda plan: plan.choose(start=TUESDAY),
}


@pytest.mark.parametrize("choose", WAYS.values(), ids=WAYS)
def test_mouse_keyboard_and_code_choose_the_same(plan, choose):
    """Tuesday 14:00: cell, list of beginnings, chosen block, text, code and calendar file agree."""
    choose(plan)
    plan.node.value = "liqid02"
    assert plan.chosen.start == plan.start.value == TUESDAY
    assert plan.start.label == "Tue 03 Mar 14:00–16:50 CST, 2 free"
    assert "msl-chosen" in cell(plan, 1, 14)._dom_classes
    for form in (plan.text, plan.html):
        assert "Chosen: liqid02 (A100 40 GB at TACC, CHI@TACC), Tue 03 Mar 14:00–16:50 CST" in form
    assert "node_name=&#x27;liqid02&#x27;" in plan.along.value
    assert 'download="serve-model-ada.ics"' in plan.along.value


def test_another_time_zone_or_week_moves_the_calendar_not_the_block(plan):
    """Its hour is another, and the next notebook knows; the clocks change in between, and midnight
    stays midnight.
    """
    WAYS["click"](plan)
    chosen = plan.chosen
    plan.zone.value = "Asia/Kolkata"
    assert plan.chosen == chosen
    assert "Wed 04 Mar 01:30" in plan.start.label
    assert "Asia/Kolkata (UTC+05:30)" in plan.text
    assert find_zone().key == "Asia/Kolkata"
    plan.zone.value = "America/Chicago"
    plan.later.click()
    assert plan.start.label.startswith("Mon 09 Mar 00:00–02:50 CDT")
    assert "Mon 09 Mar – Sun 15 Mar 2026" in plan.week.value
    for _ in range(5):
        plan.later.click()
    assert (plan.earlier.disabled, plan.later.disabled) == (
        False,
        True,
    )  # the last week has no later one


@pytest.mark.parametrize(
    "reserve", [lambda plan: plan.take.click(), lambda plan: plan.reserve()], ids=["click", "code"]
)
def test_one_click_reserves_and_shows_name_id_begin_and_end(plan, site, reserve):
    """And the button is done; a second press changes nothing."""
    for _ in range(2):
        reserve(plan)
        (lease,) = site.lease_list
        assert plan.lease == lease
        for words in (
            "✓ Reserved",
            lease.id,
            plan.lease_name,
            "is PENDING, Mon 02 Mar 06:00–08:50 CST",
        ):
            assert words in plan.held.value
        assert (plan.take.disabled, plan.take.description) == (True, "Reserved")
        assert f"id {lease.id}" in plan.text


def test_a_refusal_shows_likely_and_way_out_and_can_be_tried_again(plan, site):
    """The service is busy once; the button works again."""
    site.refuse("reserve", ServiceBusyError("reserving at CHI@TACC: the service answered 503"))
    plan.take.click()
    for words in ("503", "Likely:", "Fix:", 'role="alert"'):
        assert words in plan.message.value
    assert not plan.take.disabled
    plan.take.click()
    assert plan.lease is not None
    assert plan.message.value == ""


def test_a_lease_in_error_is_no_reservation(plan, site):
    """The site lists it like any other; the planner says what to do with it."""
    site.give_lease("serve-model-ada", "ERROR")
    plan.reread.click()
    assert plan.take.description == "Failed"
    assert "✓" not in plan.held.value
    assert "Release this lease" in plan.held.value
    with pytest.raises(LeaseFailedError):
        plan.reserve()


def test_when_all_is_taken_the_table_of_machines_opens_and_reserve_is_closed(site, clock):
    """With what each machine changes for the lesson."""
    site.nodes.clear()
    plan = planner("model", lambda _site: site, clock=clock)
    assert plan.chosen is None
    assert plan.take.disabled
    assert "<details open>" in plan.machines.value
    assert all(option.changes in plan.text for option in plan.chooser.spec.options)
    assert plan.along.value == ""


def test_a_notebook_gets_widget_picture_and_text(plan, site):
    """The text is the same as print's; names come from a service and are no HTML."""
    bundle = plan._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert bundle["text/plain"] == str(plan) == plan.text
    assert "rehearsal" not in bundle["text/html"]
    site.nodes[:] = ["<img src=x>"]
    plan.reread.click()
    assert "x&gt;" in plan.html
    assert "<img" not in plan.html + plan.along.value
