"""A model's Triton settings as knobs: checked at every turn, with the diff that a reload would bring."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets
from pydantic import ValidationError

from labs.display.shown import Shown
from labs.display.theme import STYLE, card
from labs.serve.triton.render import config_diff, render
from labs.serve.triton.settings import DynamicBatching, InstanceGroup, ModelSettings
from labs.widgets.controls import controls

#: Gives the server new settings and returns what that changed (printed below the button).
OnApply = Callable[[ModelSettings], object]


def config_editor(settings: ModelSettings, on_apply: OnApply | None = None) -> ConfigEditor:
    """Return knobs for a model's instances, batching and threads beside the diff of its ``config.pbtxt``.

    Args:
        settings: What is being served.
        on_apply: What the button *Reload the model* does, such as ``triton.change``; no button when None.
    """
    return ConfigEditor(settings, on_apply)


class ConfigEditor(Shown):
    """The knobs; ``settings`` is what they say, ``error`` why that cannot be, ``diff`` what it changes."""

    def __init__(self, settings: ModelSettings, on_apply: OnApply | None) -> None:
        """Build the knobs in the order in which the Tab key visits them, the button last."""
        self.served, self.settings, self.error, self._on_apply = settings, settings, "", on_apply
        wide, style = ipywidgets.Layout(width="100%"), {"description_width": "150px"}
        batching, group = settings.dynamic_batching, settings.instances[0]

        def number(value: int, lowest: int, highest: int, words: str, tip: str) -> ipywidgets.BoundedIntText:
            return ipywidgets.BoundedIntText(
                value, lowest, highest, description=words, tooltip=tip, layout=wide, style=style
            )

        self.copies = number(group.count, 1, 64, "Instances", "Instances of the model that work side by side")
        self.threads = number(settings.intra_op_threads, 1, 256, "Threads in each", "Threads within one instance")
        self.largest = number(settings.max_batch_size, 1, 512, "Largest batch", "Most images in one run")
        self.batching = ipywidgets.Checkbox(
            batching is not None, description="put requests together (dynamic batching)", indent=False, layout=wide
        )
        delay_us = batching.max_queue_delay_us if batching else 0
        self.delay = number(delay_us, 0, 10_000_000, "Delay for company, µs", "How long a request may wait")
        preferred = batching.preferred_batch_sizes if batching else ()
        self.preferred = ipywidgets.Text(
            ", ".join(map(str, preferred)), description="Preferred sizes", placeholder="none", layout=wide, style=style,
            continuous_update=False, tooltip="Batch sizes at which it stops waiting, such as 4, 8",
        )  # fmt: skip
        longest = batching.max_queue_size if batching else 0
        self.queue = number(longest, 0, 100_000, "Longest queue", "Requests that may wait; 0 is no limit")
        self.button = ipywidgets.Button(
            description="Reload the model", button_style="primary", tooltip="Apply the diff"
        )
        self.button.on_click(lambda _: self.apply())
        self.view = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 420px", min_width="300px", margin="0"))
        self.outcome = ipywidgets.HTML()
        self._knobs = (
            self.copies, self.threads, self.largest, self.batching, self.delay, self.preferred, self.queue
        )  # fmt: skip
        pressable = [self.button, self.outcome] if on_apply else []
        column = ipywidgets.VBox(
            [*self._knobs, *pressable], layout=ipywidgets.Layout(flex="0 0 330px", padding="8px 16px 0 0")
        )
        row = ipywidgets.HBox([column, self.view], layout=ipywidgets.Layout(flex_flow="row wrap", max_width="1000px"))
        for knob in self._knobs:
            knob.observe(self._turned, names="value")
        super().__init__("", "", plain=f"settings of {settings.name}", live=controls([row]))
        self._turned()

    @property
    def diff(self) -> str:
        """What would change in ``config.pbtxt``; empty when nothing does."""
        return config_diff(render(self.served), render(self.settings), f"{self.served.name}/config.pbtxt")

    def apply(self) -> object:
        """Give the settings to the server, and return what it says; nothing happens while they cannot be meant."""
        if self.error or self._on_apply is None:
            return None
        self.button.disabled, self.button.description = True, "Reloading…"
        try:
            done = self._on_apply(self.settings)
        except Exception as error:
            self._say(f"✗ {error}", "msl-bad")
            return None
        else:
            self.served = self.settings
            seconds = getattr(done, "ready_after_s", None)
            self._say(f"✓ ready again after {seconds:.1f} s" if seconds is not None else "✓ applied", "msl-good")
            return done
        finally:
            self.button.description = "Reload the model"
            self._turned()

    def _turned(self, _: object = None) -> None:
        """Read the knobs, check what they say, and draw it."""
        for knob in (self.delay, self.preferred, self.queue):
            knob.disabled = not self.batching.value
        try:
            self.settings, self.error = self._read(), ""
        except ValidationError as error:
            self.error = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        except ValueError as error:
            self.error = str(error)
        diff = "" if self.error else self.diff
        self.button.disabled = bool(self.error) or not diff
        self.html = card(self.served.name, _body(self.error, diff), subtitle="what a reload would change")
        self.view.value = self.html
        state = f"not possible: {self.error}" if self.error else diff or "nothing to change"
        self.text = f"{self.served.name}\n{state}"

    def _read(self) -> ModelSettings:
        first, *others = self.served.instances
        group = InstanceGroup(count=self.copies.value, kind=first.kind, gpus=first.gpus)
        batching = None
        if self.batching.value:
            kept = self.served.dynamic_batching.queue_timeout_us if self.served.dynamic_batching else 0
            batching = DynamicBatching(
                preferred_batch_sizes=_sizes(self.preferred.value),
                max_queue_delay_us=self.delay.value,
                max_queue_size=self.queue.value,
                queue_timeout_us=kept,
            )
        return self.served.but(
            instances=(group, *others),
            intra_op_threads=self.threads.value,
            max_batch_size=self.largest.value,
            dynamic_batching=batching,
        )

    def _say(self, words: str, kind: str) -> None:
        self.outcome.value = f'{STYLE}<div class="msl {kind}" role="status">{escape(words)}</div>'


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(f"preferred sizes are whole numbers, such as 4, 8; this is {text!r}") from None


def _body(error: str, diff: str) -> str:
    if error:
        return f'<div class="msl-bad" role="alert">✗ {escape(error)}</div>'
    if not diff:
        return '<div class="msl-soft">Nothing to change: the server has these settings.</div>'
    kinds = {"+": "msl-good", "-": "msl-bad"}
    lines = "".join(
        f'<div class="{kinds.get(line[:1], "msl-soft")}">{escape(line) or "&nbsp;"}</div>' for line in diff.splitlines()
    )
    font = "font-family:var(--jp-code-font-family,monospace);font-size:12px;white-space:pre;overflow-x:auto"
    return f'<div style="{font}">{lines}</div>'
