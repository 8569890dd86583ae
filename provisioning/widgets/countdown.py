"""What is left of the lease, by when each lesson must begin, and results coming home.

While it is open it pulls every few minutes: a lease that ends in the middle of a run costs minutes, not the afternoon.
"""

import itertools
import threading
from datetime import datetime
from html import escape

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import controls, has_kernel
from provisioning import lab
from provisioning.planning.lessons import block_of
from provisioning.planning.zones import find_zone
from provisioning.setup.run import Run
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import Clock, site_clock
from provisioning.widgets.cards import heading, html, still

REDRAW_S = 20.0
#: Redraws between two pulls: three minutes.
PULL_EVERY = 9


class LeaseCountdown(Shown):
    """The countdown of the lease that a run uses.

    Raises:
        ValueError: the end of the lease is not known.
    """

    def __init__(self, run: Run, *, clock: Clock | None = None) -> None:
        end = run.record.facts("lease").get("end")
        if end is None:
            raise ValueError("the run has not found its lease yet: bring the machine up first")
        self.name, self.end, self.zone = run.settings.name, datetime.fromisoformat(end), find_zone()
        self.rehearsed = lab.rehearsing()
        planned = block_of(run.settings.spec.part).begin_by(self.end)
        self._steps = [(one.title, at) for one, at in planned]
        self._run, self._clock = run, clock or site_clock()
        #: What the last pull brought, in a sentence.
        self.pulled = "nothing was pulled yet"
        self._words = html()
        self.live = controls([self._words]).add_class("msl").add_class("msl-card")
        self.draw()
        if has_kernel():
            threading.Thread(target=self._tick, name="lease-countdown", daemon=True).start()

    @property
    def lines(self) -> list[str]:
        """What is left, by when each lesson must begin, and what came home; the first line is the most urgent."""
        now = self._clock.now()
        steps = ", ".join(
            f"{title} by {self._local(at)}{' (gone by)' * (at < now)}" for title, at in self._steps
        )
        ends = f"ends {self._local(self.end)} {self.end.astimezone(self.zone):%Z}; begin {steps}"
        minutes = int((self.end - now).total_seconds() // 60)
        left = (
            f"{minutes // 60} h {minutes % 60:02d} min of the lease left"
            if now < self.end
            else "The lease has ended."
        )
        return [left, ends, self.pulled]

    @property
    def text(self) -> str:
        """The countdown in a few lines."""
        return f"{self.name}{' (rehearsal)' if self.rehearsed else ''}: " + "\n".join(self.lines)

    @property
    def html(self) -> str:
        return still(self.name, self.text, self.rehearsed)

    def draw(self) -> None:
        """Bring the words up to date."""
        first, *more = map(escape, self.lines)
        # In red once the release should have begun.
        due = bool(self._steps) and self._clock.now() > self._steps[-1][1]
        kind = 'class="msl-note msl-bad" role="status"' if due else 'class="msl-strong"'
        rest = "".join(f'<p class="msl-sub">{line}</p>' for line in more)
        head = heading(self.name, self.rehearsed)
        self._words.value = (
            f'{STYLE}<div class="msl">{head}<div {kind}><p>{first}</p></div>{rest}</div>'
        )

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
