"""The run that carries out a plan: side by side, resumable, stoppable, and shown as a table.

Each step looks at the testbed before it makes anything. So a second run after a failure, or in a
new kernel, quickly passes existing resources and continues with missing ones.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from provisioning.setup.context import Settings, StepContext
from provisioning.setup.plan import SetupStep, plan
from provisioning.setup.record import Record, StepRecord
from provisioning.testbed import Testbed
from provisioning.testbed.errors import CancelledError, LeaseEndedError, ProvisioningError

EventKind = Literal["started", "line", "retrying", "done", "failed", "blocked"]
RowState = Literal["waiting", "running", "done", "failed", "cancelled", "blocked"]
RunState = Literal["waiting", "running", "done", "failed", "stopped"]

#: Most steps that can run at once in any of our lists.
WORKERS = 4
#: Attempts of a step whose error says that trying again may help.
ATTEMPTS = 3
#: Lines of log that are kept of a step.
TAIL_LINES = 8
_MARKS = {
    "waiting": " ",
    "running": ">",
    "done": "v",
    "failed": "x",
    "cancelled": "o",
    "blocked": "-",
}

#: Links in the order of their use, with their purpose.
LINKS = {
    "forward": (
        "Run this in a terminal where your browser is (on Chameleon: in a terminal of its "
        "Jupyter), and leave it open: it brings every port of the part, and prints the links"
    ),
    "jupyter": "Then open the machine's own Jupyter, for what you would like to try there",
    "ssh": "A terminal on the machine",
}


@dataclass(frozen=True)
class Event:
    """Something that a display may want to show."""

    step: str
    #: ``line`` is one line of log; ``blocked`` means that a step it needs failed.
    kind: EventKind
    #: The line, the error's text, or empty.
    text: str = ""
    #: Seconds since the step began.
    elapsed_s: float = 0.0
    #: The error of ``failed``; None otherwise.
    error: ProvisioningError | None = None


@dataclass
class StepRow:
    """One step as it is shown."""

    name: str
    title: str
    expected_s: float
    state: RowState = "waiting"
    elapsed_s: float = 0.0
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    #: Text of its error, with the way out; empty when there is none.
    error: str = ""

    def restore(self, noted: StepRecord) -> None:
        """Show the step as an earlier kernel has left it, if it was over then."""
        if noted.state in ("done", "failed", "cancelled"):
            self.state = noted.state
            self.elapsed_s = noted.elapsed_s
            self.error = noted.error

    def take(self, event: Event) -> None:
        """Fold one event in."""
        if event.kind == "started":
            self.state = "running"
            self.error = ""
            self.tail.clear()
        elif event.kind == "failed":
            self.state = "cancelled" if isinstance(event.error, CancelledError) else "failed"
            self.error = event.text
        elif event.kind in ("done", "blocked"):
            self.state = event.kind
        else:
            line = f"again: {event.text}" if event.kind == "retrying" else event.text
            # A wait says the same at each look; once is enough, and what was said before it stays
            # in sight.
            if not self.tail or self.tail[-1] != line:
                self.tail.append(line)
        if event.kind != "blocked":
            self.elapsed_s = event.elapsed_s

    @property
    def left_s(self) -> float:
        """Usual seconds of work that are left."""
        if self.state == "done":
            return 0.0
        spent_s = self.elapsed_s if self.state == "running" else 0.0
        return max(0.0, self.expected_s - spent_s)


@dataclass(frozen=True)
class Link:
    """One way to the machine."""

    name: str
    purpose: str
    #: An address to open, or a command to run.
    value: str

    @property
    def is_address(self) -> bool:
        """True for addresses that a browser opens; a command may begin with a slash, too."""
        return self.name == "jupyter"


class SetupRun:
    """The steps of one set-up, and how far they are; go again after a failure, and it continues.

    Steps that the record shows as done are shown as done before anything runs.
    """

    def __init__(
        self, steps: Iterable[SetupStep], settings: Settings, testbed: Testbed, record: Record
    ):
        self.plan = plan(steps)
        self.settings = settings
        self.testbed = testbed
        self.record = record
        self.rows = {}
        for step in self.plan.steps:
            self.rows[step.name] = StepRow(step.name, step.title, step.expected_s)
        self.state: RunState = "waiting"
        self.failures: dict[str, ProvisioningError] = {}
        self._about = {
            "part": settings.spec.part,
            "site": settings.option.site,
            "type": settings.option.type,
        }
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._heard_s: dict[str, float] = {}
        self._cancelled = threading.Event()
        self._turn = threading.Lock()
        # A record of another machine says nothing about this one; 'running' in that of a dead
        # kernel is over.
        if record.about == self._about:
            for name, noted in record.steps().items():
                if name in self.rows:
                    self.rows[name].restore(noted)
        if self._all_done():
            self.state = "done"

    @property
    def title(self) -> str:
        """The machine that is set up, in words."""
        return f"Bring up {self.settings.option.name}"

    @property
    def error(self) -> ProvisioningError | None:
        """First failure of the last run that the user did not cause, otherwise the user's stop;
        None when all is well.
        """
        failures = list(self.failures.values())
        unasked = [error for error in failures if not isinstance(error, CancelledError)]
        if failures:
            return (unasked or failures)[0]
        if self.state == "stopped":
            return CancelledError("stopped before everything was done")
        return None

    def cancel(self) -> None:
        """Ask to stop: nothing new begins, and waiting steps stop at their next look."""
        self._cancelled.set()

    def go(self, changed: Callable[[Event], None] = lambda _event: None) -> None:
        """Run all steps to the end, or to the first failure of each branch.

        Raises:
            ProvisioningError: the first failure; the record keeps what is done.
        """
        with self._turn:
            for event in self.events():
                changed(event)
            error = self.error
        if error is not None:
            raise error

    def events(self) -> Iterator[Event]:
        """Run the steps and yield what happens, until all are done, failed or blocked.

        Leaving the loop early cancels: running steps stop at their next look, and this generator
        waits for them.
        """
        self.failures = {}
        self._cancelled.clear()
        self.record.describe(**self._about)
        for row in self.rows.values():
            if row.state == "blocked":
                row.state = "waiting"
        waiting = list(self.plan.steps)
        done: set[str] = set()
        running: set[str] = set()
        self.state = "running"
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="step") as pool:
            try:
                while waiting or running:
                    ready = [step for step in waiting if done.issuperset(step.needs)]
                    for step in ready:
                        if self._cancelled.is_set():
                            break
                        waiting.remove(step)
                        running.add(step.name)
                        pool.submit(self._attempts, step)
                    if not running:
                        break
                    event = self._events.get()
                    if event.kind in ("done", "failed"):
                        running.discard(event.step)
                    if event.kind == "done":
                        done.add(event.step)
                    yield self._taken(event)
                for step in waiting:
                    missing = ", ".join(name for name in step.needs if name not in done)
                    words = f"waits for {missing}" if missing else "not begun: stopped"
                    yield self._taken(Event(step.name, "blocked", words))
            finally:
                # Also reached when the caller breaks off or the kernel is interrupted.
                self._cancelled.set()
                if not all(isinstance(error, CancelledError) for error in self.failures.values()):
                    self.state = "failed"
                elif not waiting and not running and self._all_done():
                    self.state = "done"
                else:
                    self.state = "stopped"

    def _all_done(self) -> bool:
        return all(row.state == "done" for row in self.rows.values())

    def _taken(self, event: Event) -> Event:
        self.rows[event.step].take(event)
        self._heard_s[event.step] = self.settings.clock.monotonic_s()
        return event

    def _attempts(self, step: SetupStep) -> None:
        """Do a step in a separate thread; whatever happens, its last event is ``done`` or
        ``failed``.
        """
        clock = self.settings.clock
        began_s = clock.monotonic_s()

        def tell(kind: EventKind, text: str = "", error: ProvisioningError | None = None) -> None:
            elapsed_s = clock.monotonic_s() - began_s
            self._events.put(Event(step.name, kind, text, elapsed_s, error))

        attempts = self.record.step(step.name).attempts + 1
        self.record.update(step.name, state="running", attempts=attempts)
        tell("started", f"attempt {attempts}" if attempts > 1 else "")
        context = StepContext(
            self.settings,
            self.testbed,
            self.record,
            step.name,
            step.timeout_s,
            lambda line: tell("line", line),
            self._cancelled,
        )
        try:
            facts = self._body(step, context, tell)
        except BaseException as raised:
            error = self._explained(context, raised)
            self.failures[step.name] = error
            state = "cancelled" if isinstance(error, CancelledError) else "failed"
            elapsed_s = clock.monotonic_s() - began_s
            self.record.update(step.name, state=state, error=str(error), elapsed_s=elapsed_s)
            tell("failed", str(error), error)
        else:
            elapsed_s = clock.monotonic_s() - began_s
            self.record.update(
                step.name, state="done", error="", elapsed_s=elapsed_s, remember=facts
            )
            tell("done")

    def _body(
        self, step: SetupStep, context: StepContext, tell: Callable[..., None]
    ) -> Mapping[str, Any]:
        for attempt in range(1, ATTEMPTS):
            try:
                return step.body(context)
            except ProvisioningError as error:
                if not error.transient or self._cancelled.is_set():
                    raise
                tell("retrying", error.what)
                # Looking before making is what makes this safe after a request whose answer was
                # lost.
                self.settings.clock.sleep(self.settings.poll_s * attempt)
        return step.body(context)

    def _explained(self, context: StepContext, error: BaseException) -> ProvisioningError:
        """Return the error, or that the lease has ended when that is why everything on the machine
        fails.
        """
        if not isinstance(error, ProvisioningError):
            # After a defect of ours, the caller must not wait for ever for an event.
            kind = type(error).__name__
            wrapped = ProvisioningError(
                f"step {context.step_name!r} broke: {kind}: {error}",
                likely="A defect in this course, or a library version it was not tried with.",
                way_out="Run it again; if it repeats, send the traceback to the course's "
                "maintainers.",
            )
            wrapped.__cause__ = error
            return wrapped
        if not isinstance(error, LeaseEndedError | CancelledError):
            try:
                context.require_lease(error.what)
            except LeaseEndedError as ended:
                return ended
            except ProvisioningError:
                pass  # nobody knows
        return error

    def elapsed_s(self, row: StepRow) -> float:
        """Return the seconds of a step, those since its last event included while it runs."""
        if row.state != "running":
            return row.elapsed_s
        now_s = self.settings.clock.monotonic_s()
        return row.elapsed_s + now_s - self._heard_s.get(row.name, now_s)

    @property
    def left_s(self) -> float:
        """Usual seconds until the end, independent steps side by side."""
        ends: dict[str, float] = {}
        for step in self.plan.steps:
            begins_s = max((ends[need] for need in step.needs), default=0.0)
            ends[step.name] = begins_s + self.rows[step.name].left_s
        return max(ends.values(), default=0.0)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1, by the usual times along the critical path."""
        if not self.plan.total_s:
            return 1.0
        fraction = 1 - self.left_s / self.plan.total_s
        return min(1.0, max(0.0, fraction))

    @property
    def links(self) -> tuple[Link, ...]:
        """Ways to the machine; none before it is up."""
        if self.record.about != self._about:
            return ()
        step = self.record.step("links")
        if step.state != "done":
            return ()
        links = []
        for name, purpose in LINKS.items():
            if name in step.facts:
                links.append(Link(name, purpose, step.facts[name]))
        return tuple(links)

    def text(self) -> str:
        """Return the steps as text, with the logs of running steps, the errors of failed ones, and
        the links.
        """
        lines = [f"{self.title}{self.settings.option.at_site}"]
        lines.append(f"  {'step':<24}{'elapsed':>9}{'usual':>8}")
        for row in self.rows.values():
            lines += _row_lines(row)
        left_min = self.left_s / 60
        lines.append(f"About {left_min:.0f} min left." if self.left_s else "All done.")
        path = " > ".join(self.plan.critical_path)
        lines.append(f"Critical path: {path}")
        lines += [f"{link.purpose}:\n  {link.value}" for link in self.links]
        return "\n".join(lines)


def _row_lines(row: StepRow) -> Iterator[str]:
    """Yield a step's line, then the log of one that runs, or the error of one that failed."""
    has_begun = row.state not in ("waiting", "blocked")
    elapsed = f"{row.elapsed_s:.0f} s" if has_begun else ""
    usual = f"{row.expected_s:.0f} s"
    yield f"{_MARKS[row.state]} {row.title:<24}{elapsed:>9}{usual:>8}"
    details: Iterable[str] = ()
    if row.state == "running":
        details = row.tail
    elif row.state == "failed":
        details = row.error.splitlines()
    for line in details:
        yield f"      {line}"
