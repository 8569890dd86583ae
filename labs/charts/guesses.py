"""Guesses against reality: how many times the prediction what was measured then turned out to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from labs.charts.frame import Chart, data, ink, tips
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.records.format import times

#: Below this factor, up or down, a guess was close.
CLOSE = 1.25
_KINDS = ("close", "it was more", "it was less")


@dataclass(frozen=True)
class Guess:
    """A prediction and what became of it, in words for the screen."""

    #: What was asked.
    title: str
    #: Number of the lesson.
    lesson: int
    #: What was predicted.
    predicted: str
    #: What was measured, or that it was not yet.
    measured: str
    #: How they differ.
    difference: str
    #: Measured over predicted; None for words, and while nothing is measured.
    factor: float | None = None

    @property
    def kind(self) -> str:
        """One of ``_KINDS``; empty without a factor."""
        if not self.factor or self.factor < 0:
            return ""
        return _KINDS[0] if 1 / CLOSE <= self.factor <= CLOSE else _KINDS[1] if self.factor > 1 else _KINDS[2]


def guesses_chart(guesses: Sequence[Guess], *, title: str = "Your guesses against reality") -> Chart:
    """Return each guess as a point: at 1 × it was right, to the right reality was more, to the left less.

    Args:
        guesses: At least one that has a factor; words stand in the table alone.
        title: Heading.
    """
    drawn = [one for one in guesses if one.kind]
    points = [
        {"question": f"{one.lesson:02d} {one.title}", "factor": one.factor, "one": 1, "kind": one.kind,
         "predicted": one.predicted, "measured": one.measured, "times": times(one.factor)}
        for one in drawn
    ]  # fmt: skip
    counts = ", ".join(f"{sum(one.kind == kind for one in drawn)} {kind}" for kind in _KINDS)
    factors = [one.factor for one in drawn]
    scale = alt.Scale(type="log", domain=[min(*factors, 0.5) / 1.2, max(*factors, 2.0) * 1.2], nice=False)
    by_kind = {"sort": list(_KINDS), "legend": alt.Legend(title=None, orient="top", symbolOpacity=1)}
    base = alt.Chart(data(points)).encode(
        y=alt.Y("question:N", sort=None, title=None, axis=alt.Axis(labelLimit=380, domain=False, ticks=False)),
        color=alt.Color("kind:N", scale=alt.Scale(domain=_KINDS, range=[SERIES[2], SERIES[1], SERIES[0]]), **by_kind),
        tooltip=tips("question", "predicted", "measured", "times"),
    )  # fmt: skip
    marks = alt.Scale(domain=_KINDS, range=["circle", "triangle-right", "triangle-left"])
    x = alt.X("factor:Q", scale=scale, title="measured, as times the prediction",
              axis=alt.Axis(tickCount=6, labelExpr="datum.label ? datum.label + ' ×' : ''"))  # fmt: skip
    chart = ink("rule", alt.Chart(data([{"one": 1}])), opacity=0.6).encode(x=alt.X("one:Q", scale=scale))
    chart += base.mark_rule(strokeWidth=5, opacity=0.35).encode(x=alt.X("one:Q", scale=scale), x2="factor:Q")
    chart += base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x, shape=alt.Shape("kind:N", scale=marks, **by_kind)
    )
    return Chart(
        chart.properties(width=380, height=alt.Step(26)),
        title,
        subtitle="At 1 × you were right. No point depends on that: one learns from surprises.",
        sentence=f"Of {len(drawn)} numbers: {counts}.",
        header=["question", "predicted", "measured", ""],
        rows=[
            [Cell(f"{one.lesson:02d} {one.title}"), Cell(one.predicted), Cell(one.measured),
             Cell(one.difference, words=True)]
            for one in guesses
        ],
        footer="From your ledger: the last prediction before the first measurement, and the newest measurement.",
        table_open=True,
    )  # fmt: skip
