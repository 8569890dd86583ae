"""The scoreboard: how far this machine's best options are from the manager's three targets.

Only a target's own machine can meet it. A figure from another machine stands there as a rehearsal, with that machine's
name and without a verdict.
"""

import math
from collections.abc import Iterable, Mapping
from html import escape

from labs.display.format import NUMBERS, percent
from labs.display.shown import Shown
from labs.display.theme import card
from labs.records.decision import Judged, decide
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
    lines = [f"{_TITLE}: {met(best)}", *(_sentence(*pair) for pair in best.items())]
    plain = [_TITLE, *(f"{target.title}: for {target.machine}" for target in best)]
    footer = "" if options else "Nothing measured yet. "
    footer += "Each target is set for its own machine: a figure from another one is a rehearsal, not a proof."
    picture = card(_TITLE, tiles(best), subtitle=met(best), footer=footer)
    return Shown(picture, "\n".join([*lines, footer]), plain="\n".join(plain))


def best_so_far(records: Iterable[object]) -> dict[Target, Judged | None]:
    """Return for each target the option that comes first for it on the machine that counts most for it.

    That is the target's own machine if it has measured what the target asks for, else any other, as a rehearsal; of
    several, the one that measured float32 last.
    """
    best: dict[str, tuple[Target, Judged | None]] = {
        target.name: (target, None) for target in targets_for("")
    }
    for options in by_machine(records).values():
        for target in targets_for(options[0].machine):
            for judged in decide(options, target)[:1]:
                before = best[target.name][1]
                if before is None or judged.on_target_machine >= before.on_target_machine:
                    best[target.name] = target, judged
    return dict(best.values())


def met(best: Mapping[Target, Judged | None]) -> str:
    """Return how many of some targets are met, each on its own machine."""
    judged = [each for each in best.values() if each is not None and each.on_target_machine]
    return f"{sum(each.meets for each in judged)} of {len(best)} met"


def tiles(best: Mapping[Target, Judged | None]) -> str:
    """Return the HTML of some targets."""
    return f'<div class="msl-board">{"".join(_tile(*pair) for pair in best.items())}</div>'


def _tile(target: Target, judged: Judged | None) -> str:
    """Return the HTML of one target."""
    if judged is None:
        kind, word = "msl-soft", "no result"
    elif judged.on_target_machine:
        kind, word = ("msl-good", "✓ met") if judged.meets else ("msl-bad", "✗ not met")
    else:
        leased = judged.option.records[-1].machine.is_leased
        kind, word = "msl-played", "another machine" if leased else "rehearsal"
    parts = [
        f'<div class="msl-tile" role="group" aria-label="{escape(_sentence(target, judged))}">',
        f'<div class="msl-line-of-text"><span class="msl-title">{escape(target.title)}</span>'
        f'<span class="msl-badge msl-push {kind}">{word}</span></div>',
        f'<p class="msl-sub">for {escape(target.machine)}</p>',
    ]
    parts += [_gauge(judged, number, limit) for number, limit in limits(target).items()]
    name, lines = (
        escape(judged.option.option) if judged else "",
        "<br>".join(map(escape, _lines(target, judged))),
    )
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
        measured = getattr(judged.option, number).value
        value, mark, tone = write(measured), "", "msl-soft"
        if judged.on_target_machine:
            mark, tone = ("✓ ", "msl-good") if judged.within[number] else ("✗ ", "msl-bad")
        # The bar ends at twice the limit, so that the limit's tick stands in the middle.
        width = min(measured / limit, 2.0) / 2
    return (
        f'<div class="msl-gauge"><div class="msl-line-of-text"><span class="msl-soft">{heading}</span>'
        f'<span class="msl-push msl-figure {tone}">{mark}{escape(value)}</span></div>'
        f'<div class="msl-scale {tone}" aria-hidden="true"><div style="width:{width:.1%}"></div><i></i></div>'
        f'<div class="msl-limit">{escape(wanted)}</div></div>'
    )


def _lines(target: Target, judged: Judged | None) -> list[str]:
    """Return the lines below the numbers: the option, its accuracy, its machine, and its cost."""
    if judged is None:
        wanted = "a GPU option" if target.name == "server-gpu" else "an option"
        return [f"Measure {wanted} to fill this in."]
    right = f", {percent(judged.option.accuracy.value)} right" if judged.option.accuracy else ""
    rank = "best" if judged.meets else "nearest"
    lines = [
        f"{rank}: {judged.option.option}{right}, accuracy {judged.accuracy}",
        f"measured on {judged.option.machine}",
    ]
    if target.batch_fps and judged.option.batch_fps:
        machines = f"{judged.machines} machine{'s' * (judged.machines > 1)}"
        dollars = "price unknown"
        if math.isfinite(judged.usd_per_month):
            dollars = f"{judged.usd_per_month:,.0f} dollars a month"
        lines.append(f"{judged.peak_per_s:,.0f} photos a second: {machines}, {dollars}")
    return lines


def _sentence(target: Target, judged: Judged | None) -> str:
    """Return one target in words."""
    if judged is None:
        words = "no result with every number that it asks for"
    else:
        numbers = [_compared(judged, number, limit) for number, limit in limits(target).items()]
        verdict = "rehearsed"
        if judged.on_target_machine:
            verdict = "met" if judged.meets else "not met"
        words = f"{verdict} by {judged.option.option}: {', '.join(numbers)}"
    return ". ".join([f"{target.title} ({target.machine}): {words}", *_lines(target, judged)])


def _compared(judged: Judged, number: str, limit: float) -> str:
    """Return a number beside its limit, in words; of a rehearsal, without a verdict."""
    heading, write = _NUMBERS[number]
    verb = "against"
    if judged.on_target_machine:
        verb = "keeps" if judged.within[number] else "misses"
    sign = "≥" if LARGER_IS_BETTER[number] else "<"
    return f"{heading} {_value(judged.option, number)} {verb} {sign} {_short(write(limit))}"


def _value(option: OptionSummary, number: str) -> str:
    return _NUMBERS[number][1](getattr(option, number).value)


def _short(written: str) -> str:
    """Return a limit as people say it: '3 ms' and not '3.00 ms'."""
    number, _, unit = written.partition(" ")
    return f"{float(number.replace(',', '')):,g} {unit}"
