"""Runs the steps: what can go side by side does, every change becomes an event, and a stop leaves a usable record."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from provisioning.errors import CancelledError, LeaseEndedError, ProvisioningError
from provisioning.setup.context import Settings, StepContext
from provisioning.setup.graph import Step, plan
from provisioning.setup.state import StateFile
from provisioning.testbed import Testbed

EventKind = Literal["started", "line", "retrying", "done", "failed", "blocked"]

#: Most steps that can run at once in any of our lists.
WORKERS = 4
#: Attempts of a step whose error says that trying again may help.
ATTEMPTS = 3


@dataclass(frozen=True)
class Event:
    """Something that a progress display may want to show."""

    #: Which step.
    step: str
    #: ``line`` is one line of log; ``blocked`` means that a step it needs failed.
    kind: EventKind
    #: The line, the error's text, or empty.
    text: str = ""
    #: Seconds since the step began.
    elapsed_s: float = 0.0
    #: Usual seconds of the step.
    expected_s: float = 0.0
    #: The error of ``failed``; None otherwise.
    error: ProvisioningError | None = None


class Run:
    """One go at all steps. Iterate over :meth:`events`; the state file has the rest.

    Each step looks at the testbed before it makes anything, so a second run after a failure, or in a new kernel, goes
    quickly over what is there and continues with what is not.

    Args:
        steps: the list, in any order.
        settings: what the caller decided.
        testbed: the site.
        state: the record.
    """

    def __init__(self, steps: Sequence[Step], settings: Settings, testbed: Testbed, state: StateFile):
        self.plan = plan(steps)
        self.settings = settings
        self.testbed = testbed
        self.state = state
        self.failures: dict[str, ProvisioningError] = {}
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask to stop: nothing new begins, and waiting steps stop at their next look."""
        self._cancelled.set()

    def finish(self) -> dict[str, dict]:
        """Run to the end without watching; return each step's facts.

        Raises:
            ProvisioningError: the first failure.
        """
        for _ in self.events():
            pass
        if self.failures:
            raise next(iter(self.failures.values()))
        return {item.step.name: self.state.facts(item.step.name) for item in self.plan.schedule}

    def events(self) -> Iterator[Event]:
        """Run the steps and yield what happens, until all are done, failed or blocked.

        Leaving the loop early cancels: running steps stop at their next look, and this generator waits for them.
        """
        settings = self.settings
        self.state.describe(part=settings.spec.part, site=settings.option.site, type=settings.option.type)
        waiting = [item.step for item in self.plan.schedule]
        done: set[str] = set()
        running: set[str] = set()
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="step") as pool:
            try:
                while waiting or running:
                    for step in [s for s in waiting if done.issuperset(s.needs)]:
                        if self._cancelled.is_set():
                            break
                        waiting.remove(step)
                        running.add(step.name)
                        pool.submit(self._attempts, step)
                    if not running:
                        break
                    event = self._events.get()
                    if event.kind == "done":
                        running.discard(event.step)
                        done.add(event.step)
                    elif event.kind == "failed":
                        running.discard(event.step)
                    yield event
                for step in waiting:
                    yield Event(step.name, "blocked", self._blocked_by(step))
            finally:
                # Also reached when the caller breaks off or the kernel is interrupted.
                self._cancelled.set()

    def _blocked_by(self, step: Step) -> str:
        names = [name for name in step.needs if self.state.step(name).state != "done"]
        return f"waits for {', '.join(names)}" if names else "not begun: stopped"

    def _attempts(self, step: Step) -> None:
        clock = self.settings.clock
        began_s = clock.monotonic_s()

        def tell(kind: EventKind, text: str = "", error: ProvisioningError | None = None) -> None:
            elapsed_s = clock.monotonic_s() - began_s
            self._events.put(Event(step.name, kind, text, elapsed_s, step.expected_s, error))

        record = self.state.update(step.name, state="running", attempts=self.state.step(step.name).attempts + 1)
        tell("started", f"attempt {record.attempts}" if record.attempts > 1 else "")
        context = StepContext(
            self.settings,
            self.testbed,
            self.state,
            step.name,
            step.timeout_s,
            lambda line: tell("line", line),
            self._cancelled,
        )
        try:
            facts = self._body(step, context, tell)
        except ProvisioningError as error:
            error = self._explained(step, error)
            self.failures[step.name] = error
            ended = "cancelled" if isinstance(error, CancelledError) else "failed"
            self.state.update(step.name, state=ended, error=str(error), elapsed_s=clock.monotonic_s() - began_s)
            tell("failed", str(error), error)
        except BaseException as error:
            # A defect of ours must not leave the caller waiting for an event that never comes.
            wrapped = ProvisioningError(
                f"step {step.name!r} broke: {type(error).__name__}: {error}",
                likely="A defect in this course, or a library version it was not tried with.",
                way_out="Run it again; if it repeats, send the traceback to the course's maintainers.",
            )
            wrapped.__cause__ = error
            self.failures[step.name] = wrapped
            self.state.update(step.name, state="failed", error=str(wrapped))
            tell("failed", str(wrapped), wrapped)
        else:
            elapsed_s = clock.monotonic_s() - began_s
            self.state.update(step.name, state="done", error="", elapsed_s=elapsed_s, remember=facts)
            tell("done")

    def _body(self, step: Step, context: StepContext, tell) -> dict:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return dict(step.body(context))
            except ProvisioningError as error:
                if not error.transient or attempt == ATTEMPTS or self._cancelled.is_set():
                    raise
                tell("retrying", error.what)
                # Looking before making is what makes this safe after a request whose answer was lost.
                self.settings.clock.sleep(self.settings.poll_s * attempt)
        raise AssertionError("unreachable")

    def _explained(self, step: Step, error: ProvisioningError) -> ProvisioningError:
        """Return the error, or that the lease has ended when that is why everything on the machine fails."""
        lease_id = self.state.facts("lease").get("lease_id")
        if lease_id is None or step.name == "lease" or isinstance(error, LeaseEndedError | CancelledError):
            return error
        try:
            lease = next((each for each in self.testbed.leases() if each.id == lease_id), None)
        except ProvisioningError:
            return error
        if lease is not None and lease.status == "ACTIVE":
            return error
        seen = "gone" if lease is None else lease.status
        return LeaseEndedError(f"the lease {self.settings.name!r} is {seen}; meanwhile: {error.what}")
