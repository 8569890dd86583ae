"""The scoreboard: how far this machine's best options are from the manager's three targets."""

import math
from collections.abc import Iterable, Mapping
from html import escape

from labs.display.format import NUMBERS, percent
from labs.display.shown import Shown
from labs.display.theme import card
from labs.records.decision import Judged, decide, published_options
from labs.records.options import LARGER_IS_BETTER, OptionSummary, by_machine
from labs.records.targets import Target, limits, targets_for

_TITLE = "The manager's targets"

_NUMBERS = {**NUMBERS, "p50_s": ("one photo, median", NUMBERS["p50_s"][1])}


def scoreboard(records: Iterable[object]) -> Shown:
    """Return one card per target with the option that ``labs.records.decision.decide`` puts first for it.

    Times of two machines cannot be compared: of several, the one that measured float32 last has the board.
    """
    options = next(reversed(by_machine(records).values()), [])
    targets = targets_for(options[0].machine if options else "")
    best = {target: next(iter(decide(options, target)), None) for target in targets}
    met = sum(judged is not None and judged.meets for judged in best.values())
    lines = [f"{_TITLE}: {met} of {len(best)} met here", *(_sentence(*pair) for pair in best.items())]
    plain = [_TITLE, *(f"{target.title}: for {target.machine}" for target in best)]
    footer = "Nothing measured yet." if not options else f"Measured on {options[0].machine}."
    footer += " Each target is meant for its own machine: a figure from another one is a rehearsal, not a proof."
    board = tiles(best, {True: "here", False: "here"})
    picture = card(_TITLE, board, subtitle=f"{met} of {len(best)} met on this machine", footer=footer)
    return Shown(picture, "\n".join([*lines, footer]), plain="\n".join(plain))


def best_so_far(records: Iterable[object]) -> dict[Target, Judged | None]:
    """Return for each target the option that comes first for it on the machine that counts most for it.

    That is a leased machine of the target's kind if one has measured what it asks for, else the one that plays it in
    rehearsal; of several, the one that measured float32 last.
    """
    best: dict[str, tuple[Target, Judged | None]] = {target.name: (target, None) for target in targets_for("")}
    for options in by_machine(records).values():
        for target in targets_for(options[0].machine):
            for judged in decide(options, target)[:1]:
                if (before := best[target.name][1]) is None or judged.leased >= before.leased:
                    best[target.name] = target, judged
    return dict(best.values())


def tiles(best: Mapping[Target, Judged | None], where: Mapping[bool, str]) -> str:
    """Return the HTML of some targets; ``where`` names what was measured on a lease (True) and what was rehearsed."""
    return f'<div class="msl-board">{"".join(_tile(*pair, where) for pair in best.items())}</div>'


def _tile(target: Target, judged: Judged | None, where: Mapping[bool, str]) -> str:
    """Return the HTML of one target."""
    kind, word = ("msl-soft", "no result")
    if judged is not None:
        kind, word = ("msl-good", "✓ met") if judged.meets else ("msl-bad", "✗ not met")
        word += f" {where[judged.leased]}"
    parts = [
        f'<div class="msl-tile" role="group" aria-label="{escape(_sentence(target, judged))}">',
        f'<div class="msl-line-of-text"><span class="msl-title">{escape(target.title)}</span>'
        f'<span class="msl-badge msl-push {kind}">{word}</span></div>',
        f'<p class="msl-sub">for {escape(target.machine)}</p>',
    ]
    parts += [_gauge(judged, number, limit) for number, limit in limits(target).items()]
    name, lines = escape(judged.option.option) if judged else "", "<br>".join(map(escape, _lines(target, judged)))
    lines = lines.replace(f": {name},", f": <b>{name}</b>,", 1) if name else lines
    return "".join([*parts, f'<p class="msl-sub msl-best-here">{lines}</p></div>'])


def _gauge(judged: Judged | None, number: str, limit: float) -> str:
    """Return one number beside its limit, with a bar that is full at the limit."""
    heading, write = _NUMBERS[number]
    sign = "≥" if LARGER_IS_BETTER[number] else "<"
    wanted = f"{sign} {_short(write(limit))}"
    if judged is None:
        value, mark, width, tone = "–", "", 0.0, "msl-soft"
    else:
        measured, within = getattr(judged.option, number).value, judged.within[number]
        value, mark, tone = write(measured), "✓ " if within else "✗ ", "msl-good" if within else "msl-bad"
        # The bar ends at twice the limit, so that the limit's tick stands in the middle.
        width = min(measured / limit, 2.0) / 2
    return (
        f'<div class="msl-gauge"><div class="msl-line-of-text"><span class="msl-soft">{heading}</span>'
        f'<span class="msl-push msl-figure {tone}">{mark}{escape(value)}</span></div>'
        f'<div class="msl-scale {tone}" aria-hidden="true"><div style="width:{width:.1%}"></div><i></i></div>'
        f'<div class="msl-limit">{escape(wanted)}</div></div>'
    )


def _lines(target: Target, judged: Judged | None) -> list[str]:
    """Return what stands below the numbers: the option, its accuracy and cost, and what is published if none meets."""
    if judged is None:
        wanted = "a GPU option" if target.name == "server-gpu" else "an option"
        lines = [f"Measure {wanted} to fill this in."]
    else:
        right = f", {percent(judged.option.accuracy.value)} right" if judged.option.accuracy else ""
        lines = [f"{'best' if judged.meets else 'nearest'}: {judged.option.option}{right}, accuracy {judged.accuracy}"]
        if target.batch_fps and math.isfinite(judged.usd_per_month):
            machines = f"{judged.machines} machine{'s' * (judged.machines > 1)}"
            dollars = f"{judged.usd_per_month:,.0f} dollars a month"
            lines.append(f"{judged.peak_per_s:,.0f} photos a second: {machines}, {dollars}")
    meeting = [published.option for published in decide(published_options(target), target) if published.meets]
    if meeting and not (judged is not None and judged.meets):
        values = ", ".join(_value(meeting[0], number) for number in limits(target))
        lines.append(f"published: {meeting[0].option}: {values}")
    return lines


def _sentence(target: Target, judged: Judged | None) -> str:
    """Return one target in words."""
    if judged is None:
        words = "no result with every number that it asks for"
    else:
        numbers = [
            f"{_NUMBERS[number][0]} {_value(judged.option, number)} {'keeps' if judged.within[number] else 'misses'} "
            f"{'≥' if LARGER_IS_BETTER[number] else '<'} {_short(_NUMBERS[number][1](limit))}"
            for number, limit in limits(target).items()
        ]
        words = f"{'met' if judged.meets else 'not met'} by {judged.option.option}: {', '.join(numbers)}"
    return ". ".join([f"{target.title} ({target.machine}): {words}", *_lines(target, judged)])


def _value(option: OptionSummary, number: str) -> str:
    return _NUMBERS[number][1](getattr(option, number).value)


def _short(written: str) -> str:
    """Return a limit as people say it: '3 ms' and not '3.00 ms'."""
    number, _, unit = written.partition(" ")
    return f"{float(number.replace(',', '')):,g} {unit}"
