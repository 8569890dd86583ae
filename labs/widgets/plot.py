"""Small drawings as SVG inside HTML: crisp, themed, readable by a screen reader, with a tooltip on each mark.

A picture made of pixels is white in a dark notebook and silent in a screen reader; an inline SVG takes the notebook's
own colours and fonts and carries its description in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels."""

    #: Value at ``begin_px``.
    low: float
    #: Value at ``end_px``.
    high: float
    #: Where the axis begins, in pixels.
    begin_px: float
    #: Where it ends; smaller than ``begin_px`` on a vertical axis, since SVG counts downwards.
    end_px: float
    #: Whether equal ratios, and not equal differences, take equal room.
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``, kept within the axis."""
        share = (self._place(value) - self._place(self.low)) / (self._place(self.high) - self._place(self.low))
        return self.begin_px + (self.end_px - self.begin_px) * min(max(share, 0.0), 1.0)

    def ticks(self, about: int = 6) -> list[float]:
        """Return round values on the axis: 1, 2 or 5 times a power of ten."""
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if math.log10(self.high / self.low) < 2.2 else (1,)
            values = [step * 10.0**decade for decade in decades for step in steps]
        else:
            raw = (self.high - self.low) / about
            power = 10.0 ** math.floor(math.log10(raw))
            step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw * 0.999)
            first = math.ceil(self.low / step - 1e-9)
            values = [index * step for index in range(first, math.floor(self.high / step + 1e-9) + 1)]
        slack = 1e-9 * abs(self.high)
        return [value for value in values if self.low - slack <= value <= self.high + slack]

    def _place(self, value: float) -> float:
        return math.log(max(value, self.low * 1e-3)) if self.logarithmic else value


class Drawing:
    """An SVG under construction; marks are drawn in the order in which they are added."""

    def __init__(self, width_px: float, height_px: float, title: str, description: str) -> None:
        """Begin an empty drawing.

        Args:
            width_px: Width of the coordinate system; the picture scales down with the page.
            height_px: Its height.
            title: What a screen reader announces.
            description: What the picture shows, in words.
        """
        self.width_px, self.height_px, self.title, self.description = width_px, height_px, title, description
        self._marks: list[str] = []

    def text(self, x: float, y: float, content: str, *, anchor: str = "start", kind: str = "", more: str = "") -> None:
        """Add a line of text; ``kind`` is a class of the style sheet, ``more`` further attributes."""
        kind = f' class="{kind}"' if kind else ""
        self._marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind} {more}>{escape(content)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, *, kind: str = "", style: str = "") -> None:
        """Add a straight line."""
        self._add("line", f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"', kind, style)

    def rectangle(self, x: float, y: float, width: float, height: float, *, style: str, tip: str = "") -> None:
        """Add a rectangle, with a tooltip if one is given."""
        self._add("rect", f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"', "", style, tip)

    def circle(self, x: float, y: float, radius: float, *, style: str, tip: str = "") -> None:
        """Add a circle, with a tooltip if one is given."""
        self._add("circle", f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"', "", style, tip)

    def path(self, points: Iterable[tuple[float, float]], *, style: str, closed: bool = False) -> None:
        """Add straight lines through ``points``."""
        steps = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add("path", f'd="M{steps}{"Z" if closed else ""}"', "", style)

    def svg(self) -> str:
        """Return the picture as an element for HTML."""
        # An aria-label and no <title>: a title would pop up as a tooltip over the whole picture.
        words = escape(f"{self.title}. {self.description}")
        return (
            f'<svg viewBox="0 0 {self.width_px:.0f} {self.height_px:.0f}" role="img" aria-label="{words}" '
            f'style="max-width:{self.width_px:.0f}px">{"".join(self._marks)}</svg>'
        )

    def _add(self, element: str, place: str, kind: str, style: str, tip: str = "") -> None:
        kind, style = (f' class="{kind}"' if kind else ""), (f' style="{style}"' if style else "")
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self._marks.append(f"<{element} {place}{kind}{style}>{inside}</{element}>")


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Return a range with some room at both ends; a range without width gets a little."""
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room
