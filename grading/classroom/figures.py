"""The report's pictures: SVG in the page, no script, and words for whoever does not see them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_BINS = 20


def histogram(points: Sequence[int], possible: int) -> str:
    """Return how many submissions have how many points, as a picture with its text.

    Args:
        points: Points of each submission.
        possible: Points that there are.
    """
    if not points or possible <= 0:
        return "<p>No submission.</p>"
    counts = [0] * _BINS
    for one in points:
        counts[min(_BINS - 1, one * _BINS // possible)] += 1
    most, wide, high = max(counts), 34, 160
    drawn = []
    for place, count in enumerate(counts):
        tall = high * count / most
        left = 10 + place * wide
        drawn.append(f'<rect x="{left}" y="{high + 20 - tall:.1f}" width="{wide - 4}" height="{tall:.1f}" rx="2"/>')
        if count:
            drawn.append(
                f'<text x="{left + wide / 2 - 2}" y="{high + 15 - tall:.1f}" text-anchor="middle">{count}</text>'
            )
        if place % 4 == 0:
            drawn.append(f'<text class="soft" x="{left}" y="{high + 38}">{place * possible // _BINS}</text>')
    drawn.append(f'<text class="soft" x="{10 + _BINS * wide}" y="{high + 38}" text-anchor="end">{possible}</text>')
    width = 20 + _BINS * wide
    said = "; ".join(
        f"{place * possible // _BINS} to {(place + 1) * possible // _BINS} points: {count}"
        for place, count in enumerate(counts)
        if count
    )
    return (
        f'<svg viewBox="0 0 {width} {high + 45}" role="img" aria-label="Submissions by points. {said}">'
        f'<line x1="10" x2="{width - 10}" y1="{high + 20}" y2="{high + 20}"/>{"".join(drawn)}</svg>'
        f'<p class="soft">Submissions by points. {said}.</p>'
    )


def bars(shares: Sequence[tuple[str, float]]) -> str:
    """Return shares between 0 and 1 as horizontal bars with their numbers."""
    if not shares:
        return "<p>No checks.</p>"
    step, label, wide = 20, 230, 420
    drawn = []
    for place, (name, share) in enumerate(shares):
        top = place * step
        drawn.append(
            f'<text x="{label - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="wash" x="{label}" y="{top + 4}" width="{wide}" height="12" rx="2"/>'
            f'<rect x="{label}" y="{top + 4}" width="{wide * share:.1f}" height="12" rx="2"/>'
            f'<text class="soft" x="{label + wide + 8}" y="{top + 14}">{share * 100:.0f} %</text>'
        )
    said = "; ".join(f"{name} {share * 100:.0f} %" for name, share in shares)
    size = f"0 0 {label + wide + 60} {len(shares) * step + 6}"
    return f'<svg viewBox="{size}" role="img" aria-label="{escape(said)}">{"".join(drawn)}</svg>'
