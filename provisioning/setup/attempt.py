"""One run, tried as often as it takes: what a progress display and a script both need to start, stop and resume it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provisioning.clock import Clock
from provisioning.errors import CancelledError, ProvisioningError
from provisioning.setup.progress import LeaseLeft, Progress, Row, lease_left
from provisioning.setup.runner import Event, Run

AttemptState = Literal["waiting", "running", "done", "failed", "stopped"]

#: Links in the order in which they are used, with what each is for.
LINKS = {
    "forward": (
        "Run this in a terminal where your browser is (on Chameleon: in a terminal of its Jupyter), and leave it open: "
        "it brings every port of the part, and prints the links"
    ),
    "jupyter": "Then open the machine's own Jupyter, in which the lease lesson runs",
    "tunnel": "The same as a plain line, for those who prefer it",
    "ssh": "A terminal on the machine",
}


@dataclass(frozen=True)
class Link:
    """One way to the machine."""

    name: str
    #: What it is for, in words.
    purpose: str
    #: An address to open, or a command to run.
    value: str

    @property
    def is_address(self) -> bool:
        """True for what a browser opens."""
        return self.value.startswith(("http", "/"))


class Attempt:
    """Goes at one run. The state file remembers what is done, so each go continues where the last one ended.

    Args:
        run: from :func:`provisioning.lab.prepare`.
        clock: of the sites, for what is left of the lease.
    """

    def __init__(self, run: Run, clock: Clock):
        self.run = run
        self.clock = clock
        self.state: AttemptState = "waiting"
        #: First failure of the last go; None while there is none.
        self.error: ProvisioningError | None = None
        settings = run.settings
        here = {"part": settings.spec.part, "site": settings.option.site, "type": settings.option.type}
        # A record of another machine says nothing about this one.
        recorded = run.state if run.state.about in ({}, here) else None
        self.progress = Progress(run.plan, recorded)
        self._used = False
        self._heard_s: dict[str, float] = {}
        self._turn = threading.Lock()
        if recorded is not None and all(row.state == "done" for row in self.progress.rows.values()):
            self.state = "done"

    @property
    def title(self) -> str:
        """What is being brought up, in words."""
        return f"Bring up {self.run.settings.option.name}"

    def go(self, changed: Callable[[Event], None] = lambda _event: None) -> None:
        """Run what is not done yet, to the end or the first failure of each branch.

        Args:
            changed: called with each event, from this thread.

        Raises:
            ProvisioningError: the first failure; the record keeps what is done.
        """
        with self._turn:
            if self._used:
                last = self.run
                self.run = Run([item.step for item in last.plan.schedule], last.settings, last.testbed, last.state)
            self._used = True
            self.state, self.error = "running", None
            self.progress.begin()
            try:
                for event in self.run.events():
                    self.progress.take(event)
                    self._heard_s[event.step] = self.run.settings.clock.monotonic_s()
                    changed(event)
            except BaseException:
                # The toolbar's stop button, or a caller that broke off.
                self.state = "stopped"
                raise
            failures = list(self.run.failures.values())
            real = [error for error in failures if not isinstance(error, CancelledError)]
            self.error = next(iter(real or failures), None)
            self.state = "failed" if real else "stopped" if failures or not self._all_done() else "done"
            if self.state == "stopped" and self.error is None:
                self.error = CancelledError("stopped before everything was done")
        if self.error is not None:
            raise self.error

    def cancel(self) -> None:
        """Ask to stop: nothing new begins, and what waits stops at its next look."""
        self.run.cancel()

    def elapsed_s(self, row: Row) -> float:
        """Return the seconds of a step, those since its last event included while it runs."""
        if row.state != "running":
            return row.elapsed_s
        now_s = self.run.settings.clock.monotonic_s()
        return row.elapsed_s + now_s - self._heard_s.get(row.name, now_s)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1, by the usual times along the critical path."""
        total_s = self.run.plan.total_s
        return 1.0 if not total_s else min(1.0, max(0.0, 1 - self.progress.left_s / total_s))

    @property
    def links(self) -> tuple[Link, ...]:
        """Ways to the machine; none before it is up."""
        if self.progress.rows.get("links") is None or self.progress.rows["links"].state != "done":
            return ()
        facts = self.run.state.facts("links")
        return tuple(Link(name, words, facts[name]) for name, words in LINKS.items() if name in facts)

    @property
    def lease_end(self) -> datetime | None:
        """End of the lease with time zone; None before the step 'lease' is done."""
        end = self.run.state.facts("lease").get("end")
        return datetime.fromisoformat(end) if end else None

    def lease_left(self, lessons_left_s: float) -> LeaseLeft | None:
        """Return what is left of the lease, and a warning when the lessons do not fit into it."""
        return lease_left(self.lease_end, self.clock.now(), lessons_left_s) if self.lease_end else None

    def text(self) -> str:
        """Return the steps with their state, and the links once they are there, as text."""
        path = " > ".join(self.run.plan.critical_path)
        lines = [f"{self.title} at {self.run.settings.option.site}", self.progress.text(), f"Critical path: {path}"]
        lines += [f"{link.purpose}:\n  {link.value}" for link in self.links]
        return "\n".join(lines)

    def _all_done(self) -> bool:
        return all(row.state == "done" for row in self.progress.rows.values())
