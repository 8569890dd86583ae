"""The scoreboard: how far this machine's best options are from the manager's three targets.

Only a target's own machine can meet it. The scoreboard shows a figure from another machine as a
rehearsal, with that machine's name and without a verdict.
"""

import math
from collections.abc import Iterable, Mapping
from html import escape

from labs.display.format import NUMBERS, percent
from labs.display.shown import Shown
from labs.display.theme import card
from labs.records.busy import busy_words
from labs.records.decision import Judged, decide
from labs.records.options import LARGER_IS_BETTER, by_machine
from labs.records.targets import ServingTarget, limits, targets_for

_TITLE = "The manager's targets"

_NUMBERS = {**NUMBERS, "p50_s": ("one photo, median", NUMBERS["p50_s"][1])}


def scoreboard(records: Iterable[object]) -> Shown:
    """Return one card per target with the option that ``decide`` puts first for it.

    Times of two machines cannot be compared, so the board shows the machine that measured float32
    last.
    """
    options = next(reversed(by_machine(records).values()), [])
    targets = targets_for(options[0].machine if options else "")
    best = {target: next(iter(decide(options, target)), None) for target in targets}
    lines = [f"{_TITLE}: {met(best)}"]
    lines += [_sentence(target, judged) for target, judged in best.items()]
    plain = [_TITLE]
    plain += [f"{target.title}: for {target.machine}" for target in best]
    footer = "" if options else "Nothing measured yet. "
    footer += (
        "Each target is set for its own machine: a figure from another one is a rehearsal, not "
        "a proof."
    )
    picture = card(_TITLE, tiles(best), subtitle=met(best), footer=footer)
    return Shown(picture, "\n".join([*lines, footer]), plain="\n".join(plain))


def best_so_far(records: Iterable[object]) -> dict[ServingTarget, Judged | None]:
    """Return the first option for each target, from the machine that counts most for it.

    That is the target's own machine, if it has measured every figure of the target. Otherwise it is
    another machine, as a rehearsal: the one that measured float32 last.
    """
    targets = {target.name: target for target in targets_for("")}
    best: dict[str, Judged | None] = dict.fromkeys(targets)
    for options in by_machine(records).values():
        for target in targets_for(options[0].machine):
            for judged in decide(options, target)[:1]:
                before = best[target.name]
                if before is None or judged.on_target_machine >= before.on_target_machine:
                    targets[target.name] = target
                    best[target.name] = judged
    return {target: best[name] for name, target in targets.items()}


def met(best: Mapping[ServingTarget, Judged | None]) -> str:
    """Return how many of some targets are met, each on its own machine."""
    count = 0
    for judged in best.values():
        if judged is not None and judged.on_target_machine:
            count += judged.meets
    return f"{count} of {len(best)} met"


def tiles(best: Mapping[ServingTarget, Judged | None]) -> str:
    """Return the HTML of some targets."""
    html = [_tile(target, judged) for target, judged in best.items()]
    return f'<div class="msl-board">{"".join(html)}</div>'


def targets_line(targets: Iterable[ServingTarget]) -> str:
    """Return the HTML of some targets on one line, for readers who have not measured anything."""
    texts = []
    for target in targets:
        bounds = limits(target)
        wanted = ", ".join(_bound(number, bounds[number]) for number in bounds)
        texts.append(f"<span><b>{escape(target.title)}</b> {escape(wanted)}</span>")
    return f'<div class="msl-targets">{"".join(texts)}</div>'


def _tile(target: ServingTarget, judged: Judged | None) -> str:
    """Return the HTML of one target."""
    sentence = escape(_sentence(target, judged))
    kind, word = _badge(judged)
    title = f'<span class="msl-title">{escape(target.title)}</span>'
    badge = f'<span class="msl-badge msl-push {kind}">{word}</span>'
    parts = [
        f'<div class="msl-tile" role="group" aria-label="{sentence}">',
        f'<div class="msl-line-of-text">{title}{badge}</div>',
        f'<p class="msl-sub">for {escape(target.machine)}</p>',
    ]
    bounds = limits(target)
    parts += [_gauge(judged, number, bounds[number]) for number in bounds]
    lines = "<br>".join(map(escape, _lines(target, judged)))
    if judged is not None:
        name = escape(judged.option.option)
        lines = lines.replace(f": {name},", f": <b>{name}</b>,", 1)
    parts.append(f'<p class="msl-sub msl-best-here">{lines}</p></div>')
    return "".join(parts)


def _badge(judged: Judged | None) -> tuple[str, str]:
    """Return a verdict's class of the style sheet, and its word."""
    if judged is None:
        return "msl-soft", "no result"
    if judged.on_target_machine:
        return ("msl-good", "✓ met") if judged.meets else ("msl-bad", "✗ not met")
    leased = judged.option.records[-1].machine.is_leased
    return "msl-played", "another machine" if leased else "rehearsal"


def _gauge(judged: Judged | None, number: str, limit: float) -> str:
    """Return one number beside its limit, with a bar that is full at the limit."""
    heading, write = _NUMBERS[number]
    wanted = _bound(number, limit)
    if judged is None:
        value, mark, width, tone = "–", "", 0.0, "msl-soft"
    else:
        measured = getattr(judged.option, number).value
        value, mark, tone = write(measured), "", "msl-soft"
        if judged.on_target_machine:
            mark, tone = ("✓ ", "msl-good") if judged.within[number] else ("✗ ", "msl-bad")
        # The bar ends at twice the limit, so that the limit's tick is in the middle.
        width = min(measured / limit, 2.0) / 2
    figure = f'<span class="msl-push msl-figure {tone}">{mark}{escape(value)}</span>'
    line = f'<div class="msl-line-of-text"><span class="msl-soft">{heading}</span>{figure}</div>'
    bar = f'<div style="width:{width:.1%}"></div><i></i>'
    scale = f'<div class="msl-scale {tone}" aria-hidden="true">{bar}</div>'
    limit_line = f'<div class="msl-limit">{escape(wanted)}</div>'
    return f'<div class="msl-gauge">{line}{scale}{limit_line}</div>'


def _lines(target: ServingTarget, judged: Judged | None) -> list[str]:
    """Return the lines below the numbers: the option, its accuracy, its machine, and its cost."""
    if judged is None:
        wanted = "a GPU option" if target.name == "server-gpu" else "an option"
        return [f"Measure {wanted} to fill this in."]
    option = judged.option
    right = f", {percent(option.accuracy.value)} right" if option.accuracy else ""
    rank = "best" if judged.meets else "nearest"
    lines = [
        f"{rank}: {option.option}{right}, accuracy {judged.accuracy}",
        f"measured on {option.machine}",
    ]
    newest = {record.kind: record for record in option.records}
    if busy := busy_words(newest.values()):
        lines[-1] += f" while it was busy: {busy}"
    if target.batch_fps and option.batch_fps:
        machines = f"{judged.machines} machine{'s' * (judged.machines > 1)}"
        dollars = "price unknown"
        if math.isfinite(judged.usd_per_month):
            dollars = f"{judged.usd_per_month:,.0f} dollars a month"
        lines.append(f"{judged.peak_per_s:,.0f} photos a second: {machines}, {dollars}")
    return lines


def _sentence(target: ServingTarget, judged: Judged | None) -> str:
    """Return one target in words."""
    if judged is None:
        words = "no result with every number that it asks for"
    else:
        bounds = limits(target)
        numbers = [_compared(judged, number, bounds[number]) for number in bounds]
        verdict = "rehearsed"
        if judged.on_target_machine:
            verdict = "met" if judged.meets else "not met"
        words = f"{verdict} by {judged.option.option}: {', '.join(numbers)}"
    first = f"{target.title} ({target.machine}): {words}"
    return ". ".join([first, *_lines(target, judged)])


def _compared(judged: Judged, number: str, limit: float) -> str:
    """Return a number beside its limit, in words; of a rehearsal, without a verdict."""
    heading, write = _NUMBERS[number]
    verb = "against"
    if judged.on_target_machine:
        verb = "keeps" if judged.within[number] else "misses"
    value = write(getattr(judged.option, number).value)
    return f"{heading} {value} {verb} {_bound(number, limit)}"


def _bound(number: str, limit: float) -> str:
    """Return a limit with its sign, such as '< 3 ms'."""
    _, write = _NUMBERS[number]
    sign = "≥" if LARGER_IS_BETTER[number] else "<"
    return f"{sign} {_short(write(limit))}"


def _short(written: str) -> str:
    """Return a limit as people say it: '3 ms' and not '3.00 ms'."""
    number, _, unit = written.partition(" ")
    return f"{float(number.replace(',', '')):,g} {unit}"
