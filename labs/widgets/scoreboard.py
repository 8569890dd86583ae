"""The scoreboard: how far this machine's best options are from the manager's three targets."""

from collections.abc import Iterable
from html import escape

from labs.display.format import NUMBERS, percent
from labs.display.shown import Shown
from labs.display.theme import card
from labs.records.options import LARGER_IS_BETTER, OptionSummary, summarize
from labs.records.targets import Standing, limits, standings

_TITLE = "The manager's targets"

_NUMBERS = {**NUMBERS, "p50_s": ("median latency", NUMBERS["p50_s"][1])}


def scoreboard(records: Iterable[object]) -> Shown:
    """Return one card a target with the option that comes nearest to it here.

    Raises:
        DifferentMachinesError: The records come from several machines; each machine has a scoreboard of its own.
    """
    options = summarize(records)
    found = standings(options)
    html = f'<div class="msl-board">{"".join(map(_tile, found))}</div>'
    met = sum(one.met for one in found)
    lines = [f"{_TITLE}: {met} of {len(found)} met here", *map(_sentence, found)]
    plain = [_TITLE, *(f"{one.target.title}: for {one.target.machine}" for one in found)]
    footer = "Nothing measured yet." if not options else f"Measured on {options[0].machine}."
    footer += " Each target is meant for its own machine: a figure from another one is a rehearsal, not a proof."
    subtitle = f"{met} of {len(found)} met on this machine"
    picture = card(_TITLE, html, subtitle=subtitle, footer=footer)
    return Shown(picture, "\n".join([*lines, footer]), plain="\n".join(plain))


def _tile(one: Standing) -> str:
    """Return the HTML of one target."""
    kind, word = (
        ("msl-good", "✓ met here")
        if one.met
        else ("msl-bad", "✗ not met here")
        if one.option
        else ("msl-soft", "no result")
    )
    parts = [
        f'<div class="msl-tile" role="group" aria-label="{escape(_sentence(one))}">',
        f'<div class="msl-line-of-text"><span class="msl-title">{escape(one.target.title)}</span>'
        f'<span class="msl-badge msl-push {kind}">{word}</span></div>',
        f'<p class="msl-sub">for {escape(one.target.machine)}</p>',
    ]
    for number, limit in limits(one.target).items():
        parts.append(_gauge(one, number, limit))
    parts.append(f'<p class="msl-sub msl-best-here">{_option_line(one)}</p></div>')
    return "".join(parts)


def _gauge(one: Standing, number: str, limit: float) -> str:
    """Return one number beside its limit, with a bar that is full at the limit."""
    heading, write = _NUMBERS[number]
    sign = "≥" if LARGER_IS_BETTER[number] else "<"
    wanted = f"{sign} {_short(write(limit))}"
    if one.option is None:
        value, mark, width, tone = "–", "", 0.0, "msl-soft"
    else:
        found = getattr(one.option, number).value
        kept = one.kept[number]
        value, mark, tone = write(found), "✓ " if kept else "✗ ", "msl-good" if kept else "msl-bad"
        # The bar ends at twice the limit, so that the limit's tick stands in the middle.
        width = min(found / limit, 2.0) / 2
    return (
        f'<div class="msl-gauge"><div class="msl-line-of-text"><span class="msl-soft">{heading}</span>'
        f'<span class="msl-push msl-figure {tone}">{mark}{escape(value)}</span></div>'
        f'<div class="msl-scale {tone}" aria-hidden="true"><div style="width:{width:.1%}"></div><i></i></div>'
        f'<div class="msl-limit">{escape(wanted)}</div></div>'
    )


def _option_line(one: Standing) -> str:
    if one.option is None:
        wanted = "a GPU option" if one.target.name == "server-gpu" else "an option"
        return f"Measure {wanted} to fill this in."
    accuracy = one.option.accuracy
    right = f", {percent(accuracy.value)} right" if accuracy else ""
    return f"nearest: <b>{escape(one.option.option)}</b>{escape(right)}"


def _sentence(one: Standing) -> str:
    """Return one target in words."""
    target = one.target
    if one.option is None:
        return f"{target.title} ({target.machine}): no result with every number that it asks for"
    parts = [
        f"{_NUMBERS[number][0]} {_value(one.option, number)} {'keeps' if one.kept[number] else 'misses'} "
        f"{'≥' if LARGER_IS_BETTER[number] else '<'} {_short(_NUMBERS[number][1](limit))}"
        for number, limit in limits(target).items()
    ]
    word = "met" if one.met else "not met"
    return f"{target.title} ({target.machine}): {word} by {one.option.option}: {', '.join(parts)}"


def _value(option: OptionSummary, number: str) -> str:
    return _NUMBERS[number][1](getattr(option, number).value)


def _short(written: str) -> str:
    """Return a limit as people say it: '3 ms' and not '3.00 ms'."""
    number, _, unit = written.partition(" ")
    return f"{float(number.replace(',', '')):,g} {unit}"
