"""What is left of the lease, minute by minute, against the lessons that are still to come; and results coming home.

While it is open it pulls every few minutes: a lease that ends in the middle of a run costs minutes, not the afternoon.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

import ipywidgets

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import controls, has_kernel, hear_while_busy
from provisioning import lab
from provisioning.planning.lessons import block_of, extras_text, lessons_left_s, lessons_on_machine
from provisioning.planning.zones import find_zone
from provisioning.rehearsal.drills import site_clock
from provisioning.setup import transfer
from provisioning.setup.run import LeaseLeft, Run, lease_left
from provisioning.sites.spec import Part
from provisioning.testbed import Lease
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import Clock
from provisioning.widgets.cards import card, heading

REDRAW_S = 20.0
#: Seconds between two pulls.
PULL_S = 180.0


def lease_countdown(
    of: Run | Lease, part: Part | None = None, *, at: str | None = None, clock: Clock | None = None
) -> LeaseCountdown:
    """Return the countdown of a lease.

    Args:
        of: the run that used the lease (its step 'lease' is done), or the lease itself.
        part: of the course; needed beside a lease.
        at: number of the lesson that comes next, such as ``"15b"``; when left out, the part's first, and before a lease
            that nothing runs on yet, the set-up too.
        clock: of the sites.

    Raises:
        ValueError: the end of the lease is not known, or the part has no such lesson.
    """
    if isinstance(of, Run):
        end = of.record.facts("lease").get("end")
        if end is None:
            raise ValueError("the run has not found its lease yet: bring the machine up first")
        name, end, part = of.settings.name, datetime.fromisoformat(end), of.settings.spec.part
        testbed, setup_s = of.testbed, 0.0
    else:
        name, end, testbed = of.name, of.end, None
    if part is None:
        raise ValueError("say which part the lease is for: lease_countdown(lease, 'model')")
    if isinstance(of, Lease):
        setup_s = block_of(part).setup_s if at is None else 0.0

    def pull() -> transfer.Moved:
        return lab.pull(part, testbed, name=name, say=lambda _line: None)

    return LeaseCountdown(name, end, part, at, clock or site_clock(), find_zone(), pull, setup_s)


class LeaseCountdown(Shown):
    """The widget.

    Args:
        name: of the lease.
        end: of the lease, with time zone.
        part: of the course.
        at: number of the lesson that comes next.
        clock: of the sites.
        zone: the student's.
        pull: brings home what is only on the machine.
        setup_s: usual seconds of a set-up that is still to come.
    """

    def __init__(
        self,
        name: str,
        end: datetime,
        part: Part,
        at: str | None,
        clock: Clock,
        zone: ZoneInfo,
        pull: Callable[[], transfer.Moved],
        setup_s: float = 0.0,
    ) -> None:
        self.name, self.end, self.part, self.zone = name, end, part, zone
        self.rehearsed = lab.rehearsing()
        self._clock, self._pull, self._setup_s = clock, pull, setup_s
        self._pulling = threading.Lock()
        #: What the last pull brought, in a sentence.
        self.pulled = "nothing was pulled yet"
        lessons = lessons_on_machine(part)
        lessons_left_s(part, at)  # an unknown number is refused here, not in the browser
        options = [(f"{each.number} {each.title} ({each.machine_minutes} min)", each.number) for each in lessons]
        self.lesson = ipywidgets.Dropdown(
            options=options,
            value=at or next((each.number for each in lessons if each.kind == "core"), None),
            description="Next lesson",
            layout=ipywidgets.Layout(width="100%", max_width="560px"),
            style={"description_width": "88px"},
        )
        self.lesson.observe(lambda _: self.draw(), "value")
        self._head = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        self._left = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        self.pull_button = ipywidgets.Button(description="Pull now", icon="download", tooltip="Bring results home")
        self.pull_button.on_click(lambda _: self.pull())
        self._home = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        shown = [self._head, self.lesson, self._left, self.pull_button, self._home]
        self.live = controls(shown).add_class("msl").add_class("msl-card")
        hear_while_busy(self.pull_button)
        self.draw()
        if has_kernel():
            threading.Thread(target=self._tick, name="lease-countdown", daemon=True).start()

    @property
    def left(self) -> LeaseLeft:
        """What is left, with a warning when what is planned from the chosen lesson on does not fit."""
        left_s = self._setup_s + lessons_left_s(self.part, self.lesson.value)
        return lease_left(self.end, self._clock.now(), left_s)

    @property
    def text(self) -> str:
        """The countdown in one or two lines."""
        played = " (rehearsal)" if self.rehearsed else ""
        return f"{self.name}{played}: {self.left.text()}\n{self._until()}, {self._next()}\n{self.pulled}"

    @property
    def html(self) -> str:
        """The same as a still picture."""
        body = f"{self._words()}<p class='msl-sub'>{escape(self._next())}; {escape(self.pulled)}</p>"
        return card("What is left of the lease", body, self.rehearsed, f"{self.name}, {self._until()}")

    def draw(self) -> None:
        """Bring the picture up to date."""
        head = heading("What is left of the lease", self.rehearsed, f"{self.name}, {self._until()}")
        self._head.value = f'{STYLE}<div class="msl">{head}</div>'
        self._left.value = f'<div class="msl" role="timer">{self._words()}</div>'
        self._home.value = f'<div class="msl msl-sub" role="status">{escape(self.pulled)}</div>'

    def pull(self) -> None:
        """Bring home what is only on the machine, unless that is under way."""
        if not self._pulling.acquire(blocking=False):
            return
        try:
            moved = self._pull()
            came = f"{moved} came home" if moved.anything else "nothing new"
        except ProvisioningError as error:
            # The lease goes on, and so does the countdown; the next pull may work.
            came = f"not pulled: {error.what}"
        finally:
            self._pulling.release()
        self.pulled = f"{datetime.now(self.zone):%H:%M}: {came}"
        self.draw()

    def _words(self) -> str:
        left = self.left
        if left.warning:
            return f'<div class="msl-note msl-bad"><p>{escape(left.text())}</p></div>'
        return f'<p class="msl-strong">{escape(left.text())}; what is planned fits.</p>'

    def _until(self) -> str:
        return f"ends {self.end.astimezone(self.zone):%a %d %b %H:%M %Z}"

    def _next(self) -> str:
        """Return what the rest is for, in minutes, and what may be left out of it."""
        if not self.lesson.value:
            return "no lesson waits for it"
        left_s = self._setup_s + lessons_left_s(self.part, self.lesson.value)
        setup = f"set-up {self._setup_s / 60:.0f} min, " if self._setup_s else ""
        extras = extras_text(self.part, self.lesson.value)
        return "; ".join(
            filter(None, (f"{setup}next lesson: {self.lesson.label}; {left_s / 60:.0f} min are planned", extras))
        )

    def _tick(self) -> None:
        waited_s = 0.0
        while self.left.left.total_seconds() > 0:
            threading.Event().wait(REDRAW_S)
            waited_s += REDRAW_S
            if waited_s >= PULL_S:
                waited_s = 0.0
                self.pull()
            self.draw()
