"""The rest of the lease, the latest begin of each lesson, and the copying of results.

While it is open it pulls every few minutes: a lease that ends in the middle of a run costs minutes,
not the afternoon.
"""

import itertools
import threading
from datetime import datetime
from html import escape

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import controls, has_kernel
from provisioning import lab
from provisioning.own.place import ENDLESS
from provisioning.planning.lessons import block_of
from provisioning.planning.zones import find_zone
from provisioning.setup.run import SetupRun
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import WallClock, site_clock
from provisioning.widgets.cards import heading, html, still

REDRAW_S = 20.0
#: Redraws between two pulls: three minutes.
PULL_EVERY = 9


class LeaseCountdown(Shown):
    """The countdown of the lease that a run uses.

    Raises:
        ValueError: the end of the lease is not known.
    """

    def __init__(self, run: SetupRun, *, clock: WallClock | None = None) -> None:
        end = run.record.facts("lease").get("end")
        if end is None:
            raise ValueError("the run has not found its lease yet: bring the machine up first")
        self.name = run.settings.name
        self.end = datetime.fromisoformat(end)
        self.zone = find_zone()
        self.rehearsed = lab.rehearsing()
        #: Lessons of the block, each with its latest beginning.
        self._planned = block_of(run.settings.spec.part).begin_by(self.end)
        self._run = run
        self._clock = clock or site_clock()
        #: The last pull's result, in a sentence.
        self.pulled = "nothing was pulled yet"
        self._words = html()
        self.live = controls([self._words])
        self.live.add_class("msl").add_class("msl-card")
        self.draw()
        if has_kernel():
            threading.Thread(target=self._tick, name="lease-countdown", daemon=True).start()

    @property
    def lines(self) -> list[str]:
        """The rest of the lease, the latest begin of each lesson, and the copied results; the first
        line is the most urgent.
        """
        if self.end == ENDLESS:
            return ["Your own machine: it is there until you release it", self.pulled]
        now = self._clock.now()
        steps = []
        for lesson, latest in self._planned:
            gone_by = " (gone by)" if latest < now else ""
            steps.append(f"{lesson.title} by {self._local(latest)}{gone_by}")
        zone_name = self.end.astimezone(self.zone).tzname()
        ends = f"ends {self._local(self.end)} {zone_name}; begin {', '.join(steps)}"
        left = "The lease has ended."
        if now < self.end:
            hours, minutes = divmod(int((self.end - now).total_seconds() // 60), 60)
            left = f"{hours} h {minutes:02d} min of the lease left"
        return [left, ends, self.pulled]

    @property
    def text(self) -> str:
        """The countdown in a few lines."""
        name = f"{self.name} (rehearsal)" if self.rehearsed else self.name
        return f"{name}: " + "\n".join(self.lines)

    @property
    def html(self) -> str:
        return still(self.name, self.text, self.rehearsed)

    def draw(self) -> None:
        """Bring the words up to date."""
        first, *more = map(escape, self.lines)
        kind = 'class="msl-strong"'
        if self._planned:
            # In red once the release should have begun.
            _, release_by = self._planned[-1]
            if self._clock.now() > release_by:
                kind = 'class="msl-note msl-bad" role="status"'
        urgent = f"<div {kind}><p>{first}</p></div>"
        rest = "".join(f'<p class="msl-sub">{line}</p>' for line in more)
        head = heading(self.name, self.rehearsed)
        self._words.value = f'{STYLE}<div class="msl">{head}{urgent}{rest}</div>'

    def pull(self) -> None:
        """Bring home what is only on the machine."""
        try:
            run = self._run
            moved = lab.pull(run.settings.spec.part, run.testbed, say=lambda _line: None)
            came = f"{moved} came home" if moved.anything else "nothing new"
        except ProvisioningError as error:
            # The lease goes on, and so does the countdown; the next pull may work.
            came = f"not pulled: {error.what}"
        self.pulled = f"{datetime.now(self.zone):%H:%M}: {came}"
        self.draw()

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%a %H:%M}"

    def _tick(self) -> None:
        for looks in itertools.count(1):
            threading.Event().wait(REDRAW_S)
            if looks % PULL_EVERY == 0 and self._clock.now() < self.end:
                self.pull()
            self.draw()
            if self._clock.now() >= self.end:
                break
