"""The planner's controls and its code do the same, and every form says the same."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
from icalendar import Calendar

from provisioning.planning.zones import find_zone
from provisioning.sites.spec import load_spec
from provisioning.testbed.errors import NoCapacityError, ServiceBusyError
from provisioning.widgets import planner

from ..conftest import NOON

OPTIONS = load_spec("model").options


@pytest.fixture
def plan(site, clock):
    # Ten to noon: the block at noon is not yet about to begin.
    clock.elapsed_s = -600.0
    return planner("model", lambda _site: site, clock=clock)


def wait(plan) -> None:
    """Return when what a click began is over."""
    assert plan.clicks.wait()


def cell(plan, day: int, hour: int):
    return plan.controls.calendar.cells[day][hour]


def test_the_calendar_shows_the_students_own_week(plan):
    """Noon UTC is 06:00 in Chicago: the hours before it have gone by, and the chosen block is filled and framed."""
    assert [cell(plan, 0, hour).description for hour in (5, 6, 7, 23)] == ["", "2", "2", "2"]
    assert cell(plan, 0, 5).disabled
    assert "msl-chosen" in cell(plan, 0, 6)._dom_classes
    assert ["msl-in-block" in cell(plan, 0, hour)._dom_classes for hour in (7, 8, 9)] == [True, True, False]
    assert cell(plan, 0, 6).tooltip == "Mon 02 Mar 06:00–08:50 CST, 2 free"


def test_a_click_chooses_what_the_list_and_the_code_say(plan):
    """Tuesday 14:00: cell, list of beginnings, chosen block and text agree."""
    cell(plan, 1, 14).click()
    start = NOON + timedelta(days=1, hours=8)
    assert plan.chosen.start == plan.controls.start.value == start
    assert plan.controls.start.label == "Tue 03 Mar 14:00–16:50 CST, 2 free"
    assert "Chosen: liqid01 (A100 40 GB at TACC, CHI@TACC), Tue 03 Mar 14:00–16:50 CST" in plan.text
    assert "Tue 03 Mar 14:00–16:50 CST" in plan.html


def test_the_lists_choose_for_the_keyboard(plan):
    """Beginning and node from their lists; the calendar follows."""
    plan.controls.start.value = NOON + timedelta(hours=4)
    plan.controls.node.value = "liqid02"
    assert (plan.chosen.start, plan.chosen.resource) == (NOON + timedelta(hours=4), "liqid02")
    assert "msl-chosen" in cell(plan, 0, 10)._dom_classes


def test_cells_are_no_stops_for_the_tab_key(plan):
    """One list does what 168 buttons do."""
    assert {each.tabbable for row in plan.controls.calendar.cells for each in row} == {False}


def test_another_time_zone_moves_the_calendar_not_the_block(plan):
    """The chosen block stays, its hour is another, and the next notebook knows."""
    cell(plan, 1, 14).click()
    chosen = plan.chosen
    plan.controls.zone.value = "Asia/Kolkata"
    assert plan.chosen == chosen
    assert "Wed 04 Mar 01:30" in plan.controls.start.label
    assert "Asia/Kolkata (UTC+5:30)" in plan.text
    assert find_zone().key == "Asia/Kolkata"


def test_a_week_further_on(plan):
    """The clocks change in between, and midnight stays midnight; the last week has no later one."""
    plan.controls.later.click()
    assert plan.chosen.start == NOON + timedelta(days=7, hours=-7)
    assert plan.controls.start.label.startswith("Mon 09 Mar 00:00–02:50 CDT")
    assert "Mon 09 Mar – Sun 15 Mar 2026" in plan.controls.week.value
    for _ in range(5):
        plan.controls.later.click()
    assert plan.controls.later.disabled
    assert not plan.controls.earlier.disabled


def test_one_click_reserves_and_shows_name_id_begin_and_end(plan, site):
    """And the button is done; a second press changes nothing."""
    plan.controls.reserve.click()
    wait(plan)
    (lease,) = site.lease_list
    assert (plan.lease, plan.lease_name) == (lease, "serve-model-ada")
    for words in (lease.id, "serve-model-ada", "Mon 02 Mar 06:00 CST", "Mon 02 Mar 08:50 CST", "PENDING"):
        assert words in plan.controls.lease.value
    assert plan.controls.reserve.disabled
    assert plan.controls.reserve.description == "Reserved"
    assert f"id {lease.id}" in plan.text
    plan.controls.reserve.click()
    wait(plan)
    assert site.lease_list == [lease]


def test_reserve_in_code_does_what_the_click_does(plan, site):
    """For a notebook that nobody sits in front of."""
    lease = plan.reserve()
    assert site.lease_list == [lease]
    assert "✓ Reserved" in plan.controls.lease.value


def test_a_refusal_shows_likely_and_way_out_and_can_be_tried_again(plan, site):
    """The service is busy once; the button works again."""
    fails = [ServiceBusyError("reserving at CHI@TACC: the service answered 503")]

    def before(request):
        if request == "reserve" and fails:
            raise fails.pop()

    site.before = before
    plan.controls.reserve.click()
    wait(plan)
    for words in ("503", "<b>Likely:</b>", "<b>Way out:</b>", 'role="alert"'):
        assert words in plan.controls.message.value
    assert not plan.controls.reserve.disabled
    plan.controls.reserve.click()
    wait(plan)
    assert plan.lease is not None
    assert plan.controls.message.value == ""


def test_a_lease_in_error_is_no_reservation(plan, site):
    """The site lists it like any other; the planner says what to do with it."""
    site.give_lease("serve-model-ada", "ERROR")
    plan.controls.again.click()
    wait(plan)
    assert plan.controls.reserve.description == "Failed"
    assert "✓" not in plan.controls.lease.value
    assert "Release this lease" in plan.controls.lease.value


def test_a_defect_does_not_leave_the_button_waiting(plan, site):
    """Whatever breaks in a click's thread is said where the student looks."""

    def before(request):
        if request == "reserve":
            raise RuntimeError("a defect")

    site.before = before
    plan.controls.reserve.click()
    wait(plan)
    assert "RuntimeError: a defect" in plan.controls.message.value
    assert not plan.controls.reserve.disabled


def test_when_somebody_was_faster_the_calendar_is_read_again(plan, site):
    """The taken node is gone from the list when the message appears."""

    def before(request):
        if request == "reserve":
            site.nodes.remove("liqid01")
            raise NoCapacityError("not enough hosts available")

    site.before = before
    with pytest.raises(NoCapacityError):
        plan.reserve()
    assert plan.controls.node.options == (("liqid02", "liqid02"),)
    assert plan.chosen.resource == "liqid02"


def test_when_all_is_taken_the_options_opens_and_reserve_is_closed(site, clock):
    """With what each machine changes for the lesson."""
    site.nodes.clear()
    plan = planner("model", lambda _site: site, clock=clock)
    assert plan.chosen is None
    assert plan.controls.reserve.disabled
    assert "<details open>" in plan.controls.options.value
    for option in OPTIONS[1:]:
        assert option.changes in plan.text or option.changes in plan.controls.options.value
    assert plan.controls.take.value == ""


def test_code_and_calendar_file_travel_with_the_widget(plan):
    """The shown code is the chosen block's; the link holds a calendar with the block and the hour before it."""
    cell(plan, 2, 9).click()
    assert "node_name=&#x27;liqid01&#x27;" in plan.controls.code.value
    data = re.search(
        r'download="serve-model-ada.ics" href="data:text/calendar;base64,([^"]+)"', plan.controls.take.value
    )
    events = Calendar.from_ical(base64.b64decode(data[1])).walk("VEVENT")
    assert events[0]["dtstart"].dt == plan.chosen.start
    assert len(events) == 2


def test_reading_again_can_be_stopped(plan, site):
    """The same button stops it; the calendar stays the one that was read."""
    site.nodes.clear()
    plan.clicks._stop.set()
    plan.clicks._in_background(plan.clicks._read_again)
    wait(plan)
    assert "Stopped" in plan.controls.message.value
    assert plan.chosen.resource == "liqid01"
    plan.controls.again.click()
    wait(plan)
    assert plan.chosen is None
    assert plan.controls.again.description == "Read again"


def test_a_name_in_the_calendar_is_no_html(site, clock):
    """Names come from a service."""
    site.nodes[:] = ["<img src=x>"]
    plan = planner("model", lambda _site: site, clock=clock)
    assert "<img" not in plan.html + plan.controls.take.value + plan.controls.code.value


def test_a_notebook_gets_widget_picture_and_text(plan):
    """The text is the same as print's."""
    bundle = plan._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert bundle["text/plain"] == str(plan) == plan.text
    assert "rehearsal" not in bundle["text/html"]


def test_before_the_beginning_the_real_thing_says_when_to_come_back(plan):
    """Only a rehearsal's calendar can be moved."""
    assert plan.go_to_start() == "There is no lease yet."
    plan.choose(start=NOON + timedelta(hours=9))
    plan.reserve()
    assert "Mon 02 Mar 15:00 CST: come back" in plan.go_to_start()
    assert plan.controls.jump.layout.display == "none"
