"""Long work in a cell: how far it is, how long it takes yet, and a Cancel button.

The click arrives although the main thread is busy (``labs.widgets.controls``); it sets a flag, and
the work stops at its next report. Where the kernel has no subshells the button is left out and the
toolbar's stop button does the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from html import escape
from typing import Literal, TypeVar

import ipywidgets
from IPython.display import display

from labs.display.format import duration
from labs.display.shown import Shown
from labs.display.theme import STYLE, progress_bar
from labs.records import Comparison
from labs.records.busy import busy_words
from labs.runtimes.progress import Cancelled, OnProgress
from labs.widgets.controls import controls, hear_while_busy, heard_while_busy

Result = TypeVar("Result")

#: Seconds between two messages to the browser. Sending takes the processor a moment: at 2 ms per
#: request, two messages a second touch fewer than one request in a hundred, so that the 99th
#: percentile still belongs to the model.
UPDATE_EVERY_S = 0.5

#: A forecast needs this much of the work behind it.
_FORECAST_FROM = 0.04


class Stopped(Cancelled):
    """The work was cancelled from its button or with the toolbar's stop button."""

    def _render_traceback_(self) -> list[str]:
        """Return one sentence: where a person pressed Cancel, a traceback explains nothing."""
        return [str(self)]


def time_left_s(elapsed_s: float, fraction: float) -> float | None:
    """Return the seconds that remain at this pace; None while it is too early to say."""
    if fraction < _FORECAST_FROM or elapsed_s < 1:
        return None
    return elapsed_s * (1 - fraction) / fraction


def run_with_progress(
    work: Callable[[OnProgress], Result], title: str, *, after_stop: str = ""
) -> Result:
    """Run ``work`` in this cell under a progress bar, and return what it returns.

    Args:
        work: Is given ``on_progress(fraction, text)`` and calls it every now and then; that is
            where it is stopped.
        after_stop: The state after a stop, as a sentence.

    Raises:
        Stopped: Somebody pressed Cancel, or the toolbar's stop button.
    """
    with Progress(title, after_stop=after_stop) as progress:
        result = work(progress.report)
        records = result if isinstance(result, list | tuple | Comparison) else [result]
        progress.busy = busy_words(records)
    return result


class Progress:
    """The bar, its line of text, the times and the button, as a context manager around the work."""

    def __init__(
        self, title: str, *, after_stop: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Describe the work; nothing is shown before ``with``."""
        self.title = title
        self.after_stop = after_stop
        self._clock = clock
        self.fraction = 0.0
        self.line = "starting"
        #: How busy the measured machine was; empty if it was quiet.
        self.busy = ""
        self.cancelled = threading.Event()
        self._begin_s = self._drawn_s = self._clock()
        self._drawn_fraction = 0.0
        self._over = threading.Event()
        self.status = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        tooltip = f"Stop: {title}. The toolbar's stop button does the same."
        layout = ipywidgets.Layout(width="88px", margin="2px 0 0 0")
        self.button = ipywidgets.Button(description="Cancel", tooltip=tooltip, layout=layout)
        self.button.on_click(lambda _: self.cancel())
        hear_while_busy(self.button)
        rows = [self.status, self.button] if heard_while_busy() else [self.status]
        self.live = controls(rows, max_width="860px", padding="2px 0")

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self.cancelled.set()
        self.button.disabled = True
        self.button.description = "Stopping…"

    def report(self, fraction: float, text: str) -> None:
        """Note the progress of the work, which calls this as its ``on_progress``.

        Raises:
            Stopped: Cancel was pressed.
        """
        self.fraction = min(max(fraction, self.fraction), 1.0)
        self.line = text
        if self.cancelled.is_set():
            raise Stopped(self._stopped_sentence())
        if self._clock() - self._drawn_s >= UPDATE_EVERY_S:
            self._draw()

    def __enter__(self) -> Progress:
        self._begin_s = self._clock()
        self._draw()
        running = Shown(self._still("…", "running"), self.title, live=self.live)
        self._handle = display(running, display_id=True)
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> Literal[False]:
        self._over.set()
        took = duration(self._clock() - self._begin_s)
        if kind is None:
            self._finish("✓", f"done in {took}")
        elif issubclass(kind, (Cancelled, KeyboardInterrupt)):
            self._finish("■", f"stopped after {took}")
        else:
            self._finish("✗", f"failed after {took}: {kind.__name__}")
        if kind is KeyboardInterrupt:
            raise Stopped(self._stopped_sentence()) from None
        return False

    def _stopped_sentence(self) -> str:
        sentence = f"{self.title}: stopped at {self.fraction:.0%}. {self.after_stop}"
        return sentence.strip()

    def _tick(self) -> None:
        """Let the time move while the work is silent, as a compiler may be for half a minute."""
        while not self._over.wait(1.0):
            if self._clock() - self._drawn_s >= 2 * UPDATE_EVERY_S:
                self._draw()

    def _draw(self) -> None:
        self._drawn_s = self._clock()
        elapsed_s = self._drawn_s - self._begin_s
        left_s = time_left_s(elapsed_s, self.fraction)
        times = f"{duration(elapsed_s)} so far"
        if left_s is not None:
            times += f", about {duration(left_s)} left"
        if not heard_while_busy():
            times += " · stop it with ■ in the toolbar"
        bar = progress_bar(self.title, self.fraction, text=self.line, drawn=self._drawn_fraction)
        self._drawn_fraction = self.fraction
        title = f'<span class="msl-title">{escape(self.title)}</span>'
        clock = f'<span class="msl-soft msl-push">{escape(times)}</span>'
        head = f'<div class="msl-line-of-text">{title}{clock}</div>'
        line = f'<div class="msl-soft">{escape(self.line)}</div>'
        self.status.value = f'{STYLE}<div class="msl">{head}{bar}{line}</div>'

    def _finish(self, sign: str, outcome: str) -> None:
        """Replace the live widget by a still line, for which the saved notebook needs no widget."""
        words = f"{sign} {self.title}: {outcome}"
        if self.busy:
            words += f"\n{_busy_advice(self.busy)}"
        shown = Shown(self._still(sign, outcome), words, plain=self.title)
        if self._handle is not None:
            self._handle.update(shown)
        else:  # no kernel: a plain Python process
            print(shown.text)
        self.live.close()
        self.button.close()
        self.status.close()

    def _still(self, sign: str, outcome: str) -> str:
        tone = {"✓": "msl-good", "✗": "msl-bad", "■": "msl-bad"}.get(sign, "msl-soft")
        spans = [
            f'<span class="{tone}" aria-hidden="true">{sign}</span>',
            f'<span class="msl-title">{escape(self.title)}</span>',
            f'<span class="msl-soft">{escape(outcome)}</span>',
        ]
        # With spaces, because an untrusted notebook is shown without the style, and so without its
        # gaps.
        line = f'<div class="msl-line-of-text">{" ".join(spans)}</div>'
        if self.busy:
            advice = f"<p>{escape(_busy_advice(self.busy))}</p>"
            line += f'<div class="msl-note msl-bad">{advice}</div>'
        return f'{STYLE}<div class="msl" role="status">{line}</div>'


def _busy_advice(busy: str) -> str:
    """Return what happened on a busy machine, and what to do."""
    return (
        f"The machine was busy: {busy}, so these times are longer than they should be. Close "
        "other programs, and run this cell again."
    )
