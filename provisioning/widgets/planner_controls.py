"""The planner's controls in the order in which the Tab key visits them: whose time, which machine, when, and go."""

from __future__ import annotations

import ipywidgets

from labs.widgets.controls import controls
from provisioning.planning.chooser import PAGE_DAYS, PAGES, Chooser
from provisioning.planning.zones import zone_names
from provisioning.widgets import planner_view as view
from provisioning.widgets.calendar import CalendarGrid
from provisioning.widgets.cards import note


class PlannerControls:
    """What the student presses and reads. It knows how to draw a chooser; the planner says what each control does.

    Args:
        zone: name of the student's time zone.
    """

    def __init__(self, zone: str) -> None:
        wide = ipywidgets.Layout(width="100%", max_width="560px")
        style = {"description_width": "72px"}

        def choice(words: str, **more) -> ipywidgets.Dropdown:
            return ipywidgets.Dropdown(description=words, layout=wide, style=style, **more)

        def button(words: str, width: str, **more) -> ipywidgets.Button:
            return ipywidgets.Button(description=words, layout={"width": width}, **more)

        self.zone = choice("Time zone", options=zone_names(zone), value=zone)
        self.option, self.start, self.node = choice("Machine"), choice("Begins"), choice("Node")
        self.earlier, self.later = button("‹ Earlier", "88px"), button("Later ›", "88px")
        self.calendar = CalendarGrid(PAGE_DAYS)
        self.reserve = button("Reserve", "120px", button_style="primary")
        self.again = button("Read again", "104px", tooltip="Ask every site for its calendar once more")
        self.jump = button("Go to its beginning", "160px")
        self.jump.tooltip = "Rehearsal only: move the played calendar to the beginning of the lease"
        self.head, self.options, self.week, self.legend = _html(), _html(), _html("auto"), _html()
        self.take, self.code, self.message, self.lease = _html("auto"), _html(), _html(), _html()
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%")
        self.live = controls(
            [
                self.head,
                self.zone,
                self.option,
                self.options,
                ipywidgets.Box([self.earlier, self.later, self.week], layout=row),
                self.calendar.live,
                self.legend,
                self.start,
                self.node,
                ipywidgets.Box([self.reserve, self.again, self.take], layout=row),
                self.message,
                self.lease,
                self.jump,
                self.code,
            ]
        )
        self.live.add_class("msl").add_class("msl-card")

    def draw(self, chooser: Chooser, rehearsed: bool) -> None:
        """Bring every control up to date with the chooser."""
        zone, slot = chooser.zone, chooser.slot
        self.head.value = view.head(chooser, rehearsed)
        self.options.value, self.week.value = view.option_table(chooser), view.week(chooser)
        self.legend.value = f'<div class="msl">{view.legend()}</div>'
        table = chooser.table()
        self.calendar.draw(table, slot, zone)
        _offer(self.option, view.offered(chooser), chooser.option if chooser.options else None)
        _offer(self.start, [(each.said(zone), each.start) for each in table.free], slot.start if slot else None)
        _offer(self.node, [(name, name) for name in slot.free] if slot else [], chooser.node)
        self.earlier.disabled, self.later.disabled = chooser.page == 0, chooser.page == PAGES - 1
        self.reserve.disabled = chooser.block is None or chooser.lease is not None
        self.reserve.description = (
            "Reserve" if chooser.lease is None else "Failed" if view.failed(chooser) else "Reserved"
        )
        self.take.value, self.code.value = view.take_along(chooser), view.code(chooser)
        self.lease.value = view.lease(chooser)
        self.jump.layout.display = "" if rehearsed and view.is_early(chooser) else "none"

    def say(self, words: str, kind: str = "msl-bad") -> None:
        """Show a message; an empty one takes the last away."""
        self.message.value = note(words, kind)


def _offer(choice: ipywidgets.Dropdown, options: list[tuple[str, object]], value: object) -> None:
    # Setting the options chooses the first; one message with both keeps the browser from showing it.
    with choice.hold_sync():
        choice.options = options
        choice.value = value
        choice.disabled = not options


def _html(width: str = "100%") -> ipywidgets.HTML:
    return ipywidgets.HTML(layout=ipywidgets.Layout(width=width, margin="0"))
